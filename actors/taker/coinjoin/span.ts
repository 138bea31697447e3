/** The trace of one coinjoin: how far it came and how long each part took, nothing of whom it was with or whose coins. */
import { context, type Span, SpanStatusCode, trace } from "@opentelemetry/api";
import { toWireError } from "../../../runtime/errors.ts";
import type { RunRecord } from "./record.ts";

export class RunSpan {
  readonly #span: Span;
  /** Of the phase that is on. */
  #phase: Span | undefined;

  constructor({ wish, attempt }: RunRecord) {
    this.#span = trace.getTracer("troupe").startSpan("coinjoin.run", {
      // A run outlives whatever asked for it.
      root: true,
      attributes: {
        "coinjoin.role": "taker",
        "coinjoin.is_sweep": wish.amountSat === null,
        "coinjoin.is_resumed": attempt > 0,
        // The power of ten: an amount would be as good as an identity.
        ...(wish.amountSat === null
          ? {}
          : { "coinjoin.amount_bucket": Math.floor(Math.log10(wish.amountSat)) }),
      },
    });
  }

  run<T>(work: () => Promise<T>): Promise<T> {
    return context.with(trace.setSpan(context.active(), this.#span), work);
  }

  /** `count`: how many makers went along with it, and how many did not. */
  async phase<T>(
    phase: string,
    work: () => Promise<T>,
    count?: () => { readonly responded: number; readonly missing: number },
  ): Promise<T> {
    const parent = trace.setSpan(context.active(), this.#span);
    const span = trace
      .getTracer("troupe")
      .startSpan("coinjoin.phase", { attributes: { "coinjoin.phase": phase } }, parent);
    this.#phase = span;
    try {
      return await context.with(trace.setSpan(parent, span), work);
    } catch (error) {
      span.setStatus({ code: SpanStatusCode.ERROR, message: toWireError(error).code });
      throw error;
    } finally {
      const counts = count?.();
      if (counts !== undefined) {
        span.setAttribute("coinjoin.responded", counts.responded);
        span.setAttribute("coinjoin.missing", counts.missing);
      }
      this.#phase = undefined;
      span.end();
    }
  }

  /** How far a maker has come: which one it is says a number that is good for this coinjoin only. */
  maker(number: number, step: string): void {
    this.#phase?.addEvent("coinjoin.maker", { "coinjoin.maker": number, "coinjoin.step": step });
  }

  end({ phase, makers, failure }: RunRecord): void {
    this.#span.setAttribute("coinjoin.outcome", phase);
    this.#span.setAttribute("coinjoin.counterparties", makers.length);
    if (failure !== null) this.#span.setStatus({ code: SpanStatusCode.ERROR, message: failure.code });
    this.#span.end();
  }
}
