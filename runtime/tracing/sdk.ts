/** OpenTelemetry's SDK as we want it: nothing detected, nothing taken from the environment, queues with a bound. */
import type { Context } from "@opentelemetry/api";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import { core, NodeSDK, resources, tracing } from "@opentelemetry/sdk-node";
import { systemClock } from "../clock.ts";
import { TokenBucket } from "../limits.ts";
import type { Log } from "../log/log.ts";
import { createRedaction, type Redaction } from "../log/redaction.ts";
import { ScrubbingExporter } from "./scrubbing.ts";
import { TailProcessor, TailSampler } from "./tail.ts";

export interface SdkOptions {
  /** The share of traces, 0 to 1, that is kept where no rule of ours says otherwise. */
  readonly sampleRatio: number;
  readonly actor: string;
  readonly instance: string;
  readonly version: string;
  /** Shared by all actors of one boot, so that tags agree; `sensitive` lets identifiers out as they are. */
  readonly redaction?: Redaction;
  readonly log?: Log;
}

const EXPORT_TIMEOUT_MS = 2_000;
/** A thread that outruns its collector loses spans, not memory: about 4 MB at most. */
const QUEUE_SPANS_MAX = 2_048;
const BATCH_SPANS_MAX = 512;
const BATCH_DELAY_MS = 1_000;

/** A coinjoin is rare and always worth its trace. */
const ALWAYS_SAMPLED = /^coinjoin\./;

/** Sets the thread's global tracer, context manager and propagator. */
export function startSdk(url: string, options: SdkOptions): NodeSDK {
  if (options.log !== undefined) core.setGlobalErrorHandler(failureTeller(options.log));
  const exporter = new ScrubbingExporter(
    new OTLPTraceExporter({ url, timeoutMillis: EXPORT_TIMEOUT_MS, concurrencyLimit: 1 }),
    options.redaction ?? createRedaction(),
  );
  const batches = new tracing.BatchSpanProcessor(exporter, {
    maxQueueSize: QUEUE_SPANS_MAX,
    maxExportBatchSize: BATCH_SPANS_MAX,
    scheduledDelayMillis: BATCH_DELAY_MS,
    exportTimeoutMillis: EXPORT_TIMEOUT_MS,
  });
  const sdk = new NodeSDK({
    // The defaults would tell host, user, process id, command line and paths.
    autoDetectResources: false,
    resource: resources.resourceFromAttributes({
      "service.name": "troupe",
      "service.version": options.version,
      "troupe.actor": options.actor,
      "troupe.instance": options.instance,
    }),
    sampler: new TailSampler(new tracing.ParentBasedSampler({ root: rootSampler(options.sampleRatio) })),
    // No baggage: what one actor notes must not travel by itself.
    textMapPropagator: new core.W3CTraceContextPropagator(),
    instrumentations: [],
    // Empty, not absent: absent ones would be made from the environment.
    metricReaders: [],
    logRecordProcessors: [],
    spanProcessors: [new TailProcessor(batches, systemClock)],
  });
  sdk.start();
  return sdk;
}

function rootSampler(sampleRatio: number): tracing.Sampler {
  const ratio = new tracing.TraceIdRatioBasedSampler(sampleRatio);
  const always = new tracing.AlwaysOnSampler();
  return {
    shouldSample: (parent: Context, traceId: string, name: string) =>
      ALWAYS_SAMPLED.test(name) ? always.shouldSample() : ratio.shouldSample(parent, traceId),
    toString: () => `coinjoins and ${sampleRatio}`,
  };
}

/** A collector that is down is told once a minute, not with each batch. */
function failureTeller(log: Log): (failure: unknown) => void {
  const tellings = new TokenBucket({ clock: systemClock, burst: 1, perSecond: 1 / 60 });
  return (failure) => {
    if (tellings.take()) log.warn("traces could not be sent to the collector", { error: failure });
  };
}
