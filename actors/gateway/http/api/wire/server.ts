/** What every answer of the API has in common: who may ask and how often, headers, bodies, refusals. */

import type { Socket } from "node:net";
import rateLimit from "@fastify/rate-limit";
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import { toWireError } from "../../../../../runtime/errors.ts";
import type { Log } from "../../../../../runtime/log/log.ts";
import type { ApiRefusal, GatewayMetrics } from "../../../metrics.ts";
import { isHostAllowed } from "../../guard.ts";
import type { Diary } from "../jam/diary.ts";
import { CORS_HEADERS, isLocalOrigin, isOriginAllowed } from "./origin.ts";
import { Refusal, type RefusalName } from "./refusal.ts";
import { refusalOfError } from "./refusal-of-error.ts";

export interface ServerOptions {
  readonly hostNames: readonly string[];
  readonly requestsPerMinute: number;
  /** Requests on these connections are for the WebSocket, whatever path they name. */
  readonly isForWebSocket: (socket: Socket) => boolean;
  readonly metrics: GatewayMetrics;
  readonly diary: Diary;
  readonly log: Log;
}

/** The longest has a partly signed transaction in it. */
const BODY_BYTES_MAX = 1024 * 1024;
/** A token has some 200 characters; a proxy adds what it likes. */
const HEADER_BYTES_MAX = 16_384;
const HEAD_TIMEOUT_MS = 10_000;
const REQUEST_TIMEOUT_MS = 30_000;
/** JAM asks every 10 s; it need not shake hands each time. */
const KEEP_ALIVE_MS = 30_000;
const REQUESTS_PER_CONNECTION_MAX = 10_000;
/** A name of 104 bytes that was encoded twice. */
const PARAMETER_LENGTH_MAX = 1_000;
/** Addresses whose rate is remembered. */
const ASKERS_MAX = 4_096;
export const WEBSOCKET_PATH = "/jmws";

/** Of every answer: JoinMarket's own, and what keeps browsers from taking it for something else. */
const HEADERS = Object.freeze({
  "cache-control": "no-cache, no-store, must-revalidate",
  pragma: "no-cache",
  expires: "Sat, 26 Jul 1997 05:00:00 GMT",
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "x-frame-options": "DENY",
  "cross-origin-opener-policy": "same-origin",
  "permissions-policy": "geolocation=(), microphone=()",
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
});

export async function makeServer(options: ServerOptions): Promise<FastifyInstance> {
  const { hostNames, requestsPerMinute, isForWebSocket } = options;
  const server = fastify({
    logger: false,
    trustProxy: false,
    bodyLimit: BODY_BYTES_MAX,
    requestTimeout: REQUEST_TIMEOUT_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    forceCloseConnections: true,
    exposeHeadRoutes: false,
    http: { maxHeaderSize: HEADER_BYTES_MAX, headersTimeout: HEAD_TIMEOUT_MS },
    routerOptions: { maxParamLength: PARAMETER_LENGTH_MAX },
    rewriteUrl: ({ socket, url = "/", headers }) =>
      isForWebSocket(socket) || (url === "/" && headers.upgrade !== undefined) ? WEBSOCKET_PATH : url,
    frameworkErrors: (_error, request, reply) => {
      const plain = reply as FastifyReply;
      setHeaders(request as FastifyRequest, plain);
      refuse(plain, new Refusal("InvalidRequestFormat"));
    },
  });
  server.server.maxRequestsPerSocket = REQUESTS_PER_CONNECTION_MAX;
  server.addHook("onRequest", async (request, reply) => {
    setHeaders(request, reply);
    // Clients say of their JSON that it is text, a form, or what nobody can read: it is read for what it is.
    request.raw.headers["content-type"] = "application/octet-stream";
    const { host, origin } = request.headers;
    if (!isHostAllowed(host, hostNames)) throw new Refusal("Misdirected");
    if (origin !== undefined && !isOriginAllowed(origin, host, hostNames)) throw new Refusal("OtherSite");
    if (request.method === "OPTIONS") return reply.headers(CORS_HEADERS).code(204).send();
    return undefined;
  });
  server.removeAllContentTypeParsers();
  server.addContentTypeParser("*", { parseAs: "buffer" }, (_request, body, done) => done(null, body));
  server.setErrorHandler((error, request, reply) => refuse(reply, refusalOf(error, request, options)));
  await server.register(rateLimit, {
    max: requestsPerMinute,
    timeWindow: 60_000,
    cache: ASKERS_MAX,
    skipOnError: false,
    addHeadersOnExceeding: {
      "x-ratelimit-limit": false,
      "x-ratelimit-remaining": false,
      "x-ratelimit-reset": false,
    },
    addHeaders: {
      "x-ratelimit-limit": false,
      "x-ratelimit-remaining": false,
      "x-ratelimit-reset": false,
      "retry-after": true,
    },
    errorResponseBuilder: () => new Refusal("TooManyRequests"),
  });
  return server;
}

function setHeaders(request: FastifyRequest, reply: FastifyReply): void {
  reply.headers(HEADERS);
  const { origin } = request.headers;
  reply.header("vary", "Origin");
  if (origin === undefined || !isLocalOrigin(origin)) return;
  reply.headers({
    "access-control-allow-origin": origin,
    "access-control-expose-headers": CORS_HEADERS["access-control-expose-headers"],
  });
}

function refusalOf(error: unknown, request: FastifyRequest, { metrics, diary, log }: ServerOptions): Refusal {
  const refusal = refusalOfError(error);
  // Clients ask for settings that nobody has set, and for tokens' worth: that is their way, and nothing went wrong.
  if (!QUIET.has(refusal.refusal))
    diary.note(`refused, ${request.method} ${pathOf(request)}: ${refusal.message}`);
  metrics.apiRefused(COUNTED[refusal.refusal] ?? "request");
  if (refusal.refusal === "Failed") {
    // Outsiders learn that it failed; why it failed is for the log.
    log.error("a request to the wallet door failed", {
      route: request.routeOptions.url ?? "none",
      error: toWireError(error),
    });
  }
  return refusal;
}

const QUIET: ReadonlySet<RefusalName> = new Set([
  "ConfigNotPresent",
  "InvalidToken",
  "NotFound",
  "YieldGeneratorDataUnreadable",
]);

/** As it was declared: in what was asked may stand what nobody else should read. */
function pathOf(request: FastifyRequest): string {
  return request.routeOptions.url ?? "an unknown path";
}

function refuse(reply: FastifyReply, { status, headers, body }: Refusal): void {
  reply.code(status).headers(headers);
  if (body === undefined) void reply.type("text/html").send("");
  else void reply.type("application/json").send(JSON.stringify(body));
}

const COUNTED: Readonly<Partial<Record<RefusalName, ApiRefusal>>> = Object.freeze({
  Misdirected: "host",
  OtherSite: "cross_site",
  TooManyRequests: "rate",
  InvalidToken: "token",
  InsufficientScope: "token",
  InvalidCredentials: "password",
  BackendNotReady: "walletd",
  Failed: "failed",
});
