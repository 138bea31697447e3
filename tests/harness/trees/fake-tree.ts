/** A supervisor of three fake children on a manual clock, and everything it did. */
import type { ChildReport } from "../../../bus/contracts/supervisor.ts";
import { ManualClock } from "../../../runtime/clock.ts";
import type { ChildSpec } from "../../../supervisor/child.ts";
import { createSupervisor } from "../../../supervisor/supervisor.ts";
import type { SupervisorHooks, SupervisorSpec } from "../../../supervisor/tree.ts";
import { FakeChild, settle } from "./fake-life.ts";

export function specOf(fake: FakeChild, changes: Partial<ChildSpec> = {}): ChildSpec {
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

export function fakeTree(
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
