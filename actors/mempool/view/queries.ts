/** Questions to the view as someone sees it who stands on a certain block. */
import type { ScriptHash, Txid } from "../../../bitcoin/bytes.ts";
import type { Entry, Spend } from "./entry.ts";
import type { Tables } from "./tables.ts";

export interface HistoryItem {
  readonly txid: Txid;
  readonly feeSat: number;
  readonly hasUnconfirmedInputs: boolean;
}

export interface Family {
  readonly count: number;
  readonly sizeVb: number;
  readonly feeSat: number;
}

/** The families of most nodes end at 25, of the newest at 64; a node may be told otherwise. */
const FAMILY_MAX = 1_000;

export class Queries {
  readonly #tables: Tables;
  readonly #height: number;

  /** Entries of blocks above `height` count as unconfirmed. */
  constructor(tables: Tables, height = Number.POSITIVE_INFINITY) {
    this.#tables = tables;
    this.#height = height;
  }

  /** Nothing for a transaction that does not count as unconfirmed. */
  entry(txid: Txid): Entry | undefined {
    const entry = this.#tables.get(txid);
    return entry !== undefined && this.#counts(entry) ? entry : undefined;
  }

  hasUnconfirmedInputs(entry: Entry): boolean {
    return entry.spends.some(({ txid }) => this.entry(txid) !== undefined);
  }

  /** In Electrum's order. Nothing if there are more than `limit`. */
  history(scriptHash: ScriptHash, limit: number): HistoryItem[] | undefined {
    const entries = this.#ofScript(scriptHash);
    if (entries.length > limit) return undefined;
    return entries
      .map((entry) => ({
        txid: entry.txid,
        feeSat: entry.feeSat,
        hasUnconfirmedInputs: this.hasUnconfirmedInputs(entry),
      }))
      .sort(
        (a, b) =>
          Number(a.hasUnconfirmedInputs) - Number(b.hasUnconfirmedInputs) || compareText(a.txid, b.txid),
      );
  }

  /** Nothing if there are more than `limit`. */
  coins(scriptHash: ScriptHash, limit: number) {
    const unspents = [];
    const spent = [];
    for (const entry of this.#ofScript(scriptHash)) {
      const { txid } = entry;
      for (let index = 0; index < entry.pays.length; index++) {
        const pay = entry.pays[index];
        if (pay?.scriptHash !== scriptHash || this.spender(txid, index) !== undefined) continue;
        const hasUnconfirmedInputs = this.hasUnconfirmedInputs(entry);
        unspents.push({ txid, index, amountSat: pay.amountSat, hasUnconfirmedInputs });
      }
      for (const spend of entry.spends) {
        if (spend.scriptHash !== scriptHash) continue;
        spent.push({
          txid: spend.txid,
          index: spend.index,
          amountSat: spend.amountSat,
          spenderTxid: txid,
        });
      }
      if (unspents.length + spent.length > limit) return undefined;
    }
    return { unspents: unspents.sort(byPlace), spent: spent.sort(byPlace) };
  }

  balanceSat(scriptHash: ScriptHash): number {
    let sum = 0;
    for (const entry of this.#ofScript(scriptHash)) {
      for (const pay of entry.pays) if (pay.scriptHash === scriptHash) sum += pay.amountSat;
      for (const spend of entry.spends) if (spend.scriptHash === scriptHash) sum -= spend.amountSat;
    }
    return sum;
  }

  spender(txid: Txid, index: number): Entry | undefined {
    const entry = this.#tables.spenderOf(txid, index);
    return entry !== undefined && this.#counts(entry) ? entry : undefined;
  }

  /** Sorted. */
  parents(entry: Entry): Txid[] {
    const found = [...this.#tables.parentsOf(entry)].filter((parent) => this.#counts(parent));
    return found.map(({ txid }) => txid).sort();
  }

  ancestors(entry: Entry): Family {
    return this.#family(entry, (of) => this.#tables.parentsOf(of));
  }

  descendants(entry: Entry): Family {
    return this.#family(entry, (of) => this.#tables.childrenOf(of));
  }

  #counts(entry: Entry): boolean {
    return entry.confirmedAt === undefined || entry.confirmedAt > this.#height;
  }

  #ofScript(scriptHash: ScriptHash): Entry[] {
    const entries: Entry[] = [];
    for (const entry of this.#tables.ofScript(scriptHash)) if (this.#counts(entry)) entries.push(entry);
    return entries;
  }

  #family(entry: Entry, next: (of: Entry) => Iterable<Entry>): Family {
    const found = new Set([entry]);
    let sizeVb = 0;
    let feeSat = 0;
    // A set that grows while it is walked: each member brings its own relatives.
    for (const member of found) {
      sizeVb += member.sizeVb;
      feeSat += member.feeSat;
      for (const relative of next(member)) {
        if (found.size < FAMILY_MAX && this.#counts(relative)) found.add(relative);
      }
    }
    return { count: found.size, sizeVb, feeSat };
  }
}

function byPlace(a: Pick<Spend, "txid" | "index">, b: Pick<Spend, "txid" | "index">): number {
  return compareText(a.txid, b.txid) || a.index - b.index;
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
