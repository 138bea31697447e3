/** Random histories of deaths, failed starts, deaf children and orders, judged against what must hold whatever happens. */
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { CHILD_STATES } from "../bus/contracts/supervisor.ts";
import { ManualClock } from "../runtime/clock.ts";
import { FakeChild, type FakeTemper, settle } from "../tests/harness/trees/fake-life.ts";
import type { ChildSpec } from "./child.ts";
import { PARKED_RETRY_MS } from "./restart.ts";
import type { ExitReport, Restart, Strategy } from "./spec.ts";
import { createSupervisor, type Supervisor } from "./supervisor.ts";
import type { SupervisorSpec } from "./tree.ts";

const STEP_MAX_MS = 4_000;
const IDS = ["a", "b", "c", "d"];

type Step =
  | { readonly do: "die"; readonly child: number; readonly kind: ExitReport["kind"] }
  | { readonly do: "temper"; readonly child: number; readonly temper: FakeTemper }
  | { readonly do: "comeUp" | "failStart" | "restart" | "fallSilent"; readonly child: number }
  | { readonly do: "advance"; readonly ms: number };

const child = fc.integer({ min: 0, max: IDS.length - 1 });
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant("die" as const),
      child,
      kind: fc.constantFrom<ExitReport["kind"]>("error", "exit", "signal", "normal", "lost_host"),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("temper" as const),
      child,
      temper: fc.record({
        start: fc.constantFrom<FakeTemper["start"]>("up", "held"),
        stop: fc.constantFrom<FakeTemper["stop"]>("bye", "deaf", "unkillable"),
      }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constantFrom("comeUp" as const, "failStart" as const, "restart" as const, "fallSilent" as const),
      child,
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant("advance" as const),
      ms: fc.constantFrom(1, 100, 1_000, 5_000, 31_000, PARKED_RETRY_MS),
    }),
  },
);

const plan = fc.record({
  strategy: fc.constantFrom<Strategy>("one_for_one", "rest_for_one", "one_for_all"),
  restarts: fc.array(fc.constantFrom<Restart>("permanent", "transient", "temporary"), {
    minLength: 4,
    maxLength: 4,
  }),
  critical: fc.array(fc.boolean(), { minLength: 4, maxLength: 4 }),
  isNested: fc.boolean(),
  /** Failures within the period before a child is parked or gives its supervisor trouble. */
  tolerated: fc.constantFrom(0, 1, 5),
  steps: fc.array(step, { maxLength: 60 }),
});

interface World {
  readonly clock: ManualClock;
  readonly fakes: readonly FakeChild[];
  readonly supervisor: Supervisor;
}

function build({
  strategy,
  restarts,
  critical,
  isNested,
  tolerated,
}: Omit<typeof plan extends fc.Arbitrary<infer P> ? P : never, "steps">): World {
  const clock = new ManualClock();
  const fakes = IDS.map((id) => new FakeChild(id));
  const children: ChildSpec[] = fakes.map((fake, index) => ({
    id: fake.id,
    kind: "actor",
    restart: restarts[index] ?? "permanent",
    critical: critical[index] ?? false,
    startTimeoutMs: 10_000,
    shutdown: { politeMs: 5_000, termMs: 10_000 },
    heartbeat: { warnMs: 2_000, deadMs: 10_000 },
    intensity: { count: tolerated, periodMs: 30_000 },
    launch: fake.launch,
  }));
  const inner = { strategy, intensity: { count: 1, periodMs: 60_000 }, children };
  const spec: SupervisorSpec = isNested
    ? {
        id: "top",
        strategy: "one_for_one",
        intensity: { count: 1, periodMs: 60_000 },
        children: [
          { id: "group", kind: "supervisor", restart: "permanent", critical: true, supervisor: inner },
        ],
      }
    : { id: "top", ...inner };
  const supervisor = createSupervisor(spec, {
    clock,
    random: () => 1,
    pollMs: 1_000,
    report: () => {},
    changed: () => {},
    logged: () => {},
    warned: () => {},
  });
  return { clock, fakes, supervisor };
}

function checkAlways({ fakes, supervisor }: World): void {
  for (const fake of fakes) expect(fake.living, `lives of ${fake.id} at once`).toBeLessThanOrEqual(1);
  const visit = (statuses: ReturnType<Supervisor["statuses"]>): void => {
    for (const status of statuses) {
      expect(CHILD_STATES).toContain(status.state);
      const fake = fakes.find((candidate) => candidate.id === status.id);
      const lives = fake === undefined ? undefined : fake.living;
      if (lives !== undefined && ["backoff", "parked", "stopped"].includes(status.state))
        expect(lives).toBe(0);
      if (lives !== undefined && ["ready", "starting", "stopping", "unresponsive"].includes(status.state)) {
        expect(lives).toBe(1);
      }
      // Nothing waits without knowing until when, unless an earlier sibling stands before it.
      if (status.state === "parked") expect(status.nextRestartInMs).toBeLessThanOrEqual(PARKED_RETRY_MS);
      visit(status.children);
    }
  };
  visit(supervisor.statuses());
}

async function take(world: World, taken: Step, orders: Promise<unknown>[]): Promise<void> {
  const { clock, fakes, supervisor } = world;
  if (taken.do === "advance") {
    // In steps shorter than any start timeout: a fake that comes up at once needs a turn of the loop to say so.
    for (let leftMs = taken.ms; leftMs > 0; leftMs -= STEP_MAX_MS) {
      clock.advance(Math.min(leftMs, STEP_MAX_MS));
      await settle();
    }
  } else {
    const fake = fakes[taken.child] as FakeChild;
    const life = fake.lives.at(-1);
    switch (taken.do) {
      case "die":
        life?.die({ kind: taken.kind });
        break;
      case "temper":
        Object.assign(fake.temper, taken.temper);
        break;
      case "comeUp":
        life?.comeUp();
        break;
      case "failStart":
        life?.failStart();
        break;
      case "fallSilent":
        if (life !== undefined) life.heartbeatAgeMs = 20_000;
        break;
      case "restart":
        // A child that is gone for good, or a supervisor that stops, refuses: an answer too.
        orders.push(supervisor.restart(fake.id).catch(() => {}));
        break;
    }
  }
  await settle();
}

describe("any history", () => {
  test("never gives a child two lives at once, answers every order, and stops when told", async () => {
    await fc.assert(
      fc.asyncProperty(plan, async ({ steps, ...rest }) => {
        const world = build(rest);
        const orders: Promise<unknown>[] = [];
        orders.push(world.supervisor.start().catch(() => {}));
        await settle();
        for (const taken of steps) {
          await take(world, taken, orders);
          checkAlways(world);
        }

        orders.push(world.supervisor.stop());
        await settle();
        // The longest ordered stop: four deaf children, one after the other, each killed and then given up.
        for (let round = 0; round < 12; round++) {
          world.clock.advance(10_000);
          await settle();
          checkAlways(world);
        }
        world.clock.advance(120_000);
        await settle();

        let isAnswered = false;
        void Promise.all(orders).then(() => {
          isAnswered = true;
        });
        await settle();
        expect(isAnswered, "every order has been answered").toBe(true);
        const lost = world.fakes.filter((fake) => fake.living > 0);
        for (const fake of lost) expect(fake.life.calls).toContain("abandon");
      }),
      { numRuns: 300 },
    );
  });

  test("stops in the reverse order of the starts, whatever happened before", async () => {
    await fc.assert(
      fc.asyncProperty(plan, async ({ steps, ...rest }) => {
        const world = build(rest);
        const orders: Promise<unknown>[] = [world.supervisor.start().catch(() => {})];
        await settle();
        for (const taken of steps) {
          if (taken.do !== "temper") await take(world, taken, orders);
        }
        await take(world, { do: "advance", ms: 31_000 }, orders);
        const ended: string[] = [];
        const living = world.fakes.filter((fake) => fake.living > 0);
        for (const fake of living) void fake.life.exited.then(() => ended.push(fake.id));

        await world.supervisor.stop();

        expect(ended).toEqual(living.map((fake) => fake.id).reverse());
      }),
      { numRuns: 200 },
    );
  });

  test("brings everything back once deaths stop, unless it has given up or ended for good", async () => {
    await fc.assert(
      fc.asyncProperty(plan, async ({ steps, ...rest }) => {
        const world = build(rest);
        const orders: Promise<unknown>[] = [world.supervisor.start().catch(() => {})];
        await settle();
        for (const taken of steps) {
          if (taken.do !== "temper") await take(world, taken, orders);
        }
        let isOver = false;
        void world.supervisor.exited.then(() => {
          isOver = true;
        });
        for (let round = 0; round < 3; round++)
          await take(world, { do: "advance", ms: PARKED_RETRY_MS }, orders);
        // What is left waiting waits for a start that a test must let happen.
        for (const fake of world.fakes) fake.lives.at(-1)?.comeUp();
        await settle();

        const states = (statuses: ReturnType<Supervisor["statuses"]>): string[] =>
          statuses.flatMap((status) =>
            status.children.length > 0 ? states(status.children) : [status.state],
          );
        if (!isOver) {
          for (const state of states(world.supervisor.statuses()))
            expect(["ready", "stopped"]).toContain(state);
        }
      }),
      { numRuns: 200 },
    );
  });
});
