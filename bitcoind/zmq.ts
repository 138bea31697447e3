/** Subscribes to a node's ZMQ publisher (ZMTP 3.0 by hand: no native module). A hint that something changed, never data to trust. */
import { connect, type Socket } from "node:net";
import type { Clock, Timer } from "../runtime/clock.ts";
import type { Log } from "../runtime/log/log.ts";
import { nodeError } from "./errors.ts";

const GREETING_LENGTH_BYTES = 64;
const FLAG_MORE = 1;
const FLAG_LONG = 2;
const FLAG_COMMAND = 4;
/** The largest thing a node publishes is a raw block. */
const FRAME_MAX_BYTES = 4_100_000;
const PARTS_MAX = 8;
const CONNECT_TIMEOUT_MS = 10_000;
const RETRY_FIRST_MS = 250;
const RETRY_MAX_MS = 10_000;
const KEEP_ALIVE_MS = 30_000;
const COUNTER_LENGTH_BYTES = 4;

export interface ZmqOptions {
  /** `tcp://127.0.0.1:28332` */
  readonly url: string;
  /** `hashblock`, `sequence`, `rawtx`, … */
  readonly topics: readonly string[];
  readonly clock: Clock;
  readonly log: Log;
  readonly onMessage: (topic: string, body: Uint8Array) => void;
  /** Messages may have been lost: after each connection, and when a counter jumps. Ask the node how things stand. */
  readonly onGap: () => void;
}

export class ZmqSubscriber {
  readonly #options: ZmqOptions;
  readonly #counters = new Map<string, number>();
  #socket: Socket | undefined;
  #timer: Timer | undefined;
  #retryMs = RETRY_FIRST_MS;
  #isClosed = false;
  #isConnected = false;
  #isAwayTold = false;

  constructor(options: ZmqOptions) {
    this.#options = options;
    this.#connect();
  }

  /** True while news can come. */
  get isConnected(): boolean {
    return this.#isConnected;
  }

  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
    this.#socket?.destroy();
  }

  #connect(): void {
    const { hostname, port } = new URL(this.#options.url);
    const socket = connect({ host: hostname.replace(/^\[|\]$/g, ""), port: Number(port) });
    socket.setKeepAlive(true, KEEP_ALIVE_MS);
    socket.setNoDelay(true);
    this.#socket = socket;
    const reader = new FrameReader();
    let failure: Error | undefined;
    this.#timer = this.#options.clock.after(
      CONNECT_TIMEOUT_MS,
      () => socket.destroy(new Error("no answer")),
      {
        background: true,
      },
    );
    socket.on("connect", () => socket.write(greeting()));
    socket.on("data", (chunk) => {
      try {
        for (const frame of reader.push(chunk)) this.#onFrame(socket, frame);
      } catch (error) {
        socket.destroy(error as Error);
      }
    });
    socket.on("error", (error) => {
      failure = error;
    });
    socket.on("close", () => this.#retry(failure));
  }

  #onFrame(socket: Socket, frame: Frame): void {
    if (frame === "greeting") {
      socket.write(commandFrame(Buffer.from("\x05READY\x0bSocket-Type\0\0\0\x03SUB", "latin1")));
    } else if (Array.isArray(frame)) {
      this.#onParts(frame);
    } else if (frame.name === "READY") {
      for (const topic of this.#options.topics) socket.write(messageFrame(Buffer.from(`\x01${topic}`)));
      this.#timer?.cancel();
      this.#retryMs = RETRY_FIRST_MS;
      this.#isAwayTold = false;
      this.#counters.clear();
      this.#isConnected = true;
      // Whatever was published while we were away is lost.
      this.#options.onGap();
    } else if (frame.name === "PING") {
      // Its first two bytes are a time to live, the rest comes back.
      socket.write(commandFrame(Buffer.concat([Buffer.from("\x04PONG"), frame.body.subarray(2)])));
    } else if (frame.name === "ERROR") {
      throw this.#protocolError(`the publisher says: ${frame.body.toString("latin1").slice(0, 200)}`);
    }
  }

  /** Bitcoin Core's three parts: topic, body, a counter for each topic. */
  #onParts(parts: readonly Buffer[]): void {
    const [topicBytes, body, counterBytes] = parts;
    if (topicBytes === undefined || body === undefined || counterBytes?.length !== COUNTER_LENGTH_BYTES) {
      throw this.#protocolError("its messages are not a node's: topic, body, counter");
    }
    const topic = topicBytes.toString("latin1");
    const counter = counterBytes.readUInt32LE();
    const before = this.#counters.get(topic);
    this.#counters.set(topic, counter);
    if (before !== undefined && counter !== (before + 1) >>> 0) this.#options.onGap();
    this.#options.onMessage(topic, body);
  }

  #retry(failure: Error | undefined): void {
    this.#timer?.cancel();
    this.#isConnected = false;
    if (this.#isClosed) return;
    if (!this.#isAwayTold) {
      this.#options.log.warn("the node's ZMQ publisher is away; its news come late until it is back", {
        url: this.#options.url,
        reason: failure?.message ?? "closed",
      });
    }
    this.#isAwayTold = true;
    this.#timer = this.#options.clock.after(this.#retryMs, () => this.#connect(), { background: true });
    this.#retryMs = Math.min(2 * this.#retryMs, RETRY_MAX_MS);
  }

  #protocolError(what: string): Error {
    return protocolError(this.#options.url, what);
  }
}

type Frame = "greeting" | { readonly name: string; readonly body: Buffer } | Buffer[];

/** Cuts the byte stream into the greeting, commands, and whole messages of several parts. */
class FrameReader {
  #pending: Buffer = Buffer.alloc(0);
  #isGreeted = false;
  #parts: Buffer[] = [];

  *push(chunk: Buffer): Generator<Frame> {
    this.#pending = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk]);
    if (!this.#isGreeted) {
      if (this.#pending.length < GREETING_LENGTH_BYTES) return;
      this.#greet();
      yield "greeting";
    }
    for (let frame = this.#next(); frame !== undefined; frame = this.#next()) {
      const { flags, body } = frame;
      if ((flags & FLAG_COMMAND) !== 0) {
        const nameLength = body[0] ?? 0;
        yield { name: body.toString("latin1", 1, 1 + nameLength), body: body.subarray(1 + nameLength) };
        continue;
      }
      this.#parts.push(body);
      if (this.#parts.length > PARTS_MAX) throw protocolError("", "a message of too many parts");
      if ((flags & FLAG_MORE) !== 0) continue;
      yield this.#parts;
      this.#parts = [];
    }
  }

  #greet(): void {
    const [signature, ...rest] = [this.#pending[0], this.#pending[9], this.#pending[10]];
    const mechanism = this.#pending.toString("latin1", 12, 17);
    const isPublisher =
      signature === 0xff && rest[0] === 0x7f && (rest[1] ?? 0) >= 3 && mechanism === "NULL\0";
    if (!isPublisher) throw protocolError("", "it does not speak ZMTP 3 without encryption");
    this.#isGreeted = true;
    this.#pending = this.#pending.subarray(GREETING_LENGTH_BYTES);
  }

  #next(): { flags: number; body: Buffer } | undefined {
    const flags = this.#pending[0];
    if (flags === undefined) return undefined;
    const isLong = (flags & FLAG_LONG) !== 0;
    const headLength = isLong ? 9 : 2;
    if (this.#pending.length < headLength) return undefined;
    const lengthBytes = isLong ? Number(this.#pending.readBigUInt64BE(1)) : (this.#pending[1] as number);
    if (lengthBytes > FRAME_MAX_BYTES) throw protocolError("", `a frame of ${lengthBytes} bytes`);
    if (this.#pending.length < headLength + lengthBytes) return undefined;
    const body = this.#pending.subarray(headLength, headLength + lengthBytes);
    this.#pending = this.#pending.subarray(headLength + lengthBytes);
    return { flags, body };
  }
}

function protocolError(url: string, what: string): Error {
  return nodeError({ code: "NODE_ZMQ_PROTOCOL", node: url }, `No node's publisher answers there: ${what}.`);
}

function greeting(): Buffer {
  const bytes = Buffer.alloc(GREETING_LENGTH_BYTES);
  bytes[0] = 0xff;
  bytes[9] = 0x7f;
  bytes[10] = 3;
  bytes.write("NULL", 12, "latin1");
  return bytes;
}

function commandFrame(body: Buffer): Buffer {
  return Buffer.concat([Buffer.from([FLAG_COMMAND, body.length]), body]);
}

function messageFrame(body: Buffer): Buffer {
  return Buffer.concat([Buffer.from([0, body.length]), body]);
}
