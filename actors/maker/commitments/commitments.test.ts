/** What a maker knows of used commitments, whom it tells of them, and how much strangers can make it know or say. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { ManualClock } from "../../../runtime/clock.ts";
import { MarketHub } from "../../../tests/harness/joinmarket/market-hub.ts";
import { CommitmentDesk } from "./commitment-desk.ts";

const HEARD_MAX = 2_000;
const number = (of: number) => of.toString(16).padStart(64, "0");

let directory: string;
let clock: ManualClock;
let hub: MarketHub;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "troupe-commitments-"));
  clock = new ManualClock();
  hub = new MarketHub({ clock });
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const desk = (random = () => 0) => new CommitmentDesk({ directory, heardMax: HEARD_MAX, clock, random });

async function bot() {
  const market = hub.market();
  await market.start({});
  return market;
}

it("one that was opened to us is told to one other maker, in private and by lot", async () => {
  const [own, first, second] = [await bot(), await bot(), await bot()];
  const others = [first.nick, second.nick];
  await desk(() => 0).pass(number(1), own, others);
  await desk(() => 0.99).pass(number(2), own, others);

  expect(hub.sent.map(({ to, isPrivate, text }) => ({ to, isPrivate, text }))).toEqual([
    { to: first.nick, isPrivate: true, text: `hp2 ${number(1)}` },
    { to: second.nick, isPrivate: true, text: `hp2 ${number(2)}` },
  ]);
});

it("is told to nobody when nobody else is there: in public it would say that we were asked", async () => {
  await desk().pass(number(1), await bot(), []);
  expect(hub.sent).toEqual([]);
});

it("those that others ask us to publish are published, and no more of them than directories bear", async () => {
  const [own] = [await bot(), await bot()];
  const publishing = desk();
  for (let at = 0; at < 500; at++) publishing.publish(number(at), own);
  const burst = hub.sent.length;
  for (let second = 0; second < 60; second++) {
    clock.advance(1_000);
    for (let at = 0; at < 5; at++) publishing.publish(number(1_000 + at), own);
  }

  expect(hub.sent[0]).toMatchObject({ isPrivate: false, text: `hp2 ${number(0)}` });
  expect(burst).toBeGreaterThan(0);
  expect(hub.sent.length).toBeLessThan(30);
});

it("what others publish counts as used, but a flood of it neither fills the memory nor drives our own out", () => {
  const flooded = desk();
  flooded.used(number(7));
  for (let at = 10; at < 50_000; at++) {
    flooded.heard(number(at));
    if (at % 10 === 0) clock.advance(1_000);
  }

  expect(flooded.isUsed(number(49_999))).toBe(true);
  expect(flooded.isUsed(number(10))).toBe(false);
  expect(flooded.isUsed(number(7))).toBe(true);
  expect(flooded.count).toBe(HEARD_MAX + 1);
  // One with room for all of them: in a moment it takes no more than so many.
  const roomy = new CommitmentDesk({ directory, heardMax: 20_000, clock, random: () => 0 });
  const before = roomy.count;
  for (let at = 100_000; at < 110_000; at++) roomy.heard(number(at));
  expect(roomy.count - before).toBe(1_000);
});

it("ours are on the disk when the answer leaves, and both kinds are known after a restart", () => {
  const first = desk();
  first.used(number(1));
  expect(readFileSync(join(directory, "own-commitments"), "utf8")).toBe(`${number(1)}\n`);
  first.heard(number(2));
  const again = desk();
  expect([1, 2, 3].map((at) => again.isUsed(number(at)))).toEqual([true, true, false]);
});

it("joinmarket-clientserver's list may be put in the place of ours, whatever its letters and line ends", () => {
  writeFileSync(
    join(directory, "commitmentlist"),
    `${"AB".repeat(32)}\r\n\nnonsense\n${number(5)}\n${number(6).slice(1)}`,
  );
  const imported = desk();
  expect(imported.isUsed("ab".repeat(32))).toBe(true);
  expect(imported.isUsed(number(5))).toBe(true);
  expect(imported.count).toBe(2);
});
