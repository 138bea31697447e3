/** The Electrum wallet that people use, without its window: a daemon of its own folder, spoken to over its JSON-RPC, ended by its pid. */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";
import { freePorts } from "../../../runtime/free-port.ts";
import { waitFor } from "../wait-for.ts";

const CALL_LIMIT_MS = 60_000;
const LOG_CHARS_MAX = 64 * 1024;

/** Where the program is; undefined, with a printed reason, when this machine has none. In CI its absence is an error. */
export function findElectrum(): string | undefined {
  const directories = [...(process.env["PATH"] ?? "").split(delimiter), "/usr/bin"];
  const found = directories.map((directory) => join(directory, "electrum")).find((path) => existsSync(path));
  if (found !== undefined) return found;
  const reason = "electrum (Debian package electrum) is not installed";
  if (process.env["CI"]) throw new Error(`${reason}, and in CI its tests must run`);
  process.stderr.write(`tests with the Electrum wallet are skipped: ${reason}\n`);
  return undefined;
}

export interface WalletOptions {
  readonly program: string;
  /** What it is restored from: a seed of Electrum's own, or an address. */
  readonly secret: string;
  /** As Electrum writes a server: host, port, and `s` for TLS or `t` for none. */
  readonly server: string;
}

export class ElectrumWallet {
  readonly #program: string;
  readonly #folder = mkdtempSync(join(tmpdir(), "troupe-electrum-"));
  readonly #server: string;
  #port = 0;
  #daemon: ChildProcess | undefined;
  #log = "";

  private constructor(program: string, server: string) {
    this.#program = program;
    this.#server = server;
  }

  /** Restored and connected; not yet in step with the server. */
  static async start({ program, secret, server }: WalletOptions): Promise<ElectrumWallet> {
    const wallet = new ElectrumWallet(program, server);
    await promisify(execFile)(program, wallet.#parameters("restore", "-o", secret), {
      env: wallet.#environment,
      timeout: CALL_LIMIT_MS,
    });
    await wallet.open();
    return wallet;
  }

  /** Starts the daemon, also after `close`, on the wallet that is there. */
  async open(): Promise<void> {
    [this.#port] = (await freePorts(1)) as [number];
    const config = { rpcport: this.#port, rpcuser: "user", rpcpassword: "pass", check_updates: false };
    mkdirSync(join(this.#folder, "regtest"), { recursive: true });
    writeFileSync(join(this.#folder, "regtest", "config"), JSON.stringify(config));
    const daemon = spawn(this.#program, this.#parameters("daemon", "-1", "-s", this.#server, "-v"), {
      env: this.#environment,
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#daemon = daemon;
    for (const stream of [daemon.stdout, daemon.stderr]) {
      stream.setEncoding("utf8").on("data", (text: string) => {
        this.#log = (this.#log + text).slice(-LOG_CHARS_MAX);
      });
    }
    await waitFor("the wallet's daemon to answer", () =>
      this.call("load_wallet").then(
        () => true,
        () => false,
      ),
    );
  }

  /** A command of Electrum's, by name as its command line has it. */
  async call<T>(method: string, parameters: Readonly<Record<string, unknown>> = {}): Promise<T> {
    const response = await fetch(`http://127.0.0.1:${this.#port}`, {
      method: "POST",
      headers: { authorization: `Basic ${Buffer.from("user:pass").toString("base64")}` },
      body: JSON.stringify({ id: 1, method, params: parameters }),
      signal: AbortSignal.timeout(CALL_LIMIT_MS),
    });
    const { result, error } = (await response.json()) as { result: T; error?: { message: string } };
    if (error) throw new Error(`${method}: ${error.message}\n${this.log}`);
    return result;
  }

  /** What it said last. */
  get log(): string {
    return this.#log.slice(-4_000);
  }

  async close(): Promise<void> {
    const daemon = this.#daemon;
    this.#daemon = undefined;
    if (daemon === undefined || daemon.exitCode !== null) return;
    const ended = once(daemon, "exit");
    await this.call("stop").catch(() => undefined); // then by force
    const force = setTimeout(() => daemon.kill("SIGKILL"), 10_000);
    await ended;
    clearTimeout(force);
  }

  async remove(): Promise<void> {
    await this.close();
    rmSync(this.#folder, { recursive: true, force: true, maxRetries: 5 });
  }

  #parameters(...command: string[]): string[] {
    return ["--regtest", "-D", this.#folder, ...command];
  }

  get #environment(): NodeJS.ProcessEnv {
    return { PATH: process.env["PATH"] ?? "/usr/bin:/bin", HOME: this.#folder, LANG: "C.UTF-8" };
  }
}
