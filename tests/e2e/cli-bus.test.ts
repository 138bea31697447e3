/** The other two ways to a bus: a nats-server that we run, and one that others run with the configuration that we print. */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Home } from "../harness/cli/command.ts";

const NATS_SERVER = "/usr/sbin/nats-server";
const isThere = existsSync(NATS_SERVER);
if (!isThere) {
  if (process.env["CI"]) throw new Error(`${NATS_SERVER} is not installed`);
  process.stderr.write(`skipped: ${NATS_SERVER} is not installed\n`);
}

let home: Home;
let server: ChildProcess | undefined;
beforeEach(() => {
  home = new Home();
});
afterEach(async () => {
  await home.close();
  server?.kill("SIGKILL");
  server = undefined;
});

/** A nats-server with what we print, on a port of its own choice. */
async function startServer(configText: string): Promise<string> {
  const path = join(home.path, "nats.conf");
  writeFileSync(path, `ports_file_dir: ${JSON.stringify(home.path)}\n${configText}`);
  const child = spawn(NATS_SERVER, ["--config", path], { stdio: ["ignore", "ignore", "pipe"] });
  server = child;
  const ports = join(home.path, `nats-server_${child.pid}.ports`);
  await expect
    .poll(() => existsSync(ports) && readFileSync(ports, "utf8").includes("nats"), { timeout: 60_000 })
    .toBe(true);
  const { nats } = JSON.parse(readFileSync(ports, "utf8")) as { nats: [string] };
  return nats[0];
}

test.skipIf(!isThere)("our actors live on a nats-server that has the configuration we print", async () => {
  const seeds = join(home.path, "seeds");
  const printed = await home.run(
    "bus",
    "print-nats-config",
    "--credentials",
    seeds,
    "--create",
    "--listen",
    "127.0.0.1:0",
  );
  // -1 is how nats-server is told to choose.
  const url = await startServer(printed.stdout.replace("127.0.0.1:0", "127.0.0.1:-1"));
  writeFileSync(
    join(home.path, "external.toml"),
    `[bus]\nmode = "external"\nservers = ["${url}"]\ncredentials_directory = "${seeds}"\n`,
    { mode: 0o600 },
  );

  await home.start("--config", "external.toml");
  const tree = await home.tree();
  const tapped = await home.run("tap", "state.supervisor.*.tree", "--count", "1", "--json");

  await home.run("stop");
  const alone = await home.run("tap", "rpc.>", "--config", "external.toml", "--count", "1");

  // Heard by the broker as operator, though no supervisor runs here: it is the broker that refuses.
  expect(alone.stderr).toContain("does not let");
  expect(statSync(join(seeds, "gateway.nk")).mode & 0o777).toBe(0o600);
  expect(tree).toMatchObject({ ready: true, bus: { mode: "external", address: url, up: true } });
  expect(JSON.parse(tapped.stdout).body).toMatchObject({ network: "regtest" });
});

test.skipIf(!isThere)("a nats-server of our own is started, watched and stopped", async () => {
  await home.start("--set", "bus.mode=spawn");
  const tree = await home.tree();
  const { hostname, port } = new URL(tree.bus.address);

  await home.run("stop");

  expect(tree).toMatchObject({ ready: true, bus: { mode: "spawn", up: true } });
  const isGone = await new Promise((resolve) => {
    const socket = connect({ host: hostname, port: Number(port) });
    socket.once("error", () => resolve(true));
    socket.once("connect", () => resolve(false));
  });
  expect(isGone).toBe(true);
});

test("a start on an external bus where nobody listens fails with its address, and leaves nothing", async () => {
  const printed = await home.run("bus", "print-nats-config", "--credentials", "seeds", "--create");
  const { exitCode, stderr } = await home.run(
    ...[
      "start",
      ...home.anyPort,
      "--set",
      "bus.mode=external",
      "--set",
      'bus.servers=["nats://127.0.0.1:9"]',
    ],
    ...["--set", `bus.credentials_directory=${join(home.path, "seeds")}`],
  );

  expect(printed.exitCode).toBe(0);
  expect(exitCode).toBe(1);
  expect(stderr).toMatch(/bus at nats:\/\/127\.0\.0\.1:9 cannot be reached \(.*supervisor doctor/);
  expect(stderr.trim().split("\n")).toHaveLength(1);
  expect(readdirSync(join(home.data, "run"))).toEqual([]);
});

test("auto falls back on a broker of our own when no server listens", async () => {
  await home.start("--set", "bus.mode=auto", "--set", 'bus.servers=["nats://127.0.0.1:9"]');

  expect((await home.tree()).bus.mode).toBe("embedded");
});

test("printing the configuration again keeps the seeds and prints the same", async () => {
  const once = await home.run("bus", "print-nats-config", "--credentials", "seeds", "--create");
  const again = await home.run("bus", "print-nats-config", "--credentials", "seeds");
  const withTls = await home.run(
    "bus",
    "print-nats-config",
    "--credentials",
    "seeds",
    "--tls-cert",
    "c.pem",
    "--tls-key",
    "k.pem",
    "--tls-ca",
    "a.pem",
  );

  expect(once.exitCode).toBe(0);
  expect(again.stdout).toBe(once.stdout);
  expect(once.stdout.replace(/U[A-Z2-7]{55}/g, "U…")).toMatchSnapshot();
  expect(withTls.stdout).toContain(
    'tls {\n  cert_file: "c.pem"\n  key_file: "k.pem"\n  ca_file: "a.pem"\n  verify: true\n}',
  );
});

test("seeds are wanted before a configuration can be printed", async () => {
  const { exitCode, stderr } = await home.run("bus", "print-nats-config", "--credentials", "nowhere");

  expect(exitCode).toBe(2);
  expect(stderr).toContain("--create");
});
