/** What fails again and again: one that others can do without is parked, one that they cannot takes the supervisor with it. */
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { ChildStatus } from "../../../bus/contracts/supervisor.ts";
import { builtUrl } from "../../harness/built.ts";
import { Home } from "../../harness/cli/command.ts";

const mortal = fileURLToPath(builtUrl("tests/harness/actors/mortal.js"));

/** Two dozen lives with ever longer waits between them. */
const LONG_MS = 400_000;

let home: Home;
beforeEach(() => {
  home = new Home();
});
afterEach(() => home.close());

async function statusOf(id: string): Promise<ChildStatus | undefined> {
  const flat = (child: ChildStatus): ChildStatus[] => [child, ...child.children.flatMap(flat)];
  return flat((await home.tree()).root).find((child) => child.id === id);
}

test(
  "an actor that dies too often is parked, status says so and why, and restart revives it",
  async () => {
    await home.start("--set", `implementation.gateway=${mortal}`);

    await expect
      .poll(async () => (await statusOf("gateway"))?.state, { timeout: LONG_MS, interval: 500 })
      .toBe("parked");
    const parked = await statusOf("gateway");
    const forPeople = await home.run("status");
    const others = await home.tree();
    const directory = join(home.data, "actors", "gateway");
    mkdirSync(directory, { recursive: true });
    writeFileSync(join(directory, "cured"), "");
    const restarted = await home.run("restart", "gateway");
    const revived = await statusOf("gateway");

    expect(parked).toMatchObject({ lastError: { code: "MORTAL_DIED", message: "mortal, as all are" } });
    expect(parked?.nextRestartInMs).toBeGreaterThan(0);
    expect(forPeople.stdout).toMatch(/gateway +parked.*\n.*MORTAL_DIED: mortal, as all are/);
    expect(others.bus.up).toBe(true);
    expect(restarted).toMatchObject({ exitCode: 0, stdout: expect.stringContaining("Restarted gateway.") });
    expect(revived).toMatchObject({ state: "ready" });
  },
  LONG_MS,
);

test(
  "a critical actor that dies too often ends the supervisor with exit code 70, and it says why",
  async () => {
    const started = home.spawn(
      "start",
      ...home.anyPort,
      ...["--set", "placement.node=process", "--set", `implementation.node=${mortal}`],
    );

    const { exitCode, stdout, stderr } = await started.ended;

    expect(exitCode).toBe(70);
    expect(`${stdout}${stderr}`).toMatch(/gives up because node fails again and again.*mortal, as all are/);
    expect(readdirSync(join(home.data, "run"))).toEqual([]);
  },
  LONG_MS,
);
