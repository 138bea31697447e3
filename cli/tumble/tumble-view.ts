/** What a tumble would do and cost, how it goes and how it ended, as lines for a terminal. Pure. */
import type { RpcOutput } from "../../bus/contract/contract.ts";
import { NOT_ROUNDED, type ScheduleTuple, type Tumble } from "../../bus/contracts/taker/tumble.ts";
import type { takerContract } from "../../bus/contracts/taker.ts";
import type { Page } from "../terminal-io.ts";
import { duration, harmless, wrap } from "../view/terminal.ts";
import { btc, countOf, percentOf, sats } from "../wallet/amounts.ts";
import { type TableColumn, tableLines } from "../wallet/table.ts";
import { timeOf } from "../wallet/wallet-view.ts";

type TumblePlan = RpcOutput<typeof takerContract, "tumblePlan">;

/** Fewer let whoever knows one of them guess the others by their amounts. */
const DESTINATIONS_ADVISED = 3;
const MS_PER_S = 1_000;
const FAILURES_SHOWN = 3;
const NAME_WIDTH = 10;

interface PlanRow {
  readonly number: number;
  readonly isLast: boolean;
  readonly entry: ScheduleTuple;
  readonly cost:
    | { readonly amountSat: number; readonly makerFeesSat: number; readonly miningFeeSat: number }
    | undefined;
}

const PLAN_COLUMNS: readonly TableColumn<PlanRow>[] = [
  { title: "#", align: "right", value: ({ number }) => String(number) },
  { title: "FROM", align: "right", value: ({ entry: [mixdepth] }) => String(mixdepth) },
  { title: "TAKES", align: "right", value: ({ entry }) => takes(entry) },
  {
    title: "ABOUT BTC",
    align: "right",
    value: ({ cost }) => (cost === undefined ? "" : cost.amountSat === 0 ? "nothing" : btc(cost.amountSat)),
  },
  { title: "MAKERS", align: "right", value: ({ entry: [, , makers] }) => String(makers) },
  { title: "TO", isBelow: true, lead: "to", value: ({ entry: [, , , destination] }) => placeOf(destination) },
  {
    title: "COSTS",
    align: "right",
    value: ({ cost }) => (cost === undefined ? "" : sats(cost.makerFeesSat + cost.miningFeeSat)),
  },
  {
    title: "THEN WAITS",
    align: "right",
    value: ({ isLast, entry: [, , , , waitMinutes] }) => (isLast ? "" : duration(waitMinutes * 60_000)),
  },
];

export function planLines(plan: TumblePlan, availableSat: readonly number[], page: Page): string[] {
  const { paint, width } = page;
  const { schedule, costs, secondsLeft, candidates } = plan;
  const row = rowOf(page);
  const rows = schedule.map((entry, at) => ({
    number: at + 1,
    isLast: at === schedule.length - 1,
    entry,
    cost: costs?.[at],
  }));
  const totalSat = availableSat.reduce((sum, sat) => sum + sat, 0);
  const makersSat = (costs ?? []).reduce((sum, { makerFeesSat }) => sum + makerFeesSat, 0);
  const minersSat = (costs ?? []).reduce((sum, { miningFeeSat }) => sum + miningFeeSat, 0);
  const most = plan.makerFeesSatMax + plan.miningFeeSatMax;
  return [
    ...tableLines(PLAN_COLUMNS, rows, paint, width),
    "",
    ...row("wallet", `has ${btc(totalSat)} BTC to spend; ${countOf(schedule.length, "coinjoin")}`),
    ...row("takes", `about ${duration(secondsLeft * MS_PER_S)}: waits on purpose, and blocks`),
    ...(costs === null
      ? []
      : row(
          "costs",
          `about ${sats(makersSat + minersSat)}, ${percentOf(makersSat + minersSat, totalSat)}: makers ${sats(makersSat)}, miners ${sats(minersSat)}`,
        )),
    ...row("at most", `${sats(most)} for any one coinjoin; a dearer one waits`),
    ...advice(schedule, candidates, page),
  ];
}

function advice(
  schedule: readonly ScheduleTuple[],
  candidates: TumblePlan["candidates"],
  { paint, width, typed }: Page,
): string[] {
  const lines: string[] = [];
  const places = new Set(
    schedule.flatMap(([, , , to]) => (to === "INTERNAL" || to === "addrask" ? [] : [to])),
  );
  const asked = schedule.filter(([, , , to]) => to === "addrask").length;
  if (places.size + asked === 0) {
    lines.push("All coins stay in this wallet: the schedule names no destination.");
  } else if (places.size + asked < DESTINATIONS_ADVISED) {
    lines.push(
      `${countOf(places.size + asked, "destination")} only: amounts that come together there may be matched with those that left. Three or more are better.`,
    );
  }
  if (asked > 0) {
    lines.push(
      `${countOf(asked, "address")} will be asked for in time. Give what is asked for: ${typed("tumble resume --to <address>")}`,
    );
  }
  const mostMakers = Math.max(...schedule.map(([, , makers]) => makers));
  if (candidates !== null && candidates.fewest < mostMakers) {
    lines.push(
      `${countOf(candidates.fewest, "maker")} can be asked now for one of these coinjoins, where ${mostMakers} are wanted. Such a one is tried again with fewer: --makers, --max-maker-fee.`,
    );
  }
  return lines.flatMap((line) => wrap(line, width)).map((line) => paint("warn", line));
}

/** A named line; what does not fit goes on under its beginning. */
function rowOf({ paint, width }: Page) {
  return (name: string, text: string) =>
    wrap(text, width - NAME_WIDTH).map(
      (line, at) => `${paint("dim", (at === 0 ? name : "").padEnd(NAME_WIDTH))}${line}`,
    );
}

/** What is happening now. */
export function progressLine({ progress, untilS, confirmations, state }: Tumble): string {
  const blocks = confirmations === null ? "" : ` (${confirmations.has} of ${confirmations.wants})`;
  const isTimed = untilS !== null && (state === "waiting" || state === "retrying");
  return `${harmless(progress)}${blocks}${isTimed ? ` Until ${timeOf(untilS)} UTC.` : ""}`;
}

interface EntryRow {
  readonly number: number;
  readonly entry: ScheduleTuple;
  readonly sent: Tumble["sent"][number] | undefined;
  readonly state: string;
}

const ENTRY_COLUMNS: readonly TableColumn<EntryRow>[] = [
  { title: "#", align: "right", value: ({ number }) => String(number) },
  { title: "FROM", align: "right", value: ({ entry: [mixdepth] }) => String(mixdepth) },
  {
    title: "BTC",
    align: "right",
    value: ({ entry, sent }) => (sent === undefined ? takes(entry) : btc(sent.amountSat)),
  },
  {
    title: "MAKERS",
    align: "right",
    value: ({ entry: [, , makers], sent }) => String(sent?.makers ?? makers),
  },
  { title: "TO", isBelow: true, lead: "to", value: ({ entry: [, , , destination] }) => placeOf(destination) },
  {
    title: "COST",
    align: "right",
    value: ({ sent }) => (sent === undefined ? "" : sats(sent.makerFeesSat + sent.miningFeeSat)),
  },
  { title: "NOW", isBelow: true, value: ({ state }) => state },
];

export function tumbleLines(tumble: Tumble, page: Page): string[] {
  const { paint, width } = page;
  const { schedule, sent, failures, entry, isOver, secondsLeft } = tumble;
  const row = rowOf(page);
  const bySent = new Map(sent.map((one) => [one.entry, one]));
  const rows = schedule.map((one, at) => ({
    number: at + 1,
    entry: one,
    sent: bySent.get(at),
    state: entryState(tumble, one, at, bySent.get(at)),
  }));
  const costSat = sent.reduce((sum, one) => sum + one.makerFeesSat + one.miningFeeSat, 0);
  const mixedSat = sent.reduce((sum, { amountSat }) => sum + amountSat, 0);
  return [
    ...headLines(tumble, page),
    "",
    ...tableLines(ENTRY_COLUMNS, rows, paint, width),
    "",
    ...(isOver ? [] : row("now", progressLine(tumble))),
    ...row("done", `${entry} of ${countOf(schedule.length, "coinjoin")}`),
    ...(secondsLeft === null ? [] : row("left", `about ${duration(secondsLeft * MS_PER_S)}`)),
    ...(costSat === 0
      ? []
      : row("cost", `${sats(costSat)} so far, ${percentOf(costSat, mixedSat)} of what was mixed`)),
    ...failures
      .slice(-FAILURES_SHOWN)
      .flatMap(({ entry: at, message, atS }) =>
        row("failed", `${timeOf(atS)} coinjoin ${at + 1}: ${harmless(message)}`),
      ),
    ...nextSteps(tumble, page)
      .flatMap((line) => wrap(line, width))
      .map((line) => paint("warn", line)),
  ];
}

function headLines({ id, wallet, state, progress }: Tumble, { paint, width }: Page): string[] {
  const name = `The tumble ${id} of ${harmless(wallet)}`;
  if (state === "done") return [`${name} is ${paint("good", "done")}: all its coinjoins are confirmed.`];
  if (state === "stopped")
    return [`${name} is ${paint("bad", "stopped")}.`, ...wrap(harmless(progress), width)];
  if (state === "grant" || state === "address") return [`${name} ${paint("warn", "waits for you")}.`];
  return [`${name} is ${paint("busy", "under way")}.`];
}

function nextSteps({ state }: Tumble, { typed }: Page): string[] {
  switch (state) {
    case "address":
      return [`Give it one that has never been used: ${typed("tumble resume --to <address>")}`];
    case "grant":
      return [`Let it use the wallet again: ${typed("tumble resume")}`];
    case "stopped":
      return [`The coins are safe where they are. Go on: ${typed("tumble resume")}`];
    case "retrying":
      return [
        "Nothing is lost. It is tried again by itself, with other makers, other amounts or fewer makers.",
      ];
    default:
      return [];
  }
}

function entryState(
  { entry, state }: Tumble,
  [, , , , , , completion]: ScheduleTuple,
  at: number,
  sent: Tumble["sent"][number] | undefined,
): string {
  if (completion === 1) return sent === undefined ? "left out" : `confirmed ${sent.txid}`;
  if (completion !== 0) return `sent ${completion}`;
  if (at !== entry) return "";
  return state === "mixing" ? "mixing" : "next";
}

/** `all`, `31.4 %`, or bitcoin. */
function takes([, amount, , , , figures]: ScheduleTuple): string {
  if (amount === 0) return "all";
  if (amount >= 1) return btc(amount);
  return `${(amount * 100).toFixed(1)} %${figures === NOT_ROUNDED ? "" : " rounded"}`;
}

function placeOf(destination: string): string {
  if (destination === "INTERNAL") return "next mixdepth";
  return destination === "addrask" ? "asked for in time" : harmless(destination);
}
