/** Traces for Jaeger: nothing is loaded and nothing is sent unless an address is configured; then no identity leaves. */
import type { Attributes, Context } from "@opentelemetry/api";
import type { core, tracing } from "@opentelemetry/sdk-node";
import { systemClock } from "./clock.ts";
import { TroupeError } from "./errors.ts";
import { TokenBucket, withDeadline } from "./limits.ts";
import type { Log } from "./log/log.ts";
import { printableText } from "./log/printable.ts";
import { createRedaction, type Redaction, redact } from "./log/redaction.ts";

export interface TracingOptions {
  /** `http://127.0.0.1:4318`; without it tracing is off. */
  readonly otlpEndpoint: string | undefined;
  /** The share of traces, 0 to 1, that is kept where no rule of ours says otherwise. */
  readonly sampleRatio: number;
  readonly actor: string;
  readonly instance: string;
  readonly version: string;
  /** Shared by all actors of one boot, so that tags agree; `sensitive` lets identifiers out as they are. */
  readonly redaction?: Redaction;
  readonly log?: Log;
}

export interface Tracing {
  readonly isOn: boolean;
  /** Sends what is left, for at most two seconds. */
  shutdown(): Promise<void>;
}

const SHUTDOWN_TIMEOUT_MS = 2_000;
const EXPORT_TIMEOUT_MS = 2_000;
/** A thread that outruns its collector loses spans, not memory: about 4 MB at most. */
const QUEUE_SPANS_MAX = 2_048;
const BATCH_SPANS_MAX = 512;
const BATCH_DELAY_MS = 1_000;

/** A coinjoin is rare and always worth its trace. */
const ALWAYS_SAMPLED = /^coinjoin\./;

/** Sets the thread's global tracer, context manager and propagator. Call before the first span. */
export async function startTracing(options: TracingOptions): Promise<Tracing> {
  if (options.otlpEndpoint === undefined) {
    return Object.freeze({ isOn: false, shutdown: () => Promise.resolve() });
  }
  const url = tracesUrl(options.otlpEndpoint);
  // 130 ms and 25 MB: only for those who want it.
  const { NodeSDK, core, resources, tracing } = await import("@opentelemetry/sdk-node");
  const { OTLPTraceExporter } = await import("@opentelemetry/exporter-trace-otlp-proto");
  if (options.log !== undefined) core.setGlobalErrorHandler(failureTeller(options.log));
  const exporter = new ScrubbingExporter(
    new OTLPTraceExporter({ url, timeoutMillis: EXPORT_TIMEOUT_MS, concurrencyLimit: 1 }),
    options.redaction ?? createRedaction(),
  );
  const ratio = new tracing.TraceIdRatioBasedSampler(options.sampleRatio);
  const always = new tracing.AlwaysOnSampler();
  const root: tracing.Sampler = {
    shouldSample: (parent: Context, traceId: string, name: string) =>
      ALWAYS_SAMPLED.test(name) ? always.shouldSample() : ratio.shouldSample(parent, traceId),
    toString: () => `coinjoins and ${options.sampleRatio}`,
  };
  const sdk = new NodeSDK({
    // The defaults would tell host, user, process id, command line and paths.
    autoDetectResources: false,
    resource: resources.resourceFromAttributes({
      "service.name": "troupe",
      "service.version": options.version,
      "troupe.actor": options.actor,
      "troupe.instance": options.instance,
    }),
    sampler: new tracing.ParentBasedSampler({ root }),
    // No baggage: what one actor notes must not travel by itself.
    textMapPropagator: new core.W3CTraceContextPropagator(),
    instrumentations: [],
    // Empty, not absent: absent ones would be made from the environment.
    metricReaders: [],
    logRecordProcessors: [],
    spanProcessors: [
      new tracing.BatchSpanProcessor(exporter, {
        maxQueueSize: QUEUE_SPANS_MAX,
        maxExportBatchSize: BATCH_SPANS_MAX,
        scheduledDelayMillis: BATCH_DELAY_MS,
        exportTimeoutMillis: EXPORT_TIMEOUT_MS,
      }),
    ],
  });
  sdk.start();
  return Object.freeze({
    isOn: true,
    async shutdown() {
      try {
        await withDeadline(systemClock, sdk.shutdown(), SHUTDOWN_TIMEOUT_MS);
      } catch (error) {
        // Traces are a help, not a duty: a collector that is gone must not hold up the end.
        options.log?.debug("the last traces could not be sent", { error });
      }
    },
  });
}

function tracesUrl(endpoint: string): string {
  const url = URL.canParse(endpoint) ? new URL(endpoint) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.username !== "" || url.password !== "") {
    throw new TroupeError(
      { code: "RUNTIME_TELEMETRY_INVALID" },
      `telemetry.otlp_endpoint is not a usable address: ${printableText(endpoint, 200)}. ` +
        "Give an http or https URL without a user name, such as http://127.0.0.1:4318.",
    );
  }
  url.pathname = `${url.pathname.replace(/\/+$/, "")}/v1/traces`;
  return url.href;
}

/** A collector that is down is told once a minute, not with each batch. */
function failureTeller(log: Log): (failure: unknown) => void {
  const tellings = new TokenBucket({ clock: systemClock, burst: 1, perSecond: 1 / 60 });
  return (failure) => {
    if (tellings.take()) log.warn("traces could not be sent to the collector", { error: failure });
  };
}

/** Transaction ids, hashes, scripts and keys in hex; bech32 and base58 addresses and keys. */
const IDENTIFIERS = new RegExp(
  [
    "(?<![0-9A-Za-z])[0-9a-fA-F]{64,}(?![0-9A-Za-z])",
    "\\b(?:bc|tb|bcrt)1[02-9ac-hj-np-z]{8,87}\\b",
    "\\b(?:BC|TB|BCRT)1[02-9AC-HJ-NP-Z]{8,87}\\b",
    "\\b[123mn][1-9A-HJ-NP-Za-km-z]{25,34}\\b",
    "\\b[xyztuvYZUV]pub[1-9A-HJ-NP-Za-km-z]{80,}",
  ].join("|"),
  "g",
);

/** Absolute paths, which error messages quote. */
const PATHS = /(?<![\w:/.~-])~?(?:\/[^\s'"`/:,;)]+)+/g;

/** The last gate before the network: takes identifiers, secrets and paths out of everything that a span says. */
class ScrubbingExporter implements tracing.SpanExporter {
  readonly #next: tracing.SpanExporter;
  readonly #redaction: Redaction;

  constructor(next: tracing.SpanExporter, redaction: Redaction) {
    this.#next = next;
    this.#redaction = redaction;
  }

  export(spans: tracing.ReadableSpan[], done: (result: core.ExportResult) => void): void {
    this.#next.export(
      spans.map((span) => this.#scrubbed(span)),
      done,
    );
  }

  shutdown(): Promise<void> {
    return this.#next.shutdown();
  }

  forceFlush(): Promise<void> {
    return this.#next.forceFlush?.() ?? Promise.resolve();
  }

  /** The span itself must stay as it is: other processors may hold it. */
  #scrubbed(span: tracing.ReadableSpan): tracing.ReadableSpan {
    const { message, ...status } = span.status;
    return Object.create(span, {
      name: { value: this.#text(span.name) },
      attributes: { value: this.#attributes(span.attributes) },
      status: { value: message === undefined ? status : { ...status, message: this.#message(message) } },
      events: {
        value: span.events.map((event) => ({
          ...event,
          name: this.#text(event.name),
          attributes: this.#attributes(event.attributes ?? {}),
        })),
      },
      links: {
        value: span.links.map((link) => ({ ...link, attributes: this.#attributes(link.attributes ?? {}) })),
      },
    }) as tracing.ReadableSpan;
  }

  #attributes(attributes: Attributes): Attributes {
    const result: Attributes = {};
    for (const [key, value] of Object.entries(attributes)) {
      // A stack is a list of paths of this machine.
      if (key === "exception.stacktrace") continue;
      if (typeof value === "string") {
        result[key] = key === "exception.message" ? this.#message(value) : this.#text(value);
      } else if (Array.isArray(value)) {
        result[key] = value.map((item) => (typeof item === "string" ? this.#text(item) : item)) as string[];
      } else {
        result[key] = value;
      }
    }
    return result;
  }

  #message(message: string): string {
    return this.#text(message.replace(PATHS, "[path]"));
  }

  #text(text: string): string {
    const shown = printableText(text);
    if (this.#redaction.sensitive) return shown;
    return shown.replace(IDENTIFIERS, (identifier) => this.#redaction.show(redact(identifier)));
  }
}
