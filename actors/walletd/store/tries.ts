/** Guessing a password: one try at a time, and after a few wrong ones each has to wait, the right one too. */
import type { Clock } from "../../../runtime/clock.ts";
import { hasCode } from "../../../runtime/errors.ts";
import { Gate } from "../../../runtime/limits.ts";
import { refusals } from "./refusals.ts";

/** People mistype; programs try thousands. */
const FREE_TRIES = 3;
const FIRST_WAIT_MS = 1_000;
const WAIT_MAX_MS = 60_000;
/** Each costs 64 MiB and a third of a second. */
const WAITING_MAX = 8;

interface Misses {
  readonly count: number;
  readonly untilMs: number;
}

export class Tries {
  readonly #clock: Clock;
  readonly #gate = new Gate({
    concurrency: 1,
    waitingMax: WAITING_MAX,
    name: "the queue of password checks",
  });
  /** Only of wallets that exist: strangers cannot make it grow. */
  readonly #misses = new Map<string, Misses>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Runs one try, which throws `WALLETD_WRONG_PASSWORD` when it is wrong. */
  guard<T>(wallet: string, attempt: () => Promise<T>): Promise<T> {
    return this.#gate.run(async () => {
      const misses = this.#misses.get(wallet);
      const waitMs = (misses?.untilMs ?? 0) - this.#clock.monotonicMs();
      if (misses !== undefined && waitMs > 0) throw refusals.tooManyTries(wallet, Math.ceil(waitMs));
      try {
        const result = await attempt();
        this.#misses.delete(wallet);
        return result;
      } catch (error) {
        if (hasCode(error, "WALLETD_WRONG_PASSWORD")) this.#miss(wallet, (misses?.count ?? 0) + 1);
        throw error;
      }
    });
  }

  #miss(wallet: string, count: number): void {
    const doublings = count - FREE_TRIES;
    const waitMs = doublings < 0 ? 0 : Math.min(WAIT_MAX_MS, FIRST_WAIT_MS * 2 ** doublings);
    this.#misses.set(wallet, { count, untilMs: this.#clock.monotonicMs() + waitMs });
  }
}
