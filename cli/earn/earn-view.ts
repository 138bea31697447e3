/** The maker's answers as lines for a terminal. Pure; nothing that others have written reaches it raw. */
import type { MakerStatus } from "../../bus/contracts/maker.ts";
import type { Page } from "../terminal-io.ts";
import { harmless, type Paint, wrap } from "../view/terminal.ts";
import { btc, percentOf, sats } from "../wallet/amounts.ts";
import { tableLines } from "../wallet/table.ts";
import type { EarnReport } from "./earn-report.ts";

const STEPS = {
  fill: "has asked; we wait for its proof",
  promised: "has our coins' names; we wait for its transaction",
  signed: "has our signatures",
} as const;

/** One wallet that earns, with what its owner should know. */
export function earningLines(maker: MakerStatus, page: Page): string[] {
  return [headLine(maker, page.paint), ...offerLines(maker), ...hintLines(maker, page), ...joinLines(maker)];
}

export function makersLines(makers: readonly MakerStatus[], page: Page): string[] {
  if (makers.length === 0) return [`No wallet earns. Start one: ${page.typed("earn start")}`];
  return makers.flatMap((maker, at) => [
    ...(at === 0 ? [] : [""]),
    ...earningLines(maker, page),
    doneLine(maker),
  ]);
}

export function reportLines(report: EarnReport, { paint, typed }: Page): string[] {
  const name = harmless(report.wallet);
  const after = [...unconfirmedLines(report), ...inVainLines(report, typed)];
  if (report.joins === 0) return [`${name} has served no coinjoin that a block shows.`, ...after];
  const total = `${name} earned ${sats(report.earnedSat)} with ${coinjoins(report.joins)}, which mixed ${btc(report.mixedSat)} BTC of it.`;
  return [
    paint("strong", total),
    "",
    ...tableLines(
      [
        { title: "MONTH", value: ({ month }) => month },
        { title: "COINJOINS", align: "right", value: ({ joins }) => String(joins) },
        { title: "MIXED BTC", align: "right", value: ({ mixedSat }) => btc(mixedSat) },
        { title: "EARNED SAT", align: "right", value: ({ earnedSat }) => earnedSat.toLocaleString("en") },
        { title: "", align: "right", value: ({ earnedSat, mixedSat }) => percentOf(earnedSat, mixedSat) },
      ],
      report.months,
      paint,
    ),
    ...after,
  ];
}

function headLine({ wallet, state, why, nick }: MakerStatus, paint: Paint): string {
  const name = harmless(wallet);
  switch (state) {
    case "offering":
      return `${name} ${paint("good", "earns")} as ${nick}.`;
    case "connecting":
      return `${name} ${paint("warn", "looks for the market")}: no channel is up yet.`;
    case "waiting":
      return `${name} ${paint("warn", "offers nothing now")}: ${harmless(why ?? "")}.`;
    case "ended":
      return `${name} ${paint("bad", "does not earn")}. ${harmless(why ?? "")}`;
  }
}

function offerLines({ offers }: MakerStatus): string[] {
  return offers.map(({ type, minSat, maxSat, txfeeSat, fee }) => {
    const asked = type.endsWith("reloffer")
      ? `${(Number(fee) * 100).toFixed(4).replace(/0+$/, "0")} % of it`
      : feeText(Number(fee));
    const given = txfeeSat === 0 ? "" : `, of which ${sats(txfeeSat)} go to the miners`;
    return `  mixes ${btc(minSat)} to ${btc(maxSat)} BTC for ${asked}${given}`;
  });
}

function feeText(sat: number): string {
  return sat === 0 ? "nothing" : sats(sat);
}

function hintLines(
  { isFree, hasBond, offers, channels, state }: MakerStatus,
  { paint, width, typed }: Page,
): string[] {
  const lines: string[] = [];
  if (isFree) {
    lines.push(
      `It asks for nothing: without a fidelity bond many takers do not see makers that ask for a fee. Make a bond (${typed("bond make")}), or insist on a fee (--relative, --absolute).`,
    );
  } else if (!hasBond && offers.some(({ fee }) => Number(fee) > 0)) {
    lines.push("It has no fidelity bond: many takers do not see makers that ask for a fee without one.");
  }
  const down = channels.filter((channel) => channel.state === "down");
  if (state !== "ended") {
    lines.push(
      ...down.map(
        ({ id, error }) =>
          `The channel ${harmless(id)} is down${error === null ? "" : `: ${harmless(error)}`}`,
      ),
    );
  }
  return lines.flatMap((line) => wrap(line, width - 2)).map((line) => `  ${paint("dim", line)}`);
}

function joinLines({ joins }: MakerStatus): string[] {
  return joins.map(({ step, amountSat }) => `  a taker of ${btc(amountSat)} BTC ${STEPS[step]}`);
}

function doneLine({ asked, signed, seen, earnedSat }: MakerStatus): string {
  return `  since its start: asked ${asked}, signed ${signed}, on the chain ${seen}, earned ${sats(earnedSat)}`;
}

function unconfirmedLines({ unconfirmed }: EarnReport): string[] {
  return unconfirmed === 0
    ? []
    : ["", `${coinjoins(unconfirmed)} ${unconfirmed === 1 ? "waits" : "wait"} for a block.`];
}

function inVainLines({ inVain: { fill, promised, signed } }: EarnReport, typed: Page["typed"]): string[] {
  const all = fill + promised + signed;
  if (all === 0) return [];
  const parts = [
    ...(signed > 0 ? [`${signed} with our signatures, which may still be sent`] : []),
    ...(promised > 0 ? [`${promised} after our promise`] : []),
    ...(fill > 0 ? [`${fill} that only asked`] : []),
  ];
  const takers = all === 1 ? "1 taker" : `${all} takers`;
  return [
    "",
    `Came to nothing of late: ${takers}: ${parts.join(", ")}.`,
    `Why: ${typed("history --failed")}`,
  ];
}

function coinjoins(count: number): string {
  return count === 1 ? "1 coinjoin" : `${count} coinjoins`;
}
