/** What a coinjoin would cost, how it goes and how it ended, as lines for a terminal. Pure. */
import type { RpcOutput } from "../../bus/contract/contract.ts";
import type { CoinjoinRun, takerContract } from "../../bus/contracts/taker.ts";
import type { Page } from "../terminal-io.ts";
import { harmless, type Paint, wrap } from "../view/terminal.ts";
import { btc, percentOf, sats } from "../wallet/amounts.ts";
import { type TableColumn, tableLines } from "../wallet/table.ts";
import { timeOf } from "../wallet/wallet-view.ts";

export type Plan = RpcOutput<typeof takerContract, "plan">;

export function planLines(
  plan: Plan,
  { mixdepth, to }: { readonly mixdepth: number; readonly to: string | null },
  paint: Paint,
): string[] {
  const row = (name: string, text: string) => `${paint("dim", name.padEnd(10))}${text}`;
  const { amountSat, makers, candidates, makerFeesSat, miningFeeSat, satPerVb } = plan;
  const costSat = makerFeesSat + miningFeeSat;
  const most = plan.makerFeesSatMax + plan.miningFeeSatMax;
  return [
    row("mixes", `${btc(amountSat)} BTC of mixdepth ${mixdepth}, to ${to ?? "the next mixdepth"}`),
    row("with", `${makers.length} makers of ${candidates} that fit; not with fewer than ${plan.makersMin}`),
    row("makers", `${sats(makerFeesSat)}, ${percentOf(makerFeesSat, amountSat) || "0 %"}`),
    row(
      "miners",
      `about ${sats(miningFeeSat)} at ${satPerVb.toFixed(2)} sat/vB, ${percentOf(miningFeeSat, amountSat)}`,
    ),
    row(
      "costs",
      `about ${sats(costSat)}, ${percentOf(costSat, amountSat)}; at most ${sats(most)}, ${percentOf(most, amountSat)}`,
    ),
  ];
}

/** What is happening now. */
export function progressLine({ progress, attempt }: CoinjoinRun): string {
  return `${attempt > 1 ? `Attempt ${attempt}: ` : ""}${harmless(progress)}`;
}

export function outcomeLines(run: CoinjoinRun, { paint, width, typed }: Page): string[] {
  const faults = run.faults.map(({ nick, why }) => paint("dim", `  ${harmless(nick)}: ${harmless(why)}`));
  const told = faults.length === 0 ? [] : ["Makers that failed us:", ...faults];
  if (run.phase === "done") {
    const costSat = (run.makerFeesSat ?? 0) + (run.miningFeeSat ?? 0);
    return [
      ...told,
      `Sent: ${run.txid}`,
      `It cost ${sats(costSat)}, ${percentOf(costSat, run.amountSat ?? 0)} of ${btc(run.amountSat ?? 0)} BTC.`,
    ];
  }
  const code = run.failure?.code ?? "";
  const [first = "", ...rest] = wrap(`No coinjoin (${code}). ${adviceFor(code, typed)}`, width);
  return [...told, first.replace("No coinjoin", (text) => paint("bad", text)), ...rest];
}

/** What a person can do about it; $ stands for our own name. */
const ADVICE: Readonly<Record<string, string>> = Object.freeze({
  TAKER_NOT_READY: "Try again in a moment; who is away: $ status",
  TAKER_NO_MARKET: "Look at [market] in the configuration, and whether Tor runs: $ doctor",
  TAKER_FEW_MAKERS: "Ask fewer makers, for another amount, or allow more with --max-maker-fee.",
  TAKER_MAKERS_FAILED: "Try again: others will be picked.",
  TAKER_NO_COMMITMENT:
    "Wait until a coin has five confirmations, mix a smaller amount, spend from another mixdepth, or lend it a coin of elsewhere: $ coinjoin commitments.",
  TAKER_MINING_FEE: "Try again, or give a lower --fee.",
  TAKER_REFUSED: "A maker has spent its coin meanwhile. Ours come free within an hour; then try again.",
  TAKER_NOT_SENT: "Its coins stay reserved for an hour, and it may still appear: $ wallet history",
  TAKER_CANCELLED: "You have ended it.",
  WALLETD_FUNDS: "Choose a smaller amount or another mixdepth: $ wallet show",
  WALLETD_ADDRESS: "Copy the address again: one letter is wrong, or it is of another network.",
  WALLETD_NO_GRANT: "The wallet was locked meanwhile. Unlock it and try again.",
});

function adviceFor(code: string, typed: Page["typed"]): string {
  const kept = code === "TAKER_NOT_SENT" || code === "TAKER_REFUSED" ? "" : "Its coins are free. ";
  const advice = ADVICE[code] ?? "What was asked is in the log: $ logs taker";
  return `${kept}${advice.replace(/\$ ([a-z ]+)/, (_, words: string) => typed(words))}`;
}

const COLUMNS: readonly TableColumn<CoinjoinRun>[] = [
  { title: "ID", value: ({ id }) => id },
  { title: "SINCE (UTC)", value: ({ startedAtS }) => timeOf(startedAtS) },
  { title: "PHASE", value: ({ phase }) => phase },
  {
    title: "BTC",
    align: "right",
    value: ({ amountSat, isSweep }) => (amountSat === null ? (isSweep ? "all" : "") : btc(amountSat)),
  },
  {
    title: "MAKERS",
    align: "right",
    value: ({ makersGood, makersWanted }) => `${makersGood}/${makersWanted}`,
  },
  {
    title: "COST",
    align: "right",
    value: ({ makerFeesSat, miningFeeSat }) =>
      makerFeesSat === null ? "" : sats(makerFeesSat + (miningFeeSat ?? 0)),
  },
  {
    title: "NOW",
    isBelow: true,
    value: ({ txid, failure, progress }) => txid ?? failure?.code ?? harmless(progress),
  },
];

export function runLines(runs: readonly CoinjoinRun[], paint: Paint, width: number): string[] {
  return runs.length === 0 ? ["There was no coinjoin yet."] : tableLines(COLUMNS, runs, paint, width);
}
