/** The requests that came together and are answered together, in the order in which they were asked. */
import type { OutMessage } from "../carrier/codec.ts";
import { batchReply, lengthOf } from "../envelope/reply.ts";

export class Batch {
  readonly #items: readonly unknown[];
  #next = 0;
  readonly #replies: (OutMessage | undefined)[] = [];
  #open = 0;
  #bytes = 0;
  #isFinished = false;

  constructor(items: readonly unknown[]) {
    this.#items = items;
  }

  get hasMore(): boolean {
    return this.#next < this.#items.length;
  }

  get bytes(): number {
    return this.#bytes;
  }

  take(): unknown {
    return this.#items[this.#next++];
  }

  /** Keeps a place for an answer. */
  expect(): number {
    this.#open++;
    return this.#replies.push(undefined) - 1;
  }

  fill(place: number, reply: OutMessage): void {
    this.#replies[place] = reply;
    this.#bytes += lengthOf(reply);
    this.#open--;
  }

  /**
   * The answer to all, once: when every request has been taken and every answer is there. Undefined before, when nothing
   * wanted an answer, and afterwards: a notification may still run when the rest has been answered.
   */
  finish(): OutMessage | undefined {
    if (this.hasMore || this.#open > 0 || this.#isFinished) return undefined;
    this.#isFinished = true;
    const replies = this.#replies.filter((reply) => reply !== undefined);
    return replies.length === 0 ? undefined : batchReply(replies);
  }
}
