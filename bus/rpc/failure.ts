/** How calls fail: the decimal numbers of the bus's codes, what may be tried again, and the error that a caller catches. */
import { TroupeError, type WireError } from "../../runtime/errors.ts";
import type { BusErrorCode, BusFailure, Outcome } from "../errors.ts";

/** ADR-32 wants a decimal number; these are HTTP's where HTTP has one. A contract's own refusals are 422. */
const NUMBERS: Readonly<Partial<Record<string, number>>> = Object.freeze({
  BUS_BAD_REQUEST: 400,
  BUS_UNAUTHENTICATED: 401,
  BUS_FORBIDDEN: 403,
  BUS_NOT_FOUND: 404,
  BUS_CONFLICT: 409,
  BUS_PRECONDITION: 412,
  BUS_TOO_LARGE: 413,
  BUS_CONTRACT_MISMATCH: 426,
  BUS_BUSY: 429,
  BUS_INTERNAL: 500,
  BUS_UNAVAILABLE: 503,
  BUS_DEADLINE: 504,
} satisfies Partial<Record<BusErrorCode, number>>);

const REFUSAL_NUMBER = 422;

export function numberOf(code: string): number {
  return NUMBERS[code] ?? REFUSAL_NUMBER;
}

/**
 * An error that a call over the bus ended with. It is a class of its own only so that a service can
 * tell what its handler decided from what a nested call brought home.
 */
export class CallError extends TroupeError {
  readonly outcome: Outcome | undefined;

  constructor(wire: WireError) {
    super({ ...wire.data, code: wire.code }, wire.message);
    const { outcome } = wire.data;
    this.outcome =
      outcome === "not_executed" || outcome === "executed" || outcome === "unknown" ? outcome : undefined;
  }
}

/** A wire error of the bus itself. */
export function busFailure(
  code: BusErrorCode,
  message: string,
  outcome: Outcome,
  more: {
    readonly retryable?: boolean;
    readonly retryAfterMs?: number;
    readonly traceId?: string | undefined;
  } = {},
): WireError {
  const data: Omit<BusFailure, "code"> = {
    outcome,
    retryable: more.retryable ?? false,
    ...(more.retryAfterMs === undefined ? {} : { retryAfterMs: more.retryAfterMs }),
    ...(more.traceId === undefined ? {} : { traceId: more.traceId }),
  };
  return { code, message, data };
}

/**
 * May the same request be sent once more? Not executed and refused for the moment: yes. Outcome unknown: only because
 * every method is either idempotent or keyed, and after an unforeseen failure only with a key, which the callee runs once.
 */
export function mayRetry(error: CallError, isKeyed: boolean): boolean {
  switch (error.code) {
    case "BUS_BUSY":
    case "BUS_UNAVAILABLE":
      return true;
    case "BUS_INTERNAL":
      return isKeyed;
    default:
      return false;
  }
}
