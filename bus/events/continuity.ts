/** Whether a message follows the one before: per instance an epoch, per subject an unbroken chain of numbers. */

interface Place {
  readonly instance: string;
  readonly epoch: string;
  readonly seq: number;
  readonly previous: number;
}

/** Keys come from a publisher's own tables (shards, wallets); past this we begin anew rather than grow. */
const SUBJECTS_MAX = 4096;

export class Continuity {
  /** Where we joined each instance: what was said before that is not missed. */
  readonly #joined = new Map<string, { readonly epoch: string; readonly seq: number }>();
  readonly #last = new Map<string, number>();

  /** Notes the message; says what was lost before it. `anyOrder` for states, whose earlier values are nobody's loss. */
  check(subject: string, place: Place, anyOrder: boolean): "gap" | "epoch" | undefined {
    const joined = this.#joined.get(place.instance);
    const last = this.#last.get(subject);
    if (this.#last.size >= SUBJECTS_MAX && last === undefined) this.#last.clear();
    this.#last.set(subject, place.seq);
    if (joined === undefined) {
      this.#joined.set(place.instance, place);
      return undefined;
    }
    if (joined.epoch !== place.epoch) {
      this.#joined.set(place.instance, place);
      this.#forgetOthers(subject, place.instance);
      return "epoch";
    }
    if (anyOrder) return undefined;
    if (last !== undefined) return place.previous > last ? "gap" : undefined;
    return place.previous >= joined.seq ? "gap" : undefined;
  }

  /** We lost our place: the next message of each instance is where we join. */
  forget(): void {
    this.#joined.clear();
    this.#last.clear();
  }

  #forgetOthers(subject: string, instance: string): void {
    for (const other of this.#last.keys()) {
      if (other !== subject && other.split(".", 5)[4] === instance) this.#last.delete(other);
    }
  }
}
