import { describe, expect, it } from "vitest";
import type { Market } from "../joinmarket/channel/market.ts";
import { ManualClock } from "../runtime/clock.ts";
import { DELIVERED, LOST, MarketHub } from "./harness/joinmarket/market-hub.ts";

async function listening(market: Market): Promise<string[]> {
  const heard: string[] = [];
  await market.start({
    onPublic: ({ from, text }) => heard.push(`public ${from} ${text}`),
    onPrivate: ({ from, text }) => heard.push(`private ${from} ${text}`),
    onArrived: (nick, features) => heard.push(`arrived ${nick} ${[...features]}`.trimEnd()),
    onLeft: (nick) => heard.push(`left ${nick}`),
    onChannel: ({ state }) => heard.push(`channel ${state}`),
  });
  return heard;
}

async function meeting() {
  const clock = new ManualClock();
  const hub = new MarketHub({ clock });
  const a = hub.market({ features: ["ping"] });
  const b = hub.market();
  const heardByA = await listening(a);
  const heardByB = await listening(b);
  return { clock, hub, a, b, heardByA, heardByB };
}

describe("the market within one process", () => {
  it("joins bots: each sees the other come, speaks to all and to one, and sees it go", async () => {
    const { clock, hub, a, b, heardByA, heardByB } = await meeting();
    a.announce("orderbook");
    await b.tell(a.nick, "sw0reloffer 0 1 2 3 0.1!tbond x");
    clock.advance(1);
    hub.cut(a.nick);
    await expect(b.tell(a.nick, "fill 0")).rejects.toMatchObject({ code: "JOINMARKET_PEER_GONE" });
    hub.restore(a.nick);
    expect(heardByB).toEqual([
      `arrived ${a.nick} ping`,
      "channel up",
      `public ${a.nick} orderbook`,
      `left ${a.nick}`,
      `arrived ${a.nick} ping`,
    ]);
    expect(heardByA).toEqual([
      "channel up",
      `arrived ${b.nick}`,
      `private ${b.nick} sw0reloffer 0 1 2 3 0.1`,
      `private ${b.nick} tbond x`,
      "channel down",
      `arrived ${b.nick}`,
      "channel up",
    ]);
  });

  it("loses, delays, doubles and alters messages as it is told", async () => {
    const { clock, hub, a, b, heardByB } = await meeting();
    hub.fate = ({ text }) =>
      text === "one 1"
        ? LOST
        : text === "two 2"
          ? [{ delayMs: 10 }, { delayMs: 20, text: "zwei 2" }]
          : DELIVERED;
    for (const text of ["one 1", "two 2", "three 3"]) await a.tell(b.nick, text);
    clock.advance(1_000);
    expect(heardByB.slice(-3)).toEqual(
      ["three 3", "two 2", "zwei 2"].map((text) => `private ${a.nick} ${text}`),
    );
  });

  it("refuses what the real market would not sign", async () => {
    const { a, b } = await meeting();
    await expect(a.tell(b.nick, "orderbook")).rejects.toMatchObject({ code: "JOINMARKET_UNSENDABLE" });
  });
});
