/** JSON-RPC as clients send it: what a message asks for, or why it cannot be understood. */
import { isUtf8 } from "node:buffer";
import { isTooDeep } from "../../nesting.ts";
import { PROTOCOL_CODES, ProtocolError } from "../protocol-error.ts";

/** What may be in `id`. */
export type RequestId = string | number | null;

export interface Request {
  /** Undefined: a notification, which is never answered. */
  readonly id: RequestId | undefined;
  readonly method: string;
  /** Absent: undefined. Whether it fits is the method's to say. */
  readonly params: unknown;
}

/** A part of a message that is no request, and what it is answered. */
export interface Misunderstood {
  readonly id: RequestId | undefined;
  readonly error: ProtocolError;
}

export type Understood = Request | Misunderstood;

/** `2.0` unless the client's first message says `1.0`, where answers always have both members. */
export type Dialect = "1.0" | "2.0";

/** Batch, request, named parameters, a peer's features, its hosts, one host: six. Twice that is no request of anybody. */
const DEPTH_MAX = 12;

/** The message as JSON. Throws `ProtocolError` -32700. */
export function parseMessage(message: Buffer): unknown {
  if (!isUtf8(message)) throw parseError("messages must be encoded in UTF-8");
  if (isTooDeep(message, DEPTH_MAX)) throw parseError(`JSON nested deeper than ${DEPTH_MAX} levels`);
  try {
    return JSON.parse(message.toString("utf8"));
  } catch {
    // The parser's words name our engine and quote the client; the code says it all.
    throw parseError("invalid JSON");
  }
}

/** What the first message of a connection says of all that follow. */
export function dialectOf(message: unknown): Dialect {
  const first = Array.isArray(message) ? message[0] : message;
  const version = isObject(first) ? first["jsonrpc"] : undefined;
  return version === "1.0" ? "1.0" : "2.0";
}

export function readRequest(message: unknown): Understood {
  if (!isObject(message)) {
    return { id: null, error: invalidRequest("request object must be a dictionary") };
  }
  const isNotification = !Object.hasOwn(message, "id");
  const { id, method, params, jsonrpc } = message;
  if (!isNotification && !isRequestId(id)) {
    return { id: null, error: invalidRequest(`invalid "id": ${shortJson(id)}`) };
  }
  const answerTo = isNotification ? undefined : (id as RequestId);
  if (jsonrpc !== undefined && jsonrpc !== "2.0" && jsonrpc !== "1.0") {
    return { id: answerTo, error: invalidRequest('"jsonrpc" is not "2.0"') };
  }
  if (typeof method !== "string") {
    return { id: answerTo, error: invalidRequest('"method" must be a string') };
  }
  return { id: answerTo, method, params };
}

/** A number that JavaScript would give back changed could never be matched by its sender. */
function isRequestId(id: unknown): id is RequestId {
  if (typeof id === "number")
    return Number.isFinite(id) && (!Number.isInteger(id) || Number.isSafeInteger(id));
  return typeof id === "string" || id === null;
}

/** For refusals: what was sent, not more than a line of it. */
function shortJson(value: unknown): string {
  const text = JSON.stringify(value) ?? "";
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function parseError(message: string): ProtocolError {
  return new ProtocolError(PROTOCOL_CODES.parse, message);
}

export function invalidRequest(message: string): ProtocolError {
  return new ProtocolError(PROTOCOL_CODES.invalidRequest, message);
}
