/** The trace of one taker that is served: how far it came and how long each step took, nothing of who it is or whose coins. */
import { context, type Span, trace } from "@opentelemetry/api";
import type { Offer } from "../../../joinmarket/offer/offer.ts";

export class SessionSpan {
  readonly #span: Span;
  #isOver = false;

  constructor({ type }: Pick<Offer, "type">, amountSat: number) {
    this.#span = trace.getTracer("troupe").startSpan("coinjoin.session", {
      // Of its own, also where the taker is ours: what joins the two must never leave this machine.
      root: true,
      attributes: {
        "coinjoin.role": "maker",
        "coinjoin.offer_type": type,
        // The power of ten: an amount would be as good as an identity.
        "coinjoin.amount_bucket": Math.floor(Math.log10(amountSat)),
      },
    });
  }

  run<T>(work: () => Promise<T>): Promise<T> {
    return context.with(trace.setSpan(context.active(), this.#span), work);
  }

  /** Whatever comes after the first end is of no trace. */
  end(phaseReached: string, outcome: "signed" | "given_up"): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#span.setAttribute("coinjoin.phase_reached", phaseReached);
    this.#span.setAttribute("coinjoin.outcome", outcome);
    this.#span.end();
  }
}
