/** The index asked one thing at a time, in the words of the model: through the very replies that the bus carries. */

import type { Replies } from "../../../actors/indexer/answers/replies.ts";
import { finished, type Steps } from "../../../actors/indexer/lookup/steps.ts";
import { type BlockHash, hexToBytes, type ScriptHash, type Txid } from "../../../bitcoin/bytes.ts";
import {
  PACKED_ENTRY_BYTES,
  PACKED_HEAD_BYTES,
  type PackedHistoryHead,
  unpackHead,
} from "../../../bus/contracts/indexer/packed-history.ts";
import type { IndexedTip } from "../../../bus/contracts/indexer.ts";

export interface AskedEntry {
  readonly txid: Txid;
  readonly height: number;
}

export interface AskedPart extends PackedHistoryHead {
  readonly entries: readonly AskedEntry[];
}

export interface AskedCoin extends AskedEntry {
  readonly index: number;
  readonly amountSat: number;
}

export interface AskedPlace {
  readonly height: number;
  readonly position: number;
  readonly blockHash: BlockHash;
}

export interface AskedProof {
  readonly root: string;
  readonly branch: readonly string[];
}

export class Asked {
  readonly #replies: Replies;

  constructor(replies: Replies) {
    this.#replies = replies;
  }

  tip(): { height: number; hash: BlockHash; txCount: number } | null {
    return this.#json<{ tip: { height: number; hash: BlockHash; txCount: number } | null }>(
      this.#replies.tip(true),
    ).tip;
  }

  /** Null above the limit. */
  history(scriptHash: ScriptHash, limit: number): AskedEntry[] | null {
    return this.#first(this.#replies.histories({ scripthashes: [scriptHash], limit }));
  }

  /** As the bus carries long ones: those above a block that the asker knows, if the chain has it. */
  historyAfter(scriptHash: ScriptHash, after: IndexedTip | undefined, limit: number): AskedPart {
    const reply = Buffer.from(finished(this.#replies.history({ scripthash: scriptHash, after, limit })));
    const head = unpackHead(reply);
    if (head === undefined) throw new Error("it is no packed history");
    const entries: AskedEntry[] = [];
    for (let at = PACKED_HEAD_BYTES; at < reply.length; at += PACKED_ENTRY_BYTES) {
      const txid = reply.toString("hex", at, at + 32) as Txid;
      entries.push({ txid, height: reply.readUInt32BE(at + 32) });
    }
    return { ...head, entries };
  }

  unspent(scriptHash: ScriptHash, limit: number): AskedCoin[] | null {
    return this.#first(this.#replies.unspents({ scripthashes: [scriptHash], limit }));
  }

  balanceSat(scriptHash: ScriptHash, limit: number): number | null {
    return this.#first(this.#replies.balances({ scripthashes: [scriptHash], limit }));
  }

  place(txid: Txid): AskedPlace | undefined {
    return this.#first<AskedPlace | null>(this.#replies.places({ txids: [txid] })) ?? undefined;
  }

  spender(outpoint: { readonly txid: Txid; readonly index: number }): AskedEntry | undefined {
    return this.#first<AskedEntry | null>(this.#replies.spenders([outpoint])) ?? undefined;
  }

  txidAt(height: number, position: number): Txid | undefined {
    const places = [{ height, position, isProved: false }];
    return this.#first<{ txid: Txid } | null>(this.#replies.transactionsAt(places))?.txid;
  }

  blockTxids(height: number): readonly Txid[] {
    return this.#json<{ txids: Txid[] }>(this.#replies.blockTxids(height)).txids;
  }

  branch(height: number, position: number): readonly string[] | undefined {
    const places = [{ height, position, isProved: true }];
    return this.#first<{ branch: string[] } | null>(this.#replies.transactionsAt(places))?.branch;
  }

  merkleProof(txid: Txid): { height: number; position: number; branch: readonly string[] } | null {
    return this.#first(this.#replies.merkleProofs({ txids: [txid] }));
  }

  headers(height: number, count: number): Uint8Array {
    const { hex } = this.#json<{ hex: string }>(this.#replies.headers(height, count, undefined));
    return hexToBytes(hex);
  }

  headerProof(height: number, checkpointHeight: number): AskedProof {
    const reply = this.#json<{ proof?: AskedProof }>(this.#replies.headers(height, 1, checkpointHeight));
    if (reply.proof === undefined) throw new Error("there is no such header");
    return reply.proof;
  }

  #first<T>(steps: Steps<Uint8Array>): T {
    const { results } = this.#json<{ results: T[] }>(steps);
    return results[0] as T;
  }

  #json<T>(steps: Steps<Uint8Array>): T {
    return JSON.parse(Buffer.from(finished(steps)).toString()) as T;
  }
}
