/** All commands, who may have which of them where, and those that tell about the others. */

import { findCommand } from "../chat/find-command.ts";
import type { CommandWord } from "../language/catalogue.ts";
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
import { mix } from "./mixing/mix-command.ts";
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
    const { texts, to, account } = asking;
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
      return text(`${usageOf(found.command, asking)}\n${doesOf(found.command, asking)}`);
    }
    const lines = offered.map(({ word }) => `${usageOf(word, asking)}: ${doesOf(word, asking)}`);
    const canPay = account !== undefined && atGateway(to);
    return text([texts.helpHead, ...lines, ...(canPay ? [texts.helpTail] : [])].join("\n"));
  },
};

/** In how many blocks. */
const FEE_TARGETS = [1, 6, 144] as const;

const status: Command = {
  word: "status",
  access: "anyone",
  isMutating: false,
  isFor: atGateway,
  fields: () => [],
  read: () => new Map(),
  async run({ bank, workers, texts, outlook }) {
    const [{ isSpending, why, tip }, fees] = await Promise.all([
      bank.status({}),
      // What is not there, or knows nothing yet, says nothing.
      workers.mempool.feeEstimates({ targets: [...FEE_TARGETS] }).catch(() => undefined),
    ]);
    const lines = [isSpending ? texts.bankOpen : texts.bankShut(why ?? "")];
    if (tip !== null) lines.push(texts.height(tip.height));
    if (outlook.percentRead !== undefined) lines.push(texts.syncing(outlook.percentRead.toFixed(1)));
    const levels = FEE_TARGETS.flatMap((blocks, at) => {
      const satPerKvb = fees?.results[at] ?? null;
      return satPerKvb === null ? [] : [texts.feeLevel((satPerKvb / 1_000).toFixed(1), blocks)];
    });
    if (levels.length > 0) lines.push(texts.feeLevels(levels.join(", ")));
    return text(lines.join("\n"));
  },
};

const ALL: readonly Command[] = [
  ...ACCOUNT_COMMANDS.filter(({ word }) => word === "register"),
  help,
  status,
  ...WALLET_COMMANDS,
  ...PAYMENT_COMMANDS,
  mix,
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
  "mix",
  "orders",
  "confirm",
  "cancel",
  "history",
  "label",
]);

/** And where nobody is to be paid but oneself. */
const AT_OWN: ReadonlySet<CommandWord> = new Set(["help", "history", "label"]);

/** Those that this person may have at this place, in the order in which they are told. */
export function offeredCommands(
  asking: Pick<Asking, "account" | "to" | "isOwn" | "outlook" | "texts">,
): readonly Command[] {
  const { to, account, isOwn } = asking;
  return ALL.filter(
    (command) =>
      isPermitted(command, account) &&
      command.isFor(to, asking) &&
      command.whyAbsent?.(asking) === undefined &&
      (atGateway(to) || (isOwn ? AT_OWN : AT_TARGETS).has(command.word)),
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

function doesOf(word: CommandWord, { texts, to }: Pick<Asking, "texts" | "to">): string {
  const { usage, words, doesAtTarget } = texts;
  const there = (doesAtTarget as Readonly<Record<string, string>>)[word];
  return (atGateway(to) ? undefined : there) ?? usage[word][1] ?? words[word];
}

/** What it does, as the head of a form or a line in a list. */
export function titleOf(word: CommandWord, asking: Pick<Asking, "texts" | "to">): string {
  const does = doesOf(word, asking);
  return `${does.charAt(0).toUpperCase()}${does.slice(1)}`;
}
