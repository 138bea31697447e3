/** A client of the Electrum protocol over any carrier, which says what it is told and shows every message that comes. */
import { connect as connectTcp, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { WebSocket } from "ws";

export type TestCarrier = "tcp" | "tls" | "ws" | "wss" | "unix";

export interface Target {
  readonly carrier: TestCarrier;
  readonly port: number;
  /** Of a Unix socket. */
  readonly path?: string;
  /** 127.0.0.1 unless it is said. */
  readonly host?: string;
}

export interface Reply {
  readonly id?: unknown;
  readonly result?: unknown;
  readonly error?: { readonly code: number; readonly message: string; readonly data?: unknown };
  readonly method?: string;
  readonly params?: unknown;
}

/** Long enough for the slowest machine; a test that waits so long has failed. */
const PATIENCE_MS = 50_000;

export class RawClient {
  /** The messages in the order of their coming, as texts. */
  readonly received: string[] = [];
  readonly #send: (bytes: Buffer | string) => void;
  readonly #close: () => void;
  #taken = 0;
  #nextId = 1;
  #isClosed = false;
  #wake: (() => void)[] = [];
  /** What is below the carrier, for tests that are rude. */
  readonly socket: Socket;
  readonly webSocket: WebSocket | undefined;

  private constructor(
    socket: Socket,
    webSocket: WebSocket | undefined,
    send: (bytes: Buffer | string) => void,
    close: () => void,
  ) {
    this.socket = socket;
    this.webSocket = webSocket;
    this.#send = send;
    this.#close = close;
  }

  static async connect(target: Target, options: { isReading?: boolean } = {}): Promise<RawClient> {
    const { isReading = true } = options;
    return target.carrier === "ws" || target.carrier === "wss"
      ? RawClient.#overWebSocket(target, isReading)
      : RawClient.#overLines(target, isReading);
  }

  /** Connected and agreed on a version. */
  static async greeted(target: Target, version: unknown = ["1.4", "1.6"]): Promise<RawClient> {
    const client = await RawClient.connect(target);
    await client.call("server.version", ["test", version]);
    return client;
  }

  /** One message. */
  say(message: string | Buffer): void {
    this.#send(message);
  }

  /** A request as JSON; the answer is for `next` to take. */
  ask(request: unknown): void {
    this.#send(JSON.stringify(request));
  }

  /** The next message as it came, or undefined when the connection ends first. */
  async nextText(): Promise<string | undefined> {
    const untilMs = Date.now() + PATIENCE_MS;
    while (this.#taken === this.received.length) {
      if (this.#isClosed) return undefined;
      if (Date.now() > untilMs) throw new Error(`no message within ${PATIENCE_MS} ms`);
      await this.#change();
    }
    return this.received[this.#taken++];
  }

  async next<T = Reply>(): Promise<T> {
    const text = await this.nextText();
    if (text === undefined) throw new Error("the server has closed the connection");
    return JSON.parse(text) as T;
  }

  /** What a question and its answer are when nothing else is under way. */
  async exchange(message: string | Buffer): Promise<Reply> {
    this.say(message);
    return this.next();
  }

  async call(method: string, params: unknown = []): Promise<unknown> {
    const id = this.#nextId++;
    this.ask({ jsonrpc: "2.0", id, method, params });
    for (;;) {
      const reply = await this.next();
      if (reply.id !== id) continue;
      if (reply.error !== undefined) throw Object.assign(new Error(reply.error.message), reply.error);
      return reply.result;
    }
  }

  /** All that comes until the server closes. */
  async rest(): Promise<Reply[]> {
    const replies: Reply[] = [];
    for (;;) {
      const text = await this.nextText();
      if (text === undefined) return replies;
      replies.push(JSON.parse(text) as Reply);
    }
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  async closed(): Promise<void> {
    const untilMs = Date.now() + PATIENCE_MS;
    while (!this.#isClosed) {
      if (Date.now() > untilMs) throw new Error(`not closed within ${PATIENCE_MS} ms`);
      await this.#change();
    }
  }

  close(): void {
    this.#close();
  }

  static async #overLines(target: Target, isReading: boolean): Promise<RawClient> {
    const socket =
      target.carrier === "unix"
        ? connectTcp({ path: target.path ?? "" })
        : target.carrier === "tls"
          ? connectTls({ host: "127.0.0.1", port: target.port, rejectUnauthorized: false })
          : connectTcp({ host: target.host ?? "127.0.0.1", port: target.port });
    const client = new RawClient(
      socket,
      undefined,
      (message) =>
        socket.write(typeof message === "string" ? `${message}\n` : Buffer.concat([message, LINE_END])),
      () => socket.destroy(),
    );
    const begun: Buffer[] = [];
    if (isReading) {
      socket.on("data", (chunk: Buffer) => {
        let from = 0;
        for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, from)) {
          begun.push(chunk.subarray(from, end));
          client.received.push(Buffer.concat(begun.splice(0)).toString("utf8"));
          from = end + 1;
        }
        if (from < chunk.length) begun.push(chunk.subarray(from));
        client.#changed();
      });
    }
    await opened(socket, target.carrier === "tls" ? "secureConnect" : "connect");
    socket.on("error", () => undefined);
    socket.once("close", () => client.#ended());
    return client;
  }

  static async #overWebSocket(target: Target, isReading: boolean): Promise<RawClient> {
    const webSocket = new WebSocket(`${target.carrier}://127.0.0.1:${target.port}/`, {
      rejectUnauthorized: false,
      maxPayload: 256 * 1024 * 1024,
    });
    const texts: string[] = [];
    let heard: () => void = () => undefined;
    webSocket.on("message", (data: Buffer, isBinary: boolean) => {
      texts.push(isBinary ? "a binary message" : data.toString("utf8"));
      heard();
    });
    await opened(webSocket, "open");
    if (!isReading) webSocket.pause();
    webSocket.on("error", () => undefined);
    const { _socket: socket } = webSocket as unknown as { _socket: Socket };
    const client = new RawClient(
      socket,
      webSocket,
      (message) => webSocket.send(message, { binary: false }),
      () => webSocket.terminate(),
    );
    heard = () => {
      client.received.push(...texts.splice(0));
      client.#changed();
    };
    heard();
    webSocket.once("close", () => client.#ended());
    if (webSocket.readyState === WebSocket.CLOSED) client.#ended();
    return client;
  }

  #ended(): void {
    this.#isClosed = true;
    this.#changed();
  }

  #changed(): void {
    for (const wake of this.#wake.splice(0)) wake();
  }

  #change(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, PATIENCE_MS);
      this.#wake.push(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }
}

const LINE_END = Buffer.from("\n");

function opened(emitter: NodeJS.EventEmitter, event: string): Promise<void> {
  return new Promise((resolve, reject) => {
    emitter.once("error", reject);
    emitter.once(event, () => {
      emitter.off("error", reject);
      resolve();
    });
  });
}
