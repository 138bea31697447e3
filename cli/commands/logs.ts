/** `supervisor logs`: what the actors have written, merged by time, and on as it comes. */
import { sleep, systemClock } from "../../runtime/clock.ts";
import { LOG_LEVELS, type LogLevel } from "../../runtime/log/log-level.ts";
import { formatLogLine } from "../../runtime/log/log-text.ts";
import { findDataPaths } from "../../supervisor/plan/settings.ts";
import { EXIT, misuse } from "../errors.ts";
import { type PlaceOptions, requestOf, say, type Terminal } from "../terminal-io.ts";
import { actorsWithLogs, type LineFilter, LogFollower, type LogLine, lastLines } from "../view/log-reader.ts";
import { paintFor, plainPaint } from "../view/terminal.ts";

const LINES_MAX = 100_000;
const POLL_MS = 200;

export interface LogsOptions extends PlaceOptions {
  readonly follow?: boolean;
  readonly lines: string;
  readonly level?: string;
  readonly json?: boolean;
}

export async function logs(
  actor: string | undefined,
  options: LogsOptions,
  terminal: Terminal,
): Promise<number> {
  const directory = findDataPaths(requestOf(options, terminal)).logs;
  const count = countOf(options.lines);
  const filter = filterOf(options.level);
  const actors = actorsWithLogs(directory);
  if (actor !== undefined && !actors.includes(actor)) {
    const there = actors.length === 0 ? "there are none yet" : `there are ${actors.join(", ")}`;
    throw misuse(`There is no log of "${actor}" in ${directory}; ${there}.`);
  }
  if (actors.length === 0 && !options.follow)
    throw misuse(`There are no logs in ${directory}. Start it with: supervisor start`);
  const wanted = (name: string) => actor === undefined || name === actor;
  const show = (line: LogLine) => say(terminal, textOf(line, options, terminal));
  // The follower takes its places first: what is written between the two is told twice rather than never.
  const follower = options.follow ? new LogFollower(directory, wanted) : undefined;
  for (const line of lastLines(directory, actors.filter(wanted), count, filter)) show(line);
  if (follower !== undefined) await follow(follower, filter, show, terminal);
  return EXIT.ok;
}

/** Until Ctrl-C, or until whoever reads our output has gone. */
async function follow(
  follower: LogFollower,
  filter: LineFilter,
  show: (line: LogLine) => void,
  { stdout }: Terminal,
): Promise<void> {
  const left = new AbortController();
  const leave = () => left.abort();
  process.once("SIGINT", leave).once("SIGTERM", leave);
  stdout.on("error", leave);
  try {
    while (!left.signal.aborted) {
      for (const line of follower.poll()) if (filter(line)) show(line);
      // An abort is the way out, not a failure.
      await sleep(systemClock, POLL_MS, left.signal).catch(() => {});
    }
  } finally {
    follower.close();
    process.off("SIGINT", leave).off("SIGTERM", leave);
  }
}

function textOf(line: LogLine, { json }: LogsOptions, { stdout, environment }: Terminal): string {
  if (json) return line.text;
  return formatLogLine(line.text, { colour: paintFor(stdout, environment) !== plainPaint, withDate: true });
}

function countOf(text: string): number {
  const count = Number(text);
  if (Number.isInteger(count) && count >= 0 && count <= LINES_MAX) return count;
  throw misuse(`-n takes a number of lines from 0 to ${LINES_MAX}, not "${text}".`);
}

/** Lines of this level and above; lines whose level cannot be read are never hidden. */
function filterOf(level: string | undefined): LineFilter {
  if (level === undefined) return () => true;
  const least = LOG_LEVELS.indexOf(level as LogLevel);
  if (least === -1) throw misuse(`--level takes one of ${LOG_LEVELS.join(", ")}, not "${level}".`);
  return (line) => {
    const found = LOG_LEVELS.indexOf(line.level as LogLevel);
    return found === -1 || found >= least;
  };
}
