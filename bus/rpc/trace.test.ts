import { ROOT_CONTEXT, SpanKind, type Tracer, trace } from "@opentelemetry/api";
import { metrics as sdkMetrics, tracing } from "@opentelemetry/sdk-node";
import { beforeEach, describe, expect, test } from "vitest";
import { systemClock } from "../../runtime/clock.ts";
import { TailProcessor, TailSampler } from "../../runtime/tracing/tail.ts";
import { indexerLike, likeContracts, walletdLike } from "../../tests/harness/contracts.ts";
import { MemoryBroker } from "../carrier/memory.ts";
import { Nkey } from "../carrier/nkey.ts";
import type { HeaderList } from "../carrier/transport.ts";
import { ConnectedBus } from "../connected-bus.ts";
import { permissionsOf, usersOf } from "../contract/permissions.ts";
import { silentLog } from "../fake.ts";
import { remoteContext, remoteSpan, traceHeaders } from "./trace.ts";

const PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

describe("trace headers", () => {
  test("are read and written as they are, in lower case", () => {
    const headers: HeaderList = [
      ["traceparent", PARENT],
      ["tracestate", "a=1,b=2"],
    ];

    expect(traceHeaders(remoteContext(remoteSpan(headers)))).toEqual(headers);
  });

  test.each([
    ["absent", undefined],
    ["empty", ""],
    ["of another case", PARENT.toUpperCase()],
    ["all zero", "00-00000000000000000000000000000000-0000000000000000-01"],
    ["cut short", PARENT.slice(0, -1)],
  ])("that are %s start no trace and break nothing", (_what, value) => {
    expect(remoteSpan(value === undefined ? undefined : [["traceparent", value]])).toBeUndefined();
  });

  test("are not sent where there is no trace", () => {
    expect(traceHeaders(ROOT_CONTEXT)).toEqual([]);
  });
});

describe("spans", () => {
  let exporter: tracing.InMemorySpanExporter;
  let tracer: Tracer;
  let broker: MemoryBroker;

  beforeEach(() => {
    exporter = new tracing.InMemorySpanExporter();
    const provider = new tracing.BasicTracerProvider({
      spanProcessors: [new tracing.SimpleSpanProcessor(exporter)],
    });
    tracer = provider.getTracer("test");
    broker = new MemoryBroker(
      usersOf(likeContracts).map((name) => ({
        name,
        publicKey: Nkey.create().publicKey,
        permissions: permissionsOf(name, likeContracts),
      })),
    );
  });

  const connect = (user: string): ConnectedBus =>
    new ConnectedBus(broker.connect(user), { log: silentLog(), tracer });
  const finished = () => exporter.getFinishedSpans();
  const named = (name: string, kind: SpanKind) =>
    finished().find((span) => span.name === name && span.kind === kind);

  test("of a call and of the calls its handler makes are one trace", async () => {
    const walletd = connect("walletd");
    await connect("indexer").serve(indexerLike, {
      tip: () => ({ height: 3, hash: "h" }),
      broadcast: () => ({ txid: "0".repeat(64) }),
      rows: (rows) => rows,
    });
    await walletd.serve(
      walletdLike,
      {
        balances: async () => ({ confirmedSat: (await walletd.client(indexerLike).tip({})).height }),
        signTx: () => ({ signatures: [] }),
        unlock: () => ({}),
      },
      { instance: "w-1" },
    );

    await connect("maker").client(walletdLike, "w-1").balances({});

    const outerClient = named("rpc walletd.balances", SpanKind.CLIENT);
    const outerServer = named("rpc walletd.balances", SpanKind.SERVER);
    const innerClient = named("rpc indexer.tip", SpanKind.CLIENT);
    const innerServer = named("rpc indexer.tip", SpanKind.SERVER);
    expect(outerServer?.parentSpanContext?.spanId).toBe(outerClient?.spanContext().spanId);
    expect(innerClient?.parentSpanContext?.spanId).toBe(outerServer?.spanContext().spanId);
    expect(innerServer?.parentSpanContext?.spanId).toBe(innerClient?.spanContext().spanId);
    expect(new Set(finished().map((span) => span.spanContext().traceId)).size).toBe(1);
    expect(outerServer?.attributes).toMatchObject({ "troupe.caller": "maker", "troupe.code": "ok" });
    expect(outerClient?.attributes).toMatchObject({
      "messaging.system": "nats",
      "messaging.destination.name": "troupe.v1.rpc.walletd.w-1.balances.maker",
      "messaging.destination.template": "troupe.v1.rpc.walletd.*.balances.maker",
      "troupe.callee": "walletd",
      "troupe.attempt": 1,
    });
  });

  test("of an event heard are traces of their own with a link to the one that published it", async () => {
    const publisher = connect("indexer").publisher(indexerLike);
    await connect("maker").onEvent(indexerLike, "block.connected", () => undefined);

    publisher.event("block.connected", { height: 1, hash: "h" });
    for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));

    const producer = named("publish indexer.block.connected", SpanKind.PRODUCER);
    const consumer = named("process indexer.block.connected", SpanKind.CONSUMER);
    expect(consumer?.links.map(({ context }) => context.spanId)).toEqual([producer?.spanContext().spanId]);
    expect(consumer?.spanContext().traceId).not.toBe(producer?.spanContext().traceId);
    expect(consumer?.parentSpanContext).toBeUndefined();
  });

  test("never hold a body, and a failure only by its code", async () => {
    const secret = "deadbeef".repeat(8);
    await connect("walletd").serve(
      walletdLike,
      {
        balances: () => ({ confirmedSat: 1 }),
        signTx: () => {
          throw new Error(`cannot sign ${secret}`);
        },
        unlock: () => ({}),
      },
      { instance: "w-1" },
    );

    const call = connect("maker").client(walletdLike, "w-1").signTx({ psbt: secret }, { retries: 0 });
    const error = await call.catch((thrown: { data: { traceId?: string } }) => thrown);

    const server = named("rpc walletd.signTx", SpanKind.SERVER);
    const told = finished().map(({ name, attributes, events, status }) => ({
      name,
      attributes,
      events,
      status,
    }));
    expect(JSON.stringify(told)).not.toContain(secret);
    expect(server?.status.message).toBe("BUS_INTERNAL");
    expect(error).toMatchObject({ data: { traceId: server?.spanContext().traceId } });
  });

  test("of a request that fails are kept by caller and callee also when nothing is sampled", async () => {
    const tracerOf = () => {
      const kept = new tracing.InMemorySpanExporter();
      const provider = new tracing.BasicTracerProvider({
        sampler: new TailSampler(new tracing.ParentBasedSampler({ root: new tracing.AlwaysOffSampler() })),
        spanProcessors: [new TailProcessor(new tracing.SimpleSpanProcessor(kept), systemClock)],
      });
      return { tracer: provider.getTracer("test"), kept };
    };
    const [caller, callee] = [tracerOf(), tracerOf()];
    const indexer = new ConnectedBus(broker.connect("indexer"), { log: silentLog(), tracer: callee.tracer });
    await indexer.serve(indexerLike, {
      tip: () => ({ height: 1, hash: "h" }),
      broadcast: () => {
        throw new Error("no node");
      },
      rows: (rows) => rows,
    });
    const bus = new ConnectedBus(broker.connect("taker"), { log: silentLog(), tracer: caller.tracer });
    const client = bus.client(indexerLike);

    await client.tip({});
    const failure = await client
      .broadcast({ rawTx: "00" }, { retries: 0 })
      .catch((thrown: { data: { traceId?: string } }) => thrown);

    const spans = [caller, callee].flatMap(({ kept }) => kept.getFinishedSpans());
    expect(spans.map(({ name, kind }) => [name, kind])).toEqual([
      ["rpc indexer.broadcast", SpanKind.CLIENT],
      ["rpc indexer.broadcast", SpanKind.SERVER],
    ]);
    const [traceId] = new Set(spans.map((span) => span.spanContext().traceId));
    expect(failure).toMatchObject({ data: { traceId } });
    expect(spans[1]?.parentSpanContext?.spanId).toBe(spans[0]?.spanContext().spanId);
  });

  test("an actor without an SDK passes the trace on", async () => {
    const walletd = new ConnectedBus(broker.connect("walletd"), { log: silentLog() });
    let seen: string | undefined;
    await connect("indexer").serve(indexerLike, {
      tip: (_input, call) => {
        seen = call.trace?.traceId;
        return { height: 1, hash: "h" };
      },
      broadcast: () => ({ txid: "0".repeat(64) }),
      rows: (rows) => rows,
    });
    await walletd.serve(
      walletdLike,
      {
        balances: async () => ({ confirmedSat: (await walletd.client(indexerLike).tip({})).height }),
        signTx: () => ({ signatures: [] }),
        unlock: () => ({}),
      },
      { instance: "w-1" },
    );

    await connect("maker").client(walletdLike, "w-1").balances({});

    expect(seen).toBe(named("rpc walletd.balances", SpanKind.CLIENT)?.spanContext().traceId);
    expect(trace.getActiveSpan()).toBeUndefined();
  });
});

test("the instruments tell durations by callee, method, caller and code, and what was turned away", async () => {
  const exporter = new sdkMetrics.InMemoryMetricExporter(sdkMetrics.AggregationTemporality.CUMULATIVE);
  const reader = new sdkMetrics.PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 });
  const provider = new sdkMetrics.MeterProvider({ readers: [reader] });
  const broker = new MemoryBroker(
    ["indexer", "taker"].map((name) => ({
      name,
      publicKey: Nkey.create().publicKey,
      permissions: permissionsOf(name, likeContracts),
    })),
  );
  const meter = provider.getMeter("test");
  const bus = new ConnectedBus(broker.connect("indexer"), { log: silentLog(), meter });
  await bus.serve(indexerLike, {
    tip: () => ({ height: 1, hash: "h" }),
    broadcast: () => ({ txid: "0".repeat(64) }),
    rows: (rows) => rows,
  });
  const stub = new ConnectedBus(broker.connect("taker"), { log: silentLog() }).client(indexerLike);
  await stub.tip({});
  await stub.broadcast({ rawTx: 5 as unknown as string }).catch(() => undefined);

  await provider.forceFlush();

  const instruments = exporter
    .getMetrics()
    .flatMap(({ scopeMetrics }) => scopeMetrics.flatMap(({ metrics }) => metrics));
  const pointsOf = (name: string) =>
    instruments.find(({ descriptor }) => descriptor.name === name)?.dataPoints ?? [];
  const common = { side: "server", callee: "indexer", caller: "taker" };
  expect(pointsOf("troupe_rpc_duration_seconds").map(({ attributes }) => attributes)).toEqual([
    { ...common, method: "tip", code: "ok" },
    { ...common, method: "broadcast", code: "BUS_BAD_REQUEST" },
  ]);
  expect(pointsOf("troupe_rpc_rejected_total").map(({ attributes, value }) => [attributes, value])).toEqual([
    [{ reason: "malformed" }, 1],
  ]);
  expect(pointsOf("troupe_bus_up").map(({ value }) => value)).toEqual([1]);
  expect(pointsOf("troupe_bus_bytes_total").map(({ value }) => (value as number) > 0)).toEqual([true, true]);
  await provider.shutdown();
});
