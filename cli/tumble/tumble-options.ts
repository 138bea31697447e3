/** What a person types about a tumble, as the taker wants to be asked. */
import { readFileSync, statSync } from "node:fs";
import type { RpcInput } from "../../bus/contract/contract.ts";
import { SCHEDULE_TEXT_MAX, TUMBLE_DESTINATIONS_MAX } from "../../bus/contracts/taker/tumble.ts";
import { COINJOIN_MAKERS_MAX } from "../../bus/contracts/taker/values.ts";
import { BROADCAST_POLICIES, type takerContract } from "../../bus/contracts/taker.ts";
import { misuse } from "../errors.ts";
import { parseAddress, parseAmountSat, parseFee } from "../wallet/amounts.ts";
import type { WalletOptions } from "../wallet/wallet-desk.ts";
import { wholeNumber } from "../whole-number.ts";

export interface DrawOptions extends WalletOptions {
  readonly to?: string[];
  readonly addresses?: string;
  readonly schedule?: string;
  readonly mixdepths: string;
  readonly coinjoins: string;
  readonly makers?: string;
  readonly minMakers?: string;
  readonly wait: string;
  readonly min: string;
  readonly fee?: string;
  readonly maxMakerFee?: string;
  readonly maxMakerShare?: string;
}

export type PlanWish = Omit<RpcInput<typeof takerContract, "tumblePlan">, "availableSat">;

const USUAL_ADDRESSES = 3;
const MAKERS_SPREAD = 1;

export function wishOf(options: DrawOptions): PlanWish {
  const { to = [], schedule } = options;
  if (schedule !== undefined && to.length > 0) {
    throw misuse("A --schedule says itself where the coins go: leave out --to.");
  }
  return {
    destinations: addressesOf(to),
    options: drawOf(options),
    limits: limitsOf(options),
    ...(schedule === undefined ? {} : { text: textOf(schedule) }),
    ...rateOf(options.fee),
  };
}

export function minMakersOf({ minMakers }: Pick<DrawOptions, "minMakers">): { makersMin?: number } {
  return minMakers === undefined
    ? {}
    : { makersMin: wholeNumber("--min-makers", minMakers, 1, COINJOIN_MAKERS_MAX) };
}

export function broadcastOf(text: string | undefined) {
  if (text === undefined) return {};
  const broadcast = BROADCAST_POLICIES.find((known) => known === text);
  if (broadcast !== undefined) return { broadcast };
  throw misuse(`--broadcast is one of ${BROADCAST_POLICIES.join(", ")}, not "${text}".`);
}

/** Given one by one or with commas. */
export function addressesOf(words: readonly string[]): string[] {
  const addresses = words.flatMap((word) => word.split(",")).filter((word) => word !== "");
  if (addresses.length > TUMBLE_DESTINATIONS_MAX) {
    throw misuse(`${addresses.length} addresses are too many: at most ${TUMBLE_DESTINATIONS_MAX}.`);
  }
  for (const address of addresses) parseAddress(address);
  const again = addresses.find((address, at) => addresses.indexOf(address) !== at);
  if (again !== undefined)
    throw misuse(`${again} stands there twice: two payments to it would belong together.`);
  return addresses;
}

function drawOf(options: DrawOptions): PlanWish["options"] {
  const { addresses, mixdepths, coinjoins, makers, wait, min, to = [] } = options;
  const given = addressesOf(to).length;
  const wanted =
    addresses === undefined ? Math.max(given, USUAL_ADDRESSES) : wholeNumber("--addresses", addresses, 1, 50);
  if (wanted < given) throw misuse(`--addresses ${wanted} is fewer than the ${given} that are given.`);
  return {
    destinations: wanted,
    mixdepths: wholeNumber("--mixdepths", mixdepths, 1, 30),
    coinjoins: { mean: wholeNumber("--coinjoins", coinjoins, 1, 20), spread: 1 },
    waitMinutes: minutes(wait),
    amountSatMin: parseAmountSat(min),
    ...minMakersOf(options),
    ...(makers === undefined
      ? {}
      : {
          makers: {
            mean: wholeNumber("--makers", makers, 1, COINJOIN_MAKERS_MAX),
            spread: spreadOf(options),
          },
        }),
  };
}

/** Whoever says the most and the least wants no others. */
function spreadOf({ makers, minMakers }: DrawOptions): number {
  return makers === minMakers ? 0 : MAKERS_SPREAD;
}

function limitsOf({ maxMakerFee, maxMakerShare }: DrawOptions): PlanWish["limits"] {
  if (maxMakerShare !== undefined && !/^0?\.\d{1,12}$/.test(maxMakerShare)) {
    throw misuse(`--max-maker-share is a share below 1, such as 0.001, not "${maxMakerShare}".`);
  }
  return {
    ...(maxMakerFee === undefined ? {} : { absoluteSat: parseAmountSat(maxMakerFee) }),
    ...(maxMakerShare === undefined ? {} : { relative: maxMakerShare }),
  };
}

function rateOf(fee: string | undefined): { satPerVb?: number } {
  const rate = fee === undefined ? undefined : parseFee(fee);
  if (rate === undefined) return {};
  if ("satPerVb" in rate) return { satPerVb: rate.satPerVb };
  throw misuse("A coinjoin's --fee is in satoshi by the virtual byte, such as 12.5.");
}

function minutes(text: string): number {
  if (/^\d{1,5}(?:\.\d{1,4})?$/.test(text) && Number(text) <= 10_000) return Number(text);
  throw misuse(`--wait is in minutes, from 0 to 10000, not "${text}".`);
}

function textOf(path: string): string {
  try {
    const { size } = statSync(path);
    if (size > SCHEDULE_TEXT_MAX) throw misuse(`${path} is too long for a schedule: ${size} bytes.`);
    return readFileSync(path, "utf8");
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code !== undefined && /^E[A-Z]+$/.test(code))
      throw misuse(`The schedule ${path} cannot be read (${code}).`);
    throw error instanceof Error ? error : misuse(message);
  }
}
