/** What was answered lately, by the name of the request: one that comes twice has no second effect, and the same answer. */
import type { Clock } from "../../../../runtime/clock.ts";
import { RecentMap } from "../guard/recent-map.ts";

const KEPT_MS = 24 * 3_600_000;

interface Kept<A> {
  readonly answer: Promise<A>;
  readonly untilMs: number;
}

export class Once<A> {
  readonly #clock: Clock;
  readonly #kept: RecentMap<string, Kept<A>>;

  constructor(clock: Clock, answersMax: number) {
    this.#clock = clock;
    this.#kept = new RecentMap(answersMax);
  }

  /** One without a name is answered each time. */
  async answer(jid: string, requestId: string | undefined, answer: () => Promise<A>): Promise<A> {
    if (requestId === undefined) return answer();
    const key = `${jid} ${requestId}`;
    const nowMs = this.#clock.monotonicMs();
    const kept = this.#kept.get(key);
    if (kept !== undefined && nowMs < kept.untilMs) return kept.answer;
    const made = answer();
    this.#kept.set(key, { answer: made, untilMs: nowMs + KEPT_MS });
    try {
      return await made;
    } catch (error) {
      // Nothing came of it: the same may be tried again.
      this.#kept.delete(key);
      throw error;
    }
  }
}
