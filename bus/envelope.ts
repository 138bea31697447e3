/** The envelope of every message: one compact `Troupe` header, the W3C trace headers, and the two error headers of ADR-32. */
import { TroupeError, type WireError } from "../runtime/errors.ts";
import type { HeaderList } from "./carrier/transport.ts";

export const ENVELOPE_HEADER = "Troupe";
export const TRACEPARENT_HEADER = "traceparent";
export const TRACESTATE_HEADER = "tracestate";
export const ERROR_CODE_HEADER = "Nats-Service-Error-Code";
export const ERROR_TEXT_HEADER = "Nats-Service-Error";

/** Nothing that we send comes near it. */
const HEADER_LENGTH_MAX = 512;
const ERROR_BODY_BYTES_MAX = 64 * 1024;
const ERROR_TEXT_LENGTH_MAX = 120;

/** All of them optional; one letter each on the wire. */
export interface Envelope {
  /** `d`: milliseconds left for the answer; remaining time, so that clocks need not agree. */
  deadlineMs?: number | undefined;
  /** `i`: the message's id, for logs. */
  id?: string | undefined;
  /** `k`: the idempotency key. */
  key?: string | undefined;
  /** `a`: which attempt this is, from 1. */
  attempt?: number | undefined;
  /** `c`: hash of the method's declaration as the caller knows it. */
  contract?: string | undefined;
  /** `f`: the fencing token of the caller's lease. */
  fence?: number | undefined;
  /** `s`: `<epoch>.<seq>.<previous>`; the last is the sequence number of the message before on the same subject. */
  sequence?: Sequence | undefined;
  /** `x`: the reply's body announces a bulk transfer. */
  bulk?: boolean | undefined;
  /** `n`: the number of a chunk of a bulk transfer, from 0. */
  chunk?: number | undefined;
}

export interface Sequence {
  readonly epoch: string;
  readonly seq: number;
  readonly previous: number;
}

const KEY = /^[A-Za-z0-9_.:/-]{1,128}$/;
const ID = /^[A-Za-z0-9_.-]{1,64}$/;
const HASH = /^[0-9a-f]{8}$/;
const SEQUENCE = /^([a-z0-9]{1,32})\.(\d{1,15})\.(\d{1,15})$/;
const DIGITS = /^\d{1,15}$/;

/** True for what can be an idempotency key. */
export function isKey(text: string): boolean {
  return KEY.test(text);
}

/** The header's value; undefined when there is nothing to say. */
export function formatEnvelope(envelope: Envelope): string | undefined {
  let text = "";
  if (envelope.deadlineMs !== undefined) text += `;d=${Math.max(0, Math.floor(envelope.deadlineMs))}`;
  if (envelope.id !== undefined) text += `;i=${envelope.id}`;
  if (envelope.key !== undefined) text += `;k=${envelope.key}`;
  if (envelope.attempt !== undefined) text += `;a=${envelope.attempt}`;
  if (envelope.contract !== undefined) text += `;c=${envelope.contract}`;
  if (envelope.fence !== undefined) text += `;f=${envelope.fence}`;
  const { sequence } = envelope;
  if (sequence !== undefined) text += `;s=${sequence.epoch}.${sequence.seq}.${sequence.previous}`;
  if (envelope.bulk) text += ";x=1";
  if (envelope.chunk !== undefined) text += `;n=${envelope.chunk}`;
  return text === "" ? undefined : text.slice(1);
}

/**
 * Reads the `Troupe` header of a message; a message without one has an empty envelope.
 * Throws `BUS_BAD_REQUEST` on anything malformed. Letters it does not know are a newer sender's and are passed over.
 */
export function readEnvelope(headers: HeaderList | undefined): Envelope {
  const envelope: Envelope = {};
  const text = headerValue(headers, ENVELOPE_HEADER);
  if (text === undefined || text === "") return envelope;
  if (text.length > HEADER_LENGTH_MAX) throw malformed("it is too long");
  let seen = "";
  for (const field of text.split(";")) {
    const letter = field[0];
    if (letter === undefined || field[1] !== "=") throw malformed("a field is not letter=value");
    if (seen.includes(letter)) throw malformed(`"${letter}" comes twice`);
    seen += letter;
    readField(envelope, letter, field.slice(2));
  }
  return envelope;
}

function readField(envelope: Envelope, letter: string, value: string): void {
  switch (letter) {
    case "d":
      envelope.deadlineMs = wholeNumber(letter, value);
      return;
    case "i":
      envelope.id = matching(letter, value, ID);
      return;
    case "k":
      envelope.key = matching(letter, value, KEY);
      return;
    case "a":
      envelope.attempt = wholeNumber(letter, value);
      return;
    case "c":
      envelope.contract = matching(letter, value, HASH);
      return;
    case "f":
      envelope.fence = wholeNumber(letter, value);
      return;
    case "s": {
      const match = SEQUENCE.exec(value);
      if (match === null) throw malformed('"s" is not epoch.seq.previous');
      envelope.sequence = { epoch: match[1] as string, seq: Number(match[2]), previous: Number(match[3]) };
      return;
    }
    case "x":
      envelope.bulk = value === "1";
      return;
    case "n":
      envelope.chunk = wholeNumber(letter, value);
      return;
  }
}

/** The value of a header that may come once; undefined when absent. Throws `BUS_BAD_REQUEST` when it comes twice. */
export function headerValue(headers: HeaderList | undefined, name: string): string | undefined {
  if (headers === undefined) return undefined;
  let value: string | undefined;
  for (const header of headers) {
    if (header[0] !== name) continue;
    if (value !== undefined) throw malformed(`the header ${name} comes twice`);
    value = header[1];
  }
  return value;
}

/** Headers and body of an error reply. `number` is the decimal code that `nats micro` and other strangers read. */
export function encodeError(error: WireError, number: number): { headers: HeaderList; body: Uint8Array } {
  const body = Buffer.from(JSON.stringify({ code: error.code, message: error.message, data: error.data }));
  return {
    headers: [
      [ERROR_CODE_HEADER, String(number)],
      [ERROR_TEXT_HEADER, headerText(`${error.code}: ${error.message}`)],
    ],
    body,
  };
}

/** True for an error reply: ADR-32 says that the code header's presence makes it one. */
export function isErrorReply(headers: HeaderList | undefined): boolean {
  return headers?.some(([name]) => name === ERROR_CODE_HEADER) ?? false;
}

/** The error in a reply's body; undefined when it cannot be read. */
export function decodeError(body: Uint8Array): WireError | undefined {
  if (body.byteLength > ERROR_BODY_BYTES_MAX) return undefined;
  const parsed = decodeJson(body);
  if (typeof parsed !== "object" || parsed === null) return undefined;
  const { code, message, data } = parsed as Record<string, unknown>;
  if (typeof code !== "string" || !/^[A-Z][A-Z0-9_]{2,63}$/.test(code) || typeof message !== "string")
    return undefined;
  const isRecord = typeof data === "object" && data !== null && !Array.isArray(data);
  return { code, message, data: isRecord ? (data as Record<string, unknown>) : {} };
}

export function encodeJson(value: unknown): Uint8Array {
  return Buffer.from(JSON.stringify(value) ?? "null");
}

/** The parsed body; undefined (which JSON cannot say) when it is not JSON. */
export function decodeJson(body: Uint8Array): unknown {
  const text = Buffer.isBuffer(body)
    ? body.toString("utf8")
    : Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString("utf8");
  try {
    return JSON.parse(text);
  } catch {
    // Not JSON: the caller of this function has the words for it.
    return undefined;
  }
}

/** One printable ASCII line: a header must not carry another header in with it. */
function headerText(text: string): string {
  return text
    .replace(/[^\x20-\x7e]+/g, " ")
    .slice(0, ERROR_TEXT_LENGTH_MAX)
    .trim();
}

function wholeNumber(letter: string, value: string): number {
  if (!DIGITS.test(value)) throw malformed(`"${letter}" is not a whole number`);
  return Number(value);
}

function matching(letter: string, value: string, pattern: RegExp): string {
  if (!pattern.test(value)) throw malformed(`"${letter}" has an unusable value`);
  return value;
}

function malformed(why: string): TroupeError {
  return new TroupeError(
    { code: "BUS_BAD_REQUEST", outcome: "not_executed", retryable: false },
    `The message's ${ENVELOPE_HEADER} header cannot be read: ${why}. The sender is not of this release, or not one of us.`,
  );
}
