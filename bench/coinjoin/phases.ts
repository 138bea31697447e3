/** How long each part of a coinjoin took after its plan, read from its trace: what the taker itself says, not what is seen from outside. */
import type { Collector, SpanRead } from "../../tests/harness/tracing/collector.ts";

export const PHASES = ["reserve", "fill", "auth", "build", "makersSign", "sign", "broadcast"] as const;
export type Phase = (typeof PHASES)[number];
export type PhaseTimes = Readonly<Record<Phase, number>>;

export interface TracedJoin {
  readonly phases: PhaseTimes;
  /** Requests to walletd, index and mempool, and what they took together. */
  readonly calls: number;
  readonly callsMs: number;
}

/** One for each coinjoin that went through at its first attempt, in their order. */
export function tracedJoins(collector: Collector): TracedJoin[] {
  return collector.named("coinjoin.run").flatMap((run) => {
    const spans = collector.spans.filter(({ traceId }) => traceId === run.traceId);
    const phase = (name: string) => spans.find(({ attributes }) => attributes["coinjoin.phase"] === name);
    const fill = phase("fill");
    if (run.attributes["coinjoin.outcome"] !== "done" || fill === undefined) return [];
    const keyed = fill.events.filter(({ attributes }) => attributes["coinjoin.step"] === "keyed");
    const keyedMs = Math.max(fill.startMs, ...keyed.map(({ atMs }) => atMs));
    const calls = spans.filter(({ actor, name }) => actor === "taker" && name.startsWith("rpc "));
    const phases = {
      reserve: tookMs(phase("reserve")),
      fill: keyedMs - fill.startMs,
      auth: fill.endMs - keyedMs,
      build: tookMs(phase("tx")),
      makersSign: tookMs(phase("makers-sign")),
      sign: tookMs(phase("sign")),
      broadcast: tookMs(phase("send")),
    };
    return [{ phases, calls: calls.length, callsMs: calls.reduce((sum, span) => sum + tookMs(span), 0) }];
  });
}

function tookMs(span: SpanRead | undefined): number {
  return span === undefined ? 0 : span.endMs - span.startMs;
}
