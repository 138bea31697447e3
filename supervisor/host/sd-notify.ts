/** Tells systemd how we are. Its socket is a Unix datagram socket, which Node cannot open; `systemd-notify`, a part of systemd, can. */
import { execFile } from "node:child_process";
import type { Clock, Timer } from "../../runtime/clock.ts";

const TOOL = "systemd-notify";
/** A message that hangs must not hold up the next one for longer. */
const SEND_TIMEOUT_MS = 5_000;
/** Of the time after which systemd takes us for dead: two beats may get lost. */
const BEATS_PER_WATCHDOG = 3;
const STATUS_CHARS_MAX = 200;

export interface SdNotify {
  /** False when nobody listens: not started by systemd with `Type=notify`. */
  readonly isActive: boolean;
  ready(status: string): void;
  status(status: string): void;
  /** Beats the watchdog while `isAlive` says yes; a supervisor that hangs cannot beat, and systemd starts it again. */
  watch(clock: Clock, isAlive: () => boolean): void;
  stopping(status: string): void;
  /** Resolves when everything said has been handed over. */
  settled(): Promise<void>;
  close(): void;
}

const SILENT: SdNotify = Object.freeze({
  isActive: false,
  ready() {},
  status() {},
  watch() {},
  stopping() {},
  async settled() {},
  close() {},
});

/**
 * Takes `NOTIFY_SOCKET` and `WATCHDOG_USEC` out of the environment, so that children cannot speak for us.
 * The unit needs `NotifyAccess=all`: the messages come from the tool's process, not from ours. Abstract sockets (`@…`) work too.
 */
export function takeSdNotify(environment: NodeJS.ProcessEnv, onFailure: (error: Error) => void): SdNotify {
  const socket = environment["NOTIFY_SOCKET"];
  const watchdogUs = Number(environment["WATCHDOG_USEC"] ?? 0);
  const watchdogPid = environment["WATCHDOG_PID"];
  delete environment["NOTIFY_SOCKET"];
  delete environment["WATCHDOG_USEC"];
  delete environment["WATCHDOG_PID"];
  if (socket === undefined || socket === "") return SILENT;
  const isWatched = watchdogUs > 0 && (watchdogPid === undefined || Number(watchdogPid) === process.pid);
  return new ToolNotify(socket, isWatched ? watchdogUs / 1_000 : 0, onFailure);
}

class ToolNotify implements SdNotify {
  readonly isActive = true;
  readonly #socket: string;
  readonly #watchdogMs: number;
  readonly #onFailure: (error: Error) => void;
  /** One tool at a time keeps the order; `#waiting` is what the next one says, the newest value of each name. */
  readonly #waiting = new Map<string, string>();
  #sending: Promise<void> | undefined;
  #timer: Timer | undefined;

  constructor(socket: string, watchdogMs: number, onFailure: (error: Error) => void) {
    this.#socket = socket;
    this.#watchdogMs = watchdogMs;
    this.#onFailure = onFailure;
  }

  ready(status: string): void {
    this.#say({ READY: "1", STATUS: oneLine(status) });
  }

  status(status: string): void {
    this.#say({ STATUS: oneLine(status) });
  }

  stopping(status: string): void {
    this.#say({ STOPPING: "1", STATUS: oneLine(status) });
  }

  watch(clock: Clock, isAlive: () => boolean): void {
    if (this.#watchdogMs === 0) return;
    const beat = () => {
      if (isAlive()) this.#say({ WATCHDOG: "1" });
      this.#timer = clock.after(this.#watchdogMs / BEATS_PER_WATCHDOG, beat, { background: true });
    };
    beat();
  }

  async settled(): Promise<void> {
    while (this.#sending !== undefined) await this.#sending;
  }

  close(): void {
    this.#timer?.cancel();
  }

  #say(values: Readonly<Record<string, string>>): void {
    for (const [name, value] of Object.entries(values)) this.#waiting.set(name, value);
    this.#sending ??= this.#send();
  }

  async #send(): Promise<void> {
    while (this.#waiting.size > 0) {
      const lines = [...this.#waiting].map(([name, value]) => `${name}=${value}`);
      this.#waiting.clear();
      await this.#run(lines);
    }
    this.#sending = undefined;
  }

  #run(lines: readonly string[]): Promise<void> {
    return new Promise((resolve) => {
      const env = { PATH: process.env["PATH"] ?? "/usr/bin:/bin", NOTIFY_SOCKET: this.#socket };
      execFile(TOOL, lines, { env, timeout: SEND_TIMEOUT_MS, killSignal: "SIGKILL" }, (error) => {
        // Nothing depends on it here; systemd draws its own conclusions. The operator learns why.
        if (error !== null) this.#onFailure(error);
        resolve();
      });
    });
  }
}

/** A newline would begin another assignment. */
function oneLine(text: string): string {
  return text.replace(/[\p{Cc}]+/gu, " ").slice(0, STATUS_CHARS_MAX);
}
