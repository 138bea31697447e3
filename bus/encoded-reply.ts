/** A reply that its handler has written as JSON by itself, for answers of very many entries: making objects of them would cost most. */

/** Sent as it is. Nobody checks it against the contract on the way: the handler's tests do, by asking with `validateReplies`. */
export class EncodedReply {
  /** JSON in UTF-8; not changed any more. */
  readonly body: Uint8Array;

  constructor(body: Uint8Array) {
    this.body = body;
  }
}
