/** A real bitcoind as the sandbox's chain: started by us on regtest, without peers or wallet, mined by us, ended with us. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { BlockHash } from "../../bitcoin/bytes.ts";
import { regtest } from "../../bitcoin/network.ts";
import { boundToUs } from "../../runtime/bound-program.ts";
import { type Clock, sleep, type Timer } from "../../runtime/clock.ts";
import { TroupeError } from "../../runtime/errors.ts";
import { freePort } from "../../runtime/free-port.ts";
import { NodeConnection } from "../connection.ts";
import { cookieCredentials } from "../credentials.ts";
import { ChainInfoReply, MempoolInfoReply } from "../replies.ts";
import { checked, rpcCall } from "../rpc.ts";
import type { OwnChain, OwnChainOptions } from "./own-chain.ts";

const START_WITHIN_MS = 45_000;
const STOP_WITHIN_MS = 8_000;
const LOOK_EVERY_MS = 500;
const RETRY_MS = 200;
/** A node counts whole seconds. */
const UPTIME_TOLERANCE_MS = 1_500;
const CALL_WITHIN_MS = 30_000;
const LAST_WORDS_MAX = 4_000;

export interface RealNodeOptions extends OwnChainOptions {
  /** The program's path. */
  readonly bitcoind: string;
  readonly clock: Clock;
  /** Called once, when it ends without having been asked to, or mines no more. */
  readonly onFailure: (error: TroupeError) => void;
}

export class BitcoindChain implements OwnChain {
  readonly rpcUrl: string;
  readonly cookiePath: string;
  readonly #options: RealNodeOptions;
  readonly #connection: NodeConnection;
  readonly #listeners: (() => void)[] = [];
  #child: ChildProcess | undefined;
  #lastWords = "";
  #timers: Timer[] = [];
  /** Known before `start` resolves. */
  #tip: OwnChain["tip"] | undefined;
  #mempoolCount = 0;
  #isUp = false;
  #stopping: Promise<void> | undefined;

  private constructor(options: RealNodeOptions) {
    this.#options = options;
    this.rpcUrl = `http://127.0.0.1:${options.port}`;
    this.cookiePath = join(options.dataDirectory, regtest.name, ".cookie");
    this.#connection = new NodeConnection({
      url: this.rpcUrl,
      credentials: cookieCredentials(this.cookiePath),
      clock: options.clock,
      timeoutMs: CALL_WITHIN_MS,
      connections: 2,
    });
  }

  /** Resolves when it answers. Throws `SANDBOX_BITCOIND_FAILED` with its last words when it does not start. */
  static async start(options: RealNodeOptions): Promise<BitcoindChain> {
    const chain = new BitcoindChain(options);
    try {
      await chain.#launch();
      chain.#isUp = true;
      chain.#lookAgain();
      chain.#mineAgain();
      return chain;
    } catch (error) {
      await chain.stop();
      throw error;
    }
  }

  get tip(): OwnChain["tip"] {
    return this.#tip as OwnChain["tip"];
  }

  get mempoolCount(): number {
    return this.#mempoolCount;
  }

  onChange(listener: () => void): void {
    this.#listeners.push(listener);
  }

  async mine(count: number, address: string): Promise<void> {
    await rpcCall(this.#connection, "generatetoaddress", [count, address]);
    await this.#look();
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    for (const timer of this.#timers) timer.cancel();
    const child = this.#child;
    if (child !== undefined && isRunning(child)) {
      const ended = once(child, "exit");
      child.kill("SIGTERM");
      const timer = this.#options.clock.after(STOP_WITHIN_MS, () => child.kill("SIGKILL"));
      await ended;
      timer.cancel();
    }
    await this.#connection.close();
  }

  /** One that a sudden end of ours has left saves its chain and goes: until then the directory is locked. */
  async #launch(): Promise<void> {
    const { clock } = this.#options;
    mkdirSync(this.#options.dataDirectory, { recursive: true, mode: 0o700 });
    const zmqPort = await freePort();
    const lastTryMs = clock.monotonicMs() + START_WITHIN_MS;
    let sinceMs = 0;
    while (this.#stopping === undefined) {
      if (this.#child === undefined) {
        this.#child = this.#spawn(zmqPort);
        sinceMs = clock.monotonicMs();
      }
      try {
        await this.#look();
        // The one of before may still answer at this address while ours finds the directory locked.
        const upMs = Number(await rpcCall(this.#connection, "uptime")) * 1_000;
        if (upMs <= clock.monotonicMs() - sinceMs + UPTIME_TOLERANCE_MS && isRunning(this.#child)) return;
      } catch (error) {
        if (clock.monotonicMs() > lastTryMs) throw this.#failed("did not answer in time", error);
      }
      if (!isRunning(this.#child)) {
        if (!/lock/i.test(this.#lastWords)) throw this.#failed("ended as soon as it was started");
        this.#child = undefined;
      }
      await sleep(clock, RETRY_MS);
    }
  }

  #spawn(zmqPort: number): ChildProcess {
    const { dataDirectory, port, bitcoind } = this.#options;
    const { command, prefix } = boundToUs(bitcoind, "TERM");
    this.#lastWords = "";
    const child = spawn(
      command,
      [
        ...prefix,
        "-regtest",
        `-datadir=${dataDirectory}`,
        // Only what stands here counts, whatever lies about of an earlier use.
        "-noconf",
        "-listen=0",
        "-connect=0",
        "-disablewallet=1",
        "-server=1",
        "-rest=1",
        "-rpcbind=127.0.0.1",
        "-rpcallowip=127.0.0.1",
        `-rpcport=${port}`,
        "-dbcache=16",
        "-printtoconsole=0",
        ...["hashblock", "sequence"].map((topic) => `-zmqpub${topic}=tcp://127.0.0.1:${zmqPort}`),
      ],
      { stdio: ["ignore", "pipe", "pipe"], env: {} },
    );
    const keep = (text: Buffer) => {
      this.#lastWords = (this.#lastWords + text.toString("utf8")).slice(-LAST_WORDS_MAX);
    };
    child.stdout.on("data", keep);
    child.stderr.on("data", keep);
    child.on("error", (error) => keep(Buffer.from(error.message)));
    child.on("exit", (code, signal) => {
      if (this.#isUp && this.#stopping === undefined) {
        this.#options.onFailure(this.#failed(`ended by itself (${signal ?? `code ${code}`})`));
      }
    });
    return child;
  }

  async #look(): Promise<void> {
    const call = (method: string) => rpcCall(this.#connection, method);
    const info = checked(
      this.#connection,
      "getblockchaininfo",
      ChainInfoReply,
      await call("getblockchaininfo"),
    );
    const pool = checked(this.#connection, "getmempoolinfo", MempoolInfoReply, await call("getmempoolinfo"));
    this.#mempoolCount = pool.size;
    if (info.bestblockhash === this.#tip?.hash) return;
    this.#tip = { height: info.blocks, hash: info.bestblockhash as BlockHash };
    for (const listener of this.#listeners) listener();
  }

  #lookAgain(): void {
    this.#again(LOOK_EVERY_MS, async () => {
      // What does not answer now answers at the next look, or its end is told.
      await this.#look().catch(() => undefined);
      this.#lookAgain();
    });
  }

  #mineAgain(): void {
    const { intervalMs, address } = this.#options.mining;
    this.#again(intervalMs, async () => {
      try {
        await this.mine(1, address);
      } catch (error) {
        if (this.#stopping === undefined) this.#options.onFailure(this.#failed("mined no block", error));
        return;
      }
      this.#mineAgain();
    });
  }

  #again(delayMs: number, work: () => Promise<void>): void {
    if (this.#stopping !== undefined) return;
    const timer = this.#options.clock.after(delayMs, () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
      void work();
    });
    this.#timers.push(timer);
  }

  #failed(what: string, cause?: unknown): TroupeError {
    const words = this.#lastWords.trim().split("\n").slice(-3).join(" ");
    const reason = cause instanceof Error ? cause.message : "";
    return new TroupeError(
      { code: "SANDBOX_BITCOIND_FAILED", program: this.#options.bitcoind },
      `${this.#options.bitcoind} ${what}. ${[words, reason].filter(Boolean).join(" ")}`.trim(),
      { cause },
    );
  }
}

function isRunning(child: ChildProcess): boolean {
  return child.exitCode === null && child.signalCode === null && child.pid !== undefined;
}
