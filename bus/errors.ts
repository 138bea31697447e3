/** Every error code of the bus: what it means and what to do. Shared by carriers, broker and the typed calls above them. */
import { errorTable } from "../runtime/errors.ts";

export const busErrors = errorTable({
  BUS_BAD_REQUEST: {
    meaning:
      "The request does not fit the method's schema or its headers cannot be read. It was not executed.",
    remedy: "Correct the caller; sending the same again gives the same answer.",
  },
  BUS_TOO_LARGE: {
    meaning: "The message is larger than the bus or the method allows. It was not executed.",
    remedy: "Send less, or in pieces; replies that are too large travel as bulk transfers by themselves.",
  },
  BUS_UNAUTHENTICATED: {
    meaning: "The broker or the callee does not accept who the caller says it is, or the wallet is locked.",
    remedy: "Check that the nkey seed or credentials belong to a user of this broker; unlock the wallet.",
  },
  BUS_FORBIDDEN: {
    meaning: "This caller may not use this subject or method.",
    remedy: "Name the caller in the contract's callers (or readers), or ask as somebody who may.",
  },
  BUS_NOT_FOUND: {
    meaning: "The callee does not know what was asked for.",
    remedy: "Check the name or the identifier.",
  },
  BUS_CONFLICT: {
    meaning:
      "The request collides with an earlier one: same key with another body, or a fencing token too old.",
    remedy: "Read the present state and decide anew; use a fresh key for a new request.",
  },
  BUS_PRECONDITION: {
    meaning: "The callee is not in the state that the request needs. It was not executed.",
    remedy: "Bring the callee into that state first (start, sync, unlock), then ask again.",
  },
  BUS_BUSY: {
    meaning: "The callee's queue is full. The request was not executed.",
    remedy: "Ask again after `retryAfterMs`.",
  },
  BUS_CONTRACT_MISMATCH: {
    meaning:
      "Caller and callee were built from different versions of the contract and do not understand each other.",
    remedy: "Run the same release everywhere.",
  },
  BUS_INTERNAL: {
    meaning: "The callee failed in a way it did not foresee. Whether it acted is unknown.",
    remedy: "Look for the trace id in the callee's log.",
  },
  BUS_UNAVAILABLE: {
    meaning:
      "Nobody answers on this subject, or the bus is down. `outcome` says whether the request may have run.",
    remedy:
      "Wait until the actor or the bus is back; repeat only idempotent or keyed requests whose outcome is unknown.",
  },
  BUS_DEADLINE: {
    meaning: "No answer came within the deadline. Whether the request ran is unknown.",
    remedy: "Repeat idempotent or keyed requests; otherwise read the state first.",
  },
  BUS_BAD_REPLY: {
    meaning: "The callee answered with something that cannot be read. The request was executed.",
    remedy: "Run the same release everywhere; look into the callee's log.",
  },
  BUS_CLOSED: {
    meaning: "This connection to the bus has been closed by its owner.",
    remedy: "Do not use a bus after `close`; during a stop this is expected.",
  },
  BUS_BAD_SUBJECT: {
    meaning: "A name cannot be a part of a subject: a token is a-z, 0-9, _ and -, at most 48 long.",
    remedy: "Choose another instance or actor name; hash whatever comes from outside.",
  },
  BUS_BAD_SEED: {
    meaning: "The text is not an nkey seed (`SU…`) or public key (`U…`).",
    remedy: "Make a new pair; check that the file holds nothing but the seed.",
  },
  BUS_BROKER_NO_USERS: {
    meaning: "The broker was started without users and would let nobody in.",
    remedy: "Give the broker at least one user with its public nkey.",
  },
  BUS_BROKER_BAD_USER: {
    meaning: "A user of the broker has an unusable name, public key or permission.",
    remedy:
      "Names are subject tokens and unique, keys start with U and are unique, permissions are subject patterns.",
  },
  BUS_BROKER_NOT_LOOPBACK: {
    meaning: "The embedded broker was asked to listen on an address that other hosts can reach.",
    remedy: "Listen on 127.0.0.1 or ::1; for several hosts use an external nats-server with TLS.",
  },
  BUS_BROKER_LISTEN_FAILED: {
    meaning: "The broker could not open its port.",
    remedy: "Free the port, or use port 0 and let the system choose.",
  },
});

export type BusErrorCode = keyof typeof busErrors;

/** Did the callee act? `unknown` when the answer was lost. */
export type Outcome = "not_executed" | "executed" | "unknown";

/** What comes with every error of a call over the bus. */
export interface BusFailure {
  readonly code: BusErrorCode;
  readonly outcome: Outcome;
  /** Whether the same request may succeed later, unchanged. */
  readonly retryable: boolean;
  readonly traceId?: string;
  readonly retryAfterMs?: number;
}
