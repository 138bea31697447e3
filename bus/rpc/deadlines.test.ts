import fc from "fast-check";
import { expect, test } from "vitest";
import { ManualClock } from "../../runtime/clock.ts";
import { Deadlines, type Expiring, NO_SLOT } from "./deadlines.ts";

class Probe implements Expiring {
  slot = NO_SLOT;
  readonly times: number[] = [];
  readonly #clock: ManualClock;

  constructor(clock: ManualClock) {
    this.#clock = clock;
  }

  expire(): void {
    this.times.push(this.#clock.monotonicMs());
  }
}

test("every deadline is told once, not before its time and at most one slot after it; a removed one never", () => {
  const entries = fc.array(
    fc.record({ addedMs: fc.nat({ max: 300 }), delayMs: fc.nat({ max: 500 }), removed: fc.boolean() }),
    { maxLength: 30 },
  );
  fc.assert(
    fc.property(entries, (plan) => {
      const clock = new ManualClock();
      const deadlines = new Deadlines(clock);
      const probes = plan.map(() => new Probe(clock));
      for (let nowMs = 0; nowMs <= 900; nowMs++) {
        for (const [index, { addedMs, delayMs }] of plan.entries()) {
          if (addedMs === nowMs) deadlines.add(nowMs + delayMs, probes[index] as Probe);
        }
        if (nowMs === 300) {
          for (const [index, { removed }] of plan.entries())
            if (removed) deadlines.remove(probes[index] as Probe);
        }
        clock.advance(1);
      }

      for (const [index, { addedMs, delayMs, removed }] of plan.entries()) {
        const dueMs = addedMs + delayMs;
        const times = probes[index]?.times ?? [];
        if (removed && dueMs > 301) expect(times).toEqual([]);
        if (removed) continue;
        expect(times).toHaveLength(1);
        expect(times[0]).toBeGreaterThanOrEqual(dueMs);
        expect(times[0]).toBeLessThanOrEqual(dueMs + 17);
      }
    }),
  );
});

test("many deadlines of one time cost one timer", () => {
  const clock = new ManualClock();
  let timers = 0;
  const counting = Object.assign(Object.create(clock) as ManualClock, {
    monotonicMs: () => clock.monotonicMs(),
    after: (delayMs: number, run: () => void) => {
      timers++;
      return clock.after(delayMs, run);
    },
  });
  const deadlines = new Deadlines(counting);

  for (let count = 0; count < 1_000; count++) deadlines.add(500, new Probe(clock));

  expect(timers).toBe(1);
});
