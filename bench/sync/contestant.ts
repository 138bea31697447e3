/** One indexer's first sync as seen from outside: started with a command, watched until it serves the tip, stopped. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "../../runtime/free-port.ts";
import { diskBytes, ProcessTree } from "./process-tree.ts";

export interface Contestant {
  readonly name: string;
  /** For the shell. It finds the node and its own directory and port in `PEER_…` of its environment. */
  readonly command: string;
  /** Ours says by its end that it is done; a server does when the tip can be had at its port. */
  readonly isDoneAtEnd: boolean;
}

export interface Outcome {
  readonly name: string;
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly peakRssBytes: number;
  /** Without pages of files. */
  readonly peakOwnBytes: number;
  readonly storeBytes: number;
}

export interface NodeAddress {
  readonly url: string;
  readonly user: string;
  readonly password: string;
  readonly height: number;
}

const LOOK_MS = 100;
const STOP_WITHIN_MS = 120_000;
const REPLY_BYTES_MAX = 64 * 1024;

export async function race(contestant: Contestant, node: NodeAddress, withinMs: number): Promise<Outcome> {
  const directory = mkdtempSync(join(tmpdir(), "troupe-bench-peer-"));
  const running = new Running(contestant, node, { directory, port: await freePort() });
  try {
    const seconds = await running.done(withinMs);
    const { cpuSeconds, peakRssBytes, peakOwnBytes } = running.tree;
    await running.stop();
    const storeBytes = diskBytes(directory);
    return { name: contestant.name, seconds, cpuSeconds, peakRssBytes, peakOwnBytes, storeBytes };
  } finally {
    running.kill();
    rmSync(directory, { recursive: true, force: true });
  }
}

/** A contestant's process, from its start on. */
export class Running {
  readonly name: string;
  readonly port: number;
  readonly pid: number;
  readonly tree: ProcessTree;
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown>;
  readonly #isDoneAtEnd: boolean;
  readonly #height: number;
  readonly #startMs = performance.now();
  #said = "";

  constructor(
    { name, command, isDoneAtEnd }: Contestant,
    node: NodeAddress,
    own: { readonly directory: string; readonly port: number },
  ) {
    this.name = name;
    this.port = own.port;
    this.#isDoneAtEnd = isDoneAtEnd;
    this.#height = node.height;
    const { host } = new URL(node.url);
    const child = spawn("/bin/sh", ["-c", `exec ${command}`], {
      stdio: ["ignore", "ignore", "pipe"],
      env: {
        ...process.env,
        PEER_NODE_URL: `http://${node.user}:${node.password}@${host}/`,
        PEER_NODE_HOST: host,
        PEER_NODE_USER: node.user,
        PEER_NODE_PASSWORD: node.password,
        PEER_DIRECTORY: own.directory,
        PEER_PORT: String(own.port),
      },
    });
    child.stderr.on("data", (text: Buffer) => {
      this.#said = (this.#said + text.toString()).slice(-4_000);
    });
    this.#child = child;
    this.#ended = once(child, "exit");
    this.pid = child.pid as number;
    this.tree = new ProcessTree(this.pid);
  }

  /** Seconds from its start until it is level. */
  async done(withinMs: number): Promise<number> {
    for (;;) {
      this.tree.look();
      const seconds = (performance.now() - this.#startMs) / 1_000;
      if (this.#isDoneAtEnd && this.#child.exitCode === 0) return seconds;
      if (this.#hasEnded) throw new Error(`${this.name} ended: ${this.#said}`);
      if (1_000 * seconds > withinMs) throw new Error(`${this.name} was not done in time: ${this.#said}`);
      if (!this.#isDoneAtEnd && (await heightAt(this.port)) === this.#height) return seconds;
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
  }

  async stop(): Promise<void> {
    this.#child.kill("SIGTERM");
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), STOP_WITHIN_MS);
    if (!this.#hasEnded) await this.#ended;
    clearTimeout(timer);
  }

  kill(): void {
    this.#child.kill("SIGKILL");
  }

  get #hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }
}

/** What an Electrum server at this port says of its tip; nothing while it does not listen. */
function heightAt(port: number): Promise<number | undefined> {
  return new Promise((resolve) => {
    let text = "";
    const socket = connect({ port, host: "127.0.0.1" }, () => {
      const call = (id: number, method: string, params: readonly unknown[]) =>
        socket.write(`${JSON.stringify({ jsonrpc: "2.0", id, method, params })}\n`);
      call(1, "server.version", ["bench", "1.4"]);
      call(2, "blockchain.headers.subscribe", []);
    });
    const end = (height: number | undefined) => {
      socket.destroy();
      resolve(height);
    };
    socket.setTimeout(2_000, () => end(undefined));
    socket.on("error", () => end(undefined));
    socket.on("close", () => end(undefined));
    socket.on("data", (chunk: Buffer) => {
      text += chunk.toString();
      if (text.length > REPLY_BYTES_MAX) end(undefined);
      const height = /"height":\s*(\d+)/.exec(text)?.[1];
      if (height !== undefined) end(Number(height));
    });
  });
}
