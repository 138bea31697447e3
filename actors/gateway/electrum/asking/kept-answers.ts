/** Answers by key, kept until the chain or the mempool touches the key: bounded by weight, the longest unused go first. */

import type { Asker } from "./fair-turns.ts";

export interface KeptAnswersOptions<A> {
  /** For whom: of several who ask the same at once, the first. */
  readonly ask: (key: string, asker: Asker) => A | Promise<A>;
  /** Infinite for an answer that is not to be kept. */
  readonly weightOf: (answer: A) => number;
  readonly weightMax: number;
}

/** Of what may be kept: so much is left when something has to go. */
const SHARE_LEFT = 31 / 32;

interface Question<A> {
  answer?: Promise<A>;
}

export class KeptAnswers<A> {
  readonly #ask: KeptAnswersOptions<A>["ask"];
  readonly #weightOf: (answer: A) => number;
  readonly #weightMax: number;
  /** In the order of their use, the oldest first. */
  readonly #kept = new Map<string, A>();
  /** Under way; one that was forgotten meanwhile is here no more, and its answer is not kept. */
  readonly #asked = new Map<string, Question<A>>();
  #weight = 0;

  constructor({ ask, weightOf, weightMax }: KeptAnswersOptions<A>) {
    this.#ask = ask;
    this.#weightOf = weightOf;
    this.#weightMax = weightMax;
  }

  /** Without a promise when it is at hand. */
  of(key: string, asker?: Asker): A | Promise<A> {
    const kept = this.peek(key);
    if (kept !== undefined) return kept;
    const asked = this.#asked.get(key)?.answer;
    if (asked !== undefined) return asked;
    const answer = this.#ask(key, asker);
    if (!(answer instanceof Promise)) {
      this.#keep(key, answer);
      return answer;
    }
    const question: Question<A> = {};
    this.#asked.set(key, question);
    question.answer = this.#whenAnswered(key, question, answer);
    return question.answer;
  }

  peek(key: string): A | undefined {
    const kept = this.#kept.get(key);
    if (kept === undefined) return undefined;
    this.#kept.delete(key);
    this.#kept.set(key, kept);
    return kept;
  }

  /** What was known of the key is old: the next question is asked anew, also while an older one is under way. */
  forget(key: string): void {
    // A block names thousands of keys, of which few are known here: looking for a key costs more than knowing that there are none.
    if (this.#asked.size > 0) this.#asked.delete(key);
    if (this.#kept.size === 0) return;
    const kept = this.#kept.get(key);
    if (kept === undefined) return;
    this.#kept.delete(key);
    this.#weight -= this.#weightOf(kept);
  }

  /** The same for all keys that are known or being asked for, and fit. */
  forgetAll(fits: (key: string) => boolean): void {
    for (const keys of [this.#asked.keys(), this.#kept.keys()]) {
      for (const key of keys) if (fits(key)) this.forget(key);
    }
  }

  clear(): void {
    this.#asked.clear();
    this.#kept.clear();
    this.#weight = 0;
  }

  /** What is worth keeping is kept before those who asked hear of it. */
  async #whenAnswered(key: string, question: Question<A>, coming: Promise<A>): Promise<A> {
    try {
      const answer = await coming;
      if (this.#isCurrent(key, question)) {
        this.#asked.delete(key);
        this.#keep(key, answer);
      }
      return answer;
    } catch (error) {
      if (this.#isCurrent(key, question)) this.#asked.delete(key);
      throw error;
    }
  }

  #keep(key: string, answer: A): void {
    const weight = this.#weightOf(answer);
    // One that would push out all the others is not worth it.
    if (weight > this.#weightMax / 2) return;
    this.#kept.set(key, answer);
    this.#weight += weight;
    if (this.#weight <= this.#weightMax) return;
    // Some at once: a Map passes over all that has been deleted before its oldest each time that it is asked for it.
    const enough = Math.ceil(this.#weightMax * SHARE_LEFT);
    for (const [oldest, dropped] of this.#kept) {
      if (this.#weight <= enough) break;
      this.#kept.delete(oldest);
      this.#weight -= this.#weightOf(dropped);
    }
  }

  #isCurrent(key: string, question: Question<A>): boolean {
    return this.#asked.get(key) === question;
  }
}
