/** What `ws` exports beside its servers and clients, which its types leave out: the reader of frames without a socket. */
import type { Writable } from "node:stream";

declare module "ws" {
  interface ReceiverOptions {
    readonly isServer: boolean;
    readonly maxPayload: number;
    readonly maxFragments: number;
    readonly maxBufferedChunks: number;
    readonly allowSynchronousEvents: true;
  }

  class Receiver extends Writable {
    constructor(options: ReceiverOptions);
  }
}
