/** What was or would be spent, as lines for a terminal. Pure. */
import type { RpcOutput } from "../../bus/contract/contract.ts";
import type { walletdContract } from "../../bus/contracts/walletd.ts";
import { harmless, type Paint } from "../view/terminal.ts";
import { btc, coinCount, percentOf, sats } from "./amounts.ts";
import { type TableColumn, tableLines } from "./table.ts";
import { timeOf } from "./wallet-view.ts";

type Spend = RpcOutput<typeof walletdContract, "send">;
type History = RpcOutput<typeof walletdContract, "history">;
type HistoryEntry = History["entries"][number];
type Unsent = History["unsent"][number];

export function spendLines(spend: Spend, paint: Paint): string[] {
  const { transaction, feeSat, sizeVb, satPerVb, changeSat, mixdepth, replaces } = spend;
  const row = (name: string, text: string) => `${paint("dim", name.padEnd(10))}${text}`;
  const paid = transaction.outputs.filter(({ isOurs }) => !isOurs);
  // What goes to ourselves and is not change is a payment too.
  const own = transaction.outputs.filter(({ isOurs, amountSat }) => isOurs && amountSat !== changeSat);
  const payments = [...paid, ...own];
  const paidSat = payments.reduce((sum, { amountSat }) => sum + amountSat, 0);
  const inputSat = transaction.inputs.reduce((sum, { amountSat }) => sum + (amountSat ?? 0), 0);
  return [
    ...payments.map(({ amountSat, address, isOurs }) =>
      row("pays", `${btc(amountSat)} BTC to ${address ?? "a script"}${isOurs ? " (ours)" : ""}`),
    ),
    row("from", `mixdepth ${mixdepth}: ${coinCount(transaction.inputs.length)} of ${btc(inputSat)} BTC`),
    row(
      "fee",
      `${sats(feeSat)}, ${satPerVb.toFixed(2)} sat/vB for ${sizeVb} vB, ${percentOf(feeSat, paidSat)} of what is paid`,
    ),
    row("change", changeSat === 0 ? "none" : `${btc(changeSat)} BTC back to mixdepth ${mixdepth}`),
    ...(replaces === null ? [] : [row("replaces", replaces)]),
  ];
}

const COLUMNS: readonly TableColumn<HistoryEntry>[] = [
  { title: "WHEN (UTC)", value: ({ timeS }) => timeOf(timeS) },
  { title: "WHAT", value: ({ kind }) => kind },
  {
    title: "BTC",
    align: "right",
    value: ({ changeSat }) => (changeSat > 0 ? `+${btc(changeSat)}` : btc(changeSat)),
  },
  { title: "BALANCE", align: "right", value: ({ balanceSat }) => btc(balanceSat) },
  { title: "FROM", align: "right", value: ({ fromMixdepth }) => String(fromMixdepth ?? "") },
  { title: "TO", align: "right", value: ({ toMixdepth }) => String(toMixdepth ?? "") },
  {
    title: "CONFIRMED",
    align: "right",
    value: ({ confirmations }) => (confirmations === 0 ? "no" : String(confirmations)),
  },
  { title: "TRANSACTION", isBelow: true, value: ({ txid }) => txid },
  { title: "LABEL", isBelow: true, value: ({ label }) => harmless(label) },
];

const UNSENT: Readonly<Record<Unsent["state"], string>> = Object.freeze({
  lost: "is sent again; its coins stay set aside",
  conflict: "can never confirm: one of its coins was spent elsewhere",
  expired: "was given up after two weeks; its coins are free",
});

export function historyLines({ total, entries, unsent }: History, paint: Paint, width?: number): string[] {
  if (total === 0 && unsent.length === 0) return ["Nothing has happened in this wallet yet."];
  const older = total - entries.length;
  return [
    ...tableLines(COLUMNS, entries, paint, width),
    ...(older > 0 ? [paint("dim", `${older} older ones: add --lines ${total}.`)] : []),
    ...unsentLines(unsent, paint),
  ];
}

function unsentLines(unsent: readonly Unsent[], paint: Paint): string[] {
  if (unsent.length === 0) return [];
  const lines = unsent.flatMap(({ txid, state, timeS, amountSat, isCoinjoin, conflictTxid, label }) => [
    `${timeOf(timeS)}  ${isCoinjoin ? "coinjoin" : "payment"} of ${btc(amountSat)} BTC ${UNSENT[state]}.`,
    paint("dim", `  ${txid}${label === "" ? "" : ` ${harmless(label)}`}`),
    ...(conflictTxid === null ? [] : [paint("dim", `  spent by ${conflictTxid}`)]),
  ]);
  return ["", paint("warn", "Sent, and not on the network now:"), ...lines];
}
