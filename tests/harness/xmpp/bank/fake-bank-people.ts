/** What a person does about his own account at the ledger of the tests: name, settings, limits, second factor, its end. */
import type { LedgerAccount } from "../../../../bus/contracts/ledger/objects.ts";
import { type Bank, type Calls, refuse } from "./fake-bank-admins.ts";

export const ONE_TIME_CODE = "123456";
export const SETTINGS: LedgerAccount["settings"] = {
  language: null,
  unit: "sat",
  notices: "all",
  quietHours: null,
  digest: null,
  lowBalanceSat: 0,
  door: {},
};

/** What they act on, beside what admins do. */
interface PeoplesBank extends Bank {
  readonly suspected: string[];
  /** When higher limits hold that were asked for. */
  raiseAtS: number;
  open(name: string, sat: number, more: Partial<LedgerAccount>): LedgerAccount;
}

export function personCalls(bank: PeoplesBank): Calls {
  return {
    register: ({ jid, username, language }) => {
      if (!/^[a-z][a-z0-9_]{1,29}$/i.test(username))
        throw refuse("LEDGER_USERNAME", {
          why: "form",
          form: { first: "a-z", rest: "a-z0-9_", fewest: 2, most: 30 },
        });
      if (username === "wallet") throw refuse("LEDGER_USERNAME", { why: "reserved" });
      if (bank.named(username) !== undefined) throw refuse("LEDGER_USERNAME", { why: "taken" });
      const settings = { ...SETTINGS, language: language ?? null };
      return { account: bank.open(username, 0, { jid, settings }), recoveryCode: "RECO-VERY" };
    },
    rename: ({ jid, username }) => {
      if (bank.named(username) !== undefined) throw refuse("LEDGER_USERNAME", { why: "taken" });
      return bank.change(jid, { username });
    },
    settings: ({ jid, settings }) => {
      const { settings: before } = bank.account(jid);
      const given = Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined));
      return bank.change(jid, {
        settings: { ...before, ...given, door: { ...before.door, ...settings.door } },
      });
    },
    limits: ({ jid, limits }) => {
      const before = bank.account(jid).limits;
      const given = Object.fromEntries(Object.entries(limits).filter(([, value]) => value !== undefined));
      const wanted = { ...before, ...given };
      const least = (key: keyof typeof before) => Math.min(before[key], wanted[key]);
      const now = {
        paymentSat: least("paymentSat"),
        daySat: least("daySat"),
        strongSat: least("strongSat"),
      };
      const isRaise = JSON.stringify(now) !== JSON.stringify(wanted);
      return bank.change(jid, {
        limits: now,
        raise: isRaise ? { limits: wanted, atS: bank.raiseAtS } : null,
      });
    },
    secondFactorBegin: ({ jid }) => {
      if (bank.account(jid).hasSecondFactor) throw refuse("LEDGER_SECOND_FACTOR", { why: "present" });
      return { secret: "ABCDEFGH", uri: "otpauth://totp/Troupe:alice?secret=ABCDEFGH" };
    },
    secondFactorEnable: ({ jid, oneTimeCode }) => {
      if (oneTimeCode !== ONE_TIME_CODE) throw refuse("LEDGER_SECOND_FACTOR", { why: "wrong" });
      return bank.change(jid, { hasSecondFactor: true });
    },
    secondFactorDisable: ({ jid, oneTimeCode }) => {
      if (oneTimeCode !== ONE_TIME_CODE) throw refuse("LEDGER_SECOND_FACTOR", { why: "wrong" });
      return bank.change(jid, { hasSecondFactor: false });
    },
    verify: ({ jid }) => bank.change(jid, { needsVerification: false }),
    suspect: ({ jid }) => {
      bank.suspected.push(jid);
      return {};
    },
    seen: () => ({}),
    close: ({ jid }) => {
      const { availableSat } = bank.account(jid);
      if (availableSat > 0)
        throw refuse("LEDGER_NOT_EMPTY", { availableSat, heldSat: 0, pendingSat: 0, openOrders: 0 });
      bank.change(jid, { state: "closed" });
      return {};
    },
  };
}
