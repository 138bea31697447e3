import { describe, expect, it } from "vitest";
import type {
  LedgerAccount,
  LedgerReconciliation,
  LedgerStatus,
} from "../../bus/contracts/ledger/objects.ts";
import { plainPaint } from "../view/terminal.ts";
import {
  accountLines,
  auditLines,
  bankLines,
  booksLines,
  limitLines,
  reconciliationLines,
  usersLines,
} from "./xmpp-view.ts";

/** The first second of 2026. */
const AT_S = 1_767_225_600;
const LIMITS = { paymentSat: 1_000_000, daySat: 5_000_000, strongSat: 500_000 };
const ALICE: LedgerAccount = {
  ...{ userId: 7, jid: "alice@example.test", username: "alice", state: "open", why: null },
  ...{ availableSat: 150_000_000, heldSat: 2_500, pendingSat: 0, openOrders: 0, createdAtS: AT_S },
  ...{ isAdmin: false, isOwner: false, needsVerification: false, hasSecondFactor: true },
  settings: {
    ...{ language: null, unit: "sat", notices: "all", quietHours: null, digest: null },
    ...{ lowBalanceSat: 0, door: {} },
  },
  ...{ limits: LIMITS, raise: null, leftTodaySat: 4_200_000 },
};
const BANK: LedgerStatus = {
  ...{
    mode: "multiuser",
    wallet: "bank",
    grantId: null,
    isConnected: true,
    isSpending: true,
    isMixing: true,
  },
  ...{ why: null, tip: { height: 812, hash: "ab".repeat(32) }, confirmations: 2, registration: "approve" },
  ...{ users: 1, openOrders: 3, limits: LIMITS },
};
const SOUND: LedgerReconciliation = {
  ...{ atS: AT_S, tip: BANK.tip, isSound: true, breaches: [], custodySat: 300_000_000 },
  ...{
    walletSat: 300_000_000,
    pendingSat: 0,
    frozenSat: 0,
    liabilitiesSat: 299_000_000,
    equitySat: 1_000_000,
  },
};
/** What somebody writes who means the terminal of whoever reads it. */
const EVIL = "\u001b[2Jeve";

const text = (lines: readonly string[]) => lines.join("\n");

describe("the bank on a terminal", () => {
  it("is open, stopped with the reason, or has no wallet yet and says what to type", () => {
    const open = text(bankLines(BANK, plainPaint));
    expect(open).toContain("bank payments are made");
    expect(open).toContain("1 account (multiuser), 3 open orders; registration: approve");
    expect(open).toContain("up to block 812, and credited with 2 confirmations");
    expect(open).toContain("people may also pay by coinjoins");
    const shut = text(bankLines({ ...BANK, isSpending: false, why: EVIL, isMixing: false }, plainPaint));
    expect(shut).toMatch(/no payments: .*eve/);
    expect(shut).not.toContain("\u001b");
    expect(shut).toContain("supervisor xmpp open --maker-fees-max");
    expect(bankLines({ ...BANK, wallet: null }, plainPaint)).toEqual([
      "The bank has no wallet yet. Give it one: supervisor xmpp open --wallet <name>",
    ]);
  });

  it("lists accounts with what each has, says how many more there are, and that there is none", () => {
    const waiting: LedgerAccount = { ...ALICE, userId: 8, username: EVIL, state: "waiting", availableSat: 0 };
    const [head, first, second, ...rest] = usersLines({ total: 5, users: [ALICE, waiting] }, plainPaint);
    expect(head).toMatch(/^NO +NAME +JID +STATE +AVAILABLE +HELD +PENDING/);
    expect(first).toMatch(
      /^ *7 +alice +alice@example\.test +open +1\.50 000 000 +0\.00 002 500 +0\.00 000 000$/,
    );
    expect(second).toMatch(/eve .* waiting /);
    expect(second).not.toContain("\u001b");
    expect(rest.at(-1)).toBe("3 more: --lines");
    expect(usersLines({ total: 0, users: [] }, plainPaint)).toEqual(["There is no such account."]);
  });

  it("shows one account: what it may, why it is frozen, and the addresses that it was given", () => {
    const address = {
      ...{ address: "bcrt1q6rz28mcfaxtmd6v789l9rrlrusdprr9pz3cppk", label: EVIL, createdAtS: AT_S },
      ...{ receivedSat: 50_000, pendingSat: 0, sharePermille: 1_000 },
    };
    const shown = text(
      accountLines({ ...ALICE, state: "frozen", why: "a stolen phone" }, [address], plainPaint),
    );
    expect(shown).toContain("alice alice@example.test, account 7, since 2026-01-01");
    expect(shown).toContain("frozen: a stolen phone");
    expect(shown).toContain("second factor: yes");
    expect(shown).toMatch(/bcrt1q6rz28\w+ +.*eve +0\.00 050 000/);
    expect(shown).not.toContain("\u001b");
  });

  it("says what an account may pay, what is left of today, and which limits are to come", () => {
    const now = "alice may pay 1,000,000 sat at once and 5,000,000 sat a day (4,200,000 sat left)";
    expect(limitLines(ALICE, plainPaint)).toEqual([`${now}; from 500,000 sat on with the second factor`]);
    const raise = { limits: { ...LIMITS, paymentSat: 2_000_000 }, atS: AT_S + 86_400 };
    expect(limitLines({ ...ALICE, raise }, plainPaint)[1]).toBe(
      "has asked for 2,000,000 sat and 5,000,000 sat a day, from 2026-01-02 00:00 on",
    );
  });

  it("has books with each account on its side, and entries with all of their postings", () => {
    const postings = [
      { account: "chain:custody", sat: 50_000 },
      { account: "user:7:avail", sat: -50_000 },
    ];
    const entry = {
      entry: 3,
      atS: AT_S,
      kind: "deposit",
      key: "deposit:x",
      postings,
      txid: null,
      order: null,
    };
    const accounts = postings;
    const lines = booksLines({ accounts, total: 9, entries: [entry] }, plainPaint);
    const sum = "0.00 050 000";
    expect(lines.slice(0, 3).map((line) => line.trimEnd())).toEqual([
      `ACCOUNT        ${"DEBIT".padStart(sum.length)}  ${"CREDIT".padStart(sum.length)}`,
      `chain:custody  ${sum}`,
      `user:7:avail   ${" ".repeat(sum.length)}  ${sum}`,
    ]);
    expect(text(lines)).toMatch(/3 +2026-01-01 00:00 +deposit +chain:custody \+50000, user:7:avail -50000/);
    expect(lines.at(-1)).toBe("8 more: --lines");
  });

  it("says of books that are empty that they are", () => {
    expect(booksLines({ accounts: [], total: 0, entries: [] }, plainPaint)).toEqual([
      "Nothing is booked yet.",
    ]);
  });

  it("says whether books and wallet agree, and what is wrong when they do not", () => {
    expect(text(reconciliationLines(SOUND, plainPaint))).toMatch(/^Books and wallet agree\.\nat block 812/);
    const bad = { ...SOUND, isSound: false, breaches: ["1 sat is missing"], frozenSat: 70_000 };
    const said = reconciliationLines(bad, plainPaint);
    expect(said[0]).toContain("nothing is paid until they agree");
    expect(said[1]).toBe("  1 sat is missing");
    expect(text(said)).toContain("0.00 070 000 BTC of that is frozen");
  });

  it("tells who has done what to whom", () => {
    const act = { id: 1, atS: AT_S, by: "operator", act: "freeze", about: "bob", text: EVIL };
    const said = text(auditLines([act], plainPaint));
    expect(said).toMatch(/2026-01-01 00:00 +operator +freeze +bob +.*eve/);
    expect(said).not.toContain("\u001b");
    expect(auditLines([], plainPaint)).toEqual(["Nobody has done anything yet."]);
  });
});
