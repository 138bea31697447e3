import { createServer, type Server, type Socket } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import type { Directory } from "../../../actors/directory/door.ts";
import { ManualClock } from "../../../runtime/clock.ts";
import { type OnionBot, onionBot, openDirectory } from "../../../tests/harness/joinmarket/directory.ts";
import { type Heard, started } from "../../../tests/harness/joinmarket/market-compliance.ts";
import { waitFor } from "../../../tests/harness/wait-for.ts";
import { NickIdentity } from "../../nick/identity.ts";
import { signPrivate } from "../../nick/signed-message.ts";
import { dialer } from "./dial.ts";
import { writeDirectoryHandshake } from "./handshake.ts";
import { writeChallenge } from "./nick-auth.ts";

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function directory(): Promise<Directory> {
  const made = await openDirectory();
  closing.push(() => made.stop());
  return made;
}

async function bot(directories: readonly string[], options: Parameters<typeof onionBot>[1] = {}) {
  const made = onionBot(directories, options);
  closing.push(() => made.market.close());
  return { ...made, heard: await started(made.market) };
}

const SERVING = { serving: { listen: { host: "127.0.0.1", port: 0 } } };

/** A directory that says what the test tells it to. */
async function fakeDirectory(answer: object | undefined) {
  const sockets: Socket[] = [];
  const heard: { type: number; line: string }[] = [];
  const server: Server = createServer((socket) => {
    sockets.push(socket);
    socket.on("error", () => undefined);
    socket.setEncoding("utf8").on("data", (text: string) => {
      for (const line of text.split("\r\n").filter(Boolean)) {
        heard.push(JSON.parse(line) as { type: number; line: string });
        if (heard.at(-1)?.type === 793 && answer !== undefined) say(795, JSON.stringify(answer));
      }
    });
  });
  const say = (type: number, line: string) => sockets.at(-1)?.write(`${JSON.stringify({ type, line })}\r\n`);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closing.push(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  const { port } = server.address() as { port: number };
  return { address: `127.0.0.1:${port}`, heard, say, sockets };
}

const words = (change: object = {}, features: readonly string[] = []) => ({
  ...JSON.parse(
    writeDirectoryHandshake({
      nick: "J5directory",
      network: "testnet",
      isAccepted: true,
      features: new Set(features),
      motd: "",
    }),
  ),
  ...change,
});

async function acquaint(taker: Heard, maker: Heard): Promise<void> {
  taker.market.announce("orderbook");
  await waitFor("the maker to hear", () => maker.said.length > 0);
}

describe("directories that will not do", () => {
  it.each([
    ["does not take us", words({ accepted: false })],
    ["another version", words({ "proto-ver-min": 6, "proto-ver-max": 6 })],
    ["is on mainnet", words({ network: "mainnet" })],
    ["cannot be read", words({ features: [] })],
  ])("are left when one %s, and the reason is told", async (why, answer) => {
    const { address } = await fakeDirectory(answer);
    const made: OnionBot = onionBot([address]);
    closing.push(() => made.market.close());
    made.market.start({}).catch(() => undefined);
    await waitFor("it to be down", () => made.market.status()[0]?.state === "down");
    expect(made.market.status()[0]?.error).toContain(why);
  });

  it("are asked again after a while, and each time later", async () => {
    const { address } = await fakeDirectory(words({ accepted: false }));
    const clock = new ManualClock();
    const straight = dialer({ socks: undefined, circuit: "test" });
    let dials = 0;
    const made = onionBot([address], {
      clock,
      dial: (location, signal) => {
        dials++;
        return straight(location, signal);
      },
    });
    closing.push(() => made.market.close());
    made.market.start({}).catch(() => undefined);
    // A quarter more or less, so that not all bots come back at once.
    for (const [round, pauseMs] of [1_000, 1_700, 2_890, 4_913].entries()) {
      await waitFor("it to be down", () => made.market.status()[0]?.state === "down");
      clock.advance(pauseMs * 0.75 - 1);
      expect(dials).toBe(round + 1);
      clock.advance(pauseMs * 0.5 + 1);
      expect(dials).toBe(round + 2);
    }
  });

  it("get no proof in the name of another directory", async () => {
    const { address, heard, say } = await fakeDirectory(words({}, ["nick_auth"]));
    const made = onionBot([address]);
    closing.push(() => made.market.close());
    made.market.start({}).catch(() => undefined);
    await waitFor("the handshake", () => heard.length > 0);
    say(803, writeChallenge({ challenge: "ab".repeat(32), directoryId: "other.onion:5222" }));
    await waitFor("it to be down", () => made.market.status()[0]?.state === "down");
    expect(made.market.status()[0]?.error).toContain("other.onion:5222");
    expect(heard.filter(({ type }) => type === 805)).toEqual([]);
  });
});

describe("what a directory says", () => {
  it("is ignored where it is for others, of no known kind, or not signed by who is named", async () => {
    const { address, heard, say, sockets } = await fakeDirectory(words());
    const { market, heard: ours } = await bot([address]);
    const alice = NickIdentity.random();
    for (const type of [785, 787, 797, 801, 4_711]) say(type, "127.0.0.1:1");
    say(685, `${alice.nick}!${market.nick}!fill 0 1 ${"02".repeat(33)} MEUC`);
    say(685, `${alice.nick}!${NickIdentity.random().nick}!${signPrivate(alice, "fill 0", "onion-network")}`);
    say(685, `${alice.nick}!${market.nick}!${signPrivate(alice, "fill 0", "hackint")}`);
    say(798, "");
    await waitFor("the pong", () => heard.some(({ type }) => type === 799));
    expect([ours.said, ours.arrived.size]).toEqual([[], 0]);
    say(685, `${alice.nick}!${market.nick}!${signPrivate(alice, "fill 0", "onion-network")}`);
    await waitFor("the true one", () => ours.said.length === 1);
    expect(ours.arrived).toEqual(new Set([alice.nick]));
    expect(sockets[0]?.destroyed).toBe(false);
    expect(heard.map(({ type }) => type)).toEqual([793, 799]);
  });
});

describe("a directory elsewhere", () => {
  it("sends us to onion services only, and never to what else listens on this host", async () => {
    const { address, say } = await fakeDirectory(words());
    const [itself, service] = ["a", "b"].map((letter) => `${letter.repeat(56)}.onion:5222`) as [
      string,
      string,
    ];
    const straight = dialer({ socks: undefined, circuit: "test" });
    const dialled: string[] = [];
    const { market, heard } = await bot([itself], {
      dial: (location, signal) => {
        dialled.push(location);
        return straight(location === itself ? address : location, signal);
      },
    });
    const [alice, bob, carol] = [NickIdentity.random(), NickIdentity.random(), NickIdentity.random()];
    const places = [`${alice.nick};127.0.0.1:9051`, `${bob.nick};localhost:8332`, `${carol.nick};${service}`];
    say(789, places.join(","));
    for (const peer of [alice, bob, carol]) {
      say(685, `${peer.nick}!${market.nick}!${signPrivate(peer, "fill 0", "onion-network")}`);
    }
    await waitFor("all three", () => heard.said.length === 3);
    for (const { nick } of [alice, bob, carol]) await market.tell(nick, "pubkey 0");

    expect(dialled).toEqual([itself, service]);
  });
});

describe("where a peer can be dialled", () => {
  const [first, second] = ["a", "b"].map((letter) => `${letter.repeat(56)}.onion:5222`) as [string, string];

  async function between() {
    const [honest, lying] = [await fakeDirectory(words()), await fakeDirectory(words())];
    const straight = dialer({ socks: undefined, circuit: "test" });
    const dialled: string[] = [];
    const made = await bot([honest.address, lying.address], {
      dial: (location, signal) => {
        if (location.endsWith(".onion:5222")) dialled.push(location);
        return straight(location, signal);
      },
    });
    await waitFor("both to be up", () => made.market.status().every(({ state }) => state === "up"));
    const alice = NickIdentity.random();
    honest.say(789, `${alice.nick};${first}`);
    await waitFor("her to be known", () => made.heard.arrived.has(alice.nick));
    lying.say(789, `${alice.nick};${second}`);
    lying.say(798, "");
    await waitFor("the pong", () => lying.heard.some(({ type }) => type === 799));
    return { ...made, honest, alice, dialled };
  }

  it("is said by the directory that brings its words: no other leads us astray", async () => {
    const { market, heard, honest, alice, dialled } = await between();
    honest.say(685, `${alice.nick}!${market.nick}!${signPrivate(alice, "pubkey 0", "onion-network")}`);
    await waitFor("her word", () => heard.said.length === 1);
    await market.tell(alice.nick, "auth 0");

    expect(dialled).toEqual([first]);
  });

  it("is not known while two directories say two things of a peer that has said nothing itself", async () => {
    const { market, alice, dialled } = await between();
    await market.tell(alice.nick, "fill 0");

    expect(dialled).toEqual([]);
  });
});

/** Such as a key could have, each another. */
const invented = (number: number) => `J5${String(10 ** 13 + number).replaceAll("0", "A")}`;

describe("several directories", () => {
  it("leave each other room, however many one of them invents", async () => {
    const [flooding, honest] = [await fakeDirectory(words()), await fakeDirectory(words())];
    const { market, heard: ours } = await bot([flooding.address, honest.address]);
    await waitFor("both to be up", () => market.status().every(({ state }) => state === "up"));
    const [alice, mallory] = [NickIdentity.random(), NickIdentity.random()];
    for (let from = 0; from < 21_000; from += 1_000) {
      const entries = Array.from({ length: 1_000 }, (_, at) => `${invented(from + at)};NOT-SERVING-ONION`);
      flooding.say(789, entries.join(","));
    }
    const fill = (from: NickIdentity) =>
      `${from.nick}!${market.nick}!${signPrivate(from, "fill 0", "onion-network")}`;
    flooding.say(685, fill(mallory));
    flooding.say(798, "");
    await waitFor("the pong", () => flooding.heard.some(({ type }) => type === 799));
    honest.say(685, fill(alice));
    await waitFor("who comes by the other", () => ours.said.length > 0);
    await market.tell(alice.nick, "pubkey 0");

    await waitFor("our answer", () => honest.heard.some(({ type }) => type === 685));
    // One for whom there is no room would be kept in mind for ever: nobody would tell that it has left.
    expect(ours.said).toEqual([`${alice.nick} to me: fill 0`]);
    expect([ours.arrived.has(mallory.nick), ours.arrived.size]).toEqual([false, 20_001]);
    flooding.sockets[0]?.destroy();
    await waitFor("the invented to be gone", () => ours.left.size === 20_000);
    expect(ours.left.has(alice.nick)).toBe(false);
  });

  it("carry each word once, and a peer has left when it has left them all", async () => {
    const [first, second] = [await directory(), await directory()];
    const both = [first.address, second.address];
    const taker = await bot(both);
    const maker = await bot(both);
    const isEverywhere = () =>
      [taker, maker].every(({ market }) => market.status().every(({ state }) => state === "up"));
    await waitFor("both to be everywhere", isEverywhere);
    await acquaint(maker.heard, taker.heard);
    await acquaint(taker.heard, maker.heard);
    await taker.market.tell(maker.market.nick, "fill 0");
    await waitFor("the fill", () => maker.heard.said.length === 2);
    await first.stop();
    await waitFor("it to be missed", () => taker.market.status()[0]?.state !== "up");
    await taker.market.tell(maker.market.nick, "auth 0");
    await waitFor("it to come by the other", () => maker.heard.said.length === 3);
    expect(maker.heard.left.size + taker.heard.left.size).toBe(0);
    await second.stop();
    await waitFor("it to be gone", () => taker.heard.left.has(maker.market.nick));
    closing.splice(0, 2);
  });
});

describe("direct connections", () => {
  it("carry what is said once they are up, in both directions, also without any directory", async () => {
    const between = await openDirectory();
    const maker = await bot([between.address], SERVING);
    const taker = await bot([between.address]);
    await acquaint(taker.heard, maker.heard);
    await maker.market.tell(taker.market.nick, "sw0reloffer 0");
    await waitFor("the offer", () => taker.heard.said.length === 1);
    await taker.market.tell(maker.market.nick, "fill 0");
    await waitFor("the fill", () => maker.heard.said.length === 2);
    await new Promise((resolve) => setTimeout(resolve, 300));
    await taker.market.tell(maker.market.nick, "auth 0");
    await waitFor("the auth", () => maker.heard.said.length === 3);
    await between.stop();
    await waitFor("the directory to be missed", () => taker.market.status()[0]?.state !== "up");
    expect(taker.channel.sees(maker.market.nick)).toBe(true);
    expect(maker.channel.sees(taker.market.nick)).toBe(true);
  });
});
