/** What the answers share: the books, the bank's wallet, and who is asking. */

import type { Bank } from "../bank/bank.ts";
import type { Tx } from "../books/transaction.ts";
import type { Desk } from "../desk.ts";
import { type Outcome, settled } from "../orders/outcome.ts";
import { needAsker } from "../people/people.ts";
import type { UserRow } from "../store/rows.ts";

export interface AnswerDesk {
  readonly desk: Desk;
  readonly bank: Bank;
}

/** A change of one person's account. */
export function changing<T>(desk: Desk, jid: string, work: (tx: Tx, user: UserRow) => T): T {
  return desk.write((tx) => work(tx, needAsker(tx, jid)));
}

/** The same, where a refusal leaves something behind. */
export function judging<T>(desk: Desk, jid: string, work: (tx: Tx, user: UserRow) => Outcome<T>): T {
  return settled(changing(desk, jid, work));
}

export function looking<T>(desk: Desk, jid: string, work: (tx: Tx, user: UserRow) => T): T {
  return desk.look((tx) => work(tx, needAsker(tx, jid)));
}
