/** Coinjoins of random schedules with fake time: among liars, losses and restarts nobody loses more than was agreed. */
import { afterEach, describe, expect, it } from "vitest";
import { SEED } from "./harness/seed.ts";
import { drawSchedule } from "./simulation/schedule.ts";
import { Simulator } from "./simulation/simulator.ts";

/** `npm run simulate` leads ten thousand. */
const SCHEDULES = 10;

let simulator: Simulator | undefined;
afterEach(() => simulator?.end());

it("no owner loses more than was agreed, no coin stays set aside, no commitment is used twice, and each failure has its reason", async () => {
  simulator = new Simulator(SEED);
  const ends: string[] = [];
  for (let number = 0; number < SCHEDULES; number++) {
    const { end, violations } = await simulator.run(number);
    expect(violations, `seed ${SEED}, schedule ${number}`).toEqual([]);
    ends.push(end);
  }
  // One in which nothing ever happens would find nothing either.
  expect(ends).toContain("done");
});

describe("a schedule", () => {
  it("is the same for the same seed and number, and another for another", () => {
    const draw = (seed: number, number: number) => {
      const { chance, ...drawn } = drawSchedule(seed, number);
      return [drawn, chance.next()];
    };
    expect(draw(SEED, 5)).toEqual(draw(SEED, 5));
    expect(draw(SEED, 5)).not.toEqual(draw(SEED, 6));
    expect(draw(SEED, 5)).not.toEqual(draw(SEED + 1, 5));
  });
});
