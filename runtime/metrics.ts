/** Metrics of one thread: an OpenTelemetry meter whose figures are pulled as Prometheus text, never pushed. */
import { monitorEventLoopDelay } from "node:perf_hooks";
import { isMainThread } from "node:worker_threads";
import type { Meter } from "@opentelemetry/api";
import { PrometheusSerializer } from "@opentelemetry/exporter-prometheus";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { MeterProvider, MetricReader } from "@opentelemetry/sdk-metrics";

export interface MetricsOptions {
  readonly actor: string;
  readonly instance: string;
}

export interface Metrics {
  readonly meter: Meter;
  /** All figures of this thread as a Prometheus exposition; every line carries `actor` and `instance`. */
  collectText(): Promise<string>;
  stop(): Promise<void>;
}

/** A reader that waits to be asked. */
class PullReader extends MetricReader {
  protected override onShutdown(): Promise<void> {
    return Promise.resolve();
  }

  protected override onForceFlush(): Promise<void> {
    return Promise.resolve();
  }
}

const COLLECT_TIMEOUT_MS = 1_000;
const EVENT_LOOP_RESOLUTION_MS = 10;
const NANOSECONDS = 1e9;

/** One for each thread (measured: 50 ms and 7 MB to load, 1 ms to collect a hundred figures). */
export function createMetrics(options: MetricsOptions): Metrics {
  const reader = new PullReader();
  const provider = new MeterProvider({
    readers: [reader],
    // Given by hand: detected resources would tell host, user and command line.
    resource: resourceFromAttributes({ actor: options.actor, instance: options.instance }),
  });
  const serializer = new PrometheusSerializer(undefined, false, /^(actor|instance)$/, true, true);
  const meter = provider.getMeter("troupe");
  const stopObserving = observeThread(meter);
  return Object.freeze({
    meter,
    async collectText() {
      const { resourceMetrics } = await reader.collect({ timeoutMillis: COLLECT_TIMEOUT_MS });
      return `${serializer.serialize(resourceMetrics)}\n`;
    },
    async stop() {
      stopObserving();
      await provider.shutdown();
    },
  });
}

/** What every thread tells of itself. The event loop's figure covers the time since the last collection. */
function observeThread(meter: Meter): () => void {
  const delays = monitorEventLoopDelay({ resolution: EVENT_LOOP_RESOLUTION_MS });
  delays.enable();
  const eventLoop = meter.createObservableGauge("troupe_eventloop_p99_seconds", {
    description: "99th percentile of the event loop's delay since the last collection",
  });
  const heap = meter.createObservableGauge("troupe_heap_bytes", { description: "JavaScript heap in use" });
  const external = meter.createObservableGauge("troupe_external_bytes", {
    description: "Buffers and native memory outside the heap and its limits",
  });
  const rss = meter.createObservableGauge("troupe_rss_bytes", {
    description: "Resident memory of the process",
  });
  meter.addBatchObservableCallback(
    (result) => {
      const p99 = delays.percentile(99) / NANOSECONDS;
      // The histogram measures whole intervals; an idle loop would read as one interval of delay.
      result.observe(eventLoop, delays.count === 0 ? 0 : Math.max(0, p99 - EVENT_LOOP_RESOLUTION_MS / 1000));
      delays.reset();
      const memory = process.memoryUsage();
      result.observe(heap, memory.heapUsed);
      result.observe(external, memory.external);
      // Threads share their process's memory: it is told once.
      if (isMainThread) result.observe(rss, memory.rss);
    },
    [eventLoop, heap, external, rss],
  );
  return () => {
    delays.disable();
  };
}

/** A line of an exposition: `name{labels} value`. Labels may hold anything between quotes. */
const SAMPLE = /^([A-Za-z_:][A-Za-z0-9_:]*)(?:\{.*\})?\s+\S+(?:\s+-?\d+)?$/;
const META = /^# (HELP|TYPE|UNIT) ([A-Za-z_:][A-Za-z0-9_:]*)(?: (.*))?$/;

interface Family {
  readonly meta: Map<string, string>;
  /** Lines by name and labels: the same figure twice would make the whole exposition invalid. */
  readonly samples: Map<string, string>;
}

/** The same exposition with one more label on every sample: whose it is, told by who has asked. */
export function withLabel(text: string, name: string, value: string): string {
  const label = `${name}="${value.replace(/[\\"]/g, "\\$&").replaceAll("\n", "\\n")}"`;
  return text
    .split("\n")
    .map((line) => {
      const [, metric = ""] = SAMPLE.exec(line) ?? [];
      if (metric === "") return line;
      const end = line.lastIndexOf("}");
      if (end === -1) return `${metric}{${label}}${line.slice(metric.length)}`;
      const comma = line[end - 1] === "{" || line[end - 1] === "," ? "" : ",";
      return `${line.slice(0, end)}${comma}${label}${line.slice(end)}`;
    })
    .join("\n");
}

/** Joins the expositions of several actors into one: each family once, what is no exposition left out. */
export function mergeExpositions(texts: readonly string[]): string {
  const families = new Map<string, Family>();
  for (const text of texts) addExposition(families, text);
  const lines: string[] = [];
  for (const [name, family] of families) {
    if (family.samples.size === 0) continue;
    for (const kind of ["HELP", "TYPE", "UNIT"]) {
      const words = family.meta.get(kind);
      if (words !== undefined) lines.push(`# ${kind} ${name} ${words}`);
    }
    lines.push(...family.samples.values());
  }
  return lines.length === 0 ? "" : `${lines.join("\n")}\n`;
}

function addExposition(families: Map<string, Family>, text: string): void {
  for (const line of text.split("\n")) {
    const meta = META.exec(line);
    if (meta !== null) {
      const [, kind = "", name = "", words = ""] = meta;
      const family = familyOf(families, name);
      if (!family.meta.has(kind)) family.meta.set(kind, words);
      continue;
    }
    const [, name] = SAMPLE.exec(line) ?? [];
    if (name === undefined) continue;
    const key = line.slice(0, line.lastIndexOf("}") + 1) || name;
    const family = familyOf(families, familyName(families, name));
    if (!family.samples.has(key)) family.samples.set(key, line);
  }
}

/** `x_bucket`, `x_sum` and `x_count` belong to the histogram `x`. */
function familyName(families: ReadonlyMap<string, Family>, name: string): string {
  const base = name.replace(/_(bucket|sum|count)$/, "");
  const type = families.get(base)?.meta.get("TYPE");
  return base !== name && (type === "histogram" || type === "summary") ? base : name;
}

function familyOf(families: Map<string, Family>, name: string): Family {
  let family = families.get(name);
  if (family === undefined) {
    family = { meta: new Map(), samples: new Map() };
    families.set(name, family);
  }
  return family;
}
