import { describe, expect, test } from "vitest";
import type { ManualClock } from "../runtime/clock.ts";
import { FakeChild, settle } from "../tests/harness/trees/fake-life.ts";
import { fakeTree, specOf } from "../tests/harness/trees/fake-tree.ts";
import { createSupervisor } from "./supervisor.ts";

describe("dynamic and significant children", () => {
  test("starts children on demand, forgets them when they are gone, and stops all of them at once", async () => {
    const { supervisor, hooks, journal } = fakeTree({}, { strategy: "simple_one_for_one", children: [] });
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
    const { supervisor } = fakeTree();
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
    const { hooks } = fakeTree();
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
    const { hooks } = fakeTree();
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
