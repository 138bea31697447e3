/** What a person reads of the books: one line for each thing that happened to his money. */
import type { MovementRow } from "../store/rows.ts";
import { nextNumber, type Tables } from "../store/store.ts";
import { availableOf, balanceOf, heldOf } from "./entries.ts";
import type { Tx } from "./transaction.ts";

type NewMovement = Pick<MovementRow, "entry" | "kind" | "changeSat"> &
  Partial<Omit<MovementRow, "entry" | "kind" | "changeSat" | "atS" | "balanceSat">>;

const NOTHING = {
  feeSat: 0,
  counterpart: null,
  memo: "",
  order: null,
  txid: null,
  outpoint: null,
  address: null,
} as const;

/** Everything that a person has, what is held for orders too. */
export function wholeBalanceOf(t: Tables, userId: number): number {
  return balanceOf(t, availableOf(userId)) + balanceOf(t, heldOf(userId));
}

/** After the entry that it tells of. */
export function addMovement(tx: Tx, userId: number, movement: NewMovement): MovementRow {
  const row = { ...NOTHING, ...movement, atS: tx.nowS, balanceSat: wholeBalanceOf(tx.t, userId) };
  tx.t.movements.put([userId, nextNumber(tx.t, "movement")], row);
  tx.news.users.add(userId);
  return row;
}
