/** The sandbox's ZMQ publisher (ZMTP 3.0 by hand): tells of blocks and transactions as a node does with -zmqpubsequence and -zmqpubhashblock. */

import type { AddressInfo } from "node:net";
import { createServer, type Server, type Socket } from "node:net";

const GREETING_LENGTH_BYTES = 64;
const FLAG_MORE = 1;
const FLAG_COMMAND = 4;
/** A subscriber only sends commands and the names of topics. */
const PENDING_MAX_BYTES = 4_096;
const SUBSCRIBERS_MAX = 64;
/** Like a node's high-water mark: a subscriber that reads no faster misses messages, and sees it by their numbers. */
const WAITING_MAX_BYTES = 1024 * 1024;

export type PublishedTopic = "sequence" | "hashblock";

export const PUBLISHED_TOPICS: readonly PublishedTopic[] = Object.freeze(["sequence", "hashblock"]);

export class ZmqPublisher {
  readonly #server: Server;
  readonly #subscribers = new Set<Subscriber>();
  readonly #counters = new Map<PublishedTopic, number>();

  private constructor() {
    this.#server = createServer((socket) => {
      const subscriber = new Subscriber(socket);
      this.#subscribers.add(subscriber);
      socket.on("close", () => this.#subscribers.delete(subscriber));
    });
    this.#server.maxConnections = SUBSCRIBERS_MAX;
  }

  /** On a free port of 127.0.0.1. */
  static async open(): Promise<ZmqPublisher> {
    const publisher = new ZmqPublisher();
    await new Promise<void>((resolve, reject) => {
      publisher.#server.once("error", reject);
      publisher.#server.listen(0, "127.0.0.1", resolve);
    });
    return publisher;
  }

  get url(): string {
    return `tcp://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  publish(topic: PublishedTopic, body: Uint8Array): void {
    const number = this.#counters.get(topic) ?? 0;
    this.#counters.set(topic, (number + 1) >>> 0);
    const counter = Buffer.alloc(4);
    counter.writeUInt32LE(number);
    const message = Buffer.concat([
      frame(FLAG_MORE, Buffer.from(topic)),
      frame(FLAG_MORE, body),
      frame(0, counter),
    ]);
    for (const subscriber of this.#subscribers) subscriber.send(topic, message);
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const subscriber of this.#subscribers) subscriber.end();
    await closed;
  }
}

class Subscriber {
  readonly #socket: Socket;
  readonly #topics = new Set<string>();
  #pending: Buffer = Buffer.alloc(0);
  #isGreeted = false;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    // A subscriber that goes away is no event here: "close" follows.
    socket.on("error", () => undefined);
    socket.on("data", (chunk) => this.#read(chunk));
    socket.write(greeting());
  }

  send(topic: string, message: Buffer): void {
    const isWanted = [...this.#topics].some((prefix) => topic.startsWith(prefix));
    if (isWanted && this.#socket.writableLength < WAITING_MAX_BYTES) this.#socket.write(message);
  }

  end(): void {
    this.#socket.destroy();
  }

  #read(chunk: Buffer): void {
    this.#pending = Buffer.concat([this.#pending, chunk]);
    if (this.#pending.length > PENDING_MAX_BYTES) return this.end();
    if (!this.#isGreeted) {
      if (this.#pending.length < GREETING_LENGTH_BYTES) return;
      if (this.#pending[0] !== 0xff) return this.end();
      this.#pending = this.#pending.subarray(GREETING_LENGTH_BYTES);
      this.#isGreeted = true;
      this.#socket.write(frame(FLAG_COMMAND, Buffer.from("\x05READY\x0bSocket-Type\0\0\0\x03PUB", "latin1")));
    }
    for (;;) {
      const [flags, length] = this.#pending;
      if (flags === undefined || length === undefined || this.#pending.length < 2 + length) return;
      this.#onFrame(flags, this.#pending.subarray(2, 2 + length));
      this.#pending = this.#pending.subarray(2 + length);
    }
  }

  #onFrame(flags: number, body: Buffer): void {
    if ((flags & FLAG_COMMAND) !== 0) {
      // Its first two bytes are a time to live, the rest comes back.
      const isPing = body.toString("latin1", 0, 5) === "\x04PING";
      const pong = Buffer.concat([Buffer.from("\x04PONG"), body.subarray(7)]);
      if (isPing) this.#socket.write(frame(FLAG_COMMAND, pong));
    } else if (body[0] === 1) {
      this.#topics.add(body.toString("latin1", 1));
    } else if (body[0] === 0) {
      this.#topics.delete(body.toString("latin1", 1));
    }
  }
}

/** All that is told here is shorter than the 255 bytes of the short form. */
function frame(flags: number, body: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from([flags, body.length]), body]);
}

function greeting(): Buffer {
  const bytes = Buffer.alloc(GREETING_LENGTH_BYTES);
  bytes[0] = 0xff;
  bytes[9] = 0x7f;
  bytes[10] = 3;
  bytes.write("NULL", 12, "latin1");
  return bytes;
}
