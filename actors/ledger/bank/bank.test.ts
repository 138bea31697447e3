import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ManualClock } from "../../../runtime/clock.ts";
import { bankOver, openBooks, round } from "../../../tests/harness/ledger/bank-over.ts";
import { ModelBank } from "../../../tests/harness/ledger/model-bank.ts";
import { TestBooks } from "../../../tests/harness/ledger/test-books.ts";
import { orderedIn, personIn, rowOf, typedIn } from "../../../tests/harness/ledger/test-people.ts";
import { ELSEWHERE } from "../../../tests/harness/walletd/robbed-wallets.ts";
import { keepAddress } from "../addresses/addresses.ts";
import { availableOf, balanceOf, heldOf } from "../books/entries.ts";
import { freeze } from "../people/administration.ts";
import { pendingOf } from "../people/people.ts";
import type { OrderRow } from "../store/rows.ts";
import type { Bank } from "./bank.ts";

const AMOUNT_SAT = 90_000;
const FEE_SAT = 300;
const DEPOSIT_SAT = 100_000;

let books: TestBooks;
let model: ModelBank;
let bank: Bank;
beforeEach(async () => {
  books = new TestBooks({ confirmations: 1 });
  model = new ModelBank();
  bank = bankOver({ books, bus: model.bus(), clock: new ManualClock() });
  openBooks(books);
  for (const name of ["alice", "bob"]) {
    const { id } = personIn(books, name);
    books.write((tx) => keepAddress(tx, id, `address-of-${name}`, ""));
    model.pay(`address-of-${name}`, DEPOSIT_SAT);
  }
  model.mine();
  await round(bank);
});
afterEach(async () => {
  await bank.stop();
  await books.remove();
});

/** Held, and not asked of the wallet yet. */
function confirmed(): OrderRow {
  const fee = { feeSat: FEE_SAT, feeSatMax: FEE_SAT };
  const { code } = orderedIn(books, "alice", { address: ELSEWHERE }, AMOUNT_SAT, fee);
  return typedIn(books, "alice", code, undefined, FEE_SAT);
}
const kept = ({ id }: OrderRow) => books.read((t) => t.orders.get(id)) as OrderRow;
function aliceHas() {
  const { id, state } = rowOf(books, "alice");
  const [availableSat, heldSat] = books.read((t) => [
    balanceOf(t, availableOf(id)),
    balanceOf(t, heldOf(id)),
  ]);
  return { state, availableSat, heldSat };
}

it("coins that a block has made are credited when they can be spent, and not before", async () => {
  const { id } = rowOf(books, "alice");
  const before = aliceHas().availableSat;
  model.pay("address-of-alice", 5_000, true);
  for (let at = 1; at < 100; at++) model.mine();
  await round(bank);
  expect(aliceHas().availableSat).toBe(before);
  expect(books.read((t) => pendingOf(t, id))).toBe(5_000);
  expect(books.read((t) => t.bank.get("bank")?.stopped)).toBeNull();
  model.mine();
  await round(bank);
  expect(aliceHas().availableSat).toBe(before + 5_000);
  expect(books.read((t) => pendingOf(t, id))).toBe(0);
});

it("payments that wait for a block are all looked after, however many they are", async () => {
  const first = confirmed();
  await round(bank);
  const sent = kept(first);
  expect(sent.state).toBe("broadcast");
  const ids = Array.from({ length: 1_500 }, (_, at) => at.toString(16).padStart(16, "0"));
  const payout = model.payouts.get(first.id);
  books.write(({ t }) => {
    for (const id of ids) {
      t.orders.put(id, { ...sent, id });
      t.openOrders.put(id, sent.userId);
    }
  });
  // Of the same transaction, so that the sums are what they were.
  for (const id of ids)
    if (payout !== undefined) model.payouts.set(id, { ...payout, order: id, amountSat: 0, feeSat: 0 });
  books.nowS += 3 * 86_400;
  await round(bank);
  expect(books.read((t) => t.openOrders.count())).toBe(1_501);
  model.mine();
  await round(bank);
  expect(books.read((t) => t.openOrders.count())).toBe(0);
});

describe("what somebody has confirmed whose account is frozen before it is paid", () => {
  it("is not paid with the coins of others when the chain has taken his own back", async () => {
    const order = confirmed();
    model.undo(0, true);
    await round(bank);
    expect(model.payouts.size).toBe(0);
    expect(kept(order)).toMatchObject({ state: "failed", failure: { code: "LEDGER_FROZEN" } });
    expect(aliceHas()).toEqual({ state: "frozen", availableSat: 0, heldSat: 0 });
    expect(books.read((t) => t.bank.get("bank")?.stopped)).toBeNull();
  });

  it("is given back when an admin has frozen it", async () => {
    const order = confirmed();
    books.write((tx) => freeze(tx, rowOf(books, "alice"), "a stolen chat"));
    await round(bank);
    expect(model.payouts.size).toBe(0);
    expect(kept(order)).toMatchObject({ state: "failed", failure: { code: "LEDGER_FROZEN" } });
    expect(aliceHas()).toEqual({ state: "frozen", availableSat: DEPOSIT_SAT, heldSat: 0 });
  });

  it("is paid where it may be signed already", async () => {
    const order = confirmed();
    model.fate = "signed, not sent";
    await round(bank);
    expect(kept(order).state).toBe("executing");
    books.write((tx) => freeze(tx, rowOf(books, "alice"), "too late"));
    await round(bank);
    expect(kept(order).state).toBe("broadcast");
    expect(model.payouts.size).toBe(1);
  });
});
