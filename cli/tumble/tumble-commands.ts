/** What `supervisor tumble …` does: draws, asks, lends the taker the wallet for a schedule, tells how it goes, and ends it. */

import { writeFileSync } from "node:fs";
import type { Client } from "../../bus/bus.ts";
import type { RpcOutput } from "../../bus/contract/contract.ts";
import type { ScheduleTuple, Tumble } from "../../bus/contracts/taker/tumble.ts";
import { takerContract } from "../../bus/contracts/taker.ts";
import { mixableSums } from "../../bus/contracts/walletd/mixable.ts";
import { stemOf } from "../../bus/contracts/walletd/stem.ts";
import { whileWatched } from "../departure.ts";
import { EXIT, misuse } from "../errors.ts";
import { following } from "../following.ts";
import { ASKING_MAKERS, withPatience } from "../patience.ts";
import { lineWidth, type Page, pageOf, paintOf, say, sayJson, type Terminal } from "../terminal-io.ts";
import { wrap } from "../view/terminal.ts";
import { parseAmountSat } from "../wallet/amounts.ts";
import { confirmed } from "../wallet/input/secret-input.ts";
import { type Owned, WalletDesk, type Walletd, type WalletOptions } from "../wallet/wallet-desk.ts";
import { wholeNumber } from "../whole-number.ts";
import { addressesOf, broadcastOf, type DrawOptions, minMakersOf, wishOf } from "./tumble-options.ts";
import { planLines, progressLine, tumbleLines } from "./tumble-view.ts";

interface StartOptions extends DrawOptions {
  readonly retry: string;
  readonly broadcast?: string;
  readonly days: string;
  readonly follow?: boolean;
  readonly yes?: boolean;
}

interface FollowOptions extends WalletOptions {
  readonly follow?: boolean;
}

interface ResumeOptions extends WalletOptions {
  readonly to?: string[];
  readonly days: string;
}

type Taker = Client<typeof takerContract>;
type TumblePlan = RpcOutput<typeof takerContract, "tumblePlan">;

const DAY_S = 86_400;
const DAYS_MAX = 30;
const RETRY_S_MAX = 86_400;

export async function plan(
  options: DrawOptions & { readonly write?: string },
  terminal: Terminal,
): Promise<number> {
  const wish = wishOf(options);
  return await atTaker(options, terminal, async (taker, desk) => {
    const { tumble, availableSat } = await drawn(taker, desk, wish, terminal);
    if (options.write !== undefined) writeFileSync(options.write, tumble.text, { mode: 0o600 });
    if (options.json) sayJson(terminal, tumble);
    else {
      for (const line of planLines(tumble, availableSat, pageFor(options, terminal))) say(terminal, line);
      if (options.write !== undefined) {
        const { typed } = pageFor(options, terminal);
        say(terminal, `Begin it: ${typed(`tumble start --schedule ${options.write}`)}`);
      }
    }
    return EXIT.ok;
  });
}

export async function start(options: StartOptions, terminal: Terminal): Promise<number> {
  const wish = wishOf(options);
  const days = wholeNumber("--days", options.days, 1, DAYS_MAX);
  const broadcast = broadcastOf(options.broadcast);
  const rules = {
    amountSatMin: parseAmountSat(options.min),
    retrySeconds: wholeNumber("--retry", options.retry, 1, RETRY_S_MAX),
    ...minMakersOf(options),
  };
  return await atTaker(options, terminal, async (taker, desk) => {
    const wallet = await desk.wallet();
    const running = (await taker.tumbles({ wallet })).tumbles.find(({ isOver }) => !isOver);
    if (running !== undefined) {
      throw misuse(
        `The wallet ${wallet} tumbles already (${running.id}). See it: ${pageFor(options, terminal).typed("tumble status")}`,
      );
    }
    const { tumble, availableSat } = await drawn(taker, desk, wish, terminal);
    if (!options.json) {
      for (const line of planLines(tumble, availableSat, pageFor(options, terminal))) say(terminal, line);
    }
    if (!options.yes && !(await confirmed(terminal, "Begin the tumble?"))) {
      say(terminal, "Nothing was begun.");
      return EXIT.failed;
    }
    const begun = await desk.asOwner(async (owned, walletd) => {
      const { grant, id } = await lent(owned, walletd, tumble.schedule, tumble, days);
      const { makerFeesSatMax, miningFeeSatMax, schedule } = tumble;
      const { limits, satPerVb } = wish;
      const more = { rules, ...broadcast, ...(limits === undefined ? {} : { limits }) };
      try {
        return await taker.tumbleStart({
          wallet: owned.wallet,
          grant,
          schedule,
          ...{ makerFeesSatMax, miningFeeSatMax },
          ...more,
          ...(satPerVb === undefined ? {} : { satPerVb }),
        });
      } catch (error) {
        await walletd.revoke({ ...owned, id });
        throw error;
      }
    });
    if (options.follow) return await followed(taker, begun, options, terminal);
    if (options.json) sayJson(terminal, begun);
    else {
      const { typed, width } = pageFor(options, terminal);
      const begins = `The tumble ${begun.id} has begun and goes on by itself, as long as the wallet stays unlocked.`;
      for (const line of [begins, `See how it goes: ${typed("tumble status")}`]) {
        for (const row of wrap(line, width)) say(terminal, row);
      }
    }
    return EXIT.ok;
  });
}

export function status(id: string | undefined, options: FollowOptions, terminal: Terminal): Promise<number> {
  return atTaker(options, terminal, async (taker) => {
    const tumble = await found(taker, id, options);
    if (tumble === undefined) {
      const { typed, width } = pageFor(options, terminal);
      const none = `There was no tumble yet. See what one would do: ${typed("tumble plan")}`;
      if (options.json) sayJson(terminal, { tumble: null });
      else for (const line of wrap(none, width)) say(terminal, line);
      return EXIT.ok;
    }
    if (options.follow) return await followed(taker, tumble, options, terminal);
    if (options.json) sayJson(terminal, tumble);
    else for (const line of tumbleLines(tumble, pageFor(options, terminal))) say(terminal, line);
    return EXIT.ok;
  });
}

export async function resume(
  id: string | undefined,
  options: ResumeOptions,
  terminal: Terminal,
): Promise<number> {
  const addresses = addressesOf(options.to ?? []);
  const days = wholeNumber("--days", options.days, 1, DAYS_MAX);
  const tumble = await atTaker(options, terminal, (taker) => needed(taker, id, options));
  // Of several wallets that are open it is the one that tumbles.
  const owner = { ...options, wallet: options.wallet ?? tumble.wallet };
  return await atTaker(owner, terminal, async (taker, desk) => {
    const resumed = await desk.asOwner(async (owned, walletd) => {
      if (tumble.wallet !== owned.wallet) {
        throw misuse(`That is a tumble of the wallet ${tumble.wallet}: --wallet ${tumble.wallet}`);
      }
      const limits = { makerFeesSatMax: tumble.makerFeesSatMax, miningFeeSatMax: tumble.miningFeeSatMax };
      const { grant, id: grantId } = await lent(owned, walletd, tumble.schedule, limits, days, addresses);
      try {
        return await taker.tumbleResume({ id: tumble.id, grant, addresses });
      } catch (error) {
        await walletd.revoke({ ...owned, id: grantId });
        throw error;
      }
    });
    if (options.json) sayJson(terminal, resumed);
    else for (const line of tumbleLines(resumed, pageFor(options, terminal))) say(terminal, line);
    return EXIT.ok;
  });
}

export function stop(id: string | undefined, options: WalletOptions, terminal: Terminal): Promise<number> {
  return atTaker(options, terminal, async (taker) => {
    const tumble = await needed(taker, id, options);
    const stopped = await taker.tumbleStop({ id: tumble.id });
    if (options.json) sayJson(terminal, stopped);
    else if (!stopped.isOver) {
      say(terminal, "A coinjoin is signed already and goes on; after it nothing more is begun.");
    } else {
      for (const line of tumbleLines(stopped, pageFor(options, terminal))) say(terminal, line);
    }
    return EXIT.ok;
  });
}

/** The taker may use all mixdepths, up to these prices, and pay nowhere else. */
function lent(
  owned: Owned,
  walletd: Walletd,
  schedule: readonly ScheduleTuple[],
  { makerFeesSatMax, miningFeeSatMax }: Pick<TumblePlan, "makerFeesSatMax" | "miningFeeSatMax">,
  days: number,
  more: readonly string[] = [],
) {
  const outside = schedule
    .map(([, , , destination]) => destination)
    .filter((one) => one !== "INTERNAL" && one !== "addrask");
  const destinations = [...new Set([...outside, ...more])];
  const limits = { destinations, makerFeesSatMax, miningFeeSatMax };
  return walletd.grant({ ...owned, caller: "taker", limits, ttlS: days * DAY_S });
}

async function drawn(taker: Taker, desk: WalletDesk, wish: ReturnType<typeof wishOf>, terminal: Terminal) {
  const availableSat = await desk.asOwner(async (owned, walletd) => {
    const [{ mixdepths }, { coins }] = await Promise.all([walletd.balances(owned), walletd.coins(owned)]);
    return mixableSums(coins, mixdepths.length);
  });
  const tumble = await withPatience(taker.tumblePlan({ ...wish, availableSat }), ASKING_MAKERS, terminal);
  return { tumble, availableSat };
}

/** Says what is new until it is over, or only its owner can help. Whoever stops watching does not stop the tumble. */
function followed(taker: Taker, begun: Tumble, options: WalletOptions, terminal: Terminal): Promise<number> {
  const { typed } = pageFor(options, terminal);
  const parting = [
    `The tumble ${begun.id} goes on without you. See how: ${typed("tumble status")}`,
    `End it: ${typed("tumble stop")}`,
  ];
  return whileWatched(toldUntilOver(taker, begun, options, terminal), parting, terminal);
}

async function toldUntilOver(
  taker: Taker,
  begun: Tumble,
  options: WalletOptions,
  terminal: Terminal,
): Promise<number> {
  const tumble = await following(
    begun,
    {
      look: (newer) => taker.tumble({ id: begun.id, ...newer }),
      lineOf: progressLine,
      isEnd: ({ isOver, state }) => isOver || state === "grant" || state === "address",
      isSilent: options.json === true,
    },
    terminal,
  );
  if (options.json) sayJson(terminal, tumble);
  else for (const line of tumbleLines(tumble, pageFor(options, terminal))) say(terminal, line);
  return tumble.state === "done" ? EXIT.ok : EXIT.failed;
}

async function found(
  taker: Taker,
  id: string | undefined,
  { wallet }: WalletOptions,
): Promise<Tumble | undefined> {
  if (id !== undefined) return taker.tumble({ id: tumbleId(id) });
  const { tumbles } = await taker.tumbles(wallet === undefined ? {} : { wallet: stemOf(wallet) });
  return tumbles.find(({ isOver }) => !isOver) ?? tumbles[0];
}

async function needed(taker: Taker, id: string | undefined, options: WalletOptions): Promise<Tumble> {
  const tumble = await found(taker, id, options);
  if (tumble === undefined) throw misuse("There is no tumble. Begin one: supervisor tumble start");
  return tumble;
}

/** Its commands mean the same wallet in the same place. */
function pageFor(options: WalletOptions, terminal: Terminal): Page {
  const { typed } = pageOf(terminal, options);
  const wallet = options.wallet === undefined ? "" : ` --wallet ${options.wallet}`;
  // What is long goes below its row on a terminal, and stays where it is for programs.
  return {
    paint: paintOf(terminal),
    width: lineWidth(terminal),
    typed: (words) => typed(`${words}${wallet}`),
  };
}

function tumbleId(text: string): string {
  if (/^[0-9a-f]{16}$/.test(text)) return text;
  throw misuse(`"${text}" is no tumble's id: \`supervisor tumble status\` shows it.`);
}

async function atTaker<A>(
  options: WalletOptions,
  terminal: Terminal,
  work: (taker: Taker, desk: WalletDesk) => Promise<A>,
): Promise<A> {
  const desk = await WalletDesk.open(options, terminal);
  try {
    return await work(desk.client(takerContract), desk);
  } finally {
    await desk.close();
  }
}
