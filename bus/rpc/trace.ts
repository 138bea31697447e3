/** Trace context across the bus, by hand: no global propagator is needed, and baggage never travels. */
import {
  type Context,
  createTraceState,
  isSpanContextValid,
  ROOT_CONTEXT,
  type SpanContext,
  TraceFlags,
  trace,
} from "@opentelemetry/api";
import type { HeaderList } from "../carrier/transport.ts";
import { TRACEPARENT_HEADER, TRACESTATE_HEADER } from "../envelope.ts";

const TRACEPARENT = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/;
/** W3C asks for at least this much to be passed on. */
const TRACESTATE_LENGTH_MAX = 512;

/** The headers that carry this context; none when there is no trace. */
export function traceHeaders(context: Context): [name: string, value: string][] {
  const span = trace.getSpanContext(context);
  if (span === undefined || !isSpanContextValid(span)) return [];
  const flags = (span.traceFlags & TraceFlags.SAMPLED) === 0 ? "00" : "01";
  const headers: [string, string][] = [[TRACEPARENT_HEADER, `00-${span.traceId}-${span.spanId}-${flags}`]];
  const state = span.traceState?.serialize();
  if (state !== undefined && state !== "" && state.length <= TRACESTATE_LENGTH_MAX) {
    headers.push([TRACESTATE_HEADER, state]);
  }
  return headers;
}

/** The sender's span; undefined when absent or malformed, for a broken trace must not break a call. */
export function remoteSpan(headers: HeaderList | undefined): SpanContext | undefined {
  if (headers === undefined) return undefined;
  const match = TRACEPARENT.exec(firstValue(headers, TRACEPARENT_HEADER) ?? "");
  if (match === null) return undefined;
  const [, traceId, spanId, flags] = match as unknown as [string, string, string, string];
  const state = firstValue(headers, TRACESTATE_HEADER);
  const span: SpanContext = {
    traceId,
    spanId,
    traceFlags: Number.parseInt(flags, 16) & TraceFlags.SAMPLED,
    isRemote: true,
    ...(state !== undefined && state !== "" && state.length <= TRACESTATE_LENGTH_MAX
      ? { traceState: createTraceState(state) }
      : {}),
  };
  return isSpanContextValid(span) ? span : undefined;
}

/** The context under which the sender's span is the parent. */
export function remoteContext(span: SpanContext | undefined): Context {
  return span === undefined ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, span);
}

function firstValue(headers: HeaderList, name: string): string | undefined {
  for (const header of headers) if (header[0] === name) return header[1];
  return undefined;
}
