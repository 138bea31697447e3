/** One address on which clients come in, over any of the carriers: from the system's socket to a stream with its codec. */

import { chmodSync, lstatSync, unlinkSync } from "node:fs";
import { createServer as createHttpServer, type Server as HttpServer, type IncomingMessage } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import { connect, createServer, type Server, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { createServer as createTlsServer, Server as TlsServer } from "node:tls";
import type { HostPort } from "../../../../runtime/config/config-values.ts";
import type { KeyAndCertificate } from "../../tls/certificate.ts";
import type { Codec } from "./codec.ts";
import type { Carrier } from "./connection.ts";
import { LineCodec } from "./line-codec.ts";
import { WebSocketCodec } from "./websocket-codec.ts";
import { answerHandshake, refusal } from "./websocket-handshake.ts";

/** A stream on which messages can be spoken. */
export interface Arrival {
  readonly socket: Socket;
  readonly carrier: Carrier;
  readonly address: string | undefined;
  readonly codec: (sendControl: (frame: Uint8Array) => void) => Codec;
  /** What has come together with the handshake. */
  readonly first: Buffer | undefined;
}

export interface ListenerOptions {
  readonly carrier: Carrier;
  /** An address, or the path of a Unix socket. */
  readonly where: HostPort | string;
  /** For `tls` and `wss`. */
  readonly tls: KeyAndCertificate | undefined;
  readonly requestBytesMax: number;
  /** TLS and HTTP openings that take longer are given up. */
  readonly handshakeMs?: number;
  /** Before anything is read, TLS included. False: the connection is closed without a word. */
  admit(socket: Socket, address: string | undefined): boolean;
  arrive(arrival: Arrival): void;
}

const HANDSHAKE_MS = 10_000;
const HTTP_HEAD_BYTES_MAX = 8_192;
/** How many may wait in the system's queue; Linux cuts it to `net.core.somaxconn`. */
const BACKLOG = 1_024;

export class Listener {
  readonly carrier: Carrier;
  readonly #options: ListenerOptions;
  readonly #server: Server;
  /** As the system gave them, below TLS. */
  readonly #sockets = new Set<Socket>();

  constructor(options: ListenerOptions) {
    this.carrier = options.carrier;
    this.#options = options;
    this.#server = this.#build();
    this.#server.on("connection", (socket: Socket) => this.#onConnection(socket));
  }

  /** Rejects with the system's error. Resolves with the port, or with 0 for a Unix socket. */
  async open(): Promise<number> {
    const { where } = this.#options;
    if (typeof where === "string") await removeStaleSocket(where);
    await new Promise<void>((resolve, reject) => {
      this.#server.once("error", reject);
      const opened = () => {
        this.#server.off("error", reject);
        // Such as no descriptor left: the clients at the door wait, those inside are served.
        this.#server.on("error", () => undefined);
        resolve();
      };
      if (typeof where === "string") this.#server.listen({ path: where, backlog: BACKLOG }, opened);
      else this.#server.listen({ host: where.host, port: where.port, backlog: BACKLOG }, opened);
    });
    if (typeof where === "string") chmodSync(where, 0o660);
    const bound = this.#server.address();
    return typeof bound === "object" && bound !== null ? bound.port : 0;
  }

  /** Who comes from here on is shown this certificate; who is inside goes on as he is. */
  renew({ key, certificate }: KeyAndCertificate): void {
    if (this.#server instanceof TlsServer) {
      this.#server.setSecureContext({ key, cert: certificate, minVersion: "TLSv1.2" });
    }
  }

  /** Takes no more; resolves when all that came in have gone. */
  close(): Promise<void> {
    return new Promise((resolve) => void this.#server.close(() => resolve()));
  }

  /** Closes what is still open, sessions or not. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  #build(): Server {
    const { carrier, tls, handshakeMs = HANDSHAKE_MS } = this.#options;
    const secret = tls === undefined ? {} : { key: tls.key, cert: tls.certificate };
    const http = {
      maxHeaderSize: HTTP_HEAD_BYTES_MAX,
      headersTimeout: handshakeMs,
      requestTimeout: handshakeMs,
      connectionsCheckingInterval: handshakeMs / 2,
      keepAlive: false,
      noDelay: true,
    };
    switch (carrier) {
      case "ws":
        return this.#upgrading(createHttpServer(http));
      case "wss":
        return this.#upgrading(
          givingUp(
            createHttpsServer({ ...http, ...secret, minVersion: "TLSv1.2", handshakeTimeout: handshakeMs }),
          ),
        );
      case "tls": {
        // `allowHalfOpen` is net's option, which the types of TLS leave out.
        const halfOpen = { allowHalfOpen: true, noDelay: true };
        const server = createTlsServer({
          ...halfOpen,
          ...secret,
          minVersion: "TLSv1.2",
          handshakeTimeout: handshakeMs,
        });
        givingUp(server);
        return server.on("secureConnection", (socket) => this.#onLines(socket));
      }
      default:
        return createServer({ allowHalfOpen: true, noDelay: true });
    }
  }

  #onConnection(socket: Socket): void {
    // An error before anybody listens would end the process.
    socket.on("error", () => undefined);
    const address = this.#addressOf(socket);
    const hasLeft = address === undefined && this.#hasAddresses;
    if (hasLeft || !this.#options.admit(socket, address)) return void socket.destroy();
    this.#sockets.add(socket);
    socket.once("close", () => this.#sockets.delete(socket));
    if (["tcp", "unix", "onion"].includes(this.carrier)) this.#onLines(socket);
  }

  #onLines(socket: Socket): void {
    this.#arrive(socket, () => new LineCodec(this.#options.requestBytesMax), undefined);
  }

  #upgrading(server: HttpServer): HttpServer {
    server.on("request", (_request, response) => {
      // This door speaks only WebSocket: to a browser that is pointed at it, "Upgrade Required".
      response.writeHead(426, { connection: "close", upgrade: "websocket" }).end();
    });
    server.on("clientError", (_error, socket: Duplex) => letGo(socket as Socket, refusal("400 Bad Request")));
    server.on("upgrade", (request: IncomingMessage, stream: Duplex, first: Buffer) => {
      const socket = stream as Socket;
      socket.on("error", () => undefined);
      const { isAccepted, head } = answerHandshake(request);
      if (!isAccepted) return letGo(socket, head);
      socket.write(head);
      this.#arrive(
        socket,
        (sendControl) => new WebSocketCodec(this.#options.requestBytesMax, sendControl),
        first,
      );
    });
    return server;
  }

  #arrive(socket: Socket, codec: Arrival["codec"], first: Buffer | undefined): void {
    if (socket.destroyed) return;
    this.#options.arrive({ socket, carrier: this.carrier, address: this.#addressOf(socket), codec, first });
  }

  /** Tor's clients come from Tor on this machine, which says nothing of them. */
  get #hasAddresses(): boolean {
    return this.carrier !== "unix" && this.carrier !== "onion";
  }

  #addressOf(socket: Socket): string | undefined {
    return this.#hasAddresses ? socket.remoteAddress : undefined;
  }
}

/** After its last words; whether the other side goes as well is not waited for. */
function letGo(socket: Socket, lastWords: string): void {
  socket.write(lastWords);
  socket.destroySoon();
}

/** A TLS server only tells of a handshake that fails or takes too long, and keeps the connection. */
function givingUp<S extends TlsServer>(server: S): S {
  return server.on("tlsClientError", (_error: Error, socket: Socket) => void socket.destroy());
}

/** What a dead gateway has left behind is taken away; a socket that answers, or another kind of file, is not. */
async function removeStaleSocket(path: string): Promise<void> {
  if (!(lstatSync(path, { throwIfNoEntry: false })?.isSocket() ?? false)) return;
  const isAlive = await new Promise<boolean>((resolve) => {
    const probe = connect(path, () => {
      probe.destroy();
      resolve(true);
    });
    probe.once("error", () => resolve(false));
  });
  if (!isAlive) unlinkSync(path);
}
