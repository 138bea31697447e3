import { expect, it } from "vitest";
import { ManualClock } from "../../../../../runtime/clock.ts";
import { Diary } from "./diary.ts";

const diary = () => new Diary(new ManualClock(Date.UTC(2026, 0, 2, 3, 4, 5)));

it("has a line with its time for each thing that happened, the newest last", () => {
  const ours = diary();
  ours.begin("a.jmdat");
  ours.note("one\ntwo");
  expect(ours.text).toMatch(
    /^2026-01-02 03:04:05 {2}the wallet was opened\n2026-01-02 03:04:05 {2}one[^\n]*two\n$/,
  );
});

it("keeps what is about one wallet from who opens another, and goes on when the same is opened again", () => {
  const ours = diary();
  ours.begin("a.jmdat");
  ours.note("secret");
  ours.begin("a.jmdat");
  expect(ours.text).toContain("secret");
  ours.begin("b.jmdat");
  expect(ours.text).not.toContain("secret");
});

it("forgets the oldest when it is full", () => {
  const ours = diary();
  for (let at = 0; at < 1_100; at++) ours.note(`line ${at}`);
  expect(ours.text.split("\n")).toHaveLength(1_001);
  expect(ours.text).not.toContain("line 99\n");
  expect(ours.text).toContain("line 100\n");
});
