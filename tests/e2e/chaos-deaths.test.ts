/** Every way in which a child can die, in a thread here, in a thread of a stage and in a process: told rightly, restarted, siblings untouched. */
import { afterEach, describe, expect, test } from "vitest";
import { systemClock } from "../../runtime/clock.ts";
import type { ChildSpec } from "../../supervisor/child.ts";
import type { BareBoot, Break } from "../harness/actors/bare.ts";
import { built, builtUrl } from "../harness/built.ts";
import { breakNow, childSpec, TestTree } from "../harness/trees/tree.ts";

type Place = "thread" | "staged" | "process";

const startTimeoutMs = 20_000;
let tree: TestTree | undefined;
afterEach(async () => {
  await tree?.supervisor.stop();
  tree = undefined;
});

/** A victim and a sibling in the same kind of place; in a stage they share the process. */
async function grow(place: Place, breaks: Break, changes: Partial<ChildSpec> = {}): Promise<TestTree> {
  const entry = builtUrl("tests/harness/actors/bare.js");
  const plan = (id: string, boot: BareBoot) => ({
    id,
    entry,
    boot: () => boot,
    startTimeoutMs,
    heapMb: 64,
    clock: systemClock,
  });
  const victim = plan("victim", { breaks });
  const sibling = plan("sibling", { breaks: "throw" });
  if (place === "staged") {
    const { Stage } = await built<typeof import("../../supervisor/places/stage.ts")>(
      "supervisor/places/stage.js",
    );
    const stage = new Stage({ name: "stage", clock: systemClock, startTimeoutMs });
    return await TestTree.start([
      childSpec("stage", stage.launch, { kind: "stage" }),
      childSpec("victim", stage.thread(victim), { host: stage, ...changes }),
      childSpec("sibling", stage.thread(sibling), { host: stage }),
    ]);
  }
  const { threadLaunch } = await built<typeof import("../../supervisor/places/thread.ts")>(
    "supervisor/places/thread.js",
  );
  const { processLaunch } = await built<typeof import("../../supervisor/places/process.ts")>(
    "supervisor/places/process.js",
  );
  const launch = place === "thread" ? threadLaunch : processLaunch;
  return await TestTree.start([
    childSpec("victim", launch(victim), changes),
    childSpec("sibling", launch(sibling)),
  ]);
}

const THREADS: readonly Place[] = ["thread", "staged"];
const ALL: readonly Place[] = [...THREADS, "process"];

/** what is broken, where, and the code by which it is told */
const deaths: readonly [Break, readonly Place[], string][] = [
  ["throw", ALL, "DUMMY_BROKEN"],
  ["throw_object", ALL, "SUPERVISOR_CHILD_THREW"],
  ["rejection", ALL, "SUPERVISOR_CHILD_THREW"],
  ["stack", ALL, "SUPERVISOR_CHILD_THREW"],
  ["exit_0", ALL, "SUPERVISOR_CHILD_EXITED"],
  ["exit_7", ALL, "SUPERVISOR_CHILD_EXITED"],
  ["closed_port", ALL, "SUPERVISOR_CHILD_EXITED"],
  ["loop", ALL, "SUPERVISOR_UNRESPONSIVE"],
  ["sigstop", ["process"], "SUPERVISOR_UNRESPONSIVE"],
  ["oom_small", THREADS, "SUPERVISOR_OUT_OF_MEMORY"],
  ["oom_small", ["process"], "SUPERVISOR_CHILD_ABORTED"],
  ["oom_array", ["process"], "SUPERVISOR_CHILD_ABORTED"],
];

describe.each(deaths.flatMap(([how, places, code]) => places.map((place) => [how, place, code] as const)))(
  "%s in a %s",
  (how, place, code) => {
    test(`is told as ${code} and mended without touching the sibling`, async () => {
      tree = await grow(place, how);
      const first = tree.life("victim");
      const siblingBefore = tree.status("sibling");

      await breakNow(first);
      await tree.backAfter("victim", first);

      expect(tree.status("victim")).toMatchObject({ state: "ready", restarts: 1, lastError: { code } });
      const told = tree.reports.filter((report) => report.child === "victim");
      expect(told.map((report) => report.report)).toEqual(["progress", "child_terminated", "progress"]);
      expect(told[1]?.nextRestartInMs).toBeGreaterThan(0);
      const siblingAfter = tree.status("sibling");
      expect(siblingAfter).toMatchObject({ state: "ready", restarts: 0, startedAt: siblingBefore.startedAt });
      expect(siblingAfter.pid).toBe(siblingBefore.pid);
      expect(siblingAfter.placement).toBe(siblingBefore.placement);
      expect(await tree.life("sibling").metrics()).toBe("");
    });
  },
);

describe("a stall", () => {
  test.each(ALL)("of some seconds in a %s is told as a warning and is no death", async (place) => {
    tree = await grow(place, "stall", { heartbeat: { warnMs: 2_000, deadMs: 60_000 } });
    const life = tree.life("victim");

    await breakNow(life);
    await tree.until(
      "the stall is noticed",
      () => (tree as TestTree).status("victim").state === "unresponsive",
    );
    await tree.until("it is over", () => (tree as TestTree).status("victim").state === "ready");

    expect(tree.life("victim")).toBe(life);
    expect(tree.warnings).toContain("victim SUPERVISOR_UNRESPONSIVE");
    expect(tree.status("victim").restarts).toBe(0);
  });
});

describe("a growing array in a thread of a stage", () => {
  test("takes the whole stage, and everything in it comes back, charged to the stage alone", async () => {
    tree = await grow("staged", "oom_array", { intensity: { count: 0, periodMs: 60_000 } });
    const [first, sibling] = [tree.life("victim"), tree.life("sibling")];

    await breakNow(first);
    await tree.backAfter("victim", first);
    await tree.backAfter("sibling", sibling);

    expect(tree.status("stage")).toMatchObject({
      restarts: 1,
      lastError: { code: "SUPERVISOR_CHILD_ABORTED" },
    });
    expect(tree.status("victim").lastError?.code).toBe("SUPERVISOR_LOST_HOST");
    expect(tree.status("sibling").lastError?.code).toBe("SUPERVISOR_LOST_HOST");
  });
});

describe("an operator's restart of a stage", () => {
  test("takes its threads along without charging them", async () => {
    tree = await grow("staged", "throw", { intensity: { count: 0, periodMs: 60_000 } });
    const [first, sibling] = [tree.life("victim"), tree.life("sibling")];

    expect(await tree.supervisor.restart("stage")).toBe("ready");
    await tree.backAfter("victim", first);
    await tree.backAfter("sibling", sibling);

    expect(await first.exited).toMatchObject({ kind: "lost_host" });
    expect(tree.status("stage")).toMatchObject({ restarts: 0, state: "ready" });
  });
});

describe("a thread in a long native call", () => {
  test("costs its stage, because terminate does not reach it", async () => {
    tree = await grow("staged", "native");
    const [first, sibling] = [tree.life("victim"), tree.life("sibling")];

    await breakNow(first);
    await tree.backAfter("victim", first);
    await tree.backAfter("sibling", sibling);

    expect(tree.status("stage").restarts).toBe(1);
    expect(tree.reports).toContainEqual(
      expect.objectContaining({
        report: "shutdown_error",
        child: "victim",
        reason: expect.stringContaining("UNKILLABLE"),
      }),
    );
  });

  test("costs a process nothing but itself", async () => {
    tree = await grow("process", "native");
    const first = tree.life("victim");

    await breakNow(first);
    await tree.backAfter("victim", first);

    expect(tree.status("victim").lastError?.code).toBe("SUPERVISOR_UNRESPONSIVE");
  });
});

describe("memory outside the heap", () => {
  test("grows past the heap's limit and is seen in the vitals of a process", async () => {
    tree = await grow("process", "buffers");

    await breakNow(tree.life("victim"));
    await tree.until(
      "it is seen",
      () => ((tree as TestTree).status("victim").rssBytes ?? 0) > 200 * 1024 * 1024,
    );

    expect(tree.status("victim")).toMatchObject({ state: "ready", restarts: 0 });
  });
});

describe.each(ALL)("too many deaths of a %s", (place) => {
  test("park it; an operator revives it", async () => {
    tree = await grow(place, "throw", { intensity: { count: 2, periodMs: 600_000 } });

    for (let death = 1; death <= 3; death++) {
      const life = tree.life("victim");
      await breakNow(life);
      if (death < 3) await tree.backAfter("victim", life);
    }
    await tree.until("it is parked", () => (tree as TestTree).status("victim").state === "parked");

    expect(tree.reports.at(-1)).toMatchObject({ report: "reached_max_restart_intensity", child: "victim" });
    expect(tree.status("sibling")).toMatchObject({ state: "ready", restarts: 0 });
    expect(await tree.supervisor.restart("victim")).toBe("ready");
  });
});

describe.each(ALL)("a %s that does not stop when asked", (place) => {
  test("is ended by force, and the others stop as asked", async () => {
    tree = await grow(place, "refuse_stop");

    await tree.supervisor.stop();

    expect(await tree.life("victim").exited).toMatchObject({ kind: "killed" });
    expect(await tree.life("sibling").exited).toMatchObject({ kind: "bye" });
  });
});
