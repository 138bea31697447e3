/** Answers to those who run the bank: from the terminal, or by the JIDs that [ledger] names. */
import type { CallContext, Handlers } from "../../../bus/bus.ts";
import type { LedgerLimits } from "../../../bus/contracts/ledger/objects.ts";
import type { UserWord } from "../../../bus/contracts/ledger/values.ts";
import type { ledgerContract } from "../../../bus/contracts/ledger.ts";
import { addressesOf, HOUSE, keepAddress, oneLine } from "../addresses/addresses.ts";
import { halt } from "../bank/halting.ts";
import { balanceOf } from "../books/entries.ts";
import type { Tx } from "../books/transaction.ts";
import { notify } from "../notices/notices.ts";
import {
  actingOf,
  adminOf,
  approve,
  audit,
  ban,
  freeze,
  OPERATOR,
  setAdminLimits,
  unfreeze,
  userOfWord,
} from "../people/administration.ts";
import { makeInvite } from "../people/invites.ts";
import type { EntryRow, UserRow } from "../store/rows.ts";
import { ofFirstDown, type Tables } from "../store/store.ts";
import type { AnswerDesk } from "./answer-desk.ts";
import { type Given, given } from "./given.ts";
import { bankStatus } from "./money-answers.ts";
import { shownAccount } from "./shown.ts";

type AdminMethods =
  | "users"
  | "user"
  | "approve"
  | "freeze"
  | "unfreeze"
  | "limit"
  | "ban"
  | "invite"
  | "announce"
  | "entries"
  | "accounts"
  | "audit"
  | "reconcile"
  | "halt"
  | "act"
  | "open"
  | "shut"
  | "topUp";

interface Administered {
  readonly by: string | null;
}

const ADDRESSES_SHOWN = 50;

export function adminAnswers(answers: AnswerDesk): Pick<Handlers<typeof ledgerContract>, AdminMethods> {
  const { desk, bank } = answers;
  const looked = <T>({ by }: Administered, { caller }: CallContext, work: (tx: Tx) => T): T =>
    desk.look((tx) => {
      adminOf(tx, by, caller);
      return work(tx);
    });
  /** On one account. */
  const acted = (
    { by, user: word }: Administered & { readonly user: UserWord },
    { caller }: CallContext,
    act: string,
    text: string,
    work: (tx: Tx, user: UserRow) => UserRow,
  ) =>
    desk.write((tx) => {
      const admin = adminOf(tx, by, caller);
      const user = userOfWord(tx, word);
      audit(tx, admin, act, user.username, text);
      return shownAccount(tx, work(tx, user));
    });
  const done = <T>(
    { by }: Administered,
    { caller }: CallContext,
    act: string,
    text: string,
    work: (tx: Tx) => T,
  ): T =>
    desk.write((tx) => {
      audit(tx, adminOf(tx, by, caller), act, "", text);
      return work(tx);
    });
  return {
    users: (input, call) =>
      looked(input, call, (tx) => {
        const word = input.search?.trim().toLowerCase() ?? "";
        const found = tx.t.users
          .values({ reverse: true })
          .filter(({ state }) => input.state === undefined || state === input.state)
          .filter(({ username, jids }) => [username, ...jids].some((text) => text.includes(word)));
        const page = found.slice(input.offset, input.offset + input.limit);
        return { total: found.length, users: page.map((user) => shownAccount(tx, user)) };
      }),
    user: (input, call) =>
      looked(input, call, (tx) => {
        const user = userOfWord(tx, input.user);
        return { account: shownAccount(tx, user), addresses: addressesOf(tx.t, user, 0, ADDRESSES_SHOWN) };
      }),
    approve: (input, call) => acted(input, call, "approve", "", approve),
    freeze(input, call) {
      const frozen = acted(input, call, "freeze", input.why, (tx, user) =>
        freeze(tx, user, oneLine(input.why)),
      );
      // What of his is under way and not signed ends now.
      bank.look();
      return frozen;
    },
    unfreeze: (input, call) => acted(input, call, "unfreeze", "", unfreeze),
    limit: (input, call) =>
      acted(input, call, "limit", limitsText(input.limits), (tx, user) =>
        setAdminLimits(tx, user, given<LedgerLimits>(input.limits)),
      ),
    ban(input, call) {
      const who = "jid" in input.who ? input.who.jid : input.who.domain;
      return done(input, call, input.isBanned ? "ban" : "unban", who, (tx) => ({
        banned: ban(tx, who, input.isBanned),
      }));
    },
    invite: (input, call) => done(input, call, "invite", "", makeInvite),
    announce: (input, call) =>
      done(input, call, "announce", input.text, (tx) => {
        const people = tx.t.users.values().filter(({ state }) => state !== "closed");
        for (const user of people) {
          notify(tx, user, { kind: "announcement", subject: "announcement", text: oneLine(input.text) });
        }
        return { people: people.length };
      }),
    entries: ({ account, offset, limit, ...input }, call) =>
      looked(input, call, ({ t }) => {
        if (account === undefined) {
          const entries = t.entries.values({ reverse: true, offset, limit });
          return { total: t.entries.count(), entries: entries.map(shownEntry) };
        }
        const ids = t.accountEntries.values(ofFirstDown(account));
        const page = ids.slice(offset, offset + limit).flatMap((id) => t.entries.get(id) ?? []);
        return { total: ids.length, entries: page.map(shownEntry) };
      }),
    accounts: (input, call) => looked(input, call, ({ t }) => ({ accounts: accountSums(t) })),
    audit: (input, call) =>
      looked(input, call, ({ t }) => ({
        total: t.audit.count(),
        acts: t.audit.values({ reverse: true, offset: input.offset, limit: input.limit }),
      })),
    async reconcile({ by, isBooked }, { caller }) {
      desk.write((tx) => {
        const admin = adminOf(tx, by, caller);
        // Only whoever owns the coins says that a difference is his.
        if (isBooked) adminOf(tx, null, caller);
        audit(tx, admin, isBooked ? "reconcile and book" : "reconcile", "");
      });
      return await bank.reconcile(isBooked);
    },
    halt({ isHalted, why, ...input }, call) {
      done(input, call, isHalted ? "stop payments" : "let payments go on", why, (tx) =>
        halt(tx, isHalted ? oneLine(why) : null),
      );
      bank.changed();
      return bankStatus(answers);
    },
    act: ({ by, act, about }, { caller }) =>
      desk.write((tx) => {
        audit(tx, actingOf(tx, by, caller), act, about);
        return {};
      }),
    async open({ wallet, grant, grantId }) {
      await bank.open(wallet, grant, grantId);
      desk.write((tx) => audit(tx, OPERATOR, "open", wallet));
      return bankStatus(answers);
    },
    async shut() {
      await bank.shut();
      desk.write((tx) => audit(tx, OPERATOR, "shut", ""));
      return bankStatus(answers);
    },
    async topUp(_, { key }) {
      const address = await bank.newAddress(key);
      desk.write((tx) => {
        if (tx.t.addresses.get(address) === undefined) keepAddress(tx, HOUSE, address, "");
        audit(tx, OPERATOR, "top up", address);
      });
      return { address };
    },
  };
}

/** As the audit has it. */
function limitsText({ paymentSat, daySat, strongSat }: Given<LedgerLimits>): string {
  return [
    ...(paymentSat === undefined ? [] : [`${paymentSat} sat a payment`]),
    ...(daySat === undefined ? [] : [`${daySat} sat a day`]),
    ...(strongSat === undefined ? [] : [`one-time codes from ${strongSat} sat on`]),
  ].join(", ");
}

function shownEntry({ id, postings, ...row }: EntryRow) {
  return { entry: id, ...row, postings: [...postings] };
}

/** People's accounts as one line each kind, so that nobody's balance is among them. */
function accountSums(t: Tables): { account: string; sat: number }[] {
  const sums = new Map<string, number>();
  for (const account of t.balances.keys()) {
    const shown = account.replace(/^user:\d+:/, "people:");
    sums.set(shown, (sums.get(shown) ?? 0) - balanceOf(t, account));
  }
  return [...sums].map(([account, sat]) => ({ account, sat }));
}
