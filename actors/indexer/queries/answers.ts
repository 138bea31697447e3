/** The contract's requests as questions to the index. */
import type { ScriptHash, Txid } from "../../../bitcoin/bytes.ts";
import { bytesToHex, txidFromBytes } from "../../../bitcoin/bytes.ts";
import type { Handlers } from "../../../bus/bus.ts";
import type { IndexedTip, indexerContract } from "../../../bus/contracts/indexer.ts";
import { hasCode } from "../../../runtime/errors.ts";
import type { BlockSource } from "../sync/block-source.ts";
import type { Queries } from "./queries.ts";
import type { IndexReader } from "./reader.ts";

const HASH_LENGTH_BYTES = 32;
const HEADER_LENGTH_BYTES = 80;

export interface AnswerParts {
  readonly reader: IndexReader;
  readonly rawTransaction: BlockSource["rawTransaction"];
  readonly isSynced: () => boolean;
}

type QueryHandlers = Omit<Handlers<typeof indexerContract>, "status" | "verifyBlocks" | "verifyRows">;

/** The shape of hashes is checked at the edge of the bus. */
export function answers({ reader, rawTransaction, isSynced }: AnswerParts): QueryHandlers {
  return {
    tip: () => ({ tip: reader.ask((queries) => queries.tip()) ?? null, isSynced: isSynced() }),
    histories: ({ scripthashes, limit }) =>
      perScript(reader, scripthashes, (queries, scriptHash) => queries.history(scriptHash, limit)),
    unspents: ({ scripthashes, limit }) =>
      perScript(reader, scripthashes, (queries, scriptHash) => queries.unspent(scriptHash, limit)),
    balances: ({ scripthashes, limit }) =>
      perScript(reader, scripthashes, (queries, scriptHash) => queries.balanceSat(scriptHash, limit)),
    places: ({ txids }) =>
      reader.ask((queries) => ({
        tip: tipOf(queries),
        results: txids.map((txid) => queries.place(txid as Txid) ?? null),
      })),
    spenders: ({ outpoints }) =>
      reader.ask((queries) => ({
        tip: tipOf(queries),
        results: outpoints.map(({ txid, index }) => queries.spender({ txid: txid as Txid, index }) ?? null),
      })),
    merkleProofs: ({ txids }) =>
      reader.ask((queries) => ({
        results: txids.map((txid) => {
          const place = queries.place(txid as Txid);
          if (place === undefined) return null;
          const { height, position, branch } = queries.merkleProof(place.height, place.position);
          return { height, position, branch: [...branch] };
        }),
      })),
    transactionAt: ({ height, position }) =>
      reader.ask((queries) => ({
        txid: queries.txidAt(height, position),
        branch: [...queries.merkleProof(height, position).branch],
      })),
    blockTxids: ({ height }) => {
      const txids = reader.ask((queries) => queries.blockTxids(height));
      return {
        txids: Array.from({ length: txids.length / HASH_LENGTH_BYTES }, (_, i) =>
          txidFromBytes(txids, i * HASH_LENGTH_BYTES),
        ),
      };
    },
    headers: ({ height, count, checkpointHeight }) =>
      reader.ask((queries) => {
        const headers = queries.headers(height, count);
        const given = headers.length / HEADER_LENGTH_BYTES;
        const answer = { count: given, hex: bytesToHex(headers) };
        if (checkpointHeight === undefined || given === 0) return answer;
        const { root, branch } = queries.headerProof(height + given - 1, checkpointHeight);
        return { ...answer, proof: { root, branch: [...branch] } };
      }),
    rawTransactions: async ({ txids }, { signal }) => {
      const blocks = reader.ask((queries) => txids.map((txid) => queries.place(txid as Txid)?.blockHash));
      const results = await Promise.all(
        txids.map(async (txid, i) => {
          const block = blocks[i];
          const bytes = block === undefined ? undefined : await rawTransaction(txid as Txid, block, signal);
          return bytes === undefined ? null : bytesToHex(bytes);
        }),
      );
      return { results };
    },
  };
}

function perScript<T>(
  reader: IndexReader,
  scripthashes: readonly string[],
  answer: (queries: Queries, scriptHash: ScriptHash) => T,
): { tip: IndexedTip | null; results: (T | null)[] } {
  return reader.ask((queries) => ({
    tip: tipOf(queries),
    results: scripthashes.map((scriptHash) => {
      try {
        return answer(queries, scriptHash as ScriptHash);
      } catch (error) {
        // One script with too much history must not spoil the answer for the others.
        if (hasCode(error, "INDEXER_TOO_MANY")) return null;
        throw error;
      }
    }),
  }));
}

function tipOf(queries: Queries): IndexedTip | null {
  const tip = queries.tip();
  return tip === undefined ? null : { height: tip.height, hash: tip.hash };
}
