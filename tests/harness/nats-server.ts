/** Launches a real nats-server for tests and benchmarks: free port, generated configuration, bounded log, killed by pid. */
import { type ChildProcess, spawn } from "node:child_process";
import {
  accessSync,
  constants,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import type { BusUser } from "../../bus/carrier/transport.ts";
import { renderNatsConfig } from "../../bus/contract/nats-config.ts";
import { killed } from "./programs/killed.ts";

const READY_WITHIN_MS = 60_000;
const POLL_MS = 20;
const LOG_MAX = 64 * 1024;
const ANY_PORT = -1;

/** Where the program is; undefined when this machine has none. In CI its absence is an error. */
export function findNatsServer(): string | undefined {
  const directories = [...(process.env["PATH"] ?? "").split(delimiter), "/usr/sbin", "/usr/local/sbin"];
  for (const directory of directories) {
    const path = join(directory, "nats-server");
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // not here; look on
    }
  }
  if (process.env["CI"]) throw new Error("nats-server is not installed, and in CI its tests must run");
  return undefined;
}

export interface NatsServerOptions {
  readonly users: readonly BusUser[];
  readonly maxPayloadBytes?: number;
  readonly jetstream?: boolean;
  readonly tls?: { readonly certFile: string; readonly keyFile: string };
}

export class NatsServer {
  readonly #path: string;
  readonly #options: NatsServerOptions;
  readonly #directory: string;
  #port = ANY_PORT;
  #child: ChildProcess | undefined;
  #log = "";

  private constructor(path: string, options: NatsServerOptions) {
    this.#path = path;
    this.#options = options;
    this.#directory = mkdtempSync(join(tmpdir(), "troupe-nats-"));
  }

  static async start(options: NatsServerOptions): Promise<NatsServer> {
    const path = findNatsServer();
    if (path === undefined) throw new Error("nats-server is not installed");
    const server = new NatsServer(path, options);
    await server.restore();
    return server;
  }

  get port(): number {
    return this.#port;
  }

  get url(): string {
    return `nats://127.0.0.1:${this.#port}`;
  }

  /** Starts it, or starts it again on the port it had. */
  async restore(): Promise<void> {
    const config = join(this.#directory, "nats.conf");
    const users = renderNatsConfig({
      listen: `127.0.0.1:${this.#port}`,
      users: this.#options.users,
      maxPayloadBytes: this.#options.maxPayloadBytes ?? 1024 * 1024,
      ...(this.#options.tls === undefined ? {} : { tls: this.#options.tls }),
      ...(this.#options.jetstream ? { jetstreamDirectory: join(this.#directory, "jetstream") } : {}),
    });
    writeFileSync(config, `ports_file_dir: ${JSON.stringify(this.#directory)}\n${users}`, { mode: 0o600 });
    const child = spawn(this.#path, ["--config", config], { stdio: ["ignore", "ignore", "pipe"] });
    this.#child = child;
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.#log = (this.#log + text).slice(-LOG_MAX);
    });
    this.#port = await this.#waitForPort(child);
  }

  /** As if the machine had lost it: no farewell to anybody. */
  async breakDown(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    await killed(child);
  }

  async stop(): Promise<void> {
    await this.breakDown();
    rmSync(this.#directory, { recursive: true, force: true });
  }

  async #waitForPort(child: ChildProcess): Promise<number> {
    const deadlineMs = Date.now() + READY_WITHIN_MS;
    while (Date.now() < deadlineMs && child.exitCode === null) {
      const file = readdirSync(this.#directory).find((name) => name.endsWith(`_${child.pid}.ports`));
      const port = file === undefined ? undefined : readPort(join(this.#directory, file));
      if (port !== undefined) return port;
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
    child.kill("SIGKILL");
    throw new Error(`nats-server did not become ready:\n${this.#log}`);
  }
}

function readPort(path: string): number | undefined {
  try {
    const ports = JSON.parse(readFileSync(path, "utf8")) as { nats?: string[]; tls?: string[] };
    const url = [...(ports.nats ?? []), ...(ports.tls ?? [])][0];
    return url === undefined ? undefined : Number(new URL(url).port);
  } catch {
    // the server is still writing the file
    return undefined;
  }
}
