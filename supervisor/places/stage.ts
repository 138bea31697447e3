/** A process that holds threads: a child of its supervisor itself, and the host of others. When it dies, all of its threads have lost their host. */
import type { Clock } from "../../runtime/clock.ts";
import { TroupeError } from "../../runtime/errors.ts";
import type { Host, Launch } from "../life.ts";
import type { ControlledLife } from "./controlled-life.ts";
import { launchProcess } from "./process.ts";
import { type SlotListener, stageParent, threadVitals } from "./stage-wire.ts";
import { StagedThread } from "./staged-thread.ts";
import type { ThreadPlan } from "./thread.ts";

export interface StageOptions {
  readonly name: string;
  readonly clock: Clock;
  readonly startTimeoutMs: number;
  /** Heap of the stage's own main thread. */
  readonly heapMb?: number;
}

export class Stage implements Host {
  readonly #options: StageOptions;
  readonly #listeners = new Set<() => void>();
  readonly #slots = new Map<number, SlotListener>();
  #nextSlot = 0;
  #life: ControlledLife | undefined;
  #isUp = false;

  constructor(options: StageOptions) {
    this.#options = options;
  }

  get isUp(): boolean {
    return this.#isUp;
  }

  onUp(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** The stage as a child. */
  readonly launch: Launch = (events) => {
    const { name, clock, startTimeoutMs, heapMb } = this.#options;
    const life = launchProcess(
      {
        id: name,
        entry: new URL("./stage-host.js", import.meta.url),
        boot: () => undefined,
        startTimeoutMs,
        clock,
        alsoExposed: stageParent((slot) => this.#slots.get(slot)),
        onPong: (answer) => {
          for (const [slot, vitals] of threadVitals(answer)) this.#slots.get(slot)?.saw(vitals);
        },
        ...(heapMb === undefined ? {} : { heapMb }),
      },
      events,
    );
    this.#life = life;
    life.started.then(
      () => {
        if (this.#life !== life) return;
        this.#isUp = true;
        for (const listener of [...this.#listeners]) listener();
      },
      // The end of this life tells of it.
      () => {},
    );
    void life.exited.then((report) => {
      this.#isUp = false;
      const message = `${name} ended: ${report.code || report.kind}: ${report.message}`;
      for (const thread of [...this.#slots.values()]) {
        thread.exited({ kind: "lost_host", code: "SUPERVISOR_LOST_HOST", message });
      }
    });
    return life;
  };

  /** A child whose lives are threads of this stage. Launched only while `isUp`. */
  thread(plan: ThreadPlan): Launch {
    return (events) => {
      const stage = this.#life;
      if (stage === undefined) throw hostDown(this.#options.name);
      const slot = this.#nextSlot++;
      const life = new StagedThread({ stageName: this.#options.name, stage, slot, events });
      this.#slots.set(slot, life.listener);
      void life.exited.then(() => this.#slots.delete(slot));
      const { id, entry, startTimeoutMs, heapMb } = plan;
      const heap = heapMb === undefined ? {} : { heapMb };
      life.launch({ id, entry: entry.href, startTimeoutMs, ...heap }, plan.boot());
      return life;
    };
  }
}

function hostDown(name: string): TroupeError {
  return new TroupeError({ code: "SUPERVISOR_HOST_DOWN", stage: name }, `The stage "${name}" is not up.`);
}
