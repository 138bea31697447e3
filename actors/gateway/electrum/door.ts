/** The Electrum door: opens its listeners, lets clients in, looks after them every second, and tells the operator of them. */

import type { Socket } from "node:net";
import { join } from "node:path";
import type { Meter } from "@opentelemetry/api";
import type { Door } from "../../../bus/contracts/supervisor.ts";
import type { Clock, Timer } from "../../../runtime/clock.ts";
import { type HostPort, parseHostPort } from "../../../runtime/config/config-values.ts";
import { toWireError } from "../../../runtime/errors.ts";
import type { Log } from "../../../runtime/log/log.ts";
import { hostAndPort } from "../address.ts";
import { listenFailure } from "../listen-failure.ts";
import { RenewedIdentity } from "../tls/renewed-identity.ts";
import { observeElectrum } from "./admin/instruments.ts";
import { ByteBudget } from "./carrier/byte-budget.ts";
import { type Carrier, Connection } from "./carrier/connection.ts";
import { type Arrival, Listener } from "./carrier/listener.ts";
import { connectionsAllowed } from "./carrier/open-files.ts";
import type { ElectrumConfig } from "./config.ts";
import { type ElectrumProtocol, MethodTable } from "./method.ts";
import { ownMethods } from "./methods/own-methods.ts";
import { type KnownPeers, peerMethods } from "./methods/peer-methods.ts";
import { PROTOCOL_CODES, ProtocolError } from "./protocol-error.ts";
import type { VersionRange } from "./protocol-version.ts";
import { Client } from "./sessions/client.ts";
import type { DoorParts } from "./sessions/door-parts.ts";
import {
  type AddressGroup,
  groupOf,
  NetworkList,
  parseNetwork,
  VIA_TOR,
} from "./sessions/origins/address-group.ts";
import { Admission, type Refusal } from "./sessions/origins/admission.ts";
import { Bans } from "./sessions/origins/bans.ts";
import { CostGroups } from "./sessions/origins/cost-groups.ts";
import { Scheduler } from "./sessions/scheduler.ts";
import { type ClosedBy, Tally } from "./sessions/tally.ts";

export interface ElectrumDoorOptions {
  readonly config: ElectrumConfig;
  readonly protocol: ElectrumProtocol;
  /** Undefined: the operator wants to know of no other servers. */
  readonly peers: KnownPeers | undefined;
  /** What `server.version` answers. */
  readonly software: string;
  readonly range: VersionRange;
  /** For the certificate and the bans. */
  readonly directory: string;
  readonly clock: Clock;
  readonly meter: Meter;
  readonly log: Log;
}

const TICK_MS = 1_000;
const LOOK_FOR_CERTIFICATE_MS = 10_000;
/** How long clients may take to read their last answers when the door closes. */
const CLOSING_MS = 2_000;

const REFUSALS: Readonly<Record<Refusal, string>> = Object.freeze({
  total: "the server is full",
  host: "too many connections from your address",
  subnet: "too many connections from your network",
});

const CARRIERS = [
  ["tcp", "electrum_tcp_listen", "Electrum wallets, without encryption."],
  ["tls", "electrum_tls_listen", "Electrum wallets, over TLS."],
  ["ws", "electrum_ws_listen", "Electrum wallets in browsers, over WebSocket."],
  ["wss", "electrum_wss_listen", "Electrum wallets in browsers, over secure WebSocket."],
] as const;

/** What is counted from the first byte on, before anybody knows who comes. */
interface Entry {
  readonly group: AddressGroup;
  readonly refusal: Refusal | undefined;
}

export class ElectrumDoor {
  readonly #options: ElectrumDoorOptions;
  readonly #parts: DoorParts;
  readonly #bans: Bans;
  readonly #clients = new Map<number, Client>();
  readonly #entries = new Map<string | Socket, Entry>();
  #listeners: Listener[] = [];
  #tick: Timer | undefined;
  /** Of the doors for TLS, where there are any. */
  #identity: RenewedIdentity | undefined;
  #certifiedAtMs: number;
  #nextId = 1;
  #isClosing = false;
  #isStranded = false;
  readonly #openedAtMs: number;

  /** Throws what `Bans` throws. */
  constructor(options: ElectrumDoorOptions) {
    const { config, clock, protocol, range, software, log, meter, directory } = options;
    this.#options = options;
    this.#openedAtMs = clock.monotonicMs();
    this.#certifiedAtMs = this.#openedAtMs;
    this.#bans = new Bans(join(directory, "electrum-bans.json"), clock);
    const trusted = networksOf(config.electrum_trusted_addresses);
    const isTrusted = (address: string) => trusted.has(address);
    const { electrum_refused_clients: pattern } = config;
    const refused = pattern === undefined ? undefined : new RegExp(pattern);
    const costs = {
      soft: config.electrum_cost_soft,
      hard: config.electrum_cost_hard,
      concurrency: config.electrum_concurrency,
      throttleMaxMs: config.electrum_throttle_ms,
    };
    this.#parts = {
      config,
      costs,
      costGroups: new CostGroups(costs),
      admission: new Admission(admissionLimits(config, log), isTrusted),
      scheduler: new Scheduler(config.electrum_running_max, () => protocol.isTelling()),
      budget: new ByteBudget(config.electrum_buffer_bytes_max),
      tally: new Tally(),
      clock,
      table: new MethodTable([...ownMethods(), ...peerMethods(options.peers), ...protocol.methods]),
      protocol,
      greeting: { software, range, isRefused: (name) => refused?.test(name) ?? false },
      isTrusted,
      relieve: () => this.#relieve(),
      unforeseen: (method, error) =>
        log.error("an Electrum request failed", { method, error: toWireError(error) }),
      closed: (session) => void this.#clients.delete(session.id),
    };
    observeElectrum(meter, this.#parts.tally, () => ({
      sessions: this.sessionsByCarrier(),
      subscriptions: this.#parts.admission.subscriptions,
      running: this.#parts.scheduler.running,
      bufferedBytes: this.#parts.budget.usedBytes,
    }));
  }

  /** Throws `GATEWAY_PORT_IN_USE`, `GATEWAY_LISTEN_FAILED` or `GATEWAY_TLS_UNUSABLE`. */
  async open(): Promise<Door[]> {
    const { config } = this.#options;
    const doors: Door[] = [];
    for (const [carrier, key, doc] of CARRIERS) {
      const where = parseHostPort(config[key]);
      if (where === undefined) continue;
      const port = await this.#listen(carrier, where, key);
      doors.push({
        name: `electrum ${carrier}`,
        address: `${carrier}://${hostAndPort({ host: where.host, port })}`,
        doc,
      });
    }
    const path = config.electrum_unix_socket;
    if (path !== undefined) {
      await this.#listen("unix", path, "electrum_unix_socket");
      doors.push({ name: "electrum unix", address: `unix:${path}`, doc: "Programs on this machine." });
    }
    this.#scheduleTick();
    return doors;
  }

  /** Where Tor is to hand its clients on to: nobody else comes in there. */
  async openForTor(): Promise<HostPort> {
    const host = "127.0.0.1";
    return { host, port: await this.#listen("onion", { host, port: 0 }, "electrum_onion") };
  }

  /** Gives every client what waits for it, then closes. */
  async close(): Promise<void> {
    this.#isClosing = true;
    this.#tick?.cancel();
    const listeners = this.#listeners.map((listener) => listener.close());
    for (const client of this.#clients.values()) client.close("shutdown");
    await this.#emptied();
    for (const client of [...this.#clients.values()]) client.destroy("shutdown");
    for (const listener of this.#listeners) listener.cut();
    await Promise.all(listeners);
    this.#parts.scheduler.stop();
  }

  get clients(): Iterable<Client> {
    return this.#clients.values();
  }

  get parts(): DoorParts {
    return this.#parts;
  }

  get bans(): Bans {
    return this.#bans;
  }

  nowMs(): number {
    return this.#options.clock.monotonicMs();
  }

  get uptimeMs(): number {
    return this.#options.clock.monotonicMs() - this.#openedAtMs;
  }

  sessionsByCarrier(): Map<string, number> {
    const counts = new Map<string, number>(this.#listeners.map(({ carrier }) => [carrier, 0]));
    for (const { connection } of this.#clients.values()) {
      counts.set(connection.carrier, (counts.get(connection.carrier) ?? 0) + 1);
    }
    return counts;
  }

  /** Closes those that fit and says how many they were. */
  disconnect(fits: (client: Client) => boolean, by: ClosedBy = "operator"): number {
    const chosen = [...this.#clients.values()].filter(fits);
    for (const client of chosen) client.close(by);
    return chosen.length;
  }

  async #listen(
    carrier: Carrier,
    where: { host: string; port: number } | string,
    key: string,
  ): Promise<number> {
    const { config } = this.#options;
    const isSecret = carrier === "tls" || carrier === "wss";
    const listener = new Listener({
      carrier,
      where,
      tls: isSecret ? this.#certified().current : undefined,
      requestBytesMax: config.electrum_request_bytes_max,
      admit: (socket, from) => this.#admit(socket, from, carrier === "onion" ? VIA_TOR : groupOf(from)),
      arrive: (arrival) => this.#arrive(arrival),
    });
    try {
      const port = await listener.open();
      this.#listeners.push(listener);
      return port;
    } catch (error) {
      const hint = `Set ${key} in the section [gateway] to another address, or to "" for no such door.`;
      const at = typeof where === "string" ? where : hostAndPort(where);
      throw listenFailure({ door: "the Electrum door", where: at, hint }, error);
    }
  }

  #certified(): RenewedIdentity {
    const { config, directory, clock, log } = this.#options;
    const names = [...config.electrum_host_names, "localhost", "127.0.0.1", "::1"];
    this.#identity ??= new RenewedIdentity(
      {
        door: "electrum",
        certificateFile: config.electrum_tls_certificate,
        keyFile: config.electrum_tls_key,
        directory,
        names: [...new Set(names)],
        nowMs: clock.now(),
      },
      log,
    );
    return this.#identity;
  }

  /** A certificate lasts some weeks, and the door for as long as nobody restarts it. */
  #lookForCertificate(nowMs: number): void {
    const identity = this.#identity;
    if (identity === undefined || nowMs - this.#certifiedAtMs < LOOK_FOR_CERTIFICATE_MS) return;
    this.#certifiedAtMs = nowMs;
    if (identity.look()) for (const listener of this.#listeners) listener.renew(identity.current);
  }

  #admit(socket: Socket, from: string | undefined, group: AddressGroup): boolean {
    const { admission, tally } = this.#parts;
    const answer = this.#isShutTo(from) ? "unheard" : admission.enter(group);
    if (answer !== "welcome") tally.sessionsRefused++;
    if (answer === "unheard") return false;
    const key = entryKey(socket);
    const entry: Entry = { group, refusal: answer === "welcome" ? undefined : answer };
    this.#entries.set(key, entry);
    socket.once("close", () => {
      // The system may have given the same address and port to the next one already.
      if (this.#entries.get(key) === entry) this.#entries.delete(key);
      admission.leave(group);
    });
    return true;
  }

  #arrive({ socket, carrier, address, codec, first }: Arrival): void {
    const { clock, budget, tally } = this.#parts;
    const entry = this.#entries.get(entryKey(socket));
    // Without an entry its connection is gone already. What it was let in by may have changed during its handshake.
    if (entry === undefined || this.#isShutTo(address)) return void socket.destroy();
    const connection = new Connection({ socket, carrier, address, codec, budget, clock });
    const client = new Client(this.#nextId++, connection, entry.group, this.#parts);
    this.#clients.set(client.id, client);
    tally.sessionsOpened++;
    client.open(first);
    if (entry.refusal === undefined) return;
    const message = `excessive resource usage: ${REFUSALS[entry.refusal]}`;
    client.close("limit", new ProtocolError(PROTOCOL_CODES.tooExpensive, message));
  }

  #isShutTo(address: string | undefined): boolean {
    return this.#isClosing || this.#isStranded || this.#bans.has(address);
  }

  /** Cuts those that hold most until the rest fits. */
  #relieve(): void {
    const { budget } = this.#parts;
    const most = [...this.#clients.values()].sort((a, b) => b.heldBytes - a.heldBytes);
    for (const client of most) {
      if (!budget.isExceeded) return;
      client.destroy("buffer");
    }
  }

  /**
   * A wallet that stays with a server which hears nothing of the chain believes that nothing happens: pings are answered
   * all the same. So it is let go, to find another server, and nobody comes in until the index answers again.
   */
  #lookWhetherStranded(): void {
    const { config, protocol, log } = this.#options;
    const limitMs = config.electrum_patience_seconds * 1000;
    const silentMs = protocol.silentMs();
    const isStranded = limitMs > 0 && silentMs > limitMs;
    if (isStranded === this.#isStranded) return;
    this.#isStranded = isStranded;
    if (!isStranded) return log.info("the index answers again; wallets are let in");
    const clients = this.disconnect(() => true, "stranded");
    log.warn("the index does not answer; wallets are let go so that they find another server", {
      silentMs: Math.round(silentMs),
      clients,
    });
  }

  #scheduleTick(): void {
    const { clock } = this.#options;
    this.#tick = clock.after(
      TICK_MS,
      () => {
        const nowMs = clock.monotonicMs();
        this.#lookWhetherStranded();
        for (const client of this.#clients.values()) client.tick(nowMs);
        if (this.#parts.budget.isExceeded) this.#relieve();
        this.#lookForCertificate(nowMs);
        this.#parts.costGroups.sweep(nowMs);
        this.#bans.sweep();
        this.#scheduleTick();
      },
      { background: true },
    );
  }

  async #emptied(): Promise<void> {
    const { clock } = this.#options;
    const untilMs = clock.monotonicMs() + CLOSING_MS;
    while (this.#clients.size > 0 && clock.monotonicMs() < untilMs) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }
}

function admissionLimits(config: ElectrumConfig, log: Log) {
  const wanted = config.electrum_connections_max;
  const allowed = connectionsAllowed() ?? wanted;
  if (allowed < wanted) {
    log.warn(
      "the system allows fewer connections than electrum_connections_max; raise its limit of open files",
      {
        wanted,
        allowed,
      },
    );
  }
  return {
    total: Math.min(wanted, allowed),
    perHost: config.electrum_connections_per_address,
    perSubnet: config.electrum_connections_per_subnet,
    subscriptionsPerHost: config.electrum_subscriptions_per_address,
    subscriptionsTotal: config.electrum_subscriptions_max,
  };
}

/** The ends of a connection, because TLS puts another object on top of the socket; a Unix socket has none. */
function entryKey(socket: Socket): string | Socket {
  const { remoteAddress, remotePort, localPort } = socket;
  return remotePort === undefined ? socket : `${remoteAddress} ${remotePort} ${localPort}`;
}

function networksOf(texts: readonly string[]): NetworkList {
  return new NetworkList(texts.map(parseNetwork).filter((network) => network !== undefined));
}
