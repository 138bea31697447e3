/** The door for programs: the commands of the chat door as JSON, for whoever has a key from there, and files by links that work once. */
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import { z } from "zod";
import type { Door } from "../../../../bus/contracts/supervisor.ts";
import type { Clock } from "../../../../runtime/clock.ts";
import type { HostPort } from "../../../../runtime/config/config-values.ts";
import { toWireError } from "../../../../runtime/errors.ts";
import type { Log } from "../../../../runtime/log/log.ts";
import { hostAndPort } from "../../address.ts";
import { listenFailure } from "../../listen-failure.ts";
import type { WebAnswer, WebCommands } from "../../xmpp/web/web-commands.ts";
import { isFromOtherSite, isHostAllowed, RateLimit, SECURITY_HEADERS } from "../guard.ts";

export interface CommandDoorOptions {
  readonly address: HostPort;
  readonly hostNames: readonly string[];
  readonly requestsPerMinute: number;
  readonly commands: WebCommands;
  readonly clock: Clock;
  readonly log: Log;
}

const BODY_BYTES_MAX = 16_384;
const HEADER_BYTES_MAX = 8_192;
const TIMEOUT_MS = 5_000;
const CONNECTIONS_MAX = 64;
/** A payment is waited for longer than a question. */
const ANSWER_MS = 60_000;

const Wish = z.strictObject({
  values: z
    .record(z.string().max(40), z.string().max(4_000))
    .refine((values) => Object.keys(values).length <= 20)
    .default({}),
});
const Key = z.string().regex(/^[!-~]{1,100}$/);
const Token = z.string().regex(/^Bearer [A-Za-z0-9_-]{1,100}$/i);

export class CommandDoor {
  readonly #options: CommandDoorOptions;
  readonly #rate: RateLimit;
  readonly #server: FastifyInstance;

  constructor(options: CommandDoorOptions) {
    this.#options = options;
    this.#rate = new RateLimit(options.clock, options.requestsPerMinute);
    this.#server = this.#build();
  }

  /** Throws `GATEWAY_PORT_IN_USE` or `GATEWAY_LISTEN_FAILED`. */
  async open(): Promise<Door> {
    const { address, commands } = this.#options;
    this.#server.server.maxConnections = CONNECTIONS_MAX;
    try {
      await this.#server.listen({ host: address.host, port: address.port });
    } catch (error) {
      const hint = "Set xmpp_http_listen in the section [gateway] to another address.";
      throw listenFailure(
        { door: "the chat door's commands by HTTP", where: hostAndPort(address), hint },
        error,
      );
    }
    const bound = this.#server.server.address();
    const port = typeof bound === "object" && bound !== null ? bound.port : address.port;
    const url = `http://${hostAndPort({ host: address.host, port })}`;
    commands.tickets.foundAt(url);
    return {
      name: "commands",
      address: url,
      doc: "The chat door's commands as JSON, by a key from the chat.",
    };
  }

  async close(): Promise<void> {
    await this.#server.close();
  }

  #build(): FastifyInstance {
    const server = fastify({
      logger: false,
      trustProxy: false,
      bodyLimit: BODY_BYTES_MAX,
      requestTimeout: TIMEOUT_MS,
      handlerTimeout: ANSWER_MS,
      forceCloseConnections: true,
      exposeHeadRoutes: false,
      http: { maxHeaderSize: HEADER_BYTES_MAX, headersTimeout: TIMEOUT_MS },
      routerOptions: { maxParamLength: 100 },
    });
    server.addHook("onRequest", async (request, reply) => {
      reply.headers(SECURITY_HEADERS);
      if (!this.#admit(request, reply)) return reply;
    });
    server.setNotFoundHandler((_, reply) => refuse(reply, 404, "unknown", "There is nothing here."));
    server.setErrorHandler((error, _, reply) => {
      const status = (error as { statusCode?: number }).statusCode ?? 500;
      if (status < 500) return refuse(reply, status, "request", "This is no request that can be read.");
      this.#options.log.error("a command by HTTP failed", { error: toWireError(error) });
      return refuse(reply, 500, "internal", "Something went wrong on our side.");
    });
    this.#addRoutes(server);
    return server;
  }

  #addRoutes(server: FastifyInstance): void {
    const { commands } = this.#options;
    server.get("/v1/commands", async (request, reply) => send(reply, await commands.list(tokenOf(request))));
    server.post<{ Params: { word: string } }>("/v1/commands/:word", async (request, reply) => {
      const wish = Wish.safeParse(request.body ?? {});
      const key = Key.optional().safeParse(request.headers["idempotency-key"]);
      if (!wish.success || !key.success)
        return refuse(reply, 400, "request", 'The body is {"values": {"field": "text"}}, in JSON.');
      const values = new Map(Object.entries(wish.data.values));
      const { word } = request.params;
      return send(reply, await commands.run({ token: tokenOf(request), word, values, key: key.data }));
    });
    server.get<{ Params: { word: string } }>("/v1/files/:word", async (request, reply) => {
      const file = commands.tickets.take(request.params.word);
      if (file === undefined) return refuse(reply, 404, "over", "This link is unknown, used or over.");
      return send(reply, { status: 200, file });
    });
  }

  #admit(request: FastifyRequest, reply: FastifyReply): boolean {
    const { host, "sec-fetch-site": site } = request.headers;
    if (!isHostAllowed(host, this.#options.hostNames)) {
      refuse(reply, 421, "host", "Unknown host name; add it to http_host_names in [gateway] if it is yours.");
      return false;
    }
    if (isFromOtherSite(typeof site === "string" ? site : undefined)) {
      refuse(reply, 403, "site", "Not for other sites.");
      return false;
    }
    const waitSeconds = this.#rate.waitSeconds(request.ip);
    if (waitSeconds === 0) return true;
    reply.header("retry-after", waitSeconds);
    refuse(reply, 429, "rate", "Too many requests.");
    return false;
  }
}

function tokenOf({ headers }: FastifyRequest): string {
  const given = Token.safeParse(headers.authorization);
  return given.success ? given.data.slice("Bearer ".length) : "";
}

function send(reply: FastifyReply, answer: WebAnswer): FastifyReply {
  if (!("file" in answer)) return reply.code(answer.status).send(answer.body);
  const { name, type, content } = answer.file;
  return reply
    .type(`${type}; charset=utf-8`)
    .header("content-disposition", `attachment; filename="${name}"`)
    .send(content);
}

function refuse(reply: FastifyReply, status: number, code: string, text: string): FastifyReply {
  return reply.code(status).send({ error: { code, text } });
}
