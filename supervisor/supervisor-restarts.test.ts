import { describe, expect, test } from "vitest";
import { FakeChild, settle } from "../tests/harness/trees/fake-life.ts";
import { fakeTree, specOf } from "../tests/harness/trees/fake-tree.ts";
import { PARKED_RETRY_MS } from "./restart.ts";
import { createSupervisor } from "./supervisor.ts";
import type { NestedSpec } from "./tree.ts";

describe("restarting", () => {
  test("one_for_one starts only the dead one, after the back-off", async () => {
    const { supervisor, a, b, c, advance, stateOf, reports } = fakeTree();
    await supervisor.start();

    b.life.die();
    await settle();
    expect(stateOf("b")).toBe("backoff");
    await advance(199);
    expect(b.lives.length).toBe(1);
    await advance(1);

    expect(b.lives.length).toBe(2);
    expect(stateOf("b")).toBe("ready");
    expect([a.lives.length, c.lives.length]).toEqual([1, 1]);
    expect(reports).toContainEqual({
      report: "child_terminated",
      child: "b",
      reason: "SUPERVISOR_CHILD_THREW: boom",
      restarts: 0,
      nextRestartInMs: 200,
    });
  });

  test("rest_for_one stops those started after the dead one, in reverse, and starts them again in order", async () => {
    const { supervisor, b, journal, advance } = fakeTree({}, { strategy: "rest_for_one" });
    await supervisor.start();
    journal.length = 0;

    b.life.die();
    await settle();
    await advance(200);

    expect(journal).toEqual(["end b", "end c", "launch b", "launch c"]);
  });

  test("one_for_all stops and starts all of them", async () => {
    const { supervisor, b, journal, advance } = fakeTree({}, { strategy: "one_for_all" });
    await supervisor.start();
    journal.length = 0;

    b.life.die();
    await settle();
    await advance(200);

    expect(journal).toEqual(["end b", "end c", "end a", "launch a", "launch b", "launch c"]);
  });

  test("drops a temporary child that a sibling's strategy stopped", async () => {
    const { supervisor, b, c, advance, stateOf } = fakeTree(
      { c: { restart: "temporary" } },
      { strategy: "rest_for_one" },
    );
    await supervisor.start();

    b.life.die();
    await settle();
    await advance(200);

    expect(c.lives.length).toBe(1);
    expect(stateOf("c")).toBeUndefined();
  });

  test.each([
    ["permanent", { kind: "normal" }, "backoff"],
    ["permanent", { kind: "exit", exitCode: 0 }, "backoff"],
    ["transient", { kind: "normal" }, "stopped"],
    ["transient", { kind: "exit", exitCode: 0 }, "backoff"],
    ["transient", { kind: "signal", signal: "SIGKILL" }, "backoff"],
    ["temporary", { kind: "normal" }, undefined],
    ["temporary", { kind: "error" }, undefined],
  ] as const)("a %s child that ends with %o is then %s", async (restart, end, state) => {
    const { supervisor, b, stateOf } = fakeTree({ b: { restart } });
    await supervisor.start();

    b.life.die(end);
    await settle();

    expect(stateOf("b")).toBe(state);
  });

  test("charges a failed attempt to start again like a death, with a longer wait", async () => {
    const { supervisor, b, advance, reports } = fakeTree();
    await supervisor.start();
    b.temper.start = "held";

    b.life.die();
    await settle();
    await advance(200);
    b.life.failStart();
    await settle();

    expect(reports.at(-1)).toMatchObject({
      report: "start_error",
      child: "b",
      restarts: 1,
      nextRestartInMs: 400,
    });
  });

  test("parks a child that fails too often, leaves its siblings alone, and tries once more after five minutes", async () => {
    const { supervisor, a, b, advance, stateOf, told } = fakeTree();
    await supervisor.start();
    for (let death = 0; death < 6; death++) {
      b.life.die();
      await settle();
      await advance(3_200);
    }

    expect(stateOf("b")).toBe("parked");
    expect(told()).toContain("reached_max_restart_intensity b");
    expect([a.lives.length, stateOf("a")]).toEqual([1, "ready"]);
    const lives = b.lives.length;
    await advance(PARKED_RETRY_MS);
    expect(b.lives.length).toBe(lives + 1);
    b.life.die();
    await settle();
    expect(stateOf("b")).toBe("parked");
    await advance(PARKED_RETRY_MS);
    await advance(60_000);
    b.life.die();
    await settle();
    expect(stateOf("b")).toBe("backoff");
  });

  test("an operator's restart revives a parked child at once and forgives its past", async () => {
    const { supervisor, b, stateOf, advance } = fakeTree({ b: { intensity: { count: 0, periodMs: 1_000 } } });
    await supervisor.start();
    b.life.die();
    await settle();
    expect(stateOf("b")).toBe("parked");

    expect(await supervisor.restart("b")).toBe("ready");
    await advance(PARKED_RETRY_MS);

    expect(b.lives.length).toBe(2);
  });

  test("an operator's restart of a living child stops it politely and charges nothing", async () => {
    const { supervisor, b, told } = fakeTree();
    await supervisor.start();

    expect(await supervisor.restart("b")).toBe("ready");

    expect(b.lives.map((life) => life.calls)).toEqual([["stop"], []]);
    expect(supervisor.statuses()[1]).toMatchObject({ restarts: 0, lastError: undefined });
    expect(told()).not.toContain("child_terminated b");
  });

  test("an order for an unknown child names those there are", async () => {
    const { supervisor } = fakeTree();
    await supervisor.start();

    await expect(supervisor.restart("z")).rejects.toMatchObject({
      code: "SUPERVISOR_NO_SUCH_CHILD",
      data: { child: "z", children: ["a", "b", "c"] },
    });
  });

  test("a critical child's limit is charged to its supervisor, which gives up at its own limit", async () => {
    const { supervisor, b, journal, advance } = fakeTree(
      { b: { critical: true, intensity: { count: 0, periodMs: 1_000 } } },
      { intensity: { count: 2, periodMs: 300_000 } },
    );
    await supervisor.start();
    journal.length = 0;

    for (let death = 0; death < 3; death++) {
      b.life.die();
      await settle();
      await advance(200);
    }

    expect(await supervisor.exited).toMatchObject({ kind: "error", code: "SUPERVISOR_LIMIT" });
    expect(journal.slice(-2)).toEqual(["end c", "end a"]);
    expect(b.lives.length).toBe(3);
  });

  test("a nested supervisor that gives up is started afresh by its parent", async () => {
    const { clock, hooks, advance } = fakeTree();
    const leaf = new FakeChild("leaf");
    const chain: NestedSpec = {
      id: "chain",
      kind: "supervisor",
      restart: "permanent",
      critical: true,
      supervisor: {
        strategy: "rest_for_one",
        intensity: { count: 0, periodMs: 60_000 },
        children: [specOf(leaf, { critical: true, intensity: { count: 0, periodMs: 1_000 } })],
      },
    };
    const top = createSupervisor(
      { id: "top", strategy: "one_for_one", intensity: { count: 3, periodMs: 300_000 }, children: [chain] },
      hooks,
    );
    await top.start();

    leaf.life.die();
    await settle();
    expect(top.statuses()[0]).toMatchObject({ state: "backoff", lastError: { code: "SUPERVISOR_LIMIT" } });
    clock.advance(200);
    await advance(0);

    expect(leaf.lives.length).toBe(2);
    expect(top.statuses()[0]).toMatchObject({ state: "ready", children: [{ id: "leaf", state: "ready" }] });
    expect(await top.restart("leaf")).toBe("ready");
    await top.stop();
    expect(leaf.living).toBe(0);
  });
});
