import { describe, expect, test } from "vitest";
import { settle } from "../tests/harness/trees/fake-life.ts";
import { fakeTree } from "../tests/harness/trees/fake-tree.ts";

describe("starting and stopping", () => {
  test("starts left to right, each only when the one before has come up", async () => {
    const { supervisor, a, journal, stateOf } = fakeTree();
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
    const { supervisor, c, journal, advance } = fakeTree();
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
    const { supervisor, c, journal, told } = fakeTree();
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
    const { supervisor, b, advance } = fakeTree();
    b.temper.start = "held";

    const started = supervisor.start().catch((thrown: unknown) => thrown);
    await settle();
    await advance(10_000);

    expect(await started).toMatchObject({ code: "SUPERVISOR_BOOT_FAILED" });
    expect(b.life.calls).toEqual(["kill"]);
  });

  test("goes on without a child that cannot be killed, and tells of it", async () => {
    const { supervisor, b, advance, told, stateOf } = fakeTree();
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
    const { supervisor, b, advance } = fakeTree();
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
    const { supervisor, b, journal } = fakeTree();
    b.temper.start = "held";
    const started = supervisor.start().catch((thrown: unknown) => thrown);
    await settle();

    await supervisor.stop();

    expect(await started).toMatchObject({ code: "SUPERVISOR_STOPPED" });
    expect(journal).toEqual(["launch a", "launch b", "end b", "end a"]);
  });

  test("shows children that are off or elsewhere and never starts them", async () => {
    const { supervisor, stateOf, journal } = fakeTree({ a: { launch: "off" }, b: { launch: "elsewhere" } });

    await supervisor.start();

    expect([stateOf("a"), stateOf("b")]).toEqual(["off", "elsewhere"]);
    expect(journal).toEqual(["launch c"]);
    expect(await supervisor.restart("a")).toBe("off");
  });
});
