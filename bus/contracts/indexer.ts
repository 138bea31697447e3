/** What others know of the indexer: questions about the confirmed chain, asked in batches, and news of its blocks. */
import { z } from "zod";
import { bytes, contract } from "../contract/contract.ts";
import { Hash, hashList } from "../contract/hash-list.ts";

/** How many scripts, transactions or outpoints one request may name. */
export const INDEXER_BATCH_MAX = 500;
/** Entries that one script may have at most, whatever the caller allows. */
export const INDEXER_HISTORY_MAX = 1_000_000;
export const INDEXER_HEADERS_MAX = 2_016;
/** Touched script hashes in one event; a block with more is told in several parts. */
export const INDEXER_TOUCHED_MAX = 5_000;

/** Deeper reorganisations are so rare that whoever remembers histories may forget them then. */
export const INDEXER_SETTLED_BLOCKS = 6;

/** Ranges of transactions by which one look at stored rows is summed. */
export const INDEXER_RANGES_MAX = 64;
/** Differences that one answer names; of more it gives the number. */
export const INDEXER_DIFFERENCES_MAX = 20;

/** What can be a height at all: whoever is asked for more need not ask. */
export const INDEXER_HEIGHT_MAX = 100_000_000;
const Height = z.int().min(0).max(INDEXER_HEIGHT_MAX);
const Index = z.int().min(0).max(0xffff_ffff);
const Amount = z.int().min(0);
const Limit = z.int().min(1).max(INDEXER_HISTORY_MAX).default(INDEXER_HISTORY_MAX);

/** The block up to which an answer holds; all of one answer is of one moment. */
export const IndexedTipSchema = z.object({ height: Height, hash: Hash });
export type IndexedTip = z.infer<typeof IndexedTipSchema>;

/** `null` stands for a script that more transactions pay, or have in their history, than the limit. */
function perScript<T extends z.ZodType>(item: T) {
  return z.object({ tip: IndexedTipSchema.nullable(), results: z.array(z.array(item).nullable()) });
}

const ScriptsInput = z.object({
  scripthashes: z.array(Hash).min(1).max(INDEXER_BATCH_MAX),
  limit: Limit,
  /** Of all scripts together: those for which there is no room any more are null, whatever they have. */
  totalMax: Limit,
});
const ASKERS = ["gateway", "mempool", "walletd", "maker", "taker"] as const;
/** A question that takes long is worked on beside the others: it must not take their places. */
const READ = { idempotency: "idempotent", callers: ASKERS, concurrency: 256, queue: 1_024 } as const;
/** 500 hashes of 64 digits and what stands around them. */
const BATCH_BYTES_MAX = 128 * 1024;

const BlockNewsSchema = z.object({
  height: Height,
  hash: Hash,
  header: z.string().regex(/^[0-9a-f]{160}$/),
  txCount: z.int().min(1),
  /** Script hashes that the block pays or spends from: sorted, in parts of at most 5,000. `null`: not known, so any may be. */
  touched: hashList(INDEXER_TOUCHED_MAX).nullable(),
  part: z.int().min(0),
  parts: z.int().min(1),
});
export type IndexerBlockNews = z.infer<typeof BlockNewsSchema>;

const Count = z.int().min(0);
const TABLE_NAMES = ["funding", "spending", "transaction"] as const;
/** 64 bits over a set of rows, whatever their order. */
const RowSumText = z.string().regex(/^[0-9a-f]{16}$/);

const DifferenceSchema = z.object({
  /** Where in the store. */
  where: z.enum(["headers", "counts", "txids", "offsets", "places", "touched", "state", ...TABLE_NAMES]),
  /** The block that it concerns, where one can be named. */
  height: Height.nullable(),
  /** For people: what is there and what should be. */
  what: z.string().max(500),
});
export type IndexDifference = z.infer<typeof DifferenceSchema>;

const FoundSchema = {
  differences: z.array(DifferenceSchema).max(INDEXER_DIFFERENCES_MAX),
  /** All that were found, also those that are not named. */
  differenceCount: Count,
};

export const indexerContract = contract("indexer", {
  semver: "1.1.0",
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
  .rpc("history", {
    doc: "The confirmed transactions of one script, in the order of the chain, as bytes (bus/contracts/indexer/packed-history.ts): all, or only those above a block up to which the asker has them.",
    input: z.object({
      scripthash: Hash,
      /** If the chain has left it, the answer is whole. */
      after: IndexedTipSchema.optional(),
      limit: Limit,
    }),
    output: bytes(),
    content: "bytes",
    deadlineMs: 20_000,
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
    input: ScriptsInput.omit({ totalMax: true }),
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
  .rpc("transactionsAt", {
    doc: "The ids of the transactions at places in blocks, each with the branch that proves it if that is wanted; null where there is none.",
    input: z.object({
      places: z
        .array(z.object({ height: Height, position: Index, isProved: z.boolean() }))
        .min(1)
        .max(100),
    }),
    output: z.object({
      results: z.array(z.object({ txid: Hash, branch: z.array(Hash).max(32).nullable() }).nullable()),
    }),
    deadlineMs: 10_000,
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
  .rpc("status", {
    doc: "What the index is made of: its height, its runs and their rows, its size and format.",
    input: z.object({}),
    output: z.object({
      network: z.string(),
      formatVersion: z.int(),
      tip: IndexedTipSchema.nullable(),
      txCount: Count,
      isSynced: z.boolean(),
      /** Blocks of which it is known where they lie in the node's files on the indexer's machine. */
      placedBlocks: Count,
      /** How often blocks were rolled back since the index was begun. */
      rollbacks: Count,
      sizeBytes: Count,
      runs: z.array(z.object({ level: Count, transactions: Count, packedBlocks: Count })).max(10_000),
      isMerging: z.boolean(),
      /** Runs that are replaced and wait to be deleted. */
      droppedRuns: Count,
    }),
    deadlineMs: 5_000,
    idempotency: "idempotent",
    callers: ["operator", "gateway"],
  })
  .rpc("verifyBlocks", {
    doc: "Makes the rows of some blocks anew from the node's blocks, compares what is stored by position, and gives their sum; with `isDeep` looks each row up.",
    input: z.object({ height: Height, count: z.int().min(1).max(2_000), isDeep: z.boolean() }),
    output: z.object({
      /** How many blocks were looked at: as many as are sensible at once. */
      blocks: z.int().min(1),
      firstTxNumber: Count,
      transactions: Count,
      lengthBytes: Count,
      /** By table, in the order funding, spending, transaction. */
      rows: z.array(Count).length(TABLE_NAMES.length),
      sums: z.array(RowSumText).length(TABLE_NAMES.length),
      ...FoundSchema,
    }),
    errors: {
      INDEXER_RANGE: z.object({ what: z.string() }),
      INDEXER_NOT_LEVEL: z.object({}),
    },
    deadlineMs: 100_000,
    idempotency: "idempotent",
    callers: ["operator"],
  })
  .rpc("verifyRows", {
    doc: "Looks through a slice of a table as it is stored: its order, its places, and by ranges of transactions the sum of its rows.",
    input: z.object({
      table: z.enum(TABLE_NAMES),
      /** The first four bytes of the keys where the slice begins. */
      from: z.int().min(0).max(0xffff_ffff),
      /** Range i holds the transactions from starts[i] up to the next, the last up to `txNumberEnd`. */
      starts: z.array(Count).min(1).max(INDEXER_RANGES_MAX),
      txNumberEnd: Count,
    }),
    output: z.object({
      /** Where the next slice begins; 2^32 at the end. */
      to: z.int().min(1).max(0x1_0000_0000),
      rows: z.array(Count).max(INDEXER_RANGES_MAX),
      sums: z.array(RowSumText).max(INDEXER_RANGES_MAX),
      ...FoundSchema,
    }),
    deadlineMs: 30_000,
    idempotency: "idempotent",
    callers: ["operator"],
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
