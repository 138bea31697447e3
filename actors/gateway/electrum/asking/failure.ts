/** What clients are told when an actor behind the door failed or is away: what happened, never our codes or traces. */

import { toWireError } from "../../../../runtime/errors.ts";
import type { Log } from "../../../../runtime/log/log.ts";
import { PROTOCOL_CODES, ProtocolError } from "../protocol-error.ts";

/** The actor did not do it now, and may do it later. */
const PASSING = new Set(["BUS_UNAVAILABLE", "BUS_DEADLINE", "BUS_BUSY", "BUS_CLOSED"]);

const NODE_AWAY = "MEMPOOL_NODE_AWAY";

/** Whether what was asked may have been done all the same: the answer is what was lost. */
export function mayBeDone(error: unknown): boolean {
  const { code, data } = toWireError(error);
  return PASSING.has(code) || (code === NODE_AWAY && data["outcome"] === "unknown");
}

export function isPassing(error: unknown): boolean {
  return PASSING.has(toWireError(error).code);
}

/** A refusal of a method as the client gets it; what we did not foresee is logged and stays with us. */
export function clientFailure(error: unknown, what: string, log: Log): ProtocolError {
  if (error instanceof ProtocolError) return error;
  const { code } = toWireError(error);
  // Its reason is for the operator: it names the node's address or files of this machine.
  if (code === NODE_AWAY) {
    return new ProtocolError(
      PROTOCOL_CODES.node,
      "daemon error: the node does not answer just now; try again",
    );
  }
  if (PASSING.has(code)) {
    return new ProtocolError(PROTOCOL_CODES.timeout, `server busy - ${what} does not answer; try again`);
  }
  log.error("a question of an Electrum client failed", { what, error });
  return new ProtocolError(PROTOCOL_CODES.internal, "internal server error");
}
