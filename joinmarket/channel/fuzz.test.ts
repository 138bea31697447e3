/** A little of `npm run fuzz -- market` in every run: strangers on IRC and at the directory, and honest bots that hear each other. */
import { expect, test } from "vitest";
import { DirectoryFuzz, IrcFuzz } from "../../tests/harness/joinmarket/hostile/market-fuzz.ts";
import { SEED } from "../../tests/harness/seed.ts";

test("no line of an IRC server keeps us from hearing an honest peer on it", async () => {
  const fuzz = await IrcFuzz.start(SEED);
  await fuzz.run(500);
  await fuzz.close();
  expect(fuzz.inputs).toBe(500);
});

test("no frame of a stranger keeps honest bots from hearing each other by the directory, and nothing of it stays", async () => {
  const fuzz = await DirectoryFuzz.start(SEED);
  await fuzz.run(500);
  await fuzz.quiet();
  await fuzz.close();
  expect(fuzz.inputs).toBeGreaterThanOrEqual(500);
});
