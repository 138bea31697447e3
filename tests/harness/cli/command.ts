/** The built command `supervisor`, run as a person would: in a home of its own, with what it prints and how it ends. */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { Tree } from "../../../bus/contracts/supervisor.ts";
import { builtUrl } from "../built.ts";

export interface Outcome {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

const OUTPUT_CHARS_MAX = 1_000_000;
/** Generous: two cores may be busy with other tests. */
const COMMAND_LIMIT_MS = 60_000;
/** `start` runs for as long as its test does, if that does not say otherwise. */
const START_LIMIT_MS = 600_000;

/** Outside the sandbox no test has a Bitcoin node, unless it says otherwise. */
const WITHOUT_NODE = Object.freeze({
  TROUPE_PLACEMENT__INDEXER: "off",
  TROUPE_PLACEMENT__MEMPOOL: "off",
  TROUPE_PLACEMENT__WALLETD: "off",
  TROUPE_PLACEMENT__MAKER: "off",
  TROUPE_PLACEMENT__TAKER: "off",
});

/** One home directory with whatever runs in it; `close` ends what is left. */
export class Home {
  readonly path = mkdtempSync(join(tmpdir(), "trp-"));
  readonly data = join(this.path, ".troupe");
  readonly #running = new Set<Spawned>();
  readonly #prefix: readonly string[];
  readonly #startLimitMs: number;
  /** No test finds the fixed port of the default configuration free. */
  readonly anyPort = [
    ...["--set", "gateway.http_listen=127.0.0.1:0"],
    ...["--set", "gateway.wallet_listen=127.0.0.1:0"],
    ...["--set", "gateway.electrum_tcp_listen=127.0.0.1:0"],
    ...["--set", "gateway.electrum_tls_listen=127.0.0.1:0"],
    ...["--set", "directory.listen=127.0.0.1:0"],
    ...["--set", "sandbox.rpc_port=0"],
    ...["--set", "sandbox.bitcoind=none"],
    // They take seconds that only few tests need.
    ...["--set", "sandbox.wallets=false"],
  ];

  /** `prefix` is put before every command: where else it is to run. */
  constructor(prefix: readonly string[] = [], startLimitMs = START_LIMIT_MS) {
    this.#prefix = prefix;
    this.#startLimitMs = startLimitMs;
  }

  /** Runs a command to its end. */
  run(...parameters: string[]): Promise<Outcome> {
    return this.spawn(...parameters).ended;
  }

  spawn(...parameters: string[]): Spawned {
    return this.spawnWith({}, ...parameters);
  }

  spawnWith(environment: Readonly<Record<string, string>>, ...parameters: string[]): Spawned {
    return this.#spawn(environment, parameters, false);
  }

  #spawn(
    environment: Readonly<Record<string, string>>,
    parameters: readonly string[],
    isAtTerminal: boolean,
  ): Spawned {
    const limitMs = parameters[0] === "start" ? this.#startLimitMs : COMMAND_LIMIT_MS;
    const prefix = this.#prefix;
    const spawned = new Spawned(this.path, environment, parameters, { prefix, limitMs, isAtTerminal });
    this.#running.add(spawned);
    void spawned.ended.then(() => this.#running.delete(spawned));
    return spawned;
  }

  /** On a terminal of 80x24, where somebody answers. */
  atTerminal(...parameters: string[]): Spawned {
    return this.#spawn({}, parameters, true);
  }

  /** Starts in the foreground and waits until it says that it is ready. */
  async start(...parameters: string[]): Promise<Spawned> {
    const started = this.spawn("start", ...this.anyPort, ...parameters);
    await started.says(/^Ready in|^Started, not/m);
    return started;
  }

  async tree(): Promise<Tree> {
    const { stdout } = await this.run("status", "--json");
    return JSON.parse(stdout) as Tree;
  }

  /** What a web page answers to somebody on this host. */
  async ask(url: string): Promise<{ status: number; text: string }> {
    const script = `fetch(${JSON.stringify(url)}).then(async (r) =>
      console.log(JSON.stringify({ status: r.status, text: await r.text() })), () =>
      console.log(JSON.stringify({ status: 0, text: "" })))`;
    const [program = process.execPath, ...rest] = [...this.#prefix, process.execPath, "-e", script];
    const { stdout } = await promisify(execFile)(program, rest, { timeout: COMMAND_LIMIT_MS });
    return JSON.parse(stdout) as { status: number; text: string };
  }

  async close(): Promise<void> {
    if (existsSync(join(this.data, "run", "supervisor.sock"))) await this.run("stop", "--force");
    for (const spawned of this.#running) spawned.kill("SIGKILL");
    await Promise.all([...this.#running].map(({ ended }) => ended));
    rmSync(this.path, { recursive: true, force: true, maxRetries: 5 });
  }
}

interface SpawnOptions {
  readonly prefix: readonly string[];
  readonly limitMs: number;
  readonly isAtTerminal: boolean;
}

export class Spawned {
  readonly pid: number;
  readonly ended: Promise<Outcome>;
  readonly #child: ChildProcess;
  #stdout = "";
  #stderr = "";
  #answeredAt = 0;
  readonly #listeners = new Set<() => void>();

  constructor(
    home: string,
    environment: Readonly<Record<string, string>>,
    parameters: readonly string[],
    { prefix, limitMs, isAtTerminal }: SpawnOptions,
  ) {
    const program = fileURLToPath(builtUrl("cli/supervisor.js"));
    const command = [...prefix, process.execPath, program, ...parameters];
    const [first = process.execPath, ...rest] = isAtTerminal ? onTerminal(command) : command;
    const child = spawn(first, rest, {
      env: {
        PATH: process.env["PATH"] ?? "/usr/bin:/bin",
        HOME: home,
        ...(parameters.includes("--sandbox") ? {} : WITHOUT_NODE),
        ...environment,
      },
      cwd: home,
      stdio: [isAtTerminal ? "pipe" : "ignore", "pipe", "pipe"],
      timeout: limitMs,
      killSignal: "SIGKILL",
    });
    this.#child = child;
    this.pid = child.pid ?? 0;
    child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      this.#stdout = (this.#stdout + text).slice(-OUTPUT_CHARS_MAX);
      for (const listener of [...this.#listeners]) listener();
    });
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-OUTPUT_CHARS_MAX);
      for (const listener of [...this.#listeners]) listener();
    });
    this.ended = new Promise((resolve) => {
      child.on("close", (exitCode) => resolve({ exitCode, stdout: this.#stdout, stderr: this.#stderr }));
    });
  }

  /** What it has said so far. */
  get printed(): string {
    return this.#stdout;
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Types that, and Enter, once it has asked so since the last answer. */
  async answer(question: RegExp, typed: string): Promise<void> {
    await this.says(question, this.#answeredAt);
    this.#answeredAt = this.#stdout.length;
    this.#child.stdin?.write(`${typed}\r`);
  }

  /** Resolves when it has printed that; rejects when it ends first. */
  says(what: RegExp, from = 0): Promise<void> {
    return new Promise((resolve, reject) => {
      const look = () => {
        if (!what.test(this.#stdout.slice(from)) && !what.test(this.#stderr)) return;
        this.#listeners.delete(look);
        resolve();
      };
      this.#listeners.add(look);
      void this.ended.then(({ exitCode, stdout, stderr }) =>
        reject(new Error(`it ended with ${exitCode} before it said ${what}:\n${stdout}\n${stderr}`)),
      );
      look();
    });
  }
}

/** `script` is in every Debian. */
function onTerminal(command: readonly string[]): string[] {
  const words = command.map((word) => `'${word.replaceAll("'", "'\\''")}'`);
  return ["script", "-qec", `stty cols 80 rows 24; exec ${words.join(" ")}`, "/dev/null"];
}

/** True while the process is there and not only waiting to be buried. */
export function isAlive(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return stat.slice(stat.lastIndexOf(")") + 2, stat.lastIndexOf(")") + 3) !== "Z";
  } catch {
    // It has gone.
    return false;
  }
}
