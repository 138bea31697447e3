import { describe, expect, test } from "vitest";
import { settle } from "../tests/harness/trees/fake-life.ts";
import { fakeTree } from "../tests/harness/trees/fake-tree.ts";
import type { Host } from "./life.ts";

describe("watching", () => {
  test("warns once of an old heartbeat and kills at a dead one, without waiting for a polite stop", async () => {
    const { supervisor, b, advance, warnings, stateOf, reports } = fakeTree();
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
    const { supervisor, b, advance, warnings, stateOf, reports } = fakeTree({
      b: { startTimeoutMs: 20_000 },
    });
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
    const { supervisor, b, advance, reports } = fakeTree({ b: { probe } });
    await supervisor.start();

    for (let round = 0; round < 6; round++) await advance(10_000);
    expect(b.life.calls).toEqual([]);
    await advance(10_000);

    expect(b.lives[0]?.calls).toEqual(["stop"]);
    expect(reports.at(-1)).toMatchObject({ report: "child_terminated", child: "b" });
    expect(reports.at(-1)?.reason).toContain("SUPERVISOR_UNRESPONSIVE");
  });

  test("suspends those that depend on a dead child and resumes them when it is back", async () => {
    const { supervisor, a, c, advance, stateOf } = fakeTree({ c: { dependsOn: ["a"] } });
    await supervisor.start();

    a.life.die();
    await settle();
    expect(stateOf("c")).toBe("suspended");
    await advance(200);

    expect(c.life.calls).toEqual(["suspend", "resume"]);
    expect([c.lives.length, stateOf("c")]).toEqual([1, "ready"]);
  });

  test("starts a child afresh that does not suspend in time", async () => {
    const { supervisor, a, c, advance, stateOf } = fakeTree({ c: { dependsOn: ["a"] } });
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
    const { supervisor, b, stateOf, advance } = fakeTree({
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
    const { supervisor, advance } = fakeTree({ b: { host: { isUp: false, onUp: () => () => {} } } });

    const started = supervisor.start().catch((thrown: unknown) => thrown);
    await settle();
    await advance(10_000);

    expect(String(await started)).toContain("SUPERVISOR_HOST_DOWN");
  });

  test("shows what a child tells of itself, and forgets it with its life", async () => {
    const { supervisor, b } = fakeTree();
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
