/** Commands of those who run the bank. The ledger checks that they do, and writes each act down. */
import type { LedgerAccount } from "../../../../../bus/contracts/ledger/objects.ts";
import type { UserWord } from "../../../../../bus/contracts/ledger/values.ts";
import { readAmount } from "../../chat/amount.ts";
import type { CommandWord } from "../../language/catalogue.ts";
import { money } from "../../language/money.ts";
import { parseJid } from "../../names/jid.ts";
import {
  type Asking,
  atGateway,
  type Command,
  dateText,
  given,
  inOrder,
  nextPageOf,
  type Outcome,
  PAGE_SIZE,
  pageOf,
  text,
  type Values,
} from "../command.ts";
import { quotable, userOfText } from "../party.ts";

function adminCommand(
  word: CommandWord,
  names: readonly ("who" | "why" | "page" | "text" | "payment" | "day")[],
  optional: readonly string[],
  isMutating: boolean,
  run: Command["run"],
): Command {
  return {
    word,
    access: "admin",
    isMutating,
    isFor: atGateway,
    fields: ({ texts }) =>
      names.map((name) => ({
        name,
        label: texts.field[name],
        kind: "text",
        isRequired: !optional.includes(name),
      })),
    // What may be left out is not asked for in a chat.
    read: (words) => new Map([...optional.map((name) => [name, ""] as const), ...inOrder(words, names)]),
    run,
  };
}

/** One act on one account. */
function actOn(
  word: CommandWord,
  names: readonly ("who" | "why")[],
  act: (asking: Asking, user: UserWord, values: Values) => Promise<LedgerAccount>,
): Command {
  return adminCommand(word, names, ["why"], true, async (asking, values) => {
    const user = userOfText(given(values, "who"), asking.space);
    if (user === undefined) return { kind: "again", field: "who", text: asking.texts.refusal.noSuchUser };
    const account = await act(asking, user, values);
    return text(asking.texts.adminDone(account.username, asking.texts.state[account.state]));
  });
}

const users = adminCommand(
  "users",
  ["page"],
  ["page"],
  false,
  async ({ bank, jid, texts, unit }, values): Promise<Outcome> => {
    const page = pageOf(values);
    const told = await bank.users({ by: jid, offset: (page - 1) * PAGE_SIZE, limit: PAGE_SIZE });
    if (told.users.length === 0) return text(texts.nobody);
    const rows = told.users.map((one) => ({
      name: one.username,
      jid: one.jid,
      state: texts.state[one.state],
      balance: money(one.availableSat, unit),
    }));
    return {
      kind: "table",
      title: texts.usersTitle,
      columns: (["name", "jid", "state", "balance"] as const).map((name) => ({
        name,
        label: texts.column[name],
      })),
      rows,
      lines: rows.map((row) => `${row.name} (${row.jid}): ${row.state}, ${row.balance}`),
      nextPage: nextPageOf(page, told.total),
    };
  },
);

const user = adminCommand(
  "user",
  ["who"],
  [],
  false,
  async ({ bank, jid, texts, unit, space }, values): Promise<Outcome> => {
    const who = userOfText(given(values, "who"), space);
    if (who === undefined) return { kind: "again", field: "who", text: texts.refusal.noSuchUser };
    const { account, addresses } = await bank.user({ by: jid, user: who });
    return text(
      [
        `${account.username} (${account.jid}): ${texts.state[account.state]}`,
        texts.accountBalance(money(account.availableSat, unit)),
        ...addresses.map(
          ({ address, label, receivedSat }) => `${address} ${quotable(label)} ${money(receivedSat, unit)}`,
        ),
      ].join("\n"),
    );
  },
);

const approve = actOn("approve", ["who"], ({ bank, jid }, who) => bank.approve({ by: jid, user: who }));
const freeze = actOn("freeze", ["who", "why"], ({ bank, jid }, who, values) =>
  bank.freeze({ by: jid, user: who, why: quotable(given(values, "why")).slice(0, 300) }),
);
const unfreeze = actOn("unfreeze", ["who"], ({ bank, jid }, who) => bank.unfreeze({ by: jid, user: who }));

const limit = adminCommand(
  "limit",
  ["who", "payment", "day"],
  [],
  true,
  async (asking, values): Promise<Outcome> => {
    const { bank, jid, texts, unit, space } = asking;
    const who = userOfText(given(values, "who"), space);
    if (who === undefined) return { kind: "again", field: "who", text: texts.refusal.noSuchUser };
    const amounts: number[] = [];
    for (const name of ["payment", "day"]) {
      const typed = given(values, name);
      const read = readAmount(typed, unit);
      if ("problem" in read) return { kind: "again", field: name, text: texts.badAmount(quotable(typed)) };
      amounts.push(read.sat);
    }
    const [paymentSat = 0, daySat = 0] = amounts;
    const account = await bank.limit({ by: jid, user: who, limits: { paymentSat, daySat } });
    return text(texts.adminDone(account.username, `${money(paymentSat, unit)}, ${money(daySat, unit)}`));
  },
);

const banning = (isBanned: boolean) =>
  adminCommand(
    isBanned ? "ban" : "unban",
    ["who"],
    [],
    true,
    async ({ bank, jid, texts }, values): Promise<Outcome> => {
      const who = parseJid(given(values, "who"));
      if (who === undefined) return { kind: "again", field: "who", text: texts.refusal.noSuchUser };
      const named = who.local === "" ? { domain: who.domain } : { jid: `${who.local}@${who.domain}` };
      const { banned } = await bank.ban({ by: jid, who: named, isBanned });
      return text(texts.banned(banned.join(", ")));
    },
  );

const invite = adminCommand("invite", [], [], true, async ({ bank, jid, texts }): Promise<Outcome> => {
  const { invite: word, expiresAtS } = await bank.invite({ by: jid });
  const day = new Date(expiresAtS * 1_000).toISOString().slice(0, 10);
  return { kind: "text", text: texts.invited(word, day), isSecret: true };
});

const audit = adminCommand(
  "audit",
  ["page"],
  ["page"],
  false,
  async ({ bank, jid, texts }, values): Promise<Outcome> => {
    const page = pageOf(values);
    const { acts, total } = await bank.audit({
      by: jid,
      offset: (page - 1) * PAGE_SIZE,
      limit: PAGE_SIZE,
    });
    if (acts.length === 0) return text(texts.noHistory);
    const rows = acts.map(({ atS, by, act, about, text: said }) => ({
      date: dateText(atS),
      name: quotable(by),
      what: act,
      recipient: quotable(about),
      memo: quotable(said),
    }));
    return {
      kind: "table",
      title: texts.auditTitle,
      columns: (["date", "name", "what", "recipient", "memo"] as const).map((name) => ({
        name,
        label: texts.column[name],
      })),
      rows,
      lines: rows.map(({ date, name, what, recipient, memo }) =>
        [date, `${name}:`, what, recipient, memo].filter((word) => word !== "").join(" "),
      ),
      nextPage: nextPageOf(page, total),
    };
  },
);

const announce = adminCommand(
  "announce",
  ["text"],
  [],
  true,
  async ({ bank, jid, texts }, values): Promise<Outcome> => {
    const words = quotable(given(values, "text")).slice(0, 1_000);
    if (words === "") return { kind: "again", field: "text", text: texts.field.text };
    const { people } = await bank.announce({ by: jid, text: words });
    return text(texts.announced(people));
  },
);

const reconcile = adminCommand("reconcile", [], [], true, async ({ bank, jid, texts, unit }) => {
  const { isSound, breaches, custodySat, liabilitiesSat } = await bank.reconcile({ by: jid });
  return text(
    isSound
      ? texts.sound(money(custodySat, unit), money(liabilitiesSat, unit))
      : texts.unsound(breaches.join(" ")),
  );
});

export const ADMIN_COMMANDS: readonly Command[] = [
  users,
  user,
  approve,
  freeze,
  unfreeze,
  limit,
  banning(true),
  banning(false),
  invite,
  announce,
  reconcile,
  audit,
];
