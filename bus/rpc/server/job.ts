/** One accepted request on its way through the callee: what its handler sees of it, and what it costs only when looked at. */
import type { SpanContext } from "@opentelemetry/api";
import type { Log } from "../../../runtime/log/log.ts";
import type { CallContext } from "../../bus.ts";
import type { Envelope } from "../../envelope.ts";
import { type Expiring, NO_SLOT } from "../deadlines.ts";
import { busFailure, CallError } from "../failure.ts";
import type { Station } from "../station.ts";

export interface JobTerms {
  readonly caller: string;
  readonly reply: string;
  readonly method: string;
  readonly input: unknown;
  readonly envelope: Envelope;
  readonly trace: SpanContext | undefined;
  readonly receivedMs: number;
  readonly dueMs: number;
}

export class Job implements CallContext, Expiring {
  slot = NO_SLOT;
  readonly terms: JobTerms;
  /** Where the result of a keyed call is remembered. */
  keyed: { readonly id: string; readonly requestHash: string } | undefined;
  readonly #station: Station;
  #abort: AbortController | undefined;
  #log: Log | undefined;

  constructor(station: Station, terms: JobTerms) {
    this.#station = station;
    this.terms = terms;
  }

  get caller(): string {
    return this.terms.caller;
  }

  get key(): string | undefined {
    return this.terms.envelope.key;
  }

  get fence(): number | undefined {
    return this.terms.envelope.fence;
  }

  get attempt(): number {
    return this.terms.envelope.attempt ?? 1;
  }

  get trace(): SpanContext | undefined {
    return this.terms.trace;
  }

  get log(): Log {
    this.#log ??= this.#station.log.child({
      method: this.terms.method,
      caller: this.terms.caller,
      ...(this.terms.trace === undefined ? {} : { traceId: this.terms.trace.traceId }),
    });
    return this.#log;
  }

  remainingMs(): number {
    return Math.max(0, this.terms.dueMs - this.#station.clock.monotonicMs());
  }

  /** Most handlers end in time and never look; only those that do pay for a timer. */
  get signal(): AbortSignal {
    if (this.#abort === undefined) {
      this.#abort = new AbortController();
      if (this.remainingMs() === 0) this.expire();
      else this.#station.deadlines.add(this.terms.dueMs, this);
    }
    return this.#abort.signal;
  }

  expire(): void {
    this.#abort?.abort(
      new CallError(
        busFailure("BUS_DEADLINE", "The caller's deadline has passed; it waits no more.", "unknown", {
          retryable: true,
        }),
      ),
    );
  }

  /** The service stops and has waited long enough. */
  stop(): void {
    this.#abort ??= new AbortController();
    this.#abort.abort(new CallError(busFailure("BUS_CLOSED", "The actor stops.", "unknown")));
  }

  done(): void {
    this.#station.deadlines.remove(this);
  }
}
