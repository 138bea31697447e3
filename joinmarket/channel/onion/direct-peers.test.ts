/** Connections without a directory between: who speaks first, how often we dial, and what is never said. */
import { createServer, type Server, Socket } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { ManualClock } from "../../../runtime/clock.ts";
import { waitFor } from "../../../tests/harness/wait-for.ts";
import { DirectPeers } from "./direct-peers.ts";
import { type BotHandshake, writeBotHandshake } from "./handshake.ts";

const OURS: BotHandshake = {
  nick: "J5D7wbEWpGZCy3Zv",
  network: "testnet",
  location: undefined,
  features: new Set(),
};
const THEIRS: BotHandshake = { ...OURS, nick: "J56nTfsNWCn8QiVD" };

const closing: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

type Heard = { type: number; line: string }[];

/** A peer by hand at one end of a connection. */
function speaking(socket: Socket): { heard: Heard; say(type: number, line: string): void } {
  const heard: Heard = [];
  let rest = "";
  socket.on("error", () => undefined);
  socket.setEncoding("utf8").on("data", (text: string) => {
    const lines = (rest + text).split("\r\n");
    rest = lines.pop() ?? "";
    heard.push(...lines.map((line) => JSON.parse(line) as { type: number; line: string }));
  });
  closing.push(() => void socket.destroy());
  return { heard, say: (type, line) => void socket.write(`${JSON.stringify({ type, line })}\r\n`) };
}

async function listening(): Promise<{ server: Server; port: number; sockets: Socket[] }> {
  const sockets: Socket[] = [];
  const server = createServer((socket) => void sockets.push(socket));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closing.push(() => new Promise<void>((resolve) => server.close(() => resolve())));
  return { server, port: (server.address() as { port: number }).port, sockets };
}

function ours(clock: ManualClock, dial: (signal: AbortSignal) => Promise<Socket> = () => never()) {
  const lines: string[] = [];
  const ended: (string | undefined)[] = [];
  const peers = new DirectPeers({
    self: OURS,
    clock,
    dial: (_location, signal) => dial(signal),
    onLine: ({ nick }, { line }) => void lines.push(`${nick} ${line}`),
    onEnd: ({ nick }) => void ended.push(nick),
  });
  closing.push(() => peers.close());
  return { peers, lines, ended };
}

const never = () => new Promise<Socket>(() => undefined);

async function connected(port: number): Promise<Socket> {
  const socket = new Socket();
  socket.connect(port, "127.0.0.1");
  await new Promise<void>((resolve) => socket.once("connect", resolve));
  return socket;
}

describe("a peer that dials us", () => {
  it.each(["first", "second"])("is introduced to at once, whether it says its own name %s", async (when) => {
    const clock = new ManualClock();
    const { peers, lines } = ours(clock);
    const port = await peers.listen({ host: "127.0.0.1", port: 0 });
    const peer = speaking(await connected(port));
    if (when === "first") peer.say(793, writeBotHandshake(THEIRS));
    await waitFor("our name", () => peer.heard.length > 0);
    if (when === "second") peer.say(793, writeBotHandshake(THEIRS));
    peer.say(685, "hello");
    await waitFor("its words", () => lines.length > 0);

    expect(lines).toEqual([`${THEIRS.nick} hello`]);
    expect(peer.heard.map(({ type }) => type)).toEqual([793]);
    expect(JSON.parse(peer.heard[0]?.line ?? "{}")).toMatchObject({ nick: OURS.nick, directory: false });
    // A name is only a claim: no way to it before it has signed something.
    expect(peers.find(THEIRS.nick)).toBeUndefined();
  });

  it("and never says its name is not heard, and is shown out", async () => {
    const clock = new ManualClock();
    const { peers, lines, ended } = ours(clock);
    const port = await peers.listen({ host: "127.0.0.1", port: 0 });
    const peer = speaking(await connected(port));
    peer.say(685, "hello");
    peer.say(798, "");
    await waitFor("the pong", () => peer.heard.some(({ type }) => type === 799));
    clock.advance(30_000);
    await waitFor("it to be out", () => ended.length === 1);

    expect(lines).toEqual([]);
  });
});

describe("a peer that we dial", () => {
  it.each([
    ["says its name", true],
    ["never says its name", false],
  ])("is a way to it when it %s", async (_what, isNamed) => {
    const clock = new ManualClock();
    const { port, sockets } = await listening();
    const { peers, lines } = ours(clock, () => connected(port));
    peers.dial(THEIRS.nick, "ignored");
    await waitFor("our call", () => sockets.length === 1);
    const peer = speaking(sockets[0] as Socket);
    await waitFor("our name", () => peer.heard.length === 1);
    if (isNamed) peer.say(793, writeBotHandshake(THEIRS));
    else expect(peers.find(THEIRS.nick)).toBeUndefined();
    await waitFor("the way", () => {
      if (!isNamed) clock.advance(2_000);
      return peers.find(THEIRS.nick) !== undefined;
    });
    peer.say(685, "hello");
    await waitFor("its words", () => lines.length > 0);

    expect(lines).toEqual([`${THEIRS.nick} hello`]);
    expect(peer.heard.map(({ type }) => type)).toEqual([793]);
  });

  it("and is somebody else, or on another chain, is left", async () => {
    for (const wrong of [
      { ...THEIRS, nick: OURS.nick },
      { ...THEIRS, network: "mainnet" },
    ]) {
      const { port, sockets } = await listening();
      const { peers, ended } = ours(new ManualClock(), () => connected(port));
      peers.dial(THEIRS.nick, "ignored");
      await waitFor("our call", () => sockets.length === 1);
      speaking(sockets[0] as Socket).say(793, writeBotHandshake(wrong));
      await waitFor("it to be left", () => ended.length === 1);
      expect(peers.find(THEIRS.nick)).toBeUndefined();
    }
  });

  it("is dialled once at a time, for a minute at most, and again only after that", async () => {
    const clock = new ManualClock();
    const signals: AbortSignal[] = [];
    const { peers } = ours(
      clock,
      (signal) =>
        new Promise((_, reject) => {
          signals.push(signal);
          signal.addEventListener("abort", () => reject(new Error("it does not answer")));
        }),
    );
    for (let time = 0; time < 5; time++) peers.dial(THEIRS.nick, "ignored");
    expect(signals).toHaveLength(1);
    clock.advance(59_999);
    peers.dial(THEIRS.nick, "ignored");
    expect([signals.length, signals[0]?.aborted]).toEqual([1, false]);
    clock.advance(1);
    expect(signals[0]?.aborted).toBe(true);
    await waitFor("another try to be possible", () => {
      peers.dial(THEIRS.nick, "ignored");
      return signals.length === 2;
    });
  });
});
