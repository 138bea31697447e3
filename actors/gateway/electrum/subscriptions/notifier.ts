/** Tells sessions what has changed: the header first, then each script whose status is another one, each once. */
import { setImmediate as turn } from "node:timers/promises";
import type { Clock, Timer } from "../../../../runtime/clock.ts";
import { toWireError } from "../../../../runtime/errors.ts";
import type { Log } from "../../../../runtime/log/log.ts";
import type { ChainFeed, ChainTip, ChainWatcher } from "../chain/chain-feed.ts";
import type { ScriptStatus } from "../chain/history.ts";
import type { ScriptAnswers } from "../chain/script-answers.ts";
import { EncodedJson } from "../encoded-json.ts";
import { PROTOCOL_CODES, ProtocolError } from "../protocol-error.ts";
import type { Session } from "../session.ts";
import { BlockRehearsal } from "./block-rehearsal.ts";
import {
  type ScriptKey,
  SubscriptionTable,
  scripthashOf,
  scriptKey,
  scriptKeys,
} from "./subscription-table.ts";

export interface NotifierOptions {
  readonly feed: ChainFeed;
  readonly scripts: ScriptAnswers;
  readonly clock: Clock;
  readonly log: Log;
}

/** A chain that turns back is told when it stands still again, or after a while. */
const QUIET_MS = 50;
const TURNING_MS_MAX = 500;
/** What a block touches is told by the index and by the mempool: both are waited for, to ask but once, and not for long. */
const LEVEL_MS_MAX = 250;
/** What could not be asked is asked again. */
const RETRY_MS = 500;
/** Scripts that are looked at together: as many as one message to the index holds. */
const ROUND_SCRIPTS = 500;
/** So many rounds are under way at once: while one is told, the index works on the next. */
const ROUNDS_MAX = 4;
const LOOK_SLICE_MS = 4;
const COST_OF_STATUS = 0.1;
const ENTRIES_PER_COST = 1_000;

/** A subscription whose status is being asked for. */
interface Asking {
  count: number;
  /** News of the script came after the question: the answer may be old. */
  isTouched: boolean;
}

export class Notifier implements ChainWatcher {
  readonly #feed: ChainFeed;
  readonly #scripts: ScriptAnswers;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #table = new SubscriptionTable<Session>();
  /** By session the hash of the tip that it was told last. */
  readonly #headers = new Map<Session, string>();
  #toldHash: string | undefined;
  readonly #asking = new Map<ScriptKey, Asking>();
  /** Scripts that must be looked at, and those that are being looked at. */
  readonly #touched = new Set<ScriptKey>();
  /** After everything was touched: all scripts that have not been looked at since. */
  #unseen: Iterator<ScriptKey> | undefined;
  readonly #inSight = new Set<ScriptKey>();
  #turningSinceMs: number | undefined;
  /** Since when index and mempool stand on different blocks and something waits for that. */
  #unlevelSinceMs: number | undefined;
  /** The tip at which that has lasted too long: there nothing waits any more. */
  #waitedAt: string | undefined;
  readonly #rehearsal: BlockRehearsal;
  #timer: Timer | undefined;
  #isScheduled = false;
  #isLooking = false;
  #isStopped = false;

  constructor({ feed, scripts, clock, log }: NotifierOptions) {
    this.#feed = feed;
    this.#scripts = scripts;
    this.#clock = clock;
    this.#log = log;
    this.#rehearsal = new BlockRehearsal((scripthashes) => void scripts.rehearse(scripthashes));
  }

  get scriptSubscriptions(): number {
    return this.#table.subscriptions;
  }

  /** Scripts are being looked at: news of them follows. */
  get isLooking(): boolean {
    return this.#isLooking;
  }

  stop(): void {
    this.#isStopped = true;
    this.#timer?.cancel();
  }

  /** Undefined while the index has no block. Subscribing again tells the tip again. */
  subscribeHeaders(session: Session): ChainTip | undefined {
    const { tip } = this.#feed;
    if (tip === undefined) return undefined;
    if (!this.#headers.has(session)) session.addSubscription();
    this.#headers.set(session, tip.hash);
    // The others have not been told of it yet. When it is left again before they are, this one has to be told.
    if (tip.hash !== this.#toldHash) this.#toldHash = undefined;
    return tip;
  }

  /** The status of the script, which the session is told from now on when it changes. */
  subscribeScript(session: Session, scripthash: string): string | null | Promise<string | null> {
    const key = scriptKey(scripthash);
    const known = this.#table.statusOf(key);
    const isOld = this.#unseen !== undefined || this.#touched.has(key) || this.#inSight.has(key);
    if (known !== undefined && !isOld) return this.#register(session, key, known);
    const found = this.#scripts.status(scripthash, session);
    return found instanceof Promise
      ? this.#subscribeWhenKnown(session, key, found)
      : this.#subscribeTo(session, key, found);
  }

  async #subscribeWhenKnown(
    session: Session,
    key: ScriptKey,
    coming: Promise<ScriptStatus>,
  ): Promise<string | null> {
    const asking = this.#asking.get(key) ?? { count: 0, isTouched: false };
    asking.count += 1;
    this.#asking.set(key, asking);
    try {
      const found = await coming;
      if (asking.isTouched) {
        const { status } = found;
        session.charge(costOf(found));
        // News came after the question: who has heard newer may not hear older.
        const newer = this.#table.statusOf(key);
        this.#register(session, key, newer === undefined ? status : newer);
        this.#touch(key);
        return newer === undefined ? status : newer;
      }
      return this.#subscribeTo(session, key, found);
    } finally {
      asking.count -= 1;
      if (asking.count === 0) this.#asking.delete(key);
    }
  }

  /** No news has come since the status was asked for. */
  #subscribeTo(session: Session, key: ScriptKey, found: ScriptStatus): string | null {
    session.charge(costOf(found));
    this.#update(key, found.status);
    return this.#register(session, key, found.status);
  }

  unsubscribeScript(session: Session, scripthash: string): boolean {
    const wasSubscribed = this.#table.unsubscribe(session, scriptKey(scripthash));
    if (wasSubscribed) session.dropSubscription();
    return wasSubscribed;
  }

  forget(session: Session): void {
    this.#headers.delete(session);
    this.#table.forget(session);
  }

  tipChanged(): void {
    this.#schedule();
  }

  turnedBackTo(): void {
    this.#turningSinceMs ??= this.#clock.monotonicMs();
    this.#schedule();
  }

  scriptsTouched(scripthashes: readonly string[]): void {
    for (const key of scriptKeys(scripthashes)) this.#touch(key);
  }

  levelled(): void {
    if (this.#unlevelSinceMs !== undefined) this.#schedule();
  }

  everythingTouched(): void {
    for (const asking of this.#asking.values()) asking.isTouched = true;
    this.#unseen = this.#table.keys();
    this.#schedule();
  }

  #register(session: Session, key: ScriptKey, status: string | null): string | null {
    if (session.isClosed) return status;
    if (!this.#table.isSubscribed(session, key)) {
      session.addSubscription();
      if (!this.#table.has(key)) this.#rehearsal.subscribed(key, status !== null);
      this.#table.subscribe(session, key, status);
    }
    return status;
  }

  #touch(key: ScriptKey): void {
    const asking = this.#asking.get(key);
    if (asking !== undefined) asking.isTouched = true;
    if (!this.#table.has(key)) return;
    this.#touched.add(key);
    this.#schedule();
  }

  /** At the end of the turn, when all news that came together has been heard. */
  #schedule(): void {
    if (this.#turningSinceMs !== undefined) return this.#waitForQuiet();
    if (this.#isScheduled || this.#isStopped) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      if (this.#turningSinceMs === undefined) this.#tell();
    });
  }

  #waitForQuiet(): void {
    this.#timer?.cancel();
    if (this.#isStopped || this.#turningSinceMs === undefined) return;
    const leftMs = this.#turningSinceMs + TURNING_MS_MAX - this.#clock.monotonicMs();
    this.#timer = this.#clock.after(Math.max(0, Math.min(QUIET_MS, leftMs)), () => {
      this.#turningSinceMs = undefined;
      this.#tell();
    });
  }

  #tell(): void {
    if (this.#isStopped) return;
    // Asked before the header is told to all: the index works while that is written.
    if (!this.#isLooking && this.#hasTouched) void this.#look();
    this.#tellTip();
  }

  /** When it is not, it is looked at again in time. */
  #isLevelEnough(): boolean {
    const nowMs = this.#clock.monotonicMs();
    const sinceMs = this.#unlevelSinceMs ?? nowMs;
    const leftMs = sinceMs + LEVEL_MS_MAX - nowMs;
    const tipHash = this.#feed.tip?.hash;
    if (leftMs <= 0) this.#waitedAt = tipHash;
    if (this.#feed.isLevel || this.#waitedAt === tipHash) {
      this.#unlevelSinceMs = undefined;
      return true;
    }
    this.#unlevelSinceMs = sinceMs;
    this.#timer?.cancel();
    this.#timer = this.#clock.after(leftMs, () => this.#schedule(), { background: true });
    return false;
  }

  #tellTip(): void {
    const { tip } = this.#feed;
    if (tip === undefined || tip.hash === this.#toldHash || this.#turningSinceMs !== undefined) return;
    this.#toldHash = tip.hash;
    const news = new EncodedJson(JSON.stringify([{ hex: tip.header, height: tip.height }]));
    for (const [session, told] of this.#headers) {
      if (told === tip.hash) continue;
      this.#headers.set(session, tip.hash);
      session.notify("blockchain.headers.subscribe", news);
    }
  }

  /** Until nothing is touched any more, or the index cannot be asked: then the rest stays touched. */
  async #look(): Promise<void> {
    this.#isLooking = true;
    await this.#lookAtTouched();
    this.#isLooking = false;
    const isAwaited = this.#turningSinceMs !== undefined || this.#unlevelSinceMs !== undefined;
    if (!this.#hasTouched || isAwaited || this.#isStopped) return;
    this.#timer = this.#clock.after(RETRY_MS, () => this.#schedule(), { background: true });
  }

  async #lookAtTouched(): Promise<void> {
    const rounds = new Set<Promise<void>>();
    let hasFailed = false;
    const mayBegin = () =>
      !hasFailed && rounds.size < ROUNDS_MAX && this.#turningSinceMs === undefined && !this.#isStopped;
    for (;;) {
      while (mayBegin() && this.#hasTouched && this.#isLevelEnough()) {
        const keys = this.#nextTouched();
        if (keys.length === 0) break;
        const round = this.#lookAtRound(keys).then((isAnswered) => {
          rounds.delete(round);
          hasFailed ||= !isAnswered;
        });
        rounds.add(round);
        // It is on its way before the next is made; so is the header.
        await turn();
      }
      if (rounds.size === 0) return;
      await Promise.race(rounds);
    }
  }

  /** False when some could not be asked for: they stay touched. */
  async #lookAtRound(keys: readonly ScriptKey[]): Promise<boolean> {
    for (const key of keys) this.#inSight.add(key);
    const results = await Promise.allSettled(await this.#lookAtAll(keys));
    for (const key of keys) this.#inSight.delete(key);
    const failed = results.find((result) => result.status === "rejected");
    if (failed === undefined) return true;
    results.forEach(({ status }, i) => {
      if (status === "rejected") this.#touched.add(keys[i] as ScriptKey);
    });
    this.#log.debug("statuses could not be asked for; asking again", {
      code: toWireError(failed.reason).code,
    });
    return false;
  }

  get #hasTouched(): boolean {
    return this.#touched.size > 0 || this.#unseen !== undefined;
  }

  /** What news has named comes first. What is in sight already waits for the answer that is on its way: of two, the later might come first. */
  #nextTouched(): ScriptKey[] {
    const keys: ScriptKey[] = [];
    for (const key of this.#touched) {
      if (keys.length === ROUND_SCRIPTS) break;
      if (this.#inSight.has(key)) continue;
      this.#touched.delete(key);
      keys.push(key);
    }
    while (this.#unseen !== undefined && keys.length < ROUND_SCRIPTS) {
      const next = this.#unseen.next();
      if (next.done === true) this.#unseen = undefined;
      else if (this.#inSight.has(next.value)) this.#touched.add(next.value);
      else keys.push(next.value);
    }
    return keys;
  }

  /** What can be read at once is looked at in slices: meanwhile others ask, and what has been found out leaves. */
  async #lookAtAll(keys: readonly ScriptKey[]): Promise<readonly (void | Promise<void>)[]> {
    const looks: (void | Promise<void>)[] = [];
    let untilMs = performance.now() + LOOK_SLICE_MS;
    for (const key of keys) {
      const look = this.#lookAt(key)?.catch((error: unknown) => this.#cannotLookAt(key, error));
      look?.catch(() => {}); // settled with the others
      looks.push(look);
      if (performance.now() < untilMs) continue;
      await turn();
      untilMs = performance.now() + LOOK_SLICE_MS;
    }
    return looks;
  }

  #lookAt(key: ScriptKey): void | Promise<void> {
    if (!this.#table.has(key)) return;
    const found = this.#scripts.status(scripthashOf(key));
    if (found instanceof Promise) return found.then((late) => this.#lookedAt(key, late));
    this.#lookedAt(key, found);
  }

  #lookedAt(key: ScriptKey, { status }: ScriptStatus): void {
    // The chain turns back: what is true now will not be when it stands still.
    if (this.#turningSinceMs !== undefined) this.#touched.add(key);
    // Touched again meanwhile: the next look is the one that counts.
    if (!this.#touched.has(key)) this.#update(key, status);
  }

  /**
   * Asking again would not make a history shorter that has become too long. As with peers its subscriptions end, with no
   * status: who asks for the history then hears why he cannot have it, and so does who subscribes again.
   */
  #cannotLookAt(key: ScriptKey, error: unknown): void {
    const isTooLong = error instanceof ProtocolError && error.code === PROTOCOL_CODES.historyTooLarge;
    if (!isTooLong) throw error;
    this.#tellTip();
    const news = new EncodedJson(JSON.stringify([scripthashOf(key), null]));
    for (const session of this.#table.drop(key)) {
      session.dropSubscription();
      session.notify("blockchain.scripthash.subscribe", news);
    }
  }

  /** Tells the subscribers of a script, unless they know. */
  #update(key: ScriptKey, status: string | null): void {
    const sessions = this.#table.update(key, status);
    if (sessions.length === 0) return;
    // The status may be of a block that was heard of in this very turn.
    this.#tellTip();
    const news = new EncodedJson(JSON.stringify([scripthashOf(key), status]));
    for (const session of sessions) {
      session.charge(COST_OF_STATUS);
      session.notify("blockchain.scripthash.subscribe", news);
    }
  }
}

function costOf({ length }: ScriptStatus): number {
  return COST_OF_STATUS + length / ENTRIES_PER_COST;
}
