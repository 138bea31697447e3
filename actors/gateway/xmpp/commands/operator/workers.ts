/** The actors that commands reach besides the ledger: asked over the bus, each as far as its contract lets the gateway. */
import type { Bus, Client } from "../../../../../bus/bus.ts";
import { makerContract } from "../../../../../bus/contracts/maker.ts";
import { mempoolContract } from "../../../../../bus/contracts/mempool.ts";
import { supervisorContract } from "../../../../../bus/contracts/supervisor.ts";
import { takerContract } from "../../../../../bus/contracts/taker.ts";
import type { Clock } from "../../../../../runtime/clock.ts";
import { toWireError } from "../../../../../runtime/errors.ts";
import type { Log } from "../../../../../runtime/log/log.ts";

/** Long enough for an answer to be on its way. */
const LATER_MS = 1_000;

export interface WorkersOptions {
  readonly bus: Bus;
  readonly host: string;
  readonly clock: Clock;
  readonly log: Log;
}

export class Workers {
  readonly taker: Client<typeof takerContract>;
  readonly maker: Client<typeof makerContract>;
  readonly mempool: Client<typeof mempoolContract>;
  /** Of this host. */
  readonly supervisor: Client<typeof supervisorContract>;
  readonly #options: WorkersOptions;

  constructor(options: WorkersOptions) {
    this.#options = options;
    const { bus, host } = options;
    this.taker = bus.client(takerContract);
    this.maker = bus.client(makerContract);
    this.mempool = bus.client(mempoolContract);
    this.supervisor = bus.client(supervisorContract, host);
  }

  /** When whoever asked has been answered. */
  later(work: () => Promise<unknown>): void {
    const { clock, log } = this.#options;
    clock.after(
      LATER_MS,
      () => {
        work().catch((error: unknown) => {
          log.warn("what was asked for by XMPP could not be done", { error: toWireError(error) });
        });
      },
      { background: true },
    );
  }
}
