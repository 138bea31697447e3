/** How much strangers can ask of a maker. */
import { expect, it } from "vitest";
import { ManualClock } from "../../../runtime/clock.ts";
import { PeerLimits } from "./peer-limits.ts";

it("a nick sees the offers once in ten seconds, however often it asks, and others are not held up by it", () => {
  const clock = new ManualClock();
  const limits = new PeerLimits(clock);
  let seen = 0;
  for (let ask = 0; ask < 600; ask++) {
    if (limits.maySeeOffers("J5impatient")) seen++;
    clock.advance(100);
  }
  expect(seen).toBe(6);
  expect(limits.maySeeOffers("J5patient")).toBe(true);
});

it("thousands of nicks together get no more answers than a maker can bear", () => {
  const clock = new ManualClock();
  const limits = new PeerLimits(clock);
  let seen = 0;
  for (let nick = 0; nick < 20_000; nick++) {
    if (limits.maySeeOffers(`J5${nick}`)) seen++;
    clock.advance(1);
  }
  expect(seen).toBeGreaterThan(50);
  expect(seen).toBeLessThanOrEqual(60 + 20 * 4 + 1);
});

it("a taker says all of a coinjoin's words at once, and nobody says words without end", () => {
  const clock = new ManualClock();
  const limits = new PeerLimits(clock);
  const burst = Array.from({ length: 1_000 }, () => limits.mayAsk("J5talker")).filter(Boolean).length;
  expect(burst).toBeGreaterThanOrEqual(20);
  expect(burst).toBeLessThan(100);
  clock.advance(60_000);
  expect(limits.mayAsk("J5talker")).toBe(true);
});
