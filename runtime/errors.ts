/** Errors with a stable code and data, which survive threads, processes and the bus as `{code, message, data}`. */

/** A failure: a code `ROOM_WHAT` and, beside it, whatever the caller needs to act on it. */
export interface Failure {
  readonly code: string;
}

/** What crosses a thread, a process or the bus. No stack, no path, no secret. */
export interface WireError {
  readonly code: string;
  readonly message: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** One row of a room's error table; `docs/errors.md` is made from these. */
export interface ErrorEntry {
  readonly meaning: string;
  readonly remedy: string;
}

/** A room's table of error codes, frozen. The keys are the codes, stable for ever once released. */
export function errorTable<const T extends Readonly<Record<string, ErrorEntry>>>(table: T): T {
  return Object.freeze(table);
}

/**
 * An operating error: the world did something that the program cannot mend by itself.
 * After a hop test `code`, never `instanceof`.
 */
export class TroupeError<F extends Failure = Failure> extends Error {
  override readonly name = "TroupeError";
  readonly code: F["code"];
  readonly data: Omit<F, "code">;

  constructor(failure: F, message: string, options?: { cause?: unknown }) {
    super(message, options);
    const { code, ...data } = failure;
    this.code = code;
    this.data = data;
  }

  toWire(): WireError {
    return { code: this.code, message: this.message, data: this.data as Record<string, unknown> };
  }

  static fromWire(wire: WireError): TroupeError {
    return new TroupeError({ ...wire.data, code: wire.code }, wire.message);
  }
}

/** True for any error, from here or from afar, that carries this code. */
export function hasCode<C extends string>(error: unknown, code: C): error is Error & { code: C } {
  return error instanceof Error && (error as { code?: unknown }).code === code;
}

/** Whatever was thrown, as `{code, message, data}`; a foreign error gets `fallbackCode` unless it carries a code. */
export function toWireError(thrown: unknown, fallbackCode = "RUNTIME_UNEXPECTED"): WireError {
  if (thrown instanceof TroupeError) return thrown.toWire();
  if (thrown instanceof Error) {
    const code = (thrown as { code?: unknown }).code;
    return { code: typeof code === "string" ? code : fallbackCode, message: thrown.message, data: {} };
  }
  return { code: fallbackCode, message: String(thrown), data: {} };
}

/** Throws when an invariant of the program is broken. The thread dies and the supervisor starts it again. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new Error(`broken invariant: ${message}`);
}
