/** Counts the blocks on top of a transaction, and says how fast blocks come. */
import { hexToBytes } from "../../../bitcoin/bytes.ts";
import type { Bus, Client, Listener } from "../../../bus/bus.ts";
import { indexerContract } from "../../../bus/contracts/indexer.ts";
import { mempoolContract } from "../../../bus/contracts/mempool.ts";
import type { Clock } from "../../../runtime/clock.ts";
import { Pokes } from "../pokes.ts";

/** News may be lost: it is asked by itself too, so often. */
const LOOK_MS = 10_000;
/** A day of blocks. */
const PACE_BLOCKS = 144;
const HEADER_BYTES = 80;
const HEADER_TIME_AT = 68;
/** As long as nobody knows better. */
const USUAL_BLOCK_SECONDS = 600;

export interface Depth {
  /** Blocks that confirm it; 0 when none has it. */
  readonly confirmations: number;
  /** Whether the network has it at all. */
  readonly isKnown: boolean;
}

export class Confirmations {
  readonly #bus: Bus;
  readonly #indexer: Client<typeof indexerContract>;
  readonly #mempool: Client<typeof mempoolContract>;
  readonly #clock: Clock;
  readonly #pokes = new Pokes();
  #listeners: readonly Listener[] = [];
  #blocks = 0;
  #blockSeconds: number | undefined;

  constructor(bus: Bus, clock: Clock) {
    this.#bus = bus;
    this.#indexer = bus.client(indexerContract);
    this.#mempool = bus.client(mempoolContract);
    this.#clock = clock;
  }

  async start(): Promise<void> {
    const onBlock = () => {
      this.#blocks++;
      this.#pokes.poke();
    };
    this.#listeners = await Promise.all([
      this.#bus.onEvent(indexerContract, "block.connected", onBlock),
      this.#bus.onEvent(indexerContract, "chain.jumped", onBlock),
    ]);
  }

  async stop(): Promise<void> {
    await Promise.all(this.#listeners.map((listener) => listener.stop()));
  }

  async of(txid: string): Promise<Depth> {
    const [placed, waiting] = await Promise.all([
      this.#indexer.places({ txids: [txid] }),
      this.#mempool.transactions({ txids: [txid] }),
    ]);
    const place = placed.results[0] ?? null;
    const height = placed.tip?.height ?? -1;
    return {
      confirmations: place === null ? 0 : Math.max(0, height - place.height + 1),
      isKnown: place !== null || (waiting.results[0] ?? null) !== null,
    };
  }

  /** Until it is worth looking again. */
  async nextLook(signal: AbortSignal): Promise<void> {
    const seen = this.#blocks;
    await this.#pokes.until(() => this.#blocks !== seen, { clock: this.#clock, timeoutMs: LOOK_MS, signal });
  }

  /** As it was when it was last asked; undefined before. */
  get lastBlockSeconds(): number | undefined {
    return this.#blockSeconds;
  }

  /** How long a block takes on average, by the last day's. */
  async blockSeconds(): Promise<number> {
    this.#blockSeconds = await this.#learnBlockSeconds();
    return this.#blockSeconds;
  }

  async #learnBlockSeconds(): Promise<number> {
    const { tip } = await this.#indexer.tip({});
    if (tip === null || tip.height < 2) return USUAL_BLOCK_SECONDS;
    const count = Math.min(PACE_BLOCKS, tip.height);
    const { hex, count: found } = await this.#indexer.headers({ height: tip.height - count + 1, count });
    const bytes = hexToBytes(hex);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const timeOf = (at: number) => view.getUint32(at * HEADER_BYTES + HEADER_TIME_AT, true);
    if (found < 2) return USUAL_BLOCK_SECONDS;
    const seconds = (timeOf(found - 1) - timeOf(0)) / (found - 1);
    return Math.min(Math.max(seconds, 1), 2 * USUAL_BLOCK_SECONDS);
  }
}
