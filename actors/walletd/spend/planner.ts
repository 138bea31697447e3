/** From a wish to a transaction without signatures: which coins, what fee, what change; and how it is told. */
import { hexToBytes } from "../../../bitcoin/bytes.ts";
import { feerateSatPerKvb, feerateSatPerVb } from "../../../bitcoin/fee.ts";
import { scriptOfAddress } from "../../../bitcoin/script/address.ts";
import { scriptHashOf } from "../../../bitcoin/script/scripthash.ts";
import { sizeVbOf, type Transaction } from "../../../bitcoin/transaction.ts";
import type { WalletFee } from "../../../bus/contracts/walletd/values.ts";
import { INTERNAL_CHAIN } from "../../../joinmarket/wallet/paths.ts";
import type { WalletKey } from "../../../joinmarket/wallet/wallet-key.ts";
import { hasCode } from "../../../runtime/errors.ts";
import type { WalletdConfig } from "../config.ts";
import { denials } from "../denials.ts";
import type { OpenWallet, StandingCoin } from "../wallets/open-wallet.ts";
import { type Candidate, candidatesOf, namedCoins, sweepable } from "./candidates.ts";
import { type DescribedTransaction, describeTransaction } from "./describe.ts";
import { type Draft, draftOf, type KeyedCoin } from "./draft.ts";
import type { Feerates } from "./feerates.ts";
import { checkDust, type Plan, type PlanCoin, planExact, planPayments, planSweep, sumOf } from "./plan.ts";

export interface SpendWish {
  readonly mixdepth: number;
  readonly payments: readonly { readonly address: string; readonly amountSat: number | null }[];
  readonly fee?: WalletFee | undefined;
  readonly inputs?: readonly { readonly txid: string; readonly index: number }[] | undefined;
  readonly confirmationsMin: number;
  readonly isReplaceable: boolean;
}

/** One address gets all that the coins are worth. */
export function isSweep({ payments }: Pick<SpendWish, "payments">): boolean {
  return payments.length === 1 && payments[0]?.amountSat === null;
}

export interface Prepared {
  readonly plan: Plan<Candidate>;
  readonly draft: Draft<Candidate>;
  readonly changeKey: WalletKey;
  /** What goes to others, with the fee. */
  readonly paidOutSat: number;
}

export interface Told {
  readonly transaction: DescribedTransaction;
  readonly feeSat: number;
  readonly sizeVb: number;
  readonly satPerVb: number;
  readonly changeSat: number;
  readonly mixdepth: number;
}

export interface PlannerParts {
  readonly config: WalletdConfig;
  readonly feerates: Feerates;
  readonly random: () => number;
}

export class Planner {
  readonly #parts: PlannerParts;

  constructor(parts: PlannerParts) {
    this.#parts = parts;
  }

  /** In satoshi per 1,000 virtual bytes. Everything that the plan needs of others is here when this resolves. */
  async rateOf(wallet: OpenWallet, fee: WalletFee | undefined): Promise<number> {
    wallet.needKnown();
    // Whether a coin was mined, or mixed, its transaction says.
    await wallet.transactions.load();
    const { settings } = wallet;
    return await this.#parts.feerates.satPerKvb(fee ?? settings.fee, settings);
  }

  /** What each step of a replacement must pay more, in satoshi per 1,000 virtual bytes. */
  incrementSatPerKvb(): Promise<number> {
    return this.#parts.feerates.incrementSatPerKvb();
  }

  /** Asks nobody: it can be part of a decision. */
  prepare(wallet: OpenWallet, wish: SpendWish, satPerKvb: number): Prepared {
    wallet.needKnown();
    const { mixdepth } = wish;
    const changeKey = changeKeyOf(wallet, mixdepth);
    const changeScript = changeKey.scriptPubKey;
    const plan = this.#plan(wallet, wish, { satPerKvb, changeScript });
    const draft = this.draft(wallet, plan, changeScript, wish.isReplaceable);
    const leaving = plan.payments.filter(
      ({ script }) => wallet.book.find(scriptHashOf(script)) === undefined,
    );
    return { plan, draft, changeKey, paidOutSat: plan.feeSat + sumOf(leaving) };
  }

  draft<C extends KeyedCoin & PlanCoin>(
    wallet: OpenWallet,
    plan: Plan<C>,
    changeScript: Uint8Array,
    isReplaceable: boolean,
  ): Draft<C> {
    const height = wallet.view.tip?.height ?? 0;
    return draftOf(plan, changeScript, { height, isReplaceable, random: this.#parts.random });
  }

  #plan(
    wallet: OpenWallet,
    wish: SpendWish,
    given: { readonly satPerKvb: number; readonly changeScript: Uint8Array },
  ): Plan<Candidate> {
    const { mixdepth, confirmationsMin, payments, inputs } = wish;
    const rules = { mixdepth, confirmationsMin, isMixed: mixedIn(wallet) };
    const named = inputs === undefined ? undefined : namedCoins(wallet, inputs, rules);
    const outputs = payments.map(({ address, amountSat }) => ({
      script: scriptFor(address, wallet),
      amountSat,
    }));
    const [first] = outputs;
    if (first !== undefined && isSweep(wish)) {
      return planSweep(named ?? sweepable(wallet, rules), first.script, given.satPerKvb);
    }
    const fixed = outputs.map(({ script, amountSat }) => ({ script, amountSat: amountSat ?? 0 }));
    for (const output of fixed) checkDust(output);
    if (named !== undefined) return planExact(named, fixed, given);
    return planPayments(candidatesOf(wallet, rules), fixed, {
      ...given,
      algorithm: wallet.settings.mergeAlgorithm,
      keepsDepositsApart: this.#parts.config.deposits_apart && mixdepth === 0,
      random: this.#parts.random,
    });
  }
}

/** A transaction of ours, all inputs of which have known amounts. */
export function toldOf(
  wallet: OpenWallet,
  transaction: Transaction,
  inputsSat: readonly number[],
  mixdepth: number,
): Told {
  const sizeVb = sizeVbOf(transaction);
  const described = describeTransaction(transaction, inputsSat, wallet);
  const outSat = sumOf(described.outputs);
  const feeSat = inputsSat.reduce((sum, sat) => sum + sat, 0) - outSat;
  const change = described.outputs.filter(({ script }) => isChange(wallet, hexToBytes(script), mixdepth));
  return {
    transaction: described,
    feeSat,
    sizeVb,
    satPerVb: feeSat / sizeVb,
    changeSat: sumOf(change),
    mixdepth,
  };
}

/** The same before there are signatures: its size is the plan's estimate, its feerate one that makes this very fee again. */
export function toldPlan(
  wallet: OpenWallet,
  { plan, draft }: { readonly plan: Plan<PlanCoin>; readonly draft: Draft<KeyedCoin> },
  mixdepth: number,
): Told {
  const inputsSat = draft.coins.map(({ amountSat }) => amountSat);
  const told = toldOf(wallet, draft.transaction, inputsSat, mixdepth);
  // Rounded up it could be the feerate of a satoshi more, for whoever sends at the rate that was shown.
  const satPerVb = feerateSatPerVb(feerateSatPerKvb(BigInt(plan.feeSat), plan.sizeVb));
  return { ...told, sizeVb: plan.sizeVb, satPerVb };
}

export function isChange({ book }: OpenWallet, script: Uint8Array, mixdepth: number): boolean {
  const key = book.find(scriptHashOf(script));
  return key !== undefined && key.path.chain === INTERNAL_CHAIN && key.path.mixdepth === mixdepth;
}

/** The next fresh one of the mixdepth's own branch for change. */
export function changeKeyOf(wallet: OpenWallet, mixdepth: number): WalletKey {
  if (!wallet.hasMixdepth(mixdepth)) throw denials.noSuchPlace(`mixdepth ${mixdepth}`);
  const branch = { mixdepth, chain: INTERNAL_CHAIN };
  return wallet.book.at({ ...branch, index: wallet.freshIndex(branch) });
}

export function mixedIn(wallet: OpenWallet): (coin: StandingCoin) => boolean {
  return (coin) => wallet.transactions.roleOf(coin) === "coinjoin-output";
}

export function scriptFor(address: string, { network }: OpenWallet): Uint8Array {
  try {
    return scriptOfAddress(address, network);
  } catch (error) {
    if (!hasCode(error, "BITCOIN_BAD_ADDRESS")) throw error;
    throw denials.address(address);
  }
}
