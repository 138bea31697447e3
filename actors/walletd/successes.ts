/** Remembers what keyed requests were answered, but no refusals: a payment that was not known to be sent must be askable again. */
import type { IdempotencyStore, StoredReply } from "../../bus/bus.ts";
import { MemoryIdempotencyStore } from "../../bus/rpc/server/idempotency.ts";
import type { Clock } from "../../runtime/clock.ts";

export class Successes implements IdempotencyStore {
  readonly #replies: MemoryIdempotencyStore;

  constructor(clock: Clock) {
    this.#replies = new MemoryIdempotencyStore(clock);
  }

  get(id: string): StoredReply | undefined {
    return this.#replies.get(id);
  }

  put(id: string, reply: StoredReply): void {
    if (reply.errorCode === undefined) this.#replies.put(id, reply);
  }
}
