/** What a method sees of the client that calls it: one connection, whatever carries it. */
import type { EncodedJson } from "./encoded-json.ts";
import type { ProtocolVersion } from "./protocol-version.ts";

export interface Session {
  /** Unique for the life of this gateway. A session is also a good key of a Map: it is one object from opening to closing. */
  readonly id: number;
  /** Where the client comes from; undefined when it has no address of its own: through Tor, or on a Unix socket. */
  readonly address: string | undefined;
  readonly isViaTor: boolean;
  /** What was agreed on; methods run only after that. */
  readonly version: ProtocolVersion;
  /** True from the moment that nothing can be sent any more. */
  readonly isClosed: boolean;
  /** A larger answer is refused with `response too large`: what knows its size early can refuse early. */
  readonly responseBytesMax: number;

  /**
   * Sends a notification, unless the session is closed. It leaves at the end of this turn of the loop, after every
   * answer that was ready in the same turn: a client never hears of a subscription before it has the answer that
   * made it, as long as the subscription is registered in the same turn in which its answer is returned.
   */
  notify(method: string, params: readonly unknown[] | EncodedJson): void;

  /** Adds to what the session has cost, beyond the method's own `cost`. A client that costs too much is slowed, then cut. */
  charge(cost: number): void;

  /** One more subscription. Throws the `ProtocolError` to pass on when the session, its address or the door has no room. */
  addSubscription(): void;
  /** One less. When the session closes the door gives up the rest by itself. */
  dropSubscription(): void;
}
