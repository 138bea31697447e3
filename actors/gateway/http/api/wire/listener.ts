/** Ports that take https and http alike: the first byte of a connection says which. Without encryption only this machine comes in. */
import type { Server as HttpServer } from "node:http";
import { createServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer, type Server as TlsServer } from "node:tls";
import { type HostPort, isLoopback } from "../../../../../runtime/config/config-values.ts";

export interface ListenerOptions {
  readonly http: HttpServer;
  readonly tls: { readonly key: string; readonly certificate: string };
  readonly connectionsMax: number;
}

interface Port {
  readonly tls: TlsServer;
  speak(socket: Socket): void;
}

/** The first byte of a TLS handshake record. */
const TLS_HANDSHAKE = 0x16;
/** Who has not spoken by then is gone, or wants to hold a connection. */
const FIRST_BYTE_MS = 10_000;
const NEEDS_TLS = '{"message":"From another machine this port takes https only."}';

export class Listener {
  readonly #options: ListenerOptions;
  /** What the HTTP server does with a connection. */
  readonly #speakHttp: readonly ((socket: Socket) => void)[];
  readonly #servers: Server[] = [];
  readonly #sockets = new Set<Socket>();

  constructor(options: ListenerOptions) {
    this.#options = options;
    const { http } = options;
    // Node watches the deadlines of a server's connections only while that server listens itself, so it has to.
    this.#speakHttp = http.listeners("connection") as ((socket: Socket) => void)[];
    http.removeAllListeners("connection");
    const port: Port = {
      tls: this.#tlsFor((socket) => this.#speak(socket)),
      speak: (socket) => this.#speak(socket),
    };
    http.on("connection", (socket) => this.#onConnection(socket, port));
  }

  /** Rejects with the system's error; resolves with the port. */
  open(address: HostPort): Promise<number> {
    return this.#listen(this.#options.http, address);
  }

  /** A second port. `arrived` is told of each connection, as requests will name it, before anything is said on it. */
  openBeside(address: HostPort, arrived: (socket: Socket) => void): Promise<number> {
    const speak = (socket: Socket) => {
      arrived(socket);
      this.#speak(socket);
    };
    const port: Port = { tls: this.#tlsFor(speak), speak };
    return this.#listen(
      createServer((socket) => this.#onConnection(socket, port)),
      address,
    );
  }

  /** Takes no more and cuts who is inside. */
  async close(): Promise<void> {
    const closed = this.#servers.map((server) => new Promise((resolve) => server.close(resolve)));
    for (const socket of this.#sockets) socket.destroy();
    await Promise.all(closed);
  }

  async #listen(server: Server, { host, port }: HostPort): Promise<number> {
    server.maxConnections = this.#options.connectionsMax;
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen({ host, port }, () => {
        server.off("error", reject);
        // Such as no descriptor left: clients at the door wait, those inside are served.
        server.on("error", () => undefined);
        resolve();
      });
    });
    this.#servers.push(server);
    const bound = server.address();
    return typeof bound === "object" && bound !== null ? bound.port : port;
  }

  #onConnection(socket: Socket, port: Port): void {
    this.#sockets.add(socket);
    const give = () => socket.destroy();
    socket.once("close", () => this.#sockets.delete(socket));
    socket.setNoDelay(true);
    socket.on("error", give);
    socket.setTimeout(FIRST_BYTE_MS, give);
    socket.once("readable", () => {
      const first = socket.read() as Buffer | null;
      if (first === null) return give();
      socket.setTimeout(0);
      socket.off("timeout", give);
      socket.unshift(first);
      this.#sort(socket, first[0] === TLS_HANDSHAKE, port);
    });
  }

  #sort(socket: Socket, isTls: boolean, { tls, speak }: Port): void {
    if (isTls) {
      tls.emit("connection", socket);
    } else if (isLoopback(socket.remoteAddress?.replace(/^::ffff:/, "") ?? "")) {
      speak(socket);
    } else {
      socket.end(
        `HTTP/1.1 426 Upgrade Required\r\nupgrade: TLS/1.2, HTTP/1.1\r\ncontent-type: application/json\r\n` +
          `content-length: ${NEEDS_TLS.length}\r\nconnection: close\r\n\r\n${NEEDS_TLS}`,
      );
      // Whether the other side goes as well is not waited for.
      socket.destroySoon();
    }
  }

  /** Does not listen: it is given what has turned out to be TLS. */
  #tlsFor(speak: (socket: Socket) => void): TlsServer {
    const { key, certificate } = this.#options.tls;
    const server = createTlsServer({
      key,
      cert: certificate,
      minVersion: "TLSv1.2",
      handshakeTimeout: FIRST_BYTE_MS,
      ALPNProtocols: ["http/1.1"],
    });
    // Browsers that do not trust the certificate yet hang up in the handshake, and so do scanners.
    server.on("tlsClientError", (_error, socket) => socket.destroy());
    return server.on("secureConnection", speak);
  }

  #speak(socket: Socket): void {
    for (const listener of this.#speakHttp) listener.call(this.#options.http, socket);
  }
}
