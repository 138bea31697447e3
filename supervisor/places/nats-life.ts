/** One life of a nats-server that we run ourselves: generated configuration, dead when we are, watched through the greeting it owes every caller. */
import { spawn } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import type { BusUser } from "../../bus/carrier/transport.ts";
import { renderNatsConfig } from "../../bus/contract/nats-config.ts";
import { boundToUs } from "../../runtime/bound-program.ts";
import { type Clock, sleep, type Timer } from "../../runtime/clock.ts";
import { TroupeError } from "../../runtime/errors.ts";
import { SilenceMeter } from "../../runtime/heartbeat.ts";
import type { Life, LifeEvents } from "../life.ts";
import type { ExitReport, Vitals } from "../spec.ts";
import { classifyExit } from "./exit.ts";
import { OutputTap } from "./output.ts";

export interface NatsServerPlan {
  /** The program: `/usr/sbin/nats-server`. */
  readonly program: string;
  readonly host: string;
  /** 0 lets the server choose; a restart is given the port it had. */
  readonly port: number;
  readonly users: readonly BusUser[];
  readonly maxPayloadBytes: number;
  /** Ours alone, for the configuration and the server's files. */
  readonly directory: string;
  readonly jetstream: boolean;
  readonly clock: Clock;
  readonly startTimeoutMs: number;
}

const POLL_MS = 25;
const GREETING_INTERVAL_MS = 1_000;
const GREETING_WITHIN_MS = 1_000;
const GREETING_BYTES_MAX = 4_096;
const ANY_PORT = -1;

export function launchNatsServer(plan: NatsServerPlan, events: LifeEvents): NatsServerLife {
  return new NatsServerLife(plan, events);
}

export class NatsServerLife implements Life {
  readonly pid: number | undefined;
  readonly started: Promise<{ port: number }>;
  readonly exited: Promise<ExitReport>;
  readonly #plan: NatsServerPlan;
  readonly #child;
  readonly #silence: SilenceMeter;
  #wasAskedToStop = false;
  #wasKilled = false;
  #isOver = false;
  #greeting: Timer | undefined;

  constructor(plan: NatsServerPlan, events: LifeEvents) {
    this.#plan = plan;
    this.#silence = new SilenceMeter(plan.clock);
    const { command, prefix } = boundToUs(plan.program);
    const child = spawn(command, [...prefix, "--config", writeConfig(plan)], {
      env: {},
      stdio: ["ignore", "ignore", "pipe"],
    });
    this.#child = child;
    this.pid = child.pid;
    // Its log tells of every client that comes and goes; only its last words matter here.
    const output = new OutputTap(plan.clock, () => {});
    output.read(child.stderr, "info");
    this.exited = new Promise((resolve) => {
      const end = (exitCode?: number, signal?: string, error = output.lastWords) => {
        this.#isOver = true;
        this.#greeting?.cancel();
        resolve(
          classifyExit({
            wasAskedToStop: this.#wasAskedToStop,
            wasKilled: this.#wasKilled,
            // It answers SIGTERM by an exit with code 1 on some versions; asked is asked.
            saidBye: this.#wasAskedToStop,
            closedPort: false,
            error: error === undefined ? undefined : { message: error },
            exitCode,
            signal,
          }),
        );
      };
      child.on("exit", (exitCode, signal) => end(exitCode ?? undefined, signal ?? undefined));
      child.on("error", (error) => {
        if (child.pid === undefined) end(undefined, undefined, error.message);
      });
    });
    this.started = this.#waitForPort();
    this.started.then(
      ({ port }) => {
        events.report("ready", `nats-server on ${plan.host}:${port}`);
        this.#watch(port);
      },
      () => child.kill("SIGKILL"),
    );
  }

  get placement(): string {
    return `process ${this.pid ?? "that did not start"}`;
  }

  stop(): void {
    this.#wasAskedToStop = true;
    this.#child.kill("SIGTERM");
  }

  term(): void {
    this.#child.kill("SIGTERM");
  }

  kill(): void {
    this.#wasKilled = true;
    this.#child.kill("SIGKILL");
  }

  abandon(): void {
    // SIGKILL has been sent; there is nothing stronger.
  }

  vitals(): Vitals {
    return { heartbeatAgeMs: this.#silence.look() };
  }

  suspend(): Promise<void> {
    return Promise.resolve();
  }

  resume(): Promise<void> {
    return Promise.resolve();
  }

  metrics(): Promise<string> {
    return Promise.resolve("");
  }

  async #waitForPort(): Promise<{ port: number }> {
    const { clock, startTimeoutMs, host } = this.#plan;
    const deadlineMs = clock.monotonicMs() + startTimeoutMs;
    while (clock.monotonicMs() < deadlineMs && !this.#isOver) {
      const port = this.#plan.port === 0 ? this.#chosenPort() : this.#plan.port;
      if (port !== undefined && (await greets(host, port))) return { port };
      this.#silence.heard();
      await sleep(clock, POLL_MS);
    }
    throw new TroupeError({ code: "SUPERVISOR_BUS_UNREACHABLE" }, "nats-server did not come up.");
  }

  #chosenPort(): number | undefined {
    try {
      const file = join(this.#plan.directory, `nats-server_${this.pid}.ports`);
      const { nats } = JSON.parse(readFileSync(file, "utf8")) as { nats?: string[] };
      return nats?.[0] === undefined ? undefined : Number(new URL(nats[0]).port);
    } catch {
      // The server is still writing the file.
      return undefined;
    }
  }

  /** A stopped server still has its connections accepted by the kernel; only the greeting proves that it lives. */
  #watch(port: number): void {
    this.#greeting = this.#plan.clock.after(
      GREETING_INTERVAL_MS,
      () => {
        void greets(this.#plan.host, port).then((isAlive) => {
          if (isAlive) this.#silence.heard();
          if (!this.#isOver) this.#watch(port);
        });
      },
      { background: true },
    );
  }
}

function writeConfig(plan: NatsServerPlan): string {
  mkdirSync(plan.directory, { recursive: true, mode: 0o700 });
  const path = join(plan.directory, "nats-server.conf");
  const config = renderNatsConfig({
    listen: `${plan.host}:${plan.port === 0 ? ANY_PORT : plan.port}`,
    users: plan.users,
    maxPayloadBytes: plan.maxPayloadBytes,
    ...(plan.jetstream ? { jetstreamDirectory: join(plan.directory, "jetstream") } : {}),
  });
  // A new file each time: an old one could be a link laid by somebody else.
  rmSync(path, { force: true });
  writeFileSync(path, `ports_file_dir: ${JSON.stringify(plan.directory)}\n${config}`, {
    mode: 0o600,
    flag: "wx",
  });
  return path;
}

/** True when a NATS server at that address says its INFO in time. */
export function greets(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    let heard = "";
    const done = (isAlive: boolean) => {
      socket.destroy();
      resolve(isAlive);
    };
    socket.setTimeout(GREETING_WITHIN_MS, () => done(false));
    socket.setEncoding("latin1");
    socket.on("data", (text: string) => {
      heard += text;
      if (heard.startsWith("INFO ")) done(true);
      else if (heard.length > GREETING_BYTES_MAX) done(false);
    });
    // Refused, reset or closed: nobody is there yet, or any more.
    socket.on("error", () => done(false));
    socket.on("close", () => done(false));
  });
}
