/** Makes routes of declared endpoints: token, parameters and body are checked here, once, before a handler sees anything. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { hasCode } from "../../../../../runtime/errors.ts";
import type { GatewayMetrics } from "../../../metrics.ts";
import type { Login, OpenWallet } from "../wallet/login.ts";
import { namesOf } from "../wallet/names.ts";
import { checked, readBody } from "./body.ts";
import type { Ask, Endpoint } from "./endpoint.ts";
import { Refusal, tokenRefusal } from "./refusal.ts";

export interface RegisterOptions {
  readonly login: Login;
  readonly metrics: GatewayMetrics;
  /** How often in a minute one address may try a password or make a wallet. */
  readonly guessesPerMinute: number;
}

const IDEMPOTENCY_KEY_MAX = 256;
const SCHEME = /^Bearer +(\S{1,4096})$/i;

export function registerEndpoints(
  server: FastifyInstance,
  endpoints: readonly Endpoint[],
  options: RegisterOptions,
): void {
  for (const endpoint of endpoints) {
    server.route({
      method: endpoint.method,
      url: endpoint.path.replace(/\{(\w+)\}/g, ":$1"),
      ...(endpoint.isGuess && {
        config: { rateLimit: { max: options.guessesPerMinute, timeWindow: 60_000 } },
      }),
      onResponse: async (_request, reply) => options.metrics.apiRequest(endpoint.id, reply.statusCode),
      handler: (request, reply) => run(endpoint, request, reply, options.login),
    });
  }
}

/** The methods that a path takes which we know, or nothing. */
export function methodsOf(endpoints: readonly Endpoint[]): (path: string) => readonly string[] {
  const known = endpoints.map(({ method, path }) => ({
    method,
    pattern: new RegExp(`^${path.replace(/\./g, "\\.").replace(/\{\w+\}/g, "[^/]+")}$`),
  }));
  return (path) => known.flatMap(({ method, pattern }) => (pattern.test(path) ? [method] : []));
}

async function run(
  endpoint: Endpoint,
  request: FastifyRequest,
  reply: FastifyReply,
  login: Login,
): Promise<FastifyReply> {
  const ask = askOf(endpoint, request, login);
  let result: unknown;
  try {
    result = await endpoint.handle(ask);
  } catch (error) {
    if (ask.wallet !== undefined && hasCode(error, "WALLETD_NO_SESSION")) login.lost(ask.wallet);
    throw error;
  }
  reply.code(endpoint.status);
  if (endpoint.answer === undefined) return reply.send();
  if (endpoint.answer === "text") return reply.type("text/plain; charset=utf-8").send(result);
  return reply.type("application/json").send(JSON.stringify(result));
}

function askOf(endpoint: Endpoint, request: FastifyRequest, login: Login): Ask {
  const { access, params, query, body } = endpoint;
  const token = tokenOf(request);
  let wallet: OpenWallet | undefined;
  if (access !== "open" && (access !== "optional" || token !== undefined)) {
    wallet = login.authorize(token);
  }
  if (access === "wallet" && !namesOf(parameter(request, "walletname")).includes(wallet?.name ?? "")) {
    throw new Refusal("InvalidRequestFormat", {
      fields: { error_description: "walletname: this is not the wallet that is open" },
    });
  }
  return {
    token,
    idempotencyKey: idempotencyKeyOf(request),
    wallet,
    params: params === undefined ? {} : checked(params, request.params),
    query: query === undefined ? {} : checked(query, request.query),
    body: body === undefined ? undefined : readBody(body, request.body),
  };
}

/** JAM sends its own header, so that a proxy can ask for a password in the usual one; the own one counts. */
function tokenOf(request: FastifyRequest): string | undefined {
  const own = request.headers["x-jm-authorization"];
  const header = typeof own === "string" ? own : request.headers.authorization;
  if (header === undefined) return undefined;
  const [, token] = SCHEME.exec(header) ?? [];
  if (token === undefined) throw tokenRefusal("invalid");
  return token;
}

function idempotencyKeyOf({ headers }: FastifyRequest): string | undefined {
  const given = headers["idempotency-key"];
  if (given === undefined) return undefined;
  if (typeof given !== "string" || given.length > IDEMPOTENCY_KEY_MAX)
    throw new Refusal("InvalidRequestFormat");
  return given;
}

function parameter(request: FastifyRequest, name: string): string {
  return (request.params as Readonly<Record<string, string | undefined>>)[name] ?? "";
}
