/** Callers that never give up: each call is repeated under the same key until it is answered, and what was answered is remembered. */
import { setTimeout as pause } from "node:timers/promises";
import type { DummyTree } from "../harness/trees/dummy-tree.ts";

export interface LoadReport {
  readonly calls: number;
  /** Calls that had to be made again by the caller, beyond the bus's own repetitions. */
  readonly retries: number;
  /** Answered appends: key to the member that answered. */
  readonly acknowledged: ReadonlyMap<string, string>;
  /** Calls that were never answered, though everything was up again. */
  readonly pending: number;
}

const APPEND_SHARE = 0.4;
const PAUSE_MS = 8;
/** A member that dies with a call in its hands never answers it. */
const DEADLINE_MS = 2_000;
const RETRY_PAUSE_MS = 25;
/** After the last kill every call is answered within this, or counts as pending. */
const LAST_ANSWER_MS = 60_000;

export class Load {
  readonly #troupe: DummyTree;
  readonly #random: () => number;
  readonly #workers: Promise<void>[] = [];
  readonly #acknowledged = new Map<string, string>();
  #calls = 0;
  #retries = 0;
  #running = 0;
  #sequence = 0;
  #isStopping = false;

  constructor(troupe: DummyTree, random: () => number, callers: number) {
    this.#troupe = troupe;
    this.#random = random;
    for (let caller = 0; caller < callers; caller++) this.#workers.push(this.#work());
  }

  /** No new calls; waits for the answers to those that run. */
  async stop(): Promise<LoadReport> {
    this.#isStopping = true;
    await Promise.race([Promise.all(this.#workers), pause(LAST_ANSWER_MS, undefined, { ref: false })]);
    return {
      calls: this.#calls,
      retries: this.#retries,
      acknowledged: this.#acknowledged,
      pending: this.#running,
    };
  }

  async #work(): Promise<void> {
    while (!this.#isStopping) {
      const { ids } = this.#troupe;
      const id = ids[Math.floor(this.#random() * ids.length)] as string;
      const key = `k${this.#sequence++}`;
      const isAppend = this.#random() < APPEND_SHARE;
      this.#running++;
      await this.#untilAnswered(id, key, isAppend);
      this.#running--;
      this.#calls++;
      if (isAppend) this.#acknowledged.set(key, id);
      await pause(PAUSE_MS);
    }
  }

  async #untilAnswered(id: string, key: string, isAppend: boolean): Promise<void> {
    const client = this.#troupe.client(id);
    for (;;) {
      try {
        if (isAppend) await client.append({ value: key }, { key, deadlineMs: DEADLINE_MS });
        else await client.echo({ text: key }, { deadlineMs: DEADLINE_MS });
        return;
      } catch {
        // Whatever the reason, a member is down or the bus is: the same call again is harmless, by its key or by its nature.
        this.#retries++;
        await pause(RETRY_PAUSE_MS);
      }
    }
  }
}
