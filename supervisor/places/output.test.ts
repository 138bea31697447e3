import { PassThrough } from "node:stream";
import { describe, expect, test } from "vitest";
import type { LoggedLine } from "../../bus/child/controlled.ts";
import { ManualClock } from "../../runtime/clock.ts";
import { OutputTap } from "./output.ts";

async function read(text: string[]): Promise<{ lines: LoggedLine[]; tap: OutputTap }> {
  const lines: LoggedLine[] = [];
  const tap = new OutputTap(new ManualClock(), (line) => lines.push(line));
  const stream = new PassThrough();
  tap.read(stream, "warn");
  for (const chunk of text) stream.write(chunk);
  stream.end();
  await new Promise((resolve) => stream.on("close", resolve));
  return { lines, tap };
}

describe("what a child prints", () => {
  test("is cut into lines, the last one without its newline too", async () => {
    const { lines } = await read(["one\ntw", "o\n\nthree"]);

    expect(lines.map((line) => line.message)).toEqual(["one", "two", "three"]);
    expect(lines[0]?.level).toBe("warn");
  });

  test("is bounded in length and in number, and says how much was left out", async () => {
    const { lines } = await read(["x".repeat(10_000), "\n", "line\n".repeat(1_000)]);

    expect(lines[0]?.message.length).toBe(500);
    expect(lines.length).toBe(50);
  });

  test("gives the line by which the child said why it ends", async () => {
    const { tap } = await read(["starting\nFATAL ERROR: Reached heap limit\n 1: 0xb [node]\nnative stack\n"]);

    expect(tap.lastWords).toBe("FATAL ERROR: Reached heap limit");
  });
});
