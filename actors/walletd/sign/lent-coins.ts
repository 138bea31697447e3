/** Coins that another wallet lends to this one's coinjoins: which may be, and their proofs, made here so that no key leaves. */
import type { ForeignCoins } from "../../../bus/chain/foreign-coins.ts";
import { outpointOf } from "../coins/script-facts.ts";
import { denials, type ExternalTrouble } from "../denials.ts";
import type { Lender, LenderCoin } from "../wallets/lender.ts";
import type { OpenWallet } from "../wallets/open-wallet.ts";
import { keepProven, provenAll, triesLeft } from "./external-coins.ts";

export interface LoanWish {
  /** Outpoints; without any, all that may be lent. */
  readonly named: readonly string[] | undefined;
  readonly isTrial: boolean;
}

export interface Loan {
  readonly added: number;
  readonly frozen: number;
  readonly setAside: number;
  readonly bonds: number;
  readonly usedUp: number;
}

/** All or none of those that are named; of all that there are, those that may be shown to strangers. */
export async function lend(
  wallet: OpenWallet,
  lender: Lender,
  { named, isTrial }: LoanWish,
  chain: ForeignCoins,
): Promise<Loan> {
  wallet.needKnown();
  const coins = lender.coins();
  const asked = named === undefined ? coins : coinsNamed(coins, named);
  const passed = { frozen: 0, setAside: 0, bonds: 0, usedUp: 0 };
  const free = asked.filter((coin) => {
    const trouble = troubleOf(coin);
    if (trouble === undefined) return true;
    if (named !== undefined) throw denials.externalCoin(coin, trouble);
    passed[COUNTED[trouble]]++;
    return false;
  });
  const proven = await provenAll(
    wallet,
    free.map((coin) => ({ ...outpointOf(coin.outpoint), privateKey: () => lender.privateKey(coin) })),
    chain,
  );
  const isFresh = ({ coin }: (typeof proven)[number]) => triesLeft(coin, wallet.state) > 0;
  const fresh = named === undefined ? proven.filter(isFresh) : proven;
  passed.usedUp = proven.length - fresh.length;
  return { ...passed, ...(await keepProven(wallet, fresh, isTrial)) };
}

const COUNTED = { frozen: "frozen", "set-aside": "setAside", bond: "bonds" } as const;

/** Those that their owner keeps apart are not shown to anybody; a bond's script is of no key alone. */
function troubleOf({ key, standing }: LenderCoin): keyof typeof COUNTED | undefined {
  if (key.spending.kind === "bond") return "bond";
  if (standing.isFrozen) return "frozen";
  return standing.reservation === null ? undefined : "set-aside";
}

function coinsNamed(coins: readonly LenderCoin[], named: readonly string[]): readonly LenderCoin[] {
  const byOutpoint = new Map(coins.map((coin) => [coin.outpoint, coin]));
  return [...new Set(named)].map((outpoint) => {
    const coin = byOutpoint.get(outpoint);
    const why: ExternalTrouble = "not-lenders";
    if (coin === undefined) throw denials.externalCoin(outpointOf(outpoint), why);
    return coin;
  });
}
