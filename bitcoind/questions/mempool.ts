/** The node's mempool as we ask for it: lists with the block they stand on, raw transactions, coins, fees, and what it says to ours. */
import type { z } from "zod";
import { type BlockHash, bytesToHex, hexToBytes, type Txid } from "../../bitcoin/bytes.ts";
import { satFromCoins } from "../../bitcoin/fee.ts";
import type { NodeClient } from "../client.ts";
import type { NodeConnection } from "../connection.ts";
import { nodeError } from "../errors.ts";
import {
  ChainInfoReply,
  FeeEstimateReply,
  HashReply,
  MempoolInfoReply,
  MempoolSequenceReply,
  PackageReply,
  TestAcceptReply,
  TxOutReply,
} from "../replies.ts";
import { badReply, checked, type RpcCall, rpcBatch, rpcCall } from "../rpc.ts";
import { rawTransactions } from "./raw-transactions.ts";

/** A mempool of 300 MB has far fewer transactions than this answer has room for. */
const MEMPOOL_MAX_BYTES = 256 * 1024 * 1024;
/** A block may come between two questions; it does so a few times in a row at most. */
const MOMENT_TRIES = 8;

/** What the node says of its mempool as a whole. */
export interface NodeMempoolFigures {
  readonly transactions: number;
  /** All fees together; nodes older than version 23 do not say. */
  readonly feeSat: bigint | undefined;
  readonly memoryBytes: number;
  readonly memoryBytesMax: number;
  readonly relaySatPerKvb: bigint;
  readonly mempoolSatPerKvb: bigint;
  readonly incrementalSatPerKvb: bigint;
}

/** The mempool and the block that it stands on. */
export interface MempoolMoment {
  readonly tip: { readonly height: number; readonly hash: BlockHash };
  /** Parents before their children. */
  readonly txids: readonly Txid[];
  readonly figures: NodeMempoolFigures;
}

/** Cheap to ask for again and again: has anything changed? */
export interface MempoolPulse {
  readonly tipHash: BlockHash;
  readonly figures: NodeMempoolFigures;
}

export interface Outpoint {
  readonly txid: Txid;
  readonly index: number;
}

/** An output that a block made and no block has spent. */
export interface ConfirmedCoin {
  readonly amountSat: number;
  readonly scriptPubKey: Uint8Array;
}

export type EstimateMode = "default" | "economical" | "conservative";

export interface PackageVerdict {
  readonly isAccepted: boolean;
  readonly results: readonly { readonly txid: Txid; readonly wtxid: string; readonly error: string | null }[];
  readonly replaced: readonly Txid[];
  readonly nodeAnswer: Record<string, unknown>;
}

export interface TestVerdict {
  readonly txid: Txid;
  readonly wtxid: string;
  /** Nothing: not looked at, because another one of them was refused. */
  readonly isAccepted: boolean | undefined;
  readonly paidSat: bigint | undefined;
  readonly sizeVb: number | undefined;
  readonly reason: string | undefined;
}

export class NodeMempool {
  readonly #client: NodeClient;

  constructor(client: NodeClient) {
    this.#client = client;
  }

  /** True while the node also tells its news by itself. */
  get isTelling(): boolean {
    return this.#client.isTelling;
  }

  close(): Promise<void> {
    return this.#client.close();
  }

  /**
   * All of one node and of one moment. Throws NODE_WARMING_UP while the node reads what it had before it was started: its list
   * lacks most then, and nothing of that has gone.
   */
  async moment(): Promise<MempoolMoment> {
    const calls = callsOf(
      ["getblockchaininfo"],
      ["getmempoolinfo"],
      ["getrawmempool", false, true],
      ["getbestblockhash"],
    );
    return this.#client.ask(async (connection) => {
      for (let tries = 0; tries < MOMENT_TRIES; tries++) {
        const values = await allOf(connection, calls, MEMPOOL_MAX_BYTES);
        const chain = checked(connection, "getblockchaininfo", ChainInfoReply, values[0]);
        const info = checked(connection, "getmempoolinfo", MempoolInfoReply, values[1]);
        if (info.loaded === false) throw stillLoading(connection, info.size);
        const { txids } = checked(connection, "getrawmempool", MempoolSequenceReply, values[2]);
        if (values[3] !== chain.bestblockhash) continue;
        const tip = { height: chain.blocks, hash: chain.bestblockhash as BlockHash };
        return { tip, txids: txids as Txid[], figures: figuresOf(info) };
      }
      throw badReply(connection, "getbestblockhash", "a new block at every question");
    });
  }

  async pulse(): Promise<MempoolPulse> {
    const calls = callsOf(["getbestblockhash"], ["getmempoolinfo"]);
    return this.#client.ask(async (connection) => {
      const values = await allOf(connection, calls);
      const tipHash = checked(connection, "getbestblockhash", HashReply, values[0]) as BlockHash;
      return {
        tipHash,
        figures: figuresOf(checked(connection, "getmempoolinfo", MempoolInfoReply, values[1])),
      };
    });
  }

  /** In the order of the ids; nothing for one that is not there. */
  transactions(txids: readonly Txid[], block?: BlockHash): Promise<(Uint8Array | undefined)[]> {
    return this.#client.ask(async (connection) => {
      const wanted = txids.map((txid) => ({ txid, block }));
      const found = await rawTransactions(connection, wanted);
      return found.map((hex) => (hex === undefined ? undefined : hexToBytes(hex, "a transaction")));
    });
  }

  /** In the order asked; nothing for an output that no block made, or that a block has spent. Unconfirmed spends do not count. */
  async confirmedCoins(outpoints: readonly Outpoint[]): Promise<(ConfirmedCoin | undefined)[]> {
    const calls = outpoints.map(({ txid, index }) => ({ method: "gettxout", params: [txid, index, false] }));
    return this.#client.ask(async (connection) =>
      (await rpcBatch(connection, calls)).map((item) => {
        if ("error" in item) throw item.error;
        const coin = checked(connection, "gettxout", TxOutReply, item.value);
        if (coin === null) return undefined;
        return {
          amountSat: Number(satFromCoins(coin.value)),
          scriptPubKey: hexToBytes(coin.scriptPubKey.hex),
        };
      }),
    );
  }

  blockBytes(hash: BlockHash): Promise<Uint8Array | undefined> {
    return this.#client.blockBytes(hash);
  }

  /** Throws NODE_RPC_ERROR with the node's reason (`rpcCode` -25, -26 or -27) if it does not take the transaction. */
  broadcast(rawTx: Uint8Array): Promise<Txid> {
    return this.#client.broadcast(rawTx);
  }

  /** Parents and the child that pays for them. Throws NODE_RPC_ERROR if the node does not even look at them one by one. */
  async broadcastPackage(rawTxs: readonly Uint8Array[]): Promise<PackageVerdict> {
    return this.#client.ask(async (connection) => {
      const value = await rpcCall(connection, "submitpackage", [rawTxs.map(bytesToHex)]);
      const reply = checked(connection, "submitpackage", PackageReply, value);
      return {
        isAccepted: reply.package_msg === "success",
        results: Object.entries(reply["tx-results"]).map(([wtxid, result]) => ({
          txid: result.txid as Txid,
          wtxid,
          error: result.error ?? null,
        })),
        replaced: (reply["replaced-transactions"] ?? []) as Txid[],
        nodeAnswer: value as Record<string, unknown>,
      };
    });
  }

  async testAccept(rawTxs: readonly Uint8Array[]): Promise<readonly TestVerdict[]> {
    return this.#client.ask(async (connection) => {
      const value = await rpcCall(connection, "testmempoolaccept", [rawTxs.map(bytesToHex)]);
      return checked(connection, "testmempoolaccept", TestAcceptReply, value).map((verdict) => ({
        txid: verdict.txid as Txid,
        wtxid: verdict.wtxid,
        isAccepted: verdict.allowed,
        paidSat: verdict.fees === undefined ? undefined : satFromCoins(verdict.fees.base),
        sizeVb: verdict.vsize,
        reason: verdict["reject-reason"] ?? verdict["package-error"],
      }));
    });
  }

  /** For confirmation within so many blocks, in satoshi per 1,000 vB; nothing while the node has no data. */
  async estimateSatPerKvb(targetBlocks: number, mode: EstimateMode): Promise<bigint | undefined> {
    const params = mode === "default" ? [targetBlocks] : [targetBlocks, mode];
    return this.#client.ask(async (connection) => {
      const value = await rpcCall(connection, "estimatesmartfee", params);
      const { feerate } = checked(connection, "estimatesmartfee", FeeEstimateReply, value);
      return feerate === undefined ? undefined : satFromCoins(feerate);
    });
  }
}

function stillLoading({ name }: NodeConnection, transactions: number): Error {
  const progress = `Loading mempool (${transactions} transactions so far)`;
  return nodeError(
    { code: "NODE_WARMING_UP", node: name, method: "getrawmempool", progress },
    `The node ${name} is starting: ${progress}`,
  );
}

function figuresOf(info: z.output<typeof MempoolInfoReply>): NodeMempoolFigures {
  return {
    transactions: info.size,
    feeSat: info.total_fee === undefined ? undefined : satFromCoins(info.total_fee),
    memoryBytes: info.usage,
    memoryBytesMax: info.maxmempool,
    relaySatPerKvb: satFromCoins(info.minrelaytxfee),
    mempoolSatPerKvb: satFromCoins(Math.max(info.mempoolminfee, info.minrelaytxfee)),
    incrementalSatPerKvb: satFromCoins(info.incrementalrelayfee),
  };
}

function callsOf(...calls: readonly (readonly [method: string, ...params: unknown[]])[]): RpcCall[] {
  return calls.map(([method, ...params]) => ({ method, params }));
}

/** One request, whose calls the node runs one right after the other. */
async function allOf(
  connection: NodeConnection,
  calls: readonly RpcCall[],
  replyMaxBytes?: number,
): Promise<unknown[]> {
  const items = await rpcBatch(connection, calls, replyMaxBytes === undefined ? {} : { replyMaxBytes });
  return items.map((item) => {
    if ("error" in item) throw item.error;
    return item.value;
  });
}
