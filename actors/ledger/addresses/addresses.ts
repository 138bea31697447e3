/** Addresses that people were given: a fresh one is given again until something has come to it. */
import type { Tx } from "../books/transaction.ts";
import { denials } from "../denials.ts";
import type { AddressRow, UserRow } from "../store/rows.ts";
import { nextNumber, ofFirst, ofFirstDown, type Tables } from "../store/store.ts";

export const HOUSE = 0;

export interface ShownAddress {
  readonly address: string;
  readonly label: string;
  readonly createdAtS: number;
  readonly receivedSat: number;
  readonly pendingSat: number;
  readonly sharePermille: number;
}

const PERMILLE = 1_000;

/** One that was not paid yet and fits the label; undefined where a new one has to be asked for. Throws when there are too many. */
export function freshAddress(
  { t, rules }: Tx,
  user: UserRow,
  label: string | undefined,
  /** New ones that are on their way to him. */
  coming: number,
): AddressRow | undefined {
  const unpaid: AddressRow[] = [];
  for (const address of t.userAddresses.values(ofFirstDown(user.id))) {
    const row = t.addresses.get(address);
    if (row !== undefined && !row.isPaid) unpaid.push(row);
  }
  const fitting = unpaid.find(
    (row) => row.label === (label ?? "") || (label !== undefined && row.label === ""),
  );
  if (fitting === undefined && unpaid.length + coming >= rules.fresh_addresses_max) {
    throw denials.tooMany("addresses", rules.fresh_addresses_max);
  }
  return fitting;
}

export function keepAddress(tx: Tx, userId: number, address: string, label: string): AddressRow {
  const { t, nowS } = tx;
  const row = { address, userId, label, createdAtS: nowS, receivedSat: 0, isPaid: false };
  t.addresses.put(address, row);
  t.userAddresses.put([userId, nextNumber(t, "address")], address);
  return row;
}

export function labelAddress({ t }: Tx, user: UserRow, address: string, label: string): AddressRow {
  const row = t.addresses.get(address);
  if (row === undefined || row.userId !== user.id) throw denials.notYours();
  const labelled = { ...row, label: oneLine(label) };
  t.addresses.put(address, labelled);
  return labelled;
}

/** The newest first. */
export function addressesOf(t: Tables, user: UserRow, offset: number, limit: number): ShownAddress[] {
  return t.userAddresses
    .values({ ...ofFirstDown(user.id), offset, limit })
    .flatMap((address) => t.addresses.get(address) ?? [])
    .map((row) => shownAddress(t, user, row));
}

export function shownAddress(t: Tables, user: UserRow, row: AddressRow): ShownAddress {
  const { address, label, createdAtS, receivedSat } = row;
  const pendingSat = t.openDeposits.keys(ofFirst(user.id)).reduce((sum, [, outpoint]) => {
    const deposit = t.deposits.get(outpoint);
    const isComing =
      deposit?.address === address && (deposit.state === "seen" || deposit.state === "confirmed");
    return sum + (isComing ? deposit.amountSat : 0);
  }, 0);
  const sharePermille =
    user.receivedSat === 0 ? 0 : Math.min(PERMILLE, Math.round((receivedSat / user.receivedSat) * PERMILLE));
  return { address, label, createdAtS, receivedSat: Math.max(0, receivedSat), pendingSat, sharePermille };
}

/** Marks that turn the direction of writing or are not seen, and everything that begins a new line. */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]+/gu;

/** What people write for people: one line, without what could make it look like something else. */
export function oneLine(text: string): string {
  return text.replace(UNSEEN, " ").replace(/\s+/g, " ").trim();
}
