import { describe, expect, it } from "vitest";
import type { Texts } from "./catalogue.ts";
import { money } from "./money.ts";
import { LANGUAGES } from "./texts.ts";

/** What stands for each parameter of a text. */
const GIVEN = {
  amount: "12 sat",
  address: "bcrt1qaddress",
  recipient: "robert",
  code: "abc234",
  command: "xyzzy",
  matches: "pay, page",
  usage: "pay AMOUNT",
  comment: "for the boat",
  percent: "33.3",
  reason: "no such luck",
  txid: "ab12cd34",
  confirmations: "7",
} as const;
type Parameter = keyof typeof GIVEN;

interface Said {
  readonly says: (texts: Texts) => string;
  /** Those of the seed's parameters that ours says too. */
  readonly names: readonly Parameter[];
}
/** Said elsewhere, or not at all, and why. */
interface Unsaid {
  readonly why: string;
}

const say = (says: (texts: Texts) => string, ...names: readonly Parameter[]): Said => ({ says, names });
const unsaid = (why: string): Unsaid => ({ why });

const { amount, address, recipient, code, comment } = GIVEN;
const COMMANDS = ["cancel", "confirm", "help", "history", "pay"] as const;
const orderLine = (texts: Texts) => texts.orderLine(code, amount, recipient, comment);
const cancelled = (texts: Texts) => texts.cancelled(amount, recipient);

/** The catalogue of bitcoIM, key by key, and what this door says instead. */
const SEED: Readonly<Record<string, Readonly<Record<string, Said | Unsaid>>>> = {
  DEFAULT: {
    bitcoins: say(() => money(12, "sat"), "amount"),
    url_bitcoin_address: say((texts) => texts.explorer(address), "address"),
  },
  Console: {
    cannot_connect: unsaid("a warning of the log, for the operator, who is told no languages"),
    cannot_auth: unsaid("a warning of the log, for the operator, who is told no languages"),
  },
  Commands: {
    ...Object.fromEntries(COMMANDS.map((word) => [`command_${word}`, say(({ words }) => words[word])])),
    ...Object.fromEntries(
      COMMANDS.map((word) => [`command_${word}_usage`, say(({ usage }) => usage[word][1] ?? "")]),
    ),
    confirm_prompt: say((texts) => texts.confirmWith(code, 10), "code"),
    unknown_command: say((texts) => texts.unknownCommand(GIVEN.command), "command"),
    ambiguous_command: say((texts) => texts.ambiguous(GIVEN.command, GIVEN.matches), "command", "matches"),
    error_message: unsaid("each refusal is a whole sentence, and forms mark it by a note of the type error"),
    usage_message: say((texts) => texts.usageIs(GIVEN.usage), "usage"),
    command_list_prompt: say((texts) => texts.helpHead),
    command_list_prompt_address: say((texts) => texts.helpTail),
  },
  "Roster interaction": {
    current_balance: say((texts) => texts.balance(amount), "amount"),
    new_address_message: say((texts) => texts.receive(address), "address"),
    address_start_chat: say((texts) => texts.addressChat(address), "address"),
    address2jid_description: say((texts) => texts.promptDescription),
    address2jid_prompt: say((texts) => texts.prompt),
    address2jid_invalid: say((texts) => texts.refusal.recipient),
    own_address: say((texts) => texts.ownAddress("", amount, GIVEN.percent), "amount"),
    percentage_balance_received: say((texts) => texts.ownAddress("", amount, GIVEN.percent), "percent"),
    announce_disconnect: say((texts) => texts.statusShutdown),
  },
  Registration: {
    error_invalid_jid: say((texts) => texts.refusal.notAllowed.domain),
    error_missing_username: say((texts) => texts.refusal.nameMissing),
    error_invalid_username: say((texts) => texts.refusal.nameTaken),
    error_not_registered: say((texts) => texts.notRegistered(GIVEN.command), "command"),
    introduction: say((texts) => texts.registerInstructions),
    set_username: say((texts) => texts.registeredInstructions),
    bye: say((texts) => texts.farewell),
  },
  "Service discovery": {
    user_list: say((texts) => texts.usersTitle),
    your_addresses: say((texts) => texts.addressesTitle),
    other_s_addresses: say(({ usage }) => usage.user[1] ?? ""),
    address_owner: unsaid("of an address of somebody else nobody is told whose it is"),
    real_identity: unsaid("the full name of a user's card, for himself and for admins"),
  },
  Transactions: {
    error_no_amount: say((texts) => texts.askField(texts.field.amount)),
    error_amount_non_number: say((texts) => texts.badAmount(amount), "amount"),
    error_amount_non_positive: say((texts) => texts.zeroAmount),
    error_insufficient_funds: say((texts) => texts.refusal.funds(amount, amount), "amount"),
    error_payment_impossible: say((texts) => texts.paymentFailed(GIVEN.reason), "reason"),
    error_payment_to_gateway: say((texts) => texts.askField(texts.field.to)),
    error_payment_to_nobody: say((texts) => texts.refusal.recipient),
    error_payment_to_self: say((texts) => texts.refusal.self),
    error_tx_not_found: say((texts) => texts.refusal.noOrder),
    warning_low_balance: say((texts) => texts.lowBalance(amount), "amount"),
    confirm_recap: say((texts) => texts.recap(amount, recipient), "amount", "recipient"),
    confirm_recap_comment: say((texts) => texts.recapMemo(comment), "comment"),
    pending_header_global: say((texts) => texts.ordersHead),
    pending_header_target: say((texts) => texts.ordersHeadHere),
    pending_nothing_global: say((texts) => texts.noOrders),
    pending_nothing_target: say((texts) => texts.noOrdersHere),
    pending_item_global: say(orderLine, "code", "amount", "recipient", "comment"),
    pending_item_target: say(orderLine, "code", "amount", "comment"),
    cancel_recap_target: say(cancelled, "amount", "recipient"),
    cancel_recap_target_comment: say(cancelled, "amount", "recipient"),
    cancel_recap_other: say(cancelled, "amount", "recipient"),
    cancel_recap_other_comment: say(cancelled, "amount", "recipient"),
    cancel_recap_warning_other: say((texts) => texts.cancelledElsewhere),
    cancel_recap_warning_global: unsaid("the answer names whom the order would have paid"),
    pay_recap: say((texts) => texts.paidOnChain(amount, GIVEN.txid), "amount", "txid"),
    pay_recap_user: say((texts) => texts.paidInternally(amount, recipient), "amount", "recipient"),
    history_recap_item: say((texts) => texts.historyIn(amount, ""), "amount"),
    history_recap_item_to: say((texts) => texts.historyOut(amount, recipient), "amount", "recipient"),
    history_recap_item_from: say((texts) => texts.historyIn(amount, recipient), "amount", "recipient"),
    history_recap_nothing_global: say((texts) => texts.noHistory),
    history_recap_nothing_target: say((texts) => texts.noHistory),
    history_recap_global: say((texts) => texts.historyTitle),
    history_recap_target: say((texts) => texts.historyTitle),
    tx_comment: say((texts) => texts.recapMemo(comment), "comment"),
    tx_confirmations: say((texts) => texts.confirmations(7), "confirmations"),
  },
};

const rows = Object.entries(SEED).flatMap(([part, keys]) =>
  Object.entries(keys).map(([key, row]) => [`${part}: ${key}`, row] as const),
);
const said = rows.flatMap(([key, row]) => ("says" in row ? [[key, row] as const] : []));

describe("bitcoIM's catalogue", () => {
  it("has 77 texts, of which ours has all but those of which it is written why not", () => {
    expect(rows).toHaveLength(77);
    const without = rows.flatMap(([key, row]) => ("why" in row ? [`${key}: ${row.why}`] : []));
    expect(without).toHaveLength(6);
    expect(said).toHaveLength(71);
  });

  it.each(said)("%s is said in every language, with what it is about", (_, { says, names }) => {
    for (const [language, texts] of Object.entries(LANGUAGES)) {
      const text = says(texts);
      expect(text.trim(), language).not.toBe("");
      for (const name of names) expect(text, language).toContain(GIVEN[name]);
    }
  });
});
