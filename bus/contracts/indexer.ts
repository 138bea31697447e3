/** What others know of the indexer: questions about the confirmed chain, asked in batches, and news of its blocks. */
import { z } from "zod";
import { contract } from "../contract/contract.ts";

/** How many scripts, transactions or outpoints one request may name. */
export const INDEXER_BATCH_MAX = 500;
/** Entries that one script may have at most, whatever the caller allows. */
export const INDEXER_HISTORY_MAX = 1_000_000;
export const INDEXER_HEADERS_MAX = 2_016;
/** Touched script hashes in one event; a block with more is told in several parts. */
export const INDEXER_TOUCHED_MAX = 5_000;

const Hash = z.string().regex(/^[0-9a-f]{64}$/);
const Height = z.int().min(0).max(100_000_000);
const Index = z.int().min(0).max(0xffff_ffff);
const Amount = z.int().min(0);
const Limit = z.int().min(1).max(INDEXER_HISTORY_MAX).default(INDEXER_HISTORY_MAX);

/** The block up to which an answer holds; all of one answer is of one moment. */
export const IndexedTipSchema = z.object({ height: Height, hash: Hash });
export type IndexedTip = z.infer<typeof IndexedTipSchema>;

/** `null` stands for a script with more entries than the limit. */
function perScript<T extends z.ZodType>(item: T) {
  return z.object({ tip: IndexedTipSchema.nullable(), results: z.array(z.array(item).nullable()) });
}

const ScriptsInput = z.object({ scripthashes: z.array(Hash).min(1).max(INDEXER_BATCH_MAX), limit: Limit });
const ASKERS = ["gateway", "mempool", "walletd", "maker", "taker"] as const;
const READ = { idempotency: "idempotent", callers: ASKERS } as const;
/** 500 hashes of 64 digits and what stands around them. */
const BATCH_BYTES_MAX = 128 * 1024;

const BlockNewsSchema = z.object({
  height: Height,
  hash: Hash,
  header: z.string().regex(/^[0-9a-f]{160}$/),
  txCount: z.int().min(1),
  /** Script hashes that the block pays or spends from: sorted, in parts of at most 5,000. `null`: not known, so any may be. */
  touched: z.array(Hash).max(INDEXER_TOUCHED_MAX).nullable(),
  part: z.int().min(0),
  parts: z.int().min(1),
});
export type IndexerBlockNews = z.infer<typeof BlockNewsSchema>;

export const indexerContract = contract("indexer", {
  semver: "1.0.0",
  doc: "Keeps the index of the confirmed chain: histories and coins by script hash, transactions, headers and proofs.",
  instances: "any",
})
  .rpc("tip", {
    doc: "The newest block of the index; null while there is none.",
    input: z.object({}),
    output: z.object({
      tip: IndexedTipSchema.extend({ txCount: z.int().min(1) }).nullable(),
      isSynced: z.boolean(),
    }),
    deadlineMs: 2_000,
    ...READ,
    callers: [...ASKERS, "operator"],
  })
  .rpc("histories", {
    doc: "For each script the confirmed transactions that pay or spend it, in the order of the chain.",
    input: ScriptsInput,
    output: perScript(z.object({ txid: Hash, height: Height })),
    deadlineMs: 20_000,
    requestBytesMax: BATCH_BYTES_MAX,
    ...READ,
  })
  .rpc("unspents", {
    doc: "For each script its outputs that no block spends, in the order of the chain.",
    input: ScriptsInput,
    output: perScript(z.object({ txid: Hash, index: Index, height: Height, amountSat: Amount })),
    deadlineMs: 20_000,
    requestBytesMax: BATCH_BYTES_MAX,
    ...READ,
  })
  .rpc("balances", {
    doc: "For each script the sum of its outputs that no block spends, in satoshi.",
    input: ScriptsInput,
    output: z.object({ tip: IndexedTipSchema.nullable(), results: z.array(Amount.nullable()) }),
    deadlineMs: 20_000,
    requestBytesMax: BATCH_BYTES_MAX,
    ...READ,
  })
  .rpc("places", {
    doc: "For each transaction where it stands in the chain; null if no block has it.",
    input: z.object({ txids: z.array(Hash).min(1).max(INDEXER_BATCH_MAX) }),
    output: z.object({
      tip: IndexedTipSchema.nullable(),
      results: z.array(z.object({ height: Height, position: Index, blockHash: Hash }).nullable()),
    }),
    deadlineMs: 10_000,
    requestBytesMax: BATCH_BYTES_MAX,
    ...READ,
  })
  .rpc("spenders", {
    doc: "For each output the confirmed transaction that spends it, or null.",
    input: z.object({
      outpoints: z
        .array(z.object({ txid: Hash, index: Index }))
        .min(1)
        .max(INDEXER_BATCH_MAX),
    }),
    output: z.object({
      tip: IndexedTipSchema.nullable(),
      results: z.array(z.object({ txid: Hash, height: Height }).nullable()),
    }),
    deadlineMs: 10_000,
    requestBytesMax: BATCH_BYTES_MAX,
    ...READ,
  })
  .rpc("merkleProofs", {
    doc: "For each transaction the branch that proves it against its block's header; null if no block has it.",
    input: z.object({ txids: z.array(Hash).min(1).max(100) }),
    output: z.object({
      results: z.array(
        z.object({ height: Height, position: Index, branch: z.array(Hash).max(32) }).nullable(),
      ),
    }),
    deadlineMs: 10_000,
    ...READ,
  })
  .rpc("transactionAt", {
    doc: "The id of the transaction at a place in a block, with the branch that proves it.",
    input: z.object({ height: Height, position: Index }),
    output: z.object({ txid: Hash, branch: z.array(Hash).max(32) }),
    errors: { INDEXER_RANGE: z.object({ what: z.string() }) },
    deadlineMs: 5_000,
    ...READ,
  })
  .rpc("blockTxids", {
    doc: "The ids of all transactions of a block, in order.",
    input: z.object({ height: Height }),
    output: z.object({ txids: z.array(Hash) }),
    errors: { INDEXER_RANGE: z.object({ what: z.string() }) },
    deadlineMs: 5_000,
    ...READ,
  })
  .rpc("headers", {
    doc: "Headers from a height on, in hex, fewer where the chain ends; with a checkpoint the proof of the last of them.",
    input: z.object({
      height: Height,
      count: z.int().min(1).max(INDEXER_HEADERS_MAX),
      checkpointHeight: Height.optional(),
    }),
    output: z.object({
      count: z.int().min(0),
      hex: z.string(),
      proof: z.object({ root: Hash, branch: z.array(Hash).max(40) }).optional(),
    }),
    errors: { INDEXER_RANGE: z.object({ what: z.string() }) },
    deadlineMs: 10_000,
    ...READ,
  })
  .rpc("rawTransactions", {
    doc: "For each confirmed transaction its bytes in hex, as the node has them; null if no block has it.",
    input: z.object({ txids: z.array(Hash).min(1).max(100) }),
    output: z.object({ results: z.array(z.string().nullable()) }),
    deadlineMs: 30_000,
    ...READ,
  })
  .event("block.connected", {
    doc: "A block was added at the tip. Not told for blocks that come in bulk: see chain.jumped.",
    body: BlockNewsSchema,
    readers: ASKERS,
  })
  .event("block.disconnected", {
    doc: "The block at the tip was rolled back.",
    body: BlockNewsSchema,
    readers: ASKERS,
  })
  .event("chain.jumped", {
    doc: "Many blocks were added at once: whoever follows scripts asks for them again.",
    body: IndexedTipSchema,
    readers: ASKERS,
  })
  .state("tip", {
    doc: "The newest block of the index.",
    body: IndexedTipSchema,
    readers: "*",
  })
  .state("sync", {
    doc: "How far the index is behind the node, and how fast it catches up.",
    body: z.object({
      isSynced: z.boolean(),
      height: z.int().min(-1),
      targetHeight: z.int().min(-1),
      percent: z.number().min(0).max(100),
      txsPerSecond: z.number().min(0),
      megabytesPerSecond: z.number().min(0),
      secondsLeft: z.number().min(0).nullable(),
    }),
    readers: "*",
  });
