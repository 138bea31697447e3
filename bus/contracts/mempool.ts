/** What others know of the mempool: questions about unconfirmed transactions, asked in batches, broadcasting, fees, and news of what changed. */
import { z } from "zod";
import { bytes, contract } from "../contract/contract.ts";
import { Hash, hashList } from "../contract/hash-list.ts";

/** How many scripts, transactions or outpoints one request may name. */
export const MEMPOOL_BATCH_MAX = 500;
/** Entries that one script may have at most, whatever the caller allows. */
export const MEMPOOL_HISTORY_MAX = 1_000_000;
/** Items of each list in one event; a change with more is told in several parts. */
export const MEMPOOL_NEWS_MAX = 2_000;
/** As many transactions as a node takes for one package. */
export const MEMPOOL_PACKAGE_MAX = 25;
/** Base64 of 400,000 bytes, the most that a transaction of standard weight can have, and a little. */
const RAW_TEXT_MAX = 540_000;
const RAW_REQUEST_BYTES_MAX = 600_000;

const Height = z.int().min(0).max(100_000_000);
const Index = z.int().min(0).max(0xffff_ffff);
const Amount = z.int().min(0);
const SignedAmount = z.int();
const Count = z.int().min(0);
const FeerateSatPerKvb = z.number().min(0);
const Limit = z.int().min(1).max(MEMPOOL_HISTORY_MAX).default(MEMPOOL_HISTORY_MAX);
const Outpoint = z.object({ txid: Hash, index: Index });
const RawTx = z.base64().max(RAW_TEXT_MAX);

/**
 * Of which moment an answer is. `tip` is the block on which the view stands: what it and the blocks below it confirm is not
 * in the answer, everything else that the node knows is. Null while there is no view yet.
 */
export const MempoolViewSchema = z.object({
  tip: z.object({ height: Height, hash: Hash }).nullable(),
  /** False while the node's mempool is still being read: what is there is true, but something may be missing. */
  isSynced: z.boolean(),
});
export type MempoolView = z.infer<typeof MempoolViewSchema>;

/**
 * The block up to which the asker has confirmed answers. The view is then the one of that block: transactions that newer blocks
 * have confirmed are still in it, so that none is missing from both halves. If we have not heard of the block yet, we wait for it
 * up to a second. The reply's `tip` says which block it became: another one than asked means that a transaction may be in both
 * halves (the confirmed one counts) and that news of the change is on its way.
 */
const AsOf = Hash.optional();

const ScriptsInput = z.object({
  scripthashes: z.array(Hash).min(1).max(MEMPOOL_BATCH_MAX),
  confirmedTip: AsOf,
  limit: Limit,
});

/** `null` stands for a script with more entries than the limit. */
function perScript<T extends z.ZodType>(item: T) {
  return z.object({ view: MempoolViewSchema, results: z.array(item.nullable()) });
}

const ASKERS = ["gateway", "walletd", "maker", "taker"] as const;
const WITH_OPERATOR = [...ASKERS, "operator"] as const;
const READ = { idempotency: "idempotent", callers: ASKERS } as const;
/** 500 hashes of 64 digits and what stands around them. */
const BATCH_BYTES_MAX = 128 * 1024;

const Family = z.object({ count: z.int().min(1), sizeVb: Count, feeSat: SignedAmount });

/** Why a transaction was not taken, for programs; `reason` has the node's own words, unchanged, for people and old clients. */
const RefusalKind = z.enum([
  /** Not a transaction, or one that no node would ever take. */
  "invalid",
  /** It is in a block already: nothing more to do. */
  "already-confirmed",
  /** It spends what does not exist, or what was spent by a block. */
  "missing-inputs",
  /** It pays too little, for itself or for what it would replace. */
  "fee-too-low",
  /** It pays so much that the node takes it for a mistake. */
  "fee-too-high",
  /** Another unconfirmed transaction spends the same. */
  "conflict",
  /** Valid in a block, but nodes do not relay such a thing. */
  "policy",
]);

/** Nothing was changed by what was refused. */
const Refused = z.object({ kind: RefusalKind, reason: z.string(), rpcCode: z.int() });
/** `not_executed`: ask again later. `unknown`: the answer was lost, and asking again is harmless. */
const NodeAway = z.object({ reason: z.string(), outcome: z.enum(["not_executed", "unknown"]) });
const NODE_ERRORS = { MEMPOOL_NODE_AWAY: NodeAway } as const;
const SEND_ERRORS = { MEMPOOL_REFUSED: Refused, MEMPOOL_NODE_AWAY: NodeAway } as const;

const ChangeSchema = z.object({
  view: MempoolViewSchema,
  /** Script hashes for which answers may differ: sorted. `null`: not known, so any may be; the other lists are then empty. */
  touched: hashList(MEMPOOL_NEWS_MAX).nullable(),
  /** Transactions that came, also such as a reorganisation gave back. */
  added: hashList(MEMPOOL_NEWS_MAX),
  /** Transactions that are no longer unconfirmed, and why; `by` is the block or the transaction that took the place. */
  removed: z
    .array(
      z.object({
        txid: Hash,
        why: z.enum(["confirmed", "replaced", "dropped"]),
        by: Hash.nullable(),
      }),
    )
    .max(MEMPOOL_NEWS_MAX),
  /** Outputs that the added and removed transactions spend. */
  outpoints: z.array(Outpoint).max(MEMPOOL_NEWS_MAX),
  part: Count,
  parts: z.int().min(1),
});
export type MempoolChange = z.infer<typeof ChangeSchema>;

const StatusSchema = MempoolViewSchema.extend({
  transactions: Count,
  sizeVb: Count,
  /** What the node says its mempool takes in memory, and where it begins to drop the cheapest; null while the node is away. */
  nodeBytes: Count.nullable(),
  nodeBytesMax: Count.nullable(),
  /** All that the unconfirmed transactions pay. */
  feeSat: Count,
  /** How many the node has; the first reading is done when we have as many. */
  targetTransactions: Count,
  txsPerSecond: z.number().min(0),
  secondsLeft: z.number().min(0).nullable(),
});
export type MempoolStatus = z.infer<typeof StatusSchema>;

export const mempoolContract = contract("mempool", {
  semver: "1.0.0",
  doc: "Follows the node's unconfirmed transactions: by script hash and by outpoint, with fees; sends transactions to the network.",
  instances: "any",
})
  .rpc("status", {
    doc: "How many transactions are unconfirmed, of which moment that is, and how far the first reading has come.",
    input: z.object({}),
    output: StatusSchema,
    deadlineMs: 2_000,
    ...READ,
    callers: WITH_OPERATOR,
  })
  .rpc("histories", {
    doc: "For each script the unconfirmed transactions that pay or spend it, in Electrum's order: first those without unconfirmed inputs, each group by txid.",
    input: ScriptsInput,
    output: perScript(z.array(z.object({ txid: Hash, feeSat: Amount, hasUnconfirmedInputs: z.boolean() }))),
    deadlineMs: 10_000,
    requestBytesMax: BATCH_BYTES_MAX,
    ...READ,
  })
  .rpc("unspents", {
    doc: "For each script its unconfirmed outputs that nothing spends, and all its outputs, confirmed ones too, that unconfirmed transactions spend; both by txid and index.",
    input: ScriptsInput,
    output: perScript(
      z.object({
        unspents: z.array(
          z.object({ txid: Hash, index: Index, amountSat: Amount, hasUnconfirmedInputs: z.boolean() }),
        ),
        spent: z.array(z.object({ txid: Hash, index: Index, amountSat: Amount, spenderTxid: Hash })),
      }),
    ),
    deadlineMs: 10_000,
    requestBytesMax: BATCH_BYTES_MAX,
    ...READ,
  })
  .rpc("balances", {
    doc: "For each script by how much the unconfirmed transactions change its balance, in satoshi; may be negative.",
    input: ScriptsInput.omit({ limit: true }),
    output: z.object({ view: MempoolViewSchema, results: z.array(SignedAmount) }),
    deadlineMs: 10_000,
    requestBytesMax: BATCH_BYTES_MAX,
    ...READ,
  })
  .rpc("scriptFilter", {
    doc: "Which scripts may have unconfirmed transactions, as bits, and its place in the news (bus/contracts/mempool/script-filter.ts): whoever adds what view.changed touches from there on knows of all others that they have none.",
    input: z.object({}),
    output: bytes(),
    content: "bytes",
    deadlineMs: 20_000,
    idempotency: "idempotent",
    callers: ["gateway"],
    concurrency: 1,
    queue: 16,
  })
  .rpc("spenders", {
    doc: "For each output, confirmed or not, the unconfirmed transaction that spends it, or null.",
    input: z.object({
      outpoints: z.array(Outpoint).min(1).max(MEMPOOL_BATCH_MAX),
      confirmedTip: AsOf,
    }),
    output: perScript(z.object({ txid: Hash, hasUnconfirmedInputs: z.boolean() })),
    deadlineMs: 10_000,
    requestBytesMax: BATCH_BYTES_MAX,
    ...READ,
  })
  .rpc("transactions", {
    doc: "For each transaction what is known of it while it is unconfirmed; otherwise null.",
    input: z.object({ txids: z.array(Hash).min(1).max(MEMPOOL_BATCH_MAX), confirmedTip: AsOf }),
    output: perScript(
      z.object({
        feeSat: Amount,
        sizeVb: z.int().min(1),
        weight: z.int().min(1),
        /** When the node saw it first, in seconds since 1970. */
        timeS: Count,
        hasUnconfirmedInputs: z.boolean(),
        /** Unconfirmed transactions whose outputs it spends. */
        parents: z.array(Hash),
        /** It with all unconfirmed ones that it builds on. */
        ancestors: Family,
        /** It with all unconfirmed ones that build on it. */
        descendants: Family,
        /** What a miner earns by taking it with the ancestors that it needs and the descendants that pay for it. */
        packageSatPerKvb: FeerateSatPerKvb,
        /** Virtual bytes that miners would take before it, by packages. */
        aheadVb: Count,
      }),
    ),
    deadlineMs: 10_000,
    requestBytesMax: BATCH_BYTES_MAX,
    ...READ,
  })
  .rpc("rawTransactions", {
    doc: "For each transaction that is unconfirmed, or was until a few blocks ago, its bytes in hex; otherwise null.",
    input: z.object({ txids: z.array(Hash).min(1).max(100) }),
    output: z.object({ results: z.array(z.string().nullable()) }),
    errors: NODE_ERRORS,
    deadlineMs: 30_000,
    ...READ,
  })
  .rpc("recent", {
    doc: "The transactions that came last, newest first.",
    input: z.object({ count: z.int().min(1).max(100).default(10) }),
    output: z.object({
      results: z.array(z.object({ txid: Hash, feeSat: Amount, sizeVb: z.int().min(1) })),
    }),
    deadlineMs: 2_000,
    ...READ,
  })
  .rpc("feeHistogram", {
    doc: "Electrum's histogram: pairs of a feerate in sat/vB and the virtual size that pays at least it and less than the pair before; descending.",
    input: z.object({}),
    output: z.object({ histogram: z.array(z.tuple([z.number().min(0), z.number().min(0)])) }),
    deadlineMs: 5_000,
    ...READ,
    callers: WITH_OPERATOR,
  })
  .rpc("feeEstimates", {
    doc: "For each target in blocks the node's estimate in satoshi per 1,000 vB; null while it has no data. Targets are rounded to Electrum's steps (13 is answered as 12).",
    input: z.object({
      targets: z.array(z.int().min(0).max(1_000_000)).min(1).max(32),
      /** What the node does when it is not told is up to its version. */
      mode: z.enum(["default", "economical", "conservative"]).default("default"),
    }),
    output: z.object({ results: z.array(Amount.nullable()) }),
    errors: NODE_ERRORS,
    deadlineMs: 15_000,
    ...READ,
    callers: WITH_OPERATOR,
  })
  .rpc("relayFees", {
    doc: "What the node asks for at least, in satoshi per 1,000 vB: to relay at all, to enter its mempool now, and for each step of a replacement.",
    input: z.object({}),
    output: z.object({
      relaySatPerKvb: Amount,
      mempoolSatPerKvb: Amount,
      incrementalSatPerKvb: Amount,
    }),
    errors: NODE_ERRORS,
    deadlineMs: 10_000,
    ...READ,
    callers: WITH_OPERATOR,
  })
  .rpc("broadcast", {
    doc: "Sends a transaction to the network. One that is unconfirmed already is answered in the same way. It is in our view when the answer comes, unless the node has dropped it again.",
    input: z.object({ rawTx: RawTx }),
    output: z.object({ txid: Hash }),
    errors: SEND_ERRORS,
    deadlineMs: 30_000,
    requestBytesMax: RAW_REQUEST_BYTES_MAX,
    redact: ["rawTx"],
    ...READ,
  })
  .rpc("broadcastPackage", {
    doc: "Sends parents and the child that pays for them, parents first. What was taken and what not stands in the reply; a package that the node refuses as a whole is MEMPOOL_REFUSED.",
    input: z.object({ rawTxs: z.array(RawTx).min(1).max(MEMPOOL_PACKAGE_MAX) }),
    output: z.object({
      isAccepted: z.boolean(),
      results: z.array(z.object({ txid: Hash, wtxid: Hash, error: z.string().nullable() })),
      replaced: z.array(Hash),
      /** The node's own answer to submitpackage, for clients that want it as it is. */
      nodeAnswer: z.record(z.string(), z.unknown()),
    }),
    errors: SEND_ERRORS,
    deadlineMs: 60_000,
    requestBytesMax: RAW_REQUEST_BYTES_MAX,
    redact: ["rawTxs"],
    ...READ,
  })
  .rpc("testAccept", {
    doc: "Asks the node whether it would take these transactions, parents first; nothing is sent.",
    input: z.object({ rawTxs: z.array(RawTx).min(1).max(MEMPOOL_PACKAGE_MAX) }),
    output: z.object({
      results: z.array(
        z.object({
          txid: Hash,
          wtxid: Hash,
          /** Null: not looked at, because another one of them was refused. */
          isAccepted: z.boolean().nullable(),
          feeSat: Amount.nullable(),
          sizeVb: z.int().min(1).nullable(),
          refusal: Refused.omit({ rpcCode: true }).nullable(),
        }),
      ),
    }),
    errors: SEND_ERRORS,
    deadlineMs: 30_000,
    requestBytesMax: RAW_REQUEST_BYTES_MAX,
    redact: ["rawTxs"],
    ...READ,
  })
  .event("view.changed", {
    doc: "The set of unconfirmed transactions changed, or the block on which it stands; answers are of the new view from here on.",
    body: ChangeSchema,
    readers: ASKERS,
  })
  .state("status", {
    doc: "How many transactions are unconfirmed, and how far the first reading has come.",
    body: StatusSchema,
    readers: "*",
  });
