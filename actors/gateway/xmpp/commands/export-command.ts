/** The command that gives a person his history as a file: every line of it, in whole satoshi, as a table or as JSON. */
import type { LedgerMovement } from "../../../../bus/contracts/ledger/objects.ts";
import { LEDGER_PAGE_MAX } from "../../../../bus/contracts/ledger/values.ts";
import {
  type Asking,
  atGateway,
  type Command,
  choiceField,
  given,
  type Outcome,
  text,
  type Values,
} from "./command.ts";
import { quotable } from "./party.ts";

const FORMATS = ["csv", "json"] as const;
type Format = (typeof FORMATS)[number];

/** More than anybody reads; a year of somebody who pays often has fewer. */
const LINES_MAX = 5_000;
/** A year, a month, or a day. */
const PERIOD = /^([0-9]{4})(?:-(0[1-9]|1[0-2])(?:-(0[1-9]|[12][0-9]|3[01]))?)?$/;

export const exported: Command = {
  word: "export",
  access: "user",
  isMutating: false,
  isFor: atGateway,
  fields: ({ texts }) => [
    { name: "period", label: texts.field.period, kind: "text", isRequired: false },
    choiceField("format", texts.field.format, FORMATS, "csv", (format) => format.toUpperCase()),
  ],
  read(words) {
    const format = words.find((word) => isFormat(word.toLowerCase()));
    return new Map([
      ["period", words.find((word) => word !== format) ?? ""],
      ["format", format?.toLowerCase() ?? "csv"],
    ]);
  },
  async run(asking, values): Promise<Outcome> {
    const { texts } = asking;
    const period = periodOf(values);
    if (period === undefined) return { kind: "again", field: "period", text: texts.badPeriod };
    const { movements, isCut } = await movementsIn(asking, period);
    if (movements.length === 0) return text(texts.noHistory);
    const format = given(values, "format") === "json" ? "json" : "csv";
    const rows = movements.map(rowOf);
    return {
      kind: "file",
      text: isCut ? texts.exportCut(rows.length) : texts.exported(rows.length),
      file: {
        name: `history${period.name === "" ? "" : `-${period.name}`}.${format}`,
        type: format === "json" ? "application/json" : "text/csv",
        content: format === "json" ? jsonOf(rows) : csvOf(rows),
      },
    };
  },
};

function isFormat(word: string): word is Format {
  return (FORMATS as readonly string[]).includes(word);
}

interface Period {
  readonly name: string;
  readonly fromS: number;
  readonly untilS: number;
}

/** All there is when none is named. Undefined when it is none. */
function periodOf(values: Values): Period | undefined {
  const name = given(values, "period");
  if (name === "") return { name, fromS: 0, untilS: Number.MAX_SAFE_INTEGER };
  const match = PERIOD.exec(name);
  if (match === null) return undefined;
  const [year = 0, month, day] = match
    .slice(1)
    .map((part) => (part === undefined ? undefined : Number(part)));
  const from = Date.UTC(year, (month ?? 1) - 1, day ?? 1);
  if (new Date(from).getUTCDate() !== (day ?? 1)) return undefined;
  const until =
    month === undefined
      ? Date.UTC(year + 1, 0, 1)
      : day === undefined
        ? Date.UTC(year, month, 1)
        : Date.UTC(year, month - 1, day + 1);
  return { name, fromS: from / 1_000, untilS: until / 1_000 };
}

/** Read page by page from the newest on: what comes meanwhile moves lines to the next page, where they are seen again. */
async function movementsIn(
  { bank, jid }: Asking,
  { fromS, untilS }: Period,
): Promise<{ movements: readonly LedgerMovement[]; isCut: boolean }> {
  const found = new Map<number, LedgerMovement>();
  for (let offset = 0; ; offset += LEDGER_PAGE_MAX) {
    const { movements, total } = await bank.history({ jid, offset, limit: LEDGER_PAGE_MAX });
    for (const movement of movements) {
      if (movement.atS < untilS && movement.atS >= fromS) found.set(movement.entry, movement);
      if (found.size > LINES_MAX) return { movements: [...found.values()].slice(0, LINES_MAX), isCut: true };
    }
    const isOlder = movements.some(({ atS }) => atS < fromS);
    if (isOlder || movements.length === 0 || offset + LEDGER_PAGE_MAX >= total)
      return { movements: [...found.values()], isCut: false };
  }
}

/** Amounts are digits in a text: no reader of JSON makes a rounded number of them. */
function rowOf(movement: LedgerMovement): Readonly<Record<string, string>> {
  const { atS, kind, changeSat, feeSat, balanceSat, counterpart, memo, order, txid, entry } = movement;
  return {
    date: new Date(atS * 1_000).toISOString(),
    kind,
    change_sat: String(changeSat),
    fee_sat: String(feeSat),
    balance_sat: String(balanceSat),
    counterpart: counterpart?.username ?? counterpart?.address ?? "",
    memo: quotable(memo),
    order: order ?? "",
    txid: txid ?? "",
    entry: String(entry),
  };
}

type Row = ReturnType<typeof rowOf>;

function jsonOf(rows: readonly Row[]): string {
  return `${JSON.stringify(rows, null, 1)}\n`;
}

function csvOf(rows: readonly Row[]): string {
  const names = Object.keys(rows[0] ?? {});
  return [names, ...rows.map((row) => names.map((name) => row[name] ?? ""))]
    .map((cells) => `${cells.map(csvCell).join(",")}\r\n`)
    .join("");
}

/** RFC 4180. What somebody else wrote into a memo is no formula of the reader's table. */
function csvCell(value: string): string {
  const harmless = /^[=+@\t\r]/.test(value) || /^-(?![0-9]+$)/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(harmless) ? `"${harmless.replaceAll('"', '""')}"` : harmless;
}
