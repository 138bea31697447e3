/** What owners allow makers and takers: random words bound to one wallet and one actor, with limits, in memory only. */
import { createHash, randomBytes } from "node:crypto";
import type { Clock } from "../../../runtime/clock.ts";
import { denials } from "../denials.ts";

export type Side = "maker" | "taker";

export interface GrantLimits {
  readonly mixdepths?: readonly number[] | undefined;
  readonly amountSatMax?: number | undefined;
  readonly totalSatMax?: number | undefined;
  readonly destinations: readonly string[];
  readonly makerFeesSatMax: number;
  readonly miningFeeSatMax: number;
}

export interface Granted {
  /** Names it without being it. */
  readonly id: string;
  readonly wallet: string;
  readonly caller: Side;
  readonly limits: GrantLimits;
  /** For people; what counts is `endsAtMonotonicMs`, which no jump of the clock moves. */
  readonly expiresAtMs: number;
  readonly endsAtMonotonicMs: number;
  /** What was signed away to be mixed so far. */
  usedSat: number;
}

/** One maker and one taker at a time, and such as are forgotten. */
const GRANTS_MAX = 16;
const GRANT_BYTES = 32;
const ID_LENGTH = 16;

export class Grants {
  readonly #clock: Clock;
  readonly #onEnd: (granted: Granted) => void;
  readonly #grants = new Map<string, Granted>();

  constructor(clock: Clock, onEnd: (granted: Granted) => void) {
    this.#clock = clock;
    this.#onEnd = onEnd;
  }

  give(wallet: string, caller: Side, limits: GrantLimits, ttlS: number): { grant: string; granted: Granted } {
    if (this.of(wallet).length >= GRANTS_MAX) throw denials.tooMany("grants", GRANTS_MAX);
    const grant = randomBytes(GRANT_BYTES).toString("hex");
    const id = createHash("sha256").update(grant).digest("hex").slice(0, ID_LENGTH);
    const expiresAtMs = this.#clock.now() + ttlS * 1_000;
    const endsAtMonotonicMs = this.#clock.monotonicMs() + ttlS * 1_000;
    const granted = { id, wallet, caller, limits, expiresAtMs, endsAtMonotonicMs, usedSat: 0 };
    this.#grants.set(grant, granted);
    return { grant, granted };
  }

  /** One refusal for unknown, worn out, and somebody else's. */
  need(grant: string, caller: string): Granted {
    const granted = this.#grants.get(grant);
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

  #end(id: string): void {
    for (const [grant, granted] of this.#grants) {
      if (granted.id !== id) continue;
      this.#grants.delete(grant);
      this.#onEnd(granted);
    }
  }
}
