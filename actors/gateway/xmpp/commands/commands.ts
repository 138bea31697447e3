/** All commands, who may have which of them where, and those that tell about the others. */

import { findCommand } from "../chat/find-command.ts";
import type { CommandWord, Texts } from "../language/catalogue.ts";
import { LANGUAGES } from "../language/texts.ts";
import { ACCOUNT_COMMANDS } from "./account-commands.ts";
import {
  type Asking,
  atGateway,
  type Command,
  everywhere,
  given,
  inOrder,
  isOperator,
  text,
} from "./command.ts";
import { exported } from "./export-command.ts";
import { ADMIN_COMMANDS } from "./operator/admin-commands.ts";
import { jobs } from "./operator/jobs-command.ts";
import { OPERATIONS_COMMANDS } from "./operator/operations-commands.ts";
import { PAYMENT_COMMANDS } from "./payment-commands.ts";
import { PROTECTION_COMMANDS } from "./protection-commands.ts";
import { WALLET_COMMANDS } from "./wallet-commands.ts";
import { web } from "./web-command.ts";

const help: Command = {
  word: "help",
  access: "anyone",
  isMutating: false,
  isFor: everywhere,
  fields: ({ texts }) => [{ name: "command", label: texts.field.command, kind: "text", isRequired: false }],
  read: (words) => new Map([["command", ""], ...inOrder(words, ["command"])]),
  async run(asking, values) {
    const { texts, to } = asking;
    const offered = offeredCommands(asking);
    const wanted = given(values, "command").split(" ")[0] ?? "";
    if (wanted !== "") {
      const found = findCommand(wanted, texts, Object.values(LANGUAGES), (word) =>
        offered.some((one) => one.word === word),
      );
      if (found === undefined || "candidates" in found)
        return {
          kind: "problem",
          text:
            found === undefined
              ? texts.unknownCommand(wanted.slice(0, 40))
              : texts.ambiguous(wanted.slice(0, 40), found.candidates.join(", ")),
        };
      return text(`${usageOf(found.command, asking)}\n${texts.usage[found.command][1]}`);
    }
    const lines = offered.map(({ word }) => `${usageOf(word, asking)}: ${texts.usage[word][1]}`);
    return text([texts.helpHead, ...lines, ...(atGateway(to) ? [texts.helpTail] : [])].join("\n"));
  },
};

const status: Command = {
  word: "status",
  access: "anyone",
  isMutating: false,
  isFor: atGateway,
  fields: () => [],
  read: () => new Map(),
  async run({ bank, texts }) {
    const { isSpending, why, tip } = await bank.status({});
    const lines = [isSpending ? texts.bankOpen : texts.bankShut(why ?? "")];
    if (tip !== null) lines.push(texts.height(tip.height));
    return text(lines.join("\n"));
  },
};

const ALL: readonly Command[] = [
  ...ACCOUNT_COMMANDS.filter(({ word }) => word === "register"),
  help,
  status,
  ...WALLET_COMMANDS,
  ...PAYMENT_COMMANDS,
  jobs,
  exported,
  web,
  ...PROTECTION_COMMANDS,
  ...ACCOUNT_COMMANDS.filter(({ word }) => word !== "register"),
  ...ADMIN_COMMANDS,
  ...OPERATIONS_COMMANDS,
];

const BY_WORD: ReadonlyMap<CommandWord, Command> = new Map(ALL.map((command) => [command.word, command]));

export function commandOf(word: CommandWord): Command {
  return BY_WORD.get(word) as Command;
}

/** At an address or a user only what has to do with paying. */
const AT_TARGETS: ReadonlySet<CommandWord> = new Set([
  "help",
  "pay",
  "orders",
  "confirm",
  "cancel",
  "history",
  "label",
]);

/** Those that this person may have at this place, in the order in which they are told. */
export function offeredCommands(asking: Pick<Asking, "account" | "to">): readonly Command[] {
  const { to, account } = asking;
  return ALL.filter(
    (command) =>
      isPermitted(command, account) &&
      command.isFor(to, asking) &&
      (atGateway(to) || AT_TARGETS.has(command.word)),
  );
}

export function isPermitted({ access }: Command, account: Asking["account"]): boolean {
  const isMember = account !== undefined && account.state !== "closed";
  switch (access) {
    case "anyone":
      return true;
    case "stranger":
      return !isMember;
    case "user":
      return isMember;
    case "operator":
      return isOperator(account);
    case "admin":
      return isMember && account.isAdmin;
  }
}

export function usageOf(word: CommandWord, { texts, to }: Pick<Asking, "texts" | "to">): string {
  const target = (texts.usageAtTarget as Readonly<Record<string, string>>)[word];
  const rest = atGateway(to) || target === undefined ? (texts.usage[word][0] ?? "") : target;
  return rest === "" ? texts.words[word] : `${texts.words[word]} ${rest}`;
}

/** What it does, as the head of a form or a line in a list. */
export function titleOf(word: CommandWord, { usage, words }: Texts): string {
  const does = usage[word][1] ?? words[word];
  return `${does.charAt(0).toUpperCase()}${does.slice(1)}`;
}
