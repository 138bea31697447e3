import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { charge, DEFAULT_BACKOFF, delayMs, NO_FAILURES, recordFailure } from "./restart.ts";
import { LEAF_INTENSITY } from "./spec.ts";

const rules = { intensity: LEAF_INTENSITY, backoff: DEFAULT_BACKOFF };
const middling = () => 0.5;

describe("restart", () => {
  test("waits 200 ms, 400 ms, 800 ms … at most, and half of that at least", () => {
    expect([1, 2, 3, 4, 8, 9, 50].map((n) => delayMs(n, DEFAULT_BACKOFF, () => 1))).toEqual([
      200, 400, 800, 1_600, 25_600, 30_000, 30_000,
    ]);
    expect(delayMs(1, DEFAULT_BACKOFF, () => 0)).toBe(100);
  });

  test("tolerates five failures in thirty seconds and not six", () => {
    let history = NO_FAILURES;
    const verdicts: string[] = [];
    for (let nowMs = 0; nowMs < 6_000; nowMs += 1_000) {
      const result = recordFailure(history, rules, nowMs, 500, middling);
      history = result.history;
      verdicts.push(result.verdict.kind);
    }

    expect(verdicts).toEqual(["restart", "restart", "restart", "restart", "restart", "limit"]);
  });

  test("counts a stamp exactly one period old, as OTP does, and forgets an older one", () => {
    const intensity = { count: 1, periodMs: 5_000 };
    const first = charge(NO_FAILURES, intensity, 1_000).history;

    expect(charge(first, intensity, 6_000).isLimit).toBe(true);
    expect(charge(first, intensity, 6_001).isLimit).toBe(false);
  });

  test("gives up after ten failures without a healthy life between them, however slow", () => {
    let history = NO_FAILURES;
    const verdicts: string[] = [];
    for (let attempt = 0; attempt < 10; attempt++) {
      const result = recordFailure(history, rules, attempt * 40_000, 10_000, middling);
      history = result.history;
      verdicts.push(result.verdict.kind);
    }

    expect(verdicts.slice(0, 9).every((kind) => kind === "restart")).toBe(true);
    expect(verdicts[9]).toBe("limit");
  });

  test("begins the back-off anew after a healthy minute", () => {
    let history = NO_FAILURES;
    for (let nowMs = 0; nowMs < 4_000; nowMs += 1_000) {
      history = recordFailure(history, rules, nowMs, 0, middling).history;
    }
    const after = recordFailure(history, rules, 100_000, 60_000, () => 1);

    expect(after.verdict).toEqual({ kind: "restart", delayMs: 200 });
  });

  test("reaches the limit exactly when more than `count` failures lie within one period", () => {
    return fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 20_000 }), { minLength: 1, maxLength: 30 }),
        fc.integer({ min: 0, max: 6 }),
        fc.integer({ min: 1, max: 60_000 }),
        (gapsMs, count, periodMs) => {
          const intensity = { count, periodMs };
          const times: number[] = [];
          let history = NO_FAILURES;
          let nowMs = 0;
          for (const gapMs of gapsMs) {
            nowMs += gapMs;
            times.push(nowMs);
            const result = charge(history, intensity, nowMs);
            history = result.history;
            const within = times.filter((timeMs) => timeMs >= nowMs - periodMs).length;
            expect(result.isLimit).toBe(within > count);
            expect(history.stampsMs.length).toBe(within);
          }
        },
      ),
    );
  });

  test("keeps every wait between half and all of min(30 s, 200 ms * 2^(n-1))", () => {
    return fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 2_000 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (n, random) => {
          const fullMs = Math.min(30_000, 200 * 2 ** (n - 1));
          const waitMs = delayMs(n, DEFAULT_BACKOFF, () => random);
          expect(waitMs).toBeGreaterThanOrEqual(fullMs / 2);
          expect(waitMs).toBeLessThanOrEqual(fullMs);
        },
      ),
    );
  });
});
