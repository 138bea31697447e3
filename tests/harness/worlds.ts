/** The carriers a test can run on, all alike: memory, the embedded broker over TCP, a real nats-server. */
import { Broker } from "../../bus/broker/broker.ts";
import { MemoryBroker } from "../../bus/carrier/memory.ts";
import { connectNats } from "../../bus/carrier/nats.ts";
import { Nkey } from "../../bus/carrier/nkey.ts";
import type { BusUser, Permissions, Transport } from "../../bus/carrier/transport.ts";
import { findNatsServer, NatsServer } from "./nats-server.ts";

export interface WorldUser {
  readonly name: string;
  readonly permissions: Permissions;
}

export interface World {
  /** A new connection as this user; several of one user may be open. */
  connect(user: string): Promise<Transport>;
  /** The seed that `start` has made for this user. */
  seedOf(user: string): string;
  /** The broker dies without farewell, and comes back where it was. */
  breakDown(): Promise<void>;
  restore(): Promise<void>;
  /** Closes what was connected and ends the broker. */
  stop(): Promise<void>;
  /** For raw sockets; memory has none. */
  readonly port: number | undefined;
}

export interface WorldMaker {
  readonly name: "memory" | "embedded" | "nats-server";
  /** Why this world cannot be had on this machine; undefined when it can. */
  readonly missing: string | undefined;
  start(users: readonly WorldUser[], options?: { maxPayloadBytes?: number }): Promise<World>;
}

/** Everything allowed: for tests that are not about permissions. */
export const ALL_ALLOWED: Permissions = Object.freeze({
  publish: { allow: [">"], deny: [] },
  subscribe: { allow: [">"], deny: [] },
  allowResponses: 1,
});

interface Backend {
  readonly port: number | undefined;
  connect(user: string, seed: string): Promise<Transport>;
  breakDown(): Promise<void>;
  restore(): Promise<void>;
  stop(): Promise<void>;
}

export const worlds: readonly WorldMaker[] = [
  { name: "memory", missing: undefined, start: (users, options) => makeWorld(users, options, startMemory) },
  {
    name: "embedded",
    missing: undefined,
    start: (users, options) => makeWorld(users, options, startEmbedded),
  },
  {
    name: "nats-server",
    missing: findNatsServer() === undefined ? "nats-server is not installed on this machine" : undefined,
    start: (users, options) => makeWorld(users, options, startNatsServer),
  },
];

type StartBackend = (users: readonly BusUser[], options: { maxPayloadBytes?: number }) => Promise<Backend>;

async function makeWorld(
  users: readonly WorldUser[],
  options: { maxPayloadBytes?: number } = {},
  startBackend: StartBackend,
): Promise<World> {
  const nkeys = new Map(users.map((user) => [user.name, Nkey.create()]));
  const seedOf = (user: string) => {
    const nkey = nkeys.get(user);
    if (nkey === undefined) throw new Error(`this world has no user "${user}"`);
    return nkey.revealSeed();
  };
  const busUsers = users.map(({ name, permissions }) => ({
    name,
    permissions,
    publicKey: nkeys.get(name)?.publicKey ?? "",
  }));
  const backend = await startBackend(busUsers, options);
  const transports: Transport[] = [];
  return {
    port: backend.port,
    seedOf,
    connect: async (user) => {
      const transport = await backend.connect(user, seedOf(user));
      transports.push(transport);
      return transport;
    },
    breakDown: () => backend.breakDown(),
    restore: () => backend.restore(),
    stop: async () => {
      await Promise.all(transports.map((transport) => transport.close()));
      await backend.stop();
    },
  };
}

function startMemory(users: readonly BusUser[], options: { maxPayloadBytes?: number }): Promise<Backend> {
  const broker = new MemoryBroker(users, options);
  return Promise.resolve({
    port: undefined,
    connect: (user: string) => Promise.resolve(broker.connect(user)),
    breakDown: async () => broker.breakDown(),
    restore: async () => broker.restore(),
    stop: async () => broker.breakDown(),
  });
}

async function startEmbedded(
  users: readonly BusUser[],
  options: { maxPayloadBytes?: number },
): Promise<Backend> {
  let broker = await Broker.listen({ users, ...options });
  const port = broker.port;
  return {
    port,
    connect: (user, seed) => connectTo(port, user, seed),
    breakDown: () => broker.close(),
    restore: async () => {
      broker = await Broker.listen({ users, port, ...options });
    },
    stop: () => broker.close(),
  };
}

async function startNatsServer(
  users: readonly BusUser[],
  options: { maxPayloadBytes?: number },
): Promise<Backend> {
  const server = await NatsServer.start({ users, ...options });
  return {
    port: server.port,
    connect: (user, seed) => connectTo(server.port, user, seed),
    breakDown: () => server.breakDown(),
    restore: () => server.restore(),
    stop: () => server.stop(),
  };
}

function connectTo(port: number, user: string, seed: string): Promise<Transport> {
  return connectNats({ servers: [`nats://127.0.0.1:${port}`], user, seed, connectTimeoutMs: 20_000 });
}
