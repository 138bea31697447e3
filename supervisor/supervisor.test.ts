import { describe, expect, test } from "vitest";
import type { ChildReport } from "../bus/contracts/supervisor.ts";
import { ManualClock } from "../runtime/clock.ts";
import { FakeChild, settle } from "../tests/harness/trees/fake-life.ts";
import type { ChildSpec } from "./child.ts";
import type { Host } from "./life.ts";
import { PARKED_RETRY_MS } from "./restart.ts";
import { createSupervisor } from "./supervisor.ts";
import type { NestedSpec, SupervisorHooks, SupervisorSpec } from "./tree.ts";

function specOf(fake: FakeChild, changes: Partial<ChildSpec> = {}): ChildSpec {
  return {
    id: fake.id,
    kind: "actor",
    restart: "permanent",
    critical: false,
    startTimeoutMs: 10_000,
    shutdown: { politeMs: 5_000, termMs: 10_000 },
    heartbeat: { warnMs: 2_000, deadMs: 10_000 },
    intensity: { count: 5, periodMs: 30_000 },
    launch: fake.launch,
    ...changes,
  };
}

function setUp(
  changes: Partial<Record<string, Partial<ChildSpec>>> = {},
  options: Partial<SupervisorSpec> = {},
) {
  const clock = new ManualClock();
  const journal: string[] = [];
  const reports: ChildReport[] = [];
  const warnings: string[] = [];
  const fakes = {
    a: new FakeChild("a", journal),
    b: new FakeChild("b", journal),
    c: new FakeChild("c", journal),
  };
  const hooks: SupervisorHooks = {
    clock,
    random: () => 1,
    pollMs: 1_000,
    report: (report) => reports.push(report),
    changed: () => {},
    logged: () => {},
    warned: (child, code) => warnings.push(`${child} ${code}`),
  };
  const supervisor = createSupervisor(
    {
      id: "top",
      strategy: "one_for_one",
      intensity: { count: 3, periodMs: 300_000 },
      children: Object.values(fakes).map((fake) => specOf(fake, changes[fake.id])),
      ...options,
    },
    hooks,
  );
  const advance = async (ms: number) => {
    clock.advance(ms);
    await settle();
  };
  const stateOf = (id: string) => supervisor.statuses().find((status) => status.id === id)?.state;
  const told = () => reports.map(({ report, child }) => `${report} ${child}`);
  return { clock, journal, reports, warnings, ...fakes, supervisor, advance, stateOf, told, hooks };
}

describe("starting and stopping", () => {
  test("starts left to right, each only when the one before has come up", async () => {
    const { supervisor, a, journal, stateOf } = setUp();
    a.temper.start = "held";

    const started = supervisor.start();
    await settle();
    expect(journal).toEqual(["launch a"]);
    expect(stateOf("a")).toBe("starting");
    a.life.comeUp();
    await started;

    expect(journal).toEqual(["launch a", "launch b", "launch c"]);
    expect(supervisor.statuses().map((status) => status.state)).toEqual(["ready", "ready", "ready"]);
  });

  test("stops right to left, one at a time", async () => {
    const { supervisor, c, journal, advance } = setUp();
    await supervisor.start();
    c.temper.stop = "deaf";
    journal.length = 0;

    const stopped = supervisor.stop();
    await settle();
    expect(journal).toEqual([]);
    await advance(10_000);
    await stopped;

    expect(journal).toEqual(["end c", "end b", "end a"]);
    expect(c.life.calls).toEqual(["stop", "term", "kill"]);
    expect(await supervisor.exited).toMatchObject({ kind: "bye" });
  });

  test("stops those already started, last first, when one cannot start at boot", async () => {
    const { supervisor, c, journal, told } = setUp();
    c.temper.start = "held";

    const started = supervisor.start().catch((thrown: unknown) => thrown);
    await settle();
    c.life.failStart("port in use");

    expect(await started).toMatchObject({ code: "SUPERVISOR_BOOT_FAILED" });
    expect(String(await started)).toContain("c could not start");
    expect(journal).toEqual(["launch a", "launch b", "launch c", "end c", "end b", "end a"]);
    expect(told()).toContain("start_error c");
    expect(await supervisor.exited).toMatchObject({ kind: "start_failed" });
  });

  test("kills a child that does not come up in its time", async () => {
    const { supervisor, b, advance } = setUp();
    b.temper.start = "held";

    const started = supervisor.start().catch((thrown: unknown) => thrown);
    await settle();
    await advance(10_000);

    expect(await started).toMatchObject({ code: "SUPERVISOR_BOOT_FAILED" });
    expect(b.life.calls).toEqual(["kill"]);
  });

  test("goes on without a child that cannot be killed, and tells of it", async () => {
    const { supervisor, b, advance, told, stateOf } = setUp();
    await supervisor.start();
    b.temper.stop = "unkillable";

    const stopped = supervisor.stop();
    await settle();
    await advance(10_000);
    await advance(3_000);
    await stopped;

    expect(b.life.calls).toEqual(["stop", "term", "kill", "abandon"]);
    expect(told()).toContain("shutdown_error b");
    expect(stateOf("b")).toBe("unresponsive");
  });

  test("never gives a child that cannot be killed a second life before the first has ended", async () => {
    const { supervisor, b, advance } = setUp();
    await supervisor.start();
    b.temper.stop = "unkillable";
    b.life.heartbeatAgeMs = 11_000;

    await advance(1_000);
    await advance(600_000);
    expect(b.lives.length).toBe(1);
    b.life.die();
    await settle();
    await advance(200);

    expect(b.lives.length).toBe(2);
  });

  test("stops while it is still booting", async () => {
    const { supervisor, b, journal } = setUp();
    b.temper.start = "held";
    const started = supervisor.start().catch((thrown: unknown) => thrown);
    await settle();

    await supervisor.stop();

    expect(await started).toMatchObject({ code: "SUPERVISOR_STOPPED" });
    expect(journal).toEqual(["launch a", "launch b", "end b", "end a"]);
  });

  test("shows children that are off or elsewhere and never starts them", async () => {
    const { supervisor, stateOf, journal } = setUp({ a: { launch: "off" }, b: { launch: "elsewhere" } });

    await supervisor.start();

    expect([stateOf("a"), stateOf("b")]).toEqual(["off", "elsewhere"]);
    expect(journal).toEqual(["launch c"]);
    expect(await supervisor.restart("a")).toBe("off");
  });
});

describe("restarting", () => {
  test("one_for_one starts only the dead one, after the back-off", async () => {
    const { supervisor, a, b, c, advance, stateOf, reports } = setUp();
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
    const { supervisor, b, journal, advance } = setUp({}, { strategy: "rest_for_one" });
    await supervisor.start();
    journal.length = 0;

    b.life.die();
    await settle();
    await advance(200);

    expect(journal).toEqual(["end b", "end c", "launch b", "launch c"]);
  });

  test("one_for_all stops and starts all of them", async () => {
    const { supervisor, b, journal, advance } = setUp({}, { strategy: "one_for_all" });
    await supervisor.start();
    journal.length = 0;

    b.life.die();
    await settle();
    await advance(200);

    expect(journal).toEqual(["end b", "end c", "end a", "launch a", "launch b", "launch c"]);
  });

  test("drops a temporary child that a sibling's strategy stopped", async () => {
    const { supervisor, b, c, advance, stateOf } = setUp(
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
    const { supervisor, b, stateOf } = setUp({ b: { restart } });
    await supervisor.start();

    b.life.die(end);
    await settle();

    expect(stateOf("b")).toBe(state);
  });

  test("charges a failed attempt to start again like a death, with a longer wait", async () => {
    const { supervisor, b, advance, reports } = setUp();
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
    const { supervisor, a, b, advance, stateOf, told } = setUp();
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
    const { supervisor, b, stateOf, advance } = setUp({ b: { intensity: { count: 0, periodMs: 1_000 } } });
    await supervisor.start();
    b.life.die();
    await settle();
    expect(stateOf("b")).toBe("parked");

    expect(await supervisor.restart("b")).toBe("ready");
    await advance(PARKED_RETRY_MS);

    expect(b.lives.length).toBe(2);
  });

  test("an operator's restart of a living child stops it politely and charges nothing", async () => {
    const { supervisor, b, told } = setUp();
    await supervisor.start();

    expect(await supervisor.restart("b")).toBe("ready");

    expect(b.lives.map((life) => life.calls)).toEqual([["stop"], []]);
    expect(supervisor.statuses()[1]).toMatchObject({ restarts: 0, lastError: undefined });
    expect(told()).not.toContain("child_terminated b");
  });

  test("an order for an unknown child names those there are", async () => {
    const { supervisor } = setUp();
    await supervisor.start();

    await expect(supervisor.restart("z")).rejects.toMatchObject({
      code: "SUPERVISOR_NO_SUCH_CHILD",
      data: { child: "z", children: ["a", "b", "c"] },
    });
  });

  test("a critical child's limit is charged to its supervisor, which gives up at its own limit", async () => {
    const { supervisor, b, journal, advance } = setUp(
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
    const { clock, hooks, advance } = setUp();
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

describe("watching", () => {
  test("warns once of an old heartbeat and kills at a dead one, without waiting for a polite stop", async () => {
    const { supervisor, b, advance, warnings, stateOf, reports } = setUp();
    await supervisor.start();
    b.life.heartbeatAgeMs = 3_000;
    await advance(1_000);
    await advance(1_000);
    expect(warnings).toEqual(["b SUPERVISOR_UNRESPONSIVE"]);
    expect(stateOf("b")).toBe("unresponsive");

    b.life.heartbeatAgeMs = 10_500;
    await advance(1_000);

    expect(b.lives[0]?.calls).toEqual(["kill"]);
    expect(reports.at(-1)).toMatchObject({
      report: "child_terminated",
      reason: "SUPERVISOR_UNRESPONSIVE: b: no heartbeat for 10500 ms",
    });
  });

  test("accuses no child that still loads its code: only the time limit of its start counts", async () => {
    const { supervisor, b, advance, warnings, stateOf, reports } = setUp({ b: { startTimeoutMs: 20_000 } });
    b.temper.start = "held";
    const started = supervisor.start();
    await settle();
    b.life.heartbeatAgeMs = 15_000;

    for (let second = 0; second < 15; second++) await advance(1_000);
    expect(stateOf("b")).toBe("starting");
    b.life.heartbeatAgeMs = 0;
    b.life.comeUp();
    await started;

    expect(b.lives.length).toBe(1);
    expect(warnings).toEqual([]);
    expect(reports.map(({ report }) => report)).toEqual(["progress", "progress", "progress"]);
  });

  test("stops a child that misses three probes in a row, and holds it against nobody when the bus is down", async () => {
    const answers: ("ok" | "miss" | "unknown")[] = ["miss", "miss", "unknown", "ok", "miss", "miss", "miss"];
    const probe = { intervalMs: 10_000, missesMax: 3, ask: async () => answers.shift() ?? "ok" };
    const { supervisor, b, advance, reports } = setUp({ b: { probe } });
    await supervisor.start();

    for (let round = 0; round < 6; round++) await advance(10_000);
    expect(b.life.calls).toEqual([]);
    await advance(10_000);

    expect(b.lives[0]?.calls).toEqual(["stop"]);
    expect(reports.at(-1)).toMatchObject({ report: "child_terminated", child: "b" });
    expect(reports.at(-1)?.reason).toContain("SUPERVISOR_UNRESPONSIVE");
  });

  test("suspends those that depend on a dead child and resumes them when it is back", async () => {
    const { supervisor, a, c, advance, stateOf } = setUp({ c: { dependsOn: ["a"] } });
    await supervisor.start();

    a.life.die();
    await settle();
    expect(stateOf("c")).toBe("suspended");
    await advance(200);

    expect(c.life.calls).toEqual(["suspend", "resume"]);
    expect([c.lives.length, stateOf("c")]).toEqual([1, "ready"]);
  });

  test("starts a child afresh that does not suspend in time", async () => {
    const { supervisor, a, c, advance, stateOf } = setUp({ c: { dependsOn: ["a"] } });
    await supervisor.start();
    c.life.shift = () => new Promise(() => {});
    a.temper.start = "held";

    a.life.die();
    await settle();
    await advance(5_000);
    expect(stateOf("c")).toBe("backoff");
    await advance(200);

    expect(c.lives.length).toBe(2);
    expect(supervisor.statuses()[2]?.lastError?.code).toBe("SUPERVISOR_SUSPEND_FAILED");
  });

  test("holds a thread until its stage is up, and does not charge it when the stage dies", async () => {
    const listeners = new Set<() => void>();
    const host: Host & { isUp: boolean } = {
      isUp: true,
      onUp(listener: () => void) {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
    };
    const { supervisor, b, stateOf, advance } = setUp({
      b: { host, intensity: { count: 0, periodMs: 60_000 } },
    });
    await supervisor.start();

    host.isUp = false;
    b.life.die({ kind: "lost_host", code: "SUPERVISOR_LOST_HOST", message: "stage died" });
    await settle();
    await advance(60_000);
    expect([b.lives.length, stateOf("b")]).toEqual([1, "backoff"]);
    host.isUp = true;
    for (const listener of listeners) listener();
    await settle();

    expect([b.lives.length, stateOf("b")]).toEqual([2, "ready"]);
  });

  test("fails the boot when a child's stage does not come up", async () => {
    const { supervisor, advance } = setUp({ b: { host: { isUp: false, onUp: () => () => {} } } });

    const started = supervisor.start().catch((thrown: unknown) => thrown);
    await settle();
    await advance(10_000);

    expect(String(await started)).toContain("SUPERVISOR_HOST_DOWN");
  });

  test("shows what a child tells of itself, and forgets it with its life", async () => {
    const { supervisor, b } = setUp();
    await supervisor.start();

    b.life.events.report("syncing", "block 12 of 40");
    b.life.events.doors([{ name: "http", address: "http://127.0.0.1:8080" }]);
    expect(supervisor.statuses()[1]).toMatchObject({
      state: "syncing",
      progress: "block 12 of 40",
      doors: [{ name: "http" }],
    });
    const old = b.life;
    old.die();
    await settle();
    old.events.report("ready", "from beyond");

    expect(supervisor.statuses()[1]).toMatchObject({ state: "backoff", progress: undefined, doors: [] });
  });
});

describe("dynamic and significant children", () => {
  test("starts children on demand, forgets them when they are gone, and stops all of them at once", async () => {
    const { supervisor, hooks, journal } = setUp({}, { strategy: "simple_one_for_one", children: [] });
    await supervisor.start();
    const one = new FakeChild("one", journal);
    const two = new FakeChild("two", journal);
    await supervisor.startChild(specOf(one, { restart: "temporary" }));
    await supervisor.startChild(specOf(two, { restart: "temporary" }));

    await supervisor.stopChild("one");
    expect(supervisor.statuses().map((status) => status.id)).toEqual(["two"]);
    two.life.die();
    await settle();
    expect(supervisor.statuses()).toEqual([]);

    const deaf = [new FakeChild("x"), new FakeChild("y")];
    for (const fake of deaf) {
      fake.temper.stop = "deaf";
      await supervisor.startChild(specOf(fake));
    }
    const stopped = supervisor.stop();
    await settle();
    expect(deaf.map((fake) => fake.life.calls)).toEqual([["stop"], ["stop"]]);
    (hooks.clock as ManualClock).advance(10_000);
    await stopped;
  });

  test("refuses a dynamic child that does not come up, and keeps nothing of it", async () => {
    const { supervisor } = setUp();
    await supervisor.start();
    const late = new FakeChild("late");
    late.temper.start = "held";

    const started = supervisor.startChild(specOf(late)).catch((thrown: unknown) => thrown);
    await settle();
    late.life.failStart("no room");

    expect(await started).toMatchObject({ code: "SUPERVISOR_START_FAILED", message: "no room" });
    expect(supervisor.statuses().map((status) => status.id)).toEqual(["a", "b", "c"]);
  });

  test.each([
    ["any_significant", 1],
    ["all_significant", 2],
  ] as const)("%s ends the supervisor after %i significant ends", async (autoShutdown, ends) => {
    const { hooks } = setUp();
    const fakes = [new FakeChild("s1"), new FakeChild("s2"), new FakeChild("helper")];
    const [s1, s2, helper] = fakes as [FakeChild, FakeChild, FakeChild];
    const top = createSupervisor(
      {
        id: "top",
        strategy: "one_for_one",
        intensity: { count: 1, periodMs: 1_000 },
        children: [
          {
            id: "run",
            kind: "supervisor",
            restart: "transient",
            critical: false,
            supervisor: {
              strategy: "one_for_one",
              intensity: { count: 1, periodMs: 1_000 },
              autoShutdown,
              children: [
                specOf(helper),
                specOf(s1, { restart: "transient", significant: true }),
                specOf(s2, { restart: "temporary", significant: true }),
              ],
            },
          },
        ],
      },
      hooks,
    );
    await top.start();

    s1.life.die({ kind: "normal" });
    await settle();
    expect(helper.life.isOver).toBe(ends === 1);
    s2.life.die();
    await settle();

    expect(helper.life.isOver).toBe(true);
    expect(top.statuses()[0]).toMatchObject({ id: "run", state: "stopped", lastError: undefined });
  });

  test("refuses contradictory descriptions", () => {
    const { hooks } = setUp();
    const fake = new FakeChild("x");
    const base = { id: "top", strategy: "one_for_one", intensity: { count: 1, periodMs: 1 } } as const;

    expect(() => createSupervisor({ ...base, autoShutdown: "any_significant", children: [] }, hooks)).toThrow(
      "cannot shut itself down",
    );
    expect(() => createSupervisor({ ...base, children: [specOf(fake), specOf(fake)] }, hooks)).toThrow(
      "name is taken",
    );
    expect(() =>
      createSupervisor({ ...base, children: [specOf(fake, { significant: true })] }, hooks),
    ).toThrow("permanent child cannot be significant");
  });
});
