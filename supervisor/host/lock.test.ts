/** The lock of a data directory: held by the living, broken for the dead, by one at a time. */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { judge, ownIdentity } from "./identity.ts";
import { readLock, takeLock } from "./lock.ts";

let directory: string;
let path: string;
const nobodyServes = async () => false;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "troupe-lock-"));
  path = join(directory, "supervisor.lock");
});
afterEach(() => rmSync(directory, { recursive: true }));

function writeHolder(changes: object): void {
  const holder = {
    token: "00112233aabbccdd",
    ...ownIdentity(),
    since: "2026-01-01T00:00:00.000Z",
    ...changes,
  };
  writeFileSync(path, JSON.stringify(holder));
}

test("is held until it is released, and leaves nothing behind", async () => {
  const lock = await takeLock(path, nobodyServes);
  await expect(takeLock(path, nobodyServes)).rejects.toMatchObject({
    code: "SUPERVISOR_ALREADY_RUNNING",
    data: { pid: process.pid },
  });
  expect(readdirSync(directory)).toEqual(["supervisor.lock"]);

  lock.release();

  expect(readdirSync(directory)).toEqual([]);
});

test("is not released by one who has lost it", async () => {
  const lock = await takeLock(path, nobodyServes);
  writeHolder({});

  lock.release();

  expect(readLock(path)?.holder.token).toBe("00112233aabbccdd");
});

test.each([
  ["whose process has ended", { pid: spawnSync("true").pid }],
  ["whose number another process has now", { start: "1" }],
  ["of an earlier boot", { boot: "another-boot" }],
])("is taken from a holder %s", async (_who, changes) => {
  writeHolder(changes);

  const lock = await takeLock(path, async () => true);

  expect(JSON.parse(readFileSync(path, "utf8")).token).toBe(lock.holder.token);
  expect(readdirSync(directory)).toEqual(["supervisor.lock"]);
});

test("is taken when the file was never written to its end", async () => {
  writeFileSync(path, '{"pid": 1');

  await takeLock(path, async () => true);

  expect(readLock(path)?.holder.pid).toBe(process.pid);
});

test("of another container is believed only if somebody answers at its socket", async () => {
  writeHolder({ space: "another-host/pid:[1]" });

  await expect(takeLock(path, async () => true)).rejects.toMatchObject({
    code: "SUPERVISOR_ALREADY_RUNNING",
  });
  const lock = await takeLock(path, nobodyServes);

  expect(readLock(path)?.holder.token).toBe(lock.holder.token);
});

test("of a dead holder goes to exactly one of many who want it", async () => {
  writeHolder({ start: "1" });

  const outcomes = await Promise.allSettled(Array.from({ length: 20 }, () => takeLock(path, nobodyServes)));

  expect(outcomes.filter((outcome) => outcome.status === "fulfilled")).toHaveLength(1);
});

test("a break that was itself interrupted is taken up by the next", async () => {
  writeHolder({ start: "1" });
  const interrupted = { token: "ffffffffffffffff", ...ownIdentity(), start: "2", since: "then" };
  writeFileSync(`${path}.00112233aabbccdd`, JSON.stringify(interrupted));

  await takeLock(path, nobodyServes);

  expect(readdirSync(directory)).toEqual(["supervisor.lock"]);
});

test("a living process is alive and a killed one is dead", async () => {
  const child = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"], { stdio: "ignore" });
  const stat = readFileSync(`/proc/${child.pid}/stat`, "utf8");
  const start = stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? "";
  const identity = { ...ownIdentity(), pid: child.pid ?? 0, start };
  expect(judge(identity)).toBe("alive");

  child.kill("SIGKILL");
  await once(child, "exit");

  expect(judge(identity)).toBe("dead");
});
