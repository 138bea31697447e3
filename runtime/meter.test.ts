/** Our meter beside OpenTelemetry's own: the same measurements must give the same text. */
import type { Attributes, Meter } from "@opentelemetry/api";
import { PrometheusSerializer } from "@opentelemetry/exporter-prometheus";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { MeterProvider, MetricReader } from "@opentelemetry/sdk-metrics";
import fc from "fast-check";
import { afterEach, describe, expect, it } from "vitest";
import { ManualClock, systemClock } from "./clock.ts";
import { PulledMeter } from "./meter.ts";

const OWN = { actor: "indexer", instance: "1" };
const TIMEOUT_MS = 1_000;

class AskedReader extends MetricReader {
  protected override async onShutdown() {}
  protected override async onForceFlush() {}
}

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

function reference(): { meter: Meter; text(): Promise<string> } {
  const reader = new AskedReader();
  const provider = new MeterProvider({ readers: [reader], resource: resourceFromAttributes(OWN) });
  closing.push(() => provider.shutdown());
  const serializer = new PrometheusSerializer(undefined, false, /^(actor|instance)$/, true, true);
  return {
    meter: provider.getMeter("reference"),
    text: async () => `${serializer.serialize((await reader.collect()).resourceMetrics)}\n`,
  };
}

/** Families in the order of their names, lines without the order in which Prometheus takes no interest. */
function meaningOf(text: string): string[] {
  return text.trimEnd().split("\n").sort();
}

const text = (meter: PulledMeter) => meter.collectText(OWN, systemClock, TIMEOUT_MS);

/** With sorted names, as the reference writes labels in the order in which they come. */
const attributes: fc.Arbitrary<Attributes> = fc
  .record(
    {
      code: fc.constantFrom("ok", "BUS_DEADLINE", 'odd "one"\\\n', ""),
      method: fc.constantFrom("height", "history"),
      "to.dot": fc.constantFrom(1, true, 2.5),
    },
    { requiredKeys: [] },
  )
  .map((record) => ({ ...record }));
const measurement = fc.record({
  attributes,
  value: fc.oneof(fc.double({ min: 0, max: 20_000, noNaN: true }), fc.nat(12_000), fc.constant(-3)),
  instrument: fc.constantFrom("counter", "updown", "gauge", "histogram", "seconds"),
});

type Measurement = typeof measurement extends fc.Arbitrary<infer M> ? M : never;

function measure(meter: Meter, measurements: readonly Measurement[]): void {
  const counter = meter.createCounter("troupe_calls", { description: "Calls\nof \\ all" });
  const updown = meter.createUpDownCounter("troupe_open", { unit: "{page}" });
  const gauge = meter.createGauge("troupe_height");
  const histogram = meter.createHistogram("troupe_size", { unit: "By" });
  const seconds = meter.createHistogram("troupe_seconds", {
    advice: { explicitBucketBoundaries: [0.1, 1, 30] },
  });
  const observed = meter.createObservableCounter("troupe_seen_total");
  let sum = 0;
  observed.addCallback((result) => result.observe(sum, { kind: "all" }));
  for (const { instrument, value, attributes: labels } of measurements) {
    sum += Math.abs(value);
    if (instrument === "counter") counter.add(value, labels);
    else if (instrument === "updown") updown.add(value, labels);
    else if (instrument === "gauge") gauge.record(value, labels);
    else if (instrument === "histogram") histogram.record(value, labels);
    else seconds.record(value, labels);
  }
}

describe("our meter", () => {
  it("tells what OpenTelemetry's own would tell", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(measurement, { minLength: 1, maxLength: 60 }), async (measurements) => {
        const ours = new PulledMeter();
        const theirs = reference();
        measure(ours, measurements);
        measure(theirs.meter, measurements);

        // It writes the head of a family in which nothing was measured; nobody can read anything from that.
        const expected = meaningOf(await theirs.text());
        const found = meaningOf(await text(ours));
        const heads = (lines: readonly string[]) => lines.filter((line) => line.startsWith("#"));
        expect(found.filter((line) => !line.startsWith("#"))).toEqual(
          expected.filter((line) => !line.startsWith("#")),
        );
        expect(heads(expected)).toEqual(expect.arrayContaining(heads(found)));
      }),
      { numRuns: 60 },
    );
  });

  it("writes the head of a family before its lines, and none for what was never measured", async () => {
    const meter = new PulledMeter();
    meter.createCounter("troupe_never_total");
    meter.createGauge("troupe_height", { description: "How high", unit: "{block}" }).record(7);

    expect(await text(meter)).toBe(
      '# HELP troupe_height How high\n# UNIT troupe_height {block}\n# TYPE troupe_height gauge\ntroupe_height{actor="indexer",instance="1"} 7\n',
    );
  });

  it("takes the same labels in another order for the same series", async () => {
    const meter = new PulledMeter();
    const counter = meter.createCounter("troupe_calls_total");
    counter.add(1, { a: "x", b: "y" });
    counter.add(2, { b: "y", a: "x" });

    expect(await text(meter)).toContain('troupe_calls_total{a="x",b="y",actor="indexer",instance="1"} 3\n');
  });

  it("counts labels beyond its bound in one series, and loses nothing", async () => {
    const meter = new PulledMeter();
    const counter = meter.createCounter("troupe_calls_total");
    for (let peer = 0; peer < 5_000; peer++) counter.add(1, { peer: String(peer) });
    counter.add(1, { peer: "0" });

    const lines = (await text(meter)).split("\n").filter((line) => line.startsWith("troupe_calls_total{"));

    expect(lines).toHaveLength(2_000);
    expect(lines.find((line) => line.includes('otel_metric_overflow="true"'))).toMatch(/ 3001$/);
    expect(lines[0]).toMatch(/ 2$/);
  });

  it("forgets what is no longer observed", async () => {
    const meter = new PulledMeter();
    let queues = ["a", "b"];
    meter.createObservableGauge("troupe_depth").addCallback((result) => {
      for (const queue of queues) result.observe(1, { queue });
    });
    expect((await text(meter)).match(/queue=/g)).toHaveLength(2);

    queues = ["b"];

    expect((await text(meter)).match(/queue="."/g)).toEqual(['queue="b"']);
  });

  it("tells the figures of all others when one callback throws or never answers", async () => {
    const meter = new PulledMeter();
    const clock = new ManualClock();
    meter.createObservableGauge("troupe_broken").addCallback(() => {
      throw new Error("no figure");
    });
    meter.createObservableGauge("troupe_silent").addCallback(() => new Promise(() => {}));
    meter.createObservableGauge("troupe_well").addCallback((result) => result.observe(1));

    const collected = meter.collectText({}, clock, TIMEOUT_MS);
    clock.advance(TIMEOUT_MS);

    expect(await collected).toBe(
      "# HELP troupe_well description missing\n# TYPE troupe_well gauge\ntroupe_well 1\n",
    );
  });

  it("asks a callback for several instruments once, and until it is taken back", async () => {
    const meter = new PulledMeter();
    const heap = meter.createObservableGauge("troupe_heap");
    const other = meter.createObservableGauge("troupe_other");
    const all = (result: Parameters<Parameters<Meter["addBatchObservableCallback"]>[0]>[0]) => {
      result.observe(heap, 5);
      result.observe(other, 6);
    };
    meter.addBatchObservableCallback(all, [heap]);
    expect(await text(meter)).toMatch(/^troupe_heap\{[^}]*\} 5$/m);
    expect(await text(meter)).not.toContain("troupe_other");

    meter.removeBatchObservableCallback(all);
    const single = (result: { observe(value: number): void }) => result.observe(9);
    other.addCallback(single);
    expect(await text(meter)).toMatch(/^troupe_other\{[^}]*\} 9$/m);
    other.removeCallback(single);
    other.record(1);
    expect(await text(meter)).toMatch(/^troupe_other\{[^}]*\} 1$/m);
  });

  it("is one instrument for all who ask for its name, of one kind", () => {
    const meter = new PulledMeter();
    const gauge = meter.createGauge("troupe_height");

    expect(meter.createGauge("troupe_height")).toBe(gauge);
    expect(() => meter.createHistogram("troupe_height")).toThrow(RangeError);
    expect(() => meter.createGauge("no name")).toThrow(RangeError);
  });
});
