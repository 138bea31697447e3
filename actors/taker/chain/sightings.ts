/** Tells when a transaction has come to the mempool or into a block. */
import type { Bus, Client, Listener } from "../../../bus/bus.ts";
import { indexerContract } from "../../../bus/contracts/indexer.ts";
import { mempoolContract } from "../../../bus/contracts/mempool.ts";
import type { Clock } from "../../../runtime/clock.ts";
import { toWireError } from "../../../runtime/errors.ts";
import type { Log } from "../../../runtime/log/log.ts";
import { Pokes } from "../pokes.ts";

/** News may be lost: it is asked by itself too, so often. */
const LOOK_MS = 10_000;

export class Sightings {
  readonly #bus: Bus;
  readonly #indexer: Client<typeof indexerContract>;
  readonly #mempool: Client<typeof mempoolContract>;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #seen = new Set<string>();
  readonly #wanted = new Map<string, number>();
  readonly #pokes = new Pokes();
  #listeners: readonly Listener[] = [];

  constructor({ bus, clock, log }: { readonly bus: Bus; readonly clock: Clock; readonly log: Log }) {
    this.#bus = bus;
    this.#indexer = bus.client(indexerContract);
    this.#mempool = bus.client(mempoolContract);
    this.#clock = clock;
    this.#log = log;
  }

  async start(): Promise<void> {
    this.#listeners = await Promise.all([
      this.#bus.onEvent(
        mempoolContract,
        "view.changed",
        ({ added, touched }) => {
          if (touched === null) this.#lookAll();
          for (const txid of added) this.#see(txid);
        },
        { onGap: () => this.#lookAll() },
      ),
      this.#bus.onEvent(indexerContract, "block.connected", () => this.#lookAll()),
    ]);
  }

  async stop(): Promise<void> {
    await Promise.all(this.#listeners.map((listener) => listener.stop()));
  }

  /** False when it was not seen in time. */
  async until(txid: string, timeoutMs: number, signal: AbortSignal): Promise<boolean> {
    this.#wanted.set(txid, (this.#wanted.get(txid) ?? 0) + 1);
    const endMs = this.#clock.monotonicMs() + timeoutMs;
    try {
      for (;;) {
        await this.#look(txid);
        const leftMs = Math.max(0, endMs - this.#clock.monotonicMs());
        const patience = { clock: this.#clock, timeoutMs: Math.min(leftMs, LOOK_MS), signal };
        if (await this.#pokes.until(() => this.#seen.has(txid), patience)) return true;
        if (leftMs <= LOOK_MS) return false;
      }
    } finally {
      const others = (this.#wanted.get(txid) ?? 1) - 1;
      if (others > 0) this.#wanted.set(txid, others);
      else {
        this.#wanted.delete(txid);
        this.#seen.delete(txid);
      }
    }
  }

  #see(txid: string): void {
    if (!this.#wanted.has(txid)) return;
    this.#seen.add(txid);
    this.#pokes.poke();
  }

  #lookAll(): void {
    for (const txid of this.#wanted.keys()) void this.#look(txid);
  }

  async #look(txid: string): Promise<void> {
    try {
      const [waiting, placed] = await Promise.all([
        this.#mempool.transactions({ txids: [txid] }),
        this.#indexer.places({ txids: [txid] }),
      ]);
      if ((waiting.results[0] ?? null) !== null || (placed.results[0] ?? null) !== null) this.#see(txid);
    } catch (error) {
      // Mempool or index are away: the next look or the next news tells.
      this.#log.debug("a transaction could not be looked for", { code: toWireError(error).code });
    }
  }
}
