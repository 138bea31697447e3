/** The built command, driven as a person would: start, look, restart, stop, and what a kill leaves behind. */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { ChildStatus, Tree } from "../../bus/contracts/supervisor.ts";
import { builtUrl } from "../harness/built.ts";
import { Home, isAlive } from "../harness/cli/command.ts";

let home: Home;
beforeEach(() => {
  home = new Home();
});
afterEach(() => home.close());

function find(child: ChildStatus, id: string): ChildStatus | undefined {
  return child.id === id
    ? child
    : child.children.map((each) => find(each, id)).find((found) => found !== undefined);
}

function gatewayOf(tree: Tree): ChildStatus {
  const gateway = find(tree.root, "gateway");
  if (gateway === undefined) throw new Error("there is no gateway");
  return gateway;
}

test("starts, tells where everything is, and stops in reverse order on Ctrl-C", async () => {
  const started = await home.start();
  await started.says(/supervisor logs -f/);

  started.kill("SIGINT");
  const { exitCode, stdout } = await started.ended;

  expect(exitCode).toBe(0);
  expect(stdout).toMatch(/✓ bus +started[\s\S]*✓ stage +started[\s\S]*✓ gateway +started/);
  expect(stdout).toMatch(/gateway http +http:\/\/127\.0\.0\.1:\d+/);
  expect(stdout).toMatch(/bus +nats:\/\/127\.0\.0\.1:\d+/);
  expect(stdout).toMatch(
    /Stopping\.[\s\S]*✓ gateway +stopped[\s\S]*✓ stage +stopped[\s\S]*✓ bus +stopped[\s\S]*Stopped\./,
  );
});

test("told to stop while it starts, it gives back what it has taken", async () => {
  const starting = home.spawn("start", ...home.anyPort);
  await starting.says(/✓ bus/);

  starting.kill("SIGINT");
  const { exitCode } = await starting.ended;

  expect(exitCode).toBe(0);
  expect(readdirSync(join(home.data, "run"))).toEqual([]);
});

test("everything it makes is its owner's alone", async () => {
  await home.start();

  const open = (path: string): string[] => {
    const inside = statSync(path).isDirectory()
      ? readdirSync(path).flatMap((name) => open(join(path, name)))
      : [];
    return (statSync(path).mode & 0o077) === 0 ? inside : [path, ...inside];
  };

  expect(open(home.data)).toEqual([]);
});

test("status prints the tree, for people and for scripts", async () => {
  await home.start();

  const { exitCode, stdout } = await home.run("status");
  const tree = await home.tree();

  expect(exitCode).toBe(0);
  expect(stdout).toMatch(/^ACTOR +STATE +UP +RESTARTS/m);
  expect(tree).toMatchObject({ network: "regtest", ready: true, bus: { mode: "embedded", up: true } });
  expect(gatewayOf(tree)).toMatchObject({
    state: "ready",
    doors: [{ name: "http" }, { name: "wallet" }, { name: "electrum tcp" }, { name: "electrum tls" }],
  });
});

test("the gateway's page answers at the door that status names", async () => {
  await home.start();
  const [door] = gatewayOf(await home.tree()).doors;

  const health = await fetch(`${door?.address}/healthz`);
  const metrics = await (await fetch(`${door?.address}/metrics`)).text();

  expect(health.status).toBe(200);
  expect(metrics).toMatch(/^troupe_actor_state\{actor="gateway",state="ready",host="[^"]+"\} 1$/m);
});

test("restart gives one actor, or all of them, a new life", async () => {
  await home.start();
  const before = await home.tree();

  const one = await home.run("restart", "gateway");
  const between = await home.tree();
  const all = await home.run("restart", "--json");
  const after = await home.tree();

  expect(one).toMatchObject({ exitCode: 0, stdout: expect.stringContaining("Restarted gateway.") });
  expect(JSON.parse(all.stdout)).toEqual({ restarted: ["bus", "gateway"] });
  expect(gatewayOf(between).startedAt).not.toBe(gatewayOf(before).startedAt);
  expect(find(between.root, "bus")?.startedAt).toBe(find(before.root, "bus")?.startedAt);
  expect(find(after.root, "bus")?.startedAt).not.toBe(find(before.root, "bus")?.startedAt);
  expect(after.bus.address).toBe(before.bus.address);
  await expect.poll(async () => (await home.tree()).ready, { timeout: 60_000 }).toBe(true);
});

test("restart of somebody who does not exist fails and says who does", async () => {
  await home.start();

  const { exitCode, stderr } = await home.run("restart", "nobody");

  expect(exitCode).toBe(1);
  expect(stderr).toMatch(/no child "nobody".*Its children are: bus, stage, .*gateway/);
});

test("log-level lets an actor write more or less while it runs, and says who there is", async () => {
  await home.start();
  const written = () =>
    readFileSync(join(home.data, "logs", "gateway.log"), "utf8").split("another level now").length - 1;

  const quiet = await home.run("log-level", "gateway", "error");
  expect(quiet).toMatchObject({
    exitCode: 0,
    stdout: expect.stringContaining("gateway writes error and above"),
  });
  expect(written()).toBe(0);
  const loud = await home.run("log-level", "gateway", "debug", "--json");
  expect(JSON.parse(loud.stdout)).toEqual({ child: "gateway", level: "debug", isSet: true });
  await expect.poll(written, { timeout: 30_000 }).toBe(1);
  const wrong = await home.run("log-level", "nobody", "debug");
  expect([wrong.exitCode, wrong.stderr]).toEqual([1, expect.stringContaining('no child "nobody"')]);
});

test("stop waits until everything has gone, so that it can be started again at once", async () => {
  const first = await home.start();

  const { exitCode, stdout } = await home.run("stop");
  const second = await home.start();

  expect(exitCode).toBe(0);
  expect(stdout).toMatch(/✓ gateway +stopped[\s\S]*✓ bus +stopped[\s\S]*Stopped\./);
  expect((await first.ended).exitCode).toBe(0);
  expect(isAlive(second.pid)).toBe(true);
});

test("after kill -9 no child is left, and it starts again", async () => {
  const first = await home.start();
  const stagePid = find((await home.tree()).root, "stage")?.pid ?? 0;
  expect(isAlive(stagePid)).toBe(true);

  first.kill("SIGKILL");
  await first.ended;
  await expect.poll(() => isAlive(stagePid), { timeout: 60_000 }).toBe(false);
  const down = await home.run("status");
  await home.start();

  expect(down.exitCode).toBe(1);
  expect(down.stderr).toContain("supervisor start");
  expect((await home.tree()).ready).toBe(true);
});

test("a stage that is killed comes back with its threads", async () => {
  await home.start();
  const stage = find((await home.tree()).root, "stage");

  process.kill(stage?.pid ?? 0, "SIGKILL");

  await expect
    .poll(
      async () => {
        const { root } = await home.tree();
        return { isNew: find(root, "stage")?.pid !== stage?.pid, gateway: find(root, "gateway")?.state };
      },
      { timeout: 60_000 },
    )
    .toEqual({ isNew: true, gateway: "ready" });
  expect(find((await home.tree()).root, "stage")?.lastError?.code).toBe("SUPERVISOR_CHILD_SIGNALLED");
});

test("--detach returns when all is ready and leaves it running", async () => {
  const { exitCode, stdout } = await home.run("start", "--detach", ...home.anyPort);
  const tree = await home.tree();

  expect(exitCode).toBe(0);
  expect(stdout).toMatch(/Ready in/);
  expect(isAlive(tree.pid)).toBe(true);
  expect((await home.run("stop")).exitCode).toBe(0);
  expect(isAlive(tree.pid)).toBe(false);
});

test.each(["process", "here", "off"])(
  "an actor is placed by one line of configuration: %s",
  async (placement) => {
    await home.start("--set", `placement.gateway=${placement}`);

    const gateway = gatewayOf(await home.tree());

    const wanted = { process: /^process \d+$/, here: /^thread \d+ of process \d+$/, off: /^off$/ }[placement];
    expect(gateway.placement).toMatch(wanted ?? /never/);
    expect(gateway.state).toBe(placement === "off" ? "off" : "ready");
  },
);

test("logs are merged by time, filtered, and followed", async () => {
  await home.start();
  const follower = home.spawn("logs", "--follow", "-n", "0");

  const { stdout } = await home.run("logs", "--json", "-n", "100");
  const warnings = await home.run("logs", "--level", "error");
  await home.run("restart", "gateway");
  await follower.says(/gateway +stopped/);
  follower.kill("SIGINT");

  const times = stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line).time as string);
  expect(times.length).toBeGreaterThan(3);
  expect(times).toEqual([...times].sort());
  expect(warnings).toMatchObject({ exitCode: 0, stdout: "" });
  expect((await follower.ended).exitCode).toBe(0);
});

test("tap hears what happens, and may not hear requests", async () => {
  await home.start();
  const tapped = home.spawn("tap", "evt.supervisor.>", "--json", "--count", "1");
  // Listening begins a moment after the process does: restarts go on until one has been heard.
  let isOver = false;
  void tapped.ended.then(() => {
    isOver = true;
  });
  while (!isOver) await home.run("restart", "gateway");
  const denied = await home.run("tap", "rpc.>", "--count", "1");

  const { exitCode, stdout } = await tapped.ended;

  expect(exitCode).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({
    subject: expect.stringMatching(/^troupe\.v1\.evt\.supervisor\..*\.child$/),
  });
  expect(JSON.parse(stdout).body).toHaveProperty("report");
  expect(denied.exitCode).toBe(1);
  expect(denied.stderr).toContain("does not let");
});

test("doctor has no complaint about a supervisor's own ports", async () => {
  await home.start();

  const { exitCode, stdout } = await home.run("doctor", "--json", ...home.anyPort);

  const { findings } = JSON.parse(stdout) as { findings: { check: string; verdict: string }[] };
  expect(exitCode).toBe(0);
  expect(findings.filter(({ verdict }) => verdict === "fail")).toEqual([]);
  expect(findings.map(({ check }) => check)).toContain("door gateway http");
});

test("an implementation is swapped in one line", async () => {
  const worker = fileURLToPath(builtUrl("tests/harness/actors/bare.js"));

  await home.start("--set", `implementation.gateway=${worker}`);

  expect(gatewayOf(await home.tree())).toMatchObject({
    state: "ready",
    progress: expect.stringMatching(/^pid \d+$/),
    doors: [],
  });
});

test("nothing secret stands in arguments, environments or logs", async () => {
  const started = await home.start();
  const pids = [started.pid, find((await home.tree()).root, "stage")?.pid ?? 0];

  const readable = pids.flatMap((pid) => [`/proc/${pid}/cmdline`, `/proc/${pid}/environ`]);
  const logs = readdirSync(join(home.data, "logs")).map((name) => join(home.data, "logs", name));

  for (const path of [...readable, ...logs]) expect(readFileSync(path, "utf8")).not.toMatch(/SU[A-Z2-7]{56}/);
});
