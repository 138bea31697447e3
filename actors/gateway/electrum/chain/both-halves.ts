/** Asks the indexer and the mempool for answers of one and the same block, so that no transaction is in both or in neither. */
import type { Client } from "../../../../bus/bus.ts";
import type { IndexedTip } from "../../../../bus/contracts/indexer.ts";
import type { MempoolView, mempoolContract } from "../../../../bus/contracts/mempool.ts";
import { type Clock, sleep, type Timer } from "../../../../runtime/clock.ts";
import { toWireError } from "../../../../runtime/errors.ts";
import type { Log } from "../../../../runtime/log/log.ts";
import { isPassing } from "../asking/failure.ts";
import type { UnconfirmedFilter } from "../asking/unconfirmed-filter.ts";
import type { ChainFeed } from "./chain-feed.ts";

export interface ConfirmedHalf {
  readonly tip: IndexedTip | null;
}

export interface UnconfirmedHalf {
  readonly view: MempoolView;
}

export interface Halves<C, U> {
  readonly confirmed: C;
  /** Undefined while there is no unconfirmed half: the index is syncing, or the mempool is away, or has nothing of the scripts. */
  readonly unconfirmed: U | undefined;
  /** False when the two would not agree in time: then a transaction may be in both, and the confirmed one counts. */
  readonly isOfOneBlock: boolean;
}

export interface BothHalvesOptions {
  readonly feed: ChainFeed;
  readonly mempool: Client<typeof mempoolContract>;
  readonly unconfirmed: Pick<UnconfirmedFilter, "hasNothingOf">;
  readonly clock: Clock;
  readonly log: Log;
}

/** The mempool's answers are at hand; one that hangs must not hold up what the index knows. */
export const SOON: { readonly deadlineMs: number } = Object.freeze({ deadlineMs: 4_000 });
/** A mempool that is started again is back well before that; a wallet waits 30 s for an answer. */
const AWAY_GRACE_MS = 8_000;
const RETRY_MS = 100;
const PROBE_EVERY_MS = 1_000;
/** The mempool itself waits a second for a block that it has not heard of. */
const TRIES_MAX = 6;

export class BothHalves {
  readonly #feed: ChainFeed;
  readonly #mempool: Client<typeof mempoolContract>;
  readonly #unconfirmed: Pick<UnconfirmedFilter, "hasNothingOf">;
  readonly #clock: Clock;
  readonly #log: Log;
  /** Since when the mempool has not answered. */
  #silentSinceMs: number | undefined;
  /** Given up for now: answers have one half until it answers again. */
  #isAway = false;
  #probe: Timer | undefined;

  constructor({ feed, mempool, unconfirmed, clock, log }: BothHalvesOptions) {
    this.#unconfirmed = unconfirmed;
    this.#feed = feed;
    this.#mempool = mempool;
    this.#clock = clock;
    this.#log = log;
  }

  stop(): void {
    this.#probe?.cancel();
  }

  /**
   * The confirmed half of one script where it is read in this thread and is all there is; else nothing, and both halves are
   * to be asked. Looked at before it is read too: what would be thrown away is not read.
   */
  confirmedAtHand<C extends ConfirmedHalf>(
    scripthash: string,
    read: () => C | Promise<C> | undefined,
  ): C | Promise<C | undefined> | undefined {
    const { tip } = this.#feed;
    if (tip === undefined || !this.#isAll(tip.hash, scripthash)) return undefined;
    const confirmed = read();
    if (!(confirmed instanceof Promise)) return confirmed?.tip?.hash === tip.hash ? confirmed : undefined;
    return confirmed.then((late) => {
      const isOfTip = late.tip?.hash === this.#feed.tip?.hash;
      return isOfTip && late.tip !== null && this.#isAll(late.tip.hash, scripthash) ? late : undefined;
    });
  }

  /** `askUnconfirmed` is asked for the view of the block that it is given, unless it is known that nothing of `scripthashes` is in it. */
  async ask<C extends ConfirmedHalf, U extends UnconfirmedHalf>(
    askConfirmed: () => Promise<C>,
    askUnconfirmed: (confirmedTip: string) => Promise<U>,
    scripthashes?: readonly string[],
  ): Promise<Halves<C, U>> {
    const isEmptyAt = (tip: string) =>
      scripthashes !== undefined && this.#unconfirmed.hasNothingOf(scripthashes, tip);
    for (let tries = 1; ; ) {
      // Both at once, in the hope that the tip we know still is the tip.
      const guess = this.#hasTwoHalves ? this.#feed.tip?.hash : undefined;
      const isEarly = guess !== undefined && !isEmptyAt(guess);
      const early = isEarly ? this.#reached(() => askUnconfirmed(guess)) : undefined;
      const confirmed = await askConfirmed();
      const { tip } = confirmed;
      if (!this.#hasTwoHalves || tip === null)
        return { confirmed, unconfirmed: undefined, isOfOneBlock: true };
      if (!isEarly && isEmptyAt(tip.hash)) {
        await this.#feed.hearOf(tip.hash);
        return { confirmed, unconfirmed: undefined, isOfOneBlock: true };
      }
      let unconfirmed = await early;
      if (!isEarly || guess !== tip.hash) unconfirmed = await this.#reached(() => askUnconfirmed(tip.hash));
      if (unconfirmed !== undefined) {
        await this.#feed.hearOf(tip.hash);
        const isOfOneBlock = unconfirmed.view.tip?.hash === tip.hash;
        // Without a view yet nothing is known to be unconfirmed; its first change will be told.
        if (isOfOneBlock || unconfirmed.view.tip === null || tries >= TRIES_MAX) {
          return { confirmed, unconfirmed, isOfOneBlock };
        }
        tries += 1;
      }
      await sleep(this.#clock, RETRY_MS);
    }
  }

  /** Whether nothing of the script can be unconfirmed, for all that is known here, while that block is the tip. */
  #isAll(tipHash: string, scripthash: string): boolean {
    return !this.#hasTwoHalves || this.#unconfirmed.hasNothingOf([scripthash], tipHash);
  }

  get #hasTwoHalves(): boolean {
    return this.#feed.isSynced && !this.#isAway;
  }

  /** Undefined when the mempool does not answer. */
  async #reached<U>(ask: () => Promise<U>): Promise<U | undefined> {
    try {
      const answer = await ask();
      this.#silentSinceMs = undefined;
      return answer;
    } catch (error) {
      if (!isPassing(error)) throw error;
      this.#silentSinceMs ??= this.#clock.monotonicMs();
      if (this.#clock.monotonicMs() - this.#silentSinceMs >= AWAY_GRACE_MS) this.#giveUp(error);
      return undefined;
    }
  }

  #giveUp(error: unknown): void {
    if (this.#isAway) return;
    this.#isAway = true;
    this.#log.warn("the mempool does not answer: wallets are told of confirmed transactions only", {
      code: toWireError(error).code,
    });
    this.#probeSoon();
  }

  #probeSoon(): void {
    this.#probe = this.#clock.after(PROBE_EVERY_MS, () => void this.#lookForIt(), { background: true });
  }

  async #lookForIt(): Promise<void> {
    try {
      await this.#mempool.status({});
    } catch {
      // Still away, as has been said.
      this.#probeSoon();
      return;
    }
    this.#isAway = false;
    this.#silentSinceMs = undefined;
    this.#log.info("the mempool answers again");
    // What was answered meanwhile lacks its half.
    this.#feed.distrust();
  }
}
