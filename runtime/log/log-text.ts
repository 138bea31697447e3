/** The human form of a log line: for a terminal, never for a file. */
import { styleText } from "node:util";
import type { LogDestination } from "./log.ts";
import { printableText } from "./printable.ts";

type Style = Parameters<typeof styleText>[0];

const LEVEL_STYLES: Readonly<Record<string, Style>> = {
  trace: "gray",
  debug: "gray",
  info: "green",
  warn: "yellow",
  error: "red",
  fatal: "magenta",
};

const ACTOR_WIDTH = 10;
const VALUE_CHARS_MAX = 400;
const CAUSES_MAX = 6;

export interface LogTextOptions {
  readonly colour: boolean;
  /** Shows the date too: for lines that are not of now. */
  readonly withDate?: boolean;
}

/** Colours are for people: not in pipes, not when NO_COLOR is set (no-color.org), not on a dumb terminal. */
export function wantsColour(
  stream: { readonly isTTY?: boolean },
  environment: Readonly<Record<string, string | undefined>>,
): boolean {
  return stream.isTTY === true && !environment["NO_COLOR"] && environment["TERM"] !== "dumb";
}

/** `05:12:33  warn  indexer  the node does not answer  node=127.0.0.1:8332`, errors on lines of their own below. */
export function formatLogLine(line: string, options: LogTextOptions): string {
  const record = parseLine(line);
  if (record === undefined) return printableText(line.trimEnd());
  // The stream was judged by whoever asked for colour; here it is unknown.
  const paint = (style: Style, text: string) =>
    options.colour ? styleText(style, text, { validateStream: false }) : text;
  const { time, level, actor, message, error, trace_id, ...context } = record;
  const name = typeof level === "string" ? printableText(level, 8) : "?";
  const head = [
    paint("gray", timeText(time, options.withDate ?? false)),
    paint(LEVEL_STYLES[name] ?? "white", name.padEnd(5)),
    paint("cyan", shortText(actor).padEnd(ACTOR_WIDTH)),
    name === "error" || name === "fatal" ? paint("bold", shortText(message)) : shortText(message),
  ];
  for (const [key, value] of Object.entries(context)) {
    head.push(`${paint("gray", `${printableText(key, 64)}=`)}${valueText(value)}`);
  }
  if (typeof error === "string") head.push(`${paint("gray", "error=")}${valueText(error)}`);
  if (typeof trace_id === "string") head.push(paint("gray", `trace=${printableText(trace_id, 32)}`));
  return [head.join("  "), ...errorLines(error, paint)].join("\n");
}

/** A destination that writes the human form, for a supervisor in the foreground. */
export function textDestination(
  stream: { write(text: string): unknown; readonly isTTY?: boolean },
  environment: Readonly<Record<string, string | undefined>>,
): LogDestination {
  const colour = wantsColour(stream, environment);
  return { write: (line) => void stream.write(`${formatLogLine(line, { colour })}\n`) };
}

function parseLine(line: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as Readonly<Record<string, unknown>>)
      : undefined;
  } catch {
    // A line that a crash cut short is shown as it is.
    return undefined;
  }
}

function timeText(time: unknown, withDate: boolean): string {
  const date = new Date(typeof time === "string" ? time : Number.NaN);
  if (Number.isNaN(date.getTime())) return "--:--:--";
  const two = (value: number) => String(value).padStart(2, "0");
  const clock = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
  return withDate
    ? `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${clock}`
    : clock;
}

function shortText(value: unknown): string {
  return typeof value === "string" ? printableText(value) : "";
}

function valueText(value: unknown): string {
  const text = typeof value === "string" && /^[^\s"=]+$/.test(value) ? value : JSON.stringify(value);
  return printableText(text ?? "", VALUE_CHARS_MAX);
}

/** An error, its data, its stack and its causes, one line each, indented. */
function errorLines(error: unknown, paint: (style: Style, text: string) => string): string[] {
  const lines: string[] = [];
  let current = error;
  for (let count = 0; count < CAUSES_MAX && typeof current === "object" && current !== null; count++) {
    const { code, name, message, data, stack, cause } = current as Readonly<Record<string, unknown>>;
    const label = shortText(code) || shortText(name) || "error";
    const dataText = data === undefined ? "" : `  ${valueText(data)}`;
    lines.push(
      `    ${count === 0 ? "" : "caused by "}${paint("red", label)}: ${shortText(message)}${dataText}`,
    );
    if (Array.isArray(stack))
      for (const frame of stack) lines.push(paint("gray", `      ${shortText(frame)}`));
    current = cause;
  }
  return lines;
}
