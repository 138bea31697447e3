/** Structured logs: JSON lines with a level that says who must act, a trace id, and nothing secret. */

export type LogLevel = "trace" | "debug" | "info" | "warn" | "error" | "fatal";

/** error: operator now; warn: operator soon; info: a rare change of state; debug: developer. */
export interface Log {
  debug(message: string, context?: Readonly<Record<string, unknown>>): void;
  info(message: string, context?: Readonly<Record<string, unknown>>): void;
  warn(message: string, context?: Readonly<Record<string, unknown>>): void;
  error(message: string, context?: Readonly<Record<string, unknown>>): void;
  /** A log whose every line carries `context` too. */
  child(context: Readonly<Record<string, unknown>>): Log;
}
