/** The tables of the mempool: entries by txid, by script hash, and by the outputs that they spend. */
import type { ScriptHash, Txid } from "../../../bitcoin/bytes.ts";
import { type Entry, memoryBytesOf } from "./entry.ts";

interface Spender {
  readonly index: number;
  readonly entry: Entry;
}

/**
 * Holds unconfirmed entries and, marked with the height of their block, those that the last blocks have confirmed: whoever still
 * stands on an older block finds them here, and a reorganisation takes them back without asking the node.
 */
export class Tables {
  readonly #entries = new Map<Txid, Entry>();
  readonly #spenders = new Map<Txid, Spender[]>();
  /** Most scripts have a single entry, which needs no set. */
  readonly #scripts = new Map<ScriptHash, Entry | Set<Entry>>();
  readonly #confirmed = new Set<Entry>();
  #sizeVb = 0;
  #feeSat = 0;
  #memoryBytes = 0;

  /** How many are unconfirmed. */
  get count(): number {
    return this.#entries.size - this.#confirmed.size;
  }

  /** Of the unconfirmed ones. */
  get sizeVb(): number {
    return this.#sizeVb;
  }

  /** Of the unconfirmed ones. */
  get feeSat(): number {
    return this.#feeSat;
  }

  /** An estimate, of the unconfirmed ones. What is kept of the last few blocks comes on top, and is bounded by their size. */
  get memoryBytes(): number {
    return this.#memoryBytes;
  }

  get(txid: Txid): Entry | undefined {
    return this.#entries.get(txid);
  }

  /** Confirmed ones too, in the order in which they came. */
  all(): IterableIterator<Entry> {
    return this.#entries.values();
  }

  *unconfirmed(): Generator<Entry> {
    for (const entry of this.#entries.values()) if (entry.confirmedAt === undefined) yield entry;
  }

  confirmed(): ReadonlySet<Entry> {
    return this.#confirmed;
  }

  /** Entries that pay the script or spend from it; confirmed ones too. */
  ofScript(scriptHash: ScriptHash): Iterable<Entry> {
    const found = this.#scripts.get(scriptHash);
    if (found === undefined) return [];
    return found instanceof Set ? found : [found];
  }

  /** With an entry of any kind. */
  get scriptCount(): number {
    return this.#scripts.size;
  }

  /** Those that come while they are handed out are handed out too. */
  scriptHashes(): IterableIterator<ScriptHash> {
    return this.#scripts.keys();
  }

  countOfScript(scriptHash: ScriptHash): number {
    const found = this.#scripts.get(scriptHash);
    if (found === undefined) return 0;
    return found instanceof Set ? found.size : 1;
  }

  spenderOf(txid: Txid, index: number): Entry | undefined {
    return this.#spenders.get(txid)?.find((spender) => spender.index === index)?.entry;
  }

  /** Each once; confirmed ones too. */
  childrenOf(entry: Entry): Set<Entry> {
    return new Set(this.#spenders.get(entry.txid)?.map((spender) => spender.entry));
  }

  /** Those that are here, each once; confirmed ones too. */
  parentsOf(entry: Entry): Set<Entry> {
    const parents = new Set<Entry>();
    for (const { txid } of entry.spends) {
      const parent = this.#entries.get(txid);
      if (parent !== undefined) parents.add(parent);
    }
    return parents;
  }

  /** True for most: nothing here spends it, and it spends nothing that is here. */
  isAlone(entry: Entry): boolean {
    if (this.#spenders.has(entry.txid)) return false;
    for (const { txid } of entry.spends) if (this.#entries.has(txid)) return false;
    return true;
  }

  add(entry: Entry): void {
    this.#entries.set(entry.txid, entry);
    for (const { txid, index, scriptHash } of entry.spends) {
      const spenders = this.#spenders.get(txid);
      if (spenders === undefined) this.#spenders.set(txid, [{ index, entry }]);
      else spenders.push({ index, entry });
      if (scriptHash !== undefined) this.#enlist(scriptHash, entry);
    }
    for (const { scriptHash } of entry.pays) if (scriptHash !== undefined) this.#enlist(scriptHash, entry);
    if (entry.confirmedAt === undefined) this.#weigh(entry, 1);
    else this.#confirmed.add(entry);
  }

  remove(entry: Entry): void {
    this.#entries.delete(entry.txid);
    for (const { txid, scriptHash } of entry.spends) {
      const left = this.#spenders.get(txid)?.filter((spender) => spender.entry !== entry) ?? [];
      if (left.length === 0) this.#spenders.delete(txid);
      else this.#spenders.set(txid, left);
      if (scriptHash !== undefined) this.#delist(scriptHash, entry);
    }
    for (const { scriptHash } of entry.pays) if (scriptHash !== undefined) this.#delist(scriptHash, entry);
    if (!this.#confirmed.delete(entry)) this.#weigh(entry, -1);
  }

  /** `height` of its block, or nothing when it is unconfirmed again. */
  mark(entry: Entry, height: number | undefined): void {
    const wasConfirmed = entry.confirmedAt !== undefined;
    entry.confirmedAt = height;
    if (height !== undefined && !wasConfirmed) {
      this.#confirmed.add(entry);
      this.#weigh(entry, -1);
    } else if (height === undefined && wasConfirmed) {
      this.#confirmed.delete(entry);
      this.#weigh(entry, 1);
    }
  }

  #weigh(entry: Entry, sign: 1 | -1): void {
    this.#sizeVb += sign * entry.sizeVb;
    this.#feeSat += sign * entry.feeSat;
    this.#memoryBytes += sign * memoryBytesOf(entry);
  }

  #enlist(scriptHash: ScriptHash, entry: Entry): void {
    const found = this.#scripts.get(scriptHash);
    if (found === undefined) this.#scripts.set(scriptHash, entry);
    else if (found instanceof Set) found.add(entry);
    else if (found !== entry) this.#scripts.set(scriptHash, new Set([found, entry]));
  }

  #delist(scriptHash: ScriptHash, entry: Entry): void {
    const found = this.#scripts.get(scriptHash);
    if (found === entry) this.#scripts.delete(scriptHash);
    if (!(found instanceof Set)) return;
    found.delete(entry);
    if (found.size === 0) this.#scripts.delete(scriptHash);
  }
}
