/** What owners allow makers, takers and the ledger: random words bound to one wallet and one actor, with limits. Only their hashes are kept. */
import { createHash, randomBytes } from "node:crypto";
import type { Clock } from "../../../runtime/clock.ts";
import { TokenBucket } from "../../../runtime/limits.ts";
import { denials } from "../denials.ts";
import type { WalletChange } from "../store/wallet-change.ts";
import type { StandingGrant, WalletState } from "../store/wallet-state.ts";

export type Side = "maker" | "taker";
export type Holder = Side | "ledger";

export interface GrantLimits {
  readonly mixdepths?: readonly number[] | undefined;
  readonly amountSatMax?: number | undefined;
  readonly totalSatMax?: number | undefined;
  readonly destinations: readonly string[];
  readonly makerFeesSatMax: number;
  readonly miningFeeSatMax: number;
  readonly daySatMax: number;
}

/** What binds a taker's grant to one order of the bank's. */
export interface Loan {
  /** Under which the wallet's file has it. */
  readonly key: string;
  readonly address: string;
  readonly amountSat: number;
}

interface LentOut extends Loan {
  /** The bank's own grant: this one ends with it. */
  readonly lender: string;
  readonly grant: string;
}

export interface Granted {
  /** Names it without being it. */
  readonly id: string;
  readonly wallet: string;
  readonly caller: Holder;
  /** Who gave it: what leaves by it counts as leaving by that door. Undefined for one of an earlier life, which no taker's is. */
  readonly givenBy: string | undefined;
  readonly limits: GrantLimits;
  /** For people; what counts is `endsAtMonotonicMs`, which no jump of the clock moves. */
  readonly expiresAtMs: number;
  readonly endsAtMonotonicMs: number;
  /** What was signed away to be mixed so far. */
  usedSat: number;
  /** Each reservation gives out two addresses, also when it is given back at once. */
  readonly pace: TokenBucket;
  readonly loan?: LentOut;
}

/** One maker and one taker at a time, and such as are forgotten. */
const GRANTS_MAX = 16;
/** More than the busiest maker mixes; one that is broken into wants a wallet that nobody can look through any more. */
export const RESERVATIONS_PER_HOUR = 100;
const HOUR_S = 3_600;
const GRANT_BYTES = 32;
const ID_LENGTH = 16;
/** None is given for longer: a clock that has been set back since does not prolong it. */
const STANDING_MS_MAX = 30 * 86_400_000;

export class Grants {
  readonly #clock: Clock;
  readonly #onEnd: (granted: Granted) => void;
  /** By the grant's hash. */
  readonly #grants = new Map<string, Granted>();

  constructor(clock: Clock, onEnd: (granted: Granted) => void) {
    this.#clock = clock;
    this.#onEnd = onEnd;
  }

  get monotonicMs(): number {
    return this.#clock.monotonicMs();
  }

  give(
    wallet: string,
    caller: Holder,
    limits: GrantLimits,
    ttlS: number,
    givenBy: string,
    lent?: Loan & { readonly lender: string },
  ): { grant: string; granted: Granted } {
    if (this.of(wallet).length >= GRANTS_MAX) throw denials.tooMany("grants", GRANTS_MAX);
    const grant = randomBytes(GRANT_BYTES).toString("hex");
    const digest = digestOf(grant);
    const id = digest.slice(0, ID_LENGTH);
    const expiresAtMs = this.#clock.now() + ttlS * 1_000;
    const endsAtMonotonicMs = this.#clock.monotonicMs() + ttlS * 1_000;
    const pace = this.#pace();
    const loan = lent === undefined ? {} : { loan: { ...lent, grant } };
    const ends = { expiresAtMs, endsAtMonotonicMs };
    const granted = { id, wallet, caller, givenBy, limits, ...ends, usedSat: 0, pace, ...loan };
    this.#grants.set(digest, granted);
    return { grant, granted };
  }

  /** A taker's, out of the bank's own: for one payment by a coinjoin, of this sum to this address, from the bank's mixdepth. */
  lend(
    by: Granted,
    ttlS: number,
    { key, address, amountSat, makerFeesSatMax, miningFeeSatMax }: LoanTerms,
  ): Lent {
    const limits = {
      mixdepths: by.limits.mixdepths ?? [0],
      ...{ amountSatMax: amountSat, totalSatMax: amountSat, destinations: [address] },
      ...{ makerFeesSatMax, miningFeeSatMax, daySatMax: 0 },
    };
    const loan = { key, address, amountSat, lender: by.id };
    const { grant, granted } = this.give(by.wallet, "taker", limits, ttlS, by.caller, loan);
    return lentOf(grant, granted);
  }

  /** While it lasts. */
  lent(wallet: string, key: string): Lent | undefined {
    const granted = this.of(wallet).find(({ loan }) => loan?.key === key);
    return granted?.loan === undefined ? undefined : lentOf(granted.loan.grant, granted);
  }

  revokeLent(wallet: string, key: string): Granted[] {
    const ended = this.of(wallet).filter(({ loan }) => loan?.key === key);
    for (const { id } of ended) this.#end(id);
    return ended;
  }

  /** A maker's or the ledger's grant of an earlier life of ours: its wallet is open again, and its owner has not locked it in between. */
  revive(wallet: string, id: string, { digest, expiresAtMs, caller, ...limits }: StandingGrant): void {
    const leftMs = expiresAtMs - this.#clock.now();
    if (leftMs <= 0 || this.of(wallet).length >= GRANTS_MAX) return;
    this.#grants.set(digest, {
      id,
      wallet,
      caller,
      givenBy: undefined,
      limits: { ...limits, destinations: [] },
      expiresAtMs,
      endsAtMonotonicMs: this.#clock.monotonicMs() + Math.min(leftMs, STANDING_MS_MAX),
      usedSat: 0,
      pace: this.#pace(),
    });
  }

  /** One refusal for unknown, worn out, and somebody else's. */
  need(grant: string, caller: string): Granted {
    const granted = this.#grants.get(digestOf(grant));
    if (
      granted === undefined ||
      granted.caller !== caller ||
      granted.endsAtMonotonicMs <= this.#clock.monotonicMs()
    ) {
      throw denials.noGrant();
    }
    return granted;
  }

  /** Those that still hold. */
  of(wallet: string): Granted[] {
    const nowMs = this.#clock.monotonicMs();
    for (const granted of this.#grants.values())
      if (granted.endsAtMonotonicMs <= nowMs) this.#end(granted.id);
    return [...this.#grants.values()].filter((granted) => granted.wallet === wallet);
  }

  /** Ends one with what was lent out of it, or all of a wallet. */
  revoke(wallet: string, id?: string): Granted[] {
    const ended = this.of(wallet).filter(
      (granted) => id === undefined || granted.id === id || granted.loan?.lender === id,
    );
    for (const granted of ended) this.#end(granted.id);
    return ended;
  }

  #pace(): TokenBucket {
    const perSecond = RESERVATIONS_PER_HOUR / HOUR_S;
    return new TokenBucket({ clock: this.#clock, burst: RESERVATIONS_PER_HOUR, perSecond });
  }

  #end(id: string): void {
    for (const [digest, granted] of this.#grants) {
      if (granted.id !== id) continue;
      this.#grants.delete(digest);
      this.#onEnd(granted);
    }
  }
}

export interface LoanTerms extends Loan {
  readonly makerFeesSatMax: number;
  readonly miningFeeSatMax: number;
}

/** What a lender hears of it. */
interface Lent {
  readonly grant: string;
  readonly mixdepth: number;
  readonly expiresAtS: number;
}

function lentOf(grant: string, { limits, expiresAtMs }: Granted): Lent {
  const [mixdepth = 0] = limits.mixdepths ?? [];
  return { grant, mixdepth, expiresAtS: Math.floor(expiresAtMs / 1_000) };
}

function digestOf(grant: string): string {
  return createHash("sha256").update(grant).digest("hex");
}

/**
 * What the wallet's file is to remember of a grant. A taker's ends with us, for so does its coinjoin; and so does one
 * that is used up by what it mixes, of which nothing is remembered.
 */
export function standingOf(grant: string, { id, caller, limits, expiresAtMs }: Granted): WalletChange[] {
  if (caller === "taker" || limits.totalSatMax !== undefined) return [];
  const { mixdepths, amountSatMax, makerFeesSatMax, miningFeeSatMax, daySatMax } = limits;
  const standing = {
    digest: digestOf(grant),
    caller,
    ...(mixdepths === undefined ? {} : { mixdepths: [...mixdepths] }),
    ...(amountSatMax === undefined ? {} : { amountSatMax }),
    makerFeesSatMax,
    miningFeeSatMax,
    daySatMax,
    expiresAtMs,
  };
  return [{ kind: "grant", id, grant: standing }];
}

/** Those that have ended are not revived. */
export function endedOf({ grants }: Readonly<WalletState>, ids?: ReadonlySet<string>): WalletChange[] {
  return Object.keys(grants)
    .filter((id) => ids === undefined || ids.has(id))
    .map((id) => ({ kind: "grant", id, grant: null }));
}
