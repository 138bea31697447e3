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

export interface Granted {
  /** Names it without being it. */
  readonly id: string;
  readonly wallet: string;
  readonly caller: Holder;
  readonly limits: GrantLimits;
  /** For people; what counts is `endsAtMonotonicMs`, which no jump of the clock moves. */
  readonly expiresAtMs: number;
  readonly endsAtMonotonicMs: number;
  /** What was signed away to be mixed so far. */
  usedSat: number;
  /** Each reservation gives out two addresses, also when it is given back at once. */
  readonly pace: TokenBucket;
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

  give(
    wallet: string,
    caller: Holder,
    limits: GrantLimits,
    ttlS: number,
  ): { grant: string; granted: Granted } {
    if (this.of(wallet).length >= GRANTS_MAX) throw denials.tooMany("grants", GRANTS_MAX);
    const grant = randomBytes(GRANT_BYTES).toString("hex");
    const digest = digestOf(grant);
    const id = digest.slice(0, ID_LENGTH);
    const expiresAtMs = this.#clock.now() + ttlS * 1_000;
    const endsAtMonotonicMs = this.#clock.monotonicMs() + ttlS * 1_000;
    const pace = this.#pace();
    const granted = { id, wallet, caller, limits, expiresAtMs, endsAtMonotonicMs, usedSat: 0, pace };
    this.#grants.set(digest, granted);
    return { grant, granted };
  }

  /** A maker's or the ledger's grant of an earlier life of ours: its wallet is open again, and its owner has not locked it in between. */
  revive(wallet: string, id: string, { digest, expiresAtMs, caller, ...limits }: StandingGrant): void {
    const leftMs = expiresAtMs - this.#clock.now();
    if (leftMs <= 0 || this.of(wallet).length >= GRANTS_MAX) return;
    this.#grants.set(digest, {
      id,
      wallet,
      caller,
      limits: { ...limits, destinations: [], makerFeesSatMax: 0 },
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

  /** Ends one, or all of a wallet. */
  revoke(wallet: string, id?: string): Granted[] {
    const ended = this.of(wallet).filter((granted) => id === undefined || granted.id === id);
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

function digestOf(grant: string): string {
  return createHash("sha256").update(grant).digest("hex");
}

/**
 * What the wallet's file is to remember of a grant. A taker's ends with us, for so does its coinjoin; and so does one
 * that is used up by what it mixes, of which nothing is remembered.
 */
export function standingOf(grant: string, { id, caller, limits, expiresAtMs }: Granted): WalletChange[] {
  if (caller === "taker" || limits.totalSatMax !== undefined) return [];
  const { mixdepths, amountSatMax, miningFeeSatMax, daySatMax } = limits;
  const standing = {
    digest: digestOf(grant),
    caller,
    ...(mixdepths === undefined ? {} : { mixdepths: [...mixdepths] }),
    ...(amountSatMax === undefined ? {} : { amountSatMax }),
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
