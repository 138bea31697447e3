/** OTP's supervisor: starts children left to right, stops them right to left, and starts again what fails, as often as is sensible. */
import type { ChildReport, ChildState, ChildStatus } from "../bus/contracts/supervisor.ts";
import type { Timer } from "../runtime/clock.ts";
import { TroupeError } from "../runtime/errors.ts";
import { Child, type ChildSpec } from "./child.ts";
import { badSpec, noSuchChild, stopped } from "./errors.ts";
import { type Life, supervisorLife } from "./life.ts";
import { charge, NO_FAILURES, PARKED_RETRY_MS } from "./restart.ts";
import { type ExitReport, SUBTREE_INTENSITY } from "./spec.ts";
import {
  type NestedSpec,
  namesIn,
  reasonOf,
  type SupervisorHooks,
  type SupervisorPhase,
  type SupervisorSpec,
  supervisorStatus,
} from "./tree.ts";

/** Makes the top of a tree; `exited` with any other kind than `bye` means that it gave up. A contradictory description throws `SUPERVISOR_BAD_SPEC`. */
export function createSupervisor(spec: SupervisorSpec, hooks: SupervisorHooks): Supervisor {
  if ((spec.autoShutdown ?? "never") !== "never") {
    throw badSpec(spec.id, "a top supervisor cannot shut itself down");
  }
  return new Supervisor(spec, hooks, undefined);
}

export class Supervisor {
  readonly id: string;
  /** Resolves once: with `bye` after `stop`, `normal` after an automatic shutdown, else with why it gave up. */
  readonly exited: Promise<ExitReport>;
  readonly #spec: SupervisorSpec;
  readonly #hooks: SupervisorHooks;
  readonly #parent: Supervisor | undefined;
  readonly #started: Promise<void>;
  readonly #children: Child[] = [];
  /** The present lives of the supervisors below. */
  readonly #nested = new Map<string, Supervisor>();
  #phase: SupervisorPhase = "new";
  #ending: ExitReport | undefined;
  #limits = NO_FAILURES;
  #pollTimer: Timer | undefined;
  #hostTimer: Timer | undefined;
  #startedAtMs: number | undefined;
  #startedMonotonicMs = 0;
  #isReconciling = false;
  #mustReconcile = false;
  readonly #hostListeners: (() => void)[] = [];
  #resolveStarted!: () => void;
  #rejectStarted!: (error: Error) => void;
  #resolveExited!: (report: ExitReport) => void;

  constructor(spec: SupervisorSpec, hooks: SupervisorHooks, parent: Supervisor | undefined) {
    this.id = spec.id;
    this.#spec = spec;
    this.#hooks = hooks;
    this.#parent = parent;
    this.#started = new Promise((resolve, reject) => {
      this.#resolveStarted = resolve;
      this.#rejectStarted = reject;
    });
    // Whoever never asks for `start` must not meet an unhandled rejection.
    this.#started.catch(() => {});
    this.exited = new Promise((resolve) => {
      this.#resolveExited = resolve;
    });
    for (const child of spec.children) this.#add(child);
  }

  /** Starts the children in order. Rejects with `SUPERVISOR_BOOT_FAILED` after those already started have been stopped. */
  start(): Promise<void> {
    if (this.#phase === "new") {
      this.#phase = "booting";
      this.#startedAtMs = this.#hooks.clock.now();
      this.#startedMonotonicMs = this.#hooks.clock.monotonicMs();
      for (const child of this.#children) child.wanted = typeof child.spec.launch === "function";
      this.#armPoll();
      this.#reconcile();
    }
    return this.#started;
  }

  /** Stops the children in reverse order; resolves when all are gone. */
  async stop(): Promise<void> {
    this.#beginEnding({ kind: "bye", code: "", message: `${this.id} was asked to stop` });
    await this.exited;
  }

  /** Kills all children at once; `exited` follows when they are gone. */
  killAll(): void {
    this.#beginEnding({ kind: "killed", code: "SUPERVISOR_KILLED", message: `${this.id} was killed` });
    for (const child of this.#children) child.killNow();
    for (const nested of this.#nested.values()) nested.killAll();
  }

  /** Starts one more child, the last in order. Rejects with the child's reason when it does not come up; it is then not kept. */
  async startChild(spec: ChildSpec | NestedSpec): Promise<void> {
    if (this.#phase !== "booting" && this.#phase !== "running") throw stopped(this.id);
    const child = this.#add(spec);
    child.wanted = true;
    const outcome = child.outcome();
    this.#reconcile();
    const failure = await outcome;
    if (failure !== undefined) throw new TroupeError({ code: failure.code, child: spec.id }, failure.message);
  }

  /** Stops a child and forgets it. */
  async stopChild(id: string): Promise<void> {
    const child = this.#children.find((candidate) => candidate.id === id);
    if (child === undefined) throw noSuchChild(id, namesIn(this.#top().statuses()));
    child.wanted = false;
    child.clearDue();
    if (child.isAlive) {
      const outcome = child.outcome();
      this.#reconcile();
      await outcome;
    }
    this.#drop(child);
  }

  /** An operator's order, anywhere in this tree: stop politely, start again, forgive past failures. Resolves with the state it has come to. */
  async restart(id: string): Promise<ChildState> {
    const found = this.#find(id);
    if (found === undefined) throw noSuchChild(id, namesIn(this.#top().statuses()));
    return await found.owner.#restartChild(found.child);
  }

  async #restartChild(child: Child): Promise<ChildState> {
    if (typeof child.spec.launch !== "function") return child.state;
    if (this.#phase !== "booting" && this.#phase !== "running") throw stopped(this.id);
    child.wanted = true;
    child.forgive();
    if (child.isAlive) child.bounce = true;
    this.#bounceGroup(child);
    const outcome = child.outcome();
    this.#reconcile();
    await outcome;
    return child.state;
  }

  /** Every child below that has come up. */
  lives(): { readonly id: string; readonly life: Life }[] {
    return [...this.#leaves()].flatMap(({ id, phase, life }) =>
      phase === "up" && life !== undefined ? [{ id, life }] : [],
    );
  }

  status(): ChildStatus {
    const upMs = this.#hooks.clock.monotonicMs() - this.#startedMonotonicMs;
    const life = this.#startedAtMs === undefined ? undefined : { startedAtMs: this.#startedAtMs, upMs };
    return supervisorStatus(this.id, this.#phase, life, this.statuses());
  }

  statuses(): ChildStatus[] {
    return this.#children.map((child) => child.status());
  }

  // --- the plan made true -------------------------------------------------------------------------------------------

  /** Compares what is wanted with what is, and takes every step that order allows now. Called after each change of either. */
  #reconcile(): void {
    if (this.#isReconciling) {
      this.#mustReconcile = true;
      return;
    }
    this.#isReconciling = true;
    do {
      this.#mustReconcile = false;
      this.#stopSome();
      this.#startSome();
    } while (this.#mustReconcile);
    this.#isReconciling = false;
    this.#settlePhase();
    this.#top().#suspendDependants();
  }

  #stopSome(): void {
    const oneByOne =
      this.#phase === "ending" ? this.#spec.strategy !== "simple_one_for_one" : this.#isGroup();
    for (const child of this.#children.toReversed()) {
      if (!child.holdsPlace || (child.wanted && !child.bounce)) continue;
      child.stop();
      if (oneByOne) return;
    }
  }

  #startSome(): void {
    if (this.#phase !== "booting" && this.#phase !== "running") return;
    const inOrder =
      (this.#phase === "booting" && this.#spec.strategy !== "simple_one_for_one") || this.#isGroup();
    if (this.#isGroup() && this.#children.some((c) => c.holdsPlace && (c.bounce || !c.wanted))) return;
    for (const child of this.#children) {
      if (!child.wanted || (child.phase === "up" && !child.bounce)) continue;
      if (child.phase === "down" && child.isDue) {
        if (child.spec.host?.isUp ?? true) child.launch();
        else if (this.#phase === "booting") this.#armHostTimer(child);
      }
      if (inOrder) return;
    }
  }

  #settlePhase(): void {
    if (this.#phase === "booting" && this.#children.every((child) => !child.wanted || child.phase === "up")) {
      this.#phase = "running";
      this.#hostTimer?.cancel();
      this.#resolveStarted();
      this.#hooks.changed();
    }
    if (this.#phase === "ending" && !this.#children.some((child) => child.holdsPlace)) {
      this.#phase = "ended";
      this.#pollTimer?.cancel();
      for (const unlisten of this.#hostListeners) unlisten();
      for (const child of this.#children) child.settle(this.#ending);
      const ending = this.#ending as ExitReport;
      this.#rejectStarted(new TroupeError({ code: ending.code || "SUPERVISOR_STOPPED" }, ending.message));
      this.#resolveExited(ending);
      this.#hooks.changed();
    }
  }

  /** Around the restart of an actor, wherever it is in the tree, those that depend on it are suspended. */
  #suspendDependants(): void {
    if (this.#phase !== "booting" && this.#phase !== "running") return;
    for (const child of this.#leaves()) {
      const { dependsOn } = child.spec;
      if (dependsOn === undefined) continue;
      child.suspend(dependsOn.some((id) => this.#find(id)?.child.isMissed ?? false));
    }
  }

  // --- what children do ---------------------------------------------------------------------------------------------

  #add(spec: ChildSpec | NestedSpec): Child {
    if (this.#children.some((child) => child.id === spec.id)) throw badSpec(spec.id, "its name is taken");
    if (spec.significant) {
      if (spec.restart === "permanent") throw badSpec(spec.id, "a permanent child cannot be significant");
      if ((this.#spec.autoShutdown ?? "never") === "never") {
        throw badSpec(spec.id, "significant needs a supervisor with auto_shutdown");
      }
    }
    const child = new Child("supervisor" in spec ? this.#nestedChild(spec) : spec, this.#hooks.clock, {
      cameUp: (up) => this.#cameUp(up),
      ended: (dead, report, end) => this.#ended(dead, report, end),
      changed: () => this.#hooks.changed(),
      logged: (who, line) => {
        if (line.level === "error" || line.level === "fatal") {
          who.lastError = { at: line.at, code: line.code ?? "", message: line.message };
        }
        this.#hooks.logged(who.id, line);
      },
      warned: (who, code, message) => this.#hooks.warned(who.id, code, message),
      lost: (who) => {
        this.#tell("shutdown_error", who, "SUPERVISOR_UNKILLABLE: it is still there after it was killed");
        who.settle({ kind: "killed", code: "SUPERVISOR_UNKILLABLE", message: `${who.id} cannot be killed` });
        this.#reconcile();
      },
    });
    this.#children.push(child);
    if (child.spec.host !== undefined)
      this.#hostListeners.push(child.spec.host.onUp(() => this.#reconcile()));
    return child;
  }

  #nestedChild({ supervisor, intensity, ...spec }: NestedSpec): ChildSpec {
    return {
      ...spec,
      intensity: intensity ?? SUBTREE_INTENSITY,
      startTimeoutMs: Number.POSITIVE_INFINITY,
      shutdown: { politeMs: Number.POSITIVE_INFINITY, termMs: Number.POSITIVE_INFINITY },
      heartbeat: { warnMs: Number.POSITIVE_INFINITY, deadMs: Number.POSITIVE_INFINITY },
      launch: () => {
        const nested = new Supervisor({ ...supervisor, id: spec.id }, this.#hooks, this);
        this.#nested.set(spec.id, nested);
        return supervisorLife(nested);
      },
    };
  }

  #cameUp(child: Child): void {
    this.#tell("progress", child, "started");
    this.#reconcile();
    this.#hooks.changed();
  }

  #ended(child: Child, report: ExitReport, end: { ordered: boolean; upMs: number | undefined }): void {
    this.#nested.delete(child.id);
    const isFailure = report.kind !== "bye" && report.kind !== "normal";
    const mustEndAnyway = child.bounce || !child.wanted;
    child.bounce = false;
    if (isFailure && !(end.ordered && report.kind === "killed")) {
      const at = new Date(this.#hooks.clock.now()).toISOString();
      child.lastError = { at, code: report.code, message: report.message.slice(0, 500) };
    }
    if (end.ordered || mustEndAnyway) {
      if (isFailure) this.#tell(end.ordered ? "shutdown_error" : "child_terminated", child, reasonOf(report));
      if (!child.wanted) this.#forget(child, report);
    } else {
      this.#failed(child, report, isFailure, end.upMs);
    }
    this.#reconcile();
    this.#hooks.changed();
  }

  /** A child has ended by itself: OTP's decision whether and when it lives again. */
  #failed(child: Child, report: ExitReport, isFailure: boolean, upMs: number | undefined): void {
    const what = upMs === undefined && isFailure ? "start_error" : "child_terminated";
    const isFirstStart = isFailure && !child.hasBeenUp && report.kind !== "lost_host";
    if (isFirstStart && this.#phase === "booting") {
      this.#tell(what, child, reasonOf(report));
      this.#failBoot(child, report);
    } else if (
      isFirstStart ||
      child.spec.restart === "temporary" ||
      (child.spec.restart === "transient" && !isFailure)
    ) {
      this.#tell(what, child, reasonOf(report));
      child.wanted = false;
      this.#forget(child, report, isFirstStart);
      if (child.spec.significant) this.#significantEnded(child);
    } else if (report.kind === "lost_host") {
      // Charged to the host. It starts as soon as the host is back.
      child.restarts++;
      this.#tell(what, child, reasonOf(report));
      this.#bounceGroup(child);
      child.settle(report);
    } else {
      this.#charge(child, report, upMs, what);
      child.settle(report);
    }
  }

  #charge(
    child: Child,
    report: ExitReport,
    upMs: number | undefined,
    what: "start_error" | "child_terminated",
  ): void {
    const nowMs = this.#hooks.clock.monotonicMs();
    const reason = reasonOf(report);
    const { isLimit, waitMs } = child.recordFailure(nowMs, upMs, this.#hooks.random);
    this.#bounceGroup(child);
    this.#tell(what, child, reason, isLimit ? undefined : waitMs);
    if (!isLimit) {
      this.#startAfter(child, waitMs);
      return;
    }
    child.history = NO_FAILURES;
    if (!child.spec.critical) {
      this.#park(child, report);
      return;
    }
    const own = charge(this.#limits, this.#spec.intensity, nowMs);
    this.#limits = own.history;
    this.#tell("reached_max_restart_intensity", child, reason, own.isLimit ? undefined : waitMs);
    if (own.isLimit) {
      const message = `${this.id} gives up because ${child.id} fails again and again: ${reason}`;
      this.#beginEnding({ kind: "error", code: "SUPERVISOR_LIMIT", message });
    } else {
      this.#startAfter(child, waitMs);
    }
  }

  #startAfter(child: Child, waitMs: number): void {
    child.restarts++;
    child.setDue(waitMs, () => this.#reconcile());
  }

  /** Siblings go on without it; it is tried once more after a while, or when an operator says so. */
  #park(child: Child, report: ExitReport): void {
    this.#tell("reached_max_restart_intensity", child, reasonOf(report), PARKED_RETRY_MS);
    if (this.#phase === "booting") {
      this.#failBoot(child, report);
      return;
    }
    child.isParked = true;
    child.setDue(PARKED_RETRY_MS, () => {
      child.isParked = false;
      child.isOnProbation = true;
      child.restarts++;
      this.#reconcile();
    });
  }

  /** Those that must not outlive this child: everybody (`one_for_all`) or those started after it (`rest_for_one`). */
  #bounceGroup(dead: Child): void {
    if (!this.#isGroup()) return;
    const index = this.#children.indexOf(dead);
    const group = this.#spec.strategy === "one_for_all" ? this.#children : this.#children.slice(index + 1);
    for (const child of group) {
      if (child === dead || !child.isAlive) continue;
      if (child.spec.restart === "temporary") child.wanted = false;
      else child.bounce = true;
    }
  }

  #significantEnded(child: Child): void {
    const rule = this.#spec.autoShutdown ?? "never";
    const others = this.#children.some((c) => c !== child && c.spec.significant && (c.wanted || c.isAlive));
    if (rule === "never" || (rule === "all_significant" && others)) return;
    this.#beginEnding({ kind: "normal", code: "", message: `${child.id} has ended, and with it ${this.id}` });
  }

  #failBoot(child: Child, report: ExitReport): void {
    const message = `${child.id} could not start: ${reasonOf(report)}`;
    this.#beginEnding({ kind: "start_failed", code: "SUPERVISOR_BOOT_FAILED", message });
  }

  #beginEnding(ending: ExitReport): void {
    if (this.#phase === "ending" || this.#phase === "ended") return;
    this.#phase = "ending";
    this.#ending = ending;
    this.#hostTimer?.cancel();
    for (const child of this.#children) {
      child.wanted = false;
      child.isParked = false;
      child.clearDue();
    }
    this.#reconcile();
    this.#hooks.changed();
  }

  /** The child does not live again. Temporary and dynamic ones leave the list, the others stand in it as stopped. */
  #forget(child: Child, report: ExitReport, failedToStart = false): void {
    child.settle(report);
    const { strategy } = this.#spec;
    if (child.spec.restart === "temporary" || strategy === "simple_one_for_one" || failedToStart)
      this.#drop(child);
  }

  #drop(child: Child): void {
    const index = this.#children.indexOf(child);
    if (index >= 0) this.#children.splice(index, 1);
  }

  // --- small things -------------------------------------------------------------------------------------------------

  #isGroup(): boolean {
    return this.#spec.strategy === "rest_for_one" || this.#spec.strategy === "one_for_all";
  }

  #armPoll(): void {
    this.#pollTimer = this.#hooks.clock.after(
      this.#hooks.pollMs,
      () => {
        for (const child of [...this.#children]) child.watch();
        if (this.#phase !== "ended") this.#armPoll();
      },
      { background: true },
    );
  }

  #armHostTimer(child: Child): void {
    if (this.#hostTimer !== undefined) return;
    this.#hostTimer = this.#hooks.clock.after(child.spec.startTimeoutMs, () => {
      this.#hostTimer = undefined;
      if (this.#phase !== "booting" || child.phase !== "down" || (child.spec.host?.isUp ?? true)) return;
      const message = `its stage was not up within ${child.spec.startTimeoutMs} ms`;
      this.#failBoot(child, { kind: "start_failed", code: "SUPERVISOR_HOST_DOWN", message });
    });
  }

  #tell(report: ChildReport["report"], child: Child, reason: string, nextRestartInMs?: number): void {
    this.#hooks.report({
      report,
      child: child.id,
      reason,
      restarts: child.restarts,
      ...(nextRestartInMs === undefined ? {} : { nextRestartInMs: Math.round(nextRestartInMs) }),
    });
  }

  #top(): Supervisor {
    return this.#parent === undefined ? this : this.#parent.#top();
  }

  *#leaves(): Generator<Child> {
    for (const child of this.#children) {
      const nested = this.#nested.get(child.id);
      if (nested === undefined) yield child;
      else yield* nested.#leaves();
    }
  }

  #find(id: string): { owner: Supervisor; child: Child } | undefined {
    const child = this.#children.find((candidate) => candidate.id === id);
    if (child !== undefined) return { owner: this, child };
    for (const nested of this.#nested.values()) {
      const found = nested.#find(id);
      if (found !== undefined) return found;
    }
    return undefined;
  }
}
