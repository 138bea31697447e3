/** The logs of all actors as one stream, in the order of time, through rotation. */
import { appendFileSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { actorsWithLogs, LogFollower, type LogLine, lastLines } from "./log-reader.ts";

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "troupe-logs-"));
});
afterEach(() => rmSync(directory, { recursive: true }));

const all = () => true;

function line(second: number, message: string, level = "info"): string {
  return `${JSON.stringify({ level, time: new Date(1_767_225_600_000 + second * 1_000).toISOString(), message })}\n`;
}

function write(name: string, ...lines: string[]): void {
  appendFileSync(join(directory, name), lines.join(""));
}

function messages(lines: readonly LogLine[]): string[] {
  return lines.map(({ text }) => {
    try {
      return JSON.parse(text).message;
    } catch {
      return text;
    }
  });
}

test("the last lines of several actors come merged by time", () => {
  write("bus.log", line(1, "b1"), line(4, "b4"), line(5, "b5"));
  write("gateway.log", line(2, "g2"), line(3, "g3"), line(6, "g6"));

  const lines = lastLines(directory, actorsWithLogs(directory), 4, all);

  expect(messages(lines)).toEqual(["g3", "b4", "b5", "g6"]);
});

test("older files are read when the current one does not have enough", () => {
  write("bus.log.2", line(1, "1"));
  write("bus.log.1", line(2, "2"), line(3, "3"));
  write("bus.log", line(4, "4"));

  expect(messages(lastLines(directory, ["bus"], 3, all))).toEqual(["2", "3", "4"]);
  expect(messages(lastLines(directory, ["bus"], 99, all))).toEqual(["1", "2", "3", "4"]);
});

test("the filter is applied before counting", () => {
  write("bus.log", line(1, "w1", "warn"), line(2, "i2"), line(3, "w3", "warn"), line(4, "i4"));

  const lines = lastLines(directory, ["bus"], 2, (candidate) => candidate.level === "warn");

  expect(messages(lines)).toEqual(["w1", "w3"]);
});

test("lines are whole across the chunks in which a file is read", () => {
  const texts = Array.from({ length: 3_000 }, (_, index) => `${index} ${"ü".repeat(index % 97)}`);
  write("bus.log", ...texts.map((text, index) => line(index, text)));

  expect(messages(lastLines(directory, ["bus"], 5_000, all))).toEqual(texts);
});

test("a line cut short by a crash keeps its place", () => {
  write("bus.log", line(1, "b1"), '{"time":"20\n', line(3, "b3"));

  expect(messages(lastLines(directory, ["bus"], 9, all))).toEqual(["b1", '{"time":"20', "b3"]);
});

test("an actor without a log and a directory without logs give nothing", () => {
  expect(lastLines(directory, ["nobody"], 9, all)).toEqual([]);
  expect(actorsWithLogs(join(directory, "missing"))).toEqual([]);
});

test("following tells what is new, also of actors that appear later", () => {
  write("bus.log", line(1, "old"));
  const follower = new LogFollower(directory, all);

  expect(follower.poll()).toEqual([]);
  write("bus.log", line(3, "b3"));
  write("gateway.log", line(2, "g2"));

  expect(messages(follower.poll())).toEqual(["g2", "b3"]);
  follower.close();
});

test("following waits for the end of a half-written line", () => {
  write("bus.log", line(1, "old"));
  const follower = new LogFollower(directory, all);
  const text = line(2, "whole");

  write("bus.log", text.slice(0, 20));
  expect(follower.poll()).toEqual([]);
  write("bus.log", text.slice(20));

  expect(messages(follower.poll())).toEqual(["whole"]);
  follower.close();
});

test("following loses nothing when the file is rotated twice between two looks", () => {
  const path = join(directory, "bus.log");
  writeFileSync(path, line(1, "old"));
  const follower = new LogFollower(directory, all);

  write("bus.log", line(2, "before"));
  renameSync(path, `${path}.1`);
  write("bus.log", line(3, "between"));
  renameSync(`${path}.1`, `${path}.2`);
  renameSync(path, `${path}.1`);
  write("bus.log", line(4, "after"));

  expect(messages(follower.poll())).toEqual(["before", "between", "after"]);
  follower.close();
});

test("following begins again with a file that was emptied", () => {
  write("bus.log", line(1, "old"), line(2, "old too"));
  const follower = new LogFollower(directory, all);

  writeFileSync(join(directory, "bus.log"), line(3, "new"));

  expect(messages(follower.poll())).toEqual(["new"]);
  follower.close();
});
