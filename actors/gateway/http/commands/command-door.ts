/** The door for programs: the commands of the chat door as JSON, for whoever has a key from there, and files by links that work once. */
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import { z } from "zod";
import type { Door } from "../../../../bus/contracts/supervisor.ts";
import type { Clock } from "../../../../runtime/clock.ts";
import type { HostPort } from "../../../../runtime/config/config-values.ts";
import { toWireError } from "../../../../runtime/errors.ts";
import type { Log } from "../../../../runtime/log/log.ts";
import type { WebAnswer, WebCommands } from "../../xmpp/web/web-commands.ts";
import { Guard, SECURITY_HEADERS } from "../guard.ts";
import { listenAt } from "../listen.ts";

export interface CommandDoorOptions {
  readonly address: HostPort;
  readonly hostNames: readonly string[];
  readonly requestsPerMinute: number;
  readonly commands: WebCommands;
  readonly clock: Clock;
  readonly log: Log;
}

/** Codes to pay by: chat clients in browsers show them on pages of their own. */
const PICTURES = "/v1/pictures/";
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
  readonly #guard: Guard;
  readonly #server: FastifyInstance;

  constructor(options: CommandDoorOptions) {
    this.#options = options;
    this.#guard = new Guard({ ...options, isForAllSites: (url) => url.startsWith(PICTURES) });
    this.#server = this.#build();
  }

  /** Throws `GATEWAY_PORT_IN_USE` or `GATEWAY_LISTEN_FAILED`. */
  async open(): Promise<Door> {
    const { address, commands } = this.#options;
    this.#server.server.maxConnections = CONNECTIONS_MAX;
    const hint = "Set xmpp_http_listen in the section [gateway] to another address.";
    const url = await listenAt(this.#server, address, { door: "the chat door's commands by HTTP", hint });
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
    server.get<{ Params: { name: string } }>(`${PICTURES}:name`, async (request, reply) => {
      const word = /^([A-Za-z0-9_-]+)\.png$/.exec(request.params.name)?.[1];
      const png = word === undefined ? undefined : commands.tickets.picture(word);
      if (png === undefined) return refuse(reply, 404, "over", "This link is unknown or over.");
      return reply.type("image/png").header("cross-origin-resource-policy", "cross-origin").send(png);
    });
  }

  #admit(request: FastifyRequest, reply: FastifyReply): boolean {
    const turned = this.#guard.judge(request.raw);
    if (turned === undefined) return true;
    refuse(reply.headers(turned.headers), turned.status, turned.reason, turned.text);
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
