/** A refusal as an Electrum client sees it: a number, a text that clients may compare, and sometimes data. */

/** Numbers of JSON-RPC and those that Electrum servers have agreed on. */
export const PROTOCOL_CODES = Object.freeze({
  parse: -32_700,
  invalidRequest: -32_600,
  unknownMethod: -32_601,
  badArguments: -32_602,
  internal: -32_603,
  tooExpensive: -101,
  timeout: -102,
  /** The request makes no sense here, or the network refused it. */
  badRequest: 1,
  /** The node behind us refused or failed. */
  node: 2,
  /** Clients know the text `history too large`, not the number. */
  historyTooLarge: 10_001,
});

export interface ProtocolErrorOptions {
  readonly data?: unknown;
  /** Charged to the session besides what every error costs. */
  readonly cost?: number;
}

/**
 * Thrown by a method's handler; the client gets `{code, message[, data]}` as they are, so the text is for its eyes.
 * It never leaves the gateway, hence no code of ours. Whatever else a handler throws becomes `internal server error`.
 */
export class ProtocolError extends Error {
  override readonly name = "ProtocolError";
  readonly code: number;
  readonly data: unknown;
  readonly cost: number;

  constructor(code: number, message: string, options: ProtocolErrorOptions = {}) {
    super(message);
    this.code = code;
    this.data = options.data;
    this.cost = options.cost ?? 0;
  }
}

/** The commonest refusal: code 1 with a text. */
export function badRequest(message: string): ProtocolError {
  return new ProtocolError(PROTOCOL_CODES.badRequest, message);
}
