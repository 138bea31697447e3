/** Serves a chain file over RPC and REST as a node would: what Electrum servers ask of a node, and no more. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { SourceTip } from "../../actors/indexer/sync/block-source.ts";
import { parseBlock } from "../../bitcoin/block/block.ts";
import { type BlockHash, bytesToHex } from "../../bitcoin/bytes.ts";
import { regtest } from "../../bitcoin/network.ts";
import { parseTransaction, txidOf } from "../../bitcoin/transaction.ts";
import type { ChainFileSource } from "./chain-file.ts";
import { TransactionPlaces } from "./transaction-places.ts";

/** Of Bitcoin Core: -8 is a height that is not there, -5 a block, -32601 a method. */
type Answer =
  | { readonly result: unknown }
  | { readonly error: { readonly code: number; readonly message: string } };

const BODY_BYTES_MAX = 8 * 1024 * 1024;
const HEADERS_MAX = 2_000;
const SAT_PER_COIN = 1e8;
/** The made-up chain pays no fees. */
const MEMPOOL = Object.freeze({
  loaded: true,
  bytes: 0,
  usage: 0,
  maxmempool: 300_000_000,
  total_fee: 0,
  mempoolminfee: 0.00001,
  minrelaytxfee: 0.00001,
  incrementalrelayfee: 0.00001,
});
const ENTRY = Object.freeze({ vsize: 200, weight: 800, fees: { base: 0 }, depends: [], spentby: [] });
/** As Bitcoin Core 31 would say it. */
const VERSION = 310_000;

export class ChainNode {
  readonly #chain: ChainFileSource;
  readonly #server: Server;
  blocksServed = 0;
  /** Blocks at the end of the file that have not come yet. */
  #held: number;
  #places: Promise<TransactionPlaces> | undefined;
  /** The transactions of the next block, as long as it has not come. */
  #waiting: { readonly height: number; readonly txids: readonly string[] } | undefined;

  private constructor(chain: ChainFileSource, held: number) {
    this.#chain = chain;
    this.#held = held;
    this.#server = createServer((request, response) => {
      this.#answer(request, response).catch((error: unknown) => {
        response.writeHead(500).end(String(error));
      });
    });
    this.#server.keepAliveTimeout = 600_000;
  }

  /** With blocks `held` back the transactions of the next one are the node's mempool. */
  static async start(chain: ChainFileSource, port = 0, held = 0): Promise<ChainNode> {
    const node = new ChainNode(chain, held);
    await new Promise<void>((resolve) => node.#server.listen(port, "127.0.0.1", resolve));
    return node;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** The next block comes, if one is held back. */
  mine(): void {
    this.#held = Math.max(0, this.#held - 1);
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
    const { height, hash } = await this.#tip();
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
        const found = Number(params[0]) > height ? undefined : chain.hashAt(Number(params[0]));
        return found === undefined ? refusal(-8, "Block height out of range") : { result: found };
      }
      case "getblock": {
        const block = await this.#block(String(params[0]));
        return block === undefined
          ? refusal(-5, "Block not found")
          : { result: Buffer.from(block.buffer, block.byteOffset, block.length).toString("hex") };
      }
      case "getrawtransaction": {
        const raw = await (await this.#transactions()).raw(String(params[0]));
        return raw === undefined ? refusal(-5, "No such transaction") : { result: bytesToHex(raw) };
      }
      case "gettxout":
        return { result: await this.#coin(String(params[0]), Number(params[1]), height) };
      case "getindexinfo":
        return {
          result: Object.fromEntries(
            ["txindex", "txospenderindex"].map((name) => [name, { synced: true, best_block_height: height }]),
          ),
        };
      case "getmempoolinfo":
        return { result: { ...MEMPOOL, size: (await this.#mempool()).length } };
      case "getrawmempool": {
        const txids = await this.#mempool();
        if (params[1] === true) return { result: { txids, mempool_sequence: height } };
        return { result: params[0] === true ? Object.fromEntries(txids.map((id) => [id, ENTRY])) : txids };
      }
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
    const { height, hash } = await this.#tip();
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

  async #tip(): Promise<SourceTip> {
    const last = await this.#chain.tip();
    const height = last.height - this.#held;
    return { height, hash: this.#chain.hashAt(height) as BlockHash };
  }

  #transactions(): Promise<TransactionPlaces> {
    this.#places ??= TransactionPlaces.of(this.#chain);
    return this.#places;
  }

  async #mempool(): Promise<readonly string[]> {
    const next = (await this.#tip()).height + 1;
    if (this.#waiting?.height === next) return this.#waiting.txids;
    const hash = this.#chain.hashAt(next);
    const bytes = hash === undefined ? undefined : await this.#block(hash);
    const [, ...rest] = bytes === undefined ? [] : parseBlock(bytes, regtest.serialization).transactions;
    const txids = rest.map((transaction) => txidOf(transaction) as string);
    this.#waiting = { height: next, txids };
    return txids;
  }

  /** Whether a block spends it nobody needs to know here: what waits is valid. */
  async #coin(txid: string, index: number, tipHeight: number): Promise<object | null> {
    const places = await this.#transactions();
    if ((places.heightOf(txid) ?? Number.POSITIVE_INFINITY) > tipHeight) return null;
    const raw = await places.raw(txid);
    const output = raw === undefined ? undefined : parseTransaction(raw).outputs[index];
    if (output === undefined) return null;
    return {
      value: Number(output.amountSat) / SAT_PER_COIN,
      scriptPubKey: { hex: bytesToHex(output.scriptPubKey) },
    };
  }

  async #headersFrom(first: BlockHash, count: number): Promise<Uint8Array | undefined> {
    const height = this.#chain.heightOf(first);
    if (height === undefined) return undefined;
    const present = (await this.#tip()).height + 1 - height;
    return this.#chain.headersAfter(this.#chain.hashAt(height - 1), Math.max(0, Math.min(count, present)));
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
