/** Keeps what went wrong: spans that sampling leaves out are recorded all the same, and sent when their part of the trace holds an error or a slow span. */
import { type Context, SpanStatusCode, TraceFlags } from "@opentelemetry/api";
import { tracing } from "@opentelemetry/sdk-node";
import type { Clock } from "../clock.ts";
import { TokenBucket } from "../limits.ts";

/** A span that took longer is worth a look, whatever became of it. */
const SLOW_MS = 1_000;
/** Traces of which this thread holds something at a time. The oldest makes room, and is sent if it already holds an error. */
const PARTS_MAX = 1_000;
/** About 4 MB, as much as waits for the collector. */
const SPANS_MAX = 2_048;
const PART_SPANS_MAX = 64;
/** Outsiders can cause as many refusals as they like; they must not fill the collector. */
const KEPT_BURST = 50;
const KEPT_PER_SECOND = 5;

/** Decides as `head` does, but has recorded what `head` would drop. The flag that goes to other actors stays as `head` says. */
export class TailSampler implements tracing.Sampler {
  readonly #head: tracing.Sampler;

  constructor(head: tracing.Sampler) {
    this.#head = head;
  }

  shouldSample(...asked: Parameters<tracing.Sampler["shouldSample"]>): tracing.SamplingResult {
    const result = this.#head.shouldSample(...asked);
    if (result.decision !== tracing.SamplingDecision.NOT_RECORD) return result;
    return { ...result, decision: tracing.SamplingDecision.RECORD };
  }

  toString(): string {
    return `${this.#head}, and errors`;
  }
}

type Reason = "error" | "slow";

/** What this thread has seen of one trace that was not sampled. */
interface Part {
  /** Spans that have begun and not ended: the part is over with the last of them. */
  open: number;
  readonly ended: tracing.ReadableSpan[];
  reason: Reason | undefined;
}

/** Hands sampled spans on as they end; the others only when their part is over and was worth it. */
export class TailProcessor implements tracing.SpanProcessor {
  readonly #next: tracing.SpanProcessor;
  readonly #parts = new Map<string, Part>();
  readonly #keeps: TokenBucket;
  #heldSpans = 0;
  #leftOut = 0;

  constructor(next: tracing.SpanProcessor, clock: Clock) {
    this.#next = next;
    this.#keeps = new TokenBucket({ clock, burst: KEPT_BURST, perSecond: KEPT_PER_SECOND });
  }

  onStart(span: tracing.Span, context: Context): void {
    this.#next.onStart(span, context);
    const { traceFlags, traceId } = span.spanContext();
    if (isSampled(traceFlags)) return;
    const part = this.#parts.get(traceId);
    if (part !== undefined) part.open++;
    else {
      this.#parts.set(traceId, { open: 1, ended: [], reason: undefined });
      if (this.#parts.size > PARTS_MAX) this.#giveUpOldest();
    }
  }

  onEnd(span: tracing.ReadableSpan): void {
    const { traceFlags, traceId } = span.spanContext();
    if (isSampled(traceFlags)) {
      this.#next.onEnd(span);
      return;
    }
    // A span that outlived its part, which had to make room, stands for itself.
    const part = this.#parts.get(traceId) ?? { open: 1, ended: [], reason: undefined };
    const reason = reasonOf(span);
    // Why the part is kept must be in it, however long it was before.
    if (part.ended.length < PART_SPANS_MAX) {
      part.ended.push(span);
      this.#heldSpans++;
    } else if (reason !== undefined && part.reason === undefined) part.ended[PART_SPANS_MAX - 1] = span;
    if (part.reason !== "error") part.reason = reason ?? part.reason;
    part.open--;
    if (part.open <= 0) this.#end(traceId, part);
    else if (this.#heldSpans > SPANS_MAX) this.#giveUpOldest();
  }

  forceFlush(): Promise<void> {
    return this.#next.forceFlush();
  }

  shutdown(): Promise<void> {
    for (const [traceId, part] of [...this.#parts]) this.#end(traceId, part);
    return this.#next.shutdown();
  }

  #giveUpOldest(): void {
    for (const [traceId, part] of this.#parts) {
      this.#end(traceId, part);
      return;
    }
  }

  #end(traceId: string, { ended, reason }: Part): void {
    this.#parts.delete(traceId);
    this.#heldSpans -= ended.length;
    if (reason === undefined) return;
    if (!this.#keeps.take()) {
      this.#leftOut++;
      return;
    }
    const leftOut = this.#leftOut;
    this.#leftOut = 0;
    for (const span of ended) this.#next.onEnd(kept(span, reason, leftOut));
  }
}

const isSampled = (traceFlags: number) => (traceFlags & TraceFlags.SAMPLED) !== 0;

function reasonOf(span: tracing.ReadableSpan): Reason | undefined {
  if (span.status.code === SpanStatusCode.ERROR) return "error";
  const [seconds, nanoseconds] = span.duration;
  return seconds * 1_000 + nanoseconds / 1e6 >= SLOW_MS ? "slow" : undefined;
}

/** The span as the processors behind take it: sampled, and with the reason, for its trace may be here in part only. */
function kept(span: tracing.ReadableSpan, reason: Reason, leftOut: number): tracing.ReadableSpan {
  const spanContext = { ...span.spanContext(), traceFlags: TraceFlags.SAMPLED };
  const attributes = {
    ...span.attributes,
    "troupe.kept": reason,
    ...(leftOut === 0 ? {} : { "troupe.kept_left_out": leftOut }),
  };
  return Object.create(span, {
    spanContext: { value: () => spanContext },
    attributes: { value: attributes },
  }) as tracing.ReadableSpan;
}
