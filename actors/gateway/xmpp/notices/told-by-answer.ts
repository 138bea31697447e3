/** What people learn of a payment by the answer to their own words: no notice tells it to them once more. */
import type { LedgerNotice, LedgerOrder } from "../../../../bus/contracts/ledger/objects.ts";
import { RecentMap } from "../guard/recent-map.ts";

const TOLD_MAX = 10_000;

/** Which notice says what an order in this state says. */
const NOTICE_OF: Partial<Record<LedgerOrder["state"], LedgerNotice["kind"]>> = {
  done: "order.executed",
  broadcast: "order.broadcast",
  failed: "order.failed",
};
const ANSWERED: ReadonlySet<string> = new Set(Object.values(NOTICE_OF));

export class ToldByAnswer {
  /** Of each who waits for answers just now, how many. */
  readonly #waiting = new Map<string, number>();
  readonly #told = new RecentMap<string, true>(TOLD_MAX);
  #onAnswer: (jid: string) => void = () => {};

  /** Calls back when somebody waits for no answer any more: one listener. */
  onAnswer(listener: (jid: string) => void): void {
    this.#onAnswer = listener;
  }

  /** Carries out a payment whose asker is told how it went. */
  async answering(jid: string, carryOut: () => Promise<LedgerOrder>): Promise<LedgerOrder> {
    this.#waiting.set(jid, (this.#waiting.get(jid) ?? 0) + 1);
    try {
      const order = await carryOut();
      const kind = NOTICE_OF[order.state];
      if (kind !== undefined) this.#told.set(keyOf(jid, kind, order.order), true);
      return order;
    } finally {
      const left = (this.#waiting.get(jid) ?? 1) - 1;
      if (left > 0) this.#waiting.set(jid, left);
      else this.#waiting.delete(jid);
      if (left === 0) this.#onAnswer(jid);
    }
  }

  /** Its reader may learn it by an answer that is on its way. */
  mayBeTold({ jid, kind }: LedgerNotice): boolean {
    return ANSWERED.has(kind) && this.#waiting.has(jid);
  }

  isTold({ jid, kind, order }: LedgerNotice): boolean {
    return order !== null && this.#told.get(keyOf(jid, kind, order)) === true;
  }
}

function keyOf(jid: string, kind: string, order: string): string {
  return `${kind} ${order} ${jid}`;
}
