import { ROOT_CONTEXT, type Span, SpanStatusCode, TraceFlags, type Tracer, trace } from "@opentelemetry/api";
import { tracing } from "@opentelemetry/sdk-node";
import { beforeEach, describe, expect, it } from "vitest";
import { ManualClock } from "../clock.ts";
import { TailProcessor, TailSampler } from "./tail.ts";

const BASE_MS = 1_700_000_000_000;

describe("what sampling leaves out", () => {
  let exporter: tracing.InMemorySpanExporter;
  let processor: TailProcessor;
  let clock: ManualClock;
  let tracer: Tracer;

  beforeEach(() => {
    exporter = new tracing.InMemorySpanExporter();
    clock = new ManualClock();
    processor = new TailProcessor(new tracing.SimpleSpanProcessor(exporter), clock);
    tracer = tracerWith(0);
  });

  function tracerWith(ratio: number): Tracer {
    const root = new tracing.TraceIdRatioBasedSampler(ratio);
    const provider = new tracing.BasicTracerProvider({
      sampler: new TailSampler(new tracing.ParentBasedSampler({ root })),
      spanProcessors: [processor],
    });
    return provider.getTracer("test");
  }

  /** Of a moment's length unless told otherwise. */
  const begin = (name: string, parent?: Span): Span =>
    tracer.startSpan(
      name,
      { startTime: BASE_MS },
      parent === undefined ? ROOT_CONTEXT : trace.setSpan(ROOT_CONTEXT, parent),
    );
  const end = (span: Span, tookMs = 1): void => span.end(BASE_MS + tookMs);
  const fail = (span: Span): void => {
    span.setStatus({ code: SpanStatusCode.ERROR, message: "BUS_DEADLINE" });
    end(span);
  };
  const sent = () => exporter.getFinishedSpans().map(({ name }) => name);
  const reasons = () => exporter.getFinishedSpans().map(({ attributes }) => attributes["troupe.kept"]);

  it("is sent whole when one of its spans failed, as soon as its last one has ended", () => {
    const root = begin("root");
    const well = begin("well", root);
    const failing = begin("failing", root);
    end(well);
    fail(failing);
    expect(sent()).toEqual([]);

    end(root);

    expect(sent()).toEqual(["well", "failing", "root"]);
    expect(reasons()).toEqual(["error", "error", "error"]);
    const [first] = exporter.getFinishedSpans();
    expect(first?.spanContext()).toMatchObject({
      traceId: root.spanContext().traceId,
      spanId: well.spanContext().spanId,
      traceFlags: TraceFlags.SAMPLED,
    });
  });

  it("is sent when one of its spans was slow", () => {
    const root = begin("root");
    end(begin("quick", root), 999);
    end(root, 1_000);

    expect(sent()).toEqual(["quick", "root"]);
    expect(reasons()).toEqual(["slow", "slow"]);
  });

  it("is not sent when all went well", () => {
    const root = begin("root");
    end(begin("child", root), 999);
    end(root, 999);

    expect(sent()).toEqual([]);
  });

  it("is told apart from what is sampled, which is sent at once and as it is", () => {
    tracer = tracerWith(1);
    const root = begin("root");
    fail(begin("failing", root));

    expect(sent()).toEqual(["failing"]);
    expect(reasons()).toEqual([undefined]);
  });

  it("says to the next actor that it is not sampled, so that each decides by what it saw itself", () => {
    const root = begin("root");

    expect(root.isRecording()).toBe(true);
    expect(root.spanContext().traceFlags & TraceFlags.SAMPLED).toBe(0);
    const remote = { ...root.spanContext(), isRemote: true };
    const served = tracer.startSpan("served", {}, trace.setSpanContext(ROOT_CONTEXT, remote));
    expect(served.isRecording()).toBe(true);
  });

  it("holds a bounded part of a trace, and the failure is in it", () => {
    const root = begin("root");
    for (let child = 0; child < 500; child++) end(begin(`child ${child}`, root));
    fail(begin("failing", root));
    end(root);

    expect(sent()).toHaveLength(64);
    expect(sent()).toContain("failing");
  });

  it("holds a bounded number of spans: the oldest trace makes room, and is sent if it has failed", () => {
    const failed = begin("failed");
    fail(begin("why", failed));
    const quiet = begin("quiet");
    end(begin("of no interest", quiet));
    for (let other = 0; other < 60; other++) {
      const root = begin(`root ${other}`);
      for (let child = 0; child < 60; child++) end(begin("child", root));
    }

    expect(sent()).toEqual(["why"]);
    end(quiet);
    fail(failed);
    expect(sent()).toEqual(["why", "failed"]);
  });

  it("holds a bounded number of traces whose spans never end", () => {
    const failed = begin("failed");
    fail(begin("why", failed));
    for (let other = 0; other < 1_000; other++) begin("never ends");

    expect(sent()).toEqual(["why"]);
  });

  it("is sent at a bounded rate, and says how much was left out", () => {
    for (let request = 0; request < 60; request++) fail(begin("refused"));
    expect(sent()).toHaveLength(50);

    clock.advance(1_000);
    fail(begin("later"));

    const last = exporter.getFinishedSpans().at(-1);
    expect(last?.name).toBe("later");
    expect(last?.attributes["troupe.kept_left_out"]).toBe(10);
  });

  it("is sent at the end if it has failed and is not over", async () => {
    const root = begin("root");
    fail(begin("failing", root));
    const flushed: string[][] = [];
    exporter.shutdown = async () => void flushed.push(sent());

    await processor.shutdown();

    expect(flushed).toEqual([["failing"]]);
  });
});
