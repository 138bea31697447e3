/** A wallet as Electrum is one, with a list of servers: it stays with one, goes to the next when that fails, and looks what it missed. */
import { createHash } from "node:crypto";
import { RawClient, type Target } from "./raw-client.ts";

export interface WandererServer {
  readonly name: string;
  readonly target: Target;
}

interface Entry {
  readonly tx_hash: string;
  readonly height: number;
}

interface Header {
  readonly hex: string;
  readonly height: number;
}

interface Pending {
  resolve(result: unknown): void;
  reject(error: Error): void;
}

/** Electrum pings less often and is as patient; a test has less time. */
const PING_EVERY_MS = 500;
const ANSWER_WITHIN_MS = 5_000;
const REST_MS = 100;
const HEADERS_AT_ONCE = 2_016;

export class Wanderer {
  /** Hashes of the blocks by height: each fits onto the one below it. */
  readonly #blocks: string[] = [];
  readonly #histories = new Map<string, readonly Entry[]>();
  /** The servers that it was connected to, in order. */
  readonly visits: string[] = [];
  /** All that a server did which none may do. */
  readonly complaints: string[] = [];
  readonly #servers: readonly WandererServer[];
  readonly #scripthashes: readonly string[];
  #visit: Visit | undefined;
  #isStopped = false;
  #running: Promise<void> | undefined;

  constructor(servers: readonly WandererServer[], scripthashes: readonly string[]) {
    this.#servers = servers;
    this.#scripthashes = scripthashes;
  }

  start(): void {
    this.#running = this.#wander();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#visit?.end();
    await this.#running;
  }

  /** The server that it is in step with; undefined on its way. */
  get at(): string | undefined {
    return this.#visit?.isSettled ? this.#visit.server.name : undefined;
  }

  get blocks(): readonly string[] {
    return this.#blocks;
  }

  /** By scripthash, of what it knows. */
  statuses(): Record<string, string | null> {
    return Object.fromEntries(
      this.#scripthashes.map((hash) => [hash, statusOf(this.#histories.get(hash) ?? [])]),
    );
  }

  async #wander(): Promise<void> {
    for (let at = 0; !this.#isStopped; at = (at + 1) % this.#servers.length) {
      const visit = new Visit(this.#servers[at] as WandererServer);
      this.#visit = visit;
      try {
        await visit.open();
        await this.#stay(visit);
      } catch {
        // Whatever it was: the next server.
      }
      visit.end();
      await new Promise((resolve) => setTimeout(resolve, REST_MS));
    }
  }

  /** Lasts as long as the server does. */
  async #stay(visit: Visit): Promise<void> {
    visit.onNews = (method, params) => this.#heard(visit, method, params);
    await visit.call("server.version", ["wanderer", ["1.4", "1.6"]]);
    this.visits.push(visit.server.name);
    const tip = (await visit.call("blockchain.headers.subscribe", [])) as Header;
    await visit.inTurn(() => this.#walk(visit, tip));
    for (const hash of this.#scripthashes) {
      const status = await visit.call("blockchain.scripthash.subscribe", [hash]);
      await visit.inTurn(() => this.#learn(visit, hash, status as string | null));
    }
    visit.isSettled = true;
    for (;;) {
      await new Promise((resolve) => setTimeout(resolve, PING_EVERY_MS));
      await visit.call("server.ping", []);
    }
  }

  #heard(visit: Visit, method: string, params: unknown[]): void {
    const task =
      method === "blockchain.headers.subscribe"
        ? visit.inTurn(() => this.#walk(visit, params[0] as Header))
        : method === "blockchain.scripthash.subscribe"
          ? visit.inTurn(() => this.#learn(visit, String(params[0]), params[1] as string | null))
          : Promise.reject(new Error(`news of ${method}`));
    task.catch((error: Error) => {
      if (!visit.hasEnded) this.complaints.push(`${visit.server.name}: ${error.message}`);
    });
  }

  /** Goes down to a block that it knows, then up, as Electrum does. */
  async #walk(visit: Visit, tip: Header): Promise<void> {
    const top = hashOf(tip.hex);
    if (this.#blocks[tip.height] === top && this.#blocks.length === tip.height + 1) return;
    let from = Math.min(tip.height, this.#blocks.length);
    while (from > 0) {
      const [header = ""] = await this.#headers(visit, from, 1);
      if (previousOf(header) === this.#blocks[from - 1]) break;
      from--;
    }
    const found: string[] = [];
    while (from + found.length <= tip.height) {
      const headers = await this.#headers(visit, from + found.length, tip.height + 1 - from - found.length);
      // The chain has grown shorter meanwhile, and that is news to come.
      if (headers.length === 0) return;
      for (const header of headers) {
        const below = found.at(-1) ?? this.#blocks[from - 1];
        if (below !== undefined && previousOf(header) !== below) return;
        found.push(hashOf(header));
      }
    }
    this.#blocks.splice(from, Number.POSITIVE_INFINITY, ...found);
  }

  async #headers(visit: Visit, from: number, count: number): Promise<string[]> {
    const asked = Math.min(count, HEADERS_AT_ONCE);
    const answer = (await visit.call("blockchain.block.headers", [from, asked])) as { headers: string[] };
    return answer.headers;
  }

  /** A history that is another one than was announced is announced in its turn. */
  async #learn(visit: Visit, hash: string, status: string | null): Promise<void> {
    if (statusOf(this.#histories.get(hash) ?? []) === status) return;
    const history = (await visit.call("blockchain.scripthash.get_history", [hash])) as Entry[];
    this.#histories.set(hash, history);
  }
}

class Visit {
  readonly server: WandererServer;
  readonly #pending = new Map<number, Pending>();
  #client: RawClient | undefined;
  #nextId = 1;
  onNews: (method: string, params: unknown[]) => void = () => undefined;
  #last: Promise<void> = Promise.resolve();
  isSettled = false;
  hasEnded = false;

  constructor(server: WandererServer) {
    this.server = server;
  }

  async open(): Promise<void> {
    const client = await RawClient.connect(this.server.target);
    if (this.hasEnded) return client.close();
    this.#client = client;
    void this.#listen(client);
  }

  call(method: string, params: unknown[]): Promise<unknown> {
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      if (this.hasEnded) return reject(new Error("it has ended"));
      const timer = setTimeout(() => {
        reject(new Error(`${method} was not answered`));
        this.end();
      }, ANSWER_WITHIN_MS);
      const done = () => clearTimeout(timer);
      this.#pending.set(id, {
        resolve: (result) => {
          done();
          resolve(result);
        },
        reject: (error) => {
          done();
          reject(error);
        },
      });
      this.#client?.ask({ jsonrpc: "2.0", id, method, params });
    });
  }

  /** One after the other, so that no late answer counts for the newest. */
  inTurn(task: () => Promise<void>): Promise<void> {
    this.#last = this.#last.then(task);
    return this.#last;
  }

  end(): void {
    if (this.hasEnded) return;
    this.hasEnded = true;
    this.isSettled = false;
    this.#client?.close();
    for (const { reject } of this.#pending.values()) reject(new Error("the connection has ended"));
    this.#pending.clear();
  }

  async #listen(client: RawClient): Promise<void> {
    const next = () => client.nextText().catch(() => undefined);
    for (let text = await next(); text !== undefined; text = await next()) this.#hear(JSON.parse(text));
    this.end();
  }

  #hear(message: {
    id?: number;
    method?: string;
    params?: unknown[];
    result?: unknown;
    error?: unknown;
  }): void {
    if (message.method !== undefined) return this.onNews(message.method, message.params ?? []);
    const pending = this.#pending.get(message.id ?? 0);
    this.#pending.delete(message.id ?? 0);
    if (message.error === undefined) pending?.resolve(message.result);
    else pending?.reject(new Error(JSON.stringify(message.error)));
  }
}

function statusOf(history: readonly Entry[]): string | null {
  if (history.length === 0) return null;
  const text = history.map(({ tx_hash, height }) => `${tx_hash}:${height}:`).join("");
  return createHash("sha256").update(text).digest("hex");
}

function hashOf(header: string): string {
  const once = createHash("sha256").update(Buffer.from(header, "hex")).digest();
  return createHash("sha256").update(once).digest().reverse().toString("hex");
}

function previousOf(header: string): string {
  return Buffer.from(header.slice(8, 72), "hex").reverse().toString("hex");
}
