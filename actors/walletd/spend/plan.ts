/** Which coins pay, what is left for change and what for the miners: numbers only, no keys, no chain. */
import { dustThresholdSat } from "../../../bitcoin/script/dust.ts";
import { type MergeAlgorithm, selectCoins } from "../../../joinmarket/coins/select.ts";
import { estimateSizeVb, feeOfSizeSat, type InputKind } from "../../../joinmarket/coins/sizes.ts";
import { denials } from "../denials.ts";

export interface PlanCoin {
  readonly amountSat: number;
  readonly kind: InputKind;
  readonly isMixed: boolean;
}

export interface PlannedOutput {
  readonly script: Uint8Array;
  readonly amountSat: number;
}

export interface Plan<C> {
  readonly coins: readonly C[];
  readonly payments: readonly PlannedOutput[];
  /** 0 when there is no change output. */
  readonly changeSat: number;
  readonly feeSat: number;
  readonly sizeVb: number;
}

export interface PlanRules {
  readonly satPerKvb: number;
  readonly changeScript: Uint8Array;
  readonly algorithm: MergeAlgorithm;
  readonly keepsDepositsApart: boolean;
  readonly random: () => number;
}

/** Fees of the inputs grow with their number, so the choice is made again until it pays for itself. */
const ROUNDS_MAX = 50;

/** Everything goes to one script. */
export function planSweep<C extends PlanCoin>(
  coins: readonly C[],
  script: Uint8Array,
  satPerKvb: number,
): Plan<C> {
  const totalSat = sumOf(coins);
  const sizeVb = sizeOf(coins, [script]);
  const feeSat = feeOfSizeSat(sizeVb, satPerKvb);
  const amountSat = totalSat - feeSat;
  const dustSat = Number(dustThresholdSat(script));
  if (coins.length === 0 || amountSat < dustSat) throw denials.funds(feeSat + dustSat, totalSat);
  return { coins, payments: [{ script, amountSat }], changeSat: 0, feeSat, sizeVb };
}

/** These payments from coins that are chosen here. */
export function planPayments<C extends PlanCoin>(
  coins: readonly C[],
  payments: readonly PlannedOutput[],
  rules: PlanRules,
): Plan<C> {
  const paidSat = paymentsSat(payments);
  const scripts = payments.map(({ script }) => script);
  const selectable = coins.map((coin) => ({ coin, valueSat: coin.amountSat, isMixed: coin.isMixed }));
  let feeSat = 0;
  for (let round = 0; round < ROUNDS_MAX; round++) {
    const chosen = selectCoins(selectable, paidSat + feeSat, rules)?.map(({ coin }) => coin);
    if (chosen === undefined) throw denials.funds(paidSat + feeSat, sumOf(coins));
    const wantedSat = feeOfSizeSat(sizeOf(chosen, scripts), rules.satPerKvb);
    if (sumOf(chosen) >= paidSat + wantedSat) return planExact(chosen, payments, rules);
    feeSat = Math.max(wantedSat, feeSat + 1);
  }
  throw denials.funds(paidSat + feeSat, sumOf(coins));
}

/** These payments from just these coins; what is too little for an output of its own goes to the miners. */
export function planExact<C extends PlanCoin>(
  coins: readonly C[],
  payments: readonly PlannedOutput[],
  { satPerKvb, changeScript }: Pick<PlanRules, "satPerKvb" | "changeScript">,
): Plan<C> {
  const leftSat = sumOf(coins) - paymentsSat(payments);
  const scripts = payments.map(({ script }) => script);
  const withChangeVb = sizeOf(coins, [...scripts, changeScript]);
  const changeSat = leftSat - feeOfSizeSat(withChangeVb, satPerKvb);
  if (changeSat >= Number(dustThresholdSat(changeScript))) {
    return { coins, payments, changeSat, feeSat: leftSat - changeSat, sizeVb: withChangeVb };
  }
  const sizeVb = sizeOf(coins, scripts);
  const feeSat = feeOfSizeSat(sizeVb, satPerKvb);
  if (leftSat < feeSat) throw denials.funds(paymentsSat(payments) + feeSat, sumOf(coins));
  return { coins, payments, changeSat: 0, feeSat: leftSat, sizeVb };
}

/** Refuses what no node relays. */
export function checkDust({ script, amountSat }: PlannedOutput): void {
  const dustSat = Number(dustThresholdSat(script));
  if (amountSat < dustSat) throw denials.dust(amountSat, dustSat);
}

function sizeOf(coins: readonly PlanCoin[], scripts: readonly Uint8Array[]): number {
  return estimateSizeVb(
    coins.map(({ kind }) => kind),
    scripts,
  );
}

function paymentsSat(payments: readonly PlannedOutput[]): number {
  return payments.reduce((sum, { amountSat }) => sum + amountSat, 0);
}

export function sumOf(coins: readonly { readonly amountSat: number }[]): number {
  return coins.reduce((sum, { amountSat }) => sum + amountSat, 0);
}
