/** The books: entries of postings that add up to nothing, each booked once for ever. Nothing is changed or taken away. */
import { assert } from "../../../runtime/errors.ts";
import type { EntryRow, Posting } from "../store/rows.ts";
import { nextNumber, type Tables } from "../store/store.ts";
import type { Tx } from "./transaction.ts";

/** Confirmed coins that walletd holds. */
export const CUSTODY = "chain:custody";
/** The operator's own, what a difference was booked against, and coins that are nobody's yet. */
export const EQUITY = "house:equity";
export const SUSPENSE = "house:suspense";

export const availableOf = (userId: number): string => `user:${userId}:avail`;
export const heldOf = (userId: number): string => `user:${userId}:held`;

export interface NewEntry {
  readonly kind: string;
  /** The same is never booked twice. */
  readonly key: string;
  readonly postings: readonly Posting[];
  readonly txid?: string | undefined;
  readonly order?: string | undefined;
  /** The chain took back what was credited: an account may owe afterwards. */
  readonly mayOwe?: boolean;
}

/** Null where it was booked before. */
export function book(
  tx: Tx,
  { kind, key, postings, txid, order, mayOwe = false }: NewEntry,
): EntryRow | null {
  const { t } = tx;
  if (t.entryKeys.get(key) !== undefined) return null;
  const sums = new Map<string, number>();
  for (const { account, sat } of postings) {
    assert(Number.isSafeInteger(sat), "satoshi are whole");
    sums.set(account, (sums.get(account) ?? 0) + sat);
  }
  const total = [...sums.values()].reduce((sum, sat) => sum + sat, 0);
  assert(total === 0, `the postings of ${kind} add up to nothing`);
  const id = nextNumber(t, "entry");
  for (const [account, sat] of sums) {
    const sum = (t.balances.get(account) ?? 0) + sat;
    assert(Number.isSafeInteger(sum), "a sum of satoshi is a number that can be held");
    // What a person has is owed to him: credit, so negative.
    assert(!isPersons(account) || sat <= 0 || sum <= 0 || mayOwe, `${account} is not overdrawn`);
    t.balances.put(account, sum);
    t.accountEntries.put([account, id], id);
  }
  const entry: EntryRow = { id, atS: tx.nowS, kind, key, postings, txid: txid ?? null, order: order ?? null };
  t.entries.put(id, entry);
  t.entryKeys.put(key, id);
  return entry;
}

/** What the house owes a person, or he the house when it is negative. */
export function balanceOf(t: Tables, account: string): number {
  return 0 - (t.balances.get(account) ?? 0);
}

export interface Sums {
  readonly custodySat: number;
  /** What people have, and what is nobody's yet. */
  readonly liabilitiesSat: number;
  readonly equitySat: number;
  /** Of all accounts, which is nothing. */
  readonly totalSat: number;
  /** Accounts of people that owe. */
  readonly owing: readonly string[];
}

export function sumsOf(t: Tables): Sums {
  let totalSat = 0;
  let liabilitiesSat = 0;
  const owing: string[] = [];
  for (const account of t.balances.keys()) {
    const sat = t.balances.get(account) ?? 0;
    totalSat += sat;
    if (isPersons(account) || account === SUSPENSE) liabilitiesSat -= sat;
    if (isPersons(account) && sat > 0) owing.push(account);
  }
  const custodySat = t.balances.get(CUSTODY) ?? 0;
  return { custodySat, liabilitiesSat, equitySat: balanceOf(t, EQUITY), totalSat, owing };
}

function isPersons(account: string): boolean {
  return account.startsWith("user:");
}
