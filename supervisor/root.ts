/** The top of one host's troupe: composes bus, stages and actors into a supervised tree, and answers for it. */
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import type { Boot } from "../bus/actor.ts";
import type { LoggedLine } from "../bus/child/controlled.ts";
import type {
  ChildReport,
  ChildState,
  ChildStatus,
  SettableLevel,
  Tree,
} from "../bus/contracts/supervisor.ts";
import type { Clock } from "../runtime/clock.ts";
import { logSection, telemetrySection } from "../runtime/config/config-sections.ts";
import { hasCode, TroupeError } from "../runtime/errors.ts";
import type { Log } from "../runtime/log/log.ts";
import type { BusAccessPlan } from "./access/bus-plan.ts";
import { OwnBus } from "./access/own-bus.ts";
import type { OperatorAccess, Step } from "./admin/protocol.ts";
import type { ChildSpec } from "./child.ts";
import { noSuchChild } from "./errors.ts";
import type { Life } from "./life.ts";
import { BusChild } from "./places/bus-child.ts";
import { mountsOf } from "./plan/mounts.ts";
import { type OwnNode, ownNodeOf } from "./plan/own-node.ts";
import { nestStages, placedSpecs } from "./plan/placed.ts";
import type { PlacedActor, Settings } from "./plan/settings.ts";
import { type ExitReport, ROOT_INTENSITY } from "./spec.ts";
import { createSupervisor, type Supervisor } from "./supervisor.ts";
import { everyCriticalReady, namesIn } from "./tree.ts";
import { StepReader } from "./view/steps.ts";
import { treeMetrics } from "./view/tree-metrics.ts";

export interface RootOptions {
  readonly settings: Settings;
  /** What `preflight` returned. */
  readonly bus: BusAccessPlan;
  readonly version: string;
  readonly clock: Clock;
  readonly log: Log;
  /** Told of each step of a start, a stop, a restart. */
  onStep(step: Step): void;
}

/** How often heartbeats are looked at. */
const POLL_MS = 250;
const OPERATOR = "operator";

export class Root {
  readonly #options: RootOptions;
  readonly #busChild: BusChild;
  readonly #own: OwnBus;
  readonly #supervisor: Supervisor;
  readonly #steps = new StepReader();
  readonly #listeners = new Set<(step: Step) => void>();
  /** Never written down: nobody can try out addresses against an old log. */
  readonly #redactionKey = new Uint8Array(randomBytes(32));
  readonly #startedAt: string;
  readonly #startedMonotonicMs: number;
  /** Known from the start on. */
  #ownNode: OwnNode | undefined;

  constructor(options: RootOptions) {
    const { settings, clock, log, bus } = options;
    this.#options = options;
    this.#startedAt = new Date(clock.now()).toISOString();
    this.#startedMonotonicMs = clock.monotonicMs();
    this.#own = new OwnBus({ clock, log, host: settings.host, onStatus: () => this.#changed() });
    this.#busChild = new BusChild({ plan: bus.plan, users: bus.users, clock });
    this.#supervisor = createSupervisor(
      {
        id: "root",
        strategy: "one_for_one",
        intensity: ROOT_INTENSITY,
        children: [
          this.#busSpec(),
          ...placedSpecs(settings.actors, {
            clock,
            bootOf: (actor) => this.#bootOf(actor),
            directoriesOf: ({ id }) => [join(settings.paths.actors, id), settings.paths.logs],
            // A swapped implementation need not serve anything.
            probeOf: ({ id, isSwapped }) => (isSwapped ? undefined : this.#own.probeOf(id)),
          }),
        ],
      },
      {
        clock,
        random: Math.random,
        pollMs: POLL_MS,
        report: (report) => this.#reported(report),
        changed: () => this.#changed(),
        logged: (child, line) => this.#logged(child, line),
        warned: (child, code, message) => log.warn(message, { child, code }),
      },
    );
  }

  /** Resolves once, when everything is gone: asked to stop, or with why it gave up. */
  get exited(): Promise<ExitReport> {
    return this.#supervisor.exited;
  }

  /** Children left to right; a failure stops those already started and rejects with `SUPERVISOR_BOOT_FAILED`. */
  async start(): Promise<void> {
    const { config, actors, paths } = this.#options.settings;
    const node = actors.find(({ id }) => id === "node");
    this.#ownNode = await ownNodeOf(config, node?.placement, join(paths.actors, "node"));
    if (this.#options.bus.plan.mode === "external") await this.#dialBus();
    await this.#supervisor.start();
  }

  /** Right to left; resolves when all are gone. */
  async stop(): Promise<void> {
    this.#own.stopDialling();
    await this.#supervisor.stop();
    // On a bus that lives on, those on other hosts learn that we went on purpose.
    this.#own.publishTree(this.tree());
    await this.#own.close();
  }

  /** At once, in no order. */
  kill(): void {
    this.#own.stopDialling();
    this.#supervisor.killAll();
  }

  onStep(listener: (step: Step) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * One child; or the bus and all actors, one after the other in the order of their start. Stages only hold others'
   * threads: restarting one too would end those a second time, and not in their order.
   */
  async restart(child: string | undefined): Promise<string[]> {
    const restarted: string[] = [];
    for (const id of child === undefined ? this.#restartable() : [child]) {
      await this.#supervisor.restart(id);
      restarted.push(id);
    }
    return restarted;
  }

  /** Until it is started again, which is as the configuration has it. False where it is not up, or has no log of ours. */
  async logLevel(child: string, level: SettableLevel): Promise<boolean> {
    const names = namesIn(this.#supervisor.statuses());
    if (!names.includes(child)) throw noSuchChild(child, names);
    const life = this.#supervisor.lives().find(({ id }) => id === child)?.life;
    if (life?.logLevel === undefined || !(await life.logLevel(level))) return false;
    this.#options.log.info("another level of a log", { child, level });
    return true;
  }

  tree(): Tree {
    const { settings, version, bus, clock } = this.#options;
    const { status, children } = this.#statuses();
    return {
      host: settings.host,
      version,
      network: settings.network,
      pid: process.pid,
      startedAt: this.#startedAt,
      dataDirectory: settings.paths.root,
      bus: { mode: bus.plan.mode, address: this.#busAddress(), up: this.#own.isUp, jetstream: bus.jetstream },
      // A bus that others run is no child of ours, and nothing works without it.
      ready: status.state === "ready" && this.#own.isUp && everyCriticalReady(children),
      root: {
        ...status,
        startedAt: this.#startedAt,
        uptimeMs: clock.monotonicMs() - this.#startedMonotonicMs,
        heapBytes: process.memoryUsage().heapUsed,
        rssBytes: process.memoryUsage.rss(),
        children: nestStages(children, settings.actors),
      },
    };
  }

  async metrics(): Promise<{ actor: string; text: string }[]> {
    const own = { actor: "supervisor", text: treeMetrics(this.tree().root) };
    const asked = this.#supervisor.lives().map(async ({ id, life }) => {
      // A child that cannot tell its figures now is left out: the others' are worth having.
      const text = await life.metrics().catch(() => "");
      return text === "" ? [] : [{ actor: id, text }];
    });
    return [own, ...(await Promise.all(asked)).flat()];
  }

  /** How `operator` reaches the bus from this machine. */
  operatorAccess(): OperatorAccess {
    const access = this.#options.bus.accessOf(OPERATOR, this.#busChild.servers());
    return { ...access, servers: [...access.servers] };
  }

  #statuses(): { status: ChildStatus; children: ChildStatus[] } {
    const status = this.#supervisor.status();
    return { status, children: status.children };
  }

  #restartable(): string[] {
    return this.#supervisor
      .statuses()
      .filter(({ kind, state }) => kind !== "stage" && state !== "off" && state !== "elsewhere")
      .map(({ id }) => id);
  }

  #busAddress(): string {
    const { plan } = this.#options.bus;
    if (plan.mode === "external") return plan.servers.map(withoutLogin).join(", ");
    // Before it has come up for the first time, a port of its own choice is not known.
    return this.#servers?.join(", ") ?? `nats://${plan.host}:${plan.port}`;
  }

  /** A bus that others run may be far or away: whoever waits sees for what. */
  async #dialBus(): Promise<void> {
    const { clock, onStep } = this.#options;
    const beganMs = clock.monotonicMs();
    onStep({ what: "bus", phase: "begin", verb: "start" });
    try {
      await this.#openOwnBus();
    } catch (thrown) {
      const error = hasCode(thrown, "BUS_UNAVAILABLE") ? unreachable(this.#busAddress(), thrown) : thrown;
      // Who told us to stop dialling needs no excuse.
      if (!hasCode(error, "SUPERVISOR_STOPPED")) {
        onStep({ what: "bus", phase: "failed", verb: "start", detail: (error as Error).message });
      }
      throw error;
    }
    const tookMs = clock.monotonicMs() - beganMs;
    onStep({ what: "bus", phase: "done", verb: "start", tookMs, detail: this.#busAddress() });
  }

  /** The bus counts as started when the supervisor itself is on it: whoever starts next can ask for the tree. */
  #busSpec(): ChildSpec {
    const { spec } = this.#busChild;
    const { launch } = spec;
    if (typeof launch === "string") return spec;
    return { ...spec, launch: (events) => startedAfter(launch(events), () => this.#openOwnBus()) };
  }

  #opened: Promise<void> | undefined;
  #servers: readonly string[] | undefined;

  /** Once: the connection comes back by itself when the broker is started again. */
  #openOwnBus(): Promise<void> {
    const servers = this.#busChild.servers();
    this.#servers = servers;
    this.#opened ??= this.#own
      .open(this.#options.bus.accessOf("supervisor", servers), {
        tree: () => this.tree(),
        metrics: () => this.metrics(),
        restart: (child): Promise<ChildState> => this.#supervisor.restart(child),
        logLevel: (child, level) => this.logLevel(child, level),
      })
      .catch((error: unknown) => {
        this.#opened = undefined;
        throw error;
      });
    return this.#opened;
  }

  #bootOf(actor: PlacedActor): Boot {
    const { settings, bus, version } = this.#options;
    const log = settings.config.get(logSection);
    const telemetry = settings.config.get(telemetrySection);
    return {
      actor: actor.id,
      instance: "main",
      host: settings.host,
      section: actor.startSection?.(settings.config, this.#ownNode) ?? settings.config.get(actor.section),
      bus: bus.accessOf(actor.id, this.#busChild.servers()),
      log: {
        level: log.level,
        file: join(settings.paths.logs, `${actor.id}.log`),
        bytesMax: log.file_bytes,
        kept: log.files_kept,
        sensitive: log.sensitive,
        redactionKey: this.#redactionKey,
      },
      telemetry: {
        otlpEndpoint: telemetry.otlp_endpoint,
        sampleRatio: telemetry.sample_ratio,
        sensitive: telemetry.sensitive,
      },
      dataDirectory: join(settings.paths.actors, actor.id),
      network: settings.network,
      version,
      mounts: mountsOf(actor, settings, this.#ownNode),
    };
  }

  #changed(): void {
    const { clock, onStep } = this.#options;
    for (const step of this.#steps.read(this.#supervisor.statuses(), clock.monotonicMs())) {
      onStep(step);
      for (const listener of [...this.#listeners]) listener(step);
    }
    this.#own.publishTree(this.tree());
  }

  #reported(report: ChildReport): void {
    const { log } = this.#options;
    const { report: what, child, reason, restarts, nextRestartInMs } = report;
    const context = {
      child,
      report: what,
      reason,
      restarts,
      ...(nextRestartInMs === undefined ? {} : { nextRestartInMs }),
    };
    if (what === "progress") log.info(`${child} started`, context);
    else if (what === "reached_max_restart_intensity") log.error(`${child} fails again and again`, context);
    else log.warn(`${child}: ${what.replaceAll("_", " ")}`, context);
    this.#own.publishReport(report);
  }

  /** Actors write their warnings and errors themselves; what else they print, and all of those without a log, stands here. */
  #logged(child: string, line: LoggedLine): void {
    const { log, settings } = this.#options;
    const isActor = settings.actors.some(({ id }) => id === child);
    if (isActor && (line.level === "warn" || line.level === "error")) return;
    const context = { child, ...(line.code === undefined ? {} : { code: line.code }) };
    if (line.level === "info") log.info(line.message, context);
    else if (line.level === "warn") log.warn(line.message, context);
    else log.error(line.message, context);
  }
}

/** The same life, started only when `after` is done too; if that fails the life is killed. */
function startedAfter(life: Life, after: () => Promise<void>): Life {
  const started = life.started.then(after);
  started.catch(() => life.kill());
  return {
    get placement() {
      return life.placement;
    },
    get pid() {
      return life.pid;
    },
    started,
    exited: life.exited,
    stop: () => life.stop(),
    term: () => life.term(),
    kill: () => life.kill(),
    abandon: () => life.abandon(),
    vitals: () => life.vitals(),
    suspend: () => life.suspend(),
    resume: () => life.resume(),
    metrics: () => life.metrics(),
  };
}

/** `by`: the carrier's own words would promise that it comes back by itself; a start does not wait for that. */
function unreachable(address: string, by: Error): TroupeError {
  const reason = by.cause instanceof Error ? by.cause.message : by.message;
  return new TroupeError(
    { code: "SUPERVISOR_BUS_UNREACHABLE", address },
    `The bus at ${address} cannot be reached (${reason}). See that the nats-server runs and [bus] names it; supervisor doctor looks closer`,
    { cause: by },
  );
}

function withoutLogin(server: string): string {
  const url = new URL(server);
  url.username = "";
  url.password = "";
  return url.href.replace(/\/$/, "");
}
