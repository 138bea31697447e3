/** An actor's crew: threads of its own that stand beside it on the bus, started, watched and started again by the actor's own host. */
import { Worker } from "node:worker_threads";
import type { Clock, Timer } from "../../runtime/clock.ts";
import { ControlLink, threadPort } from "../../runtime/control.ts";
import { TroupeError } from "../../runtime/errors.ts";
import { BeatWatch, createBeat } from "../../runtime/heartbeat.ts";
import type { Log } from "../../runtime/log/log.ts";
import { withLabel } from "../../runtime/metrics.ts";
import type { Boot, Crew, CrewPlan } from "../actor.ts";
import { type ControlledChild, checkedParentSide, type LoggedLine } from "./controlled.ts";

export interface CrewParts {
  /** The actor's own; each thread's is made of it. */
  readonly boot: Boot;
  readonly clock: Clock;
  readonly log: Log;
  /** The actor's parent hears what its threads warn of. */
  readonly logged: (line: LoggedLine) => void;
}

const START_DEADLINE_MS = 60_000;
const STOP_DEADLINE_MS = 20_000;
const METRICS_DEADLINE_MS = 2_000;
const WATCH_INTERVAL_MS = 1_000;
/** A starved machine is slow; a thread that does not turn its loop for so long does not turn it any more. */
const SILENT_MS_MAX = 30_000;
const RESTART_MS_MIN = 100;
const RESTART_MS_MAX = 10_000;
/** Who has lived so long has not died of its start. */
const LONG_LIFE_MS = 60_000;
const TOKEN_LENGTH_MAX = 48;

export class ThreadCrew implements Crew {
  readonly #plan: CrewPlan;
  readonly #mates: readonly Mate[];
  #stopping: Promise<void> | undefined;

  private constructor(plan: CrewPlan, parts: CrewParts) {
    this.#plan = plan;
    this.#mates = Array.from({ length: plan.count }, (_, i) => {
      const id = `${plan.name}-${i + 1}`;
      return new Mate(id, plan.entry, bootOf(parts.boot, id, plan.section), parts, () => this.#changed());
    });
  }

  /** Resolves when all threads work; rejects, and leaves none behind, when one cannot start. */
  static async start(plan: CrewPlan, parts: CrewParts): Promise<ThreadCrew> {
    const crew = new ThreadCrew(plan, parts);
    const starts = await Promise.allSettled(crew.#mates.map((mate) => mate.start()));
    const failed = starts.find((start) => start.status === "rejected");
    if (failed === undefined) return crew;
    await crew.stop();
    throw failed.reason;
  }

  get running(): number {
    return this.#mates.filter(({ isUp }) => isUp).length;
  }

  /** What each thread measures, told apart by the label `thread`. */
  async metrics(): Promise<string[]> {
    return Promise.all(this.#mates.map((mate) => mate.metrics()));
  }

  /** Those that are started later write as the configuration has it. */
  async logLevel(level: string): Promise<void> {
    await Promise.all(this.#mates.map((mate) => mate.logLevel(level)));
  }

  stop(): Promise<void> {
    this.#stopping ??= Promise.all(this.#mates.map((mate) => mate.stop())).then(() => {});
    return this.#stopping;
  }

  #changed(): void {
    if (this.#stopping === undefined) this.#plan.onChange?.(this.running);
  }
}

/** A name of its own on the bus and in the logs; all else is the actor's. */
function bootOf(boot: Boot, id: string, section: unknown): Boot {
  const file = boot.log.file?.replace(/(\.log)?$/, `-${id}.log`);
  const host = `${boot.host.slice(0, TOKEN_LENGTH_MAX - id.length - 1)}-${id}`;
  return { ...boot, host, section, log: { ...boot.log, file } };
}

interface MateLife {
  readonly worker: Worker;
  readonly link: ControlLink<ControlledChild>;
  readonly exited: Promise<void>;
}

/** One place in the crew: the thread that fills it now, and the next one when that dies. */
class Mate {
  readonly #id: string;
  readonly #entry: URL;
  readonly #boot: Boot;
  readonly #parts: CrewParts;
  readonly #onChange: () => void;
  #life: MateLife | undefined;
  #restarting: Timer | undefined;
  #restartMs = RESTART_MS_MIN;
  #isStopping = false;
  isUp = false;

  constructor(id: string, entry: URL, boot: Boot, parts: CrewParts, onChange: () => void) {
    this.#id = id;
    this.#entry = entry;
    this.#boot = boot;
    this.#parts = parts;
    this.#onChange = onChange;
  }

  async start(): Promise<void> {
    const life = this.#launch();
    await life.link.call("start", [this.#boot], START_DEADLINE_MS);
    this.isUp = true;
    this.#onChange();
  }

  async stop(): Promise<void> {
    this.#isStopping = true;
    this.#restarting?.cancel();
    const life = this.#life;
    if (life === undefined) return;
    // A refusal or silence: then it is ended without being asked.
    await life.link.call("stop", [], STOP_DEADLINE_MS).catch(() => {});
    void life.worker.terminate().catch(() => {}); // the exit event is what counts
    await life.exited;
  }

  async metrics(): Promise<string> {
    if (this.#life === undefined || !this.isUp) return "";
    // A thread that is busy or dies meanwhile has no figures this time.
    const text = await this.#life.link.call("metrics", [], METRICS_DEADLINE_MS).catch(() => "");
    return withLabel(text, "thread", this.#id);
  }

  async logLevel(level: string): Promise<void> {
    if (this.#life === undefined || !this.isUp) return;
    // One that dies meanwhile writes as the configuration has it when it comes again.
    await this.#life.link.call("logLevel", [level], METRICS_DEADLINE_MS).catch(() => {});
  }

  #launch(): MateLife {
    const { clock, logged } = this.#parts;
    const beat = createBeat();
    const startedMs = clock.monotonicMs();
    const worker = new Worker(this.#entry, {
      name: this.#id,
      workerData: { beat },
      env: {},
      argv: [],
      execArgv: [],
    });
    const side = checkedParentSide({
      report: () => {}, // the actor speaks for its crew
      doors: () => {},
      logged,
      bye: () => {},
    });
    const link = new ControlLink<ControlledChild>(threadPort(worker), "parent", side, clock);
    const watch = new BeatWatch(beat, clock);
    let watching: Timer;
    const look = () => {
      if (watch.ageMs() > SILENT_MS_MAX && this.isUp) {
        this.#parts.log.error("a thread is silent and is ended", { thread: this.#id });
        void worker.terminate().catch(() => {}); // the exit event is what counts
      }
      watching = clock.after(WATCH_INTERVAL_MS, look, { background: true });
    };
    watching = clock.after(WATCH_INTERVAL_MS, look, { background: true });
    let error: unknown;
    worker.on("error", (thrown: unknown) => {
      error = thrown;
    });
    // A message that cannot be read is a call that will meet its deadline.
    worker.on("messageerror", () => {});
    const exited = new Promise<void>((resolve) => {
      worker.on("exit", (exitCode) => {
        watching.cancel();
        link.close(new TroupeError({ code: "RUNTIME_CONTROL_CLOSED" }, `${this.#id} has ended`));
        this.#ended(clock.monotonicMs() - startedMs, exitCode, error);
        resolve();
      });
    });
    this.#life = { worker, link, exited };
    return this.#life;
  }

  #ended(livedMs: number, exitCode: number, error: unknown): void {
    const wasUp = this.isUp;
    this.#life = undefined;
    this.isUp = false;
    if (wasUp) this.#onChange();
    if (this.#isStopping) return;
    if (livedMs > LONG_LIFE_MS) this.#restartMs = RESTART_MS_MIN;
    const { log, clock } = this.#parts;
    log.error("a thread died; it is started again", {
      thread: this.#id,
      exitCode,
      error,
      inMs: this.#restartMs,
    });
    this.#restarting = clock.after(this.#restartMs, () => {
      this.start().catch(() => {
        // Its end has been seen, or is brought about here, and leads to the next attempt.
        void this.#life?.worker.terminate().catch(() => {});
      });
    });
    this.#restartMs = Math.min(RESTART_MS_MAX, this.#restartMs * 2);
  }
}
