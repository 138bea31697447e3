/** Two hosts, each with its supervisor and data directory, on one nats-server with TLS: who shows what, and what a loss of either means. */
import { type ChildProcess, spawn } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { connectNats } from "../../bus/carrier/nats.ts";
import type { ChildStatus, Tree } from "../../bus/contracts/supervisor.ts";
import { type Certificates, hasOpenssl, makeCertificates } from "../harness/cli/certificates.ts";
import { Home, isAlive, type Spawned } from "../harness/cli/command.ts";
import { loopback, makeNetwork, type TestNetwork } from "../harness/cli/network.ts";
import { findNatsServer } from "../harness/nats-server.ts";

const natsServer = findNatsServer();
const canRun = natsServer !== undefined && hasOpenssl();
if (!canRun) {
  if (process.env["CI"]) throw new Error("nats-server and openssl must be installed for this test");
  process.stderr.write("skipped: nats-server or openssl is not installed\n");
}

const WAIT = { timeout: 60_000, interval: 200 };

let world: World | undefined;
beforeEach(() => {
  world = undefined;
});
afterEach(() => world?.close());

/** Attic runs everything but the gateway, porch the gateway alone; between them a bus that neither owns. */
class World {
  readonly attic: Home;
  readonly porch: Home;
  readonly certificates: Certificates;
  readonly seeds: string;
  readonly #network: TestNetwork;
  readonly #directory = mkdtempSync(join(tmpdir(), "trp-hosts-"));
  readonly #areClientsKnown: boolean;
  #port = 0;
  #server: ChildProcess | undefined;

  constructor(network: TestNetwork, areClientsKnown: boolean) {
    this.#network = network;
    this.#areClientsKnown = areClientsKnown;
    this.attic = new Home(network.one.prefix);
    this.porch = new Home(network.two.prefix);
    this.seeds = join(this.#directory, "seeds");
    this.certificates = makeCertificates(this.#directory, ["127.0.0.1", network.one.address]);
  }

  get url(): string {
    return `tls://${this.#network.one.address}:${this.#port}`;
  }

  /** The server with the configuration that we print, then each host with the seeds of those it runs. */
  async begin(): Promise<void> {
    this.#port = await this.#network.freePort();
    const { serverCert, serverKey, ca } = this.certificates;
    const printed = await this.attic.run(
      ...["bus", "print-nats-config", "--credentials", this.seeds, "--create"],
      ...["--listen", `${this.#network.one.address}:${this.#port}`],
      ...["--tls-cert", serverCert, "--tls-key", serverKey],
      ...(this.#areClientsKnown ? ["--tls-ca", ca] : []),
    );
    expect(printed.stderr).toBe("");
    writeFileSync(join(this.#directory, "nats.conf"), printed.stdout);
    this.startServer();
    this.#furnish(
      this.attic,
      ["supervisor"],
      '[troupe]\nhost = "attic"\n[placement]\ngateway = "elsewhere"\n',
    );
    this.#furnish(this.porch, ["supervisor", "gateway", "operator"], '[troupe]\nhost = "porch"\n');
  }

  startServer(): void {
    const command = [
      ...this.#network.one.prefix,
      natsServer ?? "",
      "--config",
      join(this.#directory, "nats.conf"),
    ];
    const [program = "", ...parameters] = command;
    this.#server = spawn(program, parameters, { stdio: "ignore" });
  }

  async killServer(): Promise<void> {
    const server = this.#server;
    if (server === undefined) return;
    this.#server = undefined;
    const ended = new Promise((resolve) => server.once("exit", resolve));
    server.kill("SIGKILL");
    await ended;
  }

  async close(): Promise<void> {
    await Promise.all([this.attic.close(), this.porch.close()]);
    await this.killServer();
    this.#network.close();
    rmSync(this.#directory, { recursive: true, force: true });
  }

  startAttic(): Promise<Spawned> {
    return this.attic.start();
  }

  startPorch(...more: string[]): Promise<Spawned> {
    return this.porch.start("--only", "gateway", ...more);
  }

  #furnish(home: Home, users: readonly string[], more: string): void {
    const seeds = join(home.data, "seeds");
    mkdirSync(seeds, { recursive: true, mode: 0o700 });
    for (const user of users) copyFileSync(join(this.seeds, `${user}.nk`), join(seeds, `${user}.nk`));
    const { ca, clientCert, clientKey } = this.certificates;
    const known = this.#areClientsKnown ? `tls_cert = "${clientCert}"\ntls_key_file = "${clientKey}"\n` : "";
    const bus = `[bus]\nmode = "external"\nservers = ["${this.url}"]\ncredentials_directory = "${seeds}"\ntls_ca = "${ca}"\n`;
    writeFileSync(join(home.data, "troupe.toml"), `${bus}${known}${more}`, { mode: 0o600 });
  }
}

function find(child: ChildStatus, id: string): ChildStatus | undefined {
  return child.id === id
    ? child
    : child.children.map((each) => find(each, id)).find((found) => found !== undefined);
}

async function pageOf(home: Home): Promise<string> {
  const address = find((await home.tree()).root, "gateway")?.doors[0]?.address;
  if (address === undefined) throw new Error("the gateway has opened no door");
  return address;
}

interface Told {
  readonly hosts: readonly { readonly host: string; readonly presence: string; readonly tree: Tree }[];
}

async function toldBy(home: Home, page: string): Promise<Told> {
  return JSON.parse((await home.ask(`${page}/api/tree`)).text) as Told;
}

async function untilReady(home: Home, page: string): Promise<void> {
  await expect.poll(async () => (await home.ask(`${page}/readyz`)).status, WAIT).toBe(200);
}

async function untilBoth(home: Home, page: string): Promise<Told> {
  await expect.poll(async () => (await toldBy(home, page)).hosts.length, WAIT).toBe(2);
  return toldBy(home, page);
}

test.skipIf(!canRun)(
  "two hosts share a bus that asks both for certificates: each owns its tree, the gateway shows both, and a bus that dies and comes back is no harm",
  async () => {
    const here = new World(makeNetwork(), true);
    world = here;
    const { attic, porch } = here;
    await here.begin();
    const supervisors = [await here.startAttic(), await here.startPorch()];
    const page = await pageOf(porch);

    const told = await untilBoth(porch, page);
    await untilReady(porch, page);
    const trees = [await attic.tree(), await porch.tree()];
    const metrics = (await porch.ask(`${page}/metrics`)).text;
    const twin = await porch.run(
      ...["start", "--only", "gateway", "--data", join(porch.path, "twin"), ...porch.anyPort],
      ...["--config", join(porch.data, "troupe.toml")],
    );

    expect(trees.map(({ host, ready }) => [host, ready])).toEqual([
      ["attic", true],
      ["porch", true],
    ]);
    expect(trees.map(({ root }) => find(root, "gateway")?.state)).toEqual(["elsewhere", "ready"]);
    expect(trees.map(({ bus }) => [bus.mode, bus.address, bus.up])).toEqual([
      ["external", here.url, true],
      ["external", here.url, true],
    ]);
    expect(told.hosts.map(({ host, presence, tree }) => [host, presence, tree.pid])).toEqual([
      ["porch", "heard", trees[1]?.pid],
      ["attic", "heard", trees[0]?.pid],
    ]);
    expect(metrics).toMatch(/^troupe_actor_state\{actor="root",state="ready",host="attic"\} 1$/m);
    expect(metrics).toMatch(/^troupe_actor_state\{actor="gateway",state="ready",host="porch"\} 1$/m);
    expect(metrics).toMatch(/^troupe_host_up\{peer="attic",.*\} 1$/m);
    expect(twin).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('is called "porch" too') });

    await here.killServer();
    await expect
      .poll(async () => (await attic.tree()).bus.up || (await porch.tree()).bus.up, WAIT)
      .toBe(false);
    const away = [await attic.tree(), await porch.tree()];
    const health = await porch.ask(`${page}/healthz`);
    here.startServer();
    await expect.poll(async () => (await attic.tree()).ready && (await porch.tree()).ready, WAIT).toBe(true);
    await untilReady(porch, page);

    expect(away.map(({ ready }) => ready)).toEqual([false, false]);
    expect(health).toMatchObject({ status: 503, text: expect.stringContaining("the bus is down") });
    expect(supervisors.map(({ pid }) => isAlive(pid))).toEqual([true, true]);
    expect(find((await porch.tree()).root, "gateway")).toMatchObject({ restarts: 0 });
    expect((await attic.run("logs", "supervisor")).stdout).toMatch(/the bus is away[\s\S]*the bus is back/);
  },
);

test.skipIf(!canRun)(
  "a host that is killed is missed by the other, which goes on; one that stops says so; either comes back",
  async () => {
    const here = new World(loopback(), false);
    world = here;
    const { attic, porch } = here;
    await here.begin();
    const first = await here.startAttic();
    await here.startPorch();
    const page = await pageOf(porch);
    await untilBoth(porch, page);
    await untilReady(porch, page);

    first.kill("SIGKILL");
    await first.ended;
    await expect
      .poll(async () => (await porch.ask(`${page}/readyz`)).text, WAIT)
      .toContain("host attic is silent");
    const alone = await porch.tree();
    const health = await porch.ask(`${page}/healthz`);
    const missing = await toldBy(porch, page);
    const metrics = (await porch.ask(`${page}/metrics`)).text;
    await here.startAttic();
    await untilReady(porch, page);
    await attic.run("stop");
    await expect
      .poll(async () => (await porch.ask(`${page}/readyz`)).text, WAIT)
      .toContain("host attic has stopped");

    expect(alone).toMatchObject({ host: "porch", ready: true });
    expect(health.status).toBe(200);
    expect(missing.hosts.map(({ host, presence }) => [host, presence])).toEqual([
      ["porch", "heard"],
      ["attic", "silent"],
    ]);
    expect(metrics).toMatch(/^troupe_host_up\{peer="attic",.*\} 0$/m);
    expect((await porch.run("logs", "gateway", "--level", "warn")).stdout).toMatch(/fallen silent.*attic/);
  },
);

test.skipIf(!canRun)("each supervisor is found on the bus by the name of its host", async () => {
  const here = new World(loopback(), false);
  world = here;
  await here.begin();
  await here.startAttic();
  await here.startPorch();
  const operator = await connectNats({
    servers: [here.url],
    user: "operator",
    seed: readFileSync(join(here.seeds, "operator.nk"), "utf8").trim(),
    tls: { ca: readFileSync(here.certificates.ca, "utf8") },
    connectTimeoutMs: 20_000,
  });
  const answers: { name: string; metadata: { instance: string } }[] = [];
  operator.subscribe(
    "_INBOX.operator.found",
    {},
    ({ body }) => void answers.push(JSON.parse(new TextDecoder().decode(body))),
  );
  operator.publish("$SRV.PING", new Uint8Array(), { reply: "_INBOX.operator.found" });
  await expect.poll(() => answers.length, WAIT).toBeGreaterThanOrEqual(3);
  await operator.close();

  const found = answers.map(({ name, metadata }) => `${name} ${metadata.instance}`).sort();
  expect(found).toEqual(["gateway porch", "supervisor attic", "supervisor porch"]);
  expect(existsSync(join(here.attic.data, "seeds", "operator.nk"))).toBe(false);
});
