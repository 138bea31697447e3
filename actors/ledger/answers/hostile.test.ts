import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { CallContext } from "../../../bus/bus.ts";
import type { LedgerOrder } from "../../../bus/contracts/ledger/objects.ts";
import { ManualClock } from "../../../runtime/clock.ts";
import { TroupeError } from "../../../runtime/errors.ts";
import { bankOver, deskOver, openBooks, round } from "../../../tests/harness/ledger/bank-over.ts";
import { ModelBank } from "../../../tests/harness/ledger/model-bank.ts";
import { TestBooks } from "../../../tests/harness/ledger/test-books.ts";
import { jidOf, orderedIn, personIn, rowOf } from "../../../tests/harness/ledger/test-people.ts";
import { ELSEWHERE } from "../../../tests/harness/walletd/robbed-wallets.ts";
import type { Bank } from "../bank/bank.ts";
import { cancel, queue } from "../orders/orders.ts";
import { recipientOf } from "../orders/recipients.ts";
import { freeze } from "../people/administration.ts";
import { checkLimits } from "../people/limits.ts";
import { close, openOrdersOf, register, rename } from "../people/people.ts";
import type { CoinjoinRow } from "../store/rows.ts";
import { accountAnswers } from "./account-answers.ts";
import { moneyAnswers } from "./money-answers.ts";

const DAY_S = 86_400;
const ALICE = jidOf("alice");
const CALL = { caller: "gateway", key: undefined } as unknown as CallContext;

let books: TestBooks;
let model: ModelBank;
let bank: Bank;
beforeEach(async () => {
  books = new TestBooks({ fresh_addresses_max: 3 });
  model = new ModelBank();
  bank = bankOver({ books, bus: model.bus(), clock: new ManualClock() });
  openBooks(books);
  await round(bank);
});
afterEach(async () => {
  await bank.stop();
  await books.remove();
});

const answers = () => ({ desk: deskOver({ books }), bank });
/** Given up in the same change. */
const dropped = () =>
  books.write((tx) => {
    const user = rowOf(books, "alice");
    const fee = { amountSat: 1, feeSat: 0, feeSatMax: 0 };
    const wish = { memo: "", request: undefined, isMeant: true, isLeaving: false };
    cancel(tx, queue(tx, user, { ...recipientOf(tx, user, { username: "bob" }), ...fee, ...wish }));
  });
const code = (error: string, data: object = {}) =>
  expect.objectContaining({ code: error, data: expect.objectContaining(data) });

describe("one person", () => {
  it("gets no more fresh addresses than he may have, however many he asks for at once", async () => {
    personIn(books, "alice");
    const { receive } = accountAnswers(answers());
    const asked = await Promise.allSettled(
      Array.from({ length: 10 }, (_, at) => receive({ jid: ALICE, label: `label ${at}` }, CALL)),
    );
    expect(asked.filter(({ status }) => status === "fulfilled")).toHaveLength(3);
    expect(books.read((t) => t.userAddresses.count())).toBe(3);
    for (const one of asked.slice(3))
      expect(one).toMatchObject({ reason: { code: "LEDGER_TOO_MANY", data: { what: "addresses" } } });
  });

  it("has the market asked for one coinjoin at a time, and others ask meanwhile", async () => {
    for (const name of ["alice", "bob"]) personIn(books, name, 1_000_000);
    let tell: (price: CoinjoinRow) => void = () => {};
    const price = new Promise<CoinjoinRow>((resolve) => {
      tell = resolve;
    });
    const asked = { ...answers(), bank: { quoteCoinjoin: () => price } as unknown as Bank };
    const { mix } = moneyAnswers(asked);
    const wish = { address: ELSEWHERE, memo: "", isMeant: true };
    const mixed = async (name: string, amountSat: number) =>
      ((await mix({ ...wish, jid: jidOf(name), amountSat }, CALL)) as LedgerOrder).amountSat;
    const waiting = [mixed("alice", 10_000), mixed("bob", 20_000)];
    await expect(mixed("alice", 30_000)).rejects.toEqual(code("LEDGER_COINJOIN", { why: "busy" }));
    const fees = { makerFeesSat: 1, miningFeeSat: 1, makerFeesSatMax: 1, miningFeeSatMax: 1 };
    tell({ makers: 2, ...fees });
    expect(await Promise.all(waiting)).toEqual([10_000, 20_000]);
    expect(await mixed("alice", 30_000)).toBe(30_000);
  });

  it("keeps five names that he has given up from others, and no sixth", () => {
    personIn(books, "alice");
    const named = (name: string) => books.write((tx) => rename(tx, rowOf(books, "alice"), name).username);
    for (const name of ["anna", "annie", "anne", "ann", "anja"]) named(name);
    expect(() => named("antje")).toThrow(code("LEDGER_TOO_MANY", { what: "names", most: 5 }));
    books.write((tx) => close(tx, rowOf(books, "alice")));
    const again = (username: string) => books.write((tx) => register(tx, { jid: ALICE, username }).user);
    expect(() => again("antje")).toThrow(code("LEDGER_TOO_MANY", { what: "names" }));
    expect(again("annie").state).toBe("open");
    expect(named("anne")).toBe("anne");
    books.nowS += 90 * DAY_S;
    expect(named("antje")).toBe("antje");
  });

  it("orders no more than five hundred payments within a day", () => {
    personIn(books, "alice", 1_000_000);
    personIn(books, "bob");
    for (let i = 0; i < 500; i++) dropped();
    expect(() => orderedIn(books, "alice", "bob", 1)).toThrow(
      code("LEDGER_TOO_MANY", { what: "ordersOfDay" }),
    );
    books.nowS += DAY_S;
    expect(orderedIn(books, "alice", "bob", 1).state).toBe("queued");
  });

  it("has nobody wait while old orders of his are looked through", () => {
    const { id } = personIn(books, "alice", 1_000_000);
    personIn(books, "bob");
    for (let i = 0; i < 500; i++) dropped();
    books.nowS += 4 * DAY_S;
    let reads = 0;
    books.write((tx) => {
      const counted = <T extends { get(key: never): unknown }>(table: T): T =>
        Object.assign(Object.create(table), {
          get: (key: never) => {
            reads += 1;
            return table.get(key);
          },
        });
      const t = { ...tx.t, orders: counted(tx.t.orders), openOrders: counted(tx.t.openOrders) };
      checkLimits({ ...tx, t }, rowOf(books, "alice"), 1);
      expect(openOrdersOf(t, id)).toEqual([]);
    });
    expect(reads).toBeLessThan(10);
  });
});

describe("a frozen account", () => {
  it("is not closed, for it would come back free", async () => {
    const alice = personIn(books, "alice");
    books.write((tx) => freeze(tx, alice, "a look"));
    expect(() => books.write((tx) => close(tx, rowOf(books, "alice")))).toThrow(code("LEDGER_FROZEN"));
    const { leave } = moneyAnswers(answers());
    await expect(leave({ jid: ALICE }, CALL)).rejects.toEqual(code("LEDGER_FROZEN"));
    expect(rowOf(books, "alice").state).toBe("frozen");
  });
});

describe("whoever leaves", () => {
  /** Coins of ten thousand each: the more of them a payment takes, the more it costs. */
  const costly = (totalSat: number) => (amountSat: number) => {
    for (let coins = 1; coins * 10_000 <= totalSat; coins++) {
      const feeSat = 100 * coins;
      if (coins * 10_000 >= amountSat + feeSat) return feeSat;
    }
    throw new TroupeError({ code: "WALLETD_FUNDS" }, "there is not so much");
  };

  it.each([200_000, 100_000])(
    "takes what there is for a price that holds, of %d sat in small coins",
    async (totalSat) => {
      personIn(books, "alice", 100_000);
      model.quoteOf = costly(totalSat);
      const told = await moneyAnswers(answers()).leave({ jid: ALICE, address: ELSEWHERE }, CALL);
      const { amountSat, feeSatMax } = (told as { readonly order: LedgerOrder }).order;
      expect(amountSat + feeSatMax).toBe(100_000);
      expect(model.quoteOf(amountSat)).toBeLessThanOrEqual(feeSatMax);
    },
  );

  it("is told where the wallet has not so much just now", async () => {
    personIn(books, "alice", 100_000);
    model.quoteOf = costly(60_000);
    const leaving = moneyAnswers(answers()).leave({ jid: ALICE, address: ELSEWHERE }, CALL);
    await expect(leaving).rejects.toEqual(code("LEDGER_NOT_OPEN"));
  });
});

it("books of an older release, which list no open orders by person, are read as they are", async () => {
  const { id } = personIn(books, "alice", 1_000);
  personIn(books, "bob");
  const orders = [orderedIn(books, "alice", "bob", 1), orderedIn(books, "alice", "bob", 2)];
  dropped();
  books.write(({ t }) => {
    for (const key of t.userOpenOrders.keys()) t.userOpenOrders.remove(key);
  });
  await books.reopen();
  expect(books.read((t) => openOrdersOf(t, id))).toEqual(orders.map((order) => order.id));
});
