/** What `supervisor wallet …` spends and signs: it always says what it will cost before it asks. */
import { readFileSync } from "node:fs";
import type { RpcOutput } from "../../bus/contract/contract.ts";
import type { walletdContract } from "../../bus/contracts/walletd.ts";
import { createWhole } from "../../runtime/whole-file.ts";
import { EXIT, misuse } from "../errors.ts";
import { paintOf, say, sayJson, type Terminal } from "../terminal-io.ts";
import { parseAmountSat, parseFee, parseMixdepth, parseOutpoint } from "./amounts.ts";
import { wholeNumber } from "./file-commands.ts";
import { confirmed } from "./secret-input.ts";
import { historyLines, spendLines } from "./spend-view.ts";
import { atDesk, type Owned, WalletDesk, type Walletd, type WalletOptions } from "./wallet-desk.ts";

export type Spend = RpcOutput<typeof walletdContract, "send">;

export interface SpendOptions extends WalletOptions {
  readonly mixdepth: string;
  readonly fee?: string;
  readonly inputs?: string[];
  readonly confirmations?: string;
  readonly rbf: boolean;
}

interface SendOptions extends SpendOptions {
  readonly dryRun?: boolean;
  readonly yes?: boolean;
  readonly label?: string;
}

const PSBT_BYTES_MAX = 700_000;

export function send(payments: readonly string[], options: SendOptions, terminal: Terminal): Promise<number> {
  const input = spendInput(payments, options);
  const { label = "" } = options;
  return sendIn(options, terminal, (owned, walletd, plan) =>
    // What was shown is what is sent: the same coins, the same rate.
    walletd.send({
      ...owned,
      ...input,
      label,
      ...(plan === undefined
        ? { isDryRun: true }
        : { inputs: coinsOf(plan), fee: { satPerVb: plan.satPerVb } }),
    }),
  );
}

export function bump(
  txid: string,
  options: WalletOptions & { readonly fee: string; readonly dryRun?: boolean; readonly yes?: boolean },
  terminal: Terminal,
): Promise<number> {
  const fee = parseFee(options.fee);
  const id = parseTxid(txid);
  return sendIn(options, terminal, (owned, walletd, plan) =>
    walletd.bump({ ...owned, txid: id, fee, isDryRun: plan === undefined }),
  );
}

/** Makes the plan, shows it, asks, and carries it out. */
async function sendIn(
  options: WalletOptions & { readonly dryRun?: boolean; readonly yes?: boolean },
  terminal: Terminal,
  step: (owned: Owned, walletd: Walletd, plan: Spend | undefined) => Promise<Spend>,
): Promise<number> {
  const desk = await WalletDesk.open(options, terminal);
  try {
    const plan = await desk.asOwner((owned, walletd) => step(owned, walletd, undefined));
    if (!options.json) for (const line of spendLines(plan, paintOf(terminal))) say(terminal, line);
    if (options.dryRun) {
      if (options.json) sayJson(terminal, plan);
      return EXIT.ok;
    }
    if (!options.yes && !(await confirmed(terminal, "Send it?"))) {
      say(terminal, "Nothing was sent.");
      return EXIT.failed;
    }
    const sent = await desk.asOwner((owned, walletd) => step(owned, walletd, plan));
    if (options.json) sayJson(terminal, sent);
    else say(terminal, `Sent: ${sent.transaction.txid}`);
    return EXIT.ok;
  } finally {
    await desk.close();
  }
}

export function psbtCreate(
  payments: readonly string[],
  options: SpendOptions & { readonly psbtVersion: string; readonly out?: string },
  terminal: Terminal,
): Promise<number> {
  const version = options.psbtVersion === "0" ? 0 : options.psbtVersion === "2" ? 2 : undefined;
  if (version === undefined) throw misuse(`--psbt-version is 0 or 2, not "${options.psbtVersion}".`);
  const input = spendInput(payments, options);
  return atDesk(
    options,
    terminal,
    (desk) =>
      desk.asOwner(async (owned, walletd) => {
        const made = await walletd.psbtCreate({ ...owned, ...input, version });
        return { ...made, ...writtenTo(options.out, made.psbt) };
      }),
    (made) => ("file" in made ? [`Written: ${made.file}. Its coins are reserved for an hour.`] : [made.psbt]),
  );
}

export function psbtSign(
  file: string,
  options: WalletOptions & { readonly out?: string },
  terminal: Terminal,
): Promise<number> {
  const psbt = readPsbt(file);
  return atDesk(
    options,
    terminal,
    (desk) =>
      desk.asOwner(async (owned, walletd) => {
        const signed = await walletd.psbtSign({ ...owned, psbt });
        return { ...signed, ...writtenTo(options.out, signed.psbt) };
      }),
    (signed) => [
      "file" in signed ? `Written: ${signed.file}.` : signed.psbt,
      ...(options.out === undefined
        ? []
        : [
            `${signed.signed.length} inputs signed; it ${signed.isComplete ? "has all signatures" : "waits for others' signatures"}.`,
          ]),
    ],
  );
}

export function psbtFinish(
  file: string,
  options: WalletOptions & { readonly send?: boolean },
  terminal: Terminal,
): Promise<number> {
  const psbt = readPsbt(file);
  return atDesk(
    options,
    terminal,
    (desk) =>
      desk.asOwner((owned, walletd) => walletd.psbtFinish({ ...owned, psbt, isSent: options.send === true })),
    ({ rawTx, txid, isSent }) => (isSent ? [`Sent: ${txid}`] : [rawTx]),
  );
}

export function signMessage(
  path: string,
  message: string,
  options: WalletOptions & { readonly form: string },
  terminal: Terminal,
): Promise<number> {
  const { form } = options;
  if (form !== "clientserver" && form !== "bip137" && form !== "bip322") {
    throw misuse(`--form is clientserver, bip137 or bip322, not "${form}".`);
  }
  return atDesk(
    options,
    terminal,
    (desk) => desk.asOwner((owned, walletd) => walletd.signMessage({ ...owned, path, message, form })),
    (answer) => [`address    ${answer.address}`, `signature  ${answer.signature}`],
  );
}

export async function verifyMessage(
  address: string,
  message: string,
  signature: string,
  options: WalletOptions,
  terminal: Terminal,
): Promise<number> {
  let form: string | null = null;
  await atDesk(
    options,
    terminal,
    async ({ walletd }) => {
      const answer = await walletd.verifyMessage({ address, message, signature });
      form = answer.form;
      return { isValid: answer.form !== null, ...answer };
    },
    (answer) => [
      answer.isValid
        ? `The key of ${address} has signed this message (${answer.form}).`
        : "This is no signature of that address's key over this message.",
    ],
  );
  return form === null ? EXIT.failed : EXIT.ok;
}

export function history(
  options: WalletOptions & { readonly lines: string; readonly csv?: boolean },
  terminal: Terminal,
): Promise<number> {
  if (options.csv) {
    return atDesk(
      options,
      terminal,
      (desk) => desk.asOwner((owned, walletd) => walletd.historyCsv(owned)),
      ({ text }) => [text.trimEnd()],
    );
  }
  const limit = wholeNumber("--lines", options.lines, 1, 100_000);
  return atDesk(
    options,
    terminal,
    (desk) => desk.asOwner((owned, walletd) => walletd.history({ ...owned, limit })),
    (answer) => historyLines(answer, paintOf(terminal)),
  );
}

export function yieldReport(options: WalletOptions, terminal: Terminal): Promise<number> {
  return atDesk(
    options,
    terminal,
    (desk) => desk.asOwner((owned, walletd) => walletd.yieldReport(owned)),
    ({ lines }) => (lines ?? ["This wallet has earned nothing yet."]).map((line) => line.trimEnd()),
  );
}

function spendInput(payments: readonly string[], options: SpendOptions) {
  const { fee, inputs, confirmations } = options;
  if (payments.length === 0 || payments.length % 2 !== 0) {
    throw misuse(
      "Payments are pairs: <address> <amount> [<address> <amount> …]; the amount `all` takes everything.",
    );
  }
  const pairs = payments.flatMap((address, at) =>
    at % 2 === 0 ? [{ address, amountSat: amountOf(payments[at + 1] as string) }] : [],
  );
  return {
    mixdepth: parseMixdepth(options.mixdepth),
    payments: pairs,
    isReplaceable: options.rbf,
    ...(fee === undefined ? {} : { fee: parseFee(fee) }),
    ...(inputs === undefined ? {} : { inputs: inputs.map(parseOutpoint) }),
    ...(confirmations === undefined
      ? {}
      : { confirmationsMin: wholeNumber("--confirmations", confirmations, 0, 1_000) }),
  };
}

/** Null is everything. */
function amountOf(text: string): number | null {
  return text === "all" ? null : parseAmountSat(text);
}

function coinsOf({ transaction }: Spend) {
  return transaction.inputs.map(({ txid, index }) => ({ txid, index }));
}

function parseTxid(text: string): string {
  if (/^[0-9a-f]{64}$/i.test(text)) return text.toLowerCase();
  throw misuse(`"${text}" is no transaction's id: 64 hexadecimal digits.`);
}

/** As text or as bytes: both forms are in use. */
function readPsbt(path: string): string {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path === "-" ? 0 : path);
  } catch (error) {
    throw misuse(`${path} cannot be read (${(error as NodeJS.ErrnoException).code}).`);
  }
  if (bytes.length > PSBT_BYTES_MAX) throw misuse(`${path} is too large for a PSBT.`);
  return bytes.subarray(0, 5).toString("latin1") === "psbt\xff"
    ? bytes.toString("base64")
    : bytes.toString("latin1").trim();
}

function writtenTo(path: string | undefined, psbt: string): { file: string } | object {
  if (path === undefined) return {};
  try {
    createWhole(path, Buffer.from(psbt, "base64"));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw misuse(
      `${path} cannot be written: ${code === "EEXIST" ? "a file of that name is there, and it is not overwritten" : code}.`,
    );
  }
  return { file: path };
}
