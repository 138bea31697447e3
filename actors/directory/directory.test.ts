import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { writeBotHandshake } from "../../joinmarket/channel/onion/handshake.ts";
import { parseChallenge, writeProof } from "../../joinmarket/channel/onion/nick-auth.ts";
import { NickIdentity } from "../../joinmarket/nick/identity.ts";
import { openPrivate, signPrivate } from "../../joinmarket/nick/signed-message.ts";
import { ManualClock } from "../../runtime/clock.ts";
import { readVectors } from "../../tests/harness/data/vectors.ts";
import { openDirectory } from "../../tests/harness/joinmarket/directory.ts";
import { waitFor } from "../../tests/harness/wait-for.ts";
import { Bans } from "./bans.ts";
import type { Directory, DirectoryOptions } from "./door.ts";

interface Heard {
  readonly type: number;
  readonly line: string;
}

/** A bot by hand: writes lines as they are, keeps what it hears. */
class RawBot {
  readonly heard: Heard[] = [];
  isClosed = false;
  readonly socket: Socket;

  constructor(directory: Directory) {
    const [host = "", port = ""] = directory.address.split(":");
    this.socket = connect(Number(port), host);
    let rest = "";
    this.socket.setEncoding("utf8");
    this.socket.on("data", (text: string) => {
      const lines = (rest + text).split("\r\n");
      rest = lines.pop() ?? "";
      this.heard.push(...lines.map((line) => JSON.parse(line) as Heard));
    });
    this.socket.on("error", () => undefined);
    this.socket.once("close", () => {
      this.isClosed = true;
    });
  }

  say(type: number, line: string): void {
    this.socket.write(`${JSON.stringify({ type, line })}\r\n`);
  }

  of(type: number): string[] {
    return this.heard.filter((heard) => heard.type === type).map(({ line }) => line);
  }
}

let directory: Directory;
const open: RawBot[] = [];
afterEach(async () => {
  for (const bot of open.splice(0)) bot.socket.destroy();
  await directory.stop();
});

async function directoryWith(options: Partial<DirectoryOptions> = {}): Promise<void> {
  directory = await openDirectory(options);
}

function stranger(): RawBot {
  const bot = new RawBot(directory);
  open.push(bot);
  return bot;
}

const ONION = `${"a".repeat(56)}.onion:5222`;

async function inside(
  identity: NickIdentity,
  { location, features = [] }: { location?: string; features?: readonly string[] } = {},
): Promise<RawBot> {
  const bot = stranger();
  const words = writeBotHandshake({
    nick: identity.nick,
    network: "testnet",
    location,
    features: new Set(features),
  });
  bot.say(793, words);
  if (features.includes("nick_auth")) {
    await waitFor("the challenge", () => bot.of(803).length > 0);
    const asked = parseChallenge(bot.of(803)[0] ?? "");
    if (asked !== undefined) bot.say(805, writeProof(identity, asked, words));
    await waitFor("the result", () => bot.of(807).length > 0);
  } else await waitFor("the answer", () => bot.of(795).length > 0);
  return bot;
}

const [alice, bob, carol] = [1, 2, 3].map((fill) => new NickIdentity(new Uint8Array(32).fill(fill))) as [
  NickIdentity,
  NickIdentity,
  NickIdentity,
];

describe("a directory", () => {
  it("answers recorded bots of joinmarket-ng as it did, and their signatures hold", async () => {
    interface Conversation {
      readonly order: readonly (readonly [number, number])[];
      readonly bots: readonly { said: readonly string[]; heard: readonly Heard[] }[];
    }
    const { order, bots } = readVectors<Conversation>("joinmarket-conversations");
    await directoryWith({ nickAuth: "prefer_verified" });
    const live = bots.map(() => stranger());
    for (const [bot, at] of order) {
      const before = directory.bots.count;
      live[bot]?.socket.write(`${bots[bot]?.said[at]}\r\n`);
      if (at === 0) await waitFor("it to be inside", () => directory.bots.count > before);
      if (bots[bot]?.said[at]?.includes('"type": 791')) {
        await waitFor("the list", () => (live[bot]?.of(789).length ?? 0) > 0);
      }
    }
    await waitFor("the private message", () => (live[1]?.of(685).length ?? 0) > 0);
    live[1]?.socket.destroy();
    const words = (heard: readonly Heard[]) =>
      heard
        .filter(({ type }) => type !== 795)
        .map(({ type, line }) => `${type} ${line}`)
        .sort();
    await waitFor("all to be heard", () => live[0]?.heard.length === bots[0]?.heard.length);
    for (const [at, { heard }] of bots.entries()) expect(words(live[at]?.heard ?? [])).toEqual(words(heard));
    const [from = "", , ...rest] = (live[1]?.of(685)[0] ?? "").split("!");
    expect(openPrivate(from, rest.join("!"), "onion-network")).toMatch(/^fill 0 100000 /);
  });

  it("hears nobody before the handshake, and takes no other network, version or kind of bot", async () => {
    await directoryWith();
    const early = stranger();
    early.say(687, `${alice.nick}!PUBLIC!orderbook`);
    await waitFor("it to be shown out", () => early.isClosed);
    const words = writeBotHandshake({
      nick: alice.nick,
      network: "mainnet",
      location: undefined,
      features: new Set(),
    });
    const foreign = stranger();
    foreign.say(793, words);
    await waitFor("it to be shown out", () => foreign.isClosed);
    expect(JSON.parse(foreign.of(795)[0] ?? "{}")).toMatchObject({ accepted: false, network: "testnet" });
    for (const other of [words.replace(":5", ":6"), words.replace("false", "true"), "{}", "x"]) {
      const bot = stranger();
      bot.say(793, other);
      await waitFor("it to be shown out", () => bot.isClosed);
      expect(bot.heard).toEqual([]);
    }
    expect(directory.bots.count).toBe(0);
  });

  it("passes on no word in another's name", async () => {
    await directoryWith();
    const [a, b] = [await inside(alice), await inside(bob)];
    a.say(687, `${carol.nick}!PUBLIC!orderbook`);
    a.say(685, `${carol.nick}!${bob.nick}!${signPrivate(carol, "fill 0", "onion-network")}`);
    a.say(687, `${alice.nick}!PUBLIC!cancel 0`);
    await waitFor("the true one", () => b.of(687).length > 0);
    expect(b.of(687)).toEqual([`${alice.nick}!PUBLIC!cancel 0`]);
    expect(b.of(685)).toEqual([]);
  });

  it("gives a nick to the first; a proof displaces one without, and is displaced by its own key only", async () => {
    await directoryWith();
    const squatter = await inside(alice);
    const second = await inside(alice);
    await waitFor("the second to be refused", () => second.isClosed);
    expect(squatter.isClosed).toBe(false);
    const watcher = await inside(bob);
    const owner = await inside(alice, { features: ["nick_auth"] });
    await waitFor("the squatter to be out", () => squatter.isClosed);
    expect(owner.of(807)).toEqual(['{"code":"ok","verified":true}']);
    expect(watcher.of(789)).toEqual([`${alice.nick};NOT-SERVING-ONION;D`]);
    const third = await inside(alice);
    await waitFor("the third to be refused", () => third.isClosed);
    const again = await inside(alice, { features: ["nick_auth"] });
    await waitFor("the older to be out", () => owner.isClosed);
    expect([again.isClosed, directory.bots.count, directory.bots.proven]).toEqual([false, 2, 1]);
  });

  it("where proofs are required takes nobody without", async () => {
    await directoryWith({ nickAuth: "require_verified" });
    const plain = await inside(alice);
    await waitFor("it to be shown out", () => plain.isClosed);
    const proven = await inside(alice, { features: ["nick_auth"] });
    expect([proven.isClosed, directory.bots.proven]).toEqual([false, 1]);
  });

  it("introduces a sender once, with features only to who knows them, and tells all who leaves", async () => {
    await directoryWith();
    const maker = await inside(alice, { location: ONION, features: ["ping"] });
    const [old, modern] = [await inside(bob), await inside(carol, { features: ["peerlist_features"] })];
    for (const to of [bob, carol, bob]) {
      maker.say(685, `${alice.nick}!${to.nick}!${signPrivate(alice, "pubkey 0", "onion-network")}`);
    }
    await waitFor("all", () => old.of(685).length === 2 && modern.of(789).length === 1);
    expect(old.of(789)).toEqual([`${alice.nick};${ONION}`]);
    expect(modern.of(789)).toEqual([`${alice.nick};${ONION};F:ping`]);
    maker.socket.destroy();
    await waitFor("the farewell", () => old.of(789).length === 2);
    expect(old.of(789)[1]).toBe(`${alice.nick};${ONION};D`);
  });

  it("lists its bots in parts of twenty, and answers a ping with a pong and nothing else with one", async () => {
    await directoryWith();
    for (let at = 0; at < 24; at++) await inside(NickIdentity.random());
    const asker = await inside(alice);
    asker.say(798, "");
    asker.say(797, "");
    asker.say(12_345, "?");
    asker.say(791, "");
    await waitFor("both parts", () => asker.of(789).length === 2);
    expect(asker.of(789).map((line) => line.split(",").length)).toEqual([20, 5]);
    expect([asker.of(799).length, asker.isClosed]).toEqual([1, false]);
  });

  it("lists everybody, however much others say that they can do", async () => {
    await directoryWith();
    const able = Array.from({ length: 32 }, (_, at) => `${"a".repeat(62)}${at + 10}`);
    for (let at = 0; at < 19; at++) await inside(NickIdentity.random(), { features: able });
    await inside(alice, { location: ONION });
    const asker = await inside(bob, { features: ["peerlist_features"] });
    asker.say(791, "");
    // All parts but the first come after a pause, so that the last of the list says when it is whole.
    const listed = () => asker.of(789).flatMap((line) => line.split(","));
    await waitFor("the asker itself in the list", () => listed().some((one) => one.startsWith(bob.nick)));
    expect(listed()).toHaveLength(21);
    expect(listed()).toContain(`${alice.nick};${ONION}`);
  });

  it("does not pass on what is too much, and bans who goes on", async () => {
    await directoryWith({ orderbook_per_minute: 3, violations_max: 5 });
    const loud = await inside(alice, { location: ONION, features: ["nick_auth"] });
    const other = await inside(bob);
    for (let at = 0; at < 8; at++) loud.say(687, `${alice.nick}!PUBLIC!orderbook`);
    loud.say(687, `${alice.nick}!PUBLIC!cancel 0`);
    await waitFor("what may pass", () => other.of(687).length === 4);
    expect(loud.isClosed).toBe(false);
    loud.say(687, `${alice.nick}!PUBLIC!orderbook`);
    await waitFor("it to be out", () => loud.isClosed);
    for (const features of [[], ["nick_auth"]]) {
      const back = await inside(alice, { features });
      await waitFor("it to be refused", () => back.isClosed);
    }
    // Anybody can name somebody else's onion service as its own.
    expect([alice.nick, ONION, "127.0.0.1"].map((name) => directory.bans.has(name))).toEqual([
      true,
      false,
      false,
    ]);
    expect(other.of(687)).toHaveLength(4);
  });

  it("shows out who goes on in a name that is not proven, and keeps nobody out for it", async () => {
    await directoryWith({ orderbook_per_minute: 1, violations_max: 1 });
    const thief = await inside(alice);
    for (let at = 0; at < 3; at++) thief.say(687, `${alice.nick}!PUBLIC!orderbook`);
    await waitFor("it to be out", () => thief.isClosed);

    expect([directory.bans.has(alice.nick), directory.bans.size]).toEqual([false, 0]);
    // Whose name it is comes in, with a proof and without.
    const plain = await inside(alice);
    expect([plain.isClosed, plain.of(795).some((line) => line.includes('"accepted":true'))]).toEqual([
      false,
      true,
    ]);
    const owner = await inside(alice, { features: ["nick_auth"] });
    expect(owner.of(807)).toEqual(['{"code":"ok","verified":true}']);
  });

  it("keeps out whom its operator names, shows them out, and lets them in again", async () => {
    await directoryWith();
    const maker = await inside(alice, { location: ONION });
    const other = await inside(bob);
    expect(directory.ban(alice.nick, undefined)).toEqual({
      ban: { name: alice.nick, untilMs: null, isOrdered: true },
      shownOut: 1,
    });
    await waitFor("it to be out", () => maker.isClosed);
    const back = await inside(alice);
    await waitFor("it to be refused", () => back.isClosed);
    expect(directory.ban(`${"a".repeat(56).toUpperCase()}.ONION`, 5).ban.name).toBe(
      ONION.replace(":5222", ""),
    );
    const moved = await inside(carol, { location: ONION });
    await waitFor("its place to be refused too", () => moved.isClosed);
    expect(other.isClosed).toBe(false);
    expect([directory.unban(alice.nick), directory.unban(alice.nick)]).toEqual([true, false]);
    expect((await inside(alice)).isClosed).toBe(false);
    expect(() => directory.ban("somebody", undefined)).toThrow(/neither a nick/);
    expect(directory.ban("127.0.0.1", undefined).shownOut).toBe(2);
    const anybody = stranger();
    await waitFor("the address to be out", () => anybody.isClosed);
  });

  it("remembers its operator's bans over a restart, until they end, and its own only while it runs", () => {
    const path = join(mkdtempSync(join(tmpdir(), "bans-")), "bans.json");
    const clock = new ManualClock();
    const bans = new Bans({ clock, durationMs: 1_000, keptPath: path });
    bans.order("192.0.2.7", undefined);
    bans.order(alice.nick, 1);
    bans.add([bob.nick]);
    const next = new Bans({ clock, durationMs: 1_000, keptPath: path });
    expect([alice.nick, bob.nick, "192.0.2.7"].map((name) => next.has(name))).toEqual([true, false, true]);
    expect(bans.all(10).map(({ name, isOrdered }) => [name, isOrdered])).toEqual([
      ["192.0.2.7", true],
      [alice.nick, true],
      [bob.nick, false],
    ]);
    clock.advance(60_001);
    expect([bans.has(alice.nick), bans.has(bob.nick), bans.size]).toEqual([false, false, 1]);
    writeFileSync(path, "[1");
    expect(() => new Bans({ clock, durationMs: 1_000, keptPath: path })).toThrow(/cannot be read/);
    rmSync(dirname(path), { recursive: true });
  });

  it("asks who is silent for long whether it lives, and shows out who does not answer", async () => {
    const clock = new ManualClock();
    await directoryWith({ clock, idleMs: 600_000 });
    const pinger = await inside(alice, { features: ["ping"] });
    const maker = await inside(bob, { location: ONION });
    const taker = await inside(carol);
    clock.advance(601_000);
    await waitFor("both to be asked", () => pinger.of(798).length === 1 && maker.of(687).length === 1);
    expect(maker.of(687)[0]).toMatch(/^J5\w+!PUBLIC!orderbook$/);
    pinger.say(799, "");
    await new Promise((resolve) => setTimeout(resolve, 100));
    clock.advance(120_000);
    await waitFor("the maker to be out", () => maker.isClosed);
    expect([pinger.isClosed, taker.isClosed]).toEqual([false, false]);
    expect([maker.of(798), taker.of(798)]).toEqual([[], []]);
    clock.advance(1_500_000);
    await waitFor("the taker to be out", () => taker.isClosed);
  });
});
