/** What `supervisor wallet …` spends and signs: it always says what it will cost before it asks. */
import type { RpcOutput } from "../../bus/contract/contract.ts";
import type { walletdContract } from "../../bus/contracts/walletd.ts";
import { EXIT, misuse } from "../errors.ts";
import { lineWidth, paintOf, say, sayJson, type Terminal } from "../terminal-io.ts";
import { wholeNumber } from "../whole-number.ts";
import {
  parseAddress,
  parseAmountSat,
  parseFee,
  parseLabel,
  parseMixdepth,
  parseOutpoint,
  parseTxid,
} from "./amounts.ts";
import { confirmed } from "./input/secret-input.ts";
import { historyLines, spendLines } from "./spend-view.ts";
import { atDesk, type Owned, WalletDesk, type Walletd, type WalletOptions } from "./wallet-desk.ts";

type Spend = RpcOutput<typeof walletdContract, "send">;

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

export function send(payments: readonly string[], options: SendOptions, terminal: Terminal): Promise<number> {
  const input = spendInput(payments, options);
  const label = parseLabel(options.label ?? "");
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
    // What was shown is what is sent: an estimate may be another one by then.
    walletd.bump({
      ...owned,
      txid: id,
      ...(plan === undefined ? { fee, isDryRun: true } : { fee: { satPerVb: plan.satPerVb } }),
    }),
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
    const plan = await desk.asOwner(async (owned, walletd) => {
      // Nobody is asked for what will be refused in the end.
      if (!options.dryRun && !(await walletd.status(owned)).canSign) {
        throw misuse(
          "This wallet only watches: its keys are elsewhere. Make the payment with `supervisor wallet psbt create`, or `psbt bump` for one that waits, and sign it there.",
        );
      }
      return step(owned, walletd, undefined);
    });
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
  parseAddress(address);
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
    (answer) => historyLines(answer, paintOf(terminal), lineWidth(terminal)),
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

export function spendInput(payments: readonly string[], options: SpendOptions) {
  const { fee, inputs, confirmations } = options;
  if (payments.length === 0 || payments.length % 2 !== 0) {
    throw misuse(
      "Payments are pairs: <address> <amount> [<address> <amount> …]; the amount `all` takes everything.",
    );
  }
  const pairs = payments.flatMap((address, at) =>
    at % 2 === 0 ? [{ address: parseAddress(address), amountSat: amountOf(payments[at + 1] as string) }] : [],
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
