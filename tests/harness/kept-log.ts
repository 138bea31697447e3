/** A log that keeps its lines for the test to read. */
import type { Log } from "../../runtime/log/log.ts";

export interface KeptLine {
  readonly level: "debug" | "info" | "warn" | "error";
  readonly message: string;
  readonly context: Readonly<Record<string, unknown>>;
}

export class KeptLog implements Log {
  readonly lines: KeptLine[];
  readonly #context: Readonly<Record<string, unknown>>;

  constructor(lines: KeptLine[] = [], context: Readonly<Record<string, unknown>> = {}) {
    this.lines = lines;
    this.#context = context;
  }

  debug(message: string, context = {}): void {
    this.#keep("debug", message, context);
  }

  info(message: string, context = {}): void {
    this.#keep("info", message, context);
  }

  warn(message: string, context = {}): void {
    this.#keep("warn", message, context);
  }

  error(message: string, context = {}): void {
    this.#keep("error", message, context);
  }

  child(context: Readonly<Record<string, unknown>>): Log {
    return new KeptLog(this.lines, { ...this.#context, ...context });
  }

  #keep(level: KeptLine["level"], message: string, context: Readonly<Record<string, unknown>>): void {
    this.lines.push({ level, message, context: { ...this.#context, ...context } });
  }
}
