import { setImmediate } from "node:timers/promises";
import { expect, it } from "vitest";
import type { ChannelStatus, Market, MarketListener } from "../../../joinmarket/channel/market.ts";
import { ManualClock } from "../../../runtime/clock.ts";
import { Gathering } from "./gathering.ts";

/** A market of channels that come up when the test says so. */
class SlowMarket implements Market {
  readonly nick = "J5xxxxxxxxxxxxxx";
  readonly asked: string[] = [];
  #listener: MarketListener = {};
  #onFirst: () => void = () => undefined;

  async start(listener: MarketListener): Promise<void> {
    this.#listener = listener;
    await new Promise<void>((resolve) => {
      this.#onFirst = resolve;
    });
  }

  rises(id: string): void {
    this.#onFirst();
    const status: ChannelStatus = { id, kind: "onion", state: "up", since: 0 };
    this.#listener.onChannel?.(status);
  }

  offers(from: string): void {
    const text = "sw0absoffer 0 100000 2500000000 0 0";
    this.#listener.onPrivate?.({ from, channel: "irc:b", text });
  }

  announce(text: string, on = "everywhere"): void {
    this.asked.push(`${text} on ${on}`);
  }

  async tell(): Promise<void> {}

  status(): readonly ChannelStatus[] {
    return [];
  }

  async close(): Promise<void> {}
}

async function begun() {
  const clock = new ManualClock();
  const market = new SlowMarket();
  const gathering = new Gathering(market, { clock, gatherMs: 60_000, quietMs: 5_000 });
  const started = gathering.start();
  market.rises("onion-a");
  await started;
  const later = async (ms: number) => {
    clock.advance(ms);
    await setImmediate();
  };
  return { market, gathering, later };
}

it("asks the makers of a channel as soon as it is up, also when another was up before", async () => {
  const { market, later } = await begun();
  expect(market.asked).toEqual(["orderbook on onion-a"]);
  await later(200);
  market.rises("irc:b");
  expect(market.asked).toEqual(["orderbook on onion-a", "orderbook on irc:b"]);
});

it("waits for the answers of a channel that was late", async () => {
  const { market, gathering, later } = await begun();
  let isOver = false;
  const waiting = gathering
    .offers(() => true)
    .then(() => {
      isOver = true;
    });
  await later(4_000);
  market.rises("irc:b");
  await later(4_000);
  expect(isOver).toBe(false);
  market.offers("J5D7wbEWpGZCy3Zv");
  await later(4_999);
  expect(isOver).toBe(false);
  await later(1);
  await waiting;
  expect(gathering.book.makers().map(({ nick }) => nick)).toEqual(["J5D7wbEWpGZCy3Zv"]);
});

it("asks the same channel again after 25 s at the earliest, however often it breaks", async () => {
  const { market, gathering, later } = await begun();
  market.rises("onion-a");
  market.rises("onion-a");
  await later(24_999);
  expect(market.asked).toHaveLength(1);
  await later(1);
  expect(market.asked).toHaveLength(2);
  await later(60_000);
  expect(market.asked).toHaveLength(2);
  market.rises("onion-a");
  market.rises("onion-a");
  await gathering.close();
  await later(60_000);
  expect(market.asked).toHaveLength(3);
});
