/** One connection to an Electrum server over TCP, as lean as a load needs it: ids are numbers, answers stay bytes. */
import { once } from "node:events";
import { connect, type Socket } from "node:net";

type Waiting = { readonly resolve: (line: Buffer) => void; readonly reject: (error: Error) => void };

const NEWLINE = 10;
const SPACE = 32;
/** Every answer and every error begins or ends with its id: servers differ. */
const ID = /"id": ?(\d+)/;
const EDGE_BYTES = 60;

export class LineClient {
  readonly #socket: Socket;
  readonly #waiting = new Map<number, Waiting>();
  readonly #notified: (line: string) => void;
  #parts: Buffer[] = [];
  /** What is asked in one turn goes out in one write. */
  #asked = "";
  #ids = 0;
  #isClosed = false;

  private constructor(socket: Socket, notified: (line: string) => void) {
    this.#socket = socket;
    this.#notified = notified;
    socket.setNoDelay(true);
    socket.on("data", (chunk: Buffer) => this.#read(chunk));
    socket.on("close", () => this.#end(new Error("the server closed the connection")));
    socket.on("error", () => undefined); // `close` follows
  }

  /** Connected, with the version agreed upon. */
  static async open(
    host: string,
    port: number,
    notified: (line: string) => void = () => undefined,
  ): Promise<LineClient> {
    const socket = connect(port, host);
    await once(socket, "connect");
    const client = new LineClient(socket, notified);
    await client.call("server.version", ["bench", ["1.4", "1.6"]]);
    return client;
  }

  /** The result, parsed. */
  async call(method: string, params: readonly unknown[]): Promise<unknown> {
    const { result, error } = JSON.parse((await this.ask(method, params)).toString()) as {
      result: unknown;
      error?: { message: string };
    };
    if (error) throw new Error(`${method}: ${error.message}`);
    return result;
  }

  /** The line that answers, as it came. */
  ask(method: string, params: readonly unknown[]): Promise<Buffer> {
    if (this.#isClosed) return Promise.reject(new Error("the connection is closed"));
    const id = this.#ids++;
    if (this.#asked === "") queueMicrotask(() => this.#write());
    this.#asked += `{"jsonrpc":"2.0","id":${id},"method":"${method}","params":${JSON.stringify(params)}}\n`;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
    });
  }

  close(): void {
    this.#socket.destroy();
  }

  #write(): void {
    this.#socket.write(this.#asked, "latin1");
    this.#asked = "";
  }

  #read(chunk: Buffer): void {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      const piece = chunk.subarray(start, end);
      const line = this.#parts.length === 0 ? piece : Buffer.concat([...this.#parts, piece]);
      this.#parts = [];
      start = end + 1;
      this.#take(line);
    }
    if (start < chunk.length) this.#parts.push(chunk.subarray(start));
  }

  #take(line: Buffer): void {
    const id = ID.exec(edgesOf(line))?.[1];
    const waiting = id === undefined ? undefined : this.#waiting.get(Number(id));
    if (waiting === undefined) return this.#notified(line.toString());
    this.#waiting.delete(Number(id));
    waiting.resolve(line);
  }

  #end(error: Error): void {
    this.#isClosed = true;
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }
}

export function isError(line: Buffer): boolean {
  return edgesOf(line).includes('"error"');
}

/** Where the id and the word "error" are to be found; a long result between them is not looked at. */
function edgesOf(line: Buffer): string {
  // ElectrumX fills answers up with spaces before the last brace.
  let end = line.length - 1;
  while (end > 0 && line[end - 1] === SPACE) end--;
  return end <= 2 * EDGE_BYTES
    ? line.toString("latin1", 0, end)
    : line.toString("latin1", 0, EDGE_BYTES) + line.toString("latin1", end - EDGE_BYTES, end);
}
