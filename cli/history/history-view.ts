/** Coinjoins that were, as lines for a terminal. Pure; nothing that others have written reaches it raw. */
import { harmless, type Paint, wrap } from "../view/terminal.ts";
import { btc } from "../wallet/amounts.ts";
import { type TableColumn, tableLines } from "../wallet/table.ts";
import { timeOf } from "../wallet/wallet-view.ts";
import type { PastCoinjoin } from "./coinjoin-history.ts";

const COLUMNS: readonly TableColumn<PastCoinjoin>[] = [
  { title: "WHEN (UTC)", value: ({ timeS }) => timeOf(timeS) },
  { title: "ROLE", value: ({ role }) => role },
  { title: "WALLET", value: ({ wallet }) => harmless(wallet ?? "") },
  { title: "BTC", align: "right", value: ({ amountSat }) => (amountSat === null ? "all" : btc(amountSat)) },
  { title: "+/- SAT", align: "right", value: ({ earnedSat }) => earned(earnedSat) },
  { title: "WITH", align: "right", value: ({ counterparties }) => String(counterparties ?? "") },
  { title: "STATE", isBelow: true, value: stateOf },
  { title: "TRANSACTION", isBelow: true, value: ({ txid, promised }) => txid ?? promisedText(promised) },
];

/** How far a taker came that our maker served in vain. */
const ENDED: Readonly<Record<string, string>> = Object.freeze({
  fill: "ended: it asked",
  promised: "ended: promised",
  signed: "not sent yet",
});

export function pastLines(
  coinjoins: readonly PastCoinjoin[],
  { total, notShown }: { readonly total: number; readonly notShown: readonly string[] },
  paint: Paint,
  width = Number.POSITIVE_INFINITY,
): string[] {
  const older = total - coinjoins.length;
  const dim = (text: string) => wrap(text, width).map((line) => paint("dim", line));
  const closed =
    notShown.length === 0
      ? []
      : dim(
          `Not unlocked here, and not shown: ${notShown.map(harmless).join(", ")}. Name one: --wallet <name>`,
        );
  if (total === 0) return ["There is no coinjoin to show.", ...closed];
  return [
    ...tableLines(COLUMNS, coinjoins, paint, width),
    ...(older > 0 ? dim(`${older} older ones: add --lines ${total}.`) : []),
    ...reasonsOf(coinjoins).flatMap(dim),
    ...closed,
  ];
}

function promisedText([first, ...more]: readonly string[]): string {
  if (first === undefined) return "";
  return `promised ${first}${more.length === 0 ? "" : ` and ${more.length} more`}`;
}

function earned(sat: number | null): string {
  if (sat === null) return "";
  return sat > 0 ? `+${sat.toLocaleString("en")}` : sat.toLocaleString("en");
}

function stateOf({ state, confirmations, failure, phase }: PastCoinjoin): string {
  switch (state) {
    case "confirmed":
      return `${confirmations} ${confirmations === 1 ? "block" : "blocks"}`;
    case "lost":
      return "sent again";
    case "conflict":
      return "a coin was spent elsewhere";
    case "expired":
      return "given up";
    case "underway":
      return `under way: ${phase}`;
    case "failed":
      return failure?.code ?? (phase === null ? "failed" : (ENDED[phase] ?? "failed"));
    default:
      return state;
  }
}

/** What failures mean is told once for each kind. */
function reasonsOf(coinjoins: readonly PastCoinjoin[]): string[] {
  const reasons = new Map<string, NonNullable<PastCoinjoin["failure"]>>();
  for (const { state, failure } of coinjoins) {
    if (state !== "failed" || failure === null) continue;
    const name = failure.code ?? failure.message;
    if (!reasons.has(name)) reasons.set(name, failure);
  }
  return [...reasons.values()].map(({ code, message }) => `${code ?? "A taker ended"}: ${harmless(message)}`);
}
