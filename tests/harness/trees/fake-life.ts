/** Children that are nothing but promises, for tests of the supervisor on a manual clock: they come up, fail and die when told. */
import type { Launch, Life, LifeEvents } from "../../../supervisor/life.ts";
import type { ExitReport, Vitals } from "../../../supervisor/spec.ts";

/** How the lives of one fake child behave unless a test says otherwise. */
export interface FakeTemper {
  /** `up`: starts at once. `held`: waits for `comeUp` or `failStart`. */
  start: "up" | "held";
  /** `bye`: ends at once when asked. `deaf`: only `kill` helps. `unkillable`: not even that. */
  stop: "bye" | "deaf" | "unkillable";
}

/** One child over all its lives. */
export class FakeChild {
  readonly id: string;
  readonly temper: FakeTemper = { start: "up", stop: "bye" };
  readonly lives: FakeLife[] = [];
  /** Everything that all fakes of a test did, in order. */
  readonly #journal: string[];

  constructor(id: string, journal: string[] = []) {
    this.id = id;
    this.#journal = journal;
  }

  get life(): FakeLife {
    const life = this.lives.at(-1);
    if (life === undefined) throw new Error(`${this.id} has not been launched`);
    return life;
  }

  get living(): number {
    return this.lives.filter((life) => !life.isOver).length;
  }

  readonly launch: Launch = (events) => {
    this.#journal.push(`launch ${this.id}`);
    const life = new FakeLife(this.id, this.temper, events, this.#journal);
    this.lives.push(life);
    return life;
  };
}

export class FakeLife implements Life {
  readonly placement = "fake";
  readonly pid = undefined;
  readonly events: LifeEvents;
  readonly started: Promise<void>;
  readonly exited: Promise<ExitReport>;
  readonly calls: string[] = [];
  heartbeatAgeMs = 0;
  isOver = false;
  shift: () => Promise<void> = () => Promise.resolve();
  readonly #id: string;
  readonly #temper: FakeTemper;
  readonly #journal: string[];
  #resolveStarted!: () => void;
  #rejectStarted!: (error: Error) => void;
  #resolveExited!: (report: ExitReport) => void;

  constructor(id: string, temper: FakeTemper, events: LifeEvents, journal: string[]) {
    this.#id = id;
    this.#temper = temper;
    this.#journal = journal;
    this.events = events;
    this.started = new Promise((resolve, reject) => {
      this.#resolveStarted = resolve;
      this.#rejectStarted = reject;
    });
    this.exited = new Promise((resolve) => {
      this.#resolveExited = resolve;
    });
    if (temper.start === "up") this.comeUp();
  }

  comeUp(): void {
    this.#resolveStarted();
  }

  failStart(message = "no luck"): void {
    this.#rejectStarted(new Error(message));
    this.die({ kind: "start_failed", code: "SUPERVISOR_START_FAILED", message });
  }

  die(report: Partial<ExitReport> = {}): void {
    if (this.isOver) return;
    this.isOver = true;
    this.#journal.push(`end ${this.#id}`);
    this.#resolveExited({ kind: "error", code: "SUPERVISOR_CHILD_THREW", message: "boom", ...report });
  }

  stop(): void {
    this.calls.push("stop");
    if (this.#temper.stop === "bye") this.die({ kind: "bye", code: "", message: "bye" });
  }

  term(): void {
    this.calls.push("term");
  }

  kill(): void {
    this.calls.push("kill");
    if (this.#temper.stop !== "unkillable") {
      this.die({ kind: "killed", code: "SUPERVISOR_KILLED", message: "killed" });
    }
  }

  abandon(): void {
    this.calls.push("abandon");
  }

  vitals(): Vitals {
    return { heartbeatAgeMs: this.heartbeatAgeMs };
  }

  suspend(): Promise<void> {
    this.calls.push("suspend");
    return this.shift();
  }

  resume(): Promise<void> {
    this.calls.push("resume");
    return this.shift();
  }

  metrics(): Promise<string> {
    return Promise.resolve(`up{actor="${this.#id}"} 1\n`);
  }
}

/** Lets every promise that can settle do so. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 30; turn++) await Promise.resolve();
}
