/** Whose turn it is: every client with something to do gets a small turn in a round, and the loop gets its own between rounds. */

import { FlushQueue } from "./flush-queue.ts";

export interface Turned {
  isQueued: boolean;
  /** It has answers that are to be sent. */
  isAnswered: boolean;
  /** Does a little; true when there is more to do at once. */
  step(): boolean;
  /** Sends what has gathered in this turn. */
  flush(): void;
}

/** After so long the loop looks for new bytes and old timers again: a bound on what one turn adds to another's wait. */
const SLICE_MS = 4;
/** What is told to all waits so long at most for news of single scripts that is on its way. */
const HOLD_MS_MAX = 400;
/** The front of the queue is cut off when so much of it has had its turn. */
const SPENT_MAX = 1_024;

export class Scheduler {
  readonly #runningMax: number;
  #queue: Turned[] = [];
  /** The part of `#queue` before it has had its turn. */
  #at = 0;
  #answered: Turned[] = [];
  /** Whom something is told gets slices of turns, as requests do: first what concerns few, then what is told to all. */
  readonly #told = new FlushQueue();
  readonly #toldAll = new FlushQueue();
  #running = 0;
  #immediate: NodeJS.Immediate | undefined;
  readonly #isTelling: () => boolean;
  readonly #holdMsMax: number;
  /** Since when something waits to be told to all. */
  #toldAllSinceMs: number | undefined;
  #hold: NodeJS.Timeout | undefined;

  /** `isTelling`: more will soon be told that concerns few. */
  constructor(runningMax: number, isTelling: () => boolean = () => false, holdMsMax: number = HOLD_MS_MAX) {
    this.#runningMax = runningMax;
    this.#isTelling = isTelling;
    this.#holdMsMax = holdMsMax;
  }

  get running(): number {
    return this.#running;
  }

  /** How many more may run. */
  get room(): number {
    return Math.max(0, this.#runningMax - this.#running);
  }

  /** No room for one more request that waits for somebody else's answer. */
  get isFull(): boolean {
    return this.#running >= this.#runningMax;
  }

  wake(client: Turned): void {
    if (client.isQueued) return;
    client.isQueued = true;
    this.#queue.push(client);
    this.#arm();
  }

  /** At the end of this turn, with the notifications that wait. */
  answerSoon(client: Turned): void {
    if (client.isAnswered) return;
    client.isAnswered = true;
    this.#answered.push(client);
    this.#arm();
  }

  /**
   * After all answers of this turn; when there are very many to be told, some turns later. `isForAll`: all others hear it
   * too, when nobody is about to hear more than that.
   */
  notifySoon(client: Turned, isForAll: boolean): void {
    (isForAll ? this.#toldAll : this.#told).add(client);
    this.#arm();
  }

  began(): void {
    this.#running++;
  }

  ended(): void {
    this.#running--;
    if (this.#at < this.#queue.length) this.#arm();
  }

  stop(): void {
    if (this.#immediate !== undefined) clearImmediate(this.#immediate);
    this.#immediate = undefined;
    clearTimeout(this.#hold);
    this.#hold = undefined;
  }

  #arm(): void {
    this.#immediate ??= setImmediate(() => this.#turn());
  }

  #turn(): void {
    this.#immediate = undefined;
    const untilMs = performance.now() + SLICE_MS;
    while (this.#at < this.#queue.length && !this.isFull) {
      const client = this.#queue[this.#at++] as Turned;
      client.isQueued = false;
      // At the end of the line: all others come first.
      if (client.step()) this.wake(client);
      if (performance.now() > untilMs) break;
    }
    if (this.#at === this.#queue.length || this.#at > SPENT_MAX) {
      this.#queue = this.#queue.slice(this.#at);
      this.#at = 0;
    }
    const answered = this.#answered;
    this.#answered = [];
    for (const client of answered) {
      client.isAnswered = false;
      client.flush();
    }
    this.#notifySome();
    // When it is full, the next answer arms it.
    if (this.#at < this.#queue.length && !this.isFull) this.#arm();
  }

  #notifySome(): void {
    const untilMs = performance.now() + SLICE_MS;
    this.#told.flushUntil(untilMs);
    if (!this.#told.isEmpty) return this.#arm();
    if (this.#toldAll.isEmpty || this.#isHeld()) return;
    this.#toldAll.flushUntil(untilMs);
    if (this.#toldAll.isEmpty) this.#toldAllSinceMs = undefined;
    else this.#arm();
  }

  /** While scripts are looked at, telling all of a block would take the processor from telling few what it did to them. */
  #isHeld(): boolean {
    const nowMs = performance.now();
    this.#toldAllSinceMs ??= nowMs;
    if (!this.#isTelling() || nowMs - this.#toldAllSinceMs > this.#holdMsMax) return false;
    // The last look may have nothing to tell, and so not arm us.
    this.#hold ??= setTimeout(() => {
      this.#hold = undefined;
      this.#arm();
    }, SLICE_MS);
    return true;
  }
}
