/** The sandbox's RPC methods that read and fill the mempool. */
import { parseBlock } from "../../../bitcoin/block/block.ts";
import { bytesToHex, type Txid, txidFromBytes } from "../../../bitcoin/bytes.ts";
import { decodeTransaction } from "../../../bitcoin/decoded-transaction.ts";
import { coinsNumberFromSat, feerateSatPerKvb, satFromCoins } from "../../../bitcoin/fee.ts";
import { isUnspendable } from "../../../bitcoin/script/script.ts";
import {
  parseTransaction,
  serializeTransaction,
  type Transaction,
  txidBytesOf,
  txidOf,
  wtxidOf,
} from "../../../bitcoin/transaction.ts";
import { outpointKey, spentKey } from "../chain/coins.ts";
import type { Mempool, MempoolEntry } from "../mempool.ts";
import { INCREMENTAL_SAT_PER_KVB, MIN_RELAY_SAT_PER_KVB } from "../policy.ts";
import { PUBLISHED_TOPICS } from "../publisher.ts";
import { RPC_CODE, RpcRefusal, RuleBroken } from "../refusal.ts";
import { type Arguments, decodeOrRefuse } from "./arguments.ts";
import { type CallTable, call, type SandboxParts } from "./calls.ts";
import { confirmationsOf, entryOf } from "./chain-calls.ts";

/** Bitcoin Core's guard against mistyped fees, in coins per 1,000 virtual bytes. */
const FEERATE_MAX_COINS = 0.1;
const BURN_MAX_COINS = 0;
const TESTED_MAX = 25;
/** What sandbox blocks always have room for: 1 sat/vB. */
const ESTIMATE_COINS = 0.00001;
const TARGET_MAX_BLOCKS = 1008;

export const mempoolCalls: CallTable = Object.freeze({
  getmempoolinfo: call("", mempoolInfo),
  getrawmempool: call("verbose mempool_sequence", (parts, given) =>
    mempoolContents(parts, given.flag(0, false), given.flag(1, false)),
  ),
  getmempoolentry: call("txid", ({ mempool }, given) => {
    const entry = mempool.get(given.hash(0) as Txid);
    if (entry === undefined) throw new RpcRefusal(RPC_CODE.addressOrKey, "Transaction not in mempool");
    return entryFields(mempool, entry);
  }),
  getzmqnotifications: call("", ({ zmqUrl }) =>
    PUBLISHED_TOPICS.map((topic) => ({ type: `pub${topic}`, address: zmqUrl, hwm: 1_000 })),
  ),
  getrawtransaction: call("txid verbosity blockhash", getRawTransaction),
  sendrawtransaction: call("hexstring maxfeerate maxburnamount", sendRawTransaction),
  testmempoolaccept: call("rawtxs maxfeerate", testAccept),
  submitpackage: call("package maxfeerate maxburnamount", submitPackage),
  estimatesmartfee: call("conf_target estimate_mode", (_, given) => {
    const blocks = given.whole(0);
    if (blocks < 1 || blocks > TARGET_MAX_BLOCKS) {
      throw new RpcRefusal(
        RPC_CODE.invalidParameter,
        `Invalid conf_target, must be between 1 and ${TARGET_MAX_BLOCKS}`,
      );
    }
    return { feerate: ESTIMATE_COINS, blocks: Math.max(blocks, 2) };
  }),
});

export function mempoolInfo({ mempool }: SandboxParts): Record<string, unknown> {
  const entries = [...mempool.entries()];
  return {
    loaded: true,
    size: entries.length,
    bytes: entries.reduce((sum, entry) => sum + entry.sizeVb, 0),
    usage: entries.reduce((sum, entry) => sum + entry.rawTx.length, 0),
    total_fee: coinsNumberFromSat(entries.reduce((sum, entry) => sum + entry.paidSat, 0n)),
    maxmempool: 300_000_000,
    mempoolminfee: coinsNumberFromSat(MIN_RELAY_SAT_PER_KVB),
    minrelaytxfee: coinsNumberFromSat(MIN_RELAY_SAT_PER_KVB),
    incrementalrelayfee: coinsNumberFromSat(INCREMENTAL_SAT_PER_KVB),
    unbroadcastcount: 0,
    fullrbf: true,
  };
}

export function mempoolContents(
  { mempool }: SandboxParts,
  isVerbose: boolean,
  hasSequence: boolean,
): unknown {
  if (isVerbose && hasSequence) {
    throw new RpcRefusal(
      RPC_CODE.invalidParameter,
      "Verbose results cannot contain mempool sequence values.",
    );
  }
  const entries = [...mempool.entries()];
  if (isVerbose) return Object.fromEntries(entries.map((entry) => [entry.txid, entryFields(mempool, entry)]));
  const txids = entries.map((entry) => entry.txid);
  return hasSequence ? { txids, mempool_sequence: mempool.sequence } : txids;
}

function entryFields(mempool: Mempool, entry: MempoolEntry): Record<string, unknown> {
  const ancestors = [entry, ...mempool.ancestors(entry)];
  const descendants = [entry, ...mempool.descendants(entry)];
  const size = (members: readonly MempoolEntry[]) => members.reduce((sum, of) => sum + of.sizeVb, 0);
  const fees = (members: readonly MempoolEntry[]) =>
    coinsNumberFromSat(members.reduce((sum, of) => sum + of.paidSat, 0n));
  return {
    vsize: entry.sizeVb,
    weight: entry.weight,
    time: entry.timeS,
    height: entry.height,
    descendantcount: descendants.length,
    descendantsize: size(descendants),
    ancestorcount: ancestors.length,
    ancestorsize: size(ancestors),
    wtxid: entry.wtxid,
    fees: {
      base: fees([entry]),
      modified: fees([entry]),
      ancestor: fees(ancestors),
      descendant: fees(descendants),
    },
    depends: [...entry.parents],
    spentby: [...mempool.children(entry)],
    "bip125-replaceable": true,
    unbroadcast: false,
  };
}

function getRawTransaction({ chain, mempool }: SandboxParts, given: Arguments): unknown {
  const txid = given.hash(0) as Txid;
  const verbosity = given.verbosity(1, 0);
  const hash = given.optionalHash(2);
  if (hash === undefined) {
    const entry = mempool.get(txid);
    if (entry === undefined) {
      throw new RpcRefusal(
        RPC_CODE.addressOrKey,
        "No such mempool transaction. Provide a block hash to ask for a confirmed one.",
      );
    }
    return verbosity <= 0 ? bytesToHex(entry.rawTx) : decodeTransaction(entry.transaction, chain.network);
  }
  const block = entryOf(chain, hash);
  const found = parseBlock(chain.blockBytes(block)).transactions.find(
    (transaction) => txidOf(transaction) === txid,
  );
  if (found === undefined) {
    throw new RpcRefusal(RPC_CODE.addressOrKey, "No such transaction found in the provided block.");
  }
  if (verbosity <= 0) return bytesToHex(serializeTransaction(found));
  return {
    in_active_chain: chain.isActive(block),
    ...decodeTransaction(found, chain.network),
    blockhash: block.hash,
    confirmations: Math.max(confirmationsOf(chain, block), 0),
    time: block.header.timeS,
    blocktime: block.header.timeS,
  };
}

function sendRawTransaction({ chain, mempool }: SandboxParts, given: Arguments): unknown {
  const transaction = decodeTx(given.text(0));
  const burnMaxSat = satFromCoins(given.amount(2, BURN_MAX_COINS));
  refuseBurn(transaction, burnMaxSat);
  const txid = txidOf(transaction);
  const txidBytes = txidBytesOf(transaction);
  if (transaction.outputs.some((_, index) => chain.coin(outpointKey(txidBytes, index)) !== undefined)) {
    throw new RpcRefusal(RPC_CODE.alreadyInChain, "Transaction outputs already in utxo set");
  }
  // Sending again what is there already is not an error.
  if (mempool.get(txid) !== undefined) return txid;
  try {
    const candidate = mempool.examine(transaction);
    refuseHighFee(candidate.entry, satFromCoins(given.amount(1, FEERATE_MAX_COINS)));
    mempool.add(candidate);
    return txid;
  } catch (error) {
    if (!(error instanceof RuleBroken)) throw error;
    const isMissing = error.reason === "bad-txns-inputs-missingorspent";
    throw new RpcRefusal(isMissing ? RPC_CODE.verify : RPC_CODE.verifyRejected, error.message);
  }
}

function testAccept({ mempool }: SandboxParts, given: Arguments): unknown {
  const texts = given.texts(0);
  if (texts.length < 1 || texts.length > TESTED_MAX) {
    throw new RpcRefusal(
      RPC_CODE.invalidParameter,
      `Array must contain between 1 and ${TESTED_MAX} transactions.`,
    );
  }
  const feerateMaxSat = satFromCoins(given.amount(1, FEERATE_MAX_COINS));
  const transactions = texts.map((text) =>
    decodeTx(text, `TX decode failed: ${text.slice(0, 200)} Make sure the tx has at least one input.`),
  );
  const ids = transactions.map((of) => ({ txid: txidOf(of), wtxid: wtxidOf(of) }));
  const problem = packageProblem(transactions);
  if (problem !== undefined) return ids.map((of) => ({ ...of, "package-error": problem }));
  const entries: MempoolEntry[] = [];
  try {
    mempool.rehearse(transactions, (entry) => {
      if (isFeeTooHigh(entry, feerateMaxSat)) throw new RuleBroken("max-fee-exceeded");
      entries.push(entry);
    });
  } catch (error) {
    if (!(error instanceof RuleBroken)) throw error;
    const reason = error.reason === "bad-txns-inputs-missingorspent" ? "missing-inputs" : error.message;
    const refused = { ...ids[entries.length], allowed: false, "reject-reason": reason };
    // Scripts are looked at last: those before it are done then. Otherwise nothing else has a verdict.
    const isScript = error.reason === "mandatory-script-verify-flag-failed";
    const before = isScript
      ? entries.map((entry, i) => acceptedFields(ids[i], entry))
      : ids.slice(0, entries.length);
    return [...before, refused, ...ids.slice(entries.length + 1)];
  }
  return entries.map((entry, i) => acceptedFields(ids[i], entry));
}

function acceptedFields(ids: object | undefined, entry: MempoolEntry): Record<string, unknown> {
  return {
    ...ids,
    allowed: true,
    vsize: entry.sizeVb,
    fees: {
      base: coinsNumberFromSat(entry.paidSat),
      "effective-feerate": coinsNumberFromSat(feerateSatPerKvb(entry.paidSat, entry.sizeVb)),
      "effective-includes": [entry.wtxid],
    },
  };
}

/** What is wrong with several transactions as a package, before any of them is looked at. */
function packageProblem(transactions: readonly Transaction[]): string | undefined {
  if (new Set(transactions.map(txidOf)).size < transactions.length) return "package-contains-duplicates";
  const later = new Set(transactions.map(txidOf));
  const spent = new Set<string>();
  for (const transaction of transactions) {
    // Itself and those after it.
    const parents = transaction.inputs.map((input) => txidFromBytes(input.previousTxidBytes));
    if (parents.some((parent) => later.has(parent))) return "package-not-sorted";
    later.delete(txidOf(transaction));
  }
  for (const { inputs } of transactions) {
    for (const input of inputs) {
      const key = spentKey(input);
      if (spent.has(key)) return "conflict-in-package";
      spent.add(key);
    }
  }
  return undefined;
}

/** Parents, then the child that pays for them: taken if each is valid and together they pay the relay fee. */
function submitPackage({ mempool }: SandboxParts, given: Arguments): unknown {
  const transactions = given.texts(0).map((text) => decodeTx(text));
  if (transactions.length < 1 || transactions.length > TESTED_MAX) {
    throw new RpcRefusal(
      RPC_CODE.invalidParameter,
      `Array must contain between 1 and ${TESTED_MAX} transactions.`,
    );
  }
  if (!isChildWithParents(transactions)) {
    throw new RpcRefusal(
      RPC_CODE.verify,
      "package topology disallowed. not child-with-parents or parents depend on each other.",
    );
  }
  const feerateMaxSat = satFromCoins(given.amount(1, FEERATE_MAX_COINS));
  for (const transaction of transactions)
    refuseBurn(transaction, satFromCoins(given.amount(2, BURN_MAX_COINS)));
  const added: MempoolEntry[] = [];
  const replaced: Txid[] = [];
  const results: Record<string, unknown> = {};
  let failure: string | undefined;
  for (const transaction of transactions) {
    const txid = txidOf(transaction);
    const known = mempool.get(txid);
    try {
      if (known === undefined) {
        const candidate = mempool.examine(transaction, { waiveRelayFee: transactions.length > 1 });
        refuseHighFee(candidate.entry, feerateMaxSat);
        replaced.push(...candidate.replaced.map((entry) => entry.txid));
        added.push(mempool.add(candidate));
      }
      const entry = mempool.get(txid) as MempoolEntry;
      results[wtxidOf(transaction)] = {
        txid,
        vsize: entry.sizeVb,
        fees: { base: coinsNumberFromSat(entry.paidSat) },
      };
    } catch (error) {
      if (!(error instanceof RuleBroken) && !(error instanceof RpcRefusal)) throw error;
      failure = error.message;
      results[wtxidOf(transaction)] = { txid, error: error.message };
    }
  }
  for (const entry of mempool.removeUnpaid(added)) {
    failure = "min relay fee not met";
    results[entry.wtxid] = { txid: entry.txid, error: failure };
  }
  return {
    package_msg: failure === undefined ? "success" : "transaction failed",
    "tx-results": results,
    "replaced-transactions": replaced,
  };
}

/** The last spends of each of the others, and none of those spends of another. One alone is a package too. */
function isChildWithParents(transactions: readonly Transaction[]): boolean {
  const spentBy = ({ inputs }: Transaction) =>
    new Set(inputs.map(({ previousTxidBytes }) => txidFromBytes(previousTxidBytes)));
  const parents = transactions.slice(0, -1);
  const parentTxids = parents.map(txidOf);
  const spentByChild = spentBy(transactions.at(-1) as Transaction);
  return (
    parentTxids.every((txid) => spentByChild.has(txid)) &&
    parents.every((parent) => parentTxids.every((txid) => !spentBy(parent).has(txid)))
  );
}

function decodeTx(
  text: string,
  complaint = "TX decode failed. Make sure the tx has at least one input.",
): Transaction {
  return decodeOrRefuse(text, parseTransaction, complaint);
}

function refuseBurn(transaction: Transaction, burnMaxSat: bigint): void {
  const burns = transaction.outputs.some(
    ({ amountSat, scriptPubKey }) => isUnspendable(scriptPubKey) && amountSat > burnMaxSat,
  );
  if (burns)
    throw new RpcRefusal(
      RPC_CODE.verify,
      "Unspendable output exceeds maximum configured by user (maxburnamount)",
    );
}

function refuseHighFee(entry: MempoolEntry, feerateMaxSat: bigint): void {
  if (isFeeTooHigh(entry, feerateMaxSat)) {
    throw new RpcRefusal(RPC_CODE.verify, "Fee exceeds maximum configured by user (maxfeerate)");
  }
}

function isFeeTooHigh(entry: MempoolEntry, feerateMaxSat: bigint): boolean {
  return feerateMaxSat > 0n && entry.paidSat * 1_000n > feerateMaxSat * BigInt(entry.sizeVb);
}
