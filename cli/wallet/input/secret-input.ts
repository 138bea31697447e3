/** Passwords: asked where nobody sees them, or read from a file or a pipe; never taken from the command line. What was mistyped is asked again. */
import { hasCode } from "../../../runtime/errors.ts";
import { misuse } from "../../errors.ts";
import { readNamed } from "../../named-file.ts";
import type { Terminal } from "../../terminal-io.ts";
import { hushed } from "./hushed.ts";

const SECRET_LENGTH_MAX = 1_024;
const SECRET_FILE_BYTES_MAX = 64 * 1024;
/** After the third wrong one walletd lets people wait. */
const TRIES = 3;

export interface PasswordOptions {
  readonly passwordFile?: string;
  /** The option that would have named the file, for who cannot be asked. */
  readonly passwordOption?: string;
}

export interface PassphraseOptions {
  readonly passphrase?: boolean;
  readonly passphraseFile?: string;
}

/**
 * Does something with the password of a wallet that is there; on a terminal a wrong one is asked for again.
 * What else must be asked is asked in `before`, when a password is there.
 */
export async function withPassword<A>(
  { passwordFile, passwordOption }: PasswordOptions,
  terminal: Terminal,
  message: string,
  attempt: (password: string) => Promise<A>,
  before: () => Promise<void> = async () => {},
): Promise<A> {
  if (passwordFile !== undefined) {
    const password = firstLineOf(passwordFile, "password");
    await before();
    return attempt(password);
  }
  let asked = message;
  for (let tries = 1; ; tries++) {
    const password = await askHidden(terminal, asked, passwordOption);
    await before();
    try {
      return await hushed(terminal, () => attempt(password));
    } catch (error) {
      if (tries === TRIES || !hasCode(error, "WALLETD_WRONG_PASSWORD")) throw error;
      asked = `That is not the password. ${message}`;
    }
  }
}

/** A new one, typed twice, until it is the same. */
export async function newPassword(
  { passwordFile }: PasswordOptions,
  terminal: Terminal,
  message: string,
): Promise<string> {
  if (passwordFile !== undefined) return firstLineOf(passwordFile, "password");
  let asked = message;
  for (;;) {
    const first = await askHidden(terminal, asked);
    if (first === (await askHidden(terminal, "Once more"))) return first;
    asked = `The two differ, so again. ${message}`;
  }
}

/** The BIP39 passphrase, if there is to be one. A mistyped one opens another wallet, which nothing can tell: it is typed twice. */
export async function passphraseOf(
  { passphrase, passphraseFile }: PassphraseOptions,
  terminal: Terminal,
): Promise<string> {
  if (passphraseFile !== undefined) return firstLineOf(passphraseFile, "passphrase");
  if (!passphrase) return "";
  return newPassword({}, terminal, "The BIP39 passphrase, the thirteenth or twenty-fifth word");
}

export async function askHidden(
  terminal: Terminal,
  message: string,
  option = "--password-file",
): Promise<string> {
  needTerminal(terminal, `Use ${option} <file>, or ${option} - to read it from a pipe.`);
  const { password, isCancel } = await import("@clack/prompts");
  const answer = await password({ message, validate: lengthProblem });
  if (isCancel(answer)) throw givenUp();
  return answer;
}

export async function askText(
  terminal: Terminal,
  message: string,
  otherwise: string,
  problemOf: (text: string) => string | undefined = () => undefined,
): Promise<string> {
  needTerminal(terminal, otherwise);
  const { text, isCancel } = await import("@clack/prompts");
  const answer = await text({
    message,
    validate: (typed) => lengthProblem(typed) ?? problemOf(typed ?? ""),
  });
  if (isCancel(answer)) throw givenUp();
  return answer;
}

/** A yes that a person must give; `--yes` gives it for a script. */
export async function confirmed(terminal: Terminal, message: string): Promise<boolean> {
  needTerminal(terminal, "Add --yes where nobody can be asked.");
  const { confirm, isCancel } = await import("@clack/prompts");
  const answer = await confirm({ message, initialValue: false });
  return !isCancel(answer) && answer;
}

export function needTerminal({ stdin, stdout }: Terminal, otherwise: string): void {
  if (!stdin.isTTY || !stdout.isTTY) throw misuse(`There is no terminal to ask on. ${otherwise}`);
}

export function givenUp(): Error {
  return misuse("Given up; nothing was changed.");
}

function lengthProblem(text: string | undefined): string | undefined {
  if (text === undefined || text === "") return "something has to be typed";
  return text.length > SECRET_LENGTH_MAX ? `at most ${SECRET_LENGTH_MAX} characters` : undefined;
}

function firstLineOf(path: string, what: string): string {
  const [line = ""] = readNamed(path, SECRET_FILE_BYTES_MAX).toString("utf8").split(/\r?\n/);
  if (line === "") {
    throw misuse(`There is no ${what} in the first line of ${path === "-" ? "the pipe" : path}.`);
  }
  const problem = lengthProblem(line);
  if (problem !== undefined) throw misuse(`The ${what} in ${path} is too long: ${problem}.`);
  return line;
}
