/** What turns a stream of bytes into messages and back: lines on plain streams, frames on WebSockets. */

/** A message on its way out: text, or UTF-8 in pieces that together are one message. */
export type OutMessage = string | readonly Uint8Array[];

export interface Codec {
  /** Bytes that are held and not yet handed out. */
  readonly heldBytes: number;
  /** Some of a message has come and the rest has not. Right after `next` has found none. */
  readonly isPartial: boolean;
  push(chunk: Buffer): void;
  /** The next whole message; undefined when more bytes are needed. Throws `FramingError`, and then for ever. */
  next(): Buffer | undefined;
  /** What goes onto the wire for these messages. */
  encode(messages: readonly OutMessage[]): Uint8Array[];
  /** What is said before closing, if anything. */
  farewell(): Uint8Array | undefined;
}

/** `too_large` is told before closing; a `violation` is not understood any more; after a `farewell` nothing comes. */
type FramingFault = "too_large" | "violation" | "farewell";

/** The other side does not keep to the framing, or has taken its leave: nothing after this can be understood. */
export class FramingError extends Error {
  override readonly name = "FramingError";
  readonly kind: FramingFault;

  constructor(kind: FramingFault, message: string) {
    super(message);
    this.kind = kind;
  }
}
