/** What the web door offers: the page and its files, health, readiness, metrics, the tree and its stream. */
import type { FastifyInstance } from "fastify";
import type { Clock } from "../../../runtime/clock.ts";
import { hasCode, toWireError } from "../../../runtime/errors.ts";
import type { Log } from "../../../runtime/log/log.ts";
import { healthOf, readinessOf } from "../health.ts";
import type { HostFeed } from "../host-feed.ts";
import type { GatewayMetrics, HttpRoute } from "../metrics.ts";
import { reportOf } from "../troupe-report.ts";
import type { LiveStreams } from "./live-streams.ts";
import { readPageFiles } from "./page-files.ts";

export interface RouteParts {
  readonly feed: HostFeed;
  readonly streams: LiveStreams;
  readonly metrics: GatewayMetrics;
  readonly readMetrics: () => Promise<string>;
  readonly clock: Clock;
  readonly log: Log;
}

const PROMETHEUS_TYPE = "text/plain; version=0.0.4; charset=utf-8";
/** Several scrapers at once cost the actors one reading. */
const METRICS_FRESH_MS = 1_000;

const ROUTES: ReadonlySet<string> = new Set<HttpRoute>([
  "/",
  "/healthz",
  "/readyz",
  "/metrics",
  "/api/tree",
  "/api/events",
]);
const PAGE_FILES: ReadonlySet<string> = new Set(["/page.css", "/page.js", "/icon.svg"]);

/** The label of a request: one of ours, never the asker's words. */
export function routeLabel(pattern: string | undefined): HttpRoute {
  if (pattern === undefined) return "other";
  if (ROUTES.has(pattern)) return pattern as HttpRoute;
  return PAGE_FILES.has(pattern) ? "page" : "other";
}

export function addRoutes(server: FastifyInstance, parts: RouteParts): void {
  const { feed, streams, metrics, log } = parts;
  for (const { path, contentType, body } of readPageFiles()) {
    server.get(path, async (_request, reply) => reply.type(contentType).send(body));
  }

  server.get("/healthz", async (_request, reply) => {
    const health = healthOf(feed.view());
    return reply.code(health.ok ? 200 : 503).send(health);
  });

  server.get("/readyz", async (_request, reply) => {
    const readiness = readinessOf(feed.view());
    return reply.code(readiness.ready ? 200 : 503).send(readiness);
  });

  const readMetrics = sharedFor(METRICS_FRESH_MS, parts.clock, parts.readMetrics);
  server.get("/metrics", async (_request, reply) => {
    try {
      return await reply.type(PROMETHEUS_TYPE).send(await readMetrics());
    } catch (error) {
      const { code } = toWireError(error);
      if (!hasCode(error, "BUS_UNAVAILABLE") && !hasCode(error, "BUS_DEADLINE")) throw error;
      log.warn("no metrics: the supervisor does not answer", { code });
      return await reply.code(503).type(PROMETHEUS_TYPE).send(`# the supervisor does not answer (${code})\n`);
    }
  });

  server.get("/api/tree", async (_request, reply) => {
    const view = feed.view();
    return reply.code(view.hosts[0].tree === undefined ? 503 : 200).send(reportOf(view));
  });

  // No HEAD: a stream has no head of its own.
  server.get("/api/events", { exposeHeadRoute: false }, async (_request, reply) => {
    if (streams.isFull) {
      metrics.refused("streams");
      return reply.code(503).header("retry-after", 30).send({ error: "too many live pages are open" });
    }
    const headers = reply.getHeaders();
    reply.hijack();
    for (const [name, value] of Object.entries(headers))
      if (value !== undefined) reply.raw.setHeader(name, value);
    reply.raw.writeHead(200, {
      "content-type": "text/event-stream; charset=utf-8",
      "x-accel-buffering": "no",
    });
    metrics.request("/api/events", 200);
    streams.add(reply.raw);
    return reply;
  });
}

/** One run of `read` for all who ask while it runs and shortly after. A failure is shared only while it is under way. */
function sharedFor<T>(freshMs: number, clock: Clock, read: () => Promise<T>): () => Promise<T> {
  let last: { readonly promise: Promise<T>; readonly atMs: number } | undefined;
  return () => {
    if (last !== undefined && clock.monotonicMs() - last.atMs < freshMs) return last.promise;
    const begun = { promise: read(), atMs: clock.monotonicMs() };
    last = begun;
    begun.promise.catch(() => {
      if (last === begun) last = undefined;
    });
    return begun.promise;
  };
}
