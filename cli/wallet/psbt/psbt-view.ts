/** What a PSBT pays, as lines for a terminal, before anybody signs it. Pure. */
import { renderUnicodeCompact } from "uqr";
import type { RpcOutput } from "../../../bus/contract/contract.ts";
import type { walletdContract } from "../../../bus/contracts/walletd.ts";
import { harmless, type Paint } from "../../view/terminal.ts";
import { btc, coinCount, percentOf, sats } from "../amounts.ts";

export type PsbtView = RpcOutput<typeof walletdContract, "psbtShow">;

/** A code holds 2,953 bytes at most, and one so dense is read by no camera: half of it is. */
const QR_LETTERS_MAX = 1_200;

export function psbtLines(view: PsbtView, paint: Paint): string[] {
  const { inputs, outputs, feeSat, satPerVb, sizeVb, paysOutSat } = view;
  const row = (name: string, text: string) => `${paint("dim", name.padEnd(10))}${text}`;
  const own = inputs.filter(({ isOurs }) => isOurs);
  const others = inputs.length - own.length;
  const paid = outputs.filter(({ isOurs }) => !isOurs);
  const paidSat = paid.reduce((sum, { amountSat }) => sum + amountSat, 0);
  const ownSat = own.reduce((sum, { amountSat }) => sum + (amountSat ?? 0), 0);
  return [
    ...paid.map(({ amountSat, address }) =>
      row("pays", `${btc(amountSat)} BTC to ${address ?? "a script without address"}`),
    ),
    ...outputs
      .filter(({ isOurs }) => isOurs)
      .map(({ amountSat, address, path }) =>
        row("back", `${btc(amountSat)} BTC to us, ${address ?? ""} ${paint("dim", path ?? "")}`),
      ),
    row("from", `${coinCount(own.length)} of ours of ${btc(ownSat)} BTC${fromOthers(others)}`),
    row(
      "fee",
      feeSat === null || satPerVb === null
        ? paint("warn", "not known: nothing proves what the coins of others are worth")
        : `${sats(feeSat)}, ${satPerVb.toFixed(2)} sat/vB for ${sizeVb} vB${percent(feeSat, paidSat)}`,
    ),
    row("costs us", `${btc(paysOutSat)} BTC in all`),
    row("signed", signedOf(view)),
    ...inputs.flatMap(({ trouble }, at) =>
      trouble === null ? [] : [row("", paint("warn", `input ${at}: ${harmless(trouble)}`))],
    ),
    ...(view.refusal === null ? [] : [row("not here", paint("warn", harmless(view.refusal)))]),
    row("id", view.txid),
  ];
}

/** The code, or why there is none. */
export function psbtQr(psbt: string, width: number): string[] {
  if (psbt.length > QR_LETTERS_MAX) {
    return [`Too long for a QR code that a camera reads (${psbt.length} letters of ${QR_LETTERS_MAX}).`];
  }
  const lines = renderUnicodeCompact(psbt, { border: 2, ecc: "L" }).split("\n");
  const needed = Math.max(...lines.map(({ length }) => length));
  return needed > width ? [`The QR code needs ${needed} columns; this terminal has ${width}.`] : lines;
}

function fromOthers(others: number): string {
  return others === 0 ? "" : `, and ${coinCount(others)} of others`;
}

function percent(feeSat: number, paidSat: number): string {
  return paidSat === 0 ? "" : `, ${percentOf(feeSat, paidSat)} of what is paid`;
}

function signedOf({ inputs, isComplete }: PsbtView): string {
  const signed = inputs.filter(({ isSigned }) => isSigned).length;
  return isComplete ? "all of it" : `${signed} of ${inputs.length} inputs`;
}
