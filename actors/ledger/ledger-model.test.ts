import fc from "fast-check";
import { expect, it } from "vitest";
import { ManualClock } from "../../runtime/clock.ts";
import { bankOver, openBooks, round } from "../../tests/harness/ledger/bank-over.ts";
import { ModelBank, type PayFate } from "../../tests/harness/ledger/model-bank.ts";
import { MIX_FATES } from "../../tests/harness/ledger/model-mixer.ts";
import { TestBooks } from "../../tests/harness/ledger/test-books.ts";
import { ELSEWHERE } from "../../tests/harness/walletd/robbed-wallets.ts";
import { keepAddress } from "./addresses/addresses.ts";
import type { Bank } from "./bank/bank.ts";
import { availableOf, balanceOf, book, heldOf, sumsOf } from "./books/entries.ts";
import type { Tx } from "./books/transaction.ts";
import { confirm, feeMaxOf } from "./orders/confirming.ts";
import { cancel, queue } from "./orders/orders.ts";
import { coinjoinRecipient, recipientOf } from "./orders/recipients.ts";
import { freeze, unfreeze } from "./people/administration.ts";
import { needUser, register } from "./people/people.ts";
import type { Tables } from "./store/store.ts";

const PEOPLE = [1, 2, 3];
const FATES: readonly PayFate[] = ["paid", "lost before", "lost after", "signed, not sent", "refused"];

class Killed extends Error {}

/** Dies before or after one of the writes that follow, as a process does: what it was about to do is not done. */
class MortalBooks {
  readonly books = new TestBooks({
    confirmations: 2,
    payment_sat_max: 1e9,
    day_sat_max: 1e9,
    strong_sat: 1e9,
  });
  readonly model = new ModelBank();
  readonly clock = new ManualClock();
  bank: Bank;
  #writesLeft = Number.POSITIVE_INFINITY;
  #isLast = false;

  constructor() {
    this.bank = this.#newBank();
  }

  write<T>(work: (tx: Tx) => T): T {
    if (this.#isLast) throw new Killed();
    this.#writesLeft -= 1;
    if (this.#writesLeft === 0) {
      this.#isLast = true;
      throw new Killed();
    }
    const result = this.books.write(work);
    if (this.#writesLeft === 0.5) {
      this.#isLast = true;
      throw new Killed();
    }
    return result;
  }

  get isDead(): boolean {
    return this.#isLast;
  }

  /** After so many writes; a half means that the last of them is still done. */
  killAfter(writes: number): void {
    this.#writesLeft = writes;
  }

  async reborn(): Promise<void> {
    await this.bank.stop();
    this.#writesLeft = Number.POSITIVE_INFINITY;
    this.#isLast = false;
    await this.books.reopen();
    this.bank = this.#newBank();
  }

  #newBank(): Bank {
    const { books, clock } = this;
    return bankOver({ books, clock, bus: this.model.bus(), write: (work) => this.write(work) });
  }
}

const ORDER = fc.record({
  what: fc.constant("order" as const),
  who: fc.constantFrom(...PEOPLE),
  to: fc.constantFrom(0, 0, 0, ...PEOPLE),
  sat: fc.integer({ min: 600, max: 60_000 }),
  isConfirmed: fc.constantFrom(true, true, false),
  fate: fc.constantFrom(...FATES),
  feeSat: fc.integer({ min: 100, max: 2_000 }),
});

const MIX = fc.record({
  what: fc.constant("mix" as const),
  who: fc.constantFrom(...PEOPLE),
  sat: fc.integer({ min: 600, max: 60_000 }),
  fate: fc.constantFrom(...MIX_FATES),
  feeSat: fc.integer({ min: 100, max: 2_000 }),
  mostSat: fc.integer({ min: 100, max: 4_000 }),
});

const operation = fc.oneof(
  fc.record({
    what: fc.constant("deposit" as const),
    who: fc.constantFrom(...PEOPLE),
    sat: fc.integer({ min: 1_000, max: 90_000 }),
  }),
  fc.record({ what: fc.constant("mine" as const) }),
  fc.record({ what: fc.constant("undo" as const), at: fc.nat(9), isGone: fc.boolean() }),
  ORDER,
  ORDER,
  ORDER,
  MIX,
  MIX,
  // What hangs at the taker ends, or is given up because its time is over.
  fc.record({ what: fc.constant("finish" as const) }),
  fc.record({ what: fc.constant("late" as const) }),
  fc.record({
    what: fc.constant("again" as const),
    who: fc.constantFrom(...PEOPLE),
    at: fc.nat(9),
    isCancelled: fc.boolean(),
  }),
  // Of one that is no coinjoin under way nothing is given up.
  fc.record({ what: fc.constant("giveUp" as const), who: fc.constantFrom(...PEOPLE), at: fc.nat(9) }),
  fc.record({ what: fc.constantFrom("freeze" as const, "thaw" as const), who: fc.constantFrom(...PEOPLE) }),
  fc.record({ what: fc.constant("kill" as const), writes: fc.constantFrom(1, 1.5, 2, 2.5, 3, 3.5, 4.5) }),
  fc.record({ what: fc.constant("look" as const) }),
  fc.record({ what: fc.constant("replay" as const), at: fc.nat(200) }),
);
type Operation = typeof operation extends fc.Arbitrary<infer T> ? T : never;

const addressOf = (userId: number) => `address-of-${userId}`;

async function run(mortal: MortalBooks, one: Operation): Promise<void> {
  const { model } = mortal;
  switch (one.what) {
    case "deposit":
      model.pay(addressOf(one.who), one.sat);
      return;
    case "mine":
      model.mine();
      return await round(mortal.bank);
    case "undo":
      model.undo(one.at, one.isGone);
      return await round(mortal.bank);
    case "look":
      return await round(mortal.bank);
    case "finish":
      model.mixer.finish();
      return await round(mortal.bank);
    case "late":
      mortal.books.nowS += 4_000;
      return await round(mortal.bank);
    case "mix": {
      model.mixer.fate = one.fate;
      model.feeSat = one.feeSat;
      const order = mortal.write((tx) => mixOrdered(tx, one));
      mortal.write((tx) => confirmed(tx, order.userId, order.id, one.feeSat));
      return await round(mortal.bank);
    }
    case "kill":
      mortal.killAfter(one.writes);
      return;
    case "replay":
      return mortal.write((tx) => bookedAgain(tx, one.at));
    case "order": {
      model.fate = one.fate;
      model.feeSat = one.feeSat;
      const order = mortal.write((tx) => ordered(tx, one));
      if (!one.isConfirmed) return;
      mortal.write((tx) => confirmed(tx, order.userId, order.id, one.feeSat));
      return await round(mortal.bank);
    }
    case "freeze":
      return mortal.write((tx) => void freeze(tx, needUser(tx.t, one.who), "a look"));
    case "thaw":
      return mortal.write((tx) => void unfreeze(tx, needUser(tx.t, one.who)));
    case "giveUp": {
      const id = ordersOf(mortal, one.who)[one.at];
      if (id !== undefined) await mortal.bank.giveUp(id);
      return await round(mortal.bank);
    }
    case "again": {
      const id = ordersOf(mortal, one.who)[one.at];
      if (id === undefined) return;
      mortal.write((tx) => {
        const order = tx.t.orders.get(id);
        if (order === undefined) throw new Error("an order is there for ever");
        if (one.isCancelled) cancel(tx, order);
        else confirmed(tx, one.who, id, model.feeSat);
      });
      return await round(mortal.bank);
    }
  }
}

function ordersOf({ books }: MortalBooks, who: number): string[] {
  return books.read((t) => t.userOrders.values({ start: [who], end: [who + 1] }));
}

function ordered(tx: Tx, { who, to, sat, feeSat }: Extract<Operation, { what: "order" }>) {
  const user = needUser(tx.t, who);
  const word = to === 0 ? { address: ELSEWHERE } : { username: `person${to}` };
  const recipient = recipientOf(tx, user, word);
  const fee = recipient.route === "chain" ? feeSat : 0;
  const price = { amountSat: sat, feeSat: fee, feeSatMax: feeMaxOf(fee) };
  return queue(tx, user, {
    ...recipient,
    ...price,
    memo: "",
    request: undefined,
    isMeant: true,
    isLeaving: false,
  });
}

function mixOrdered(tx: Tx, { who, sat, mostSat }: Extract<Operation, { what: "mix" }>) {
  const user = needUser(tx.t, who);
  const makerFeesSatMax = Math.floor(mostSat / 3);
  const most = { makerFeesSatMax, miningFeeSatMax: mostSat - makerFeesSatMax };
  const coinjoin = { makers: 2, makerFeesSat: 0, miningFeeSat: 100, ...most };
  const price = { amountSat: sat, feeSat: 100, feeSatMax: mostSat, coinjoin };
  const more = { memo: "", request: undefined, isMeant: true, isLeaving: false };
  return queue(tx, user, { ...coinjoinRecipient(tx, user, ELSEWHERE), ...price, ...more });
}

/** What is in the books is brought to them once more, as by an event that comes twice. */
function bookedAgain(tx: Tx, at: number): void {
  const entries = tx.t.entries.values();
  const { kind, key, postings } = entries[at % entries.length] ?? {};
  if (kind === undefined || key === undefined || postings === undefined) return;
  expect(book(tx, { kind, key, postings, mayOwe: true }), key).toBeNull();
}

function confirmed(tx: Tx, who: number, id: string, feeSat: number): void {
  const order = tx.t.orders.get(id);
  if (order === undefined) throw new Error("an order is there for ever");
  const feeSatNow = order.route === "chain" ? feeSat : null;
  confirm(tx, needUser(tx.t, who), order, { jid: "any@example.test", oneTimeCode: undefined, feeSatNow });
}

function mixedIn(t: Tables): number {
  return t.orders
    .values()
    .filter(({ route, state }) => route === "coinjoin" && (state === "broadcast" || state === "done")).length;
}

/** What a person must have, by what came to him, what he paid and what he was paid. */
function owedTo(t: Tables, userId: number, model: ModelBank): number {
  let sat = 0;
  for (const row of t.deposits.values())
    if (row.userId === userId && row.state === "credited") sat += row.amountSat;
  for (const order of t.orders.values()) {
    const isDone = order.state === "done" || order.state === "broadcast";
    if (order.userId === userId && isDone)
      sat -= order.amountSat + (model.payouts.get(order.id)?.feeSat ?? 0);
    if (order.to.userId === userId && isDone) sat += order.amountSat;
  }
  return sat;
}

it("through random orders, lost answers, reorganisations and deaths no order is paid twice, nobody spends another's coins, and books and wallet agree", async () => {
  let payouts = 0;
  let mixes = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(operation, { minLength: 30, maxLength: 60, size: "max" }),
      async (operations) => {
        const mortal = new MortalBooks();
        const { books, model } = mortal;
        try {
          books.write((tx) => {
            for (const userId of PEOPLE) {
              register(tx, { jid: `person${userId}@example.test`, username: `person${userId}` });
              keepAddress(tx, userId, addressOf(userId), "");
            }
          });
          openBooks(books);
          for (const userId of PEOPLE) model.pay(addressOf(userId), 600_000);
          for (let i = 0; i < 2; i++) await run(mortal, { what: "mine" });
          for (const one of operations) {
            try {
              await run(mortal, one);
            } catch (error) {
              const code = (error as { code?: string }).code ?? "";
              if (!(error instanceof Killed) && !code.startsWith("LEDGER_")) throw error;
            }
            if (mortal.isDead) await mortal.reborn();
            books.nowS += 1;
          }
          await mortal.reborn();
          payouts += model.payouts.size;
          model.fate = "paid";
          mixes += books.read((t) => mixedIn(t));
          for (let i = 0; i < 3; i++) await round(mortal.bank);
          // Whatever still hangs at the taker is given up, or was signed and is paid.
          books.nowS += 4_000;
          for (let i = 0; i < 3; i++) await round(mortal.bank);
          model.mixer.finish();
          await round(mortal.bank);

          books.read((t) => {
            const { totalSat, custodySat, liabilitiesSat, owing } = sumsOf(t);
            expect(totalSat).toBe(0);
            expect(liabilitiesSat).toBeLessThanOrEqual(custodySat);
            const waiting = t.openDeposits
              .keys()
              .flatMap(([, outpoint]) => t.deposits.get(outpoint) ?? [])
              .filter(({ state }) => state !== "credited")
              .reduce((sum, { amountSat }) => sum + amountSat, 0);
            expect(custodySat + waiting).toBe(model.totalSat);
            for (const userId of PEOPLE) {
              const hasSat = balanceOf(t, availableOf(userId)) + balanceOf(t, heldOf(userId));
              expect(hasSat).toBe(owedTo(t, userId, model));
            }
            // What an account has confirmed that is frozen waits for nothing any more.
            for (const id of t.openOrders.keys())
              expect(["queued", "broadcast"]).toContain(t.orders.get(id)?.state);
            expect(t.userOpenOrders.values().sort()).toEqual(t.openOrders.keys().sort());
            // Only what the chain took back makes somebody owe, and then he is frozen.
            for (const account of owing)
              expect(needUser(t, Number(account.split(":")[1])).state).toBe("frozen");
            for (const [id, { amountSat, address }] of model.payouts) {
              expect(t.orders.get(id)).toMatchObject({ amountSat });
              expect(t.orders.get(id)?.route).not.toBe("internal");
              expect(["broadcast", "done"]).toContain(t.orders.get(id)?.state);
              expect(address).toBe(ELSEWHERE);
            }
            for (const { id, route, state } of t.orders.values()) {
              expect(["confirmed", "executing"]).not.toContain(state);
              if (route !== "internal" && (state === "broadcast" || state === "done"))
                expect(model.payouts.has(id)).toBe(true);
            }
            expect(t.bank.get("bank")?.stopped).toBeNull();
          });
        } finally {
          await mortal.bank.stop();
          await books.remove();
        }
      },
    ),
    { numRuns: 30 },
  );
  // Or all of this would say nothing.
  expect(payouts).toBeGreaterThan(50);
  expect(mixes).toBeGreaterThan(50);
});
