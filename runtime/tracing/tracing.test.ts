import { createServer, type Server } from "node:http";
import { createRequire } from "node:module";
import { type AddressInfo, Socket } from "node:net";
import { homedir, hostname, userInfo } from "node:os";
import { context, propagation, SpanStatusCode, trace } from "@opentelemetry/api";
import { afterEach, describe, expect, it } from "vitest";
import { createRedaction } from "../log/redaction.ts";
import { startTracing, type Tracing, type TracingOptions } from "./tracing.ts";

const TXID = "4a5e1e4baab89f3a32518a88c31bc87f618f76673e2cc77ab2127b7afdeda33b";
const BECH32 = "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq";
const BASE58 = "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa";

let server: Server | undefined;
let tracing: Tracing | undefined;
afterEach(async () => {
  await tracing?.shutdown();
  tracing = undefined;
  server?.closeAllConnections();
  server?.close();
  server = undefined;
  trace.disable();
  context.disable();
  propagation.disable();
});

/** A collector that keeps what it is sent. */
async function collector(answer = true) {
  const requests: { path: string; headers: string; body: Buffer }[] = [];
  const listening = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on("data", (part: Buffer) => void parts.push(part));
    request.on("end", () => {
      requests.push({
        path: request.url ?? "",
        headers: JSON.stringify(request.headers),
        body: Buffer.concat(parts),
      });
      if (answer) response.end();
    });
  });
  server = listening;
  await new Promise<void>((resolve) => listening.listen(0, "127.0.0.1", resolve));
  const { port } = listening.address() as AddressInfo;
  return { endpoint: `http://127.0.0.1:${port}/`, requests };
}

async function start(otlpEndpoint: string | undefined, options: Partial<TracingOptions> = {}) {
  tracing = await startTracing({
    otlpEndpoint,
    sampleRatio: 1,
    actor: "taker",
    instance: "i7",
    version: "1.2.3",
    ...options,
  });
  return tracing;
}

describe("tracing without an address", () => {
  it("opens no socket and loads no SDK", async () => {
    const connect = Socket.prototype.connect;
    let sockets = 0;
    Socket.prototype.connect = function (this: Socket, ...options: unknown[]) {
      sockets++;
      return (connect as (...all: unknown[]) => Socket).apply(this, options);
    } as typeof connect;
    try {
      const { isOn, shutdown } = await start(undefined);
      trace.getTracer("t").startSpan("coinjoin.run").end();
      await shutdown();

      expect(isOn).toBe(false);
      expect(sockets).toBe(0);
      const loaded = Object.keys(createRequire(import.meta.url).cache);
      expect(loaded.filter((path) => path.includes("@opentelemetry/sdk-node"))).toEqual([]);
    } finally {
      Socket.prototype.connect = connect;
    }
  });
});

describe("tracing with an address", () => {
  it("sends the span with four resource attributes and nothing of the machine or its user", async () => {
    const { endpoint, requests } = await collector();
    const { shutdown } = await start(endpoint);

    const span = trace.getTracer("t").startSpan("coinjoin.run", { attributes: { "coinjoin.role": "taker" } });
    span.recordException(new Error(`cannot open ${homedir()}/wallet.db: denied`));
    span.setStatus({ code: SpanStatusCode.ERROR, message: "cannot open '/var/lib/x/y'" });
    span.end();
    await shutdown();

    expect(requests.map(({ path }) => path)).toEqual(["/v1/traces"]);
    const sent = requests[0]?.body.toString("latin1") ?? "";
    for (const expected of [
      "service.name",
      "troupe",
      "service.version",
      "1.2.3",
      "troupe.actor",
      "taker",
      "troupe.instance",
      "i7",
      "coinjoin.run",
      "coinjoin.role",
      "exception.type",
      "cannot open [path]: denied",
    ]) {
      expect(sent).toContain(expected);
    }
    const everything = sent + requests[0]?.headers;
    for (const forbidden of [
      hostname(),
      process.cwd(),
      process.execPath,
      homedir(),
      "wallet.db",
      "/var/lib",
      "stacktrace",
      "process.",
      "host.",
      "tracing.test",
    ]) {
      expect(everything).not.toContain(forbidden);
    }
    expect(sent).not.toMatch(new RegExp(`\\b(${process.pid}|${userInfo().username})\\b`));
  });

  it("lets no transaction id and no address out, only their tags", async () => {
    const { endpoint, requests } = await collector();
    const redaction = createRedaction({ key: Buffer.alloc(32, 1) });
    const { shutdown } = await start(endpoint, { redaction });

    const span = trace.getTracer("t").startSpan(`coinjoin.${TXID}`, {
      attributes: {
        txid: TXID,
        to: [`${BECH32}:1`, BASE58],
        raw: `02000000${TXID}`,
        hash: TXID.toUpperCase(),
      },
      links: [
        {
          context: { traceId: "0af7651916cd43dd8448eb211c80319c", spanId: "b7ad6b7169203331", traceFlags: 1 },
          attributes: { to: BECH32.toUpperCase() },
        },
      ],
    });
    span.addEvent(`paid ${BASE58}`, { txid: `(${TXID})` });
    span.setStatus({ code: SpanStatusCode.ERROR, message: `no ${BECH32}` });
    span.end();
    await shutdown();

    const sent = requests[0]?.body.toString("latin1") ?? "";
    expect(sent.toLowerCase()).not.toContain(TXID);
    expect(sent.toLowerCase()).not.toContain(BECH32);
    expect(sent).not.toContain(BASE58);
    expect(sent.match(/#[0-9a-f]{16}/g)?.length).toBeGreaterThanOrEqual(8);
  });

  it("lets identifiers out when the operator has asked for it", async () => {
    const { endpoint, requests } = await collector();
    const { shutdown } = await start(endpoint, { redaction: createRedaction({ sensitive: true }) });

    trace
      .getTracer("t")
      .startSpan("a", { attributes: { txid: TXID } })
      .end();
    await shutdown();

    expect(requests[0]?.body.toString("latin1")).toContain(TXID);
  });

  it("keeps every coinjoin and its children, and none of the rest, at a ratio of nothing", async () => {
    const { endpoint, requests } = await collector();
    const { shutdown } = await start(endpoint, { sampleRatio: 0 });
    const tracer = trace.getTracer("t");

    tracer.startActiveSpan("coinjoin.run", (run) => {
      tracer.startSpan("rpc walletd.sign").end();
      run.end();
    });
    tracer.startSpan("rpc indexer.tip").end();
    await shutdown();

    const sent = requests.map(({ body }) => body.toString("latin1")).join("");
    expect(sent).toContain("coinjoin.run");
    expect(sent).toContain("walletd.sign");
    expect(sent).not.toContain("indexer.tip");
  });

  it("keeps what failed, and why, at a ratio of nothing", async () => {
    const { endpoint, requests } = await collector();
    const { shutdown } = await start(endpoint, { sampleRatio: 0 });
    const tracer = trace.getTracer("t");

    tracer.startActiveSpan("rpc indexer.history", (request) => {
      tracer.startSpan("read the index").end();
      request.setStatus({ code: SpanStatusCode.ERROR, message: "BUS_DEADLINE" });
      request.end();
    });
    tracer.startSpan("rpc indexer.tip").end();
    await shutdown();

    const sent = requests.map(({ body }) => body.toString("latin1")).join("");
    for (const expected of ["rpc indexer.history", "read the index", "BUS_DEADLINE", "troupe.kept"]) {
      expect(sent).toContain(expected);
    }
    expect(sent).not.toContain("indexer.tip");
  });

  it("propagates the trace and no baggage", async () => {
    const { endpoint } = await collector();
    await start(endpoint);
    const carrier: Record<string, string> = {};

    trace.getTracer("t").startActiveSpan("coinjoin.run", (span) => {
      const active = propagation.setBaggage(
        context.active(),
        propagation.createBaggage({ a: { value: "b" } }),
      );
      propagation.inject(active, carrier);
      span.end();
    });

    expect(Object.keys(carrier)).toEqual(["traceparent"]);
  });

  it("comes to an end although the collector never answers", async () => {
    const { endpoint } = await collector(false);
    const { shutdown } = await start(endpoint);

    trace.getTracer("t").startSpan("coinjoin.run").end();

    await expect(shutdown()).resolves.toBeUndefined();
  });

  it.each(["not a url", "ftp://127.0.0.1", "http://user:hunter2hunter2@127.0.0.1:4318"])(
    "refuses %s",
    async (endpoint) => {
      const failure = await start(endpoint).catch((error: unknown) => error as Error & { code: string });

      expect(failure).toMatchObject({ code: "RUNTIME_TELEMETRY_INVALID" });
      expect((failure as Error).message).not.toContain("hunter2");
    },
  );
});
