/** What a tumble would do, cost and take: a schedule that is drawn or given, priced by the offers of this moment. */
import type { RpcReply, RpcRequest } from "../../../bus/contract/contract.ts";
import type { takerContract } from "../../../bus/contracts/taker.ts";
import type { Random } from "../../../joinmarket/chance.ts";
import { drawSchedule } from "../../../joinmarket/schedule/draw.ts";
import {
  checkSchedule,
  entryOf,
  type ScheduleEntry,
  type ScheduleRules,
} from "../../../joinmarket/schedule/entry.ts";
import { flowOf } from "../../../joinmarket/schedule/flow.ts";
import { isNgPlan, parseNgPlan } from "../../../joinmarket/schedule/ng-plan.ts";
import { parseSchedule, writeSchedule } from "../../../joinmarket/schedule/schedule-file.ts";
import { hasCode } from "../../../runtime/errors.ts";
import { expectedMinerFeeSat, makerFeesSat } from "../agreement/costs.ts";
import type { MarketView } from "../agreement/pick.ts";
import type { Confirmations } from "../chain/confirmations.ts";
import type { CoinjoinParts } from "../coinjoin/parts.ts";
import { denials } from "../denials.ts";
import { rowsOf } from "../tumble/record.ts";
import { secondsFor } from "../tumble/time-left.ts";
import { limitsOf } from "./plans.ts";

type PlanRequest = RpcRequest<typeof takerContract, "tumblePlan">;
type PlanReply = RpcReply<typeof takerContract, "tumblePlan">;

/** Of the wallet's in one coinjoin: deposits and change. */
const OWN_COINS = 3;
/** The miners' fee may rise while it runs. */
const MINING_MARGIN = 4;

export interface PlanParts {
  readonly coinjoins: CoinjoinParts;
  readonly confirmations: Confirmations;
  readonly random: Random;
}

export async function tumblePlan(
  parts: PlanParts,
  wish: PlanRequest,
  signal: AbortSignal,
): Promise<PlanReply> {
  const { coinjoins, confirmations } = parts;
  const given = scheduleOf(parts, wish);
  const satPerKvb = await coinjoins.feerate.satPerKvb(wish);
  const market = wish.isPriced ? await viewOf(coinjoins, signal) : undefined;
  const isFree = wish.options.makers === undefined && wish.text === undefined && wish.schedule === undefined;
  const entries =
    isFree && market !== undefined
      ? withThoseThere(given, market.makers.length, makersMinOf(parts, wish))
      : given;
  const priced = market === undefined ? undefined : priceOf(coinjoins, wish, entries, market, satPerKvb);
  const blockSeconds = await confirmations.blockSeconds();
  const pace = { confirmations: coinjoins.config.tumble_confirmations, blockSeconds };
  return {
    schedule: rowsOf(entries),
    text: writeSchedule(entries),
    costs: priced?.costs ?? null,
    ...allowed(coinjoins, wish, entries, satPerKvb),
    secondsLeft: secondsFor(entries, 0, pace),
    candidates: priced?.candidates ?? null,
  };
}

/** @throws TAKER_SCHEDULE */
export function checkedSchedule(entries: readonly ScheduleEntry[], rules: ScheduleRules): void {
  asTaker(() => checkSchedule(entries, rules));
}

function scheduleOf({ coinjoins, random }: PlanParts, wish: PlanRequest): ScheduleEntry[] {
  const { availableSat, destinations, text, schedule } = wish;
  const { config, network } = coinjoins;
  const options = {
    ...wish.options,
    makers: wish.options.makers ?? {
      mean: (config.makers_low + config.makers_high) / 2,
      spread: (config.makers_high - config.makers_low) / 2,
    },
    makersMin: makersMinOf({ coinjoins }, wish),
  };
  const entries = asTaker(() => {
    if (text !== undefined) return isNgPlan(text) ? parseNgPlan(text) : parseSchedule(text);
    if (schedule !== undefined) return schedule.map((row) => entryOf(row));
    return drawSchedule({ availableSat, destinations, options, random });
  });
  const isDrawn = text === undefined && schedule === undefined;
  if (isDrawn && entries.length === 0) throw denials.noCoins(options.amountSatMin);
  checkedSchedule(entries, { network, mixdepths: availableSat.length });
  return entries;
}

function makersMinOf({ coinjoins }: Pick<PlanParts, "coinjoins">, { options }: PlanRequest): number {
  return options.makersMin ?? coinjoins.config.makers_min;
}

/** Nobody has said how many makers it shall be: then not more than there are. */
function withThoseThere(
  entries: readonly ScheduleEntry[],
  there: number,
  makersMin: number,
): ScheduleEntry[] {
  return entries.map((entry) => ({ ...entry, makers: Math.max(Math.min(entry.makers, there), makersMin) }));
}

/** Everybody who can be heard, for all its coinjoins at once. */
async function viewOf(coinjoins: CoinjoinParts, signal: AbortSignal): Promise<MarketView> {
  const gathering = coinjoins.openGathering();
  try {
    await gathering.start();
    await gathering.offers(() => true, signal);
    const makers = gathering.book.makers();
    return { makers, bonds: await coinjoins.bonds.values(makers, gathering.nick) };
  } finally {
    await gathering.close();
  }
}

function priceOf(
  { picker, config }: CoinjoinParts,
  wish: PlanRequest,
  entries: readonly ScheduleEntry[],
  view: MarketView,
  satPerKvb: number,
) {
  const rules = { limits: limitsOf(config, wish.limits), ignored: new Set<string>() };
  const costs: PlanReply["costs"] = [];
  let most = 0;
  let fewest = Number.POSITIVE_INFINITY;
  const feesSat = (entry: ScheduleEntry, aboutSat: number): number => {
    const amountSat = Math.max(1, Math.floor(aboutSat));
    const found = picker.candidates(view, amountSat, rules).length;
    most = Math.max(most, found);
    fewest = Math.min(fewest, found);
    const pick = { ...rules, count: entry.makers, preferred: new Set<string>() };
    const makers = picker.makers(view, amountSat, { ...pick, feesSatMax: Number.POSITIVE_INFINITY });
    const minersSat = expectedMinerFeeSat(OWN_COINS, entry.makers, satPerKvb);
    // With too few of them now it is guessed by those that are there.
    const makersSat = Math.round((makerFeesSat(makers) * entry.makers) / Math.max(makers.length, 1));
    costs.push({ amountSat: 0, makerFeesSat: makersSat, miningFeeSat: minersSat });
    return makersSat + minersSat;
  };
  const { amountSatMin } = wish.options;
  const { amountsSat } = flowOf(entries, wish.availableSat, { amountSatMin, feesSat });
  const open = costs.values();
  const byEntry = entries.map(({ completion }, at) => {
    const cost = completion === 0 ? open.next().value : undefined;
    const amountSat = amountsSat[at] ?? 0;
    if (cost === undefined || amountSat === 0) return { amountSat: 0, makerFeesSat: 0, miningFeeSat: 0 };
    return { ...cost, amountSat };
  });
  return { costs: byEntry, candidates: { most, fewest: Math.min(fewest, most) } };
}

/** The most that one coinjoin may cost by the limits, whoever is picked and however its parts are drawn anew. */
function allowed(
  { config }: CoinjoinParts,
  wish: PlanRequest,
  entries: readonly ScheduleEntry[],
  satPerKvb: number,
) {
  const { absoluteSat, relative } = limitsOf(config, wish.limits);
  const { hadSat } = flowOf(entries, wish.availableSat, { amountSatMin: 0, feesSat: () => 0 });
  const makers = entries.map(
    (entry, at) => entry.makers * Math.max(absoluteSat, Math.ceil(Number(relative) * (hadSat[at] ?? 0))),
  );
  const miners = entries.map(
    (entry) => expectedMinerFeeSat(OWN_COINS, entry.makers, satPerKvb) * MINING_MARGIN,
  );
  return { makerFeesSatMax: Math.max(...makers), miningFeeSatMax: Math.max(...miners) };
}

function asTaker<A>(work: () => A): A {
  try {
    return work();
  } catch (error) {
    if (!hasCode(error, "JOINMARKET_BAD_SCHEDULE")) throw error;
    const { entry, what } = (error as unknown as { data: { entry: number; what: string } }).data;
    throw denials.schedule(entry, what);
  }
}
