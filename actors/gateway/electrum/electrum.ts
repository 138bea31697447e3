/** Both halves of the Electrum door, started and stopped together. Wiring only. */
import { networkByName } from "../../../bitcoin/network.ts";
import type { ActorContext } from "../../../bus/actor.ts";
import type { Door } from "../../../bus/contracts/supervisor.ts";
import type { ElectrumConfig } from "./config.ts";
import { ElectrumDoor } from "./door.ts";
import { PROTOCOL_RANGE, serverFacts } from "./facts.ts";
import { InnerHalf } from "./inner-half.ts";

export class Electrum {
  readonly door: ElectrumDoor;
  readonly #inner: InnerHalf;
  #doors: readonly Door[] = [];

  constructor(context: ActorContext<ElectrumConfig>) {
    const { bus, clock, log, meter, config, dataDirectory } = context;
    const software = `Troupe ${context.version}`;
    const network = networkByName(context.network);
    this.#inner = new InnerHalf({
      bus,
      clock,
      log,
      network,
      facts: serverFacts({ config, network, software, doors: () => this.#doors }),
      historyMax: config.electrum_history_max,
    });
    this.door = new ElectrumDoor({
      config,
      protocol: this.#inner,
      software,
      range: PROTOCOL_RANGE,
      directory: dataDirectory,
      clock,
      meter,
      log,
    });
  }

  /** Whether the configuration asks for any such door. */
  static isWanted(config: ElectrumConfig): boolean {
    const { electrum_tcp_listen, electrum_tls_listen, electrum_ws_listen, electrum_wss_listen } = config;
    const listens = [electrum_tcp_listen, electrum_tls_listen, electrum_ws_listen, electrum_wss_listen];
    return listens.some((text) => text !== "") || config.electrum_unix_socket !== undefined;
  }

  /** The chain's news before the first client, who might subscribe at once. */
  async open(): Promise<readonly Door[]> {
    await this.#inner.start();
    this.#doors = await this.door.open();
    return this.#doors;
  }

  async close(): Promise<void> {
    await this.door.close();
    await this.#inner.stop();
  }
}
