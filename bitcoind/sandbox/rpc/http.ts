/** The sandbox's door: Core-shaped JSON-RPC (with batches and a cookie) and the REST paths that the node client reads, on loopback only. */
import { createHash, timingSafeEqual } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { RPC_CODE, RpcRefusal } from "../refusal.ts";
import { Arguments } from "./arguments.ts";
import type { CallTable, SandboxParts } from "./calls.ts";
import { answerRest } from "./rest.ts";

/** A block of 4 MB in hex, and some more. */
const BODY_MAX_BYTES = 16 * 1024 * 1024;
const BATCH_MAX = 10_000;
const REQUEST_TIMEOUT_MS = 30_000;
const CONNECTIONS_MAX = 256;

interface RpcRequest {
  readonly jsonrpc?: unknown;
  readonly id?: unknown;
  readonly method?: unknown;
  readonly params?: unknown;
}

interface Outcome {
  readonly status: number;
  /** Nothing for a notification, which gets no answer. */
  readonly body: Record<string, unknown> | undefined;
}

export interface HttpDoorOptions {
  readonly port: number;
  /** `user:password` of HTTP's basic authentication. */
  readonly credentials: string;
  readonly parts: SandboxParts;
  readonly calls: CallTable;
}

export class HttpDoor {
  readonly #parts: SandboxParts;
  readonly #calls: CallTable;
  readonly #credentialsDigest: Buffer;
  readonly #server: Server;

  private constructor(options: HttpDoorOptions) {
    this.#parts = options.parts;
    this.#calls = options.calls;
    this.#credentialsDigest = digest(options.credentials);
    this.#server = createServer((request, response) => {
      this.#handle(request, response).catch((error: unknown) => {
        // A fault in the sandbox itself: the caller learns of it, and the node stays up.
        send(
          response,
          500,
          "text/plain",
          `sandbox fault: ${error instanceof Error ? error.message : String(error)}\r\n`,
        );
      });
    });
    this.#server.requestTimeout = REQUEST_TIMEOUT_MS;
    this.#server.maxConnections = CONNECTIONS_MAX;
  }

  static async open(options: HttpDoorOptions): Promise<HttpDoor> {
    const door = new HttpDoor(options);
    await new Promise<void>((resolve, reject) => {
      door.#server.once("error", reject);
      door.#server.listen(options.port, "127.0.0.1", () => {
        door.#server.off("error", reject);
        resolve();
      });
    });
    return door;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeAllConnections();
    await closed;
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = request.url ?? "/";
    if (url.startsWith("/rest/")) {
      const { status, type, body } = answerRest(this.#parts, url);
      send(response, status, type, body);
    } else if (request.method !== "POST") {
      send(response, 405, "text/plain", "JSONRPC server handles only POST requests\r\n");
    } else if (!this.#isAuthorized(request)) {
      response.setHeader("WWW-Authenticate", 'Basic realm="jsonrpc"');
      send(response, 401, "text/plain", "");
    } else {
      const body = await readBody(request);
      if (body === undefined) send(response, 413, "text/plain", "request too large\r\n");
      else this.#answer(body, response);
    }
  }

  #isAuthorized(request: IncomingMessage): boolean {
    const [scheme, encoded] = (request.headers.authorization ?? "").split(" ");
    if (scheme !== "Basic" || encoded === undefined) return false;
    return timingSafeEqual(digest(Buffer.from(encoded, "base64").toString("utf8")), this.#credentialsDigest);
  }

  #answer(body: string, response: ServerResponse): void {
    const { status, body: answer } = this.#answerText(body);
    if (answer === undefined) send(response, status, "application/json", "");
    else send(response, status, "application/json", `${JSON.stringify(answer)}\n`);
  }

  #answerText(body: string): { status: number; body: unknown } {
    let parsed: unknown;
    try {
      parsed = JSON.parse(body);
    } catch {
      // Told to the caller, as Bitcoin Core does.
      return { status: 500, body: failure({}, RPC_CODE.parse, "Parse error") };
    }
    if (!Array.isArray(parsed)) {
      if (typeof parsed === "object" && parsed !== null) return this.#call(parsed);
      return { status: 500, body: failure({}, RPC_CODE.parse, "Top-level object parse error") };
    }
    if (parsed.length > BATCH_MAX) {
      return { status: 400, body: failure({}, RPC_CODE.invalidRequest, `Batch of more than ${BATCH_MAX}`) };
    }
    const answers = parsed.map((item) => this.#call(item).body).filter((item) => item !== undefined);
    return answers.length === 0 && parsed.length > 0
      ? { status: 204, body: undefined }
      : { status: 200, body: answers };
  }

  #call(item: unknown): Outcome {
    if (typeof item !== "object" || item === null) {
      return { status: 400, body: failure({}, RPC_CODE.invalidRequest, "Invalid Request object") };
    }
    const request: RpcRequest = item;
    const isModern = request.jsonrpc === "2.0";
    if (typeof request.method !== "string") {
      const complaint = request.method === undefined ? "Missing method" : "Method must be a string";
      return { status: isModern ? 200 : 400, body: failure(request, RPC_CODE.invalidRequest, complaint) };
    }
    try {
      const found = Object.hasOwn(this.#calls, request.method) ? this.#calls[request.method] : undefined;
      if (found === undefined) throw new RpcRefusal(RPC_CODE.methodNotFound, "Method not found");
      const result = found.run(this.#parts, new Arguments(request.params, found.parameters));
      const id = request.id ?? null;
      const body = isModern ? { jsonrpc: "2.0", result, id } : { result, error: null, id };
      return isNotification(request) ? { status: 204, body: undefined } : { status: 200, body };
    } catch (error) {
      if (!(error instanceof RpcRefusal)) throw error;
      const status = isModern ? 200 : error.rpcCode === RPC_CODE.methodNotFound ? 404 : 500;
      const body = failure(request, error.rpcCode, error.message);
      return isNotification(request) ? { status: 204, body: undefined } : { status, body };
    }
  }
}

function isNotification(request: RpcRequest): boolean {
  return request.jsonrpc === "2.0" && !Object.hasOwn(request, "id");
}

function failure(request: RpcRequest, code: number, message: string): Record<string, unknown> {
  const id = request.id ?? null;
  const error = { code, message };
  return request.jsonrpc === "2.0" ? { jsonrpc: "2.0", error, id } : { result: null, error, id };
}

async function readBody(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let lengthBytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    lengthBytes += chunk.length;
    if (lengthBytes > BODY_MAX_BYTES) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function send(response: ServerResponse, status: number, type: string, body: string | Uint8Array): void {
  if (response.headersSent || response.destroyed) return;
  response.writeHead(status, { "Content-Type": type, "Content-Length": Buffer.byteLength(body) });
  response.end(body);
}

/** Equal lengths for a comparison in constant time. */
function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
