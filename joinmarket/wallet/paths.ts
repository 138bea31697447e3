/** The places of keys in a JoinMarket wallet: mixdepth, branch and index, and their text `m/84'/0'/0'/2/120:1893456000`. */
import {
  formatDerivationPath,
  HARDENED,
  hardened,
  parseDerivationPath,
  STEP_MAX,
} from "../../bitcoin/keys/derivation-path.ts";
import type { Network } from "../../bitcoin/network.ts";
import { isTimenumber, locktimeOfTimenumber } from "../bond/timenumber.ts";
import { JoinmarketError } from "../errors.ts";

/** Addresses given to others. */
export const EXTERNAL_CHAIN = 0;
/** Change, and the outputs of coinjoins. */
export const INTERNAL_CHAIN = 1;
/** Fidelity bonds; the index is the month (its timenumber). In mixdepth 0 only. */
export const BOND_CHAIN = 2;
/** Coins burnt as a bond, which only joinmarket-clientserver knows. In mixdepth 0 only. */
export const BURN_CHAIN = 3;

/** No branch of the tree: keys that came from elsewhere, each at its place in a mixdepth's list of them. */
export const IMPORTED_CHAIN = 4;

/** BIP84 pays to p2wpkh, BIP49 to the same inside a script hash. */
export type Purpose = 84 | 49;
/** 0 for bitcoins, 1 for those of every test network (SLIP44). */
export type CoinType = 0 | 1;

/** A key inside a wallet; the wallet knows purpose and coin. */
export interface KeyPath {
  readonly mixdepth: number;
  readonly chain: number;
  readonly index: number;
}

export interface FullKeyPath extends KeyPath {
  readonly purpose: Purpose;
  readonly coin: CoinType;
}

export function coinTypeOf(network: Network): CoinType {
  return network.name === "mainnet" ? 0 : 1;
}

/** The steps from the root to a key. */
export function stepsOf({ purpose, coin, mixdepth, chain, index }: FullKeyPath): readonly number[] {
  return [hardened(purpose), hardened(coin), hardened(mixdepth), chain, index];
}

/** The path as the API writes it: `'` for hardened, and a bond's locktime behind a colon. */
export function formatKeyPath(path: FullKeyPath): string {
  if (!isKeyPath(path)) throw badPath();
  const text = formatDerivationPath(stepsOf(path));
  return path.chain === BOND_CHAIN ? `${text}:${locktimeOfTimenumber(path.index)}` : text;
}

/** Reads such a path, with its locktime or without; a locktime that is not that month's is refused. */
export function parseKeyPath(text: string): FullKeyPath {
  const [steps = "", locktime, ...rest] = text.split(":");
  const path = fromSteps(attempt(() => parseDerivationPath(steps)));
  const isBond = path.chain === BOND_CHAIN;
  const isRightTime = isBond && locktime === String(locktimeOfTimenumber(path.index));
  if (rest.length > 0 || (locktime !== undefined && !isRightTime)) throw badPath();
  return path;
}

function fromSteps(steps: readonly number[]): FullKeyPath {
  const [purpose = 0, coin = 0, mixdepth = 0, chain = 0, index = 0] = steps;
  const path = {
    purpose: purpose - HARDENED,
    coin: coin - HARDENED,
    mixdepth: mixdepth - HARDENED,
    chain,
    index,
  };
  if (steps.length !== 5 || !isKeyPath(path)) throw badPath();
  return path;
}

/** Whether a JoinMarket wallet of this purpose can have a key there. */
export function isKeyPath(path: Record<keyof FullKeyPath, number>): path is FullKeyPath {
  const { purpose, coin, mixdepth, chain, index } = path;
  if (!(purpose === 84 || purpose === 49) || !(coin === 0 || coin === 1)) return false;
  if (!isStep(mixdepth) || !isStep(index)) return false;
  if (chain === EXTERNAL_CHAIN || chain === INTERNAL_CHAIN) return true;
  if (purpose !== 84 || mixdepth !== 0) return false;
  return chain === BURN_CHAIN || (chain === BOND_CHAIN && isTimenumber(index));
}

function isStep(number: number): boolean {
  return Number.isInteger(number) && number >= 0 && number <= STEP_MAX;
}

function attempt<T>(parse: () => T): T {
  try {
    return parse();
  } catch (cause) {
    throw badPath(cause);
  }
}

function badPath(cause?: unknown): JoinmarketError {
  return new JoinmarketError(
    { code: "JOINMARKET_BAD_PATH" },
    "this is not the path of a key in a JoinMarket wallet; copy it from the list of your addresses",
    cause === undefined ? undefined : { cause },
  );
}
