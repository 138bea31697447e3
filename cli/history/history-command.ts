/** `supervisor history`: asks the wallets that are unlocked here, the taker and the maker. */
import { makerContract } from "../../bus/contracts/maker.ts";
import { takerContract } from "../../bus/contracts/taker.ts";
import { hasCode } from "../../runtime/errors.ts";
import { EXIT } from "../errors.ts";
import { lineWidth, paintOf, say, sayJson, type Terminal } from "../terminal-io.ts";
import { type Owned, WalletDesk, type Walletd, type WalletOptions } from "../wallet/wallet-desk.ts";
import { wholeNumber } from "../whole-number.ts";
import { type OneWallet, pastCoinjoins } from "./coinjoin-history.ts";
import { pastLines } from "./history-view.ts";

interface HistoryOptions extends WalletOptions {
  readonly lines: string;
  readonly failed?: boolean;
}

const ENTRIES_MAX = 100_000;
const RUNS_MAX = 100;
const CAME_TO_NOTHING: ReadonlySet<string> = new Set(["failed", "cancelled", "conflict", "expired"]);

export async function history(options: HistoryOptions, terminal: Terminal): Promise<number> {
  const most = wholeNumber("--lines", options.lines, 1, ENTRIES_MAX);
  const desk = await WalletDesk.open(options, terminal);
  try {
    const { answers, closed } =
      options.wallet === undefined
        ? await desk.ofEachOpen(historyOf)
        : { answers: [await desk.asOwner(historyOf)], closed: [] };
    const [runs, failed] = await Promise.all([runsOf(desk), failedJoinsOf(desk)]);
    const all = pastCoinjoins(answers, runs, failed).filter(
      ({ state, wallet }) =>
        (!options.failed || CAME_TO_NOTHING.has(state)) && (options.wallet === undefined || wallet !== null),
    );
    const shown = all.slice(0, most);
    const rest = { total: all.length, notShown: closed };
    if (options.json) sayJson(terminal, { coinjoins: shown, ...rest });
    else
      for (const line of pastLines(shown, rest, paintOf(terminal), lineWidth(terminal))) say(terminal, line);
    return EXIT.ok;
  } finally {
    await desk.close();
  }
}

async function historyOf(owned: Owned, walletd: Walletd): Promise<OneWallet> {
  return { wallet: owned.wallet, history: await walletd.history({ ...owned, limit: ENTRIES_MAX }) };
}

async function runsOf(desk: WalletDesk) {
  return (await orAway(desk.client(takerContract).runs({ limit: RUNS_MAX })))?.runs ?? [];
}

export async function failedJoinsOf(desk: WalletDesk) {
  return (await orAway(desk.client(makerContract).failed({})))?.joins ?? [];
}

/** Where none of them runs, what the wallets know is all there is. */
async function orAway<A>(answer: Promise<A>): Promise<A | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (hasCode(error, "BUS_UNAVAILABLE")) return undefined;
    throw error;
  }
}
