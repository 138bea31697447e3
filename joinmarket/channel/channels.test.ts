/** Several channels as one market: who is one peer, by which channel it is answered, and when it has left. */
import { describe, expect, it } from "vitest";
import { silentLog } from "../../bus/fake.ts";
import { ManualClock } from "../../runtime/clock.ts";
import { NickIdentity } from "../nick/identity.ts";
import { openPrivate, signPrivate } from "../nick/signed-message.ts";
import type { Channel, ChannelListener } from "./channel.ts";
import { Channels } from "./channels.ts";
import type { ChannelStatus, PeerMessage } from "./market.ts";

/** A channel by hand: the test is its network. */
class HandChannel implements Channel {
  isUp = false;
  readonly present = new Set<string>();
  readonly announced: string[] = [];
  readonly told: { readonly nick: string; readonly signed: string }[] = [];
  readonly id: string;
  readonly hostid: string;
  #listener: ChannelListener | undefined;

  constructor(id: string, hostid: string) {
    this.id = id;
    this.hostid = hostid;
  }

  get at(): ChannelListener {
    if (this.#listener === undefined) throw new TypeError("it was not started");
    return this.#listener;
  }

  start(listener: ChannelListener): void {
    this.#listener = listener;
    this.isUp = true;
    listener.onStatus(this.statuses()[0] as ChannelStatus);
  }

  announce(commands: readonly string[]): void {
    if (this.isUp) this.announced.push(...commands);
  }

  sees(nick: string): boolean {
    return this.isUp && this.present.has(nick);
  }

  tell(nick: string, signed: string): void {
    this.told.push({ nick, signed });
  }

  statuses(): readonly ChannelStatus[] {
    return [{ id: this.id, kind: "irc", state: this.isUp ? "up" : "down", since: 0 }];
  }

  async close(): Promise<void> {
    this.isUp = false;
  }

  /** A peer says something in private, signed for this network or for another. */
  hear(from: NickIdentity, text: string, hostid = this.hostid): boolean {
    const isHeard = this.at.onPrivate(from.nick, signPrivate(from, text, hostid));
    if (isHeard) this.present.add(from.nick);
    return isHeard;
  }

  heardInPublic(from: NickIdentity, line: string): void {
    this.present.add(from.nick);
    this.at.onPublic(from.nick, line);
  }

  lose(nick: string): void {
    this.present.delete(nick);
    this.at.onGone(nick);
  }
}

const [ours, alice] = [1, 2].map((fill) => new NickIdentity(new Uint8Array(32).fill(fill))) as [
  NickIdentity,
  NickIdentity,
];

async function market() {
  const irc = new HandChannel("irc:hackint", "hackint");
  const onion = new HandChannel("onion", "onion-network");
  const all = new Channels({
    identity: ours,
    channels: [irc, onion],
    clock: new ManualClock(),
    log: silentLog(),
  });
  const said: PeerMessage[] = [];
  const news: string[] = [];
  await all.start({
    onPublic: (message) => void said.push(message),
    onPrivate: (message) => void said.push(message),
    onArrived: (nick) => void news.push(`${nick} is there`),
    onLeft: (nick) => void news.push(`${nick} has left`),
  });
  return { irc, onion, all, said, news };
}

/** What was told on a channel, if its signature holds there. */
function textsTold(channel: HandChannel): (string | undefined)[] {
  return channel.told.map(({ signed }) => openPrivate(ours.nick, signed, channel.hostid));
}

describe("a peer on two channels", () => {
  it("is answered where it has spoken last, there only, and signed for that network", async () => {
    const { irc, onion, all } = await market();
    irc.heardInPublic(alice, "!orderbook");
    onion.heardInPublic(alice, "!orderbook");

    onion.hear(alice, "fill 0");
    await all.tell(alice.nick, "pubkey 1");
    irc.hear(alice, "auth 0");
    await all.tell(alice.nick, "ioauth 1");

    expect(textsTold(onion)).toEqual(["pubkey 1"]);
    expect(textsTold(irc)).toEqual(["ioauth 1"]);
  });

  it("is one counterparty: it arrives once, and has left when it has left both", async () => {
    const { irc, onion, all, news } = await market();
    irc.heardInPublic(alice, "!orderbook");
    onion.hear(alice, "fill 0");
    onion.at.onSeen(alice.nick, new Set());
    irc.lose(alice.nick);
    expect(news).toEqual([`${alice.nick} is there`]);
    await all.tell(alice.nick, "pubkey 1");
    onion.lose(alice.nick);

    expect(news).toEqual([`${alice.nick} is there`, `${alice.nick} has left`]);
    await expect(all.tell(alice.nick, "pubkey 2")).rejects.toMatchObject({ code: "JOINMARKET_PEER_GONE" });
  });

  it("that changes channel in the middle of a session is served on: its words come, ours follow it", async () => {
    const { irc, onion, all, said } = await market();
    irc.hear(alice, "fill 0");
    await all.tell(alice.nick, "pubkey 1");
    onion.hear(alice, "auth 0");
    onion.hear(alice, "tx 0");
    await all.tell(alice.nick, "sig 1");

    expect(said.map(({ from, channel, text }) => [from, channel, text])).toEqual([
      [alice.nick, "irc:hackint", "fill 0"],
      [alice.nick, "onion", "auth 0"],
      [alice.nick, "onion", "tx 0"],
    ]);
    expect([textsTold(irc), textsTold(onion)]).toEqual([["pubkey 1"], ["sig 1"]]);
  });

  it("is told by the other channel when the one of the conversation dies or has lost it", async () => {
    const { irc, onion, all } = await market();
    onion.heardInPublic(alice, "!orderbook");
    irc.hear(alice, "fill 0");
    irc.isUp = false;
    await all.tell(alice.nick, "pubkey 1");
    irc.isUp = true;
    await all.tell(alice.nick, "pubkey 2");
    irc.lose(alice.nick);
    await all.tell(alice.nick, "pubkey 3");

    expect(textsTold(onion)).toEqual(["pubkey 1", "pubkey 3"]);
    expect(textsTold(irc)).toEqual(["pubkey 2"]);
  });
});

describe("what is not verified", () => {
  it("makes nobody present and is no way back: another network's signature, or a changed word", async () => {
    const { irc, onion, all, said, news } = await market();
    onion.heardInPublic(alice, "!orderbook");
    said.length = 0;

    expect(irc.hear(alice, "fill 0", "onion-network")).toBe(false);
    const signed = signPrivate(alice, "fill 0", irc.hostid);
    expect(irc.at.onPrivate(alice.nick, signed.replace("fill 0", "fill 1"))).toBe(false);
    expect(irc.at.onPrivate(ours.nick, signPrivate(ours, "fill 0", irc.hostid))).toBe(false);
    irc.present.add(alice.nick);
    await all.tell(alice.nick, "pubkey 1");

    expect([said, textsTold(irc), textsTold(onion)]).toEqual([[], [], ["pubkey 1"]]);
    expect(news).toEqual([`${alice.nick} is there`]);
    onion.lose(alice.nick);
    expect(news).toHaveLength(2);
  });

  it("and what is said to all is said on every channel that is up", async () => {
    const { irc, onion, all } = await market();
    all.announce("cancel 0!cancel 1");
    onion.isUp = false;
    all.announce("orderbook");

    expect(irc.announced).toEqual(["cancel 0", "cancel 1", "orderbook"]);
    expect(onion.announced).toEqual(["cancel 0", "cancel 1"]);
  });
});
