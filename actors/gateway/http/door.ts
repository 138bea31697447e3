/** The web door: opens and closes the HTTP server, and holds what every answer has in common, limits and headers. */
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import type { Door } from "../../../bus/contracts/supervisor.ts";
import type { Clock } from "../../../runtime/clock.ts";
import type { HostPort } from "../../../runtime/config/config-values.ts";
import { toWireError } from "../../../runtime/errors.ts";
import type { Log } from "../../../runtime/log/log.ts";
import { hostAndPort } from "../address.ts";
import type { HostFeed } from "../host-feed.ts";
import type { GatewayMetrics } from "../metrics.ts";
import { Guard, SECURITY_HEADERS } from "./guard.ts";
import { listenAt } from "./listen.ts";
import { LiveStreams } from "./live-streams.ts";
import { addRoutes, routeLabel } from "./routes.ts";

export interface HttpDoorOptions {
  readonly address: HostPort;
  readonly hostNames: readonly string[];
  readonly connectionsMax: number;
  readonly requestsPerMinute: number;
  readonly feed: HostFeed;
  readonly metrics: GatewayMetrics;
  /** The Prometheus text of all actors. */
  readonly readMetrics: () => Promise<string>;
  readonly clock: Clock;
  readonly log: Log;
}

/** We read no bodies; whoever sends one gets so far. */
const BODY_BYTES_MAX = 1_024;
/** Browsers send under 2 kB of headers to a page without cookies. */
const HEADER_BYTES_MAX = 8_192;
/** A head that has not arrived by then is a slow asker holding a connection. */
const REQUEST_TIMEOUT_MS = 5_000;
const KEEP_ALIVE_MS = 5_000;
const REQUESTS_PER_CONNECTION_MAX = 1_000;

export class HttpDoor {
  readonly #options: HttpDoorOptions;
  readonly #streams: LiveStreams;
  readonly #guard: Guard;
  readonly #server: FastifyInstance;

  constructor(options: HttpDoorOptions) {
    this.#options = options;
    this.#guard = new Guard({ ...options, isForAllSites: (url) => !url.startsWith("/api/") });
    this.#streams = new LiveStreams({
      feed: options.feed,
      metrics: options.metrics,
      clock: options.clock,
      streamsMax: Math.floor(options.connectionsMax / 4),
    });
    this.#server = this.#build();
  }

  /** Throws `GATEWAY_PORT_IN_USE` or `GATEWAY_LISTEN_FAILED`. */
  async open(): Promise<Door> {
    const { address, connectionsMax } = this.#options;
    this.#server.server.maxConnections = connectionsMax;
    this.#server.server.maxRequestsPerSocket = REQUESTS_PER_CONNECTION_MAX;
    const anyPort = hostAndPort({ host: address.host, port: 0 });
    const hint =
      `Set http_listen in the section [gateway] to another address ` +
      `(or TROUPE_GATEWAY__HTTP_LISTEN=${anyPort} for any free port, or "" for no web page).`;
    const url = await listenAt(this.#server, address, { door: "the web page", hint });
    this.#streams.start();
    return { name: "http", address: url, doc: "The live page, /healthz, /readyz and /metrics." };
  }

  async close(): Promise<void> {
    this.#streams.stop();
    await this.#server.close();
  }

  #build(): FastifyInstance {
    const { metrics, log } = this.#options;
    const server = fastify({
      logger: false,
      trustProxy: false,
      bodyLimit: BODY_BYTES_MAX,
      requestTimeout: REQUEST_TIMEOUT_MS,
      keepAliveTimeout: KEEP_ALIVE_MS,
      forceCloseConnections: true,
      exposeHeadRoutes: true,
      http: { maxHeaderSize: HEADER_BYTES_MAX, headersTimeout: REQUEST_TIMEOUT_MS },
      routerOptions: { maxParamLength: 100 },
      frameworkErrors: (_error, _request, reply) => {
        // Fastify types this reply without its routes' generics, so that no status fits; it is an ordinary reply.
        void (reply as FastifyReply).headers(SECURITY_HEADERS).code(400).send({ error: "bad request" });
      },
    });
    server.addHook("onRequest", async (request, reply) => {
      reply.headers(SECURITY_HEADERS);
      if (!this.#admit(request, reply)) return reply;
    });
    server.addHook("onResponse", async (request, reply) => {
      metrics.request(routeLabel(request.routeOptions.url), reply.statusCode);
    });
    server.setNotFoundHandler((request, reply) => {
      const isRead = request.method === "GET" || request.method === "HEAD";
      if (isRead) return reply.code(404).send({ error: "not found" });
      return reply.code(405).header("allow", "GET, HEAD").send({ error: "this door only reads: use GET" });
    });
    server.setErrorHandler((error, request, reply) => {
      const status = (error as { statusCode?: number }).statusCode ?? 500;
      if (status < 500) return reply.code(status).send({ error: "bad request" });
      // Outsiders learn that it failed; why it failed is for the log.
      log.error("a request to the web page failed", {
        route: routeLabel(request.routeOptions.url),
        error: toWireError(error),
      });
      return reply.code(500).send({ error: "internal error" });
    });
    addRoutes(server, { ...this.#options, streams: this.#streams });
    return server;
  }

  /** Answers and says false when the request may not go on. */
  #admit(request: FastifyRequest, reply: FastifyReply): boolean {
    const turned = this.#guard.judge(request.raw);
    if (turned === undefined) return true;
    this.#options.metrics.refused(turned.reason);
    reply.code(turned.status).headers(turned.headers).send({ error: turned.text });
    return false;
  }
}
