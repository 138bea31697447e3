/** The ledger's own side of a bank whose wallet is a model: its looking and paying, over test books. */
import { metrics } from "@opentelemetry/api";
import { Bank } from "../../../actors/ledger/bank/bank.ts";
import type { Tx } from "../../../actors/ledger/books/transaction.ts";
import type { Desk } from "../../../actors/ledger/desk.ts";
import { LedgerMetrics } from "../../../actors/ledger/metrics.ts";
import type { Bus } from "../../../bus/bus.ts";
import { silentLog } from "../../../bus/fake.ts";
import type { Clock } from "../../../runtime/clock.ts";
import type { TestBooks } from "./test-books.ts";

export interface BankOver {
  readonly books: TestBooks;
  readonly bus: Bus;
  readonly clock: Clock;
  /** In place of the books' own, such as one that dies. */
  readonly write?: <T>(work: (tx: Tx) => T) => T;
}

export function deskOver({ books, write }: Pick<BankOver, "books" | "write">): Desk {
  const desk: Pick<Desk, "read" | "look" | "write" | "nowS"> = {
    get nowS() {
      return books.nowS;
    },
    read: (work) => books.read(work),
    look: (work) => books.read((t) => work(books.tx(t))),
    write: (work) => (write === undefined ? books.write(work) : write(work)),
  };
  return desk as Desk;
}

export function bankOver({ books, bus, clock, write }: BankOver): Bank {
  const nothing = { users: 0, openOrders: 0, notices: 0, isSpending: true };
  return new Bank({
    ...{ bus, clock, log: silentLog(), config: books.rules },
    desk: deskOver({ books, ...(write === undefined ? {} : { write }) }),
    metrics: new LedgerMetrics(metrics.getMeter("test"), () => nothing),
    onChange: () => undefined,
  });
}

/** What the operator has opened, and looks at with any grant. */
export function openBooks(books: TestBooks): void {
  books.write(({ t }) =>
    t.bank.put("bank", { wallet: "bank", grant: "g", grantId: "1", tip: null, stopped: null }),
  );
}

/** One round of looking and paying, to its end. */
export async function round(bank: Bank): Promise<void> {
  bank.look();
  await bank.settle();
}
