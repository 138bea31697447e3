/** Gathers the questions that come in one turn of the loop, from all sessions, into one message to the actor that answers. */
import { type Clock, sleep, type Timer } from "../../../../runtime/clock.ts";
import { toWireError } from "../../../../runtime/errors.ts";
import { isPassing } from "./failure.ts";
import { busy } from "./fair-turns.ts";

export interface GatheringOptions<Q, A> {
  readonly clock: Clock;
  /** Answers in the order of the questions. */
  readonly ask: (questions: readonly Q[]) => Promise<readonly A[]>;
  readonly batchMax: number;
  /** Batches under way at once: what comes meanwhile waits and makes the next ones fuller. */
  readonly batchesMax?: number;
  readonly waitingMax?: number;
}

interface Waiting<Q, A> {
  readonly question: Q;
  readonly resolve: (answer: A) => void;
  readonly reject: (error: unknown) => void;
}

const BATCHES_MAX = 4;
/**
 * A message wakes four threads, whatever is in it. So while one is under way, the next goes when so many questions wait,
 * or when one has waited for so long: another's slow question must not hold it up.
 */
const WORTH_A_MESSAGE = 24;
const WAIT_MS_MAX = 2;
const WAITING_MAX = 50_000;
/** An actor that is started again answers well before that, and wallets wait longer. */
const PATIENCE_MS = 10_000;
const ASK_AGAIN_MS = 200;

export class Gathering<Q, A> {
  readonly #clock: Clock;
  readonly #ask: (questions: readonly Q[]) => Promise<readonly A[]>;
  readonly #batchMax: number;
  readonly #batchesMax: number;
  readonly #waitingMax: number;
  #waiting: Waiting<Q, A>[] = [];
  #running = 0;
  #isScheduled = false;
  #overdue: Timer | undefined;

  constructor({
    clock,
    ask,
    batchMax,
    batchesMax = BATCHES_MAX,
    waitingMax = WAITING_MAX,
  }: GatheringOptions<Q, A>) {
    this.#clock = clock;
    this.#ask = ask;
    this.#batchMax = batchMax;
    this.#batchesMax = batchesMax;
    this.#waitingMax = waitingMax;
  }

  ask(question: Q): Promise<A> {
    return new Promise((resolve, reject) => {
      if (this.#waiting.length >= this.#waitingMax) return reject(busy());
      this.#waiting.push({ question, resolve, reject });
      this.#schedule();
    });
  }

  #schedule(): void {
    if (this.#isScheduled || this.#running >= this.#batchesMax) return;
    this.#isScheduled = true;
    // After the turn in which sessions hand over what they have received.
    setImmediate(() => {
      this.#isScheduled = false;
      while (this.#waiting.length > 0 && this.#running < this.#batchesMax) {
        if (this.#running > 0 && this.#waiting.length < WORTH_A_MESSAGE) return this.#sendLater();
        void this.#send();
      }
    });
  }

  #sendLater(): void {
    this.#overdue ??= this.#clock.after(WAIT_MS_MAX, () => {
      this.#overdue = undefined;
      if (this.#waiting.length > 0 && this.#running < this.#batchesMax) void this.#send();
    });
  }

  async #send(): Promise<void> {
    this.#overdue?.cancel();
    this.#overdue = undefined;
    const batch =
      this.#waiting.length <= this.#batchMax ? this.#waiting : this.#waiting.slice(0, this.#batchMax);
    this.#waiting = batch === this.#waiting ? [] : this.#waiting.slice(this.#batchMax);
    this.#running += 1;
    await this.#settle(batch);
    this.#running -= 1;
    if (this.#waiting.length > 0) this.#schedule();
  }

  /** Never rejects. */
  async #settle(batch: readonly Waiting<Q, A>[]): Promise<void> {
    try {
      const answers = await this.#patiently(batch.map(({ question }) => question));
      batch.forEach(({ resolve }, i) => {
        resolve(answers[i] as A);
      });
    } catch (error) {
      if (batch.length > 1 && isTooLarge(error)) {
        // One client's large answers are no reason to refuse the others theirs.
        const middle = batch.length >> 1;
        await this.#settle(batch.slice(0, middle));
        return this.#settle(batch.slice(middle));
      }
      for (const { reject } of batch) reject(error);
    }
  }

  /** Nothing is changed by asking, so it may be asked again while the actor is away. */
  async #patiently(questions: readonly Q[]): Promise<readonly A[]> {
    const dueMs = this.#clock.monotonicMs() + PATIENCE_MS;
    for (;;) {
      try {
        return await this.#ask(questions);
      } catch (error) {
        if (!isPassing(error) || this.#clock.monotonicMs() >= dueMs) throw error;
        await sleep(this.#clock, ASK_AGAIN_MS);
      }
    }
  }
}

/** The answers of a batch fit no message together. */
function isTooLarge(error: unknown): boolean {
  return toWireError(error).code === "BUS_TOO_LARGE";
}
