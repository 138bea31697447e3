/** HTTP to one node: a small pool of kept-alive connections, a deadline and a size limit for every answer. */
// Not all of undici, with its fetch, caches and sockets of the web: that is 50 ms of every start of an actor that asks a node.
// Node's own HTTP would save another 25 ms, but takes twice the time for a block and four times for a call.
import request from "undici/lib/api/api-request.js";
import Pool from "undici/lib/dispatcher/pool.js";
import type { Clock } from "../runtime/clock.ts";
import type { Credentials } from "./credentials.ts";
import { nodeError } from "./errors.ts";

export interface ConnectionOptions {
  readonly url: string;
  readonly credentials: Credentials;
  readonly clock: Clock;
  readonly timeoutMs: number;
  /** How many requests run at once; the rest wait. Keep below the node's -rpcthreads (16). */
  readonly connections: number;
}

export interface RequestOptions {
  readonly timeoutMs?: number;
  readonly replyMaxBytes?: number;
  readonly signal?: AbortSignal;
}

export interface Reply {
  readonly status: number;
  readonly contentType: string;
  readonly body: Buffer;
}

const REPLY_MAX_BYTES = 64 * 1024 * 1024;

export class NodeConnection {
  /** The node's address, for people: without credentials. */
  readonly name: string;
  readonly #pool: Pool;
  readonly #basePath: string;
  readonly #credentials: Credentials;
  readonly #clock: Clock;
  readonly #timeoutMs: number;

  constructor(options: ConnectionOptions) {
    const url = new URL(options.url);
    this.name = url.host;
    this.#basePath = url.pathname.replace(/\/$/, "");
    this.#credentials = options.credentials;
    this.#clock = options.clock;
    this.#timeoutMs = options.timeoutMs;
    this.#pool = new Pool(url.origin, {
      connections: options.connections,
      pipelining: 1,
      // Below the node's own idle limit (-rpcservertimeout, 30 s), so that it does not close what we are about to use.
      keepAliveTimeout: 20_000,
      keepAliveMaxTimeout: 25_000,
      // One deadline for the whole request, set below.
      headersTimeout: 0,
      bodyTimeout: 0,
      connect: { timeout: options.timeoutMs },
    });
  }

  /** A call of the node's JSON-RPC. A refused cookie is read again, once. */
  async post(body: string, label: string, options: RequestOptions = {}): Promise<Buffer> {
    for (const isStale of [false, true]) {
      const authorization = this.#credentials.authorization(isStale);
      const headers = { authorization, "content-type": "application/json" };
      const reply = await this.#request(
        { method: "POST", path: this.#basePath || "/", headers, body },
        label,
        options,
      );
      if (reply.status === 401 && !isStale) continue;
      this.#refuseStatus(reply, label);
      return reply.body;
    }
    throw new Error("broken invariant: a request has two attempts");
  }

  /** A path below `/rest/`, which needs no credentials. The status is for the caller to judge. */
  async rest(path: string, options: RequestOptions = {}): Promise<Reply> {
    return this.#request({ method: "GET", path: `${this.#basePath}/rest/${path}` }, `rest/${path}`, options);
  }

  async close(): Promise<void> {
    await this.#pool.destroy();
  }

  #refuseStatus(reply: Reply, method: string): void {
    if (reply.status === 401 || reply.status === 403) {
      throw nodeError(
        { code: "NODE_AUTH_REFUSED", node: this.name, method, status: reply.status },
        reply.status === 401
          ? `The node ${this.name} refuses our cookie or password.`
          : `The node ${this.name} refuses our address; see its rpcallowip.`,
      );
    }
    if (reply.status === 503) {
      throw nodeError(
        { code: "NODE_BUSY", node: this.name, method },
        `The node ${this.name} has too many requests waiting.`,
      );
    }
    // 200, or an older envelope's 400, 404 and 500 with the error in the body.
    if (reply.body.length === 0) {
      throw nodeError(
        { code: "NODE_BAD_REPLY", node: this.name, method, status: reply.status },
        `The node ${this.name} answered ${method} with nothing (HTTP status ${reply.status}).`,
      );
    }
  }

  async #request(
    message: { method: "POST" | "GET"; path: string; headers?: Record<string, string>; body?: string },
    method: string,
    options: RequestOptions,
  ): Promise<Reply> {
    const timeoutMs = options.timeoutMs ?? this.#timeoutMs;
    const abort = new AbortController();
    const timer = this.#clock.after(timeoutMs, () =>
      abort.abort(
        nodeError(
          { code: "NODE_TIMEOUT", node: this.name, method, timeoutMs },
          `The node ${this.name} did not answer ${method} within ${timeoutMs} ms.`,
        ),
      ),
    );
    const onAbort = () => abort.abort(options.signal?.reason);
    options.signal?.addEventListener("abort", onAbort, { once: true });
    try {
      if (options.signal?.aborted === true) throw options.signal.reason;
      const reply = await request.call(this.#pool, { ...message, signal: abort.signal });
      const body = await this.#read(
        reply.body,
        Number(reply.headers["content-length"] ?? 0),
        method,
        options,
      );
      return { status: reply.statusCode, contentType: String(reply.headers["content-type"] ?? ""), body };
    } catch (error) {
      const failure = abort.signal.aborted ? abort.signal.reason : this.#unreachable(error, method);
      // An answer that is not read to its end would keep the connection, and whoever waits for one, for ever.
      abort.abort(failure);
      throw failure;
    } finally {
      timer.cancel();
      options.signal?.removeEventListener("abort", onAbort);
    }
  }

  async #read(
    body: AsyncIterable<Buffer>,
    announcedBytes: number,
    method: string,
    options: RequestOptions,
  ): Promise<Buffer> {
    const maxBytes = options.replyMaxBytes ?? REPLY_MAX_BYTES;
    const chunks: Buffer[] = [];
    let lengthBytes = 0;
    if (announcedBytes <= maxBytes) {
      for await (const chunk of body) {
        lengthBytes += chunk.length;
        // Leaving the loop destroys the body, and with it the connection.
        if (lengthBytes > maxBytes) break;
        chunks.push(chunk);
      }
    }
    if (Math.max(lengthBytes, announcedBytes) > maxBytes) {
      throw nodeError(
        { code: "NODE_REPLY_TOO_LARGE", node: this.name, method, maxBytes },
        `The node ${this.name} answered ${method} with more than ${maxBytes} bytes.`,
      );
    }
    return chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks, lengthBytes);
  }

  #unreachable(error: unknown, method: string): Error {
    if ((error as { code?: string }).code === "NODE_REPLY_TOO_LARGE") return error as Error;
    const reason = (error as NodeJS.ErrnoException).code ?? (error as Error).message;
    return nodeError(
      { code: "NODE_UNREACHABLE", node: this.name, method },
      `The node ${this.name} cannot be reached (${reason}).`,
      error,
    );
  }
}
