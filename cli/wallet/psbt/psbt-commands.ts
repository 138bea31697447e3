/** `supervisor wallet psbt …`: payments that are signed elsewhere. What is signed or sent is always shown before. */
import { existsSync } from "node:fs";
import { EXIT, misuse } from "../../errors.ts";
import { readNamed, writeNamed } from "../../named-file.ts";
import { paintOf, say, sayJson, type Terminal } from "../../terminal-io.ts";
import { parseFee, parseTxid } from "../amounts.ts";
import { confirmed } from "../input/secret-input.ts";
import { type SpendOptions, spendInput } from "../spend-commands.ts";
import { atDesk, type Owned, WalletDesk, type Walletd, type WalletOptions } from "../wallet-desk.ts";
import { showCodes } from "./psbt-codes.ts";
import { type PsbtText, psbtText } from "./psbt-text.ts";
import { type PsbtView, psbtLines } from "./psbt-view.ts";

interface OutOptions extends WalletOptions {
  readonly out?: string;
  readonly qr?: boolean;
}

interface AskOptions extends WalletOptions {
  readonly yes?: boolean;
}

const FILE_BYTES_MAX = 1_100_000;

interface MakeOptions extends OutOptions {
  readonly psbtVersion: string;
}

export function create(
  payments: readonly string[],
  options: SpendOptions & MakeOptions,
  terminal: Terminal,
): Promise<number> {
  const input = spendInput(payments, options);
  return make(options, terminal, (owned, walletd, version) =>
    walletd.psbtCreate({ ...owned, ...input, version }),
  );
}

export function bump(
  txid: string,
  options: MakeOptions & { readonly fee: string },
  terminal: Terminal,
): Promise<number> {
  const input = { txid: parseTxid(txid), fee: parseFee(options.fee) };
  return make(options, terminal, (owned, walletd, version) =>
    walletd.psbtBump({ ...owned, ...input, version }),
  );
}

async function make(
  options: MakeOptions,
  terminal: Terminal,
  step: (owned: Owned, walletd: Walletd, version: 0 | 2) => Promise<{ readonly psbt: string }>,
): Promise<number> {
  const version = options.psbtVersion === "0" ? 0 : options.psbtVersion === "2" ? 2 : undefined;
  if (version === undefined) throw misuse(`--psbt-version is 0 or 2, not "${options.psbtVersion}".`);
  needRoom(options, terminal);
  return withOwner(options, terminal, async (owned, walletd) => {
    const made = await step(owned, walletd, version);
    const view = await walletd.psbtShow({ ...owned, psbt: made.psbt });
    if (options.json) sayJson(terminal, { ...made, view, ...writtenTo(options.out, made.psbt) });
    else {
      aside(options, terminal, psbtLines(shownAt(view), paintOf(terminal)));
      await give(made.psbt, options, terminal, "Its coins are set aside for an hour.");
    }
    return EXIT.ok;
  });
}

export function show(file: string, options: WalletOptions, terminal: Terminal): Promise<number> {
  const { psbt } = readPsbt(file);
  return atDesk(
    options,
    terminal,
    (desk) => desk.asOwner((owned, walletd) => walletd.psbtShow({ ...owned, psbt })),
    (view) => psbtLines(view, paintOf(terminal)),
  );
}

export async function sign(
  file: string,
  options: OutOptions & AskOptions,
  terminal: Terminal,
): Promise<number> {
  const { psbt } = readPsbt(file);
  needRoom(options, terminal);
  return withOwner(options, terminal, async (owned, walletd) => {
    const view = await walletd.psbtShow({ ...owned, psbt });
    if (!options.json) aside(options, terminal, psbtLines(view, paintOf(terminal)));
    // Asked for in vain it says why in the words of the refusal.
    if (view.refusal === null && !options.yes && !(await confirmed(terminal, "Sign it?"))) {
      say(terminal, "Nothing was signed.");
      return EXIT.failed;
    }
    const signed = await walletd.psbtSign({ ...owned, psbt });
    if (options.json) sayJson(terminal, { ...signed, ...writtenTo(options.out, signed.psbt) });
    else {
      const inputs = signed.signed.length === 1 ? "One input" : `${signed.signed.length} inputs`;
      const rest = signed.isComplete ? "it has all signatures" : "it waits for the signatures of others";
      await give(signed.psbt, options, terminal, `${inputs} signed; ${rest}.`);
    }
    return EXIT.ok;
  });
}

export async function finish(
  file: string,
  options: AskOptions & { readonly send?: boolean },
  terminal: Terminal,
): Promise<number> {
  const answer = readAnswer(file);
  return withOwner(options, terminal, async (owned, walletd) => {
    const made = await walletd.psbtFinish({ ...owned, ...answer });
    if (!options.send) {
      if (options.json) sayJson(terminal, made);
      else say(terminal, made.rawTx);
      return EXIT.ok;
    }
    if (!options.json) {
      const view =
        answer.psbt === undefined ? undefined : await walletd.psbtShow({ ...owned, psbt: answer.psbt });
      const lines = view === undefined ? [`${made.txid}`] : psbtLines(shownAt(view), paintOf(terminal));
      for (const line of lines) say(terminal, line);
    }
    if (!options.yes && !(await confirmed(terminal, "All signatures hold. Send it?"))) {
      say(terminal, "Nothing was sent.");
      return EXIT.failed;
    }
    const sent = await walletd.psbtFinish({ ...owned, ...answer, isSent: true });
    if (options.json) sayJson(terminal, sent);
    else say(terminal, `Sent: ${sent.txid}`);
    return EXIT.ok;
  });
}

export function cancel(file: string, options: WalletOptions, terminal: Terminal): Promise<number> {
  const { psbt } = readPsbt(file);
  return atDesk(
    options,
    terminal,
    (desk) =>
      desk.asOwner(async (owned, walletd) => {
        const { txid } = await walletd.psbtShow({ ...owned, psbt });
        return { txid, ...(await walletd.psbtCancel({ ...owned, txid })) };
      }),
    ({ wasReserved }) => [
      wasReserved
        ? "Its coins are free again. If it was signed, whoever has it can still send it."
        : "Nothing was set aside for it.",
    ],
  );
}

async function withOwner(
  options: WalletOptions,
  terminal: Terminal,
  work: (owned: Owned, walletd: Walletd) => Promise<number>,
): Promise<number> {
  const desk = await WalletDesk.open(options, terminal);
  try {
    return await desk.asOwner(work);
  } finally {
    await desk.close();
  }
}

/** Where nothing is to be signed it does not matter why nothing could be. */
function shownAt(view: PsbtView): PsbtView {
  return { ...view, refusal: null };
}

/** Before anything is set aside or signed. */
function needRoom({ out, qr, json }: OutOptions, terminal: Terminal): void {
  if (out !== undefined && existsSync(out)) throw misuse(`There is a file ${out}; it is not overwritten.`);
  if (!qr) return;
  if (json) throw misuse("A QR code is for people, JSON for programs: --qr or --json.");
  if (!terminal.stdin.isTTY || !terminal.stdout.isTTY) {
    throw misuse("There is no terminal to show a QR code on. Take the PSBT as text, or with --out <file>.");
  }
}

/** For the person; a pipe gets the PSBT and nothing else. */
function aside({ out }: OutOptions, terminal: Terminal, lines: readonly string[]): void {
  const stream = terminal.stdout.isTTY || out !== undefined ? terminal.stdout : terminal.stderr;
  for (const line of lines) stream.write(`${line}\n`);
}

async function give(psbt: string, options: OutOptions, terminal: Terminal, remark: string): Promise<void> {
  const { out, qr = false } = options;
  if (out === undefined) {
    say(terminal, psbt);
    aside(options, terminal, [remark]);
  } else {
    writtenTo(out, psbt);
    say(terminal, `Written: ${out}. ${remark}`);
  }
  if (qr) await showCodes(psbt, terminal);
}

function readPsbt(file: string): { psbt: string } {
  const text = readAny(file);
  if (text.psbt === undefined) throw misuse(`${nameOf(file)} is a whole transaction, not a PSBT.`);
  return { psbt: text.psbt };
}

function readAnswer(file: string): { psbt?: string; signedTx?: string } {
  const { psbt, signedTx } = readAny(file);
  return psbt === undefined ? { signedTx: signedTx ?? "" } : { psbt };
}

function readAny(file: string): PsbtText {
  const direct = psbtText(Buffer.from(file));
  const found = direct?.psbt === undefined ? psbtText(readNamed(file, FILE_BYTES_MAX)) : direct;
  if (found === undefined)
    throw misuse(`${nameOf(file)} is no PSBT: it begins neither with its bytes nor with cHNidP.`);
  return found;
}

function nameOf(file: string): string {
  if (file === "-") return "What came by the pipe";
  return file.length > 100 ? `${file.slice(0, 100)}…` : file;
}

function writtenTo(path: string | undefined, psbt: string): { file: string } | object {
  if (path === undefined) return {};
  writeNamed(path, Buffer.from(psbt, "base64"));
  return { file: path };
}
