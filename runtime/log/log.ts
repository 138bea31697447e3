/** Structured logs: JSON lines with a level that says who must act, a trace id, and nothing secret. */
import { isSpanContextValid, trace } from "@opentelemetry/api";
import { pino } from "pino";
import { type Clock, systemClock } from "../clock.ts";
import { TokenBucket } from "../limits.ts";
import type { LogLevel } from "./log-level.ts";
import { printableRecord, printableText } from "./printable.ts";
import { createRedaction, type Redaction } from "./redaction.ts";

/** error: operator now; warn: operator soon; info: a rare change of state; debug: developer. */
export interface Log {
  debug(message: string, context?: Readonly<Record<string, unknown>>): void;
  info(message: string, context?: Readonly<Record<string, unknown>>): void;
  warn(message: string, context?: Readonly<Record<string, unknown>>): void;
  error(message: string, context?: Readonly<Record<string, unknown>>): void;
  /** A log whose every line carries `context` too. */
  child(context: Readonly<Record<string, unknown>>): Log;
}

/** Where lines go. `write` gets one whole line with its newline and never throws. */
export interface LogDestination {
  write(line: string): void;
  flush?(): void;
  close?(): void;
}

/** A line of level warn or above, told to the supervisor beside being written. */
export interface LogReport {
  readonly level: "warn" | "error";
  /** The code of the `error` in the context, or its `code`. */
  readonly code?: string;
  readonly message: string;
  /** ISO time. */
  readonly at: string;
  /** How many reports were left out before this one because there were too many. */
  readonly suppressed?: number;
}

export interface LogOptions {
  readonly actor: string;
  readonly level: LogLevel;
  readonly destination: LogDestination;
  readonly report?: (report: LogReport) => void;
  readonly redaction?: Redaction;
  readonly clock?: Clock;
}

export interface OwnedLog extends Log {
  /** From now on, for its children too. */
  setLevel(level: LogLevel): void;
  flush(): void;
  /** What is logged afterwards is dropped. */
  close(): void;
}

/** A line is at most 16 KiB: message, bindings and context are given shares of it, the rest is names and time. */
export const LOG_LINE_BYTES_MAX = 16 * 1024;
const MESSAGE_CHARS_MAX = 640;
const BINDINGS_BYTES_MAX = 4 * 1024;
const CONTEXT_BYTES_MAX = 9 * 1024;

/** Reports share the control port with heartbeats: a storm of warnings must not drown those. */
const REPORTS_BURST = 20;
const REPORTS_PER_SECOND = 2;

/** Names that the line itself uses; a context that brings its own gets an underscore behind. */
const RESERVED = new Set(["time", "level", "actor", "message", "trace_id"]);

type Fields = Readonly<Record<string, unknown>>;
const NO_FIELDS: Fields = Object.freeze({});

export function createLog(options: LogOptions): OwnedLog {
  return new ActorLog(new Sink(options));
}

class BoundLog implements Log {
  protected readonly sink: Sink;
  readonly #bindings: Fields;

  constructor(sink: Sink, bindings: Fields) {
    this.sink = sink;
    this.#bindings = bindings;
  }

  debug(message: string, context?: Fields): void {
    this.sink.write("debug", message, this.#bindings, context);
  }

  info(message: string, context?: Fields): void {
    this.sink.write("info", message, this.#bindings, context);
  }

  warn(message: string, context?: Fields): void {
    this.sink.write("warn", message, this.#bindings, context);
  }

  error(message: string, context?: Fields): void {
    this.sink.write("error", message, this.#bindings, context);
  }

  child(context: Fields): Log {
    return new BoundLog(this.sink, this.sink.bind(this.#bindings, context));
  }
}

class ActorLog extends BoundLog implements OwnedLog {
  constructor(sink: Sink) {
    super(sink, NO_FIELDS);
  }

  setLevel(level: LogLevel): void {
    this.sink.setLevel(level);
  }

  flush(): void {
    this.sink.flush();
  }

  close(): void {
    this.sink.close();
  }
}

/** What a log and its children share: the pino instance, the rules of redaction, the way to the supervisor. */
class Sink {
  readonly #pino: pino.Logger;
  readonly #destination: LogDestination;
  readonly #redaction: Redaction;
  readonly #clock: Clock;
  readonly #report: ((report: LogReport) => void) | undefined;
  readonly #reports: TokenBucket;
  #suppressed = 0;
  #isClosed = false;

  constructor(options: LogOptions) {
    this.#destination = options.destination;
    this.#redaction = options.redaction ?? createRedaction();
    this.#clock = options.clock ?? systemClock;
    this.#report = options.report;
    this.#reports = new TokenBucket({
      clock: this.#clock,
      burst: REPORTS_BURST,
      perSecond: REPORTS_PER_SECOND,
    });
    this.#pino = pino(
      {
        level: options.level,
        base: { actor: printableText(options.actor, 64) },
        messageKey: "message",
        timestamp: () => `,"time":"${new Date(this.#clock.now()).toISOString()}"`,
        formatters: { level: (label) => ({ level: label }) },
        mixin: traceFields,
      },
      { write: (line: string) => this.#destination.write(line) },
    );
  }

  /** The bindings of a child: checked once, then part of each of its lines. */
  bind(bindings: Fields, context: Fields): Fields {
    return this.#printable({ ...bindings, ...context }, BINDINGS_BYTES_MAX);
  }

  write(
    level: "debug" | "info" | "warn" | "error",
    message: string,
    bindings: Fields,
    context?: Fields,
  ): void {
    if (this.#isClosed || !this.#pino.isLevelEnabled(level)) return;
    const text = printableText(message, MESSAGE_CHARS_MAX);
    const fields =
      context === undefined ? bindings : { ...bindings, ...this.#printable(context, CONTEXT_BYTES_MAX) };
    this.#pino[level](fields, text);
    if (level === "warn" || level === "error") this.#tell(level, text, fields);
  }

  setLevel(level: LogLevel): void {
    this.#pino.level = level;
  }

  flush(): void {
    this.#destination.flush?.();
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#destination.flush?.();
    this.#destination.close?.();
  }

  #printable(context: Fields, bytesMax: number): Fields {
    const printable = printableRecord(context, this.#redaction, bytesMax);
    for (const key of RESERVED) {
      if (!(key in printable)) continue;
      printable[`${key}_`] = printable[key];
      delete printable[key];
    }
    return printable;
  }

  #tell(level: "warn" | "error", message: string, fields: Fields): void {
    if (this.#report === undefined) return;
    if (!this.#reports.take()) {
      this.#suppressed++;
      return;
    }
    const code = codeOf(fields["error"]) ?? codeOf(fields);
    const report: LogReport = {
      level,
      message,
      at: new Date(this.#clock.now()).toISOString(),
      ...(code === undefined ? {} : { code }),
      ...(this.#suppressed === 0 ? {} : { suppressed: this.#suppressed }),
    };
    this.#suppressed = 0;
    try {
      this.#report(report);
    } catch {
      // The port to the supervisor may be closing. The line is written; logging must not fail over its echo.
    }
  }
}

/** The trace to which the line belongs, where there is one: what Jaeger is asked for. */
function traceFields(): object {
  const context = trace.getActiveSpan()?.spanContext();
  return context !== undefined && isSpanContextValid(context) ? { trace_id: context.traceId } : {};
}

function codeOf(fields: unknown): string | undefined {
  if (typeof fields !== "object" || fields === null) return undefined;
  const code = (fields as { code?: unknown }).code;
  return typeof code === "string" ? code : undefined;
}
