/** What each `worker.ts` calls: hosts one actor in the thread or process it finds itself in, with log, bus and figures, and answers to the supervisor. */
import type { Meter } from "@opentelemetry/api";
import { metrics as metricsApi } from "@opentelemetry/api";
import type { z } from "zod";
import { type Clock, systemClock } from "../runtime/clock.ts";
import { createLog, type Log, type LogDestination, type OwnedLog } from "../runtime/log/log.ts";
import { openLogFile } from "../runtime/log/log-file.ts";
import { LOG_LEVELS, type LogLevel } from "../runtime/log/log-level.ts";
import { createRedaction, type Redaction } from "../runtime/log/redaction.ts";
import { createMetrics, type Metrics, mergeExpositions } from "../runtime/metrics.ts";
import { startTracing, type Tracing } from "../runtime/tracing/tracing.ts";
import type { ActorDefinition, Boot, Crew, CrewPlan, Readiness } from "./actor.ts";
import type { Bus } from "./bus.ts";
import { connectNats } from "./carrier/nats.ts";
import { type ChildRole, type ParentLine, serveParent } from "./child/child-side.ts";
import { ThreadCrew } from "./child/crew.ts";
import { HostedActor } from "./child/hosted.ts";
import { ConnectedBus } from "./connected-bus.ts";
import type { Door } from "./contracts/supervisor.ts";
import type { MountModule } from "./mount.ts";

/** Hosts the actor until its parent stops it or is gone. The only line of a `worker.ts`. */
export function hostActor<S extends z.ZodObject>(definition: ActorDefinition<S>): void {
  serveParent<Boot, void>((parent) => new ActorRole(definition, parent));
}

class ActorRole<S extends z.ZodObject> implements ChildRole<Boot> {
  readonly #parent: ParentLine;
  readonly #hosted: HostedActor<S>;
  #log: OwnedLog | undefined;
  #metrics: Metrics | undefined;
  #tracing: Tracing | undefined;
  #bus: ConnectedBus | undefined;
  readonly #crews: ThreadCrew[] = [];

  constructor(definition: ActorDefinition<S>, parent: ParentLine) {
    this.#parent = parent;
    this.#hosted = new HostedActor(definition, {
      report: (readiness, progress) => parent.report(readiness, progress),
      doors: (doors) => parent.doors(doors),
      finished: () => parent.finish(),
    });
  }

  async start(boot: Boot): Promise<void> {
    const log = createLog({
      actor: boot.actor,
      level: levelOf(boot.log.level),
      destination: destinationOf(boot),
      redaction: redactionOf(boot, boot.log.sensitive),
      report: (report) => this.#parent.logged(report),
    });
    this.#log = log;
    const { actor, instance, version, telemetry } = boot;
    this.#metrics = createMetrics({ actor, instance });
    // Before the bus, which asks for its tracer when it is made.
    this.#tracing = await startTracing({
      ...telemetry,
      actor,
      instance,
      version,
      redaction: redactionOf(boot, telemetry.sensitive),
      log,
    });
    const { meter } = this.#metrics;
    const transport = await connectNats(boot.bus, { connectionName: `${boot.actor}/${boot.host}` });
    this.#bus = new ConnectedBus(transport, {
      log,
      meter,
      instance: boot.instance,
      member: boot.host,
      health: () => this.#hosted.health(),
    });
    await this.#mountAll(boot, this.#bus, log, meter);
    await this.#hosted.start(boot, {
      bus: this.#bus,
      log,
      meter,
      clock: systemClock,
      startCrew: (plan) => this.#startCrew(plan, boot, log),
    });
    log.info("started", { instance: boot.instance, pid: process.pid });
  }

  /** Without a member the bus answers as it always does. */
  async #mountAll({ mounts = [], network }: Boot, bus: ConnectedBus, log: Log, meter: Meter): Promise<void> {
    for (const { contract, entry, dataDirectory, section } of mounts) {
      try {
        const { mount } = (await import(entry)) as MountModule;
        const context = { section, dataDirectory, network, bus, log, meter, clock: systemClock };
        bus.mount(contract, await mount(context));
      } catch (error) {
        log.warn("a member cannot be mounted; the bus is asked", { contract, error });
      }
    }
  }

  async stop(): Promise<void> {
    await this.#hosted.stop();
    await Promise.all(this.#crews.map((crew) => crew.stop()));
    await this.#bus?.close();
    // What cannot be sent any more is lost; the stop is not.
    await Promise.allSettled([this.#tracing?.shutdown(), this.#metrics?.stop()]);
    this.#log?.info("stopped");
    this.#log?.close();
  }

  suspend(): Promise<void> {
    return this.#hosted.suspend();
  }

  resume(): Promise<void> {
    return this.#hosted.resume();
  }

  async metrics(): Promise<string> {
    const own = (await this.#metrics?.collectText()) ?? "";
    if (this.#crews.length === 0) return own;
    const theirs = await Promise.all(this.#crews.map((crew) => crew.metrics()));
    return mergeExpositions([own, ...theirs.flat()]);
  }

  async logLevel(level: string): Promise<void> {
    this.#log?.setLevel(levelOf(level));
    this.#log?.info("the log has another level now", { is: level });
    await Promise.all(this.#crews.map((crew) => crew.logLevel(level)));
  }

  async #startCrew(plan: CrewPlan, boot: Boot, log: Log): Promise<Crew> {
    const crew = await ThreadCrew.start(plan, {
      boot,
      clock: systemClock,
      log,
      logged: (line) => this.#parent.logged(line),
    });
    this.#crews.push(crew);
    return crew;
  }

  lastWords(error: unknown): void {
    this.#log?.error("ends by an error that nothing caught", { error });
    this.#log?.flush();
  }
}

function levelOf(text: string): LogLevel {
  return LOG_LEVELS.find((level) => level === text) ?? "info";
}

/** The same tags in logs and spans; each may be told to let identifiers out as they are. */
function redactionOf({ log: { redactionKey: key } }: Boot, sensitive = false): Redaction {
  return createRedaction({ sensitive, ...(key === undefined ? {} : { key }) });
}

/** Its own file, or stderr, which the supervisor reads and forwards. */
function destinationOf(boot: Boot): LogDestination {
  const path = boot.log.file;
  if (path !== undefined) {
    const { bytesMax, kept } = boot.log;
    return openLogFile({
      path,
      actor: boot.actor,
      ...(bytesMax === undefined ? {} : { bytesMax }),
      ...(kept === undefined ? {} : { kept }),
    });
  }
  return { write: (line) => process.stderr.write(line) };
}

export interface InProcessOptions {
  /** Connected to a `MemoryBroker`, or any other bus. It stays the caller's: `stop` does not close it. */
  readonly bus: Bus;
  readonly dataDirectory: string;
  /** Parsed with the actor's schema; `{}` gives the defaults. */
  readonly section?: unknown;
  readonly instance?: string;
  readonly host?: string;
  readonly network?: string;
  readonly log?: Log;
  readonly clock?: Clock;
  readonly meter?: Meter;
}

/** An actor hosted in this very thread, for tests. */
export interface InProcessActor {
  /** What it has reported, oldest first. */
  readonly reports: readonly { readonly readiness: Readiness; readonly progress: string | undefined }[];
  readonly doors: readonly Door[];
  /** Resolves when the actor has finished by itself, and has been stopped for it. */
  readonly finished: Promise<void>;
  health(): ReturnType<HostedActor["health"]>;
  suspend(): Promise<void>;
  resume(): Promise<void>;
  stop(): Promise<void>;
}

/** Starts an actor without thread or process: `await hostInProcess(makerActor, { bus, dataDirectory })`. Rejects when it cannot start. */
export async function hostInProcess<S extends z.ZodObject>(
  definition: ActorDefinition<S>,
  options: InProcessOptions,
): Promise<InProcessActor> {
  const reports: { readiness: Readiness; progress: string | undefined }[] = [];
  const doors: Door[] = [];
  let resolveFinished: (stopped: Promise<void>) => void = () => {};
  const finished = new Promise<void>((resolve) => {
    resolveFinished = resolve;
  });
  // Whoever does not wait for it must not meet an unhandled rejection.
  finished.catch(() => {});
  const hosted = new HostedActor(definition, {
    report: (readiness, progress) => reports.push({ readiness, progress }),
    doors: (opened) => doors.splice(0, doors.length, ...opened),
    finished: () => resolveFinished(hosted.stop()),
  });
  await hosted.start(
    {
      instance: options.instance ?? "main",
      host: options.host ?? "here",
      section: options.section ?? {},
      dataDirectory: options.dataDirectory,
      network: options.network ?? "regtest",
      version: "0.0.0",
    },
    {
      bus: options.bus,
      log: options.log ?? silentLog(definition.name),
      meter: options.meter ?? metricsApi.getMeter(`troupe.${definition.name}`),
      clock: options.clock ?? systemClock,
    },
  );
  return {
    reports,
    doors,
    finished,
    health: () => hosted.health(),
    suspend: () => hosted.suspend(),
    resume: () => hosted.resume(),
    stop: () => hosted.stop(),
  };
}

function silentLog(actor: string): Log {
  return createLog({ actor, level: "fatal", destination: { write: () => {} } });
}
