import { describe, expect, it } from "vitest";
import { Pace } from "./pace.ts";

const SECOND_MS = 1_000;
const HOUR_MS = 3_600 * SECOND_MS;

/** Of 0, a half, and nearly 1. */
const draws = [0, 0.5, 0.999];
const paceOf = (drawn: number, isLate = false) => new Pace({ random: () => drawn, isLate });

describe("what the node has lost", () => {
  it.each(draws)("is sent within ten seconds, and not at once (drawn %d)", (drawn) => {
    const pace = paceOf(drawn);

    expect(pace.isDue("missing", 0)).toBe(false);
    expect(pace.dueMs).toBeGreaterThanOrEqual(SECOND_MS);
    expect(pace.dueMs).toBeLessThanOrEqual(10 * SECOND_MS);
    expect(pace.isDue("missing", pace.dueMs - 1)).toBe(false);
    expect(pace.isDue("missing", pace.dueMs)).toBe(true);
  });

  it.each(draws)("waits for half a day at least where others are to send it (drawn %d)", (drawn) => {
    const pace = paceOf(drawn, true);

    expect(pace.isDue("missing", 0)).toBe(false);
    expect(pace.dueMs).toBeGreaterThanOrEqual(12 * HOUR_MS);
    expect(pace.dueMs).toBeLessThanOrEqual(36 * HOUR_MS);
  });

  it("is tried more and more rarely while the node refuses it, but at least hourly", () => {
    const pace = paceOf(1);
    const pausesMs: number[] = [];
    for (let nowMs = 0; pausesMs.length < 10; nowMs = pace.dueMs) {
      expect(pace.isDue("missing", nowMs)).toBe(nowMs > 0);
      if (nowMs === 0) continue;
      pace.refused(nowMs);
      pausesMs.push(pace.dueMs - nowMs);
    }

    expect(pausesMs.slice(0, 4)).toEqual([30_000, 60_000, 120_000, 240_000]);
    expect(pausesMs.at(-1)).toBe(HOUR_MS);
  });

  it("is let alone while another one has its coin, and begins anew after", () => {
    const pace = paceOf(0);
    pace.isDue("missing", 0);

    expect(pace.isDue("rivalled", HOUR_MS)).toBe(false);
    expect(pace.isDue("missing", HOUR_MS)).toBe(false);
    expect(pace.isDue("missing", HOUR_MS + SECOND_MS)).toBe(true);
    expect(pace.isDue({ conflict: "ab" }, 2 * HOUR_MS)).toBe(false);
    expect(pace.isDue("confirmed", 3 * HOUR_MS)).toBe(false);
  });
});

it.each(draws)(
  "what the node has is told to its peers again after half a day to a day and a half (drawn %d)",
  (drawn) => {
    const pace = paceOf(drawn);

    expect(pace.isDue("waiting", 0)).toBe(false);
    expect(pace.dueMs).toBeGreaterThanOrEqual(12 * HOUR_MS);
    expect(pace.dueMs).toBeLessThanOrEqual(36 * HOUR_MS);
    expect(pace.isDue("waiting", pace.dueMs)).toBe(true);
  },
);
