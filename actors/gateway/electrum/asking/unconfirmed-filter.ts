/** Knows of most scripts that the mempool has nothing of theirs, without asking it: a filter that is fetched once and grows with the news. */
import type { EventMeta } from "../../../../bus/bus.ts";
import {
  type FilterPlace,
  type ScriptFilter,
  unpackFilter,
} from "../../../../bus/contracts/mempool/script-filter.ts";
import type { MempoolChange } from "../../../../bus/contracts/mempool.ts";
import type { Clock, Timer } from "../../../../runtime/clock.ts";
import { toWireError } from "../../../../runtime/errors.ts";
import type { Log } from "../../../../runtime/log/log.ts";
import type { ChainWatcher } from "../chain/chain-feed.ts";

export interface UnconfirmedFilterOptions {
  /** The mempool's `scriptFilter`. */
  readonly fetch: () => Promise<Uint8Array>;
  /** False while news cannot reach us. */
  readonly isHearing: () => boolean;
  readonly clock: Clock;
  readonly log: Log;
}

interface Heard {
  readonly change: MempoolChange;
  readonly meta: EventMeta;
}

/** A new one leaves out what has been confirmed or dropped since. */
const KEPT_MS = 600_000;
/** Scripts that may be added before it says "maybe" too often. */
const ADDED_MAX = 200_000;
/** After a failure, and after news that made it void: a node that is syncing makes such news all the time. */
const PAUSE_MS = 1_000;

/**
 * It answers for the block on which the news says that the mempool stands, and for no other: a transaction that a block has
 * given back is told with the view of the block below. Whatever is not certain is asked.
 */
export class UnconfirmedFilter implements ChainWatcher {
  readonly #options: UnconfirmedFilterOptions;
  #filter: ScriptFilter | undefined;
  #place: FilterPlace | undefined;
  /** The block of the last news. */
  #tipHash: string | null = null;
  #added = 0;
  /** Heard while a filter is on its way. */
  #heard: Heard[] | undefined;
  #timer: Timer | undefined;
  #isStopped = false;

  constructor(options: UnconfirmedFilterOptions) {
    this.#options = options;
  }

  /** Called when its news are listened to. */
  start(): void {
    this.#fetchSoon(0);
  }

  stop(): void {
    this.#isStopped = true;
    this.#drop();
    this.#timer?.cancel();
  }

  /** True: of that block's view, nothing unconfirmed touches any of the scripts. */
  hasNothingOf(scripthashes: readonly string[], tipHash: string): boolean {
    const filter = this.#filter;
    if (filter === undefined || this.#tipHash !== tipHash || !this.#options.isHearing()) return false;
    for (const scripthash of scripthashes) if (filter.mayHold(scripthash)) return false;
    return true;
  }

  viewChanged(change: MempoolChange, meta: EventMeta): void {
    if (change.touched === null || !change.view.isSynced) return this.everythingTouched();
    this.#heard?.push({ change, meta });
    if (this.#filter !== undefined) this.#apply(change, meta);
  }

  /** News was lost, or everything may have changed. */
  everythingTouched(): void {
    this.#drop();
    this.#fetchSoon(PAUSE_MS);
  }

  #drop(): void {
    this.#filter = undefined;
    // What is on its way may be from before.
    this.#heard = undefined;
  }

  #apply({ touched, view, part, parts }: MempoolChange, { epoch, seq }: EventMeta): void {
    const filter = this.#filter;
    const place = this.#place;
    if (filter === undefined || place === undefined || touched === null) return;
    if (epoch !== place.epoch) return this.everythingTouched();
    if (seq <= place.seq) return;
    for (const scripthash of touched) filter.add(scripthash);
    // Of a change in parts the view is the new one when all have come.
    if (part === parts - 1) this.#tipHash = view.tip?.hash ?? null;
    this.#added += touched.length;
    if (this.#added > ADDED_MAX) {
      this.#added = 0;
      this.#fetchSoon(0);
    }
  }

  #fetchSoon(delayMs: number): void {
    if (this.#isStopped) return;
    this.#timer?.cancel();
    this.#timer = this.#options.clock.after(delayMs, () => void this.#fetch(), { background: true });
  }

  /** Until it is here the one before is gone by, if there is one. */
  async #fetch(): Promise<void> {
    const heard: Heard[] = [];
    this.#heard = heard;
    let reply: Uint8Array | undefined;
    try {
      reply = await this.#options.fetch();
    } catch (error) {
      this.#options.log.debug("the mempool gives no filter; it is asked instead", {
        code: toWireError(error).code,
      });
    }
    // Dropped, stopped or asked for again meanwhile.
    if (this.#heard !== heard) return;
    this.#heard = undefined;
    const found = reply === undefined ? undefined : unpackFilter(reply);
    if (found === undefined || found.tipHash === null) return this.everythingTouched();
    this.#filter = found.filter;
    this.#place = found;
    this.#tipHash = found.tipHash;
    this.#added = 0;
    this.#fetchSoon(KEPT_MS);
    for (const { change, meta } of heard) this.#apply(change, meta);
  }
}
