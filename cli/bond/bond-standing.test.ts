import { describe, expect, it } from "vitest";
import type { TakerOffer } from "../../bus/contracts/taker.ts";
import { standingOf } from "./bond-standing.ts";
import { standingLine, weightLines } from "./bond-view.ts";

const offer = (nick: string, bondValue: number): TakerOffer => ({
  ...{ nick, type: "sw0absoffer", oid: "0", minSizeSat: 1, maxSizeSat: 2, txfeeSat: 0, fee: "0" },
  bondValue,
});
const MARKET = [offer("a", 300), offer("a", 300), offer("b", 100), offer("c", 0), offer("ours", 200)];

describe("a bond on the market", () => {
  it("stands among the makers that have one, each counted once and our own not against itself", () => {
    expect(standingOf(100, MARKET, new Set(["ours"]))).toEqual({ rank: 2, bonds: 3, share: 0.2 });
    expect(standingOf(1_200, MARKET, new Set())).toEqual({ rank: 1, bonds: 4, share: 2 / 3 });
  });

  it("that weighs nothing stands nowhere", () => {
    expect(standingOf(0, MARKET, new Set())).toEqual({ rank: null, bonds: 3, share: 0 });
    expect(standingOf(0, [], new Set())).toEqual({ rank: null, bonds: 0, share: 0 });
  });

  it("is told in a sentence", () => {
    expect(standingLine({ rank: 2, bonds: 3, share: 0.2 })).toMatch(/number 2 of 3 bonds, and has 20\.0 %/);
    expect(standingLine({ rank: null, bonds: 1, share: 0 })).toMatch(/1 other is on the market/);
    expect(weightLines({ amountSat: 50_000_000, locktimeS: 1_938_038_400, value: 0 })).toHaveLength(2);
  });
});
