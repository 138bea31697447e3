import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { PartyWord } from "../../bus/contracts/ledger/values.ts";
import { TestBooks } from "../../tests/harness/ledger/test-books.ts";
import { jidOf, orderedIn, personIn, typedIn } from "../../tests/harness/ledger/test-people.ts";
import { ELSEWHERE } from "../../tests/harness/walletd/robbed-wallets.ts";
import { keepAddress } from "./addresses/addresses.ts";
import { shownParty } from "./answers/shown.ts";
import { availableOf, balanceOf, book, CUSTODY, heldOf } from "./books/entries.ts";
import { acknowledge, dueNotices, notify } from "./notices/notices.ts";
import { feeMaxOf } from "./orders/confirming.ts";
import { cancel, expireOrders, forgetOrders, orderById } from "./orders/orders.ts";
import { recipientOf } from "./orders/recipients.ts";
import { adminOf, approve, unfreeze } from "./people/administration.ts";
import { limitsOf, setOwnLimits } from "./people/limits.ts";
import { close, findByName, keepUser, needByJid, register, rename } from "./people/people.ts";
import { codeAt, stepOf } from "./people/second-factor.ts";
import type { OrderRow } from "./store/rows.ts";

let books: TestBooks;
beforeEach(() => {
  books = new TestBooks({ payment_sat_max: 50_000, day_sat_max: 80_000, strong_sat: 40_000 });
});
afterEach(() => books.remove());

const DAY_S = 86_400;
const person = (name: string, sat?: number) => personIn(books, name, sat);
const ordered = (payer: string, payee: string | PartyWord, amountSat: number, more?: object) =>
  orderedIn(books, payer, payee, amountSat, more);
const typed = (payer: string, code: string, oneTimeCode?: string, feeSatNow?: number | null) =>
  typedIn(books, payer, code, oneTimeCode, feeSatNow);
const code = (error: string, data: object = {}) =>
  expect.objectContaining({ code: error, data: expect.objectContaining(data) });

describe("registration", () => {
  const CHIEF = jidOf("chief");
  const asked = async (rules: object) => {
    await books.remove();
    books = new TestBooks({ admins: [CHIEF], ...rules });
  };
  const waits = () =>
    books
      .read((t) => dueNotices(t, books.nowS, 0, 100).due)
      .flatMap(({ kind, jid }) => (kind === "account.waiting" ? [jid] : []));

  it("that has to be approved is told of as long as it waits, and those who approve wait for nobody", async () => {
    await asked({ registration: "approve" });
    const carol = person("carol");
    expect(carol.state).toBe("waiting");
    person("dave");
    expect(waits()).toEqual([jidOf("carol"), CHIEF, jidOf("dave"), CHIEF]);
    books.write((tx) => approve(tx, carol));
    expect(waits()).toEqual([jidOf("dave"), CHIEF]);

    expect(person("chief").state).toBe("open");
    expect(waits()).toEqual([jidOf("dave"), CHIEF]);
  });

  it("needs no invitation of those who invite, but nobody comes where it is closed", async () => {
    await asked({ registration: "invite" });
    expect(person("chief").state).toBe("open");
    expect(() => person("eve")).toThrow(code("LEDGER_NOT_ALLOWED", { why: "invite" }));
    await asked({ registration: "closed" });
    expect(() => person("chief")).toThrow(code("LEDGER_NOT_ALLOWED", { why: "closed" }));
  });
});

describe("a name", () => {
  it.each(["bob.x", "b", "9lives", "bc1qalice", "a-b", "x".repeat(31), "bob@x"])("cannot be %s", (name) => {
    expect(() => person(name)).toThrow(code("LEDGER_USERNAME", { why: "form" }));
  });

  it("is nobody else's whatever its case, nor a word of the service", () => {
    person("bob");
    expect(() => books.write((tx) => register(tx, { jid: jidOf("eve"), username: "ＢＯＢ" }))).toThrow(
      code("LEDGER_USERNAME", { why: "taken" }),
    );
    expect(() => person("Payer")).toThrow(code("LEDGER_USERNAME", { why: "reserved" }));
  });

  it("that was given up is kept for its last holder for ninety days", () => {
    const bob = person("bob");
    books.write((tx) => rename(tx, bob, "robert"));
    expect(() => person("eve") && ordered("eve", "bob", 1)).toThrow(code("LEDGER_RECIPIENT"));
    const take = () => books.write((tx) => rename(tx, needByJid(tx.t, jidOf("eve")), "bob"));
    books.nowS += 90 * DAY_S - 1;
    expect(take).toThrow(code("LEDGER_USERNAME", { why: "taken" }));
    books.nowS += 1;
    take();
    expect(books.read((t) => findByName(t, "Bob")?.jids)).toEqual([jidOf("eve")]);
  });
});

describe("a code", () => {
  it("has six symbols, counts for its person only, and is over after its time", () => {
    person("alice", 1_000);
    person("bob", 1_000);
    const order = ordered("alice", "bob", 10);
    expect(order.code).toMatch(/^[a-hj-km-np-z2-9]{6}$/);
    expect(() => typed("bob", order.code)).toThrow(code("LEDGER_NO_ORDER", { triesLeft: 4 }));
    expect(() => books.write((tx) => orderById(tx.t, needByJid(tx.t, jidOf("bob")), order.id))).toThrow(
      code("LEDGER_NO_ORDER"),
    );
    books.nowS += 600;
    expect(() => typed("alice", order.code)).toThrow(code("LEDGER_ORDER_OVER", { state: "expired" }));
  });

  it("is locked for a quarter of an hour after five wrong ones, which the person is told", () => {
    person("alice", 1_000);
    person("bob");
    const order = ordered("alice", "bob", 10);
    for (let i = 0; i < 5; i++) expect(() => typed("alice", "aaaaaa")).toThrow(code("LEDGER_NO_ORDER"));
    expect(() => typed("alice", order.code)).toThrow(code("LEDGER_LOCKED"));
    expect(books.read((t) => t.notices.values().map(({ kind }) => kind))).toContain("security.codes");
    books.nowS += 900;
    const later = ordered("alice", "bob", 10);
    expect(typed("alice", later.code).state).toBe("done");
    expect(typed("alice", later.code).state).toBe("done");
    expect(books.read((t) => t.entries.values().filter(({ kind }) => kind === "transfer"))).toHaveLength(1);
  });
});

describe("an order", () => {
  it("that was asked for twice is one, and the same once more within ten minutes is asked about", () => {
    person("alice", 1_000);
    person("bob");
    const first = ordered("alice", "bob", 10, { request: "m1" });
    expect(ordered("alice", "bob", 10, { request: "m1" }).id).toBe(first.id);
    expect(() => ordered("alice", "bob", 10, { isMeant: false })).toThrow(
      code("LEDGER_REPEATED", { order: first.id }),
    );
    books.write((tx) => cancel(tx, first));
    expect(ordered("alice", "bob", 10, { isMeant: false }).state).toBe("queued");
  });

  it("pays the account that was meant, whatever has become of its name", () => {
    person("alice", 1_000);
    const bob = person("bob");
    const order = ordered("alice", "bob", 10);
    books.write((tx) => rename(tx, bob, "robert"));
    expect(typed("alice", order.code).state).toBe("done");
    const other = ordered("alice", "robert", 20);
    books.write((tx) => keepUser(tx, { ...needByJid(tx.t, jidOf("bob")), state: "frozen" }));
    expect(() => typed("alice", other.code)).toThrow(code("LEDGER_RECIPIENT"));
    expect(books.read((t) => t.orders.get(other.id)?.state)).toBe("failed");
  });

  it("cannot pay oneself, more than there is, or with two orders together more than there is", () => {
    person("alice", 100);
    person("bob");
    expect(() => ordered("alice", "alice", 10)).toThrow(code("LEDGER_SELF"));
    expect(() => ordered("alice", "bob", 101)).toThrow(code("LEDGER_FUNDS", { availableSat: 100 }));
    const [one, two] = [ordered("alice", "bob", 60), ordered("alice", "bob", 50)];
    typed("alice", one.code);
    expect(() => typed("alice", two.code)).toThrow(code("LEDGER_FUNDS", { availableSat: 40, neededSat: 50 }));
  });
});

describe("a payment to another person's address", () => {
  const routeOf = (word: PartyWord) =>
    books.read((t) => recipientOf(books.tx(t), needByJid(t, jidOf("alice")), word).route);

  it("stays within the bank, and does not tell its payer whose it is", () => {
    person("alice", 1_000);
    const bob = person("bob");
    books.write((tx) => keepAddress(tx, bob.id, ELSEWHERE, "rent"));
    const order = ordered("alice", { address: ELSEWHERE.toUpperCase() }, 10);
    expect(order).toMatchObject({ route: "internal", to: { userId: bob.id, address: ELSEWHERE } });
    expect(typed("alice", order.code)).toMatchObject({ state: "done", txid: null });
    expect(books.read((t) => balanceOf(t, availableOf(bob.id)))).toBe(10);
    const shown = { userId: null, username: null, jid: null, address: ELSEWHERE };
    expect(books.read((t) => shownParty(t, order.to))).toEqual(shown);
    expect(() => ordered("bob", { address: ELSEWHERE }, 10)).toThrow(code("LEDGER_SELF"));
  });

  it("goes over the chain when he has left, or where the operator wants it so", async () => {
    person("alice", 1_000);
    const bob = person("bob");
    books.write((tx) => keepAddress(tx, bob.id, ELSEWHERE, ""));
    expect(routeOf({ address: ELSEWHERE })).toBe("internal");
    books.write((tx) => close(tx, bob));
    expect(routeOf({ address: ELSEWHERE })).toBe("chain");

    await books.remove();
    books = new TestBooks({ internal_to_address: false });
    person("alice", 1_000);
    const other = person("bob");
    books.write((tx) => keepAddress(tx, other.id, ELSEWHERE, ""));
    expect(routeOf({ address: ELSEWHERE })).toBe("chain");
  });
});

it("a JID without an account, or with none any more, is paid nothing", () => {
  person("alice", 1_000);
  const bob = person("bob");
  for (const jid of ["eve@example.test", "bob@elsewhere.test"])
    expect(() => ordered("alice", { jid }, 10)).toThrow(code("LEDGER_RECIPIENT"));
  expect(ordered("alice", { jid: "BOB@example.test" }, 10).to).toEqual({ userId: bob.id, address: null });
  books.write((tx) => close(tx, bob));
  expect(() => ordered("alice", { jid: jidOf("bob") }, 10)).toThrow(code("LEDGER_RECIPIENT"));
  expect(books.read((t) => t.orders.count())).toBe(1);
});

describe("a fee", () => {
  const priced = { feeSat: 100, feeSatMax: feeMaxOf(100) };
  const kept = (id: string) => books.read((t) => t.orders.get(id)) as OrderRow;

  it("that has risen by more than a fifth gives the order a new price and a new code", () => {
    const alice = person("alice", 10_000);
    const order = ordered("alice", { address: ELSEWHERE }, 5_000, priced);
    expect(() => typed("alice", order.code, undefined, 121)).toThrow(
      code("LEDGER_REQUOTED", {
        order: expect.objectContaining({ order: order.id, feeSat: 121, feeSatMax: 146 }),
      }),
    );
    const again = kept(order.id);
    expect(again.state).toBe("queued");
    expect(again.code).not.toBe(order.code);
    expect(() => typed("alice", order.code, undefined, 121)).toThrow(code("LEDGER_NO_ORDER"));
    expect(typed("alice", again.code, undefined, 146).state).toBe("confirmed");
    expect(books.read((t) => balanceOf(t, heldOf(alice.id)))).toBe(5_146);
  });

  it("that has risen by less is paid, and one beyond what is there is not", () => {
    person("alice", 5_200);
    const order = ordered("alice", { address: ELSEWHERE }, 5_000, priced);
    expect(() => typed("alice", order.code, undefined, 200)).toThrow(code("LEDGER_REQUOTED"));
    expect(() => typed("alice", kept(order.id).code, undefined, 200)).toThrow(
      code("LEDGER_FUNDS", { availableSat: 5_200, neededSat: 5_240 }),
    );
    person("bob", 5_200);
    const other = ordered("bob", { address: ELSEWHERE }, 5_000, priced);
    expect(typed("bob", other.code, undefined, 120).state).toBe("confirmed");
  });
});

it("limits hold for a payment and a day; lower ones at once, higher ones a day later and never above the operator's", () => {
  const alice = person("alice", 500_000);
  person("bob");
  expect(() => ordered("alice", "bob", 50_001)).toThrow(code("LEDGER_LIMIT", { limit: "payment" }));
  for (const sat of [39_000, 39_000]) typed("alice", ordered("alice", "bob", sat).code);
  expect(() => ordered("alice", "bob", 3_000)).toThrow(
    code("LEDGER_LIMIT", { limit: "day", leftSat: 2_000 }),
  );
  books.nowS += DAY_S;
  books.write((tx) => setOwnLimits(tx, alice, { paymentSat: 1_000 }));
  expect(() => ordered("alice", "bob", 1_001)).toThrow(code("LEDGER_LIMIT", { mostSat: 1_000 }));
  const now = () => books.write((tx) => limitsOf(tx, needByJid(tx.t, jidOf("alice"))).paymentSat);
  const told = () =>
    books.read((t) =>
      t.notices.values().flatMap(({ kind, jid }) => (kind === "security.limit" ? [jid] : [])),
    );
  expect(told()).toEqual([]);
  books.write((tx) => setOwnLimits(tx, needByJid(tx.t, jidOf("alice")), { paymentSat: 1e9 }));
  expect(now()).toBe(1_000);
  expect(told()).toEqual([jidOf("alice")]);
  books.nowS += DAY_S;
  expect(now()).toBe(50_000);
});

it("from an amount on the second factor is needed, and each of its codes counts once", () => {
  const secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
  // RFC 6238, appendix B, the last six of its eight digits.
  expect([59, 1_111_111_109, 20_000_000_000].map((atS) => codeAt(secret, Math.floor(atS / 30)))).toEqual([
    "287082",
    "081804",
    "353130",
  ]);
  person("alice", 500_000);
  person("bob");
  const order = ordered("alice", "bob", 40_000);
  expect(() => typed("alice", order.code)).toThrow(code("LEDGER_SECOND_FACTOR", { why: "missing" }));
  const factor = { secret, enabledAtS: books.nowS - DAY_S + 1, lastStep: 0 };
  books.write((tx) => keepUser(tx, { ...needByJid(tx.t, jidOf("alice")), factor }));
  const early = codeAt(secret, Math.floor(books.nowS / 30));
  expect(() => typed("alice", order.code, early)).toThrow(code("LEDGER_SECOND_FACTOR", { why: "young" }));
  books.nowS += 1;
  expect(() => typed("alice", order.code)).toThrow(code("LEDGER_SECOND_FACTOR", { why: "needed" }));
  expect(() => typed("alice", order.code, "000000")).toThrow(code("LEDGER_SECOND_FACTOR", { why: "wrong" }));
  const right = codeAt(secret, Math.floor(books.nowS / 30));
  expect(typed("alice", order.code, right).state).toBe("done");
  expect(books.read((t) => stepOf(needByJid(t, jidOf("alice")), right, books.nowS))).toBeUndefined();
});

it("a new second factor lets nothing more be paid for a day, and at once asks for codes where its person wants it", () => {
  const secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
  const now = () => codeAt(secret, Math.floor(books.nowS / 30));
  const aloneSat = books.rules.strong_sat;
  person("alice", 500_000);
  person("bob");
  const factor = { secret, enabledAtS: books.nowS, lastStep: 0, aloneSat };
  books.write((tx) => keepUser(tx, { ...needByJid(tx.t, jidOf("alice")), factor }));
  const large = ordered("alice", "bob", aloneSat);
  expect(() => typed("alice", large.code, now())).toThrow(code("LEDGER_SECOND_FACTOR", { why: "young" }));
  const small = ordered("alice", "bob", 100);
  expect(typed("alice", small.code).state).toBe("done");
  books.write((tx) => setOwnLimits(tx, needByJid(tx.t, jidOf("alice")), { strongSat: 100 }));
  const guarded = ordered("alice", "bob", aloneSat - 1);
  expect(() => typed("alice", guarded.code)).toThrow(code("LEDGER_SECOND_FACTOR", { why: "needed" }));
  expect(typed("alice", guarded.code, now()).state).toBe("done");
  books.nowS += DAY_S;
  const late = ordered("alice", "bob", aloneSat);
  expect(typed("alice", late.code, now()).state).toBe("done");
});

it("orders that nobody confirmed are forgotten after a week, with the words of requests; what was paid never is", () => {
  person("alice", 50_000);
  person("bob");
  const request = "one word";
  const paid = ordered("alice", "bob", 10_000, { request });
  typed("alice", paid.code);
  const given = ordered("alice", "bob", 200, { request: "another" });
  books.write((tx) => cancel(tx, given));
  const late = ordered("alice", "bob", 300);
  const forget = () =>
    books.write((tx) => {
      expireOrders(tx);
      forgetOrders(tx);
    });
  const left = () =>
    books.read((t) => [
      ...[t.orders, t.userOrders, t.requests, t.agingOrders].map((table) => table.count()),
      ...[paid, given, late].map(({ id }) => t.orders.get(id)?.state ?? "gone"),
    ]);
  books.nowS += 7 * DAY_S - 1;
  forget();
  expect(left()).toEqual([3, 3, 2, 3, "done", "cancelled", "expired"]);
  books.nowS += 1;
  const entries = books.read((t) => t.entries.values());
  forget();
  expect(left()).toEqual([1, 1, 0, 0, "done", "gone", "gone"]);
  expect(books.read((t) => t.entries.values())).toEqual(entries);
  const again = ordered("alice", "bob", 100, { request });
  expect(again.id).not.toBe(paid.id);
  expect(books.read((t) => t.userOrders.values())).toEqual([paid.id, again.id]);
});

it("a JID that was away for ninety days has to be verified before it pays", () => {
  person("alice", 1_000);
  books.nowS += 90 * DAY_S;
  person("bob");
  expect(() => ordered("alice", "bob", 10)).toThrow(code("LEDGER_UNVERIFIED"));
});

it("nobody has to be verified where the operator never asks for it", async () => {
  await books.remove();
  books = new TestBooks({ verify_after_days: 0 });
  person("alice", 1_000);
  books.nowS += 4_000 * DAY_S;
  person("bob");
  expect(ordered("alice", "bob", 10).state).toBe("queued");
});

it("whoever leaves all to somebody of the bank has left when it is paid", () => {
  person("alice", 10);
  const bob = person("bob");
  expect(typed("alice", ordered("alice", "bob", 10, { isLeaving: true }).code).state).toBe("done");
  expect(() => books.read((t) => needByJid(t, jidOf("alice")))).toThrow(code("LEDGER_NO_ACCOUNT"));
  expect(books.read((t) => balanceOf(t, availableOf(bob.id)))).toBe(10);
  expect(books.read((t) => t.notices.values().map(({ kind }) => kind))).toContain("account.closed");
});

it("an account closes when nothing is in it, and comes back with its person only to be verified", () => {
  const alice = person("alice", 10);
  expect(() => books.write((tx) => close(tx, alice))).toThrow(code("LEDGER_NOT_EMPTY", { availableSat: 10 }));
  person("bob");
  typed("alice", ordered("alice", "bob", 10).code);
  books.write((tx) => close(tx, needByJid(tx.t, jidOf("alice"))));
  expect(() => books.read((t) => needByJid(t, jidOf("alice")))).toThrow(code("LEDGER_NO_ACCOUNT"));
  expect(person("alice")).toMatchObject({ id: alice.id, needsVerification: true });
});

it("who is no admin administers nothing, and a door never speaks for the operator", () => {
  const asked = (by: string | null, caller: string) => books.write((tx) => adminOf(tx, by, caller));
  expect(() => asked(null, "gateway")).toThrow(code("LEDGER_NOT_ADMIN"));
  expect(() => asked(jidOf("alice"), "gateway")).toThrow(code("LEDGER_NOT_ADMIN"));
  expect(asked(null, "operator")).toBe("operator");
  const alice = person("alice");
  books.write((tx) => {
    const postings = [
      { account: CUSTODY, sat: -5 },
      { account: availableOf(alice.id), sat: 5 },
    ];
    book(tx, { kind: "reversed", key: "x", postings, mayOwe: true });
  });
  expect(() => books.write((tx) => unfreeze(tx, alice))).toThrow(
    code("LEDGER_NEGATIVE", { availableSat: -5 }),
  );
});

it("notices wait for the end of quiet hours, follow what the person chose, and are gone when acknowledged or a day old", () => {
  const alice = person("alice");
  const settings = {
    ...alice.settings,
    notices: "money" as const,
    quietHours: { fromMinute: 1_380, untilMinute: 60 },
  };
  const tell = () =>
    books.write((tx) => {
      const user = keepUser(tx, { ...alice, settings });
      for (const kind of ["deposit.seen", "deposit.credited", "account.frozen"] as const) {
        notify(tx, user, { kind, subject: kind });
      }
    });
  const due = () => books.read((t) => dueNotices(t, books.nowS, 0, 10).due);
  books.nowS = Math.floor(books.nowS / DAY_S) * DAY_S;
  tell();
  expect(due().map(({ kind }) => kind)).toEqual(["account.frozen"]);
  books.nowS += 3_600;
  expect(due().map(({ kind }) => kind)).toEqual(["deposit.credited", "account.frozen"]);
  books.write((tx) => acknowledge(tx, [due()[0]?.id ?? 0]));
  expect(due().map(({ kind }) => kind)).toEqual(["account.frozen"]);
  books.nowS += DAY_S;
  expect(due()).toEqual([]);
});

it.each([
  ["all", ["deposit.seen", "deposit.credited", "account.frozen"]],
  ["money", ["deposit.credited", "account.frozen"]],
  ["none", ["account.frozen"]],
] as const)("whoever wants %s of the notices hears of %j", (notices, told) => {
  const alice = person("alice");
  books.write((tx) => {
    const user = keepUser(tx, { ...alice, settings: { ...alice.settings, notices } });
    for (const kind of ["deposit.seen", "deposit.credited", "account.frozen"] as const)
      notify(tx, user, { kind, subject: kind });
  });
  expect(books.read((t) => dueNotices(t, books.nowS, 0, 10).due.map(({ kind }) => kind))).toEqual(told);
});

it("quiet hours begin and end to the minute", () => {
  const alice = person("alice");
  const quietHours = { fromMinute: 60, untilMinute: 120 };
  const midnightS = Math.floor(books.nowS / DAY_S) * DAY_S;
  books.nowS = midnightS;
  books.write((tx) => {
    const user = keepUser(tx, { ...alice, settings: { ...alice.settings, quietHours } });
    notify(tx, user, { kind: "deposit.credited", subject: "s" });
  });
  const isDueAt = (second: number) =>
    books.read((t) => dueNotices(t, midnightS + second, 0, 10).due.length === 1);
  expect([3_599, 3_600, 7_199, 7_200].map(isDueAt)).toEqual([true, false, false, true]);
});

it("a low balance is told once each time it falls below what its person has set", () => {
  const alice = person("alice", 1_000);
  person("bob");
  books.write((tx) => keepUser(tx, { ...alice, settings: { ...alice.settings, lowBalanceSat: 500 } }));
  const pay = (payer: string, payee: string, sat: number) => typed(payer, ordered(payer, payee, sat).code);
  const told = () =>
    books.read((t) => t.notices.values().filter(({ kind }) => kind === "balance.low").length);
  pay("alice", "bob", 500);
  expect(told()).toBe(0);
  pay("alice", "bob", 1);
  pay("alice", "bob", 1);
  expect(told()).toBe(1);
  pay("bob", "alice", 500);
  pay("alice", "bob", 500);
  expect(told()).toBe(2);
});
