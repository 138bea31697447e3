/** The Electrum wallet that people use, without its window: a daemon of its own folder, spoken to over its JSON-RPC, ended by its pid. */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { postOverUnix } from "../hosts/unix-http.ts";
import { waitFor } from "../wait-for.ts";

const CALL_LIMIT_MS = 60_000;
const LOG_CHARS_MAX = 64 * 1024;

export interface WalletOptions {
  readonly program: string;
  /** What it is restored from: a seed of Electrum's own, or an address. */
  readonly secret: string;
  /** As Electrum writes a server: host, port, and `s` for TLS or `t` for none. Of several it takes another when one fails. */
  readonly servers: readonly [string, ...string[]];
  /** Put before its command lines: where else it is to run. */
  readonly prefix?: readonly string[];
}

export class ElectrumWallet {
  readonly #program: string;
  readonly #folder = mkdtempSync(join(tmpdir(), "troupe-electrum-"));
  readonly #servers: readonly [string, ...string[]];
  readonly #prefix: readonly string[];
  #daemon: ChildProcess | undefined;
  #log = "";

  private constructor({ program, servers, prefix = [] }: WalletOptions) {
    this.#program = program;
    this.#servers = servers;
    this.#prefix = prefix;
  }

  /** Restored and connected; not yet in step with the server. */
  static async start(options: WalletOptions): Promise<ElectrumWallet> {
    const wallet = new ElectrumWallet(options);
    const [program, ...parameters] = wallet.#command("restore", "-o", options.secret);
    await promisify(execFile)(program, parameters, { env: wallet.#environment, timeout: CALL_LIMIT_MS });
    await wallet.open();
    return wallet;
  }

  /** Starts the daemon, also after `close`, on the wallet that is there. */
  async open(): Promise<void> {
    const [server, ...others] = this.#servers;
    const isAlone = others.length === 0;
    const config = {
      // Without it Electrum takes the file for one of a time before, and makes TLS of any server's carrier.
      config_version: 3,
      ...{ rpcsock: "unix", rpcuser: "user", rpcpassword: "pass", check_updates: false },
      ...{ server, auto_connect: !isAlone, oneserver: isAlone },
    };
    mkdirSync(join(this.#folder, "regtest"), { recursive: true });
    writeFileSync(join(this.#folder, "regtest", "config"), JSON.stringify(config));
    // Electrum has no other list to which a person may add.
    const recent = join(this.#folder, "regtest", "recent_servers");
    if (!isAlone && !existsSync(recent)) writeFileSync(recent, JSON.stringify(this.#servers));
    const [program, ...parameters] = this.#command("daemon", "-v");
    const daemon = spawn(program, parameters, {
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
    const text = await postOverUnix({
      socketPath: join(this.#folder, "regtest", "daemon_rpc_socket"),
      auth: "user:pass",
      body: { id: 1, method, params: parameters },
      timeoutMs: CALL_LIMIT_MS,
    });
    const { result, error } = JSON.parse(text) as { result: T; error?: { message: string } };
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

  #command(...command: string[]): [string, ...string[]] {
    const own = ["--regtest", "-D", this.#folder, ...command];
    const [first, ...rest] = this.#prefix;
    return first === undefined ? [this.#program, ...own] : [first, ...rest, this.#program, ...own];
  }

  get #environment(): NodeJS.ProcessEnv {
    return { PATH: process.env["PATH"] ?? "/usr/bin:/bin", HOME: this.#folder, LANG: "C.UTF-8" };
  }
}
