/** What all carriers do alike: keep listeners, check what is published, and say in the same words why they cannot. */
import { TroupeError } from "../../runtime/errors.ts";
import type { TransportStatus } from "./transport.ts";

const UNSAFE_SUBJECT = /[\s\0]|^$/;

export class StatusListeners {
  readonly #listeners = new Set<(status: TransportStatus) => void>();

  add(listener: (status: TransportStatus) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  tell(status: TransportStatus): void {
    for (const listener of [...this.#listeners]) listener(status);
  }
}

/** White space in a subject would be read as the next part of the protocol's line. */
export function checkSubject(subject: string): void {
  if (!UNSAFE_SUBJECT.test(subject)) return;
  throw new TroupeError(
    { code: "BUS_BAD_SUBJECT", what: "subject", text: subject.slice(0, 64) },
    `"${subject.slice(0, 64)}" is not a subject: it is empty or has white space in it.`,
  );
}

export function checkSize(lengthBytes: number, maxPayloadBytes: number): void {
  if (lengthBytes <= maxPayloadBytes) return;
  throw new TroupeError(
    { code: "BUS_TOO_LARGE", outcome: "not_executed", retryable: false, lengthBytes, maxPayloadBytes },
    `The message has ${lengthBytes} bytes with its headers; the bus takes ${maxPayloadBytes}.`,
  );
}

export function closedError(): TroupeError {
  return new TroupeError(
    { code: "BUS_CLOSED", outcome: "not_executed", retryable: false },
    "This connection to the bus has been closed and takes nothing more.",
  );
}

export function unavailableError(reason: string, cause?: unknown): TroupeError {
  return new TroupeError(
    { code: "BUS_UNAVAILABLE", outcome: "unknown", retryable: true },
    `The bus is not reachable (${reason}); it comes back by itself when the broker does.`,
    cause === undefined ? undefined : { cause },
  );
}

export function unauthenticatedError(user: string, reason: string, cause?: unknown): TroupeError {
  return new TroupeError(
    { code: "BUS_UNAUTHENTICATED", outcome: "not_executed", retryable: false, user },
    `The broker does not accept "${user}" (${reason}); check that its seed or credentials belong to this broker.`,
    cause === undefined ? undefined : { cause },
  );
}
