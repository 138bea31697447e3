/** Passwords and words: asked where nobody sees them, or read from a file or a pipe; never taken from the command line. */
import { readFileSync } from "node:fs";
import { misuse } from "../errors.ts";
import type { Terminal } from "../terminal-io.ts";

const SECRET_LENGTH_MAX = 1_024;

export interface PasswordOptions {
  readonly passwordFile?: string;
}

/** The password of a wallet that is there. */
export async function knownPassword(
  { passwordFile }: PasswordOptions,
  terminal: Terminal,
  message: string,
): Promise<string> {
  return passwordFile === undefined ? askHidden(terminal, message) : lineOf(passwordFile, "password");
}

/** A new one, typed twice. */
export async function newPassword(
  { passwordFile }: PasswordOptions,
  terminal: Terminal,
  message: string,
): Promise<string> {
  if (passwordFile !== undefined) return lineOf(passwordFile, "password");
  const first = await askHidden(terminal, message);
  const second = await askHidden(terminal, "Once more");
  if (first !== second) throw misuse("The two passwords differ. Nothing was made or changed.");
  return first;
}

export async function askHidden(terminal: Terminal, message: string): Promise<string> {
  needTerminal(terminal, "Use --password-file <file>, or --password-file - to read it from a pipe.");
  const { password, isCancel } = await import("@clack/prompts");
  const answer = await password({ message, validate: lengthProblem });
  if (isCancel(answer)) throw misuse("Given up; nothing was changed.");
  return answer;
}

/** Words are shown as they are typed: whoever recovers a wallet has them before their eyes anyway, and must see mistakes. */
export async function recoveryWords(wordsFile: string | undefined, terminal: Terminal): Promise<string> {
  if (wordsFile !== undefined) return lineOf(wordsFile, "words");
  return askText(
    terminal,
    "The words, parted by blanks",
    "Use --words-file <file>, or --words-file - to read them from a pipe.",
  );
}

export async function askText(terminal: Terminal, message: string, otherwise: string): Promise<string> {
  needTerminal(terminal, otherwise);
  const { text, isCancel } = await import("@clack/prompts");
  const answer = await text({ message, validate: lengthProblem });
  if (isCancel(answer)) throw misuse("Given up; nothing was changed.");
  return answer;
}

/** A yes that a person must give; `--yes` gives it for a script. */
export async function confirmed(terminal: Terminal, message: string): Promise<boolean> {
  needTerminal(terminal, "Add --yes where nobody can be asked.");
  const { confirm, isCancel } = await import("@clack/prompts");
  const answer = await confirm({ message, initialValue: false });
  return !isCancel(answer) && answer;
}

function needTerminal({ stdin, stdout }: Terminal, otherwise: string): void {
  if (!stdin.isTTY || !stdout.isTTY) throw misuse(`There is no terminal to ask on. ${otherwise}`);
}

function lengthProblem(text: string | undefined): string | undefined {
  if (text === undefined || text === "") return "something has to be typed";
  return text.length > SECRET_LENGTH_MAX ? `at most ${SECRET_LENGTH_MAX} characters` : undefined;
}

/** The first line of a file; `-` is what comes in by the pipe. */
function lineOf(path: string, what: string): string {
  let text: string;
  try {
    text = readFileSync(path === "-" ? 0 : path, "utf8");
  } catch (error) {
    throw misuse(`The ${what} cannot be read from ${path} (${(error as NodeJS.ErrnoException).code}).`);
  }
  const [line = ""] = text.split(/\r?\n/);
  if (line === "")
    throw misuse(`There is no ${what} in the first line of ${path === "-" ? "the pipe" : path}.`);
  const problem = lengthProblem(line);
  if (problem !== undefined) throw misuse(`The ${what} in ${path} is too long: ${problem}.`);
  return line;
}
