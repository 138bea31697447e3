/** JoinMarket's schedule files: one coinjoin a line, seven columns with commas between them. Pure. */
import {
  badSchedule,
  ENTRY_MAKERS_MAX,
  NOT_ROUNDED,
  SCHEDULE_ENTRIES_MAX,
  type ScheduleEntry,
} from "./entry.ts";

export const SCHEDULE_TEXT_MAX = 50_000;
const COLUMNS = 7;
const MIXDEPTH_MAX = 99;
const WAIT_MINUTES_MAX = 100_000;
const DIGITS_MAX = 15;
/** 21 million bitcoin. */
const AMOUNT_SAT_MAX = 2_100_000_000_000_000;

const WHOLE = /^\d{1,16}$/;
/** As Python writes numbers, also small ones. */
const DECIMAL = /^\d{0,16}(?:\.\d{1,40})?(?:e-\d{1,2})?$/i;

/**
 * Empty lines and those that begin with "#" say nothing.
 * @throws JOINMARKET_BAD_SCHEDULE that names the line, from 1.
 */
export function parseSchedule(text: string): ScheduleEntry[] {
  if (text.length > SCHEDULE_TEXT_MAX)
    throw badSchedule(0, `it is longer than ${SCHEDULE_TEXT_MAX} characters`);
  const entries: ScheduleEntry[] = [];
  for (const [at, line] of text
    .replace(/^\ufeff/, "")
    .split(/\r\n|\n|\r/)
    .entries()) {
    if (line.trim() === "" || line.trimStart().startsWith("#")) continue;
    if (entries.length === SCHEDULE_ENTRIES_MAX)
      throw badLine(at, `there are more than ${SCHEDULE_ENTRIES_MAX} entries`);
    entries.push(parseLine(line, at));
  }
  return entries;
}

export function writeSchedule(entries: readonly ScheduleEntry[]): string {
  return entries.map((entry) => `${lineOf(entry)}\n`).join("");
}

function lineOf({ mixdepth, amount, makers, destination, waitMinutes, figures, completion }: ScheduleEntry) {
  return [mixdepth, decimal(amount), makers, destination, decimal(waitMinutes), figures, completion].join(
    ",",
  );
}

/** clientserver knows a share by its point, which "5e-7" has not. */
function decimal(number: number): string {
  const text = String(number);
  return text.includes("e") ? number.toFixed(40).replace(/0+$/, "") : text;
}

function parseLine(line: string, at: number): ScheduleEntry {
  const columns = line.split(",").map((column) => column.trim());
  if (columns.length !== COLUMNS) {
    throw badLine(at, `${columns.length} columns, where there have to be ${COLUMNS}`);
  }
  const [
    mixdepth = "",
    amount = "",
    makers = "",
    destination = "",
    wait = "",
    figures = "",
    completion = "",
  ] = columns;
  if (destination.length === 0 || destination.length > 100) throw badLine(at, "the destination is missing");
  return {
    mixdepth: whole(mixdepth, 0, MIXDEPTH_MAX, "mixdepth", at),
    amount: amountOf(amount, at),
    makers: whole(makers, 1, ENTRY_MAKERS_MAX, "number of makers", at),
    destination,
    waitMinutes: waitOf(wait, at),
    figures: whole(figures, 1, NOT_ROUNDED, "rounding", at),
    completion: completionOf(completion, at),
  };
}

function amountOf(text: string, at: number): number {
  const number = numberOf(text);
  const isFitting =
    number !== undefined && (Number.isInteger(number) ? number <= AMOUNT_SAT_MAX : number < 1);
  // "1.0" would be all of it as a share, and one satoshi as an amount.
  if (!isFitting || (text.includes(".") && number >= 1)) {
    throw badLine(at, `"${shown(text)}" is no amount: 0 for all, a share below 1, or satoshi`);
  }
  return number;
}

function waitOf(text: string, at: number): number {
  const number = numberOf(text);
  if (number === undefined || number > WAIT_MINUTES_MAX) {
    throw badLine(at, `"${shown(text)}" is no wait in minutes`);
  }
  return number;
}

function completionOf(text: string, at: number): 0 | 1 | string {
  if (text === "0") return 0;
  if (text === "1") return 1;
  if (/^[0-9a-f]{64}$/.test(text)) return text;
  throw badLine(at, `"${shown(text)}" does not say whether it is done: 0, 1, or a txid`);
}

function whole(text: string, low: number, high: number, what: string, at: number): number {
  const number = WHOLE.test(text) ? Number(text) : Number.NaN;
  if (number >= low && number <= high) return number;
  throw badLine(at, `"${shown(text)}" is no ${what} from ${low} to ${high}`);
}

function numberOf(text: string): number | undefined {
  const number = text !== "" && DECIMAL.test(text) ? Number(text) : Number.NaN;
  return Number.isFinite(number) ? number : undefined;
}

function shown(text: string): string {
  return text.length <= DIGITS_MAX ? text : `${text.slice(0, DIGITS_MAX)}…`;
}

function badLine(at: number, what: string) {
  return badSchedule(0, `line ${at + 1}: ${what}`);
}
