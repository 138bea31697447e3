/** When a maker speaks of its offers in public, and when it keeps quiet. */
import { beforeEach, expect, it } from "vitest";
import { type Offer, ownOffer } from "../../../joinmarket/offer/offer.ts";
import { ManualClock } from "../../../runtime/clock.ts";
import { MarketHub } from "../../../tests/harness/joinmarket/market-hub.ts";
import { Announcer } from "./announcer.ts";

const offer = (offerId: string): Offer =>
  ownOffer({ type: "sw0absoffer", offerId, minSat: 30_000, maxSat: 100_000, txfeeSat: 0, feeText: "100" });

let clock: ManualClock;
let hub: MarketHub;
let offers: Offer[];
beforeEach(() => {
  clock = new ManualClock();
  hub = new MarketHub({ clock });
  offers = [offer("0")];
});

async function announcer(more: { delayMaxMs?: number; random?: () => number } = {}): Promise<Announcer> {
  const [market, other] = [hub.market(), hub.market()];
  await market.start({});
  await other.start({});
  return new Announcer({
    market,
    clock,
    random: more.random ?? (() => 0.5),
    delayMaxMs: more.delayMaxMs ?? 0,
    offers: () => offers,
  });
}

const said = () => hub.sent.map(({ text }) => text);

it("new offers are said at once, and those that are no longer are withdrawn with them", async () => {
  const saying = await announcer();
  saying.announce(true);
  offers = [offer("1")];
  clock.advance(60_000);
  saying.announce(true);
  expect(said()).toEqual(["sw0absoffer 0 30000 100000 0 100", "cancel 0!sw0absoffer 1 30000 100000 0 100"]);
});

it("after a random time of up to what is configured, so that they do not tell which transaction changed them", async () => {
  const saying = await announcer({ delayMaxMs: 100_000, random: () => 0.7 });
  saying.announce(true);
  clock.advance(69_999);
  expect(said()).toEqual([]);
  clock.advance(1);
  expect(said()).toHaveLength(1);
});

it("a channel that has not heard of them is not kept waiting", async () => {
  const saying = await announcer({ delayMaxMs: 100_000 });
  saying.announce(false);
  expect(said()).toHaveLength(1);
});

it("however often they change, directories hear of it less than thirty times in a minute, and the last of it", async () => {
  const saying = await announcer();
  for (let change = 0; change < 600; change++) {
    offers = [offer(String(change))];
    saying.announce(true);
    clock.advance(100);
  }
  clock.advance(10_000);
  expect(said().length).toBeLessThan(20);
  expect(said().at(-1)).toContain("sw0absoffer 599 ");
});

it("at the end all are withdrawn, once, and nothing is said any more", async () => {
  const saying = await announcer();
  offers = [offer("0"), offer("1")];
  saying.announce(true);
  saying.close();
  saying.announce(false);
  clock.advance(100_000);
  expect(said().slice(1)).toEqual(["cancel 0!cancel 1"]);
});
