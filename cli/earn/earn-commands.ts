/** What `supervisor earn …` does: the owner lends the wallet to the maker, within a time, and takes it back. */

import { makerContract } from "../../bus/contracts/maker.ts";
import { stemOf } from "../../bus/contracts/walletd/stem.ts";
import { sleep, systemClock } from "../../runtime/clock.ts";
import { hasCode } from "../../runtime/errors.ts";
import { EXIT, misuse } from "../errors.ts";
import { failedJoinsOf } from "../history/history-command.ts";
import { type PlaceOptions, pageOf, say, sayJson, type Terminal } from "../terminal-io.ts";
import { parseAmountSat } from "../wallet/amounts.ts";
import { WalletDesk, type WalletOptions } from "../wallet/wallet-desk.ts";
import { wholeNumber } from "../whole-number.ts";
import { type EarnReport, earnReportOf } from "./earn-report.ts";
import { earningLines, makersLines, reportLines } from "./earn-view.ts";

interface StartOptions extends WalletOptions {
  readonly relative?: string;
  readonly absolute?: string;
  readonly free?: boolean;
  readonly min?: string;
  readonly txfee?: string;
  readonly days: string;
}

const DAY_S = 86_400;
const DAYS_MAX = 30;
const HISTORY_PAGE = 1_000;
/** A channel is up in a moment, or not for a while: then the status says so. */
const CONNECT_MS = 10_000;
const POLL_MS = 100;

export async function start(options: StartOptions, terminal: Terminal): Promise<number> {
  const terms = termsOf(options);
  const days = wholeNumber("--days", options.days, 1, DAYS_MAX);
  return await withDesk(options, terminal, async (desk) => {
    const maker = desk.client(makerContract);
    const started = await desk.asOwner(async (owned, walletd) => {
      const { grant, id } = await walletd.grant({
        ...owned,
        caller: "maker",
        limits: {},
        ttlS: days * DAY_S,
      });
      try {
        return await maker.start({ wallet: owned.wallet, grant, grantId: id, terms });
      } catch (error) {
        await walletd.revoke({ ...owned, id });
        throw error;
      }
    });
    const endMs = systemClock.monotonicMs() + CONNECT_MS;
    let shown = started;
    while (isConnecting(shown) && systemClock.monotonicMs() < endMs) {
      await sleep(systemClock, POLL_MS);
      const { makers } = await maker.status({});
      shown = makers.find(({ grantId }) => grantId === started.grantId) ?? shown;
    }
    if (options.json) sayJson(terminal, shown);
    else for (const line of earningLines(shown, pageOf(terminal, options))) say(terminal, line);
    return EXIT.ok;
  });
}

export function stop(options: WalletOptions, terminal: Terminal): Promise<number> {
  return withDesk(options, terminal, async (desk) => {
    const maker = desk.client(makerContract);
    const wallet = options.wallet === undefined ? await onlyEarning(desk) : stemOf(options.wallet);
    const stopped = await maker.stop({ wallet });
    if (options.json) sayJson(terminal, { wallet, ...stopped });
    else say(terminal, `The wallet ${wallet} does not earn any more; its coins are free again.`);
    return EXIT.ok;
  });
}

export function status(
  options: PlaceOptions & { readonly json?: boolean },
  terminal: Terminal,
): Promise<number> {
  return withDesk(options, terminal, async (desk) => {
    const answer = await desk.client(makerContract).status({});
    if (options.json) sayJson(terminal, answer);
    else for (const line of makersLines(answer.makers, pageOf(terminal, options))) say(terminal, line);
    return EXIT.ok;
  });
}

export function report(
  options: WalletOptions & { readonly csv?: boolean },
  terminal: Terminal,
): Promise<number> {
  return withDesk(options, terminal, async (desk) => {
    if (options.csv) {
      const { lines } = await desk.asOwner((owned, walletd) => walletd.yieldReport(owned));
      for (const line of lines ?? []) say(terminal, line);
      return EXIT.ok;
    }
    const failed = await failedJoinsOf(desk);
    const earned = await desk.asOwner(async (owned, walletd): Promise<EarnReport> => {
      const pages = [];
      for (let offset = 0; ; offset += HISTORY_PAGE) {
        const { entries, total } = await walletd.history({ ...owned, limit: HISTORY_PAGE, offset });
        pages.push(...entries);
        if (offset + HISTORY_PAGE >= total) return earnReportOf(owned.wallet, pages, failed);
      }
    });
    if (options.json) sayJson(terminal, earned);
    else for (const line of reportLines(earned, pageOf(terminal, options))) say(terminal, line);
    return EXIT.ok;
  });
}

function termsOf({ relative, absolute, free, min, txfee }: StartOptions) {
  if (free === true && (relative !== undefined || absolute !== undefined || txfee !== undefined)) {
    throw misuse("--free asks for nothing: leave out the fees.");
  }
  return {
    ...(free === true ? { offers: "absolute" as const, absoluteFeeSat: 0, txfeeSat: 0 } : {}),
    ...(relative === undefined ? {} : { relativeFee: parseShareOption(relative) }),
    ...(absolute === undefined ? {} : { absoluteFeeSat: parseAmountSat(absolute) }),
    ...(min === undefined ? {} : { minSat: parseAmountSat(min) }),
    ...(txfee === undefined ? {} : { txfeeSat: parseAmountSat(txfee) }),
  };
}

/** `0.00002`, or the same as `0.002%`: two digits further, without a rounding on the way. */
export function parseShareOption(text: string): string {
  const [, whole = "", fraction = "", percent = ""] =
    /^(\d{1,2})(?:\.(\d{1,20}))?\s*(%?)$/.exec(text.trim()) ?? [];
  const share = percent === "" ? `${Number(whole)}.${fraction}` : `0.${whole.padStart(2, "0")}${fraction}`;
  if (whole === "" || Number(share) >= 1) {
    throw misuse(`"${text}" is no share of an amount. Write 0.00002, or the same as 0.002%.`);
  }
  return Number(share) === 0 ? "0" : share;
}

function isConnecting({
  state,
  offers,
  why,
}: {
  state: string;
  offers: readonly unknown[];
  why: string | null;
}) {
  return (
    state === "connecting" ||
    (state === "waiting" && offers.length === 0 && why?.includes("not known yet") === true)
  );
}

async function onlyEarning(desk: WalletDesk): Promise<string> {
  const { makers } = await desk.client(makerContract).status({});
  const [only, another] = makers;
  if (only === undefined) throw misuse("No wallet earns.");
  if (another !== undefined) {
    const names = makers.map(({ wallet }) => wallet).join(", ");
    throw misuse(`${makers.length} wallets earn: ${names}. Say which: --wallet <name>.`);
  }
  return only.wallet;
}

async function withDesk(
  options: WalletOptions,
  terminal: Terminal,
  work: (desk: WalletDesk) => Promise<number>,
): Promise<number> {
  const desk = await WalletDesk.open(options, terminal);
  try {
    return await work(desk);
  } catch (error) {
    if (!hasCode(error, "BUS_UNAVAILABLE")) throw error;
    throw misuse(
      'The maker does not run. Give it a place, [placement] maker = "stage:main" in the configuration, and start again.',
    );
  } finally {
    await desk.close();
  }
}
