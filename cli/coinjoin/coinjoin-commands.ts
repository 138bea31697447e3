/** What `supervisor coinjoin …` does: plans, asks, lends the taker what it needs of the wallet, and watches. */
import type { Client } from "../../bus/bus.ts";
import { COINJOIN_MAKERS_MAX } from "../../bus/contracts/taker/values.ts";
import { BROADCAST_POLICIES, takerContract } from "../../bus/contracts/taker.ts";
import { mixableFunds } from "../../bus/contracts/walletd/mixable.ts";
import { whileWatched } from "../departure.ts";
import { EXIT, misuse } from "../errors.ts";
import { following } from "../following.ts";
import { operatorBus } from "../operator-access.ts";
import { ASKING_MAKERS, withPatience } from "../patience.ts";
import {
  lineWidth,
  type PlaceOptions,
  pageOf,
  paintOf,
  requestOf,
  say,
  sayJson,
  type Terminal,
} from "../terminal-io.ts";
import { parseAddress, parseAmountSat, parseFee, parseMixdepth } from "../wallet/amounts.ts";
import { confirmed } from "../wallet/input/secret-input.ts";
import { type Owned, WalletDesk, type Walletd, type WalletOptions } from "../wallet/wallet-desk.ts";
import { wholeNumber } from "../whole-number.ts";
import { outcomeLines, type Plan, planLines, progressLine, runLines } from "./coinjoin-view.ts";
import { nicksOf } from "./own-nicks.ts";

interface CoinjoinOptions extends WalletOptions {
  readonly amount?: string;
  readonly mixdepth: string;
  readonly to?: string;
  readonly makers?: string;
  readonly minMakers?: string;
  readonly fee?: string;
  readonly maxMakerFee?: string;
  readonly maxMakerShare?: string;
  readonly broadcast?: string;
  readonly dryRun?: boolean;
  readonly yes?: boolean;
}

interface RunOptions extends PlaceOptions {
  readonly json?: boolean;
}

type Taker = Client<typeof takerContract>;

/** As long as the taker keeps the wallet's coins for one coinjoin, and a little. */
const GRANT_S = 2 * 3_600;

export async function coinjoin(options: CoinjoinOptions, terminal: Terminal): Promise<number> {
  const wish = wishOf(options);
  const broadcast = broadcastOf(options.broadcast);
  const mixdepth = parseMixdepth(options.mixdepth);
  const to = options.to === undefined ? null : parseAddress(options.to);
  const desk = await WalletDesk.open(options, terminal);
  try {
    const taker = desk.client(takerContract);
    const { wallet, ...funds } = await desk.asOwner(async (owned, walletd) => ({
      wallet: owned.wallet,
      ...(await fundsOf(owned, walletd, mixdepth, wish.amountSat)),
    }));
    // A wallet that earns does not ask itself: that would hide nothing.
    const ignored = await nicksOf(desk, wallet);
    const plan = await withPatience(
      taker.plan({ ...wish, ...funds, destination: to, ignored }),
      ASKING_MAKERS,
      terminal,
    );
    if (!options.json) {
      for (const line of planLines(plan, { mixdepth, to }, paintOf(terminal))) say(terminal, line);
    }
    if (options.dryRun) {
      if (options.json) sayJson(terminal, plan);
      return EXIT.ok;
    }
    if (!options.yes && !(await confirmed(terminal, "Begin the coinjoin?"))) {
      say(terminal, "Nothing was begun.");
      return EXIT.failed;
    }
    const id = await desk.asOwner((owned, walletd) =>
      begin(owned, walletd, taker, {
        plan,
        wish: { ...wish, ignored },
        mixdepth,
        to,
        broadcast,
      }),
    );
    return await watched(taker, id, options, terminal);
  } finally {
    await desk.close();
  }
}

export function runs(options: RunOptions & { readonly lines: string }, terminal: Terminal): Promise<number> {
  const limit = wholeNumber("--lines", options.lines, 1, 100);
  return withTaker(options, terminal, async (taker) => {
    const answer = await taker.runs({ limit });
    if (options.json) sayJson(terminal, answer);
    else
      for (const line of runLines(answer.runs, paintOf(terminal), lineWidth(terminal))) say(terminal, line);
    return EXIT.ok;
  });
}

export function watch(id: string, options: RunOptions, terminal: Terminal): Promise<number> {
  return withTaker(options, terminal, (taker) => watched(taker, runId(id), options, terminal));
}

export function cancel(id: string, options: RunOptions, terminal: Terminal): Promise<number> {
  return withTaker(options, terminal, async (taker) => {
    const answer = await taker.cancel({ id: runId(id) });
    if (options.json) sayJson(terminal, answer);
    else {
      say(
        terminal,
        answer.isCancelled
          ? "It is ended, and its coins are free."
          : "It is over, or signed already: then it goes on.",
      );
    }
    return answer.isCancelled ? EXIT.ok : EXIT.failed;
  });
}

interface Begun {
  readonly plan: Plan;
  readonly wish: ReturnType<typeof wishOf> & { readonly ignored: string[] };
  readonly mixdepth: number;
  readonly to: string | null;
  readonly broadcast: ReturnType<typeof broadcastOf>;
}

/** The taker may use one mixdepth, for this amount, up to what was shown, and pay nowhere else. */
async function begin(owned: Owned, walletd: Walletd, taker: Taker, begun: Begun): Promise<string> {
  const { plan, wish, mixdepth, to, broadcast } = begun;
  const { makerFeesSatMax, miningFeeSatMax } = plan;
  const { grant } = await walletd.grant({
    ...owned,
    caller: "taker",
    ttlS: GRANT_S,
    limits: {
      mixdepths: [mixdepth],
      ...(wish.amountSat === null ? {} : { amountSatMax: wish.amountSat, totalSatMax: wish.amountSat }),
      destinations: to === null ? [] : [to],
      makerFeesSatMax,
      miningFeeSatMax,
    },
  });
  const { id } = await taker.start({
    ...wish,
    makers: plan.makers.length,
    makersMin: plan.makersMin,
    plan: plan.plan,
    grant,
    mixdepth,
    destination: to,
    makerFeesSatMax,
    miningFeeSatMax,
    satPerVb: plan.satPerVb,
    ...(broadcast === undefined ? {} : { broadcast }),
  });
  return id;
}

/** Says what is new until it is over. Whoever stops watching does not stop the coinjoin, and is told so. */
function watched(taker: Taker, id: string, options: RunOptions, terminal: Terminal): Promise<number> {
  const { typed } = pageOf(terminal, options);
  const parting = [
    `The coinjoin ${id} goes on without you. See how: ${typed(`coinjoin watch ${id}`)}`,
    `End it, as long as it is not signed: ${typed(`coinjoin cancel ${id}`)}`,
  ];
  return whileWatched(toldUntilOver(taker, id, options, terminal), parting, terminal);
}

async function toldUntilOver(
  taker: Taker,
  id: string,
  options: RunOptions,
  terminal: Terminal,
): Promise<number> {
  const begun = await taker.run({ id });
  if (!options.json) say(terminal, `Coinjoin ${id}.`);
  const run = await following(
    begun,
    {
      look: (newer) => taker.run({ id, ...newer }),
      lineOf: progressLine,
      isEnd: ({ isOver }) => isOver,
      isSilent: options.json === true,
    },
    terminal,
  );
  if (options.json) sayJson(terminal, run);
  else for (const line of outcomeLines(run, pageOf(terminal, options))) say(terminal, line);
  return run.phase === "done" ? EXIT.ok : EXIT.failed;
}

async function fundsOf(owned: Owned, walletd: Walletd, mixdepth: number, amountSat: number | null) {
  const { coins } = await walletd.coins({ ...owned, mixdepth });
  const funds = mixableFunds(coins, amountSat);
  if (funds.coins === 0) throw misuse(`Mixdepth ${mixdepth} has no confirmed coins that can be spent.`);
  return funds;
}

function wishOf({ amount, makers, minMakers, fee, maxMakerFee, maxMakerShare }: CoinjoinOptions) {
  if (amount === undefined) {
    throw misuse("Say how much: --amount 0.5btc, or --amount all for all of the mixdepth.");
  }
  const rate = fee === undefined ? undefined : parseFee(fee);
  if (rate !== undefined && !("satPerVb" in rate)) {
    throw misuse("A coinjoin's --fee is in satoshi by the virtual byte, such as 12.5.");
  }
  if (maxMakerShare !== undefined && !/^0?\.\d{1,12}$/.test(maxMakerShare)) {
    throw misuse(`--max-maker-share is a share below 1, such as 0.001, not "${maxMakerShare}".`);
  }
  return {
    amountSat: amount === "all" ? null : parseAmountSat(amount),
    limits: {
      ...(maxMakerFee === undefined ? {} : { absoluteSat: parseAmountSat(maxMakerFee) }),
      ...(maxMakerShare === undefined ? {} : { relative: maxMakerShare }),
    },
    ...(makers === undefined ? {} : { makers: wholeNumber("--makers", makers, 1, COINJOIN_MAKERS_MAX) }),
    ...(minMakers === undefined
      ? {}
      : { makersMin: wholeNumber("--min-makers", minMakers, 1, COINJOIN_MAKERS_MAX) }),
    ...(rate === undefined ? {} : { satPerVb: rate.satPerVb }),
  };
}

function broadcastOf(text: string | undefined) {
  const policy = BROADCAST_POLICIES.find((known) => known === text);
  if (text !== undefined && policy === undefined) {
    throw misuse(`--broadcast is one of ${BROADCAST_POLICIES.join(", ")}, not "${text}".`);
  }
  return policy;
}

function runId(text: string): string {
  if (/^[0-9a-f]{16}$/.test(text)) return text;
  throw misuse(`"${text}" is no coinjoin's id: \`supervisor coinjoin runs\` shows them.`);
}

async function withTaker(
  options: RunOptions,
  terminal: Terminal,
  work: (taker: Taker) => Promise<number>,
): Promise<number> {
  const bus = await operatorBus(requestOf(options, terminal), "supervisor coinjoin");
  try {
    return await work(bus.client(takerContract));
  } finally {
    await bus.close();
  }
}
