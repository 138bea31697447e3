import { describe, expect, test } from "vitest";
import { ManualClock } from "./clock.ts";
import { BEAT_INTERVAL_MS, BeatWatch, createBeat, SilenceMeter, startBeat } from "./heartbeat.ts";

describe("heartbeat", () => {
  test("is young while the worker's loop turns and ages when it stands still", () => {
    const worker = new ManualClock();
    const watcher = new ManualClock();
    const beat = createBeat();
    const watch = new BeatWatch(beat, watcher);
    startBeat(beat, worker);

    worker.advance(BEAT_INTERVAL_MS);
    watcher.advance(1_000);
    expect(watch.ageMs()).toBe(0);

    for (let second = 0; second < 5; second++) {
      watcher.advance(1_000);
      watch.ageMs();
    }
    expect(watch.ageMs()).toBe(5_000);

    worker.advance(BEAT_INTERVAL_MS);
    expect(watch.ageMs()).toBe(0);
  });

  test("does not accuse the watched when the watcher itself has slept for an hour", () => {
    const clock = new ManualClock();
    const silence = new SilenceMeter(clock);

    clock.advance(3_600_000);

    expect(silence.look()).toBe(2_000);
    expect(silence.look()).toBe(2_000);
    silence.heard();
    expect(silence.look()).toBe(0);
  });

  test("stops beating when told", () => {
    const clock = new ManualClock();
    const beat = createBeat();
    const beating = startBeat(beat, clock);
    clock.advance(1_000);
    const before = new Int32Array(beat)[0];

    beating.stop();
    clock.advance(1_000);

    expect(before).toBeGreaterThan(0);
    expect(new Int32Array(beat)[0]).toBe(before);
  });
});
