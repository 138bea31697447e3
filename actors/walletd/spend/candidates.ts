/** Which coins of a mixdepth a payment may take, before any are chosen. */
import { outpointOf, outpointText } from "../coins/script-facts.ts";
import { denials } from "../denials.ts";
import type { OpenWallet, StandingCoin } from "../wallets/open-wallet.ts";
import type { PlanCoin } from "./plan.ts";

export interface Candidate extends StandingCoin, PlanCoin {}

export interface NamedCoin {
  readonly txid: string;
  readonly index: number;
}

export interface CandidateRules {
  readonly mixdepth: number;
  readonly confirmationsMin: number;
  /** Whether the coin is a coinjoin's output, which says nothing of who deposited it. */
  readonly isMixed: (coin: StandingCoin) => boolean;
}

/** All that may be chosen from. A bond is only ever spent when it is named, or swept alone. */
export function candidatesOf(wallet: OpenWallet, rules: CandidateRules): Candidate[] {
  return wallet
    .coins(rules.mixdepth)
    .filter(
      (coin) =>
        coin.standing.isSpendable &&
        coin.key.spending.kind !== "bond" &&
        coin.confirmations >= rules.confirmationsMin,
    )
    .map((coin) => candidate(coin, rules));
}

/** For a coinjoin: others expect the kind of scripts that the wallet has, which an imported key may not have. */
export function mixable(wallet: OpenWallet, rules: CandidateRules): Candidate[] {
  const kind = mixedKind(wallet);
  return candidatesOf(wallet, rules).filter(({ key }) => key.spending.kind === kind);
}

/** Just these, each of which must be free and of that kind. */
export function namedMixable(
  wallet: OpenWallet,
  named: readonly NamedCoin[],
  rules: CandidateRules,
): Candidate[] {
  const kind = mixedKind(wallet);
  const coins = namedCoins(wallet, named, rules);
  const other = coins.find(({ key }) => key.spending.kind !== kind);
  if (other !== undefined) throw denials.coin(other, "other-kind");
  return coins;
}

function mixedKind({ state }: OpenWallet): "p2wpkh" | "p2sh-p2wpkh" {
  return state.scriptType === "bip84" ? "p2wpkh" : "p2sh-p2wpkh";
}

/** For a sweep: the bonds that have ended, if nothing else of the mixdepth can be spent. */
export function sweepable(wallet: OpenWallet, rules: CandidateRules): Candidate[] {
  const usual = candidatesOf(wallet, rules);
  if (usual.length > 0) return usual;
  return wallet
    .coins(rules.mixdepth)
    .filter(({ standing, confirmations }) => standing.isSpendable && confirmations >= rules.confirmationsMin)
    .map((coin) => candidate(coin, rules));
}

/** Just these, each of which must be free. */
export function namedCoins(
  wallet: OpenWallet,
  named: readonly NamedCoin[],
  rules: CandidateRules,
): Candidate[] {
  const coins = new Map(wallet.coins().map((coin) => [coin.outpoint, coin]));
  const outpoints = new Set(named.map(outpointText));
  return [...outpoints].map((outpoint) => {
    const coin = coins.get(outpoint);
    const at = outpointOf(outpoint);
    if (coin === undefined) throw denials.coin(at, "not-ours");
    const { standing } = coin;
    if (coin.key.path.mixdepth !== rules.mixdepth) throw denials.coin(at, "other-mixdepth");
    if (standing.isTimelocked) throw denials.coin(at, "timelocked");
    if (standing.isFrozen) throw denials.coin(at, "frozen");
    if (standing.reservation !== null) throw denials.coin(at, "reserved");
    if (coin.confirmations < rules.confirmationsMin) throw denials.coin(at, "unconfirmed");
    return candidate(coin, rules);
  });
}

function candidate(coin: StandingCoin, { isMixed }: CandidateRules): Candidate {
  return { ...coin, kind: coin.key.spending.kind, isMixed: isMixed(coin) };
}
