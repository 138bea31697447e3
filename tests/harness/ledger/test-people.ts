/** People of test books: they come with coins, order, and type codes, as the answers have them do. */
import { availableOf, book, CUSTODY } from "../../../actors/ledger/books/entries.ts";
import { confirm } from "../../../actors/ledger/orders/confirming.ts";
import { orderByWord, queue } from "../../../actors/ledger/orders/orders.ts";
import { settled } from "../../../actors/ledger/orders/outcome.ts";
import { recipientOf } from "../../../actors/ledger/orders/recipients.ts";
import { needByJid, register } from "../../../actors/ledger/people/people.ts";
import type { OrderRow, UserRow } from "../../../actors/ledger/store/rows.ts";
import type { PartyWord } from "../../../bus/contracts/ledger/values.ts";
import type { TestBooks } from "./test-books.ts";

export const jidOf = (name: string): string => `${name}@example.test`;

export const rowOf = (books: TestBooks, name: string): UserRow =>
  books.read((t) => needByJid(t, jidOf(name)));

/** One that has an account and so much in it. */
export function personIn(books: TestBooks, name: string, sat = 0): UserRow {
  return books.write((tx) => {
    const { user } = register(tx, { jid: jidOf(name), username: name });
    const postings = [
      { account: CUSTODY, sat },
      { account: availableOf(user.id), sat: -sat },
    ];
    if (sat > 0) book(tx, { kind: "deposit", key: name, postings });
    return user;
  });
}

/** `payee`: his name, or another word for him. */
export function orderedIn(
  books: TestBooks,
  payer: string,
  payee: string | PartyWord,
  amountSat: number,
  more: object = {},
): OrderRow {
  return books.write((tx) => {
    const user = needByJid(tx.t, jidOf(payer));
    const recipient = recipientOf(tx, user, typeof payee === "string" ? { username: payee } : payee);
    const price = { amountSat, feeSat: 0, feeSatMax: 0 };
    const wish = { memo: "", request: undefined, isMeant: true, isLeaving: false };
    return queue(tx, user, { ...recipient, ...price, ...wish, ...more });
  });
}

export function typedIn(
  books: TestBooks,
  payer: string,
  code: string,
  oneTimeCode?: string,
  feeSatNow: number | null = null,
): OrderRow {
  return settled(
    books.write((tx) => {
      const found = orderByWord(tx, needByJid(tx.t, jidOf(payer)), { code });
      if ("refusal" in found) return found;
      const user = needByJid(tx.t, jidOf(payer));
      return confirm(tx, user, found.value, { jid: jidOf(payer), oneTimeCode, feeSatNow });
    }),
  );
}
