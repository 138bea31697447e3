/** What cannot work is refused in one clear line with exit code 2, and nothing has changed. */
import { appendFileSync, chmodSync, existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer, type Server } from "node:net";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Home, type Outcome } from "../harness/cli/command.ts";

let home: Home;
let server: Server | undefined;
beforeEach(() => {
  home = new Home();
});
afterEach(async () => {
  server?.close();
  server = undefined;
  await home.close();
});

function expectRefusal({ exitCode, stdout, stderr }: Outcome, what: RegExp): void {
  expect(stderr).toMatch(what);
  expect(stderr.trim().split("\n")).toHaveLength(1);
  expect(stdout).toBe("");
  expect(exitCode).toBe(2);
}

async function occupiedPort(): Promise<number> {
  server = createServer();
  await new Promise<void>((resolve) => server?.listen(0, "127.0.0.1", resolve));
  return (server.address() as AddressInfo).port;
}

function config(text: string, mode = 0o600): string {
  const path = join(home.path, "troupe.toml");
  writeFileSync(path, text);
  chmodSync(path, mode);
  return path;
}

test("a second supervisor on the same data", async () => {
  const first = await home.start();

  expectRefusal(await home.run("start", ...home.anyPort), new RegExp(`already runs.*process ${first.pid}`));
  expect((await home.tree()).pid).toBe(first.pid);
});

test("a port that is in use", async () => {
  const port = await occupiedPort();

  const outcome = await home.run("start", "--set", `gateway.http_listen=127.0.0.1:${port}`);

  expectRefusal(outcome, new RegExp(`\\[gateway\\] http_listen: 127\\.0\\.0\\.1:${port} is in use`));
  expect(existsSync(home.data)).toBe(false);
});

test.each([
  ["an unknown key", "[bus]\nmod = 1\n", /:2: \[bus\] mod: .*did you mean "mode"/],
  [
    "a wrong type",
    '[gateway]\nhttp_connections_max = "many"\n',
    /:2: \[gateway\] http_connections_max: expected/,
  ],
  ["text that is not TOML", "[bus\n", /:1:.*TOML/],
  ["an external bus without servers", '[bus]\nmode = "external"\n', /servers names none/],
  ["a broker without TLS off loopback", '[bus]\nlisten = "0.0.0.0:4222"\n', /has no TLS/],
  ["JetStream in the embedded broker", "[bus]\njetstream = true\n", /jetstream/],
  ["an implementation that is not there", '[implementation]\ngateway = "./none.js"\n', /does not exist/],
])("%s", async (_what, text, message) => {
  expectRefusal(await home.run("start", "--config", config(text)), message);
  expect(existsSync(home.data)).toBe(false);
});

test("a configuration that others may write", async () => {
  expectRefusal(await home.run("start", "--config", config("", 0o666)), /chmod/);
});

test("a configuration that is named and not there", async () => {
  expectRefusal(await home.run("start", "--config", "nowhere.toml"), /no such file/);
});

test("a secret that others may read", async () => {
  const secret = join(home.path, "password");
  writeFileSync(secret, "hunter2");
  chmodSync(secret, 0o644);

  const outcome = await home.run(
    "start",
    "--config",
    config(`[node]\nuser = "u"\npassword_file = "${secret}"\n`),
  );

  expectRefusal(outcome, /open to other users.*chmod 600/);
  expect(outcome.stderr).not.toContain("hunter2");
});

test("a secret that is not there", async () => {
  const text = '[node]\nuser = "u"\npassword_file = "/nowhere/password"\n';

  expectRefusal(await home.run("start", "--config", config(text)), /no such file/);
});

test("data of another network", async () => {
  mkdirSync(home.data, { mode: 0o700 });
  writeFileSync(join(home.data, "network"), "mainnet\n");

  expectRefusal(await home.run("start", ...home.anyPort), /belongs to mainnet/);
  expect(readdirSync(home.data)).toEqual(["network"]);
});

test("a data directory that is a file", async () => {
  writeFileSync(home.data, "");

  expectRefusal(await home.run("start", ...home.anyPort), /not a directory/);
});

test("a data directory that others may write into", async () => {
  mkdirSync(home.data);
  chmodSync(home.data, 0o777);

  expectRefusal(await home.run("start", ...home.anyPort), /chmod 700/);
});

test("a data directory whose name does not fit a socket's address", async () => {
  const outcome = await home.run("start", ...home.anyPort, "--data", join(home.path, "x".repeat(100)));

  expectRefusal(outcome, /shorter data directory/);
});

test("a bitcoind for the sandbox that is no program", async () => {
  const outcome = await home.run("start", "--sandbox", "--set", "sandbox.bitcoind=/nowhere/bitcoind");

  expectRefusal(outcome, /\[sandbox\] bitcoind names \/nowhere\/bitcoind, which is no program/);
  expect(existsSync(join(home.path, ".troupe-sandbox"))).toBe(false);
});

test("a sandbox that would be open to others", async () => {
  const outcome = await home.run("start", "--sandbox", "--set", "gateway.http_listen=0.0.0.0:0");

  expectRefusal(outcome, /stays on loopback/);
});

test("an actor that nobody has heard of", async () => {
  expectRefusal(
    await home.run("start", "--only", "gatway"),
    /no actor "gatway"; there are node, indexer, mempool, walletd, directory, maker, taker, ledger, gateway/,
  );
});

test("a refusal in the background is told in the foreground", async () => {
  expectRefusal(await home.run("start", "--detach", "--set", "bus.mod=1"), /did you mean "mode"/);
});

test.each([
  ["a command that does not exist", ["strat"]],
  ["an option that does not exist", ["status", "--colour"]],
  ["a count that is none", ["tap", "--count", "x"]],
  ["a level that is none", ["logs", "--level", "loud"]],
])("%s is misuse", async (_what, parameters) => {
  expect((await home.run(...parameters)).exitCode).toBe(2);
});

test.each([["status"], ["stop"], ["restart"], ["tap"]])(
  "%s without a supervisor fails and says how to start one",
  async (command) => {
    const { exitCode, stderr } = await home.run(command);

    expect(exitCode).toBe(1);
    expect(stderr).toContain("supervisor start");
  },
);

test("config check looks where start would: into the data directory that it is told", async () => {
  const data = join(home.path, "elsewhere");
  const written = await home.run("config", "init", "--data", data);
  const good = await home.run("config", "check", "--data", data);
  appendFileSync(join(data, "troupe.toml"), "[nonsense]\n");

  expect(written).toMatchObject({ exitCode: 0, stdout: expect.stringContaining(`start --data ${data}`) });
  expect(good).toMatchObject({ exitCode: 0, stdout: expect.stringContaining(join(data, "troupe.toml")) });
  expectRefusal(await home.run("config", "check", "--data", data), /no such section/);
});

test("doctor tells what is wrong with the configuration", async () => {
  const { exitCode, stdout } = await home.run("doctor", "--config", config("[bus]\nmod = 1\n"));

  expect(exitCode).toBe(1);
  expect(stdout).toMatch(/✗ configuration/);
});

test("doctor knows a sandbox that is stopped by the chain that it left", async () => {
  const checks = async () =>
    (JSON.parse((await home.run("doctor", "--json")).stdout) as { findings: { check: string }[] }).findings;
  expect((await checks()).map(({ check }) => check)).not.toContain("door node rpc");
  mkdirSync(join(home.data, "actors", "node"), { recursive: true });
  expect((await checks()).map(({ check }) => check)).toContain("door node rpc");
});

test("every command explains itself", async () => {
  const names = ["start", "stop", "restart", "status", "logs", "doctor", "tap", "bus", "electrum", "config"];

  const helps = await Promise.all(names.map((name) => home.run(name, "--help")));

  for (const { exitCode, stdout } of helps) {
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^Usage: supervisor/);
  }
});
