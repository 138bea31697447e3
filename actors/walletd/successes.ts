/** Remembers what keyed requests were answered, but no refusals: a payment that was not known to be sent must be askable again. */
import type { IdempotencyStore, KeyedRequest, StoredReply } from "../../bus/bus.ts";
import { MemoryIdempotencyStore } from "../../bus/rpc/server/idempotency.ts";
import type { Clock } from "../../runtime/clock.ts";
import type { Owned, WalletRack } from "./wallets/rack.ts";

/** What they came to is true for ever, whichever session asks: a grant ends with its wallet's lock, these do not. */
const LASTING = new Set(["send", "bump", "newAddress"]);

export class Successes implements IdempotencyStore {
  readonly #replies: MemoryIdempotencyStore;
  readonly #rack: Pick<WalletRack, "need">;

  constructor(clock: Clock, rack: Pick<WalletRack, "need">) {
    this.#replies = new MemoryIdempotencyStore(clock);
    this.#rack = rack;
  }

  get(id: string): StoredReply | undefined {
    return this.#replies.get(id);
  }

  put(id: string, reply: StoredReply): void {
    if (reply.errorCode === undefined) this.#replies.put(id, reply);
  }

  /**
   * Whoever unlocked the wallet again has another session, and still means the payment that it asked for before. The
   * session must be good, though: what is remembered is told to no one who could not ask for it.
   */
  identity({ method, caller, input }: KeyedRequest): unknown {
    if (!LASTING.has(method)) return undefined;
    const { session, wallet, ...wish } = input as Owned;
    const { name, fingerprint, state } = this.#rack.need({ wallet, session }, caller);
    // A wallet of the same name may have taken its place.
    return [name, fingerprint, state.createdAtMs ?? null, wish];
  }
}
