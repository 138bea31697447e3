import fc from "fast-check";
import { afterEach, beforeEach, expect, it } from "vitest";
import { NOTICE_KINDS, type NoticeKind } from "../../../bus/contracts/ledger/objects.ts";
import { TestBooks } from "../../../tests/harness/ledger/test-books.ts";
import { shownNotice } from "../answers/shown.ts";
import { keepUser, needByJid, register } from "../people/people.ts";
import type { NoticeRow, UserRow } from "../store/rows.ts";
import { tellDigest, tellDigests } from "./digests.ts";
import { acknowledge, dueNotices, type NewNotice, notify, tidyNotices } from "./notices.ts";
import { tellOperators } from "./operators.ts";

const DAY_S = 86_400;
const ALICE = "alice@example.test";
const DAILY = { every: "day", atMinute: 480 } as const;
const HOURLY = { every: "hour", atMinute: 0 } as const;

let books: TestBooks;
beforeEach(() => {
  books = new TestBooks({ admins: [ALICE] });
  // Midnight.
  books.nowS = Math.floor(books.nowS / DAY_S) * DAY_S;
});
afterEach(() => books.remove());

function person(settings: Partial<UserRow["settings"]>): void {
  books.write((tx) => {
    const { user } = register(tx, { jid: ALICE, username: "alice" });
    keepUser(tx, { ...user, settings: { ...user.settings, ...settings } });
  });
}

function happens(...notices: readonly NewNotice[]): void {
  books.write((tx) => {
    for (const notice of notices) notify(tx, needByJid(tx.t, ALICE), notice);
  });
}

/** As every ten seconds. */
function tidy(): void {
  books.write((tx) => {
    tellDigests(tx);
    tidyNotices(tx);
  });
}

const due = () => books.read((t) => dueNotices(t, books.nowS, 0, 1_000).due);
const kinds = () => due().map(({ kind }) => kind);
/** [count, sum, fees, earned] of each kind. */
const parts = (row: NoticeRow | undefined) =>
  (row?.digest?.parts ?? []).map(({ kind, count, sumSat, feesSat, gainSat }) => [
    kind,
    count,
    sumSat,
    feesSat,
    gainSat,
  ]);

it("becomes one notice at the time that was chosen, with how many and how much of each kind", () => {
  person({ digest: DAILY });
  happens(
    { kind: "deposit.seen", subject: "a", amountSat: 500 },
    { kind: "deposit.seen", subject: "b", amountSat: 100 },
  );
  books.nowS += 60;
  happens(
    { kind: "deposit.replaced", subject: "b", amountSat: 90 },
    { kind: "deposit.confirmed", subject: "a", amountSat: 500 },
    { kind: "order.broadcast", subject: "c", amountSat: 70, feeSat: 8 },
    { kind: "order.broadcast", subject: "d", amountSat: 30, feeSat: 2 },
  );
  books.write((tx) =>
    tellOperators(tx, { wallet: "earner", amountSat: 9_000, earnedSat: 12, txid: "ab".repeat(32) }),
  );
  books.nowS += 8 * 3_600 - 61;
  tidy();
  expect(due()).toEqual([]);
  books.nowS += 1;
  tidy();
  expect(kinds()).toEqual(["digest"]);
  expect(due()[0]?.digest?.sinceS).toBe(books.nowS - 8 * 3_600);
  expect(parts(due()[0])).toEqual([
    ["deposit.seen", 2, 590, 0, 0],
    ["deposit.confirmed", 1, 500, 0, 0],
    ["order.broadcast", 2, 100, 10, 0],
    ["maker.earned", 1, 9_000, 0, 12],
  ]);
  tidy();
  expect(kinds()).toEqual(["digest"]);
  books.write((tx) => acknowledge(tx, [due()[0]?.id ?? 0]));
  books.nowS += DAY_S;
  tidy();
  expect(due()).toEqual([]);
});

it("delays nothing that matters at once, and nothing for who wants single notices", () => {
  person({ digest: HOURLY });
  books.write((tx) => keepUser(tx, { ...needByJid(tx.t, ALICE), state: "waiting" }));
  const one = (kind: NoticeKind): NewNotice => ({ kind, subject: kind });
  happens(...NOTICE_KINDS.filter((kind) => kind !== "digest").map(one));
  const told = new Set(kinds());
  for (const kind of NOTICE_KINDS.filter((one) =>
    /^(?:security|account|bank)\.|failed|lost|vanished|reversed|low|announcement/.test(one),
  ))
    expect(told, kind).toContain(kind);
  expect(
    [...told].filter((kind) =>
      /seen|replaced|confirmed|credited|received|executed|broadcast|expired|earned/.test(kind),
    ),
  ).toEqual([]);
  books.write((tx) => {
    const user = needByJid(tx.t, ALICE);
    keepUser(tx, { ...user, settings: { ...user.settings, digest: null } });
  });
  happens(one("deposit.seen"));
  expect(kinds()).toContain("deposit.seen");
});

it("waits for the end of quiet hours like any other notice, and comes when its time was slept through", () => {
  person({ digest: DAILY, quietHours: { fromMinute: 470, untilMinute: 540 } });
  happens({ kind: "deposit.credited", subject: "a", amountSat: 5 });
  books.nowS += 2 * DAY_S + 8 * 3_600;
  tidy();
  expect(due()).toEqual([]);
  books.nowS += 3_600;
  expect(kinds()).toEqual(["digest"]);
});

it("is told at once when it is given up for single notices", () => {
  person({ digest: DAILY });
  happens({ kind: "payment.received", subject: "a", amountSat: 5 });
  books.write((tx) => tellDigest(tx, needByJid(tx.t, ALICE).id));
  expect(parts(due()[0])).toEqual([["payment.received", 1, 5, 0, 0]]);
  expect(books.news.notices).toEqual([due()[0]?.id]);
  expect(books.read((t) => shownNotice(t, due()[0] as NoticeRow))).toMatchObject({
    jid: ALICE,
    kind: "digest",
    text: "",
  });
});

it("of older settings and notices, which know of no summary, is none", () => {
  person({});
  books.write((tx) => {
    const { digest: _, ...settings } = needByJid(tx.t, ALICE).settings;
    keepUser(tx, { ...needByJid(tx.t, ALICE), settings });
  });
  happens({ kind: "deposit.seen", subject: "a", amountSat: 5 });
  expect(kinds()).toEqual(["deposit.seen"]);
});

it("loses nothing and tells nothing twice, whenever it dies and however the setting changes", async () => {
  const step = fc.oneof(
    { weight: 4, arbitrary: fc.record({ sat: fc.integer({ min: 1, max: 1_000 }) }) },
    { weight: 3, arbitrary: fc.record({ passS: fc.integer({ min: 1, max: 40_000 }) }) },
    { weight: 1, arbitrary: fc.record({ digest: fc.constantFrom(DAILY, HOURLY, null) }) },
    { weight: 1, arbitrary: fc.constant("dies" as const) },
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
      const run = new TestBooks();
      const before = books;
      books = run;
      try {
        person({ digest: HOURLY });
        let sat = 0;
        let toldSat = 0;
        const hear = () => {
          tidy();
          for (const { id, digest, amountSat } of due()) {
            toldSat += digest?.parts.reduce((sum, { sumSat }) => sum + sumSat, 0) ?? amountSat ?? 0;
            books.write((tx) => acknowledge(tx, [id]));
          }
        };
        for (const one of steps) {
          if (one === "dies") await run.reopen();
          else if ("sat" in one) {
            happens({ kind: "deposit.credited", subject: "x", amountSat: one.sat });
            sat += one.sat;
          } else if ("passS" in one) {
            run.nowS += one.passS;
            hear();
          } else
            run.write((tx) => {
              const user = needByJid(tx.t, ALICE);
              tellDigest(tx, user.id);
              keepUser(tx, { ...user, settings: { ...user.settings, digest: one.digest } });
            });
          expect(toldSat).toBeLessThanOrEqual(sat);
        }
        run.nowS += DAY_S - 1;
        hear();
        run.nowS += 1;
        hear();
        expect(toldSat).toBe(sat);
      } finally {
        books = before;
        await run.remove();
      }
    }),
    { numRuns: 30 },
  );
});

it("is not told to whoever is no owner of the account any more, and nothing of it is kept for him", async () => {
  await books.remove();
  const BOB = "bob@example.test";
  books = new TestBooks({ mode: "owner", owners: [ALICE, BOB] });
  person({ digest: DAILY });
  books.write((tx) => register(tx, { jid: BOB, username: "bob" }));
  happens({ kind: "deposit.credited", subject: "deposit:1", amountSat: 5 });
  Object.assign(books.rules, { owners: [ALICE] });
  books.nowS += DAY_S;
  tidy();
  expect(due().map(({ jid }) => jid)).toEqual([ALICE]);
  expect(books.read((t) => t.waiting.count())).toBe(0);
});
