/** One life of a thread in a stage's process, as the supervisor above sees it: every order goes over the stage's control channel. */
import type { ControlLink } from "../../runtime/control.ts";
import { toWireError } from "../../runtime/errors.ts";
import type { Life, LifeEvents } from "../life.ts";
import type { ExitReport, Vitals } from "../spec.ts";
import type { ControlledLife } from "./controlled-life.ts";
import type { SlotListener, StageMethods, WireThread } from "./stage-wire.ts";

const ORDER_DEADLINE_MS = 5_000;
const METRICS_CHARS_MAX = 1024 * 1024;

export class StagedThread implements Life {
  readonly started: Promise<void>;
  readonly exited: Promise<ExitReport>;
  /** What the stage tells of this slot. */
  readonly listener: SlotListener;
  readonly #stageName: string;
  readonly #stage: ControlledLife;
  readonly #slot: number;
  #threadId: number | undefined;
  #vitals: Vitals = { heartbeatAgeMs: 0 };
  #resolveExited!: (report: ExitReport) => void;
  #rejectStarted!: (error: Error) => void;

  constructor(options: { stageName: string; stage: ControlledLife; slot: number; events: LifeEvents }) {
    this.#stageName = options.stageName;
    this.#stage = options.stage;
    this.#slot = options.slot;
    this.exited = new Promise((resolve) => {
      this.#resolveExited = resolve;
    });
    let resolveStarted: () => void = () => {};
    this.started = new Promise((resolve, reject) => {
      resolveStarted = resolve;
      this.#rejectStarted = reject;
    });
    this.listener = {
      ...options.events,
      started: () => {
        // What was measured while it loaded its code is not held against it now.
        this.#vitals = { heartbeatAgeMs: 0 };
        resolveStarted();
      },
      exited: (report) => this.#end(report),
      saw: (vitals) => {
        this.#vitals = vitals;
      },
    };
  }

  get placement(): string {
    return `thread ${this.#threadId ?? "?"} of ${this.#stageName} (${this.#stage.pid ?? "?"})`;
  }

  get pid(): number | undefined {
    return this.#stage.pid;
  }

  /** Asks the stage for the thread. When the stage cannot even do that, it is not a place to live in. */
  launch(plan: WireThread, boot: unknown): void {
    this.#link.call("launchThread", [this.#slot, plan, boot], ORDER_DEADLINE_MS).then(
      (threadId) => {
        this.#threadId = Number(threadId);
      },
      (thrown) => {
        const { code, message } = toWireError(thrown, "SUPERVISOR_START_FAILED");
        // Without an answer the thread may exist all the same: only the end of the stage makes sure that it does not.
        if (this.#link.isClosed || code === "RUNTIME_CONTROL_DEADLINE") this.#stage.kill();
        else this.#end({ kind: "start_failed", code, message });
      },
    );
  }

  stop(): void {
    this.#order("stopThread");
  }

  term(): void {
    this.#order("killThread");
  }

  kill(): void {
    this.#order("killThread");
  }

  /** Its thread sits in native code, where `terminate()` does not reach it: the process must go, and with it the other threads. */
  abandon(): void {
    this.#stage.kill();
  }

  vitals(): Vitals {
    return this.#vitals;
  }

  suspend(): Promise<void> {
    return this.#link.call("suspendThread", [this.#slot], ORDER_DEADLINE_MS);
  }

  resume(): Promise<void> {
    return this.#link.call("resumeThread", [this.#slot], ORDER_DEADLINE_MS);
  }

  metrics(): Promise<string> {
    return this.#link
      .call("threadMetrics", [this.#slot], ORDER_DEADLINE_MS)
      .then((text) => String(text).slice(0, METRICS_CHARS_MAX));
  }

  logLevel(level: string): Promise<boolean> {
    return this.#link.call("threadLogLevel", [this.#slot, level], ORDER_DEADLINE_MS);
  }

  get #link(): ControlLink<StageMethods> {
    return this.#stage.link as unknown as ControlLink<StageMethods>;
  }

  #order(method: "stopThread" | "killThread"): void {
    // A slot that is gone has ended, which is told; a stage that does not answer is dealt with by its own heartbeat or by `abandon`.
    this.#link.call(method, [this.#slot], ORDER_DEADLINE_MS).catch(() => {});
  }

  #end(report: ExitReport): void {
    this.#rejectStarted(new Error(report.message));
    this.#resolveExited(report);
  }
}
