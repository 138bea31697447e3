/** Commands about what one has: balance, addresses, labels, contacts, history. */
import type { LedgerMovement } from "../../../../bus/contracts/ledger/objects.ts";
import { UNITS } from "../../../../bus/contracts/ledger/objects.ts";
import { readAmount, unitOf } from "../chat/amount.ts";
import { bitcoinDecimal, money } from "../language/money.ts";
import {
  type Asking,
  atGateway,
  type Command,
  choiceField,
  dateText,
  everywhere,
  given,
  inOrder,
  nextPageOf,
  type Outcome,
  PAGE_SIZE,
  pageOf,
  text,
} from "./command.ts";
import { entityOf, partyOfEntity, partyOfText, partyText, quotable } from "./party.ts";

const LABEL_MAX = 100;

const balance: Command = {
  word: "balance",
  access: "user",
  isMutating: false,
  isFor: atGateway,
  fields: () => [],
  // In a form it is told in the person's own unit, at once.
  read: ([word = ""]) => new Map([["unit", word]]),
  async run({ bank, jid, texts, unit: own }, values) {
    const typed = given(values, "unit");
    const unit = typed === "" ? own : unitOf(typed);
    if (unit === undefined) return { kind: "problem", text: texts.badSetting("unit", UNITS.join(", ")) };
    const { availableSat, heldSat, pendingSat } = await bank.balance({ jid });
    const lines = [texts.balance(money(availableSat, unit))];
    if (heldSat > 0) lines.push(texts.held(money(heldSat, unit)));
    if (pendingSat > 0) lines.push(texts.pending(money(pendingSat, unit)));
    return text(lines.join("\n"));
  },
};

const receive: Command = {
  word: "receive",
  access: "user",
  isMutating: true,
  isFor: atGateway,
  fields: ({ texts }) => [
    { name: "amount", label: texts.field.amount, kind: "text", isRequired: false },
    { name: "label", label: texts.field.label, kind: "text", isRequired: false },
  ],
  read([first = "", ...rest], { unit: own }) {
    const [second = "", ...more] = rest;
    const unit = unitOf(second);
    const isAmount = /^\d/.test(first) && "sat" in readAmount(first, unit ?? own);
    if (!isAmount) return receiveValues("", [first, ...rest]);
    return unit === undefined ? receiveValues(first, rest) : receiveValues(`${first} ${second}`, more);
  },
  async run({ bank, jid, texts, unit, explorerUrlOf }, values): Promise<Outcome> {
    const typed = given(values, "amount");
    const amount = typed === "" ? undefined : readAmount(typed, unit);
    if (amount !== undefined && "problem" in amount)
      return { kind: "again", field: "amount", text: texts.badAmount(typed) };
    const label = quotable(given(values, "label")).slice(0, LABEL_MAX);
    const fresh = await bank.receive({ jid, ...(label === "" ? {} : { label }) });
    const parts = [
      ...(amount === undefined ? [] : [`amount=${bitcoinDecimal(amount.sat)}`]),
      ...(fresh.label === "" ? [] : [`label=${encodeURIComponent(fresh.label)}`]),
    ];
    const uri = `bitcoin:${fresh.address}${parts.length === 0 ? "" : `?${parts.join("&")}`}`;
    const { address, label: named } = fresh;
    return { kind: "payment", address, uri, label: named, explorerUrl: explorerUrlOf(address) };
  },
};

function receiveValues(amount: string, label: readonly string[]): Map<string, string> {
  return new Map([
    ["amount", amount],
    ["label", label.join(" ")],
  ]);
}

const addresses: Command = {
  word: "addresses",
  access: "user",
  isMutating: false,
  isFor: atGateway,
  fields: ({ texts }) => [
    { name: "page", label: texts.field.page, kind: "text", isRequired: false, standard: "1" },
  ],
  read: ([page = "1"]) => new Map([["page", page]]),
  async run({ bank, jid, texts, unit }, values): Promise<Outcome> {
    const page = pageOf(values);
    const told = await bank.addresses({ jid, offset: (page - 1) * PAGE_SIZE, limit: PAGE_SIZE });
    if (told.addresses.length === 0) return text(texts.noAddresses);
    const { column } = texts;
    return {
      kind: "table",
      title: texts.addressesTitle,
      columns: [
        { name: "address", label: column.address },
        { name: "label", label: column.label },
        { name: "received", label: column.received },
        { name: "share", label: column.share },
      ],
      rows: told.addresses.map(({ address, label, receivedSat, sharePermille }) => ({
        address,
        label,
        received: money(receivedSat, unit),
        share: percent(sharePermille),
      })),
      lines: told.addresses.map(
        ({ address, label, receivedSat, sharePermille }) =>
          `${address}${label === "" ? "" : ` (${label})`}: ${money(receivedSat, unit)}, ${percent(sharePermille)} %`,
      ),
      nextPage: nextPageOf(page, told.total),
    };
  },
};

/** Of thousandths. */
export function percent(permille: number): string {
  return (permille / 10).toFixed(1);
}

const label: Command = {
  word: "label",
  access: "user",
  isMutating: true,
  isFor: (to, { isOwn }) => atGateway(to) || (to.kind === "address" && isOwn),
  fields: ({ texts, to }) => [
    ...(to.kind === "address"
      ? []
      : [{ name: "address", label: texts.field.address, kind: "text", isRequired: true } as const]),
    { name: "text", label: texts.field.text, kind: "text", isRequired: false },
  ],
  read: (words, { to }) =>
    new Map([["text", ""], ...inOrder(words, to.kind === "address" ? ["text"] : ["address", "text"])]),
  async run({ bank, jid, texts, to, space }, values): Promise<Outcome> {
    const address = to.kind === "address" ? to.address : space.address(given(values, "address"));
    if (address === undefined) return { kind: "again", field: "address", text: texts.badAddress };
    const named = await bank.label({
      jid,
      address,
      label: quotable(given(values, "text")).slice(0, LABEL_MAX),
    });
    return text(texts.labelled(named.label));
  },
};

const contacts: Command = {
  word: "contacts",
  access: "user",
  isMutating: true,
  isFor: atGateway,
  fields: ({ texts }) => [
    choiceField("what", texts.field.what, ["list", "add", "remove"], "list"),
    { name: "who", label: texts.field.who, kind: "text", isRequired: false },
  ],
  read: ([what = "list", who = ""]) =>
    new Map([
      ["what", what.toLowerCase()],
      ["who", who],
    ]),
  async run({ bank, jid, texts, space, follow }, values): Promise<Outcome> {
    const what = given(values, "what");
    if (what !== "add" && what !== "remove") {
      const { contacts: kept } = await bank.contacts({ jid });
      return text(
        kept.length === 0 ? texts.noContacts : [`${texts.contactsTitle}:`, ...kept.map(partyText)].join("\n"),
      );
    }
    const who = given(values, "who");
    const party = partyOfText(who, space);
    if (party === undefined) return { kind: "again", field: "who", text: texts.refusal.recipient };
    await bank.contact({ jid, who: party, isKept: what === "add" });
    const contact = "address" in party ? party : (await bank.lookup({ jid, what: party })).party;
    for (const entity of contact === null ? [] : entityOf(contact)) follow(entity, what === "add");
    return text(what === "add" ? texts.contactAdded(quotable(who)) : texts.contactRemoved(quotable(who)));
  },
};

const history: Command = {
  word: "history",
  access: "user",
  isMutating: false,
  isFor: everywhere,
  fields: ({ texts, to }) => [
    { name: "page", label: texts.field.page, kind: "text", isRequired: false, standard: "1" },
    ...(atGateway(to)
      ? [{ name: "who", label: texts.field.who, kind: "text", isRequired: false } as const]
      : []),
  ],
  read(words) {
    const page = words.find((word) => /^\d{1,5}$/.test(word)) ?? "1";
    return new Map([
      ["page", page],
      ["who", words.find((word) => !/^\d{1,5}$/.test(word)) ?? ""],
    ]);
  },
  async run(asking, values): Promise<Outcome> {
    const { bank, jid, texts, to, space } = asking;
    const who = given(values, "who");
    const party = partyOfEntity(to) ?? (who === "" ? undefined : partyOfText(who, space));
    if (who !== "" && party === undefined)
      return { kind: "again", field: "who", text: texts.refusal.recipient };
    const page = pageOf(values);
    const told = await bank.history({
      jid,
      offset: (page - 1) * PAGE_SIZE,
      limit: PAGE_SIZE,
      ...(party === undefined ? {} : { with: party }),
    });
    if (told.movements.length === 0) return text(texts.noHistory);
    return {
      kind: "table",
      title: texts.historyTitle,
      columns: (
        ["date", "direction", "amount", "fee", "counterpart", "memo", "confirmations", "reference"] as const
      ).map((name) => ({ name, label: texts.column[name] })),
      rows: told.movements.map((movement) => movementRow(movement, asking)),
      lines: told.movements.map((movement) => movementLine(movement, asking)),
      nextPage: nextPageOf(page, told.total),
    };
  },
};

function movementRow(movement: LedgerMovement, { texts, unit }: Asking): Record<string, string> {
  const { changeSat, feeSat, counterpart, confirmations } = movement;
  return {
    date: dateText(movement.atS),
    direction: changeSat < 0 ? texts.outgoing : texts.incoming,
    amount: money(Math.abs(changeSat), unit),
    fee: money(feeSat, unit),
    counterpart: partyText(counterpart),
    memo: quotable(movement.memo),
    confirmations: confirmations === null ? "" : String(confirmations),
    reference: movement.txid ?? movement.order ?? String(movement.entry),
  };
}

function movementLine(movement: LedgerMovement, asking: Asking): string {
  const { texts, unit } = asking;
  const row = movementRow(movement, asking);
  const amount = money(Math.abs(movement.changeSat), unit);
  const who = row["counterpart"] ?? "";
  const isDeposit = movement.kind === "deposit" && who !== "";
  const what =
    movement.changeSat < 0
      ? movement.kind === "mixed"
        ? texts.historyMixed(amount, who)
        : texts.historyOut(amount, who)
      : // An address of his own, at which he was paid by nobody knows whom.
        isDeposit
        ? texts.historyAt(amount, who)
        : texts.historyIn(amount, who);
  const memo = row["memo"] === "" ? "" : ` (${row["memo"]})`;
  const depth = movement.confirmations === null ? "" : `, ${texts.confirmations(movement.confirmations)}`;
  return `${row["date"]} ${what}${memo}${depth}`;
}

export const WALLET_COMMANDS: readonly Command[] = [balance, receive, addresses, label, contacts, history];
