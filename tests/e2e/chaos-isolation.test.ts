/** What a child process inherits (nothing), what it may touch (its own), and what is left of it when its supervisor is killed (nothing). */
import { spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, test } from "vitest";
import { systemClock } from "../../runtime/clock.ts";
import { CONFINED, type FenceAnswer } from "../harness/actors/fence.ts";
import { built, builtUrl } from "../harness/built.ts";
import { childSpec, isAlive, TestTree, until } from "../harness/trees/tree.ts";

const SECRET = "SUAMNOTAREALSEEDBUTASECRETALLTHESAMEAAAAAAAAAAAAAAAAAAAAAA";
const startTimeoutMs = 20_000;

let tree: TestTree | undefined;
let directory: string | undefined;
afterEach(async () => {
  await tree?.supervisor.stop();
  tree = undefined;
  if (directory !== undefined) rmSync(directory, { recursive: true });
  directory = undefined;
});

const processes = () =>
  built<typeof import("../../supervisor/places/process.ts")>("supervisor/places/process.js");

function procText(pid: number, file: "cmdline" | "environ"): string {
  return readFileSync(`/proc/${pid}/${file}`, "latin1").replaceAll("\0", " ");
}

describe.runIf(process.platform === "linux")("a child process", () => {
  test("has nothing secret in its arguments and nothing at all in its environment", async () => {
    const { processLaunch } = await processes();
    const entry = builtUrl("tests/harness/actors/bare.js");
    const boot = () => ({ breaks: "throw", secret: SECRET });
    tree = await TestTree.start([
      childSpec("child", processLaunch({ id: "child", entry, boot, startTimeoutMs, clock: systemClock })),
    ]);
    const pid = tree.status("child").pid as number;

    expect(procText(pid, "cmdline")).toContain("bare.js");
    expect(procText(pid, "cmdline")).not.toContain(SECRET);
    const names = procText(pid, "environ")
      .split(" ")
      .filter(Boolean)
      .map((entry) => entry.split("=")[0]);
    expect(names.sort()).toEqual(["NODE_CHANNEL_FD", "NODE_CHANNEL_SERIALIZATION_MODE"]);
  });

  test("leaves SIGINT and SIGTERM, which reach the whole group, to its supervisor", async () => {
    const { processLaunch } = await processes();
    const entry = builtUrl("tests/harness/actors/bare.js");
    const boot = () => ({ breaks: "throw" });
    tree = await TestTree.start([
      childSpec("child", processLaunch({ id: "child", entry, boot, startTimeoutMs, clock: systemClock })),
    ]);
    const life = tree.life("child");
    const pid = tree.status("child").pid as number;

    process.kill(pid, "SIGINT");
    process.kill(pid, "SIGTERM");
    // The answer comes after the signals: it has taken both and is still there.
    expect(await life.metrics()).toBe("");
    expect(await life.metrics()).toBe("");
    await tree.supervisor.stop();

    expect(await life.exited).toMatchObject({ kind: "bye" });
  });

  test("inherits no open file of its supervisor", async () => {
    const { processLaunch } = await processes();
    directory = mkdtempSync(join(tmpdir(), "troupe-fd-"));
    const held = join(directory, "held");
    writeFileSync(held, "");
    const { openSync, closeSync } = await import("node:fs");
    const file = openSync(held, "r");
    const entry = builtUrl("tests/harness/actors/bare.js");
    tree = await TestTree.start([
      childSpec(
        "child",
        processLaunch({
          id: "child",
          entry,
          boot: () => ({ breaks: "throw" }),
          startTimeoutMs,
          clock: systemClock,
        }),
      ),
    ]);
    const pid = tree.status("child").pid as number;

    const open = readdirSync(`/proc/${pid}/fd`).map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`));
    closeSync(file);

    expect(open).not.toContain(held);
    expect(open.filter((path) => path.startsWith(tmpdir()))).toEqual([]);
  });

  test("under Node's permission model touches its own directory and nothing else", async () => {
    const { processLaunch } = await processes();
    directory = mkdtempSync(join(tmpdir(), "troupe-fence-"));
    const entry = builtUrl("tests/harness/actors/fenced.js");
    tree = await TestTree.start([
      childSpec(
        "fenced",
        processLaunch({
          id: "fenced",
          entry,
          boot: () => ({ directory }),
          startTimeoutMs,
          clock: systemClock,
          permissions: { read: [directory], write: [directory] },
        }),
      ),
    ]);

    const answer = JSON.parse(await tree.life("fenced").metrics()) as FenceAnswer;

    expect(answer).toEqual(CONFINED);
  });
});

describe.runIf(process.platform === "linux")("when the supervisor is killed with SIGKILL", () => {
  test("no child is left, not even one that spins in an endless loop", async () => {
    const program = fileURLToPath(builtUrl("tests/harness/trees/lone-tree.js"));
    const supervisor = spawn(process.execPath, [program], { stdio: ["ignore", "pipe", "inherit"] });
    let said = "";
    supervisor.stdout.setEncoding("utf8").on("data", (text: string) => {
      said += text;
    });
    await until("it has told its children's pids", () => said.includes("\n"));
    const pids = JSON.parse(said) as number[];
    expect(pids.length).toBe(3);
    expect(pids.every(isAlive)).toBe(true);

    supervisor.kill("SIGKILL");

    await until(
      "all are gone",
      () => !pids.some(isAlive),
      () => `still there: ${pids.filter(isAlive)}`,
    );
  });
});
