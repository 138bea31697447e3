import { expect, it } from "vitest";
import { ManualClock } from "../../../runtime/clock.ts";
import { ProgressMeter, progressText } from "./progress.ts";

it("says how far the first reading is, how fast it goes and how long it takes", () => {
  const clock = new ManualClock();
  const meter = new ProgressMeter(clock);
  expect(progressText(meter.read(0, 50_000))).toBe("mempool 0 of 50,000, 0/s, time left unknown");

  clock.advance(1_500);
  expect(progressText(meter.read(13_500, 50_000))).toBe("mempool 13,500 of 50,000, 9,000/s, 5 s left");
  expect(progressText(meter.read(50_000, 50_000))).toMatch(/^mempool 50,000 of 50,000, .* 0 s left$/);
});
