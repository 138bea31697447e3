/** What a client is told of an error that was not meant for it: one mapping, so that nothing of ours leaks out. */
import { toWireError } from "../../../../runtime/errors.ts";
import { PROTOCOL_CODES, ProtocolError } from "../protocol-error.ts";

/** The part that was asked is away, full or slow: nothing is wrong with the request. Clients then try another server. */
const BUSY_CODES: ReadonlySet<string> = new Set([
  "BUS_UNAVAILABLE",
  "BUS_BUSY",
  "BUS_DEADLINE",
  "BUS_CLOSED",
]);

export interface ToldFailure {
  readonly error: ProtocolError;
  /** Nobody has foreseen it: it goes to our log. */
  readonly isUnforeseen: boolean;
}

export function toldFailure(thrown: unknown): ToldFailure {
  if (thrown instanceof ProtocolError) return { error: thrown, isUnforeseen: false };
  if (BUSY_CODES.has(toWireError(thrown).code)) return { error: timedOut(), isUnforeseen: false };
  return { error: new ProtocolError(PROTOCOL_CODES.internal, "internal server error"), isUnforeseen: true };
}

export function timedOut(): ProtocolError {
  return new ProtocolError(PROTOCOL_CODES.timeout, "server busy - request timed out");
}

export function tooExpensive(): ProtocolError {
  const data = { setting: "electrum_cost_hard" };
  return new ProtocolError(PROTOCOL_CODES.tooExpensive, "excessive resource usage", { data });
}
