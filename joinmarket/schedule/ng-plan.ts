/** joinmarket-ng's plan files, read as the schedule that they are to a taker: its sessions as a maker become waiting. Pure. */
import { badSchedule, NOT_ROUNDED, type ScheduleEntry } from "./entry.ts";
import { parseSchedule, SCHEDULE_TEXT_MAX } from "./schedule-file.ts";

const S_PER_MINUTE = 60;
const TAKER = "taker_coinjoin";
const MAKER = "maker_session";

type Phase = ReadonlyMap<string, string>;

/** Whether a text is such a file and not seven columns. */
export function isNgPlan(text: string): boolean {
  return /^phases:\s*$/m.test(text);
}

/**
 * Only what PyYAML writes of such a plan is read: its phases as a list, a value a line. What a phase says of its failures is
 * passed over.
 *
 * @throws JOINMARKET_BAD_SCHEDULE
 */
export function parseNgPlan(text: string): ScheduleEntry[] {
  if (text.length > SCHEDULE_TEXT_MAX) {
    throw badSchedule(0, `it is longer than ${SCHEDULE_TEXT_MAX} characters`);
  }
  const lines = text.split(/\r?\n/);
  const current = Number(lines.find((line) => line.startsWith("current_phase:"))?.split(":")[1] ?? 0);
  const columns: string[][] = [];
  for (const [at, phase] of phasesOf(lines).entries()) {
    const kind = phase.get("kind");
    const last = columns.at(-1);
    if (kind === TAKER) columns.push(columnsOf(phase, at < current));
    else if (kind !== MAKER)
      throw badSchedule(0, `phase ${at} is neither a coinjoin nor a session as a maker`);
    // A wait before the first coinjoin has no place in a schedule.
    else if (last !== undefined)
      last[4] = String(Number(last[4]) + minutesOf(phase, "duration_seconds", "wait_seconds"));
  }
  return parseSchedule(columns.map((each) => each.join(",")).join("\n"));
}

function phasesOf(lines: readonly string[]): Phase[] {
  const phases: Map<string, string>[] = [];
  const from = lines.findIndex((line) => /^phases:\s*$/.test(line));
  for (const line of lines.slice(from + 1)) {
    const [, mark, key = "", value = ""] = /^(- | {2})([a-z_]+): ?(.*)$/.exec(line) ?? [];
    if (mark === undefined) {
      // The next key of the plan itself; deeper lines go on with a longer text.
      if (/^\S/.test(line)) break;
      continue;
    }
    if (mark === "- ") phases.push(new Map());
    phases.at(-1)?.set(key, value.trim().replace(/^(['"])(.*)\1$/, "$2"));
  }
  return phases;
}

function columnsOf(phase: Phase, isPast: boolean): string[] {
  const share = said(phase, "amount_fraction");
  const amount = share === undefined || Number(share) === 0 ? (said(phase, "amount") ?? "0") : asShare(share);
  return [
    said(phase, "mixdepth") ?? "",
    amount,
    said(phase, "counterparty_count") ?? "",
    said(phase, "destination") ?? "",
    String(minutesOf(phase, "wait_seconds")),
    said(phase, "rounding_sigfigs") ?? String(NOT_ROUNDED),
    completionOf(phase, isPast),
  ];
}

/** With its point, by which it is told from satoshi. */
function asShare(text: string): string {
  return /^\d+$/.test(text) ? `${text}.0` : text;
}

/** What has failed or was going on without a txid is to be done again, as joinmarket-ng does it itself. */
function completionOf(phase: Phase, isPast: boolean): string {
  const status = said(phase, "status");
  if (status === "skipped" || (status === "completed" && isPast)) return "1";
  return said(phase, "txid") ?? (status === "completed" ? "1" : "0");
}

function minutesOf(phase: Phase, ...keys: readonly string[]): number {
  return keys.reduce((sum, key) => sum + Number(said(phase, key) ?? 0), 0) / S_PER_MINUTE;
}

function said(phase: Phase, key: string): string | undefined {
  const value = phase.get(key);
  return value === undefined || value === "null" || value === "" ? undefined : value;
}
