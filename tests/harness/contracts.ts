/** Contracts in the shape of the six actors', for tests of the bus that must not wait for the actors. */
import { z } from "zod";
import { bytes, contract } from "../../bus/contract/contract.ts";

const empty = z.object({});
const hash = z.string().regex(/^[0-9a-f]{64}$/);

export const walletdLike = contract("walletd", {
  semver: "1.2.3",
  doc: "Keys and coins.",
  instances: "keyed",
})
  .rpc("balances", {
    doc: "What is there.",
    input: empty,
    output: z.object({ confirmedSat: z.int().min(0) }),
    deadlineMs: 2_000,
    idempotency: "idempotent",
    callers: ["gateway", "maker", "taker"],
  })
  .rpc("signTx", {
    doc: "Signs our inputs of a proposal.",
    input: z.object({ psbt: z.string().max(1_000), feeSat: z.int().min(0).default(0) }),
    output: z.object({ signatures: z.array(z.string()) }),
    errors: { WALLETD_UTXO_UNKNOWN: z.object({ utxo: z.string() }) },
    deadlineMs: 20_000,
    idempotency: "key",
    callers: ["maker", "taker"],
    concurrency: 4,
    redact: ["psbt"],
  })
  .rpc("unlock", {
    doc: "Opens the wallet.",
    input: z.object({ password: z.string() }),
    output: empty,
    deadlineMs: 30_000,
    idempotency: "idempotent",
    callers: ["gateway"],
    redact: ["password"],
  })
  .event("balance.changed", {
    doc: "Coins came or went.",
    body: z.object({ confirmedSat: z.int() }),
    readers: ["gateway", "maker", "taker"],
  })
  .state("status", { doc: "Locked or not.", body: z.object({ isLocked: z.boolean() }), readers: "*" });

export const indexerLike = contract("indexer", { semver: "1.0.0", doc: "The chain.", instances: "any" })
  .rpc("tip", {
    doc: "The last block.",
    input: empty,
    output: z.object({ height: z.int().min(0), hash: z.string() }),
    deadlineMs: 1_000,
    idempotency: "idempotent",
    callers: ["gateway", "maker", "taker", "walletd", "mempool"],
  })
  .rpc("broadcast", {
    doc: "Sends a transaction.",
    input: z.object({ rawTx: z.string().max(2_000) }),
    output: z.object({ txid: hash }),
    deadlineMs: 30_000,
    idempotency: "key",
    callers: ["gateway", "maker", "taker"],
  })
  .rpc("rows", {
    doc: "Rows of the index, packed.",
    input: bytes(),
    output: bytes(),
    content: "bytes",
    requestContent: "bytes",
    replyBytesMax: 8 * 1024 * 1024,
    deadlineMs: 10_000,
    idempotency: "idempotent",
    callers: ["gateway"],
  })
  .event("block.connected", {
    doc: "One more block.",
    body: z.object({ height: z.int(), hash: z.string() }),
    readers: ["gateway", "maker", "taker", "walletd", "mempool"],
  })
  .event("scripthash.touched", {
    doc: "Scripthashes of one shard.",
    body: z.object({ hashes: z.array(z.string()) }),
    readers: ["gateway"],
    keyed: true,
  })
  .state("tip", {
    doc: "The last block.",
    body: z.object({ height: z.int() }),
    readers: ["gateway", "maker", "taker", "walletd"],
  });

export const makerLike = contract("maker", { semver: "1.0.0", doc: "Offers liquidity.", instances: "keyed" })
  .rpc("offers", {
    doc: "What is on offer.",
    input: empty,
    output: z.object({ offers: z.array(z.string()) }),
    deadlineMs: 1_000,
    idempotency: "idempotent",
    callers: ["gateway"],
  })
  .event("session.opened", {
    doc: "A taker came.",
    body: z.object({ session: z.string() }),
    readers: ["gateway"],
  });

export const takerLike = contract("taker", { semver: "1.0.0", doc: "Buys coinjoins.", instances: "keyed" })
  .rpc("run", {
    doc: "Starts a coinjoin.",
    input: z.object({ amountSat: z.int().min(1) }),
    output: z.object({ runId: z.string() }),
    deadlineMs: 5_000,
    idempotency: "key",
    callers: ["gateway"],
  })
  .event("run.finished", { doc: "It ended.", body: z.object({ runId: z.string() }), readers: ["gateway"] })
  .state("run", { doc: "How far it is.", body: z.object({ phase: z.string() }), readers: ["gateway"] });

export const mempoolLike = contract("mempool", { semver: "1.0.0", doc: "What waits.", instances: "any" })
  .rpc("feeEstimate", {
    doc: "What a block costs.",
    input: z.object({ blocks: z.int().min(1).max(1008) }),
    output: z.object({ feerateSatPerKvb: z.number() }),
    deadlineMs: 2_000,
    idempotency: "idempotent",
    callers: ["gateway", "maker", "taker"],
  })
  .event("tx.added", {
    doc: "Transactions came.",
    body: z.object({ txids: z.array(z.string()) }),
    readers: ["gateway", "walletd", "maker", "taker"],
  });

export const likeContracts = [walletdLike, indexerLike, makerLike, takerLike, mempoolLike] as const;
