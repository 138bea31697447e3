/** The sandbox's unconfirmed transactions: who spends whom, replacement by fee, and what a new block or a reorg does to them. */
import { type Txid, txidFromBytes } from "../../bitcoin/bytes.ts";
import { feeSat } from "../../bitcoin/fee.ts";
import {
  isCoinbase,
  parseTransaction,
  serializeTransaction,
  sizeVbOf,
  type Transaction,
  txidBytesOf,
  txidOf,
  weightOf,
  wtxidOf,
} from "../../bitcoin/transaction.ts";
import { checkTransaction } from "../../bitcoin/transaction-check.ts";
import type { Clock } from "../../runtime/clock.ts";
import type { Chain, ChainChange } from "./chain/chain.ts";
import { type Coin, type OutpointKey, outpointKey, spentKey } from "./chain/coins.ts";
import type { ScriptChecker } from "./chain/script-check.ts";
import {
  checkMaturity,
  collectCoins,
  feeOf,
  hasSequenceLocksMet,
  isFinal,
} from "./chain/transaction-rules.ts";
import {
  checkDust,
  checkRelayFee,
  checkStandard,
  checkStandardInputs,
  checkVersion3,
  INCREMENTAL_SAT_PER_KVB,
  MIN_RELAY_SAT_PER_KVB,
} from "./policy.ts";
import { RuleBroken } from "./refusal.ts";

/** Bitcoin Core's `-limitancestorcount` and `-limitancestorsize`; the same for descendants. */
const FAMILY_COUNT_MAX = 25;
const FAMILY_SIZE_MAX_VB = 101_000;
/** BIP125 rule 5. */
const REPLACED_MAX = 100;
/** A sandbox has no use for more; one more is refused. */
const ENTRIES_MAX = 100_000;

export interface MempoolEntry {
  readonly txid: Txid;
  readonly wtxid: Txid;
  readonly transaction: Transaction;
  readonly rawTx: Uint8Array;
  readonly paidSat: bigint;
  readonly sizeVb: number;
  readonly weight: number;
  readonly timeS: number;
  /** The height of the tip when it came. */
  readonly height: number;
  readonly parents: ReadonlySet<Txid>;
}

export interface Candidate {
  readonly entry: MempoolEntry;
  /** What it would push out. */
  readonly replaced: readonly MempoolEntry[];
}

export interface AcceptOptions {
  /** Waives what is only about fees and families: for transactions that come back from a block that was taken back. */
  readonly bypassLimits?: boolean;
  /** Waives the relay fee alone: a package's child pays for its parent. */
  readonly waiveRelayFee?: boolean;
}

export class Mempool {
  readonly #chain: Chain;
  readonly #scripts: ScriptChecker;
  readonly #clock: Clock;
  readonly #entries = new Map<Txid, MempoolEntry>();
  readonly #spenders = new Map<OutpointKey, Txid>();
  #sequence = 1;
  #onEvent: (kind: "added" | "removed", txid: Txid, sequence: number) => void = () => undefined;

  constructor(chain: Chain, scripts: ScriptChecker, clock: Clock) {
    this.#chain = chain;
    this.#scripts = scripts;
    this.#clock = clock;
  }

  /** Grows by one with each transaction that comes or goes, as `mempool_sequence` does. */
  get sequence(): number {
    return this.#sequence;
  }

  /** Called when a transaction comes, and when one goes that no block took. One listener. */
  onEvent(listener: (kind: "added" | "removed", txid: Txid, sequence: number) => void): void {
    this.#onEvent = listener;
  }

  get size(): number {
    return this.#entries.size;
  }

  entries(): IterableIterator<MempoolEntry> {
    return this.#entries.values();
  }

  get(txid: Txid): MempoolEntry | undefined {
    return this.#entries.get(txid);
  }

  spenderOf(key: OutpointKey): Txid | undefined {
    return this.#spenders.get(key);
  }

  /** Throws `RuleBroken` if the transaction may not enter; changes nothing. */
  examine(transaction: Transaction, options: AcceptOptions = {}): Candidate {
    const chain = this.#chain;
    const txid = txidOf(transaction);
    const reason = checkTransaction(transaction, chain.network);
    if (reason !== undefined) throw new RuleBroken(reason);
    if (isCoinbase(transaction)) throw new RuleBroken("coinbase");
    if (options.bypassLimits !== true) checkStandard(transaction);
    const standing = chain.next();
    if (!isFinal(transaction, standing)) throw new RuleBroken("non-final");
    const known = this.#entries.get(txid);
    if (known !== undefined) {
      const isSame = known.wtxid === wtxidOf(transaction);
      throw new RuleBroken(isSame ? "txn-already-in-mempool" : "txn-same-nonwitness-data-in-mempool");
    }
    const coins = this.#collect(transaction, txid);
    if (!hasSequenceLocksMet(transaction, coins, standing)) throw new RuleBroken("non-BIP68-final");
    checkMaturity(coins, standing);
    const paidSat = feeOf(transaction, coins);
    if (options.bypassLimits !== true) {
      checkStandardInputs(transaction, coins);
      checkDust(transaction, paidSat, options.waiveRelayFee === true);
    }
    const entry = this.#entryOf(transaction, txid, paidSat);
    // In a package the child pays, but only a parent of version 3 may bring nothing itself.
    const isFeeWaived = options.waiveRelayFee === true && transaction.version === 3;
    if (options.bypassLimits !== true && !isFeeWaived) checkRelayFee(paidSat, entry.sizeVb);
    const replaced = this.#conflictsOf(transaction);
    if (replaced.length > 0) this.#checkReplacement(entry, replaced);
    if (options.bypassLimits !== true) this.#checkFamily(entry, replaced);
    const outputs = coins.map((coin) => coin.output);
    const failure = this.#scripts.check(transaction, entry.wtxid, outputs, "policy");
    if (failure !== undefined) throw new RuleBroken("mandatory-script-verify-flag-failed", failure);
    return { entry, replaced };
  }

  /** Takes in what `examine` allowed a moment ago. */
  add(candidate: Candidate): MempoolEntry {
    for (const entry of candidate.replaced) this.#remove(entry);
    this.#put(candidate.entry);
    this.#tell("added", candidate.entry.txid);
    return candidate.entry;
  }

  /**
   * What `examine` would say of these, one after the other, as if each one before were there. Changes nothing and tells nobody.
   * Stops at the first refusal.
   */
  rehearse(transactions: readonly Transaction[], onEntry: (entry: MempoolEntry) => void): void {
    const added: MempoolEntry[] = [];
    try {
      for (const transaction of transactions) {
        const { entry, replaced } = this.examine(transaction);
        if (replaced.length > 0 && transactions.length > 1) {
          throw new RuleBroken("bip125-replacement-disallowed");
        }
        if (transactions.length > 1) {
          this.#put(entry);
          added.push(entry);
        }
        onEntry(entry);
      }
    } finally {
      for (const entry of added.reverse()) this.#forget(entry);
    }
  }

  /** After a package: takes out again, youngest first, what neither itself nor with its descendants pays the relay fee. */
  removeUnpaid(added: readonly MempoolEntry[]): readonly MempoolEntry[] {
    const removed: MempoolEntry[] = [];
    for (const entry of [...added].reverse()) {
      const family = [entry, ...this.descendants(entry)];
      const paidSat = family.reduce((sum, of) => sum + of.paidSat, 0n);
      const sizeVb = family.reduce((sum, of) => sum + of.sizeVb, 0);
      if (paidSat >= feeSat(sizeVb, MIN_RELAY_SAT_PER_KVB)) continue;
      for (const gone of family.reverse()) {
        this.#remove(gone);
        removed.push(gone);
      }
    }
    return removed;
  }

  /** Follows the chain: confirmed transactions and their rivals go, those of blocks taken back return. */
  follow(change: ChainChange): void {
    for (const block of change.connected) {
      for (const transaction of block.transactions) this.#confirm(transaction);
    }
    if (change.disconnected.length === 0) return;
    const returning = [...change.disconnected].reverse().flatMap((block) => block.transactions.slice(1));
    const staying = [...this.#entries.values()];
    this.#entries.clear();
    this.#spenders.clear();
    for (const transaction of returning) this.#readd(transaction);
    for (const entry of staying) this.#readd(entry.transaction, entry);
  }

  ancestors(entry: MempoolEntry): MempoolEntry[] {
    return this.#closure(entry, (of) => of.parents);
  }

  descendants(entry: MempoolEntry): MempoolEntry[] {
    return this.#closure(entry, (of) => this.children(of));
  }

  children(entry: MempoolEntry): Set<Txid> {
    const children = new Set<Txid>();
    const txid = txidBytesOf(entry.transaction);
    entry.transaction.outputs.forEach((_, index) => {
      const spender = this.#spenders.get(outpointKey(txid, index));
      if (spender !== undefined) children.add(spender);
    });
    return children;
  }

  #collect(transaction: Transaction, txid: Txid): Coin[] {
    const txidBytes = txidBytesOf(transaction);
    const isKnown = transaction.outputs.some(
      (_, index) => this.#chain.coin(outpointKey(txidBytes, index)) !== undefined,
    );
    if (isKnown) throw new RuleBroken("txn-already-known", txid);
    return collectCoins(transaction, (key) => this.#findCoin(key));
  }

  /** A coin of the chain (conflicts are looked at later) or of the mempool. */
  #findCoin(key: OutpointKey): Coin | undefined {
    const confirmed = this.#chain.coin(key);
    if (confirmed !== undefined) return confirmed;
    const creator = this.#entries.get(txidFromBytes(Buffer.from(key.slice(0, 64), "hex")));
    const output = creator?.transaction.outputs[Number(key.slice(65))];
    if (output === undefined) return undefined;
    return { output, height: this.#chain.height + 1, isCoinbase: false };
  }

  #entryOf(transaction: Transaction, txid: Txid, paidSat: bigint): MempoolEntry {
    const rawTx = serializeTransaction(transaction);
    const parents = transaction.inputs
      .map((input) => txidFromBytes(input.previousTxidBytes))
      .filter((parent) => this.#entries.has(parent));
    return {
      txid,
      wtxid: wtxidOf(transaction),
      // Parsed anew, so that it does not keep a whole block in memory.
      transaction: parseTransaction(rawTx),
      rawTx,
      paidSat,
      sizeVb: sizeVbOf(transaction),
      weight: weightOf(transaction),
      timeS: Math.floor(this.#clock.now() / 1000),
      height: this.#chain.height,
      parents: new Set(parents),
    };
  }

  #conflictsOf(transaction: Transaction): MempoolEntry[] {
    const conflicts = new Set<MempoolEntry>();
    for (const input of transaction.inputs) {
      const spender = this.#spenders.get(spentKey(input));
      const entry = spender === undefined ? undefined : this.#entries.get(spender);
      if (entry === undefined) continue;
      for (const gone of [entry, ...this.descendants(entry)]) conflicts.add(gone);
    }
    return [...conflicts];
  }

  /** BIP125 with full replacement: no signal is asked for. */
  #checkReplacement(entry: MempoolEntry, replaced: readonly MempoolEntry[]): void {
    const txids = new Set(replaced.map((gone) => gone.txid));
    const family = [entry, ...this.ancestors(entry)];
    if (family.some((of) => txids.has(of.txid))) throw new RuleBroken("bad-txns-spends-conflicting-tx");
    if (replaced.length > REPLACED_MAX) throw new RuleBroken("too many potential replacements");
    const direct = replaced.filter((gone) =>
      entry.transaction.inputs.some((input) => this.#spenders.get(spentKey(input)) === gone.txid),
    );
    for (const gone of direct) {
      // Cross-multiplied: feerates without rounding.
      if (entry.paidSat * BigInt(gone.sizeVb) <= gone.paidSat * BigInt(entry.sizeVb)) {
        throw new RuleBroken("insufficient fee");
      }
    }
    const oldParents = new Set(direct.flatMap((gone) => [...gone.parents]));
    if ([...entry.parents].some((parent) => !oldParents.has(parent))) {
      throw new RuleBroken("replacement-adds-unconfirmed");
    }
    const beforeSat = replaced.reduce((sum, gone) => sum + gone.paidSat, 0n);
    if (entry.paidSat < beforeSat + feeSat(entry.sizeVb, INCREMENTAL_SAT_PER_KVB)) {
      throw new RuleBroken("insufficient fee");
    }
  }

  #checkFamily(entry: MempoolEntry, replaced: readonly MempoolEntry[]): void {
    if (this.#entries.size >= ENTRIES_MAX) throw new RuleBroken("mempool full");
    const ancestors = this.ancestors(entry);
    const hasSibling = ancestors.some((of) =>
      this.descendants(of).some((other) => !replaced.includes(other)),
    );
    checkVersion3(
      entry.transaction,
      entry.sizeVb,
      ancestors.map((of) => of.transaction),
      hasSibling,
    );
    const tooLong = (members: readonly MempoolEntry[]) =>
      members.length > FAMILY_COUNT_MAX ||
      members.reduce((sum, member) => sum + member.sizeVb, 0) > FAMILY_SIZE_MAX_VB;
    const isTooLong =
      tooLong([entry, ...ancestors]) ||
      ancestors.some((ancestor) => tooLong([ancestor, entry, ...this.descendants(ancestor)]));
    if (isTooLong) throw new RuleBroken("too-long-mempool-chain");
  }

  #confirm(transaction: Transaction): void {
    const entry = this.#entries.get(txidOf(transaction));
    if (entry !== undefined) {
      this.#forget(entry);
      return;
    }
    for (const conflict of this.#conflictsOf(transaction)) this.#remove(conflict);
  }

  #readd(transaction: Transaction, before?: MempoolEntry): void {
    try {
      const { entry } = this.examine(transaction, { bypassLimits: true });
      // One that stayed is no news.
      if (before === undefined) this.add({ entry, replaced: [] });
      else this.#put({ ...entry, timeS: before.timeS, height: before.height });
    } catch (error) {
      // What no longer fits the chain (its coin is gone, or not ripe any more) leaves.
      if (!(error instanceof RuleBroken)) throw error;
      if (before !== undefined) this.#tell("removed", before.txid);
    }
  }

  #remove(entry: MempoolEntry): void {
    if (!this.#entries.has(entry.txid)) return;
    this.#forget(entry);
    this.#tell("removed", entry.txid);
  }

  #put(entry: MempoolEntry): void {
    this.#entries.set(entry.txid, entry);
    for (const input of entry.transaction.inputs) this.#spenders.set(spentKey(input), entry.txid);
  }

  #tell(kind: "added" | "removed", txid: Txid): void {
    this.#onEvent(kind, txid, this.#sequence++);
  }

  #forget(entry: MempoolEntry): void {
    this.#entries.delete(entry.txid);
    for (const input of entry.transaction.inputs) this.#spenders.delete(spentKey(input));
    for (const child of this.children(entry)) this.#dropParent(child, entry.txid);
  }

  #dropParent(child: Txid, parent: Txid): void {
    const entry = this.#entries.get(child);
    if (entry === undefined) return;
    const parents = new Set(entry.parents);
    parents.delete(parent);
    this.#entries.set(child, { ...entry, parents });
  }

  #closure(entry: MempoolEntry, next: (of: MempoolEntry) => Iterable<Txid>): MempoolEntry[] {
    const found = new Map<Txid, MempoolEntry>();
    const open = [entry];
    for (let at = open.pop(); at !== undefined; at = open.pop()) {
      for (const txid of next(at)) {
        const other = this.#entries.get(txid);
        if (other === undefined || found.has(txid) || txid === entry.txid) continue;
        found.set(txid, other);
        open.push(other);
      }
    }
    return [...found.values()];
  }
}
