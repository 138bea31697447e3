/** The bus dies and comes back: the same port, the same users, and not one actor restarted for it. And actors that die while others call them. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { BREAKS } from "../harness/actors/dummy-contract.ts";
import { findNatsServer } from "../harness/nats-server.ts";
import { DummyTree } from "../harness/trees/dummy-tree.ts";
import { until } from "../harness/trees/tree.ts";

let troupe: DummyTree | undefined;
afterEach(async () => {
  await troupe?.stop();
  troupe?.remove();
  troupe = undefined;
});

const isNatsServerHere = findNatsServer() !== undefined;
if (!isNatsServerHere)
  process.stdout.write("skipped: bus mode spawn, because nats-server is not installed\n");

describe.each(isNatsServerHere ? (["embedded", "spawn"] as const) : (["embedded"] as const))(
  "a %s bus",
  (mode) => {
    test("that is killed comes back on its port, and nobody else is restarted", async () => {
      troupe = await DummyTree.grow({ bus: mode, threads: ["here"], staged: ["staged"], processes: ["own"] });
      const { tree, bus, driver } = troupe;
      const before = await troupe.epochs();
      const servers = bus.servers();
      const life = tree.life("bus");
      const call = troupe.client("own").append({ value: "during" }, { key: "during" });
      call.catch(() => {});

      if (mode === "spawn") process.kill(tree.status("bus").pid as number, "SIGKILL");
      else life.kill();
      await tree.backAfter("bus", life);
      await until("the driver is connected again", () => driver.isUp);
      // Each member connects in its own time.
      for (const id of troupe.ids) {
        await expect
          .poll(
            () =>
              troupe
                ?.client(id)
                .echo({ text: "?" })
                .then(
                  () => id,
                  () => undefined,
                ),
            {
              timeout: 30_000,
            },
          )
          .toBe(id);
      }

      expect(bus.servers()).toEqual(servers);
      expect(await troupe.epochs()).toEqual(before);
      expect(tree.status("bus")).toMatchObject({ restarts: 1, state: "ready" });
      for (const id of ["stage", ...troupe.ids])
        expect(tree.status(id)).toMatchObject({ restarts: 0, state: "ready" });
      // The call in flight has been answered one way or the other, and its repetition is the same call.
      await call.catch((error: { code?: string }) =>
        expect(error.code).toMatch(/^BUS_(UNAVAILABLE|DEADLINE)$/),
      );
      const line = await troupe.client("own").append({ value: "during" }, { key: "during" });
      expect(await troupe.client("own").append({ value: "during" }, { key: "during" })).toEqual(line);
    });
  },
);

describe.each(["here", "staged", "own"])("a dummy %s", (id) => {
  test.each(
    BREAKS.filter((how) => how !== "mute" && how !== "finish" && (how !== "sigkill" || id === "own")),
  )("that dies of %s comes back anew and serves, and the others have not noticed", async (how) => {
    troupe = await DummyTree.grow({
      bus: "embedded",
      threads: ["here"],
      staged: ["staged"],
      processes: ["own"],
    });
    const { tree } = troupe;
    const before = await troupe.epochs();
    const acknowledged = await troupe.client(id).append({ value: "kept" }, { key: "k" });
    const life = tree.life(id);

    await troupe.client(id).break({ how });
    await tree.backAfter(id, life);

    const after = await troupe.epochs();
    expect(after[id]).not.toBe(before[id]);
    for (const other of troupe.ids) if (other !== id) expect(after[other]).toBe(before[other]);
    expect(await troupe.client(id).append({ value: "kept" }, { key: "k" })).toEqual(acknowledged);
    expect(tree.status(id).restarts).toBe(1);
  });
});

describe.each(["here", "staged", "own"])("a dummy %s whose loop turns but that answers nobody", (id) => {
  test("is found out by the health probe over the bus, and started afresh", async () => {
    troupe = await DummyTree.grow({
      bus: "embedded",
      threads: ["here"],
      staged: ["staged"],
      processes: ["own"],
      probe: { intervalMs: 300, reconnectGraceMs: 0 },
      changes: { heartbeat: { warnMs: 30_000, deadMs: 60_000 } },
    });
    const { tree, ids, probed } = troupe;
    const before = await troupe.epochs();
    const life = tree.life(id);
    await until("every dummy has been probed", () => ids.every((one) => probed.has(one)));

    await troupe.client(id).break({ how: "mute" });
    await tree.backAfter(id, life);

    const after = await troupe.epochs();
    expect(after[id]).not.toBe(before[id]);
    expect(tree.status(id)).toMatchObject({ restarts: 1, lastError: { code: "SUPERVISOR_UNRESPONSIVE" } });
    for (const other of troupe.ids) if (other !== id) expect(after[other]).toBe(before[other]);
  });
});

test("every dummy tells its figures, and the broker its own", async () => {
  troupe = await DummyTree.grow({
    bus: "embedded",
    threads: ["here"],
    staged: ["staged"],
    processes: ["own"],
  });
  await troupe.epochs();

  const lives = troupe.tree.supervisor.lives();
  // A stage measures nothing: its threads do.
  const told = await Promise.all(lives.map(async ({ id, life }) => [id, await life.metrics()] as const));
  const figures = new Map(told.filter(([, text]) => text !== ""));

  expect([...figures.keys()].sort()).toEqual(["bus", "here", "own", "staged"]);
  for (const id of troupe.ids) expect(figures.get(id)).toContain("troupe_heap_bytes");
  expect(figures.get("bus")).toMatch(/^troupe_broker_connections 5$/m);
});

test("a dummy under Node's permission model serves, logs, keeps its journal over a SIGKILL, and stops as asked", async () => {
  troupe = await DummyTree.grow({
    bus: "embedded",
    threads: [],
    staged: [],
    processes: [],
    fenced: ["fenced"],
  });
  const { tree } = troupe;
  const acknowledged = await troupe.client("fenced").append({ value: "kept" }, { key: "k" });
  const life = tree.life("fenced");

  process.kill(life.pid as number, "SIGKILL");
  await tree.backAfter("fenced", life);

  expect(await troupe.client("fenced").append({ value: "kept" }, { key: "k" })).toEqual(acknowledged);
  expect(readFileSync(join(troupe.directory, "logs", "fenced.log"), "utf8")).toContain('"message":"started"');
  await troupe.stop();
  expect(await tree.life("fenced").exited).toMatchObject({ kind: "bye" });
});

test("no dummy is accused while the bus is down", async () => {
  troupe = await DummyTree.grow({
    bus: "embedded",
    threads: ["here"],
    staged: ["staged"],
    processes: ["own"],
    probe: { intervalMs: 50 },
  });
  const { tree } = troupe;
  const before = await troupe.epochs();
  const deaths = 5;

  for (let death = 0; death < deaths; death++) {
    const life = tree.life("bus");
    life.kill();
    await tree.backAfter("bus", life);
  }
  await expect.poll(() => troupe?.epochs().catch(() => undefined), { timeout: 60_000 }).toEqual(before);

  for (const id of troupe.ids) expect(tree.status(id)).toMatchObject({ restarts: 0, state: "ready" });
});
