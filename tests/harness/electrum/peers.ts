/** Other Electrum servers as tests need them, honest or not, and a search for them in a world whose addresses lead to this machine. */
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Peer } from "../../../actors/gateway/electrum/peers/peer.ts";
import { peerDial } from "../../../actors/gateway/electrum/peers/peer-dial.ts";
import {
  PeerDiscovery,
  type PeerDiscoveryOptions,
} from "../../../actors/gateway/electrum/peers/peer-discovery.ts";
import { version } from "../../../actors/gateway/electrum/protocol-version.ts";
import { silentLog } from "../../../bus/fake.ts";
import { ManualClock } from "../../../runtime/clock.ts";
import { waitFor } from "../wait-for.ts";

export const GENESIS = "0f".repeat(32);
export const OUR_HEIGHT = 1_000;

/** Of the chain that all honest servers of a test are on. */
export function headerAt(height: number): string {
  return height.toString(16).padStart(160, "0");
}

export type Answers = Readonly<Record<string, unknown | ((params: readonly unknown[]) => unknown)>>;

/** A peer that answers as an honest one, but for what a test gives it to say; with `rude` it does as it likes. */
export class TestPeer {
  readonly port: number;
  /** Everything that it was asked. */
  readonly asked: { method: string; params: readonly unknown[] }[] = [];
  connections = 0;
  answers: Answers;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(server: Server, answers: Answers, rude: ((socket: Socket) => void) | undefined) {
    this.#server = server;
    this.port = (server.address() as { port: number }).port;
    this.answers = answers;
    server.on("connection", (socket) => {
      this.connections += 1;
      this.#sockets.add(socket);
      socket.on("error", () => undefined);
      socket.once("close", () => this.#sockets.delete(socket));
      if (rude === undefined) this.#serve(socket);
      else rude(socket.resume());
    });
  }

  static async start(answers: Answers = {}, rude?: (socket: Socket) => void): Promise<TestPeer> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return new TestPeer(server, answers, rude);
  }

  get openConnections(): number {
    return this.#sockets.size;
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #serve(socket: Socket): void {
    let text = "";
    socket.setEncoding("utf8").on("data", (chunk: string) => {
      text += chunk;
      const lines = text.split("\n");
      text = lines.pop() ?? "";
      for (const line of lines) {
        const { id, method, params } = JSON.parse(line);
        this.asked.push({ method, params });
        const answer = { ...HONEST, ...this.answers }[method];
        const result = typeof answer === "function" ? answer(params) : answer;
        if (result instanceof Error) {
          socket.write(`${JSON.stringify({ id, error: { code: 1, message: result.message } })}\n`);
        } else if (result !== SILENCE) socket.write(`${JSON.stringify({ id, result })}\n`);
      }
    });
  }
}

/** No answer at all. */
export const SILENCE = Symbol("silence");

const HONEST: Answers = {
  "server.version": ["Honest 1.0", "1.6"],
  "blockchain.headers.subscribe": { height: OUR_HEIGHT, hex: headerAt(OUR_HEIGHT) },
  "blockchain.block.header": ([height]: readonly number[]) => headerAt(height as number),
  "server.peers.subscribe": [],
  "server.add_peer": true,
};

/** What a peer of these names says of itself. */
export function featuresOf(...names: string[]): Record<string, unknown> {
  return {
    hosts: Object.fromEntries(names.map((name) => [name, { tcp_port: 50_001 }])),
    genesis_hash: GENESIS,
    hash_function: "sha256",
    server_version: "Honest 1.0",
    protocol_min: "1.4",
    protocol_max: "1.6",
    pruning: null,
  };
}

export class SearchUnderTest {
  readonly clock = new ManualClock();
  readonly directory = mkdtempSync(join(tmpdir(), "troupe-peers-"));
  readonly names = new Map<string, readonly string[]>();
  /** By address, or by name for what goes through Tor. */
  readonly routes = new Map<string, TestPeer>();
  /** Where it went, in order. */
  readonly dialled: string[] = [];
  lookups = 0;
  /** Kept back until they are let go. */
  heldLookups: (() => void)[] | undefined;
  tipHeight: number | undefined = OUR_HEIGHT;
  search: PeerDiscovery;
  readonly #options: Partial<PeerDiscoveryOptions>;

  constructor(options: Partial<PeerDiscoveryOptions> = {}) {
    this.#options = options;
    this.search = this.#make();
  }

  /** The world gets a peer of that name at that address. */
  async settle(name: string, address: string, answers: Answers = {}): Promise<TestPeer> {
    const peer = await TestPeer.start({ "server.features": featuresOf(name), ...answers });
    this.place(name, address, peer);
    return peer;
  }

  place(name: string, address: string, peer: TestPeer): void {
    this.names.set(name, [address]);
    this.routes.set(address, peer);
  }

  peer(host: string): Peer | undefined {
    return this.search.list.get(host)?.peer;
  }

  state(host: string): string | undefined {
    const peer = this.peer(host);
    return peer === undefined ? undefined : this.search.list.stateOf(peer);
  }

  /** Time goes on, a second at a time, so that everything that falls due is begun. */
  async pass(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= 1_000) {
      this.clock.advance(Math.min(1_000, left));
      await this.settled();
    }
  }

  /** Looks at all that is due, and waits for what was found of this one. */
  async look(host: string, states: readonly string[] = ["good", "bad", "unreachable"]): Promise<Peer> {
    this.clock.advance(1_000);
    await waitFor(`${host} to have been looked at`, () => states.includes(this.state(host) ?? ""));
    return this.peer(host) as Peer;
  }

  async settled(): Promise<void> {
    await waitFor(
      "all looks to have ended",
      () => !this.search.list.slots.some(({ isChecking }) => isChecking),
    );
  }

  /** As after a restart of the program. */
  async restart(): Promise<void> {
    await this.search.stop();
    this.search = this.#make();
    this.search.start();
  }

  async stop(): Promise<void> {
    await this.search.stop();
    for (const peer of new Set(this.routes.values())) await peer.stop();
    rmSync(this.directory, { recursive: true, force: true });
  }

  #make(): PeerDiscovery {
    return new PeerDiscovery({
      mode: "find",
      dial: (target, signal) => {
        const where = target.address ?? target.host.text;
        this.dialled.push(`${where}:${target.port}`);
        const peer = this.routes.get(where);
        if (peer === undefined) return Promise.reject(new Error("nobody is there"));
        const local = { ...target, address: "127.0.0.1", port: peer.port, isTls: false };
        return peerDial({ socks: undefined, listening: [] })(local, signal);
      },
      names: {
        addressesOf: async (name) => {
          this.lookups += 1;
          if (this.heldLookups !== undefined) {
            await new Promise<void>((resolve) => this.heldLookups?.push(resolve));
          }
          const found = this.names.get(name);
          if (found === undefined) throw new Error("no such name");
          return found;
        },
        cancel: () => {
          for (const go of this.heldLookups?.splice(0) ?? []) go();
        },
      },
      chain: {
        tip: () =>
          this.tipHeight === undefined
            ? undefined
            : { height: this.tipHeight, hash: "00", header: headerAt(this.tipHeight) },
        headerAt: async (height) => (height > (this.tipHeight ?? -1) ? undefined : headerAt(height)),
      },
      clock: this.clock,
      log: silentLog(),
      random: () => 0.5,
      directory: this.directory,
      genesisHash: GENESIS,
      software: "Troupe test",
      range: { min: version("1.4"), max: version("1.6") },
      defaultPorts: { tcp: 50_001, tls: 50_002 },
      seeds: [],
      isPrivateNetwork: false,
      hasTor: false,
      isOnlyByTor: false,
      own: () => [],
      features: (host) => featuresOf(host),
      isBanned: () => false,
      ...this.#options,
    });
  }
}
