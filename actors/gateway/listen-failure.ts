/** What a person is told when one of our doors cannot open where the configuration wants it. */
import { TroupeError, toWireError } from "../../runtime/errors.ts";

export interface RefusedDoor {
  /** With its article, such as "the web page". */
  readonly door: string;
  /** The address or the path of the socket. */
  readonly where: string;
  /** What to change, as a whole sentence. */
  readonly hint: string;
}

export function listenFailure({ door, where, hint }: RefusedDoor, cause: unknown): TroupeError {
  const { code } = toWireError(cause);
  if (code === "EADDRINUSE") {
    return new TroupeError(
      { code: "GATEWAY_PORT_IN_USE", address: where },
      `Another program already listens on ${where}, so ${door} cannot open there. Stop it, or: ${hint}`,
      { cause },
    );
  }
  return new TroupeError(
    { code: "GATEWAY_LISTEN_FAILED", address: where, reason: code },
    `The system does not let ${door} open on ${where} (${code}). ${hint}`,
    { cause },
  );
}
