/** The embedded broker: speaks the NATS protocol on loopback, lets in known nkeys only, and lets no client harm another. */
import { randomBytes } from "node:crypto";
import { type AddressInfo, createServer, isIP, type Server, type Socket } from "node:net";
import { type Clock, systemClock, type Timer } from "../../runtime/clock.ts";
import { TroupeError } from "../../runtime/errors.ts";
import type { BusUser } from "../carrier/transport.ts";
import type { Access } from "./access.ts";
import {
  Connection,
  type ConnectionCounters,
  type ConnectionHost,
  type ConnectionLimits,
} from "./connection.ts";
import { type Recipient, Router, type RouterClient } from "./router.ts";
import { Users } from "./users.ts";
import type { WireMessage } from "./wire.ts";

/** The protocol level we keep to; clients derive features from it. JetStream is announced as absent. */
const PROTOCOL_VERSION = "2.9.10";
const SWEEP_MS = 500;
/** How long `close` waits for clients to read what is on its way. */
const CLOSE_GRACE_MS = 250;

export interface BrokerOptions extends Partial<ConnectionLimits> {
  readonly users: readonly BusUser[];
  /** 127.0.0.1 unless told; only loopback addresses are taken. */
  readonly host?: string;
  /** 0, the default, lets the system choose. */
  readonly port?: number;
  readonly connectionsMax?: number;
  readonly subscriptionsPerClientMax?: number;
  readonly clock?: Clock;
}

export const BROKER_LIMITS: ConnectionLimits = Object.freeze({
  controlLineMax: 4096,
  maxPayloadBytes: 1024 * 1024,
  maxPendingBytes: 16 * 1024 * 1024,
  authTimeoutMs: 2_000,
  stallTimeoutMs: 10_000,
  pingIntervalMs: 120_000,
  pingsOutstandingMax: 2,
});
const CONNECTIONS_MAX = 64;
const SUBSCRIPTIONS_PER_CLIENT_MAX = 10_000;

export interface BrokerStats extends Readonly<ConnectionCounters> {
  readonly connections: number;
  readonly subscriptions: number;
  readonly pendingBytes: number;
  readonly clients: readonly {
    readonly user: string;
    readonly subscriptions: number;
    readonly pendingBytes: number;
  }[];
}

export class Broker {
  readonly users: Users;
  readonly #server: Server;
  readonly #host: string;
  readonly #port: number;
  readonly #clock: Clock;
  readonly #limits: ConnectionLimits;
  readonly #connectionsMax: number;
  readonly #router: Router<WireMessage>;
  readonly #connections = new Set<Connection>();
  readonly #serverId = randomBytes(16).toString("hex").toUpperCase();
  readonly #counters: ConnectionCounters = {
    messagesIn: 0,
    messagesOut: 0,
    bytesIn: 0,
    bytesOut: 0,
    slowConsumers: 0,
    authFailures: 0,
    cutOff: 0,
  };
  readonly #connectionHost: ConnectionHost;
  #dirty: Connection[] = [];
  #clientIdCounter = 0;
  #sweeper: Timer | undefined;
  #closing: Promise<void> | undefined;

  private constructor(options: BrokerOptions, server: Server, host: string) {
    this.#server = server;
    this.#host = host;
    this.#port = (server.address() as AddressInfo).port;
    this.#clock = options.clock ?? systemClock;
    this.#limits = limitsOf(options);
    this.#connectionsMax = options.connectionsMax ?? CONNECTIONS_MAX;
    this.#router = new Router({
      clock: this.#clock,
      subscriptionsPerClientMax: options.subscriptionsPerClientMax ?? SUBSCRIPTIONS_PER_CLIENT_MAX,
    });
    this.users = new Users(options.users, (access) => this.#revoke(access));
    this.#connectionHost = this.#makeConnectionHost();
    server.on("connection", (socket) => this.#accept(socket));
    // a connection that could not be accepted (no file descriptor left) is that client's loss only
    server.on("error", () => this.#counters.cutOff++);
    this.#scheduleSweep();
  }

  /**
   * Opens the port. Throws `BUS_BROKER_NO_USERS`, `BUS_BROKER_BAD_USER`, `BUS_BROKER_NOT_LOOPBACK`,
   * and `BUS_BROKER_LISTEN_FAILED` when the port is taken.
   */
  static async listen(options: BrokerOptions): Promise<Broker> {
    const host = options.host ?? "127.0.0.1";
    checkLoopback(host);
    // refuses bad users before anything is opened
    void new Users(options.users, () => undefined);
    const server = createServer({ noDelay: true });
    await listenOn(server, host, options.port ?? 0);
    return new Broker(options, server, host);
  }

  get port(): number {
    return this.#port;
  }

  /** As a client dials it: `nats://127.0.0.1:4222`. */
  get address(): string {
    return `nats://${isIP(this.#host) === 6 ? `[${this.#host}]` : this.#host}:${this.#port}`;
  }

  get maxPayloadBytes(): number {
    return this.#limits.maxPayloadBytes;
  }

  stats(): BrokerStats {
    const clients = [...this.#connections].flatMap((connection) =>
      connection.access === undefined
        ? []
        : [
            {
              user: connection.access.user.name,
              subscriptions: connection.subscriptionCount,
              pendingBytes: connection.pendingBytes,
            },
          ],
    );
    return {
      ...this.#counters,
      connections: this.#connections.size,
      subscriptions: this.#router.subscriptionCount,
      pendingBytes: clients.reduce((sum, client) => sum + client.pendingBytes, 0),
      clients,
    };
  }

  /** Ends every connection and gives the port back. */
  close(): Promise<void> {
    this.#closing ??= new Promise((resolve) => {
      this.#sweeper?.cancel();
      this.#server.close(() => resolve());
      for (const connection of this.#connections) connection.fail("Server Shutdown");
      const destroyAll = () => {
        for (const connection of [...this.#connections]) connection.destroy();
      };
      this.#clock.after(CLOSE_GRACE_MS, destroyAll);
    });
    return this.#closing;
  }

  #accept(socket: Socket): void {
    if (this.#closing !== undefined) {
      socket.destroy();
      return;
    }
    if (this.#connections.size >= this.#connectionsMax && !this.#evictStranger()) {
      socket.on("error", () => socket.destroy());
      socket.end("-ERR 'maximum connections exceeded'\r\n", () => socket.destroy());
      return;
    }
    this.#connections.add(new Connection(this.#connectionHost, socket, ++this.#clientIdCounter));
  }

  /** Whoever opens connections without logging in must not keep the actors out. */
  #evictStranger(): boolean {
    for (const connection of this.#connections) {
      if (connection.isAuthenticated) continue;
      connection.destroy();
      return true;
    }
    return false;
  }

  #revoke(access: Access): void {
    for (const connection of [...this.#connections]) {
      if (connection.access === access) connection.fail("User Authentication Revoked");
    }
  }

  #scheduleSweep(): void {
    this.#sweeper = this.#clock.after(
      SWEEP_MS,
      () => {
        const nowMs = this.#clock.monotonicMs();
        for (const connection of [...this.#connections]) connection.sweep(nowMs);
        this.#scheduleSweep();
      },
      { background: true },
    );
  }

  #makeConnectionHost(): ConnectionHost {
    return {
      limits: this.#limits,
      stats: this.#counters,
      nowMs: () => this.#clock.monotonicMs(),
      info: (clientId, nonce, clientAddress) => this.#info(clientId, nonce, clientAddress),
      authenticate: (publicKey) => this.users.byPublicKey(publicKey),
      enter: (access: Access, recipient: Recipient<WireMessage>): RouterClient<WireMessage> =>
        this.#router.attach(access, recipient),
      markDirty: (connection) => this.#dirty.push(connection),
      flushDirty: () => this.#flushDirty(),
      onLeave: (connection) => this.#connections.delete(connection),
    };
  }

  #flushDirty(): void {
    const dirty = this.#dirty;
    if (dirty.length === 0) return;
    this.#dirty = [];
    for (const connection of dirty) connection.flush();
  }

  #info(clientId: number, nonce: string, clientAddress: string): string {
    const info = {
      server_id: this.#serverId,
      server_name: "troupe",
      version: PROTOCOL_VERSION,
      proto: 1,
      host: this.#host,
      port: this.#port,
      headers: true,
      jetstream: false,
      auth_required: true,
      max_payload: this.#limits.maxPayloadBytes,
      client_id: clientId,
      client_ip: clientAddress,
      nonce,
    };
    return `INFO ${JSON.stringify(info)}\r\n`;
  }
}

function limitsOf(options: BrokerOptions): ConnectionLimits {
  const limit = <K extends keyof ConnectionLimits>(key: K) => options[key] ?? BROKER_LIMITS[key];
  return {
    controlLineMax: limit("controlLineMax"),
    maxPayloadBytes: limit("maxPayloadBytes"),
    maxPendingBytes: limit("maxPendingBytes"),
    authTimeoutMs: limit("authTimeoutMs"),
    stallTimeoutMs: limit("stallTimeoutMs"),
    pingIntervalMs: limit("pingIntervalMs"),
    pingsOutstandingMax: limit("pingsOutstandingMax"),
  };
}

function checkLoopback(host: string): void {
  if ((isIP(host) === 4 && host.startsWith("127.")) || host === "::1") return;
  throw new TroupeError(
    { code: "BUS_BROKER_NOT_LOOPBACK", host },
    `The embedded broker does not listen on ${host}: it has no TLS and serves this host only. Use 127.0.0.1, or an external nats-server.`,
  );
}

function listenOn(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      reject(
        new TroupeError(
          { code: "BUS_BROKER_LISTEN_FAILED", host, port, reason: error.code ?? "unknown" },
          `The broker cannot listen on ${host}:${port} (${error.code ?? error.message}). Free the port or choose another.`,
          { cause: error },
        ),
      );
    });
    server.listen({ host, port }, () => {
      server.removeAllListeners("error");
      resolve();
    });
  });
}
