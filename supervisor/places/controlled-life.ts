/** The part that lives in threads and processes have in common: the control link, the farewell, the pings, the exit report. */
import {
  type ChildVitals,
  ChildVitalsSchema,
  type ControlledChild,
  checkedParentSide,
} from "../../bus/child/controlled.ts";
import type { Clock, Timer } from "../../runtime/clock.ts";
import { ControlLink, type ControlPort } from "../../runtime/control.ts";
import { TroupeError, toWireError } from "../../runtime/errors.ts";
import { SilenceMeter } from "../../runtime/heartbeat.ts";
import type { Life, LifeEvents } from "../life.ts";
import type { ExitReport, Vitals } from "../spec.ts";
import { classifyExit, type ExitFacts } from "./exit.ts";

/** What carries a life, and the means that end it. */
export interface Vessel {
  readonly port: ControlPort;
  readonly pid: number | undefined;
  placement(): string;
  /** The age of a heartbeat that needs no messages; 0 where there is none. */
  beatAgeMs(): number;
  term(): void;
  kill(): void;
  abandon(): void;
}

export interface ControlledLifeOptions<B> {
  readonly vessel: Vessel;
  readonly boot: B;
  readonly events: LifeEvents;
  readonly clock: Clock;
  readonly startTimeoutMs: number;
  /** More methods that the child may call, beside those of `ParentSide`. */
  readonly alsoExposed?: object;
  /** Called with the raw answer of each ping, before it is read as vitals. */
  readonly onPong?: (answer: unknown) => void;
}

const PING_INTERVAL_MS = 1_000;
const PING_DEADLINE_MS = 60_000;
const ORDER_DEADLINE_MS = 5_000;
/** A child that has refused to start ends by itself; it is helped along after this time. */
const FAILED_START_GRACE_MS = 500;

type Seen = Pick<ExitFacts, "error" | "exitCode" | "signal">;

export class ControlledLife<B = unknown> implements Life {
  readonly started: Promise<unknown>;
  readonly exited: Promise<ExitReport>;
  readonly link: ControlLink<ControlledChild<B, unknown>>;
  readonly #vessel: Vessel;
  readonly #clock: Clock;
  readonly #silence: SilenceMeter;
  readonly #onPong: ((answer: unknown) => void) | undefined;
  #resolveExited!: (report: ExitReport) => void;
  #pinging: Timer | undefined;
  #vitals: ChildVitals = {};
  #fatal: { code?: string | undefined; message: string } | undefined;
  #startFailure: ExitFacts["startFailure"];
  #wasAskedToStop = false;
  #wasKilled = false;
  #saidBye = false;
  #closedPort = false;
  #isOver = false;

  constructor(options: ControlledLifeOptions<B>) {
    this.#vessel = options.vessel;
    this.#clock = options.clock;
    this.#onPong = options.onPong;
    this.#silence = new SilenceMeter(options.clock);
    this.exited = new Promise((resolve) => {
      this.#resolveExited = resolve;
    });
    const { events } = options;
    const side = checkedParentSide({
      report: events.report,
      doors: events.doors,
      logged: (line) => {
        if (line.level === "fatal") this.#fatal = line;
        events.logged(line);
      },
      bye: () => {
        this.#saidBye = true;
      },
    });
    this.link = new ControlLink(
      options.vessel.port,
      "parent",
      { ...side, ...options.alsoExposed },
      options.clock,
    );
    this.started = this.link.call("start", [options.boot], options.startTimeoutMs);
    this.started.then(
      () => this.#silence.heard(),
      (thrown) => {
        // When the link was closed the life ended first, and that end is the story.
        if (this.link.isClosed) return;
        const { code, message } = toWireError(thrown, "SUPERVISOR_START_FAILED");
        this.#startFailure = {
          code: code === "RUNTIME_UNEXPECTED" ? "SUPERVISOR_START_FAILED" : code,
          message,
        };
        this.#clock.after(FAILED_START_GRACE_MS, () => options.vessel.kill(), { background: true });
      },
    );
    this.#ping();
  }

  get placement(): string {
    return this.#vessel.placement();
  }

  get pid(): number | undefined {
    return this.#vessel.pid;
  }

  /** What the vessel saw of the end; the first call counts. */
  end(seen: Seen): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#pinging?.cancel();
    this.link.close(new TroupeError({ code: "RUNTIME_CONTROL_CLOSED" }, `${this.placement} has ended`));
    this.#resolveExited(
      classifyExit({
        ...seen,
        error: this.#fatal ?? seen.error,
        startFailure: this.#startFailure,
        wasAskedToStop: this.#wasAskedToStop,
        wasKilled: this.#wasKilled,
        saidBye: this.#saidBye,
        closedPort: this.#closedPort,
      }),
    );
  }

  /** The vessel has seen the channel closed while the child goes on. */
  portClosed(): void {
    if (this.#isOver || this.#saidBye) return;
    this.#closedPort = true;
    this.#vessel.kill();
  }

  stop(): void {
    this.#wasAskedToStop = true;
    // The end of the child is the answer; a refusal leads to the next step of the sequence.
    this.link.call("stop", [], PING_DEADLINE_MS).catch(() => {});
  }

  term(): void {
    this.#wasKilled = true;
    this.#vessel.term();
  }

  kill(): void {
    this.#wasKilled = true;
    this.#vessel.kill();
  }

  abandon(): void {
    this.#vessel.abandon();
  }

  vitals(): Vitals {
    const heartbeatAgeMs = Math.max(this.#vessel.beatAgeMs(), this.#silence.look());
    return { ...defined(this.#vitals), heartbeatAgeMs };
  }

  suspend(): Promise<void> {
    return this.link.call("suspend", [], ORDER_DEADLINE_MS);
  }

  resume(): Promise<void> {
    return this.link.call("resume", [], ORDER_DEADLINE_MS);
  }

  metrics(): Promise<string> {
    return this.link
      .call("metrics", [], ORDER_DEADLINE_MS)
      .then((text) => String(text).slice(0, METRICS_CHARS_MAX));
  }

  logLevel(level: string): Promise<boolean> {
    return this.link.call("logLevel", [level], ORDER_DEADLINE_MS);
  }

  /** One ping at a time: the next one when the last has been answered. */
  #ping(): void {
    this.#pinging = this.#clock.after(
      PING_INTERVAL_MS,
      () => {
        this.link.call("ping", [], PING_DEADLINE_MS).then(
          (answer) => {
            this.#silence.heard();
            this.#onPong?.(answer);
            const vitals = ChildVitalsSchema.safeParse(answer);
            if (vitals.success) this.#vitals = vitals.data;
            if (!this.#isOver) this.#ping();
          },
          () => {
            if (!this.#isOver) this.#ping();
          },
        );
      },
      { background: true },
    );
  }
}

const METRICS_CHARS_MAX = 1024 * 1024;

function defined(vitals: ChildVitals): Omit<Vitals, "heartbeatAgeMs"> {
  return Object.fromEntries(Object.entries(vitals).filter(([, value]) => value !== undefined));
}
