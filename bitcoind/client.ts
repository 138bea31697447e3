/** The face of this room: typed questions to the Bitcoin node, or to several of which one answers. */

import type { z } from "zod";
import { HEADER_LENGTH_BYTES } from "../bitcoin/block/header.ts";
import { type BlockHash, bytesToHex, hexToBytes, type Txid } from "../bitcoin/bytes.ts";
import type { Network } from "../bitcoin/network.ts";
import type { Clock } from "../runtime/clock.ts";
import type { Log } from "../runtime/log/log.ts";
import { type NodeConfig, rpcAddresses } from "./config.ts";
import { NodeConnection, type RequestOptions } from "./connection.ts";
import { type Credentials, credentialsOf } from "./credentials.ts";
import { nodeError, rpcCodeOf } from "./errors.ts";
import { examineNode } from "./examine.ts";
import { Failover } from "./failover/failover.ts";
import { LagWatch } from "./failover/lag-watch.ts";
import { type BlockHint, blockHints, type NodeHints, sequenceHints } from "./hints/node-hints.ts";
import { type Publisher, publishersOf } from "./hints/publishers.ts";
import { headersByRpc, holdsInvalid, isLevelWith, rejectsChainOf } from "./questions/headers.ts";
import {
  confirmedTransactions,
  hasTransactionIndex,
  type TransactionInBlock,
} from "./questions/raw-transactions.ts";
import { hasSpentOutputs, spentScriptsByRest, spentScriptsByRpc } from "./questions/spent-outputs.ts";
import { ChainInfoReply, HashReply, HeightReply, NetworkInfoReply } from "./replies.ts";
import { badReply, checked, NOT_FOUND, orNothing, rpcBatch, rpcCall } from "./rpc.ts";
import type { SequenceEvent } from "./sequence.ts";

/** RPC_INVALID_PARAMETER: a height that is not there. */
const OUT_OF_RANGE = -8;
/** The node works through a request in one thread: so many transactions take it a millisecond or two. */
const TRANSACTIONS_TOGETHER = 25;
const BLOCK_MAX_BYTES = 4_000_000;
const HEADERS_MAX = 2_000;

export interface NodeClientOptions {
  readonly config: NodeConfig;
  readonly network: Network;
  readonly clock: Clock;
  readonly log: Log;
  /** Instead of what `config` says; for nodes that we start ourselves. */
  readonly credentials?: Credentials;
}

export interface ChainInfo {
  readonly height: number;
  readonly headerHeight: number;
  readonly tipHash: BlockHash;
  /** Of the whole chain: what nodes compare chains by. */
  readonly work: bigint;
  readonly isSyncing: boolean;
  readonly progress: number;
}

/** One node, and what was found out about it. */
interface Node {
  readonly connection: NodeConnection;
  hasRest: boolean;
  /** It gives a block's spent outputs over REST. */
  hasSpentOutputs: boolean;
  hasTransactionIndex: boolean;
  publishers: readonly Publisher[];
}

export class NodeClient {
  readonly #network: Network;
  readonly #failover: Failover<Node>;
  readonly #lagWatch: LagWatch<Node> | undefined;
  readonly #nodes: readonly Node[];
  readonly #options: NodeClientOptions;
  #hints: NodeHints | undefined;

  constructor(options: NodeClientOptions) {
    const { config, network, clock, log } = options;
    this.#network = network;
    const credentials = options.credentials ?? credentialsOf(config, network.name);
    this.#nodes = rpcAddresses(config, network.name).map((url) => ({
      connection: new NodeConnection({
        url,
        credentials,
        clock,
        timeoutMs: config.timeout_ms,
        connections: config.connections,
      }),
      hasRest: false,
      hasSpentOutputs: false,
      hasTransactionIndex: false,
      publishers: [],
    }));
    this.#options = options;
    const isWatched = this.#nodes.length > 1 && config.stuck_blocks > 0;
    const nameOf = (node: Node) => node.connection.name;
    this.#failover = new Failover({
      nodes: this.#nodes,
      nameOf,
      examine: (node) => this.#examine(node),
      clock,
      log,
      ...(isWatched && { onBack: () => void this.#lagWatch?.look() }),
    });
    this.#lagWatch = isWatched
      ? new LagWatch({
          nodes: this.#failover,
          nameOf,
          standingOf: (node) => this.#infoOf(node),
          rejects: (node, other) => rejectsChainOf(node.connection, other.connection),
          blocks: config.stuck_blocks,
          patienceMs: config.stuck_seconds * 1_000,
          clock,
          log,
        })
      : undefined;
  }

  /** The node that answers now, for people. */
  get currentName(): string | undefined {
    return this.#failover.current?.connection.name;
  }

  async close(): Promise<void> {
    this.#lagWatch?.close();
    this.#failover.close();
    this.#hints?.close();
    await Promise.all(this.#nodes.map((node) => node.connection.close()));
  }

  /** True while the node that the configuration names first is the one that answers. */
  get isPreferredAsked(): boolean {
    return this.#failover.current === this.#nodes[0];
  }

  /**
   * The best chain of the first node, if it contains the block `followed` or has more work than that block's chain. If
   * not, the others are asked too and the most work counts: so a node that fell behind, or sits on a weaker branch, is
   * passed over as long as another does better.
   */
  async chainInfo(followed?: BlockHash): Promise<ChainInfo> {
    const { info } = await this.#failover.choose(
      async (node) => {
        const { connection } = node;
        const info = await this.#infoOf(node);
        // A single node is taken as it is.
        const isLevel =
          this.#nodes.length === 1 || (await isLevelWith(connection, info.tipHash, info.work, followed));
        return { info, isLevel };
      },
      { isLevel: ({ isLevel }) => isLevel, isBetter: (a, b) => a.info.work > b.info.work },
    );
    return info;
  }

  /** True if the node that answers knows this block and holds it for invalid, by itself or by its operator's `invalidateblock`. */
  async holdsInvalid(hash: BlockHash): Promise<boolean> {
    return this.#failover.run(({ connection }) => holdsInvalid(connection, hash));
  }

  /** The cheapest question there is: has anything changed? */
  async tipHash(): Promise<BlockHash> {
    return (await this.#call("getbestblockhash", [], HashReply)) as BlockHash;
  }

  async height(): Promise<number> {
    return this.#call("getblockcount", [], HeightReply);
  }

  /** Nothing above the tip. */
  async blockHashAt(height: number): Promise<BlockHash | undefined> {
    return (await orNothing(this.#call("getblockhash", [height], HashReply), OUT_OF_RANGE)) as
      | BlockHash
      | undefined;
  }

  /** Hashes of the active chain from `height` upwards; fewer where it ends. All are of one moment only if nothing was reorganised meanwhile. */
  async blockHashes(height: number, count: number): Promise<BlockHash[]> {
    const calls = Array.from({ length: count }, (_, i) => ({ method: "getblockhash", params: [height + i] }));
    return this.#failover.run(async ({ connection }) => {
      const hashes: BlockHash[] = [];
      for (const item of await rpcBatch(connection, calls)) {
        if ("error" in item) {
          if (rpcCodeOf(item.error) === OUT_OF_RANGE) break;
          throw item.error;
        }
        hashes.push(checked(connection, "getblockhash", HashReply, item.value) as BlockHash);
      }
      return hashes;
    });
  }

  /** Headers of the active chain, 80 bytes each in one array, from `first` on; none if `first` is not in it. */
  async headers(first: BlockHash, count: number): Promise<Uint8Array> {
    const wanted = Math.min(count, HEADERS_MAX);
    return this.#failover.run(async (node) => {
      if (!node.hasRest) return headersByRpc(node.connection, first, wanted);
      const reply = await node.connection.rest(`headers/${first}.bin?count=${wanted}`, {
        replyMaxBytes: HEADERS_MAX * HEADER_LENGTH_BYTES,
      });
      if (reply.status === 404) return new Uint8Array(0);
      if (reply.status !== 200 || reply.body.length % HEADER_LENGTH_BYTES !== 0) {
        throw badReply(node.connection, "rest/headers", `HTTP status ${reply.status}`);
      }
      return reply.body;
    });
  }

  /** A whole block as it stands in the chain; nothing if the node does not have it. */
  async blockBytes(hash: BlockHash, options: RequestOptions = {}): Promise<Uint8Array | undefined> {
    return this.#failover.run(async ({ connection, hasRest }) => {
      if (!hasRest) {
        const request = rpcCall(connection, "getblock", [hash, 0], options);
        const hex = await orNothing(request, NOT_FOUND);
        // A regular expression over megabytes is not free; the decoder refuses what is not hex just as well.
        return hex === undefined ? undefined : blockFromHex(connection, String(hex));
      }
      const reply = await connection.rest(`block/${hash}.bin`, {
        replyMaxBytes: BLOCK_MAX_BYTES,
        ...options,
      });
      if (reply.status === 404) return undefined;
      if (reply.status !== 200) throw badReply(connection, "rest/block", `HTTP status ${reply.status}`);
      return reply.body;
    });
  }

  /** The scripts of all outputs that a block spends; nothing if the node does not have its undo data. */
  async spentScripts(hash: BlockHash): Promise<Uint8Array[] | undefined> {
    return this.#failover.run(({ connection, hasSpentOutputs }) =>
      hasSpentOutputs ? spentScriptsByRest(connection, hash) : spentScriptsByRpc(connection, hash),
    );
  }

  /**
   * Calls back when a node tells over ZMQ that its best chain may have changed: one listener. A node without ZMQ never
   * does, and any message may be lost, so whoever listens asks from time to time all the same.
   */
  onHint(listener: BlockHint): void {
    const { clock, log } = this.#options;
    this.#listen(blockHints(clock, log, listener));
  }

  /** In place of `onHint`, for one who wants to hear of each transaction too; `onGap` when news may have been lost. */
  onSequence(onEvent: (event: SequenceEvent) => void, onGap: () => void): void {
    const { clock, log } = this.#options;
    this.#listen(sequenceHints(clock, log, onEvent, onGap));
  }

  /** True while the node that is asked also tells its news. */
  get isTelling(): boolean {
    const name = this.currentName;
    return name !== undefined && (this.#hints?.isConnected(name) ?? false);
  }

  /** As hex, in the order of what is wanted, each of the block that is named; the node works on several requests at once. */
  async confirmedTransactions(wanted: readonly TransactionInBlock[]): Promise<(string | undefined)[]> {
    const chunks: Promise<(string | undefined)[]>[] = [];
    for (let start = 0; start < wanted.length; start += TRANSACTIONS_TOGETHER) {
      const together = wanted.slice(start, start + TRANSACTIONS_TOGETHER);
      chunks.push(
        this.#failover.run(({ connection, hasTransactionIndex: isIndexed }) =>
          confirmedTransactions(connection, together, isIndexed),
        ),
      );
    }
    return (await Promise.all(chunks)).flat();
  }

  /** Throws NODE_RPC_ERROR with the node's reason (`rpcCode` -25, -26 or -27) if it does not take the transaction. */
  async broadcast(rawTx: Uint8Array): Promise<Txid> {
    return (await this.#call("sendrawtransaction", [bytesToHex(rawTx)], HashReply)) as Txid;
  }

  /** For questions that stand elsewhere: runs `task` with the node that answers, and with the next where that one fails. */
  ask<T>(task: (connection: NodeConnection) => Promise<T>): Promise<T> {
    return this.#failover.run(({ connection }) => task(connection));
  }

  /** Bitcoin Core's version number (290500 is 29.5) and what it calls itself. */
  async version(): Promise<{ readonly version: number; readonly name: string }> {
    const info = await this.#call("getnetworkinfo", [], NetworkInfoReply);
    return { version: info.version, name: info.subversion };
  }

  async #call<S extends z.ZodType>(
    method: string,
    params: readonly unknown[],
    schema: S,
    options: RequestOptions = {},
  ): Promise<z.output<S>> {
    return this.#failover.run(async ({ connection }) =>
      checked(connection, method, schema, await rpcCall(connection, method, params, options)),
    );
  }

  #listen(hints: NodeHints): void {
    this.#hints?.close();
    this.#hints = hints;
    for (const { connection, publishers } of this.#nodes) hints.follow(connection.name, publishers);
  }

  async #infoOf({ connection }: Node): Promise<ChainInfo> {
    const value = await rpcCall(connection, "getblockchaininfo");
    return chainInfoOf(checked(connection, "getblockchaininfo", ChainInfoReply, value));
  }

  /** Before a node is used: is it on our chain, does it have all blocks, has it caught up, does it speak REST? */
  async #examine(node: Node): Promise<void> {
    const { connection } = node;
    const info = await examineNode(connection, this.#network);
    // A single node is followed while it syncs; of several, one that has caught up is to answer.
    if (info.initialblockdownload && this.#nodes.length > 1) {
      throw nodeError(
        { code: "NODE_SYNCING", node: connection.name, height: info.blocks, headerHeight: info.headers },
        `The node ${connection.name} is still syncing: block ${info.blocks} of ${info.headers}.`,
      );
    }
    node.hasRest = (await connection.rest("chaininfo.json")).status === 200;
    node.hasSpentOutputs = node.hasRest && (await hasSpentOutputs(connection, this.#network.genesis.hash));
    node.hasTransactionIndex = await hasTransactionIndex(connection);
    const { zmq } = this.#options.config;
    // The address in the configuration is that of the node named first; of the others each says where it publishes.
    const isNamed = zmq !== undefined && node === this.#nodes[0];
    node.publishers = isNamed ? [{ topic: "sequence", url: zmq }] : await publishersOf(connection);
    this.#hints?.follow(connection.name, node.publishers);
  }
}

function blockFromHex(connection: NodeConnection, hex: string): Uint8Array {
  try {
    return hexToBytes(hex, "a block");
  } catch (error) {
    throw badReply(connection, "getblock", "not hex", error);
  }
}

function chainInfoOf(info: z.output<typeof ChainInfoReply>): ChainInfo {
  return {
    height: info.blocks,
    headerHeight: info.headers,
    tipHash: info.bestblockhash as BlockHash,
    work: BigInt(`0x${info.chainwork}`),
    isSyncing: info.initialblockdownload,
    progress: info.verificationprogress,
  };
}
