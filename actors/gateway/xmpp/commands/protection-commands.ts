/** Commands by which people protect themselves: limits of their own, and a second factor. */
import type { LedgerAccount, LedgerLimits } from "../../../../bus/contracts/ledger/objects.ts";
import { readAmount } from "../chat/amount.ts";
import { money } from "../language/money.ts";
import {
  type Asking,
  atGateway,
  type Command,
  choiceField,
  type Field,
  given,
  type Outcome,
  text,
} from "./command.ts";
import { inFours, quotable } from "./party.ts";

const KEYS = ["payment", "day", "strong"] as const;
type Key = (typeof KEYS)[number];

const LIMIT_OF = { payment: "paymentSat", day: "daySat", strong: "strongSat" } as const;
const HOUR_S = 3_600;

const limits: Command = {
  word: "limits",
  access: "user",
  isMutating: true,
  isFor: atGateway,
  fields: ({ texts, account, unit }) =>
    KEYS.map((name) => ({
      name,
      label: texts.field[name],
      kind: "text",
      isRequired: false,
      ...(account === undefined ? {} : { standard: money(account.limits[LIMIT_OF[name]], unit) }),
    })),
  read: ([key = "", ...amount]) =>
    key === "" ? new Map() : new Map([[key.toLowerCase(), amount.join(" ")]]),
  async run(asking, values): Promise<Outcome> {
    const { bank, jid, texts, unit } = asking;
    // What is known of a person may be some seconds old.
    const account = await bank.account({ jid });
    const wish: Partial<Record<(typeof LIMIT_OF)[Key], number>> = {};
    for (const [key, typed] of values) {
      if (!isKey(key))
        return { kind: "problem", text: texts.badSetting(texts.words.limits, KEYS.join(", ")) };
      const read = readAmount(typed, unit);
      if ("problem" in read)
        return { kind: "again", field: key, text: texts.badAmount(quotable(typed).slice(0, 40)) };
      // A form gives all of them, also those that nobody has touched.
      if (read.sat !== account.limits[LIMIT_OF[key]]) wish[LIMIT_OF[key]] = read.sat;
    }
    const now = Object.keys(wish).length === 0 ? account : await bank.limits({ jid, limits: wish });
    return text(limitsText(now, asking));
  },
};

function isKey(text: string): text is Key {
  return (KEYS as readonly string[]).includes(text);
}

function limitsText({ limits: now, raise }: LedgerAccount, asking: Asking): string {
  const { texts, nowMs } = asking;
  const lines = [`${texts.limitsTitle}:`, ...limitLines(now, asking)];
  if (raise !== null) {
    const hours = Math.max(1, Math.ceil((raise.atS - nowMs / 1_000) / HOUR_S));
    lines.push(texts.limitsRaise(hours), ...limitLines(raise.limits, asking));
  }
  return [...lines, texts.limitsHint].join("\n");
}

function limitLines(of: LedgerLimits, { texts, unit }: Asking): string[] {
  return KEYS.map((key) => texts.settingLine(key, `${money(of[LIMIT_OF[key]], unit)} (${texts.field[key]})`));
}

const FACTOR_STEPS = ["new", "on", "off"] as const;

const factor: Command = {
  word: "factor",
  access: "user",
  isMutating: true,
  isFor: atGateway,
  fields: ({ texts, account }): readonly Field[] => [
    choiceField(
      "what",
      texts.field.factorWhat,
      FACTOR_STEPS.filter((step) => (step === "off") === (account?.hasSecondFactor ?? false)),
      account?.hasSecondFactor === true ? "off" : "new",
      (step) => texts.factorNames[step],
    ),
    { name: "code", label: texts.field.oneTimeCode, kind: "secret", isRequired: false },
  ],
  // Without words it says how things are.
  read: ([what = "show", ...code]) =>
    new Map([
      ["what", what.toLowerCase()],
      ["code", code.join(" ")],
    ]),
  async run({ bank, jid, texts, account, unit }, values): Promise<Outcome> {
    const what = given(values, "what");
    if (what === "new") {
      const { secret, uri } = await bank.secondFactorBegin({ jid });
      return { kind: "text", text: texts.factorNew(inFours(secret), uri), isSecret: true };
    }
    if (what !== "on" && what !== "off")
      return text(account?.hasSecondFactor === true ? texts.factorIsOn : texts.factorIsOff);
    const oneTimeCode = given(values, "code").slice(0, 32);
    if (oneTimeCode === "")
      return {
        kind: "again",
        field: "code",
        text: texts.usageIs(`${texts.words.factor} ${what} ${texts.field.code.toUpperCase()}`),
      };
    if (what === "off") {
      await bank.secondFactorDisable({ jid, oneTimeCode });
      return text(texts.factorGone);
    }
    const { limits: now } = await bank.secondFactorEnable({ jid, oneTimeCode });
    return text(texts.factorOn(money(now.strongSat, unit)));
  },
};

export const PROTECTION_COMMANDS: readonly Command[] = [limits, factor];
