/** What a PSBT pays, as lines for a terminal, before anybody signs it. Pure. */
import type { RpcOutput } from "../../../bus/contract/contract.ts";
import type { walletdContract } from "../../../bus/contracts/walletd.ts";
import { harmless, type Paint } from "../../view/terminal.ts";
import { btc, coinCount, percentOf, sats } from "../amounts.ts";

export type PsbtView = RpcOutput<typeof walletdContract, "psbtShow">;

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
