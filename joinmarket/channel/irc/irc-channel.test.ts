/** One IRC server as a channel, where a real server would need minutes or an account: logins, taken nicks, pauses, departures. */
import { afterEach, describe, expect, it } from "vitest";
import { type Clock, ManualClock, systemClock } from "../../../runtime/clock.ts";
import { findProgram } from "../../../tests/harness/electrum/debian-program.ts";
import { Microsocks } from "../../../tests/harness/electrum/microsocks.ts";
import { SmallIrcServer } from "../../../tests/harness/joinmarket/hostile/small-irc-server.ts";
import { waitFor } from "../../../tests/harness/wait-for.ts";
import { NickIdentity } from "../../nick/identity.ts";
import { signPrivate } from "../../nick/signed-message.ts";
import type { ChannelListener } from "../channel.ts";
import { privateLines } from "./chunks.ts";
import { IrcChannel, type IrcChannelOptions } from "./irc-channel.ts";

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

const ROOM = "#joinmarket-pit-test";
const [ours, alice, bob] = [1, 2, 3].map((fill) => new NickIdentity(new Uint8Array(32).fill(fill))) as [
  NickIdentity,
  NickIdentity,
  NickIdentity,
];

async function serverWith(options: Parameters<typeof SmallIrcServer.start>[0] = {}): Promise<SmallIrcServer> {
  const made = await SmallIrcServer.start(options);
  closing.push(() => made.stop());
  return made;
}

function channelOn(
  server: SmallIrcServer,
  options: Partial<IrcChannelOptions> = {},
  clock: Clock = systemClock,
) {
  const channel = new IrcChannel({
    ...{ server: server.address, isTls: false, nick: ours.nick, network: "regtest", socks: undefined, clock },
    ...options,
  });
  closing.push(() => channel.close());
  const heard: string[] = [];
  const listener: ChannelListener = {
    onPublic: (nick, line) => void heard.push(`${nick}: ${line}`),
    onPrivate: (nick, signed) => {
      heard.push(`${nick} to us: ${signed.split(" ")[0]}`);
      return true;
    },
    onSeen: () => undefined,
    onGone: (nick) => void heard.push(`${nick} has gone`),
    onStatus: () => undefined,
  };
  channel.start(listener);
  return { channel, heard };
}

describe("a login by SASL", () => {
  const account = { name: "box", password: "correct horse" };

  it("lets us into a server that takes nobody else", async () => {
    const server = await serverWith({ account });
    const { channel } = channelOn(server, { account });

    await waitFor("it to be up", () => channel.isUp);

    expect(server.logins).toEqual(["box:correct horse"]);
    const order = ["AUTHENTICATE PLAIN", "CAP END", `JOIN ${ROOM}`].map((line) => server.said.indexOf(line));
    expect(order).toEqual([...order].sort((a, b) => a - b));
    expect(order).not.toContain(-1);
    expect(channel.hostid).toBe("SmallNet");
  });

  it.each([
    ["a wrong password", { name: "box", password: "wrong" }, ["box:wrong"]],
    ["no account", undefined, []],
  ])("with %s leaves us outside, and never in the room", async (_what, wrong, logins) => {
    const server = await serverWith({ account });
    const { channel } = channelOn(server, wrong === undefined ? {} : { account: wrong });

    await waitFor("it to be down", () => channel.statuses()[0]?.state === "down");

    expect(server.logins).toEqual(logins);
    expect(channel.statuses()[0]?.error).toMatch(
      wrong === undefined ? /identified to an account/ : /does not take our account/,
    );
    expect(server.said.filter((line) => line.startsWith("JOIN"))).toEqual([]);
  });
});

describe("a bot on IRC", () => {
  it("looks like those of joinmarket-clientserver, and marks itself as a bot in the room", async () => {
    const server = await serverWith();
    const { channel } = channelOn(server);

    await waitFor("its mode", () => server.said.includes(`MODE ${ours.nick} +B`));

    expect(channel.isUp).toBe(true);
    expect(server.said).toContain(`NICK ${ours.nick}`);
    expect(server.said.find((line) => line.startsWith("USER"))).toMatch(
      /^USER username .* :?btcint=bitcoin-rpc$/,
    );
    expect(server.said.indexOf(`MODE ${ours.nick} +B`)).toBeGreaterThan(server.said.indexOf(`JOIN ${ROOM}`));
  });

  it("asks for the same nick every ten seconds while another has it", async () => {
    const takenNicks = new Set([ours.nick]);
    const server = await serverWith({ takenNicks });
    const clock = new ManualClock();
    const { channel } = channelOn(server, {}, clock);
    const tries = () => server.said.filter((line) => line.startsWith("NICK"));
    await waitFor("the first try", () => tries().length === 1);
    for (let round = 2; round <= 4; round++) {
      await waitFor("its timer", () => {
        clock.advance(2_500);
        return tries().length === round;
      });
    }
    expect(new Set(tries().map((line) => line.replace(":", "")))).toEqual(new Set([`NICK ${ours.nick}`]));
    takenNicks.clear();
    await waitFor("it to be in", () => {
      clock.advance(2_500);
      return channel.isUp;
    });
  });

  it("says one line in 1.3 seconds, however much there is to say", async () => {
    const server = await serverWith();
    const clock = new ManualClock();
    const { channel } = channelOn(server, {}, clock);
    await waitFor("it to be up", () => channel.isUp);
    const said = () => server.said.filter((line) => line.startsWith(`PRIVMSG ${ROOM}`));

    channel.announce(Array.from({ length: 4 }, (_, at) => `cancel ${at}`));
    await waitFor("the first", () => said().length === 1);
    clock.advance(1_299);
    server.tell("PING :now");
    await waitFor("our answer to a ping, which waits for nothing", () =>
      server.said.some((line) => /^PONG/.test(line)),
    );
    expect(said()).toHaveLength(1);
    for (let more = 2; more <= 4; more++) {
      clock.advance(1_300);
      await waitFor("the next", () => said().length === more);
    }
    expect(said().at(-1)).toBe(`PRIVMSG ${ROOM} :!cancel 3`);
  });

  it("knows by quit, part, kick and another nick that a peer has gone, and leaves when it is kicked itself", async () => {
    const server = await serverWith();
    const { channel, heard } = channelOn(server);
    await waitFor("it to be up", () => channel.isUp);
    const departures = [
      (nick: string) => `:${nick}!u@h QUIT :bye`,
      (nick: string) => `:${nick}!u@h PART ${ROOM}`,
      (nick: string) => `:op!u@h KICK ${ROOM} ${nick} :out`,
      (nick: string) => `:${nick}!u@h NICK :J5somebodyElse01`,
    ];
    for (const departure of departures) {
      server.tell(`:${alice.nick}!u@h PRIVMSG ${ROOM} :!orderbook`);
      await waitFor("it to be seen", () => channel.sees(alice.nick));
      server.tell(departure(alice.nick));
      await waitFor("it to be missed", () => !channel.sees(alice.nick));
    }
    expect(heard.filter((line) => line === `${alice.nick} has gone`)).toHaveLength(4);
    server.tell(`:op!u@h KICK ${ROOM} ${ours.nick} :out`);
    await waitFor("us to be out", () => !channel.isUp);
  });

  it("hears in private nobody whose departure it could not tell, as ten thousand others are in the room", async () => {
    const server = await serverWith();
    const { channel, heard } = channelOn(server);
    await waitFor("it to be up", () => channel.isUp);
    for (let at = 0; at < 10_000; at++) {
      const nick = `J5${String(10 ** 13 + at).replaceAll("0", "A")}`;
      server.tell(`:${nick}!u@h PRIVMSG ${ROOM} :!orderbook`);
    }
    const fill = (from: NickIdentity) =>
      privateLines(ours.nick, signPrivate(from, "fill 0", channel.hostid)).map(
        (line) => `:${from.nick}!u@h ${line}`,
      );
    for (const line of fill(alice)) server.tell(line);
    server.tell(":J51AAAAAAAAAAAAA!u@h QUIT :bye");
    await waitFor("one to go", () => heard.at(-1)?.endsWith("has gone") === true);
    for (const line of fill(bob)) server.tell(line);
    await waitFor("who came in its place", () => heard.at(-1) === `${bob.nick} to us: fill`);

    expect(heard).toHaveLength(10_002);
  });

  it("is ended by no line that lacks what it should have", async () => {
    const server = await serverWith();
    const { channel, heard } = channelOn(server);
    await waitFor("it to be up", () => channel.isUp);
    for (const command of ["CAP", "PRIVMSG", "JOIN", "NICK", "BATCH", "MODE", "005", "353", "433", "900"]) {
      for (const line of [command, `:irc.small.test ${command}`, `:${alice.nick}!u@h ${command} :`])
        server.tell(line);
    }
    server.tell(`:${alice.nick}!u@h PRIVMSG ${ROOM} :!cancel 0 ~`);
    await waitFor("what comes after", () => heard.includes(`${alice.nick}: !cancel 0`));
    expect(channel.isUp).toBe(true);
  });

  it("puts the pieces of two senders together each for itself, and hears only bots", async () => {
    const server = await serverWith();
    const { channel, heard } = channelOn(server);
    await waitFor("it to be up", () => channel.isUp);
    const long = (from: NickIdentity, command: string) =>
      privateLines(ours.nick, signPrivate(from, `${command} ${"x".repeat(900)}`, channel.hostid)).map(
        (line) => `:${from.nick}!u@h ${line}`,
      );
    const [a, b] = [long(alice, "fill"), long(bob, "auth")];
    server.tell(":somebody!u@h PRIVMSG #joinmarket-pit-test :!orderbook");
    for (const [at, line] of a.entries()) {
      server.tell(line);
      server.tell(b[at] ?? "");
    }
    await waitFor("both", () => heard.length === 2);
    expect(heard).toEqual([`${alice.nick} to us: fill`, `${bob.nick} to us: auth`]);
  });
});

const microsocks = findProgram("microsocks");

describe.skipIf(microsocks === undefined)("IRC through a SOCKS proxy", () => {
  it("goes through it and under the nick's own name, and nowhere else when the proxy refuses", async () => {
    const server = await serverWith();
    const proxy = await Microsocks.start(microsocks as string, { name: ours.nick, password: "joinmarket" });
    closing.push(() => proxy.stop());
    const { channel } = channelOn(server, { socks: proxy.address });
    await waitFor("it to be up", () => channel.isUp);
    await channel.close();
    const other = channelOn(server, { socks: proxy.address, nick: alice.nick });
    await waitFor("it to be down", () => other.channel.statuses()[0]?.state === "down");

    expect(other.channel.statuses()[0]?.error).toMatch(/authentication|Socks5/i);
    expect(server.said).not.toContain(`NICK ${alice.nick}`);
  });
});
