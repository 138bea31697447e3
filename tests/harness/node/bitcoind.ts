/** Launches a real bitcoind on a chain of its own (regtest) for tests: free ports, cookie, bounded log, killed by pid. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { accessSync, constants, existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { freePorts } from "../../../runtime/free-port.ts";
import { cacheOf, fetchInto } from "../programs/fetched.ts";

const READY_WITHIN_MS = 60_000;
const STOP_WITHIN_MS = 60_000;
const POLL_MS = 20;
const LOG_MAX = 64 * 1024;

/**
 * Where the program is: `BITCOIND`, then the PATH, then the private directory that `scripts/fetch-bitcoind.sh` fills
 * (it is run when we are root). Undefined, with a printed reason, where none can be had; in CI that is an error.
 */
export function findBitcoind(): string | undefined {
  const named = process.env["BITCOIND"];
  const onPath = (process.env["PATH"] ?? "").split(delimiter).map((directory) => join(directory, "bitcoind"));
  const cache = cacheOf("bitcoind");
  const fetched = join(cache, "bitcoind");
  const candidates = named === undefined ? [...onPath, fetched] : [named];
  const found = candidates.find(isExecutable);
  if (found !== undefined) return found;
  const reason = named === undefined ? fetchAsRoot(cache) : `BITCOIND=${named} is not a program`;
  if (named === undefined && isExecutable(fetched)) return fetched;
  if (process.env["CI"]) throw new Error(`no bitcoind (${reason}), and in CI its tests must run`);
  process.stderr.write(`tests against a real bitcoind are skipped: ${reason}\n`);
  return undefined;
}

export class RealNode {
  readonly dataDirectory: string;
  readonly #path: string;
  #rpcPort = 0;
  #zmqPort = 0;
  #child: ChildProcess | undefined;
  #log = "";

  private constructor(path: string) {
    this.#path = path;
    this.dataDirectory = mkdtempSync(join(tmpdir(), "troupe-bitcoind-"));
  }

  static async start(path: string): Promise<RealNode> {
    const node = new RealNode(path);
    [node.#rpcPort, node.#zmqPort] = (await freePorts(2)) as [number, number];
    await node.restore();
    return node;
  }

  get rpcUrl(): string {
    return `http://127.0.0.1:${this.#rpcPort}`;
  }

  get zmqUrl(): string {
    return `tcp://127.0.0.1:${this.#zmqPort}`;
  }

  /** Of the process that runs now. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  get cookiePath(): string {
    return join(this.dataDirectory, "regtest", ".cookie");
  }

  get blocksDirectory(): string {
    return join(this.dataDirectory, "regtest", "blocks");
  }

  /** Starts it, or starts it again with the chain and the ports it had. */
  async restore(options: readonly string[] = []): Promise<void> {
    const child = spawn(
      this.#path,
      [
        "-regtest",
        `-datadir=${this.dataDirectory}`,
        "-listen=0",
        `-rpcport=${this.#rpcPort}`,
        "-rpcbind=127.0.0.1",
        "-rpcallowip=127.0.0.1",
        "-rest=1",
        "-fallbackfee=0.0001",
        "-dbcache=16",
        "-par=1",
        // Debian's build is Bitcoin Knots: Bitcoin Core's own policy, and no end of life.
        "-corepolicy=1",
        "-softwareexpiry=0",
        ...["hashblock", "sequence"].map((topic) => `-zmqpub${topic}=tcp://127.0.0.1:${this.#zmqPort}`),
        ...options,
      ],
      { stdio: ["ignore", "pipe", "pipe"] },
    );
    this.#child = child;
    const keep = (text: Buffer) => {
      this.#log = (this.#log + text.toString("utf8")).slice(-LOG_MAX);
    };
    child.stdout.on("data", keep);
    child.stderr.on("data", keep);
    await this.#waitUntilReady(child);
  }

  /** One RPC call, for arranging a test; throws `{code, message}` of the node as an Error. */
  async rpc(method: string, ...params: readonly unknown[]): Promise<unknown> {
    return callNode(this.rpcUrl, this.cookiePath, method, params);
  }

  /** As if the power had gone. */
  async kill(): Promise<void> {
    await this.#end("SIGKILL");
  }

  async shutDown(): Promise<void> {
    await this.#end("SIGTERM");
  }

  async stop(): Promise<void> {
    await this.kill();
    rmSync(this.dataDirectory, { recursive: true, force: true });
  }

  async #end(signal: "SIGKILL" | "SIGTERM"): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, "exit");
    child.kill(signal);
    const timer = setTimeout(() => child.kill("SIGKILL"), STOP_WITHIN_MS);
    await ended;
    clearTimeout(timer);
  }

  async #waitUntilReady(child: ChildProcess): Promise<void> {
    const deadlineMs = Date.now() + READY_WITHIN_MS;
    let last: unknown;
    while (Date.now() < deadlineMs && child.exitCode === null) {
      try {
        if (existsSync(this.cookiePath)) {
          await this.rpc("getblockchaininfo");
          return;
        }
      } catch (error) {
        // Still starting: an old cookie, no listener yet, or warming up.
        last = error;
      }
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
    child.kill("SIGKILL");
    throw new Error(`bitcoind did not become ready (${String(last)}):\n${this.#log}`);
  }
}

/** An error as the node's RPC gives it. */
export class RpcFailure extends Error {
  readonly rpcCode: number;

  constructor(rpcCode: number, message: string) {
    super(message);
    this.rpcCode = rpcCode;
  }
}

/** One RPC call to any node with a cookie, the sandbox included. */
export async function callNode(
  rpcUrl: string,
  cookiePath: string,
  method: string,
  params: readonly unknown[],
): Promise<unknown> {
  const response = await fetch(rpcUrl, {
    method: "POST",
    headers: { authorization: `Basic ${Buffer.from(readFileSync(cookiePath, "utf8")).toString("base64")}` },
    body: JSON.stringify({ jsonrpc: "2.0", id: 1, method, params }),
    signal: AbortSignal.timeout(READY_WITHIN_MS),
  });
  if (response.status !== 200) throw new Error(`HTTP status ${response.status} for ${method}`);
  const reply = (await response.json()) as { result?: unknown; error?: { code: number; message: string } };
  if (reply.error) throw new RpcFailure(reply.error.code, reply.error.message);
  return reply.result;
}

function fetchAsRoot(directory: string): string {
  return process.getuid?.() === 0
    ? fetchInto(directory, "fetch-bitcoind.sh")
    : "none is installed, and only root can fetch Debian's (or set BITCOIND)";
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    // not there, or not a program
    return false;
  }
}
