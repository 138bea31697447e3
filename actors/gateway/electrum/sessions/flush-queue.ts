/** Clients to whom something is to be sent, each once, in the order in which it came: as many at a time as there is time for. */
export interface Flushed {
  /** Sends what has gathered. */
  flush(): void;
}

/** Looking at the clock costs as much as a part of a flush. */
const FLUSHES_PER_LOOK = 8;

export class FlushQueue {
  #clients: Flushed[] = [];
  /** The part of `#clients` before it has been flushed. */
  #at = 0;
  readonly #waiting = new Set<Flushed>();

  add(client: Flushed): void {
    if (this.#waiting.has(client)) return;
    this.#waiting.add(client);
    this.#clients.push(client);
  }

  get isEmpty(): boolean {
    return this.#at === this.#clients.length;
  }

  /** At least some, however late it is. */
  flushUntil(untilMs: number): void {
    for (let flushed = 1; !this.isEmpty; flushed++) {
      const client = this.#clients[this.#at++] as Flushed;
      this.#waiting.delete(client);
      client.flush();
      if (flushed % FLUSHES_PER_LOOK === 0 && performance.now() > untilMs) break;
    }
    if (!this.isEmpty) return;
    this.#clients = [];
    this.#at = 0;
  }
}
