/** The directory itself: a listener, those inside, and the rules by which they come and go. */
import { createServer, type Server, type Socket } from "node:net";
import type { DirectoryBan } from "../../bus/contracts/directory.ts";
import type { Connection } from "../../joinmarket/channel/onion/connection.ts";
import type { BotHandshake } from "../../joinmarket/channel/onion/handshake.ts";
import { directoryIdOf } from "../../joinmarket/channel/onion/nick-auth.ts";
import { NickIdentity } from "../../joinmarket/nick/identity.ts";
import type { Clock } from "../../runtime/clock.ts";
import type { HostPort } from "../../runtime/config/config-values.ts";
import { TroupeError } from "../../runtime/errors.ts";
import { Bans, banName, namesOf, plainAddress } from "./bans.ts";
import { type Bot, Bots, newPace, type PaceLimits } from "./bots.ts";
import { Liveness } from "./liveness.ts";
import type { Arrival, DirectoryMetrics } from "./metrics.ts";
import { type Guest, type House, Reception } from "./reception.ts";
import { Relay } from "./relay.ts";

/** Connections that have not introduced themselves yet. */
const NEWCOMERS_MAX = 1_000;
const LOOPBACK = /^(::ffff:)?127\.|^::1$/;

export interface DirectoryOptions extends PaceLimits {
  readonly listen: HostPort;
  readonly publicAddress: string | undefined;
  readonly networks: readonly string[];
  readonly motd: string;
  readonly nickAuth: House["nickAuth"];
  readonly botsMax: number;
  readonly botsPerAddressMax: number;
  readonly banMs: number;
  /** Where the operator's bans are kept. */
  readonly bansPath?: string;
  readonly idleMs: number;
  readonly clock: Clock;
  readonly metrics: DirectoryMetrics;
  /** Somebody came or went. */
  onChange(): void;
}

export class Directory {
  readonly nick = NickIdentity.random().nick;
  readonly bots = new Bots();
  readonly bans: Bans;
  readonly #options: DirectoryOptions;
  readonly #relay: Relay;
  readonly #liveness: Liveness;
  readonly #receptions = new Set<Reception>();
  readonly #perAddress = new Map<string, number>();
  readonly #server: Server;
  #address = "";
  /** What bots dial, where that is not where it listens. */
  publicAddress: string | undefined;

  constructor(options: DirectoryOptions) {
    this.#options = options;
    this.publicAddress = options.publicAddress;
    const { clock, metrics, banMs, idleMs, bansPath } = options;
    this.bans = new Bans({
      clock,
      durationMs: banMs,
      ...(bansPath === undefined ? {} : { keptPath: bansPath }),
    });
    this.#relay = new Relay({ bots: this.bots, metrics, clock, onImpatience: (bot) => this.#ban(bot) });
    this.#liveness = new Liveness({
      bots: this.bots,
      clock,
      ownNick: this.nick,
      idleMs,
      onSilent: (bot) => this.#evict(bot, "silent"),
    });
    this.#server = createServer((socket) => this.#onSocket(socket));
  }

  /** Where it listens. */
  get address(): string {
    return this.#address;
  }

  async start(): Promise<void> {
    const { host, port } = this.#options.listen;
    await new Promise<void>((resolve, reject) => {
      this.#server.once("error", (cause) =>
        reject(
          new TroupeError(
            { code: "DIRECTORY_CANNOT_LISTEN", address: `${host}:${port}` },
            `The directory cannot listen at ${host}:${port}: ${cause.message}`,
            { cause },
          ),
        ),
      );
      this.#server.listen(port, host, resolve);
    });
    const bound = this.#server.address();
    const boundPort = typeof bound === "object" && bound !== null ? bound.port : port;
    this.#address = host.includes(":") ? `[${host}]:${boundPort}` : `${host}:${boundPort}`;
    this.#liveness.start();
  }

  async stop(): Promise<void> {
    this.#liveness.stop();
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const { connection } of [...this.#receptions]) connection.end();
    await closed;
  }

  /** By order of the operator: for good unless `minutes` are given. */
  ban(given: string, minutes: number | undefined): { ban: DirectoryBan; shownOut: number } {
    const ban = this.bans.order(banName(given), minutes);
    const named = [...this.bots.all()].filter((bot) => namesOf(bot).includes(ban.name));
    for (const bot of named) this.#evict(bot, "banned");
    this.#options.onChange();
    return { ban, shownOut: named.length };
  }

  unban(given: string): boolean {
    const wasBanned = this.bans.lift(banName(given));
    this.#options.onChange();
    return wasBanned;
  }

  #onSocket(socket: Socket): void {
    const remoteAddress = plainAddress(socket.remoteAddress ?? "");
    const fromThere = this.#perAddress.get(remoteAddress) ?? 0;
    const { botsPerAddressMax, metrics } = this.#options;
    const isFull = this.#receptions.size - this.bots.count >= NEWCOMERS_MAX;
    const isCrowd = fromThere >= botsPerAddressMax && !LOOPBACK.test(remoteAddress);
    const isBanned = this.bans.has(remoteAddress);
    if (isFull || isCrowd || isBanned) {
      metrics.arrival(isBanned ? "banned" : "full");
      return void socket.destroy();
    }
    socket.setNoDelay(true);
    this.#perAddress.set(remoteAddress, fromThere + 1);
    const reception = new Reception(this.#house(remoteAddress), socket, () => {
      this.#receptions.delete(reception);
      const rest = (this.#perAddress.get(remoteAddress) ?? 1) - 1;
      if (rest === 0) this.#perAddress.delete(remoteAddress);
      else this.#perAddress.set(remoteAddress, rest);
    });
    this.#receptions.add(reception);
  }

  #house(remoteAddress: string): House {
    const { networks, motd, nickAuth, clock, metrics } = this.#options;
    return {
      nick: this.nick,
      networks,
      motd,
      nickAuth,
      clock,
      directoryId: directoryIdOf(this.publicAddress ?? this.#address),
      refusal: (who, publicKeyHex) => this.#refusal(who, publicKeyHex),
      enter: (who, publicKeyHex, connection) => this.#enter(who, publicKeyHex, connection, remoteAddress),
      onArrival: (result) => metrics.arrival(result),
    };
  }

  #refusal(who: BotHandshake, publicKeyHex: string | undefined): Arrival | undefined {
    if (namesOf({ ...who, remoteAddress: "" }).some((name) => this.bans.has(name))) return "banned";
    if (who.nick === this.nick || this.bots.isOwned(who.nick, publicKeyHex)) return "nick owned";
    const isNew = this.bots.get(who.nick) === undefined;
    return isNew && this.bots.count >= this.#options.botsMax ? "full" : undefined;
  }

  #enter(
    who: BotHandshake,
    publicKeyHex: string | undefined,
    connection: Connection,
    remoteAddress: string,
  ): Guest {
    const { clock } = this.#options;
    const bot: Bot = {
      ...who,
      connection,
      remoteAddress,
      publicKeyHex,
      pace: newPace(clock, this.#options),
      introduced: new WeakSet(),
      enteredMs: clock.monotonicMs(),
      passed: 0,
      dropped: 0,
      heardMs: clock.monotonicMs(),
      askedMs: undefined,
    };
    const displaced = this.bots.add(bot);
    if (displaced !== undefined) {
      this.#relay.left(displaced);
      this.#options.metrics.evicted("displaced");
      displaced.connection.end();
    }
    this.#options.onChange();
    return {
      onLine: (line) => this.#relay.onLine(bot, line),
      onEnd: (fault) => this.#onEnd(bot, fault),
    };
  }

  #onEnd(bot: Bot, fault: string | undefined): void {
    if (fault !== undefined) this.#options.metrics.evicted("fault");
    if (!this.bots.remove(bot)) return;
    this.#relay.left(bot);
    this.#options.onChange();
  }

  #ban(bot: Bot): void {
    const { nick, publicKeyHex, remoteAddress } = bot;
    // Only what is its own for certain. A nick without proof, or the onion service that it names, may be somebody else's,
    // who would be kept out for it; and through Tor everybody comes from this host.
    const proven = publicKeyHex === undefined ? [] : [nick];
    this.bans.add(LOOPBACK.test(remoteAddress) ? proven : [...proven, remoteAddress]);
    this.#evict(bot, "banned");
  }

  #evict(bot: Bot, why: "silent" | "banned"): void {
    this.#options.metrics.evicted(why);
    bot.connection.end();
  }
}
