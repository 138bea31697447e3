/** Serves a chain file over RPC and REST as a node would: what an indexer asks of a node during a first sync, and no more. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { parseBlock } from "../../bitcoin/block/block.ts";
import { type BlockHash, bytesToHex } from "../../bitcoin/bytes.ts";
import { serializeTransaction, txidOf } from "../../bitcoin/transaction.ts";
import type { ChainFileSource } from "./chain-file.ts";

/** Of Bitcoin Core: -8 is a height that is not there, -5 a block, -32601 a method. */
type Answer =
  | { readonly result: unknown }
  | { readonly error: { readonly code: number; readonly message: string } };

const BODY_BYTES_MAX = 8 * 1024 * 1024;
const HEADERS_MAX = 2_000;
/** Blocks whose transactions are at hand. */
const LOOKED_MAX = 100;
/** As Bitcoin Core 31 would say it. */
const VERSION = 310_000;

export class ChainNode {
  readonly #chain: ChainFileSource;
  readonly #server: Server;
  blocksServed = 0;
  readonly #looked = new Map<string, ReadonlyMap<string, string>>();

  private constructor(chain: ChainFileSource) {
    this.#chain = chain;
    this.#server = createServer((request, response) => {
      this.#answer(request, response).catch((error: unknown) => {
        response.writeHead(500).end(String(error));
      });
    });
    this.#server.keepAliveTimeout = 600_000;
  }

  static async start(chain: ChainFileSource, port = 0): Promise<ChainNode> {
    const node = new ChainNode(chain);
    await new Promise<void>((resolve) => node.#server.listen(port, "127.0.0.1", resolve));
    return node;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = request.url ?? "/";
    if (path.startsWith("/rest/")) {
      const bytes = await this.#rest(path.slice("/rest/".length));
      response.writeHead(bytes === undefined ? 404 : 200, {
        "content-type": "application/octet-stream",
        "content-length": bytes?.length ?? 0,
      });
      response.end(bytes);
      return;
    }
    const call = JSON.parse(await bodyOf(request)) as RpcCall | RpcCall[];
    const text = Array.isArray(call)
      ? `[${(await Promise.all(call.map((one) => this.#call(one)))).join(",")}]`
      : await this.#call(call);
    const body = Buffer.from(text, "latin1");
    response.writeHead(200, { "content-type": "application/json", "content-length": body.length });
    response.end(body);
  }

  async #rest(path: string): Promise<Uint8Array | undefined> {
    const [, kind, hash = "", query = ""] =
      /^(chaininfo|headers|block)(?:\/([0-9a-f]{64}))?\.(?:json|bin)(\?.*)?$/.exec(path) ?? [];
    if (kind === "chaininfo") return Buffer.from(JSON.stringify(await this.#chainInfo()));
    if (kind === "block") return this.#block(hash);
    if (kind !== "headers") return undefined;
    const count = Math.min(HEADERS_MAX, Number(new URLSearchParams(query).get("count") ?? 5));
    return this.#headersFrom(hash as BlockHash, count);
  }

  async #call({ id, method, params = [] }: RpcCall): Promise<string> {
    const answer = await this.#ask(method, params);
    // A block's hex is megabytes: it is not worth being looked through for what a string must not hold.
    const result =
      "result" in answer && method === "getblock"
        ? `"${answer.result}"`
        : JSON.stringify("result" in answer ? answer.result : null);
    const error = JSON.stringify("error" in answer ? answer.error : null);
    return `{"result":${result},"error":${error},"id":${JSON.stringify(id ?? null)}}`;
  }

  async #ask(method: string, params: readonly unknown[]): Promise<Answer> {
    const chain = this.#chain;
    const { height, hash } = await chain.tip();
    switch (method) {
      case "getblockchaininfo":
        return { result: await this.#chainInfo() };
      case "getnetworkinfo":
        return {
          result: {
            version: VERSION,
            subversion: "/Satoshi:31.0.0/",
            relayfee: 0.00001,
            warnings: "",
            connections: 1,
          },
        };
      case "getblockcount":
        return { result: height };
      case "getbestblockhash":
        return { result: hash };
      case "getblockhash": {
        const found = chain.hashAt(Number(params[0]));
        return found === undefined ? refusal(-8, "Block height out of range") : { result: found };
      }
      case "getblock": {
        const block = await this.#block(String(params[0]));
        return block === undefined
          ? refusal(-5, "Block not found")
          : { result: Buffer.from(block.buffer, block.byteOffset, block.length).toString("hex") };
      }
      case "getrawtransaction": {
        const raw = (await this.#transactionsOf(String(params[2]))).get(String(params[0]));
        return raw === undefined ? refusal(-5, "No such transaction") : { result: raw };
      }
      case "getindexinfo":
        return {
          result: Object.fromEntries(
            ["txindex", "txospenderindex"].map((name) => [name, { synced: true, best_block_height: height }]),
          ),
        };
      case "getmempoolinfo":
        return {
          result: {
            loaded: true,
            size: 0,
            bytes: 0,
            mempoolminfee: 0.00001,
            minrelaytxfee: 0.00001,
            incrementalrelayfee: 0.00001,
          },
        };
      case "getrawmempool":
        return { result: params[0] === true ? {} : [] };
      case "getzmqnotifications":
        return { result: [] };
      case "estimatesmartfee":
        return { result: { errors: ["Insufficient data or no feerate found"], blocks: 0 } };
      case "help":
        return { result: "" };
      case "uptime":
        return { result: Math.floor(process.uptime()) };
      default:
        return refusal(-32_601, "Method not found");
    }
  }

  async #chainInfo(): Promise<object> {
    const { height, hash } = await this.#chain.tip();
    return {
      chain: "regtest",
      blocks: height,
      headers: height,
      bestblockhash: hash,
      chainwork: (2 * (height + 1)).toString(16).padStart(64, "0"),
      difficulty: 4.6565423739069247e-10,
      mediantime: 1_300_000_000,
      verificationprogress: 1,
      initialblockdownload: false,
      pruned: false,
      warnings: "",
    };
  }

  async #block(hash: string): Promise<Uint8Array | undefined> {
    if (this.#chain.heightOf(hash as BlockHash) === undefined) return undefined;
    this.blocksServed += 1;
    for await (const block of this.#chain.blocks([hash as BlockHash])) return block;
    return undefined;
  }

  /** By id, in hex; blocks that were looked into are kept, because loads ask for many of one. */
  async #transactionsOf(hash: string): Promise<ReadonlyMap<string, string>> {
    const known = this.#looked.get(hash);
    if (known !== undefined) return known;
    const bytes = await this.#block(hash);
    const found = new Map(
      (bytes === undefined ? [] : parseBlock(bytes).transactions).map((transaction) => [
        txidOf(transaction) as string,
        bytesToHex(serializeTransaction(transaction)),
      ]),
    );
    if (this.#looked.size >= LOOKED_MAX) this.#looked.clear();
    this.#looked.set(hash, found);
    return found;
  }

  async #headersFrom(first: BlockHash, count: number): Promise<Uint8Array | undefined> {
    const height = this.#chain.heightOf(first);
    if (height === undefined) return undefined;
    return this.#chain.headersAfter(this.#chain.hashAt(height - 1), count);
  }
}

interface RpcCall {
  readonly id?: unknown;
  readonly method: string;
  readonly params?: readonly unknown[];
}

function refusal(code: number, message: string): Answer {
  return { error: { code, message } };
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let lengthBytes = 0;
  for await (const chunk of request) {
    lengthBytes += (chunk as Buffer).length;
    if (lengthBytes > BODY_BYTES_MAX) throw new Error("the request is too long");
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks).toString("utf8");
}
