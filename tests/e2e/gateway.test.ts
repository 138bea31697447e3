/** The web door of a whole troupe: real supervisor, broker, stage and thread; what the page and a monitor see of it. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, it } from "vitest";
import type { ChildStatus, Tree } from "../../bus/contracts/supervisor.ts";
import { freePort } from "../../runtime/free-port.ts";
import { builtUrl } from "../harness/built.ts";
import { EventReader } from "../harness/gateway/gateway.ts";

const PROGRAM = fileURLToPath(builtUrl("cli/supervisor.js"));

const opened: { stop(): Promise<unknown> | unknown }[] = [];
afterEach(async () => {
  for (const thing of opened.splice(0).reverse()) await thing.stop();
});

interface Troupe {
  readonly process: ChildProcess;
  /** Resolves with the exit code and what was said on stderr. */
  readonly ended: Promise<{ code: number | null; said: string }>;
  /** The tree as printed when everything was ready. */
  readonly ready: Promise<Tree>;
}

/** `supervisor start` in a data directory of its own. */
function startTroupe(httpListen: string): Troupe {
  const data = mkdtempSync(join(tmpdir(), "troupe-e2e-"));
  const args = [
    "start",
    "--sandbox",
    "--data",
    data,
    "--json",
    "--set",
    `gateway.http_listen=${httpListen}`,
    ...["wallet_listen", "electrum_tcp_listen", "electrum_tls_listen"].flatMap((key) => [
      "--set",
      `gateway.${key}=127.0.0.1:0`,
    ]),
    "--set",
    "sandbox.rpc_port=0",
  ];
  const child = spawn(process.execPath, [PROGRAM, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  let printed = "";
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => {
    said += chunk;
  });
  const ended = new Promise<{ code: number | null; said: string }>((resolve) => {
    child.once("close", (code) => resolve({ code, said: said + printed }));
  });
  const ready = new Promise<Tree>((resolve, reject) => {
    child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
      printed += chunk;
      const tree = parsed(printed);
      if (tree !== undefined) resolve(tree);
    });
    child.once("close", () => reject(new Error(`the troupe ended before it was ready: ${said}${printed}`)));
  });
  // A start that is meant to fail is judged by how it ended.
  ready.catch(() => undefined);
  opened.push({
    async stop() {
      if (child.exitCode === null && child.signalCode === null) child.kill("SIGTERM");
      await ended;
      rmSync(data, { recursive: true, force: true });
    },
  });
  return { process: child, ended, ready };
}

function parsed(text: string): Tree | undefined {
  try {
    return JSON.parse(text) as Tree;
  } catch {
    return undefined; // not all of it has come yet
  }
}

function find(child: ChildStatus, id: string): ChildStatus | undefined {
  if (child.id === id) return child;
  for (const inner of child.children) {
    const found = find(inner, id);
    if (found !== undefined) return found;
  }
  return undefined;
}

function pageOf(tree: Tree): string {
  const address = find(tree.root, "gateway")?.doors[0]?.address;
  if (address === undefined) throw new Error("the gateway has opened no door");
  return address;
}

interface Told {
  readonly health: { readonly ok: boolean };
  readonly hosts: readonly [{ readonly tree: Tree | null }];
}

/** The first tree that shows the gateway as ready: the one before may still be on its way to the page. */
async function readyTree(page: string): Promise<{ reader: EventReader; tree: Tree }> {
  const reader = new EventReader(Number(new URL(page).port));
  opened.push({ stop: () => reader.close() });
  const told = await reader.next<Told>(
    ({ hosts: [{ tree }] }) => tree !== null && find(tree.root, "gateway")?.state === "ready",
  );
  const tree = told?.hosts[0].tree;
  if (tree == null) throw new Error("the page's stream ended without a tree");
  return { reader, tree };
}

/** Asks until it is so; a door that is away for a moment is no answer. */
async function answers(
  address: string,
  isSo: (response: Response) => boolean | Promise<boolean>,
): Promise<void> {
  for (;;) {
    const response = await fetch(address).catch(() => undefined);
    if (response !== undefined && (await isSo(response))) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

describe("a whole troupe's web door", () => {
  it("says that all is well, shows the tree live and serves every actor's metrics", async () => {
    const page = pageOf(await startTroupe("127.0.0.1:0").ready);

    const { tree } = await readyTree(page);

    expect(find(tree.root, "gateway")).toMatchObject({ state: "ready", restarts: 0 });
    expect(find(tree.root, "bus")).toMatchObject({ kind: "bus", state: "ready", critical: true });
    await answers(`${page}/readyz`, ({ status }) => status === 200);
    const metrics = await (await fetch(`${page}/metrics`)).text();
    expect(metrics).toMatch(/^troupe_actor_state\{actor="gateway",state="ready",host="[^"]+"\} 1$/m);
    expect(metrics).toMatch(/^troupe_gateway_http_requests_total\{[^}]*route="\/readyz"[^}]*\} \d+$/m);
    expect(metrics).toMatch(/^troupe_broker_connections(\{[^}]*\})? \d+$/m);
  });

  it("comes back on its own address when its process is killed, and tells of it", async () => {
    const free = await freePort();
    const page = pageOf(await startTroupe(`127.0.0.1:${free}`).ready);
    const { reader, tree } = await readyTree(page);
    const stage = find(tree.root, "gateway")?.pid;
    if (stage === undefined) throw new Error("the gateway has no process");

    process.kill(stage, "SIGKILL");
    await reader.ended();
    await answers(`${page}/api/tree`, async (response) => {
      const [{ tree: told }] = ((await response.json()) as Told).hosts;
      const now = told === null ? undefined : find(told.root, "gateway");
      return now?.state === "ready" && now.pid !== stage;
    });

    await answers(`${page}/readyz`, ({ status }) => status === 200);
  });

  it("that finds its port taken keeps the whole from starting, and says by which key to change it", async () => {
    const other = await listen();
    const { port } = other.address() as { port: number };

    const { code, said } = await startTroupe(`127.0.0.1:${port}`).ended;

    expect(code).toBe(2);
    expect(said).toContain(`http_listen: 127.0.0.1:${port} is in use`);
  });

  it("goes with the supervisor, which leaves nothing behind", async () => {
    const troupe = startTroupe("127.0.0.1:0");
    const tree = await troupe.ready;
    const page = pageOf(tree);
    const pids = [find(tree.root, "gateway")?.pid, tree.pid].filter((pid) => pid !== undefined);

    troupe.process.kill("SIGTERM");
    const { code } = await troupe.ended;

    expect(code).toBe(0);
    expect(pids).toHaveLength(2);
    await expect(fetch(page)).rejects.toThrow();
    for (const pid of pids) expect(() => process.kill(pid, 0)).toThrow(/ESRCH/);
  });
});

function listen(): Promise<Server> {
  return new Promise((resolve) => {
    const server = createServer();
    server.listen(0, "127.0.0.1", () => resolve(server));
    opened.push({ stop: () => new Promise((done) => server.close(done)) });
  });
}
