/** What a directory does with the lines of its bots: to everybody, to one, and the list of who is there. */

import { PEERLIST_FEATURES } from "../../joinmarket/channel/onion/directory-link.ts";
import {
  EVERYBODY,
  encodeLine,
  type Line,
  LineType,
  parseRouted,
} from "../../joinmarket/channel/onion/line.ts";
import { writePeer } from "../../joinmarket/channel/onion/peerlist.ts";
import type { Clock } from "../../runtime/clock.ts";
import type { Bot, Bots } from "./bots.ts";
import type { DirectoryMetrics, Dropped } from "./metrics.ts";

/** Long lists would keep a slow circuit busy while a coinjoin waits. */
const LIST_CHUNK = 20;
/** An entry may have two thousand letters of features: a line with too many of those would reach nobody, with all that is in it. */
const LIST_LENGTH_MAX = 30_000;
const LIST_PAUSE_MS = 50;
const ORDERBOOK = /^orderbook(?:[ !]|$)/;

export interface RelayOptions {
  readonly bots: Bots;
  readonly metrics: DirectoryMetrics;
  readonly clock: Clock;
  /** The bot will not stop. */
  onImpatience(bot: Bot): void;
}

export class Relay {
  readonly #options: RelayOptions;

  constructor(options: RelayOptions) {
    this.#options = options;
  }

  onLine(bot: Bot, { type, line }: Line): void {
    bot.heardMs = this.#options.clock.monotonicMs();
    bot.askedMs = undefined;
    if (type === LineType.public) this.#onPublic(bot, line);
    else if (type === LineType.private) this.#onPrivate(bot, line);
    else if (type === LineType.getPeerlist) this.#onListAsked(bot);
    else if (type === LineType.ping) this.#onPing(bot);
    // Others are ignored: peers have their own.
  }

  /** It has left: all that might speak to it are told. */
  left(bot: Bot): void {
    const entry = writePeer({ ...bot, hasLeft: true }, false);
    this.#toAll(bot, encodeLine(LineType.peerlist, entry));
  }

  #onPublic(bot: Bot, line: string): void {
    const message = parseRouted(line);
    if (message?.to !== EVERYBODY) return this.#drop(bot, "malformed");
    if (message.from !== bot.nick) return this.#drop(bot, "spoofed");
    const pace = ORDERBOOK.test(message.text) ? bot.pace.orderbook : bot.pace.public;
    if (!pace.take()) return this.#drop(bot, "too fast");
    this.#toAll(bot, encodeLine(LineType.public, line));
    bot.passed++;
    this.#options.metrics.relayed("public");
  }

  #onPrivate(bot: Bot, line: string): void {
    const message = parseRouted(line);
    if (message === undefined) return this.#drop(bot, "malformed");
    if (message.from !== bot.nick) return this.#drop(bot, "spoofed");
    if (!bot.pace.private.take()) return this.#drop(bot, "too fast");
    const to = this.#options.bots.get(message.to);
    // Whoever it was for may just have left: no offence.
    if (to === undefined) return this.#options.metrics.dropped("unknown addressee");
    to.connection.send(LineType.private, line);
    bot.passed++;
    this.#options.metrics.relayed("private");
    this.#introduce(bot, to);
  }

  /** So that the addressee can answer without us. Once is enough: it keeps what it is told. */
  #introduce(bot: Bot, to: Bot): void {
    if (bot.location === undefined || to.introduced.has(bot)) return;
    to.introduced.add(bot);
    const entry = writePeer({ ...bot, hasLeft: false }, to.features.has(PEERLIST_FEATURES));
    to.connection.send(LineType.peerlist, entry);
  }

  #onListAsked(bot: Bot): void {
    if (!bot.pace.peerlist.take()) return this.#drop(bot, "too fast");
    const withFeatures = bot.features.has(PEERLIST_FEATURES);
    const entries = [...this.#options.bots.all()].map((other) =>
      writePeer({ ...other, hasLeft: false }, withFeatures),
    );
    this.#sendList(bot, listLines(entries));
    this.#options.metrics.relayed("peerlist");
  }

  #sendList(bot: Bot, [line, ...rest]: readonly string[]): void {
    if (line === undefined || !bot.connection.isOpen) return;
    bot.connection.send(LineType.peerlist, line);
    if (rest.length === 0) return;
    this.#options.clock.after(LIST_PAUSE_MS, () => this.#sendList(bot, rest), { background: true });
  }

  #onPing(bot: Bot): void {
    if (bot.pace.public.take()) bot.connection.send(LineType.pong, "");
    else this.#drop(bot, "too fast");
  }

  #toAll(from: Bot, bytes: Uint8Array | undefined): void {
    if (bytes === undefined) return;
    for (const bot of this.#options.bots.all()) if (bot !== from) bot.connection.sendBytes(bytes);
  }

  #drop(bot: Bot, why: Dropped): void {
    bot.dropped++;
    this.#options.metrics.dropped(why);
    if (!bot.pace.patience.take()) this.#options.onImpatience(bot);
  }
}

function listLines(entries: readonly string[]): readonly string[] {
  const lines: string[][] = [];
  let lengthOfLast = 0;
  for (const entry of entries) {
    const last = lines.at(-1);
    if (last === undefined || last.length === LIST_CHUNK || lengthOfLast + entry.length > LIST_LENGTH_MAX) {
      lines.push([entry]);
      lengthOfLast = entry.length;
    } else {
      last.push(entry);
      lengthOfLast += entry.length + 1;
    }
  }
  return lines.map((line) => line.join(","));
}
