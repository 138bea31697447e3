/** Where a command writes and what it is told: handed in, so that nothing reaches for globals. */
import type { Request } from "../supervisor/plan/settings.ts";
import { clip, harmless, type Paint, paintFor, wrap } from "./view/terminal.ts";

export interface Terminal {
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
  readonly stdin: NodeJS.ReadStream;
  readonly environment: NodeJS.ProcessEnv;
  readonly version: string;
}

/** Options that every command has. */
export interface PlaceOptions {
  readonly data?: string;
  readonly config?: string;
  readonly sandbox?: boolean;
  readonly set?: string[];
}

export function requestOf(options: PlaceOptions, terminal: Terminal, only?: readonly string[]): Request {
  const { data, config, sandbox, set } = options;
  return { data, config, sandbox, set, only, environment: terminal.environment };
}

/** How the person called us, and would call us again: in a clone npm finds the command, elsewhere the path does. */
export function commandName({ environment }: Terminal): string {
  return environment["npm_command"] === undefined ? "supervisor" : "npx supervisor";
}

/** The options as the person would have to type them again. */
export function retyped({ data, config, sandbox }: PlaceOptions): string {
  const place = data !== undefined ? ` --data ${quoted(data)}` : sandbox ? " --sandbox" : "";
  return config === undefined ? place : `${place} --config ${quoted(config)}`;
}

function quoted(path: string): string {
  return /^[\w@%+=:,./~-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;
}

export function say(terminal: Terminal, text = ""): void {
  terminal.stdout.write(`${text}\n`);
}

/** One value as JSON, and nothing else on stdout. */
export function sayJson(terminal: Terminal, value: unknown): void {
  say(terminal, JSON.stringify(value, undefined, 2));
}

export function paintOf(terminal: Terminal): Paint {
  return paintFor(terminal.stdout, terminal.environment);
}

/** What lines for a person depend on. */
export interface Page {
  readonly paint: Paint;
  readonly width: number;
  /** A command of ours as the person would have to type it: to the program that was asked. */
  readonly typed: (words: string) => string;
}

export function pageOf(terminal: Terminal, place: PlaceOptions): Page {
  const typed = (words: string) => `${commandName(terminal)} ${words}${retyped(place)}`;
  return { paint: paintOf(terminal), width: widthOf(terminal), typed };
}

/** A pipe has no width; 100 is read well. */
export function widthOf(terminal: Terminal): number {
  return terminal.stdout.isTTY ? Math.max(20, terminal.stdout.columns ?? 80) : 100;
}

/** For tables: a pipe is read by programs, from which nothing is cut off. */
export function lineWidth(terminal: Terminal): number {
  return terminal.stdout.isTTY ? widthOf(terminal) : Number.POSITIVE_INFINITY;
}

/** The failure as one line for each of its lines, on stderr: `supervisor: …`. */
export function sayFailure(terminal: Terminal, error: unknown): void {
  const paint = paintFor(terminal.stderr, terminal.environment);
  const message = error instanceof Error ? error.message : String(error);
  for (const line of message.split("\n")) {
    const text = `supervisor: ${clip(harmless(line), 2_000)}`;
    // A pipe is read by programs, which look for lines.
    const [first = "", ...rest] = terminal.stderr.isTTY ? wrap(text, terminal.stderr.columns ?? 80) : [text];
    terminal.stderr.write(`${first.replace("supervisor:", paint("bad", "supervisor:"))}\n`);
    for (const more of rest) terminal.stderr.write(`${more}\n`);
  }
}
