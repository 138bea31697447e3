/** Whether a coin may be spent, and why not: frozen by hand or by rule, set aside, or locked in a bond. */
import { holdsCoins } from "../resend/pending.ts";
import type { WalletState } from "../store/wallet-state.ts";
import type { OwnCoin } from "./coin-view.ts";

export interface Standing {
  readonly isFrozen: boolean;
  readonly frozenBy: "owner" | "reuse" | "bond" | null;
  /** The id of what it is set aside for. */
  readonly reservation: string | null;
  /** Of a bond's coin; null for others. */
  readonly locktimeS: number | null;
  readonly isTimelocked: boolean;
  /** Now, without a bond's own rules: it is neither frozen nor set aside nor locked. */
  readonly isSpendable: boolean;
}

export interface StandingRules {
  readonly state: Readonly<WalletState>;
  /** By outpoint the reservation that has it now. */
  readonly reserved: ReadonlyMap<string, string>;
  readonly medianTimeS: number;
  /** -1 always, 0 never. */
  readonly freezeReuseSat: number;
}

export function standingOf(coin: OwnCoin, rules: StandingRules): Standing {
  const { spending } = coin.key;
  const locktimeS = spending.kind === "bond" ? spending.locktime : null;
  // The transaction's own locktime is one second after the bond's, and must have passed itself.
  const isTimelocked = locktimeS !== null && rules.medianTimeS <= locktimeS + 1;
  const said = rules.state.frozen[coin.outpoint];
  const byRule = said === undefined ? freezesByRule(coin, isTimelocked, rules.freezeReuseSat) : undefined;
  const isFrozen = said?.isFrozen ?? byRule !== undefined;
  const why = said?.why === "import" ? "owner" : said?.why;
  const reservation = rules.reserved.get(coin.outpoint) ?? null;
  return {
    isFrozen,
    frozenBy: isFrozen ? (why ?? byRule ?? null) : null,
    reservation,
    locktimeS,
    isTimelocked,
    isSpendable: !isFrozen && reservation === null && !isTimelocked,
  };
}

/** What a rule says of a coin of which nobody has said anything yet. */
export function freezesByRule(
  coin: OwnCoin,
  isTimelocked: boolean,
  freezeReuseSat: number,
): "reuse" | "bond" | undefined {
  if (coin.key.spending.kind === "bond") return isTimelocked ? "bond" : undefined;
  if (!coin.isOnReusedAddress) return undefined;
  return freezeReuseSat === -1 || coin.amountSat <= freezeReuseSat ? "reuse" : undefined;
}

/** By reservations that have not run out, and by what was sent and may be lost at the moment. */
export function reservedNow(state: Readonly<WalletState>, nowMs: number): ReadonlyMap<string, string> {
  const reserved = new Map<string, string>();
  for (const [key, record] of Object.entries(state.signed)) {
    if (holdsCoins(record, nowMs)) for (const outpoint of record.inputs) reserved.set(outpoint, key);
  }
  for (const [id, { outpoints, untilMs }] of Object.entries(state.reservations)) {
    if (untilMs > nowMs) for (const outpoint of outpoints) reserved.set(outpoint, id);
  }
  return reserved;
}
