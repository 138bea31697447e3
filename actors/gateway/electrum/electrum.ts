/** Both halves of the Electrum door, started and stopped together. Wiring only. */
import { networkByName } from "../../../bitcoin/network.ts";
import type { ActorContext } from "../../../bus/actor.ts";
import type { Door } from "../../../bus/contracts/supervisor.ts";
import type { HostPort } from "../../../runtime/config/config-values.ts";
import { TroupeError } from "../../../runtime/errors.ts";
import type { ElectrumConfig } from "./config.ts";
import { ElectrumDoor } from "./door.ts";
import { PROTOCOL_RANGE, serverFacts } from "./facts.ts";
import { InnerHalf } from "./inner-half.ts";
import { ONION_PORT, OnionService } from "./tor/onion-service.ts";

export class Electrum {
  readonly door: ElectrumDoor;
  readonly #inner: InnerHalf;
  readonly #context: ActorContext<ElectrumConfig>;
  readonly #tor: HostPort | undefined;
  readonly #changed: () => void;
  #onion: OnionService | undefined;
  #doors: readonly Door[] = [];
  #onionDoor: Door | undefined;

  /** `tor`: its control port, for an onion service; `changed` is called when the doors are others than they were. */
  constructor(context: ActorContext<ElectrumConfig>, tor: HostPort | undefined, changed: () => void) {
    const { bus, clock, log, meter, config, dataDirectory } = context;
    this.#context = context;
    this.#tor = tor;
    this.#changed = changed;
    const software = `Troupe ${context.version}`;
    const network = networkByName(context.network);
    this.#inner = new InnerHalf({
      bus,
      clock,
      log,
      network,
      facts: serverFacts({ config, network, software, doors: () => this.doors }),
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
    return (
      listens.some((text) => text !== "") ||
      config.electrum_unix_socket !== undefined ||
      config.electrum_onion
    );
  }

  /** Those that are open now. */
  get doors(): readonly Door[] {
    return this.#onionDoor === undefined ? this.#doors : [...this.#doors, this.#onionDoor];
  }

  /** The chain's news before the first client, who might subscribe at once. */
  async open(): Promise<void> {
    await this.#inner.start();
    this.#doors = await this.door.open();
    if (this.#context.config.electrum_onion) await this.#openOnion();
  }

  /** Does not wait for Tor, which may come later. */
  async #openOnion(): Promise<void> {
    if (this.#tor === undefined) {
      throw new TroupeError(
        { code: "GATEWAY_TOR_UNSET" },
        "electrum_onion in the section [gateway] needs Tor's control port. Set control in the section [tor], such as 127.0.0.1:9051.",
      );
    }
    const { clock, log, dataDirectory } = this.#context;
    this.#onion = new OnionService({
      control: this.#tor,
      target: await this.door.openForTor(),
      directory: dataDirectory,
      clock,
      log,
      changed: (address) => this.#onionChanged(address),
    });
    void this.#onion.start();
  }

  #onionChanged(address: string | undefined): void {
    this.#onionDoor =
      address === undefined
        ? undefined
        : {
            name: "electrum onion",
            address: `tcp://${address}:${ONION_PORT}`,
            doc: "Electrum wallets, through Tor.",
          };
    this.#changed();
  }

  async close(): Promise<void> {
    this.#onion?.stop();
    await this.door.close();
    await this.#inner.stop();
  }
}
