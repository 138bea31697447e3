/** One child of a supervisor: its present life, the clocks that run on it, and what the tree shows of it. Decides nothing about restarts. */
import type { Readiness } from "../bus/actor.ts";
import type { LoggedLine } from "../bus/child/controlled.ts";
import type { ChildState, ChildStatus, Door } from "../bus/contracts/supervisor.ts";
import type { Clock, Timer } from "../runtime/clock.ts";
import { toWireError } from "../runtime/errors.ts";
import type { Host, Launch, Life, Probe } from "./life.ts";
import {
  type Backoff,
  DEFAULT_BACKOFF,
  delayMs,
  NO_FAILURES,
  type RestartHistory,
  recordFailure,
} from "./restart.ts";
import type { ExitReport, Heartbeat, Intensity, Restart, Shutdown, Vitals } from "./spec.ts";

export interface ChildSpec {
  readonly id: string;
  readonly kind: ChildStatus["kind"];
  readonly restart: Restart;
  readonly critical: boolean;
  readonly significant?: boolean;
  readonly startTimeoutMs: number;
  readonly shutdown: Shutdown;
  readonly heartbeat: Heartbeat;
  readonly intensity: Intensity;
  readonly backoff?: Backoff;
  /** `off` and `elsewhere` stand in the tree but never run here. */
  readonly launch: Launch | "off" | "elsewhere";
  /** The process that must be up before this child can start. */
  readonly host?: Host;
  /** Ids, anywhere in the tree, around whose restarts this child is suspended. */
  readonly dependsOn?: readonly string[];
  readonly probe?: Probe;
}

/** `lost`: killed, and still there. It never gets a second life before the first has ended. */
export type Phase = "down" | "starting" | "up" | "stopping" | "lost";

export interface ChildListener {
  cameUp(child: Child): void;
  /** `ordered`: the supervisor had asked for this end. `wasUp`: it had come up before. */
  ended(
    child: Child,
    report: ExitReport,
    end: { readonly ordered: boolean; readonly upMs: number | undefined },
  ): void;
  changed(child: Child): void;
  logged(child: Child, line: LoggedLine): void;
  warned(child: Child, code: string, message: string): void;
  lost(child: Child): void;
}

/** After `kill` a child has so long to be gone; `terminate()` of a thread in native code never returns (measured). */
export const LOST_AFTER_MS = 3_000;
/** Longest wait of an order to a child that has no times of its own, such as a nested supervisor. */
const ORDER_WAIT_MAX_MS = 120_000;
const SUSPEND_DEADLINE_MS = 5_000;

export class Child {
  readonly spec: ChildSpec;
  /** The supervisor's plan. */
  wanted = false;
  /** It has to end before it may start anew. */
  bounce = false;
  isParked = false;
  /** A parked child's one try: its next failure parks it again. */
  isOnProbation = false;
  history: RestartHistory = NO_FAILURES;
  restarts = 0;
  /** Counts lives; an answer of an earlier life is not believed. */
  epoch = 0;
  hasBeenUp = false;
  lastError: { at: string; code: string; message: string } | undefined;

  #dueMs: number | undefined;
  #dueTimer: Timer | undefined;
  readonly #clock: Clock;
  readonly #listener: ChildListener;
  #phase: Phase = "down";
  #life: Life | undefined;
  #verdict: ExitReport | undefined;
  #timers = new Set<Timer>();
  #upSinceMs: number | undefined;
  #startedAtMs: number | undefined;
  #startedMonotonicMs: number | undefined;
  #readyAtMs: number | undefined;
  #readiness: Readiness | undefined;
  #progress: string | undefined;
  #doors: readonly Door[] = [];
  #vitals: Vitals | undefined;
  #hasWarned = false;
  #misses = 0;
  #wantSuspended = false;
  #isSuspended = false;
  #isShifting = false;
  readonly #waiters = new Set<(report: ExitReport | undefined) => void>();

  constructor(spec: ChildSpec, clock: Clock, listener: ChildListener) {
    this.spec = spec;
    this.#clock = clock;
    this.#listener = listener;
  }

  get id(): string {
    return this.spec.id;
  }

  get phase(): Phase {
    return this.#phase;
  }

  get life(): Life | undefined {
    return this.#life;
  }

  get isAlive(): boolean {
    return this.#phase !== "down";
  }

  /** True while it stands in the way of its supervisor's next step. One that cannot be killed is not waited for. */
  get holdsPlace(): boolean {
    return this.isAlive && this.#phase !== "lost";
  }

  /** Begins a life. Only while down. */
  launch(): void {
    if (this.#phase !== "down" || typeof this.spec.launch !== "function") return;
    const epoch = ++this.epoch;
    const isCurrent = () => this.epoch === epoch && this.#phase !== "down";
    this.#phase = "starting";
    this.#startedAtMs = this.#clock.now();
    this.#startedMonotonicMs = this.#clock.monotonicMs();
    this.#after(this.spec.startTimeoutMs, () =>
      this.condemn({
        kind: "start_failed",
        code: "SUPERVISOR_START_TIMEOUT",
        message: `${this.id} did not start within ${this.spec.startTimeoutMs} ms`,
      }),
    );
    let life: Life;
    try {
      life = this.spec.launch({
        report: (readiness, progress) => {
          if (!isCurrent()) return;
          this.#readiness = readiness;
          this.#progress = progress;
          if (readiness === "ready") this.#readyAtMs ??= this.#clock.now();
          this.#listener.changed(this);
        },
        doors: (doors) => {
          if (!isCurrent()) return;
          this.#doors = doors;
          this.#listener.changed(this);
        },
        logged: (line) => this.#listener.logged(this, line),
      });
    } catch (thrown) {
      const { code, message } = toWireError(thrown, "SUPERVISOR_START_FAILED");
      queueMicrotask(() => this.#end(epoch, { kind: "start_failed", code, message }));
      return;
    }
    this.#life = life;
    life.started.then(
      () => this.#cameUp(epoch),
      // A failed start is told by `exited`, which the launcher brings about.
      () => {},
    );
    void life.exited.then((report) => this.#end(epoch, report));
    this.#listener.changed(this);
  }

  /** The polite sequence: stop message, SIGTERM, SIGKILL. With a verdict the end is the child's own failure, else it is ordered. */
  stop(verdict?: ExitReport): void {
    if (this.#phase !== "starting" && this.#phase !== "up") return;
    this.#phase = "stopping";
    this.#verdict = verdict;
    this.#cancelTimers();
    this.#life?.stop();
    this.#after(this.spec.shutdown.politeMs, () => this.#life?.term());
    this.#after(this.spec.shutdown.termMs, () => this.#kill());
    this.#listener.changed(this);
  }

  /** Kills it for a failure of its own: no event loop turns in there that could hear a stop. */
  condemn(verdict: ExitReport): void {
    if (this.#phase === "down" || this.#phase === "lost") return;
    if (this.#phase !== "stopping") this.#verdict = verdict;
    this.#phase = "stopping";
    this.#kill();
    this.#listener.changed(this);
  }

  /** Kills it because the supervisor has no time left; an ordered end. */
  killNow(): void {
    if (this.#phase === "down" || this.#phase === "lost") return;
    this.#phase = "stopping";
    this.#kill();
  }

  #kill(): void {
    this.#cancelTimers();
    this.#life?.kill();
    this.#after(LOST_AFTER_MS, () => {
      this.#phase = "lost";
      this.#life?.abandon();
      this.#listener.lost(this);
    });
  }

  /** Looks at the heartbeat; called by the supervisor's poll. */
  watch(): void {
    if (this.#life === undefined || (this.#phase !== "starting" && this.#phase !== "up")) return;
    this.#vitals = this.#life.vitals();
    // One that loads its code beats late or not at all: its start has a time limit of its own.
    if (this.#phase === "starting") return;
    const ageMs = this.#vitals.heartbeatAgeMs;
    if (ageMs > this.spec.heartbeat.deadMs) {
      this.condemn({
        kind: "unresponsive",
        code: "SUPERVISOR_UNRESPONSIVE",
        message: `${this.id}: no heartbeat for ${Math.round(ageMs)} ms`,
      });
    } else if (ageMs > this.spec.heartbeat.warnMs) {
      if (this.#hasWarned) return;
      this.#hasWarned = true;
      this.#listener.warned(this, "SUPERVISOR_UNRESPONSIVE", `no heartbeat for ${Math.round(ageMs)} ms`);
    } else {
      this.#hasWarned = false;
    }
  }

  get isDue(): boolean {
    return this.#dueMs === undefined && !this.isParked;
  }

  /** It is not started before `waitMs` have passed; then `run` is called. */
  setDue(waitMs: number, run: () => void): void {
    this.clearDue();
    this.#dueMs = this.#clock.monotonicMs() + waitMs;
    this.#dueTimer = this.#clock.after(waitMs, () => {
      this.#dueMs = undefined;
      run();
    });
  }

  clearDue(): void {
    this.#dueTimer?.cancel();
    this.#dueMs = undefined;
  }

  /** Writes the failure down and says whether it was one too many, and how long to wait before the next life. */
  recordFailure(
    nowMs: number,
    upMs: number | undefined,
    random: () => number,
  ): { isLimit: boolean; waitMs: number } {
    const backoff = this.spec.backoff ?? DEFAULT_BACKOFF;
    const wasHealthy = upMs !== undefined && upMs >= backoff.healthyMs;
    if (wasHealthy) this.isOnProbation = false;
    const rules = { intensity: this.spec.intensity, backoff };
    const { history, verdict } = recordFailure(this.history, rules, nowMs, upMs ?? 0, random);
    this.history = history;
    return {
      isLimit: verdict.kind === "limit" || this.isOnProbation,
      waitMs: verdict.kind === "restart" ? verdict.delayMs : delayMs(history.consecutive, backoff, random),
    };
  }

  /** An operator's order counts from nothing. */
  forgive(): void {
    this.isParked = false;
    this.isOnProbation = false;
    this.history = NO_FAILURES;
    this.clearDue();
  }

  /**
   * The next outcome: undefined when it has come up, else why it failed or is not wanted any more.
   * When all its times are over it is what it is then: nobody waits for ever.
   */
  outcome(): Promise<ExitReport | undefined> {
    const ownMs = this.spec.startTimeoutMs + this.spec.shutdown.termMs + 2 * LOST_AFTER_MS;
    const timer = this.#clock.after(Math.min(ownMs, ORDER_WAIT_MAX_MS), () =>
      this.settle({
        kind: "start_failed",
        code: "SUPERVISOR_START_TIMEOUT",
        message: `${this.id} is ${this.state}`,
      }),
    );
    const outcome = new Promise<ExitReport | undefined>((resolve) => this.#waiters.add(resolve));
    return outcome.finally(() => timer.cancel());
  }

  settle(report: ExitReport | undefined): void {
    for (const resolve of this.#waiters) resolve(report);
    this.#waiters.clear();
  }

  /** Suspends or resumes; the wishes of one moment follow each other, the last one stands. A child that cannot is started afresh. */
  suspend(isWanted: boolean): void {
    this.#wantSuspended = isWanted;
    if (this.#phase === "up" && !this.#isShifting) void this.#shift(this.epoch);
  }

  async #shift(epoch: number): Promise<void> {
    this.#isShifting = true;
    while (this.#phase === "up" && this.epoch === epoch && this.#isSuspended !== this.#wantSuspended) {
      const target = this.#wantSuspended;
      const life = this.#life as Life;
      const failure = await this.#within(SUSPEND_DEADLINE_MS, target ? life.suspend() : life.resume());
      if (this.epoch !== epoch || (this.#phase as Phase) !== "up") break;
      if (failure !== undefined) {
        this.condemn({ kind: "error", code: "SUPERVISOR_SUSPEND_FAILED", message: failure });
        break;
      }
      this.#isSuspended = target;
      this.#listener.changed(this);
    }
    if (this.epoch === epoch) this.#isShifting = false;
  }

  /** The failure's words, or undefined when all went well in time. */
  #within(deadlineMs: number, work: Promise<void>): Promise<string | undefined> {
    return new Promise((resolve) => {
      const timer = this.#clock.after(deadlineMs, () => resolve(`no answer within ${deadlineMs} ms`));
      work
        .then(
          () => resolve(undefined),
          (thrown) => resolve(toWireError(thrown).message),
        )
        .finally(() => timer.cancel());
    });
  }

  #cameUp(epoch: number): void {
    if (this.epoch !== epoch || this.#phase !== "starting") return;
    this.#cancelTimers();
    this.#phase = "up";
    this.hasBeenUp = true;
    this.#upSinceMs = this.#clock.monotonicMs();
    this.#readiness ??= "ready";
    if (this.#readiness === "ready") this.#readyAtMs ??= this.#clock.now();
    this.#misses = 0;
    this.#scheduleProbe(epoch);
    this.settle(undefined);
    this.#listener.cameUp(this);
    if (this.#wantSuspended) this.suspend(true);
  }

  #scheduleProbe(epoch: number): void {
    const { probe } = this.spec;
    if (probe === undefined) return;
    this.#after(probe.intervalMs, () => void this.#probe(epoch, probe));
  }

  async #probe(epoch: number, probe: Probe): Promise<void> {
    // A probe that throws has met trouble of its own: held against nobody.
    const answer = this.#isSuspended ? "unknown" : await probe.ask().catch(() => "unknown" as const);
    if (this.epoch !== epoch || this.#phase !== "up") return;
    if (answer === "ok") this.#misses = 0;
    if (answer === "miss" && ++this.#misses >= probe.missesMax) {
      this.stop({
        kind: "unresponsive",
        code: "SUPERVISOR_UNRESPONSIVE",
        message: `${this.id} did not answer ${this.#misses} health probes in a row`,
      });
      return;
    }
    this.#scheduleProbe(epoch);
  }

  #end(epoch: number, report: ExitReport): void {
    if (this.epoch !== epoch || this.#phase === "down") return;
    const ordered = (this.#phase === "stopping" || this.#phase === "lost") && this.#verdict === undefined;
    const final = this.#verdict === undefined ? report : { ...report, ...this.#verdict };
    const upMs = this.#upSinceMs === undefined ? undefined : this.#clock.monotonicMs() - this.#upSinceMs;
    this.#cancelTimers();
    this.#phase = "down";
    this.#life = undefined;
    this.#verdict = undefined;
    this.#upSinceMs = undefined;
    this.#startedAtMs = undefined;
    this.#startedMonotonicMs = undefined;
    this.#readyAtMs = undefined;
    this.#readiness = undefined;
    this.#progress = undefined;
    this.#doors = [];
    this.#vitals = undefined;
    this.#hasWarned = false;
    this.#isSuspended = false;
    this.#isShifting = false;
    this.#listener.ended(this, final, { ordered, upMs });
  }

  #after(delayMs: number, run: () => void): void {
    if (!Number.isFinite(delayMs)) return;
    const timer = this.#clock.after(delayMs, () => {
      this.#timers.delete(timer);
      run();
    });
    this.#timers.add(timer);
  }

  #cancelTimers(): void {
    for (const timer of this.#timers) timer.cancel();
    this.#timers.clear();
  }

  /** True while those who depend on it cannot count on it. */
  get isMissed(): boolean {
    return typeof this.spec.launch === "function" && this.#phase !== "up";
  }

  get state(): ChildState {
    if (this.spec.launch === "off" || this.spec.launch === "elsewhere") return this.spec.launch;
    switch (this.#phase) {
      case "starting":
        return "starting";
      case "up":
        if (this.#isSuspended) return "suspended";
        return this.#hasWarned ? "unresponsive" : (this.#readiness ?? "ready");
      case "stopping":
        return this.#verdict?.kind === "unresponsive" ? "unresponsive" : "stopping";
      case "lost":
        return "unresponsive";
      default:
        if (this.isParked) return "parked";
        return this.wanted ? "backoff" : "stopped";
    }
  }

  status(): ChildStatus {
    const life = this.#life;
    const nowMs = this.#clock.monotonicMs();
    const { launch } = this.spec;
    return {
      id: this.id,
      kind: this.spec.kind,
      state: this.state,
      placement: typeof launch === "string" ? launch : (life?.placement ?? "none"),
      pid: life?.pid,
      critical: this.spec.critical,
      startedAt: isoTime(this.#startedAtMs),
      readyAt: isoTime(this.#readyAtMs),
      uptimeMs: this.#startedMonotonicMs === undefined ? undefined : nowMs - this.#startedMonotonicMs,
      restarts: this.restarts,
      nextRestartInMs: this.#dueMs === undefined ? undefined : Math.max(0, this.#dueMs - nowMs),
      lastError: this.lastError,
      eventLoopP99Ms: this.#vitals?.eventLoopP99Ms,
      heartbeatAgeMs: this.#vitals?.heartbeatAgeMs,
      heapBytes: this.#vitals?.heapBytes,
      rssBytes: this.#vitals?.rssBytes,
      progress: this.#progress,
      doors: [...this.#doors],
      children: life?.statuses?.() ?? [],
    };
  }
}

function isoTime(timeMs: number | undefined): string | undefined {
  return timeMs === undefined ? undefined : new Date(timeMs).toISOString();
}
