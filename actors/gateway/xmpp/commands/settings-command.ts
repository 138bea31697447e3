/** The command about one's settings: each has a key, what it may be, and what it changes. */
import { type LedgerSettings, NOTICE_CHOICES, UNITS } from "../../../../bus/contracts/ledger/objects.ts";
import { readAmount } from "../chat/amount.ts";
import { money } from "../language/money.ts";
import { LANGUAGES, languageOf, textsOf } from "../language/texts.ts";
import { PRESENCE_DETAILS, presenceDetailOf } from "../presence/presence-detail.ts";
import { type Asking, atGateway, type Command, choiceField, type Field, text } from "./command.ts";
import { quotable } from "./party.ts";

const OFF = "off";
const HOUR_MINUTES = 60;
const SHOWN_MAX = 40;

type Change = Partial<LedgerSettings>;

interface Setting {
  readonly name: string;
  field(asking: Asking): Field;
  read(value: string, asking: Asking): { readonly change: Change } | { readonly problem: string };
}

/** One of several. */
function choice<T extends string>(
  name: string,
  field: (asking: Asking) => Field,
  change: (value: T) => Change,
): Setting {
  return {
    name,
    field,
    read(value, asking) {
      const known = (field(asking).options ?? []).map((option) => option.value);
      return known.includes(value)
        ? { change: change(value as T) }
        : { problem: asking.texts.badSetting(name, known.join(", ")) };
    },
  };
}

export function languageField({ texts }: Asking): Field {
  const nameOf = (language: string) => LANGUAGES[language]?.name ?? language;
  return choiceField("lang", texts.field.language, Object.keys(LANGUAGES), languageOf(texts), nameOf);
}

const quiet: Setting = {
  name: "quiet",
  field: ({ texts, account }) => ({
    name: "quiet",
    label: texts.field.quiet,
    kind: "text",
    isRequired: false,
    standard: quietText(account?.settings.quietHours ?? null),
  }),
  read(value, { texts }) {
    const quietHours = readQuiet(value);
    return quietHours === undefined
      ? { problem: texts.badQuiet(quotable(value).slice(0, SHOWN_MAX)) }
      : { change: { quietHours } };
  },
};

const HOURLY = "hourly";

const digest: Setting = {
  name: "digest",
  field: ({ texts, account }) => ({
    name: "digest",
    label: texts.field.digest,
    kind: "text",
    isRequired: false,
    standard: digestText(account?.settings.digest ?? null, texts.hourly),
  }),
  read(value, { texts }) {
    if (isOff(value)) return { change: { digest: null } };
    if (value === HOURLY || value === texts.hourly)
      return { change: { digest: { every: "hour", atMinute: 0 } } };
    const atMinute = readTime(value);
    return atMinute === undefined
      ? { problem: texts.badDigest(quotable(value).slice(0, SHOWN_MAX)) }
      : { change: { digest: { every: "day", atMinute } } };
  },
};

const low: Setting = {
  name: "low",
  field({ texts, account, unit }) {
    const sat = account?.settings.lowBalanceSat ?? 0;
    const standard = sat === 0 ? OFF : money(sat, unit);
    return { name: "low", label: texts.field.low, kind: "text", isRequired: false, standard };
  },
  read(value, { texts, unit }) {
    if (isOff(value)) return { change: { lowBalanceSat: 0 } };
    const read = readAmount(value, unit);
    return "sat" in read
      ? { change: { lowBalanceSat: read.sat } }
      : { problem: texts.badAmount(quotable(value).slice(0, SHOWN_MAX)) };
  },
};

const SETTINGS: readonly Setting[] = [
  choice("lang", languageField, (language) => ({ language })),
  choice<(typeof UNITS)[number]>(
    "unit",
    ({ texts, unit }) => choiceField("unit", texts.field.unit, UNITS, unit, (one) => texts.unitNames[one]),
    (unit) => ({ unit }),
  ),
  choice<(typeof NOTICE_CHOICES)[number]>(
    "notices",
    ({ texts, account }) => {
      const standard = account?.settings.notices ?? "all";
      return choiceField(
        "notices",
        texts.field.notices,
        NOTICE_CHOICES,
        standard,
        (one) => texts.noticeNames[one],
      );
    },
    (notices) => ({ notices }),
  ),
  choice(
    "presence",
    ({ texts, account, homeDomain }) => {
      const standard = account === undefined ? "off" : presenceDetailOf(account, homeDomain);
      return choiceField(
        "presence",
        texts.field.presence,
        PRESENCE_DETAILS,
        standard,
        (one) => texts.presenceNames[one],
      );
    },
    (presence) => ({ door: { presence } }),
  ),
  quiet,
  low,
  digest,
];

export const settings: Command = {
  word: "settings",
  access: "user",
  isMutating: true,
  isFor: atGateway,
  fields: (asking) => SETTINGS.map((setting) => setting.field(asking)),
  read: ([key = "", ...value]) =>
    key === "" ? new Map([["show", "1"]]) : new Map([[key.toLowerCase(), value.join(" ").toLowerCase()]]),
  async run(asking, values) {
    const { bank, jid, texts, account } = asking;
    if (values.has("show")) {
      const lines = SETTINGS.map(({ name, field }) => texts.settingLine(name, field(asking).standard ?? ""));
      return text([...lines, texts.settingsHint].join("\n"));
    }
    let change: Change = {};
    for (const [key, value] of values) {
      const setting = SETTINGS.find(({ name }) => name === key);
      const names = SETTINGS.map(({ name }) => name).join(", ");
      if (setting === undefined) return { kind: "problem", text: texts.badSetting("settings", names) };
      const read = setting.read(value.trim(), asking);
      if ("problem" in read) return { kind: "again", field: key, text: read.problem };
      change = { ...change, ...read.change };
    }
    await bank.settings({ jid, settings: change });
    return text(textsOf(change.language ?? account?.settings.language).settingsSaved);
  },
};

type QuietHours = LedgerSettings["quietHours"];

function digestText(chosen: LedgerSettings["digest"], hourly: string): string {
  if (chosen === null) return OFF;
  return chosen.every === "hour" ? hourly : clockText(chosen.atMinute);
}

function readTime(typed: string): number | undefined {
  const [, hour, minute] = /^([01]?\d|2[0-3]):([0-5]\d)$/.exec(typed) ?? [];
  return hour === undefined ? undefined : Number(hour) * HOUR_MINUTES + Number(minute);
}

function quietText(hours: QuietHours): string {
  return hours === null ? OFF : [hours.fromMinute, hours.untilMinute].map(clockText).join("-");
}

function clockText(minute: number): string {
  return [Math.floor(minute / HOUR_MINUTES), minute % HOUR_MINUTES]
    .map((part) => String(part).padStart(2, "0"))
    .join(":");
}

/** Undefined when it is no span; one without length is none. */
function readQuiet(typed: string): QuietHours | undefined {
  if (isOff(typed)) return null;
  const match = /^([01]?\d|2[0-3]):([0-5]\d) ?[-–] ?([01]?\d|2[0-3]):([0-5]\d)$/.exec(typed);
  if (match === null) return undefined;
  const [fromHour = 0, fromPart = 0, untilHour = 0, untilPart = 0] = match.slice(1).map(Number);
  const fromMinute = fromHour * HOUR_MINUTES + fromPart;
  const untilMinute = untilHour * HOUR_MINUTES + untilPart;
  return fromMinute === untilMinute ? undefined : { fromMinute, untilMinute };
}

function isOff(typed: string): boolean {
  return typed === "0" || typed.toLowerCase() === OFF;
}
