/** The wallet door: the API of JoinMarket's wallet daemon, its WebSocket, and the pages of a browser's wallet. Wiring only. */
import { randomBytes } from "node:crypto";
import type { Socket } from "node:net";
import websocket from "@fastify/websocket";
import type { FastifyInstance } from "fastify";
import { networkByName } from "../../../../bitcoin/network.ts";
import type { ActorContext } from "../../../../bus/actor.ts";
import type { Door } from "../../../../bus/contracts/supervisor.ts";
import { walletdContract } from "../../../../bus/contracts/walletd.ts";
import { parseHostPort } from "../../../../runtime/config/config-values.ts";
import { hostAndPort } from "../../address.ts";
import { listenFailure } from "../../listen-failure.ts";
import type { GatewayMetrics } from "../../metrics.ts";
import { tlsIdentity } from "../../tls/tls-identity.ts";
import { coinjoinEndpoints } from "./coinjoin/coinjoin.ts";
import { makerEndpoints } from "./coinjoin/maker.ts";
import { Mixing } from "./coinjoin/mixing.ts";
import { orderbookEndpoints } from "./coinjoin/orderbook.ts";
import { tumblerEndpoints } from "./coinjoin/tumbler.ts";
import type { ApiConfig } from "./config.ts";
import { Diary } from "./jam/diary.ts";
import { jamEndpoints } from "./jam/jam-endpoints.ts";
import { servePages } from "./jam/pages.ts";
import { addressEndpoints } from "./routes/addresses.ts";
import { coinEndpoints } from "./routes/coins.ts";
import { displayEndpoints } from "./routes/display.ts";
import { historyEndpoints } from "./routes/history.ts";
import { messageEndpoints } from "./routes/message.ts";
import type { RouteParts } from "./routes/parts.ts";
import { rescanEndpoints } from "./routes/rescan.ts";
import { sessionEndpoints } from "./routes/session.ts";
import { settingEndpoints } from "./routes/settings.ts";
import { tokenEndpoints } from "./routes/token.ts";
import { walletEndpoints } from "./routes/wallets.ts";
import { sendingEndpoints } from "./spending/sending.ts";
import { TokenPairs } from "./tokens/token-pairs.ts";
import { Login } from "./wallet/login.ts";
import { News } from "./websocket/news.ts";
import { MESSAGE_BYTES_MAX, Sockets } from "./websocket/sockets.ts";
import type { Endpoint } from "./wire/endpoint.ts";
import { Listener } from "./wire/listener.ts";
import { openApiDocument } from "./wire/openapi.ts";
import { Refusal } from "./wire/refusal.ts";
import { methodsOf, registerEndpoints } from "./wire/register.ts";
import { makeServer, WEBSOCKET_PATH } from "./wire/server.ts";

/** Paths of our own: whoever asks for something there that is not, is no browser on the way to a page. */
const OWN_PATH = /^\/(?:api|jam|obwatch)(?:\/|$|\?)/;
const WEBSOCKET_PATHS = [WEBSOCKET_PATH, "/ws", "/api/v1/ws"];

export function allEndpoints(parts: RouteParts): Endpoint[] {
  return [
    ...sessionEndpoints(parts),
    ...tokenEndpoints(parts),
    ...walletEndpoints(parts),
    ...displayEndpoints(parts),
    ...coinEndpoints(parts),
    ...addressEndpoints(parts),
    ...settingEndpoints(parts),
    ...messageEndpoints(parts),
    ...sendingEndpoints(parts),
    ...rescanEndpoints(parts),
    ...historyEndpoints(parts),
    ...coinjoinEndpoints(parts),
    ...makerEndpoints(parts),
    ...tumblerEndpoints(parts),
    ...orderbookEndpoints(parts),
    ...jamEndpoints(parts),
  ];
}

export class WalletApi {
  readonly #context: ActorContext<ApiConfig>;
  readonly #metrics: GatewayMetrics;
  readonly #sockets: Sockets;
  readonly #login: Login;
  readonly #news: News;
  readonly #mixing: Mixing;
  readonly #parts: RouteParts;
  readonly #diary: Diary;
  /** Connections to the port that only the WebSocket is on. */
  readonly #webSocketOnly = new WeakSet<Socket>();
  #server: FastifyInstance | undefined;
  #listener: Listener | undefined;

  constructor(context: ActorContext<ApiConfig>, metrics: GatewayMetrics) {
    const { bus, clock, log, config } = context;
    this.#context = context;
    this.#metrics = metrics;
    const walletd = bus.client(walletdContract);
    const network = networkByName(context.network);
    const diary = new Diary(clock);
    this.#diary = diary;
    this.#login = new Login({
      walletd,
      tokens: new TokenPairs(clock, () => randomBytes(16).toString("hex")),
      diary,
      log,
    });
    this.#sockets = new Sockets({
      clock,
      socketsMax: Math.max(1, Math.floor(config.wallet_connections_max / 2)),
      faultOf: (token) => this.#login.faultOf(token),
    });
    this.#news = new News({ bus, login: this.#login, sockets: this.#sockets, network, diary, log });
    this.#mixing = new Mixing({
      ...{ bus, walletd, clock, diary, login: this.#login },
      tell: (frame) => this.#sockets.tell(frame),
    });
    this.#parts = {
      ...{ walletd, network, clock, diary, login: this.#login, mixing: this.#mixing },
      makersMin: config.makers_min,
      version: context.version,
    };
  }

  /** Throws `GATEWAY_PORT_IN_USE`, `GATEWAY_LISTEN_FAILED`, `GATEWAY_TLS_UNUSABLE` or `GATEWAY_PAGES_MISSING`. */
  async open(): Promise<Door[]> {
    const server = await this.#build();
    this.#server = server;
    await this.#news.start();
    await this.#mixing.start();
    this.#sockets.start();
    await server.ready();
    return this.#listen(server);
  }

  async close(): Promise<void> {
    this.#sockets.stop();
    await this.#news.stop();
    await this.#mixing.stop();
    await this.#listener?.close();
    await this.#server?.close();
  }

  async #build(): Promise<FastifyInstance> {
    const { config, log } = this.#context;
    const server = await makeServer({
      hostNames: config.http_host_names,
      requestsPerMinute: config.wallet_requests_per_minute,
      isForWebSocket: (socket) => this.#webSocketOnly.has(socket),
      metrics: this.#metrics,
      diary: this.#diary,
      log,
    });
    await server.register(websocket, {
      options: { maxPayload: MESSAGE_BYTES_MAX, perMessageDeflate: false },
      errorHandler: (_error, socket) => socket.terminate(),
    });
    const folder = config.wallet_pages;
    const pages = folder === undefined ? undefined : await servePages(server, folder);
    const endpoints = allEndpoints(this.#parts);
    registerEndpoints(server, endpoints, {
      login: this.#login,
      metrics: this.#metrics,
      guessesPerMinute: config.wallet_guesses_per_minute,
    });
    const document = JSON.stringify(openApiDocument(endpoints, this.#context.version));
    server.get("/api/v1/openapi.json", async (_request, reply) =>
      reply.type("application/json").send(document),
    );
    for (const url of WEBSOCKET_PATHS) {
      server.get(url, { websocket: true }, (socket) => this.#sockets.add(socket));
    }
    const methodsFor = methodsOf(endpoints);
    server.setNotFoundHandler({ preHandler: server.rateLimit() }, (request, reply) => {
      const isOwn = OWN_PATH.test(request.url);
      if (pages !== undefined && request.method === "GET" && !isOwn) return pages.send(reply);
      const allowed = methodsFor(request.url.split("?", 1)[0] ?? "");
      if (allowed.length === 0) throw new Refusal("NotFound");
      throw new Refusal("MethodNotAllowed", { headers: { allow: allowed.join(", ") } });
    });
    return server;
  }

  async #listen(server: FastifyInstance): Promise<Door[]> {
    const { config, clock, dataDirectory } = this.#context;
    const address = parseHostPort(config.wallet_listen);
    if (address === undefined) return [];
    this.#listener = new Listener({
      http: server.server,
      connectionsMax: config.wallet_connections_max,
      tls: tlsIdentity({
        door: "wallet",
        certificateFile: config.wallet_tls_certificate,
        keyFile: config.wallet_tls_key,
        directory: dataDirectory,
        names: [...new Set(["localhost", "127.0.0.1", "::1", address.host, ...config.http_host_names])],
        nowMs: clock.now(),
      }),
    });
    const doors: Door[] = [];
    const opened = async (key: "wallet_listen" | "wallet_ws_listen", name: string, doc: string) => {
      const wanted = parseHostPort(config[key]);
      if (wanted === undefined) return;
      const listening =
        key === "wallet_listen"
          ? this.#listener?.open(wanted)
          : this.#listener?.openBeside(wanted, (socket) => void this.#webSocketOnly.add(socket));
      const port = await listening?.catch((error: unknown) => {
        const hint = `Set ${key} in the section [gateway] to another address, or to "" for no such door.`;
        throw listenFailure({ door: "the wallet door", where: hostAndPort(wanted), hint }, error);
      });
      const scheme = key === "wallet_listen" ? "https" : "wss";
      doors.push({
        name,
        address: `${scheme}://${hostAndPort({ host: wanted.host, port: port ?? 0 })}`,
        doc,
      });
    };
    const withPages = "Open it in a browser: the wallet's pages, and its API for wallet apps.";
    const without = "Wallet apps such as JAM, over https; on this machine http too.";
    await opened("wallet_listen", "wallet", config.wallet_pages === undefined ? without : withPages);
    await opened(
      "wallet_ws_listen",
      "wallet ws",
      "News for wallet apps that want them on a port of their own.",
    );
    return doors;
  }
}
