/** Hostile strangers on an IRC server and at our directory node, with honest bots among them that must always hear each other. */
import { connect, type Socket } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import type { Directory } from "../../../../actors/directory/door.ts";
import { silentLog } from "../../../../bus/fake.ts";
import { Channels } from "../../../../joinmarket/channel/channels.ts";
import { privateLines } from "../../../../joinmarket/channel/irc/chunks.ts";
import { IrcChannel } from "../../../../joinmarket/channel/irc/irc-channel.ts";
import { writeBotHandshake } from "../../../../joinmarket/channel/onion/handshake.ts";
import { NickIdentity } from "../../../../joinmarket/nick/identity.ts";
import { signPrivate } from "../../../../joinmarket/nick/signed-message.ts";
import { ManualClock } from "../../../../runtime/clock.ts";
import { Chance } from "../../electrum/hostile-input.ts";
import { waitFor } from "../../wait-for.ts";
import { onionBot, openDirectory } from "../directory.ts";
import { type Heard, started } from "../market-compliance.ts";
import { hostileFrame, hostileIrcLine } from "./hostile-lines.ts";
import { SmallIrcServer } from "./small-irc-server.ts";

/** What is hostile between two words of the honest. */
const BATCH = 100;
const HONEST = 40;
const STRANGERS = 200;

function identities(chance: Chance, count: number): NickIdentity[] {
  return Array.from({ length: count }, () => new NickIdentity(chance.bytes(32)));
}

/** The honest speak no faster than people's bots do, however fast this runs: whoever does is not heard. */
const WORD_MS = 1_000;
const WAIT_STEP_MS = 20;

/** A market on an IRC server that says whatever strangers make it say. */
export class IrcFuzz {
  inputs = 0;
  readonly #chance: Chance;
  readonly #strangers: readonly NickIdentity[];
  readonly #honest: readonly NickIdentity[];
  readonly #server: SmallIrcServer;
  readonly #clock: ManualClock;
  readonly #heard: Heard;
  readonly #channel: IrcChannel;

  private constructor(
    seed: number,
    server: SmallIrcServer,
    clock: ManualClock,
    heard: Heard,
    channel: IrcChannel,
  ) {
    this.#clock = clock;
    this.#chance = new Chance(seed);
    this.#strangers = identities(this.#chance, STRANGERS);
    this.#honest = identities(this.#chance, HONEST);
    this.#server = server;
    this.#heard = heard;
    this.#channel = channel;
  }

  static async start(seed: number): Promise<IrcFuzz> {
    const server = await SmallIrcServer.start();
    const identity = NickIdentity.random();
    const clock = new ManualClock();
    const channel = new IrcChannel({
      ...{ server: server.address, isTls: false, nick: identity.nick, network: "regtest" },
      ...{ socks: undefined, clock, linePauseMs: 1 },
    });
    const market = new Channels({ identity, channels: [channel], clock, log: silentLog() });
    return new IrcFuzz(seed, server, clock, await started(market), channel);
  }

  /** Throws when an honest word does not come through, or the connection ends. */
  async run(inputs: number): Promise<void> {
    const until = this.inputs + inputs;
    while (this.inputs < until) {
      for (let at = 0; at < BATCH; at++) {
        this.#server.tell(hostileIrcLine(this.#chance, this.#strangers, this.#heard.market.nick));
      }
      this.inputs += BATCH;
      await this.#honestWord(`fill ${this.inputs}`);
      this.#heard.said.length = 0;
      this.#heard.channels.length = 0;
    }
  }

  async close(): Promise<void> {
    await this.#heard.market.close();
    await this.#server.stop();
  }

  async #honestWord(text: string): Promise<void> {
    const speaker = this.#honest[(this.inputs / BATCH) % HONEST] as NickIdentity;
    const { nick } = this.#heard.market;
    this.#clock.advance(WORD_MS);
    for (const line of privateLines(nick, signPrivate(speaker, text, this.#channel.hostid))) {
      this.#server.tell(`:${speaker.nick}!u@h ${line}`);
    }
    await waitFor(`the honest word "${text}"`, () => {
      this.#clock.advance(WAIT_STEP_MS);
      if (!this.#channel.isUp) throw new Error(`the channel is down: ${this.#channel.statuses()[0]?.error}`);
      return this.#heard.said.includes(`${speaker.nick} to me: ${text}`);
    });
  }
}

/** Our directory node, with strangers of every kind, a maker and a taker. */
export class DirectoryFuzz {
  inputs = 0;
  sessions = 0;
  readonly #chance: Chance;
  readonly #strangers: readonly NickIdentity[];
  readonly #directory: Directory;
  readonly #clock: ManualClock;
  readonly #maker: Heard;
  readonly #taker: Heard;

  private constructor(seed: number, directory: Directory, clock: ManualClock, maker: Heard, taker: Heard) {
    this.#clock = clock;
    this.#chance = new Chance(seed);
    this.#strangers = identities(this.#chance, STRANGERS);
    this.#directory = directory;
    this.#maker = maker;
    this.#taker = taker;
  }

  static async start(seed: number): Promise<DirectoryFuzz> {
    // Nobody is banned: the same strangers are to come back.
    const clock = new ManualClock();
    const directory = await openDirectory({ violations_max: 1_000_000, clock });
    const bot = () => started(onionBot([directory.address], { clock }).market);
    const [maker, taker] = [await bot(), await bot()];
    const fuzz = new DirectoryFuzz(seed, directory, clock, maker, taker);
    taker.market.announce("orderbook");
    await waitFor("the maker to hear", () => fuzz.#maker.said.length > 0);
    return fuzz;
  }

  async run(inputs: number): Promise<void> {
    const until = this.inputs + inputs;
    while (this.inputs < until) {
      await Promise.all(Array.from({ length: 4 }, () => this.#session()));
      await this.#honestWord(`pubkey ${this.inputs}`);
      for (const heard of [this.#maker, this.#taker]) heard.said.length = 0;
    }
  }

  /** Only the honest are left. */
  quiet(): Promise<void> {
    return this.#until("the strangers to be gone", () => this.#directory.bots.count === 2);
  }

  async close(): Promise<void> {
    await Promise.all([this.#maker.market.close(), this.#taker.market.close()]);
    await this.#until("all to be gone", () => this.#directory.bots.count === 0);
    await this.#directory.stop();
  }

  /** Time passes meanwhile. */
  #until(what: string, isTrue: () => boolean): Promise<void> {
    return waitFor(what, () => {
      this.#clock.advance(WAIT_STEP_MS);
      return isTrue();
    });
  }

  async #session(): Promise<void> {
    const { host, port } = { host: "127.0.0.1", port: Number(this.#directory.address.split(":")[1]) };
    const { nick } = this.#chance.one(this.#strangers);
    const socket: Socket = connect(port, host);
    // Whatever comes back, and however it ends.
    socket.on("error", () => undefined).resume();
    await new Promise<void>((resolve) => socket.once("connect", resolve).once("close", () => resolve()));
    if (this.#chance.below(5) > 0) {
      const words = writeBotHandshake({ nick, network: "testnet", location: undefined, features: new Set() });
      socket.write(`${JSON.stringify({ type: 793, line: words })}\r\n`);
    }
    const others = [
      this.#maker.market.nick,
      this.#taker.market.nick,
      ...this.#strangers.slice(0, 5).map((each) => each.nick),
    ];
    for (let at = 0; at < BATCH && !socket.destroyed; at++) {
      socket.write(hostileFrame(this.#chance, nick, others));
      this.inputs++;
      if (at % 25 === 0) await pause(0);
    }
    this.sessions++;
    if (this.#chance.below(2) === 0) socket.destroy();
    else socket.end();
    await new Promise<void>((resolve) =>
      socket.destroyed ? resolve() : socket.once("close", () => resolve()),
    );
  }

  /** From the maker to the taker, signed, by the directory. */
  async #honestWord(text: string): Promise<void> {
    const { nick } = this.#maker.market;
    this.#clock.advance(WORD_MS);
    await this.#maker.market.tell(this.#taker.market.nick, text);
    await this.#until(`the honest word "${text}"`, () => this.#taker.said.includes(`${nick} to me: ${text}`));
  }
}
