/** Answers about people's accounts: coming, going, names, settings, second factor, addresses, contacts. */
import { isDeepStrictEqual } from "node:util";
import type { Handlers } from "../../../bus/bus.ts";
import type { LedgerLimits, LedgerSettings } from "../../../bus/contracts/ledger/objects.ts";
import type { PartyWord } from "../../../bus/contracts/ledger/values.ts";
import type { ledgerContract } from "../../../bus/contracts/ledger.ts";
import {
  addressesOf,
  freshAddress,
  keepAddress,
  labelAddress,
  oneLine,
  shownAddress,
} from "../addresses/addresses.ts";
import type { Tx } from "../books/transaction.ts";
import { denials } from "../denials.ts";
import { digestOf, tellDigest } from "../notices/digests.ts";
import { notify } from "../notices/notices.ts";
import { canonical } from "../orders/recipients.ts";
import { isAdmin } from "../people/jids.ts";
import { limitsOf, setOwnLimits } from "../people/limits.ts";
import {
  close,
  findByJid,
  findByName,
  hashOf,
  keepUser,
  needStanding,
  register,
  rename,
} from "../people/people.ts";
import {
  isEnabled,
  needUnlocked,
  newSecret,
  rightProof,
  stepOf,
  uriOf,
  wrongTry,
} from "../people/second-factor.ts";
import type { PartyRow, UserRow } from "../store/rows.ts";
import { type AnswerDesk, changing, judging, looking } from "./answer-desk.ts";
import { given } from "./given.ts";
import { shownAccount, shownBalance, shownParty } from "./shown.ts";

type AccountMethods =
  | "register"
  | "account"
  | "balance"
  | "lookup"
  | "rename"
  | "settings"
  | "limits"
  | "secondFactorBegin"
  | "secondFactorEnable"
  | "secondFactorDisable"
  | "verify"
  | "suspect"
  | "seen"
  | "close"
  | "receive"
  | "addresses"
  | "label"
  | "contacts"
  | "contact";

const CONTACTS_MAX = 200;
const DOOR_SETTINGS_MAX = 32;

export function accountAnswers({
  desk,
  bank,
}: AnswerDesk): Pick<Handlers<typeof ledgerContract>, AccountMethods> {
  /** Addresses that walletd is asked for just now, by account: they count as if they were there. */
  const asked = new Map<number, number>();
  return {
    register: ({ jid, username, language, invite }) =>
      desk.write((tx) => {
        const { user, recoveryCode } = register(tx, { jid, username, language, invite });
        return { account: shownAccount(tx, user, jid), recoveryCode };
      }),
    account: ({ jid }) => looking(desk, jid, (tx, user) => shownAccount(tx, user, jid)),
    balance: ({ jid }) => looking(desk, jid, ({ t }, user) => shownBalance(t, user.id)),
    lookup: ({ jid, what }) => looking(desk, jid, (tx, user) => lookedUp(tx, user, jid, what)),
    rename: ({ jid, username }) =>
      changing(desk, jid, (tx, user) => shownAccount(tx, rename(tx, user, username), jid)),
    settings: ({ jid, settings }) =>
      changing(desk, jid, (tx, user) => {
        const kept = { ...user, settings: merged(user.settings, given<LedgerSettings>(settings)) };
        // What has waited so far is not to wait for a time that comes no more.
        if (!isDeepStrictEqual(digestOf(kept), digestOf(user))) tellDigest(tx, user.id);
        return shownAccount(tx, keepUser(tx, kept), jid);
      }),
    limits: ({ jid, limits }) =>
      changing(desk, jid, (tx, user) =>
        shownAccount(tx, setOwnLimits(tx, user, given<LedgerLimits>(limits)), jid),
      ),
    secondFactorBegin: ({ jid }) =>
      changing(desk, jid, (tx, user) => {
        // Or whoever has the JID now would prove himself by what he has set up himself.
        needStanding(tx, user);
        if (isEnabled(user)) throw denials.secondFactor("present");
        const secret = newSecret(tx);
        keepUser(tx, { ...user, factor: { secret, enabledAtS: null, lastStep: 0 } });
        return { secret, uri: uriOf(secret, user.username) };
      }),
    secondFactorEnable: ({ jid, oneTimeCode }) =>
      judging(desk, jid, (tx, user) => {
        needStanding(tx, user);
        if (user.factor === null) throw denials.secondFactor("missing");
        if (isEnabled(user)) throw denials.secondFactor("present");
        return proved(tx, user, oneTimeCode, (right) => {
          const aloneSat = limitsOf(tx, right).strongSat;
          const factor = right.factor === null ? null : { ...right.factor, enabledAtS: tx.nowS, aloneSat };
          const kept = keepUser(tx, { ...right, factor });
          notify(tx, kept, { kind: "security.factor", subject: `account:${user.id}` });
          return shownAccount(tx, kept, jid);
        });
      }),
    secondFactorDisable: ({ jid, oneTimeCode }) =>
      judging(desk, jid, (tx, user) => {
        if (!isEnabled(user)) throw denials.secondFactor("missing");
        return proved(tx, user, oneTimeCode, (right) => {
          const kept = keepUser(tx, { ...right, factor: null });
          notify(tx, kept, { kind: "security.factor", subject: `account:${user.id}` });
          return shownAccount(tx, kept, jid);
        });
      }),
    verify: ({ jid, proof }) =>
      judging(desk, jid, (tx, user) => {
        const verified = (right: UserRow) =>
          shownAccount(tx, keepUser(tx, { ...right, needsVerification: false, seenAtS: tx.nowS }), jid);
        if ("oneTimeCode" in proof) {
          if (!isEnabled(user)) throw denials.secondFactor("missing");
          return proved(tx, user, proof.oneTimeCode, verified);
        }
        needUnlocked(tx, user);
        if (hashOf(proof.recoveryCode) === user.recovery)
          return { value: verified(rightProof(tx, user, undefined)) };
        wrongTry(tx, user, "wrongProofs");
        return { refusal: denials.secondFactor("wrong") };
      }),
    suspect: ({ jid }) =>
      changing(desk, jid, (tx, user) => {
        if (user.needsVerification) return {};
        const kept = keepUser(tx, { ...user, needsVerification: true });
        notify(tx, kept, { kind: "account.verify", subject: `account:${user.id}`, isToAdmins: true });
        return {};
      }),
    seen: ({ jids }) =>
      desk.write((tx) => {
        for (const jid of jids) seen(tx, jid);
        return {};
      }),
    close: ({ jid }) =>
      changing(desk, jid, (tx, user) => {
        close(tx, user);
        return {};
      }),
    async receive({ jid, label }, { key }) {
      const text = label === undefined ? undefined : oneLine(label);
      const fresh = (tx: Tx, user: UserRow) => {
        needStanding(tx, user);
        const row = freshAddress(tx, user, text, asked.get(user.id) ?? 0);
        if (row === undefined) return { userId: user.id };
        const named =
          text === undefined || text === row.label ? row : labelAddress(tx, user, row.address, text);
        return { ...shownAddress(tx.t, user, named), isNew: false };
      };
      const known = changing(desk, jid, fresh);
      if ("address" in known) return known;
      const { userId } = known;
      asked.set(userId, (asked.get(userId) ?? 0) + 1);
      try {
        const address = await bank.newAddress(key);
        return changing(desk, jid, (tx, user) => ({
          ...shownAddress(
            tx.t,
            user,
            tx.t.addresses.get(address) ?? keepAddress(tx, user.id, address, text ?? ""),
          ),
          isNew: true,
        }));
      } finally {
        const left = (asked.get(userId) ?? 1) - 1;
        if (left > 0) asked.set(userId, left);
        else asked.delete(userId);
      }
    },
    addresses: ({ jid, offset, limit }) =>
      looking(desk, jid, ({ t }, user) => ({
        total: t.userAddresses.count({ start: [user.id], end: [user.id + 1] }),
        receivedSat: Math.max(0, user.receivedSat),
        addresses: addressesOf(t, user, offset, limit),
      })),
    label: ({ jid, address, label }) =>
      changing(desk, jid, (tx, user) =>
        shownAddress(tx.t, user, labelAddress(tx, user, canonical(address, tx.network), label)),
      ),
    contacts: ({ jid }) => looking(desk, jid, (tx, user) => shownContacts(tx, user)),
    contact: ({ jid, who, isKept }) =>
      changing(desk, jid, (tx, user) => {
        const party = partyOf(tx, who);
        const others = user.contacts.filter(
          ({ userId, address }) => userId !== party.userId || address !== party.address,
        );
        if (isKept && others.length >= CONTACTS_MAX) throw denials.tooMany("contacts", CONTACTS_MAX);
        return shownContacts(tx, keepUser(tx, { ...user, contacts: isKept ? [...others, party] : others }));
      }),
  };
}

function shownContacts({ t }: Tx, { contacts }: UserRow) {
  return { contacts: contacts.map((party) => shownParty(t, party)) };
}

/** A one-time code that counts, or one try less. */
function proved<T>(tx: Tx, user: UserRow, typed: string, then: (right: UserRow) => T) {
  needUnlocked(tx, user);
  const step = stepOf(user, typed, tx.nowS);
  if (step !== undefined) return { value: then(rightProof(tx, user, step)) };
  wrongTry(tx, user, "wrongProofs");
  return { refusal: denials.secondFactor("wrong") };
}

function seen(tx: Tx, jid: string): void {
  const user = findByJid(tx.t, jid);
  if (user === undefined || user.state === "closed") return;
  const { verify_after_days: days } = tx.rules;
  const wasAway = days > 0 && user.seenAtS + days * 86_400 <= tx.nowS;
  // Whoever comes after so long is not taken for the one who went.
  tx.t.users.put(user.id, {
    ...user,
    seenAtS: tx.nowS,
    needsVerification: user.needsVerification || wasAway,
  });
}

function merged(before: UserRow["settings"], given: Partial<LedgerSettings>): UserRow["settings"] {
  const { door, ...rest } = given;
  const doors = Object.entries({ ...before.door, ...door }).filter(([, value]) => value !== "");
  return { ...before, ...rest, door: Object.fromEntries(doors.slice(0, DOOR_SETTINGS_MAX)) };
}

function partyOf(tx: Tx, who: PartyWord): PartyRow {
  if ("address" in who) return { userId: null, address: canonical(who.address, tx.network) };
  const user = "username" in who ? findByName(tx.t, who.username) : findByJid(tx.t, who.jid);
  if (user === undefined || user.state === "closed") throw denials.recipient();
  return { userId: user.id, address: null };
}

/** Of others an asker learns that a name exists, and nothing else. */
function lookedUp(tx: Tx, asker: UserRow, jid: string, what: PartyWord) {
  const { t } = tx;
  const mayAll = isAdmin(tx, jid);
  if ("address" in what) {
    const address = canonical(what.address, tx.network);
    const row = t.addresses.get(address);
    const isOwn = row !== undefined && row.userId === asker.id;
    const owner = row === undefined ? undefined : t.users.get(row.userId);
    const party =
      (isOwn || mayAll) && owner !== undefined
        ? { userId: owner.id, address: null }
        : { userId: null, address };
    return {
      party: shownParty(t, party, true),
      isSelf: isOwn,
      own: isOwn ? shownAddress(t, asker, row) : null,
    };
  }
  const user = "username" in what ? findByName(t, what.username) : findByJid(t, what.jid);
  const isSelf = user?.id === asker.id;
  const mayKnow = isSelf || mayAll || ("username" in what && user?.state !== "closed");
  if (user === undefined || !mayKnow) return { party: null, isSelf: false, own: null };
  return { party: shownParty(t, { userId: user.id, address: null }, isSelf || mayAll), isSelf, own: null };
}
