/** What is unconfirmed on which block: changes in whole steps, and says what they touched. */
import type { BlockHash, Txid } from "../../../bitcoin/bytes.ts";
import type { MempoolView } from "../../../bus/contracts/mempool.ts";
import { Changes, type Departure } from "./changes.ts";
import type { Entry } from "./entry.ts";
import { type ChainBlock, RecentChain } from "./recent-chain.ts";
import { Tables } from "./tables.ts";

/** A block that was added to the chain, as far as it matters here. */
export interface ConnectedBlock extends ChainBlock {
  readonly txids: readonly Txid[];
  /** The transaction of the block that spends an output, if one does. */
  spenderOf(txid: Txid, index: number): Txid | undefined;
}

/** How the chain came from our tip to the node's. */
export interface ChainStep {
  readonly fork: ChainBlock;
  /** The lowest first. */
  readonly connected: readonly ConnectedBlock[];
}

/** Entries of so many blocks are kept for those who stand on an older block: the indexer may be that far behind us. */
const CONFIRMED_KEPT_BLOCKS = 6;

export class View {
  readonly tables = new Tables();
  readonly chain = new RecentChain();
  /** Grows with each change. */
  revision = 0;
  isSynced = false;
  #changes = new Changes();

  get now(): MempoolView {
    const tip = this.chain.tip;
    return {
      tip: tip === undefined ? null : { height: tip.height, hash: tip.hash },
      isSynced: this.isSynced,
    };
  }

  /** The height above which blocks do not count for someone who stands on `hash`; nothing if we cannot tell. */
  heightFor(hash: string): number | undefined {
    const block = this.chain.find(hash);
    const tip = this.chain.tip;
    if (block === undefined || tip === undefined) return undefined;
    return tip.height - block.height <= CONFIRMED_KEPT_BLOCKS ? block.height : undefined;
  }

  takeChanges(): Changes {
    const changes = this.#changes;
    this.#changes = new Changes();
    return changes;
  }

  /** What spends the same as the newcomer makes way: the node holds no two of them. */
  admit(entry: Entry): void {
    this.revision++;
    if (this.tables.get(entry.txid) !== undefined) return;
    const rivals = entry.spends.map(({ txid, index }) => this.tables.spenderOf(txid, index));
    // Spent by a block of ours: the newcomer belongs to a chain that we have not heard of yet.
    if (rivals.some((rival) => rival?.confirmedAt !== undefined)) return;
    for (const rival of rivals) {
      if (rival !== undefined) this.#dropFamily(rival, { why: "replaced", by: entry.txid });
    }
    this.tables.add(entry);
    // The first reading is told as a change of everything.
    if (!this.isSynced) return;
    this.#changes.came(entry);
    for (const child of this.tables.childrenOf(entry)) this.#changes.touch(child);
  }

  drop(entry: Entry, departure: Departure): void {
    this.revision++;
    this.tables.remove(entry);
    this.#changes.went(entry, departure);
    for (const child of this.tables.childrenOf(entry)) this.#changes.touch(child);
  }

  /**
   * Moves to the node's moment in one step: blocks that left and came, transactions that are no longer listed, new ones.
   * Without a `step` the way is not known, and everything may have changed.
   */
  apply(
    tip: ChainBlock,
    step: ChainStep | undefined,
    listed: ReadonlySet<Txid>,
    fresh: readonly Entry[],
  ): void {
    this.revision++;
    if (step === undefined) this.#jump(tip);
    else this.#walk(step);
    const blocks = step?.connected ?? [];
    // First what is new: what it replaces then leaves with the right reason.
    for (const entry of fresh) this.admit(entry);
    for (const entry of [...this.tables.unconfirmed()]) {
      if (!listed.has(entry.txid)) this.drop(entry, departureOf(entry, blocks));
    }
    this.#forgetOld(tip.height);
  }

  #walk({ fork, connected }: ChainStep): void {
    for (const entry of this.tables.confirmed()) {
      if (entry.confirmedAt !== undefined && entry.confirmedAt > fork.height) this.#unconfirm(entry);
    }
    for (const { height, hash, txids } of connected) {
      for (const txid of txids) {
        const entry = this.tables.get(txid);
        if (entry !== undefined) this.#confirm(entry, height, hash);
      }
    }
    this.chain.follow(fork, connected);
  }

  #jump(tip: ChainBlock): void {
    // Which of them are confirmed now, only the list can say.
    for (const entry of this.tables.confirmed()) this.tables.mark(entry, undefined);
    this.chain.beginAt(tip);
    this.#changes.everything();
  }

  #confirm(entry: Entry, height: number, by: BlockHash): void {
    if (entry.confirmedAt === undefined) this.#changes.went(entry, { why: "confirmed", by });
    this.tables.mark(entry, height);
    for (const child of this.tables.childrenOf(entry)) this.#changes.touch(child);
  }

  #unconfirm(entry: Entry): void {
    this.tables.mark(entry, undefined);
    this.#changes.came(entry);
    for (const child of this.tables.childrenOf(entry)) this.#changes.touch(child);
  }

  #dropFamily(entry: Entry, departure: Departure): void {
    const open = [entry];
    const seen = new Set(open);
    for (let at = open.pop(); at !== undefined; at = open.pop()) {
      for (const child of this.tables.childrenOf(at)) {
        if (!seen.has(child)) open.push(child);
        seen.add(child);
      }
    }
    for (const gone of seen) if (this.tables.get(gone.txid) === gone) this.drop(gone, departure);
  }

  #forgetOld(tipHeight: number): void {
    for (const entry of this.tables.confirmed()) {
      if ((entry.confirmedAt ?? 0) <= tipHeight - CONFIRMED_KEPT_BLOCKS) this.tables.remove(entry);
    }
  }
}

/** Why an entry is no longer listed: a block may have taken its coins. */
function departureOf(entry: Entry, blocks: readonly ConnectedBlock[]): Departure {
  for (const block of blocks) {
    for (const { txid, index } of entry.spends) {
      const by = block.spenderOf(txid, index);
      if (by !== undefined) return { why: "replaced", by };
    }
  }
  return { why: "dropped", by: null };
}
