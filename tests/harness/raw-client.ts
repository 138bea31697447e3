/** A bare socket that speaks to a broker byte by byte: logs in like a client, then sends whatever a test wants. */
import { connect, type Socket } from "node:net";
import { Nkey } from "../../bus/carrier/nkey.ts";

const PATIENCE_MS = 15_000;

export interface LoginOptions {
  readonly verbose?: boolean;
  readonly pedantic?: boolean;
  readonly headers?: boolean;
  readonly no_responders?: boolean;
  readonly echo?: boolean;
}

export class RawClient {
  readonly #socket: Socket;
  #received = "";
  #isEnded = false;
  #wake: () => void = () => undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.setEncoding("latin1");
    socket.on("data", (text: string) => {
      this.#received += text;
      this.#wake();
    });
    // an error is followed by close, which is what tests wait for
    socket.on("error", () => undefined);
    socket.on("close", () => {
      this.#isEnded = true;
      this.#wake();
    });
  }

  /** Connected, and the server's INFO line read, but nothing said yet. */
  static async dial(port: number): Promise<{ client: RawClient; info: Record<string, unknown> }> {
    const client = new RawClient(connect(port, "127.0.0.1"));
    const line = await client.until("\r\n");
    if (!line.startsWith("INFO ")) throw new Error(`the server does not greet but says: ${line}`);
    return { client, info: JSON.parse(line.slice("INFO ".length)) as Record<string, unknown> };
  }

  /** Logged in: everything up to the PONG has been read. */
  static async login(port: number, seed: string, options: LoginOptions = {}): Promise<RawClient> {
    const { client, info } = await RawClient.dial(port);
    client.send(`${connectLine(seed, String(info["nonce"]), options)}PING\r\n`);
    await client.until("PONG\r\n");
    return client;
  }

  get isEnded(): boolean {
    return this.#isEnded;
  }

  send(text: string): void {
    this.#socket.write(Buffer.from(text, "latin1"));
  }

  /** One byte per segment, as far as the system lets us. */
  async sendByteByByte(text: string): Promise<void> {
    for (const byte of Buffer.from(text, "latin1")) {
      this.#socket.write(Buffer.from([byte]));
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /** Everything received up to and including `end`, which is taken out. Throws when it does not come. */
  async until(end: string): Promise<string> {
    await this.#wait(() => this.#received.includes(end), `"${end}"`);
    const length = this.#received.indexOf(end) + end.length;
    const text = this.#received.slice(0, length);
    this.#received = this.#received.slice(length);
    return text;
  }

  /** All that came before the server closed the connection. */
  async untilEnd(): Promise<string> {
    await this.#wait(() => this.#isEnded, "the end");
    return this.#received;
  }

  /** Sends PING and returns what came before the answer: when the server has dealt with everything sent so far. */
  async settle(): Promise<string> {
    this.send("PING\r\n");
    return (await this.until("PONG\r\n")).slice(0, -"PONG\r\n".length);
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  close(): void {
    this.#socket.destroy();
  }

  async #wait(isDone: () => boolean, what: string): Promise<void> {
    const deadlineMs = Date.now() + PATIENCE_MS;
    while (!isDone()) {
      const leftMs = deadlineMs - Date.now();
      if (leftMs <= 0 || this.#isEnded) {
        throw new Error(`waited for ${what}, received ${JSON.stringify(this.#received.slice(-500))}`);
      }
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, leftMs);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }
}

export function connectLine(seed: string, nonce: string, options: LoginOptions = {}): string {
  const nkey = Nkey.fromSeed(seed);
  const connect = {
    verbose: false,
    pedantic: false,
    headers: true,
    no_responders: true,
    echo: true,
    ...options,
    protocol: 1,
    lang: "raw",
    version: "0",
    nkey: nkey.publicKey,
    sig: nkey.sign(nonce),
  };
  return `CONNECT ${JSON.stringify(connect)}\r\n`;
}
