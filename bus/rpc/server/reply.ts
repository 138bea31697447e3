/** What a service answers with: a body or an error, and whether a keyed call shall be answered so again. */
import { hasCode, TroupeError, type WireError } from "../../../runtime/errors.ts";
import type { HeaderList } from "../../carrier/transport.ts";
import type { RpcDeclaration } from "../../contract/contract.ts";
import { EncodedReply } from "../../encoded-reply.ts";
import { decodeError, encodeError, encodeJson } from "../../envelope.ts";
import { busErrors, type Outcome } from "../../errors.ts";
import { busFailure, CallError, numberOf } from "../failure.ts";
import { replyBytesMax } from "../limits.ts";

export interface Reply {
  /** `ok` or the error's code. */
  readonly code: string;
  readonly headers: HeaderList | undefined;
  readonly body: Uint8Array;
  /** False when nothing was executed: the same key may then run after all. */
  readonly isFinal: boolean;
}

export function okReply(body: Uint8Array): Reply {
  return { code: "ok", headers: undefined, body, isFinal: true };
}

export function errorReply(error: WireError): Reply {
  const { headers, body } = encodeError(error, numberOf(error.code));
  return { code: error.code, headers, body, isFinal: error.data["outcome"] !== "not_executed" };
}

/** A remembered reply, as it was sent the first time. */
export function storedReply(body: Uint8Array, errorCode: string | undefined): Reply {
  if (errorCode === undefined) return okReply(body);
  return errorReply(decodeError(body) ?? { code: errorCode, message: errorCode, data: {} });
}

/** How a handler's run ended; `fault` is for the log, never for the caller. */
export interface Ending {
  readonly reply: Reply;
  readonly fault: string | undefined;
}

/** The reply made of a handler's output. */
export function encodeOutput(
  declaration: RpcDeclaration,
  output: unknown,
  traceId: string | undefined,
): Ending {
  if (output instanceof EncodedReply) return sized(declaration, output.body);
  const parsed = declaration.output.safeParse(output);
  if (!parsed.success) {
    const where = parsed.error.issues
      .slice(0, 3)
      .map((issue) => `${issue.path.join(".") || "output"}: ${issue.code}`);
    const fault = `the output does not fit the contract: ${where.join("; ")}`;
    return { reply: internalReply("executed", traceId), fault };
  }
  let body: Uint8Array;
  try {
    body = declaration.content === "bytes" ? (parsed.data as Uint8Array) : encodeJson(parsed.data);
  } catch (error) {
    // A schema such as z.unknown() let something through that JSON cannot say.
    return { reply: internalReply("executed", traceId), fault: String(error) };
  }
  return sized(declaration, body);
}

function sized(declaration: RpcDeclaration, body: Uint8Array): Ending {
  const lengthMax = replyBytesMax(declaration);
  if (body.byteLength <= lengthMax) return { reply: okReply(body), fault: undefined };
  const words = `The reply has ${body.byteLength} bytes and the method allows ${lengthMax}. It was executed; ask for less.`;
  return { reply: errorReply(busFailure("BUS_TOO_LARGE", words, "executed")), fault: undefined };
}

/** What a handler may say in the bus's own words: it looked and did nothing. */
const REFUSALS = new Set([
  "BUS_BAD_REQUEST",
  "BUS_UNAUTHENTICATED",
  "BUS_FORBIDDEN",
  "BUS_NOT_FOUND",
  "BUS_CONFLICT",
  "BUS_PRECONDITION",
  "BUS_TOO_LARGE",
  "BUS_BUSY",
]);
/** What a nested call may bring home and the caller should know: the callee's callee is away or slow. */
const PASSED_ON = new Set(["BUS_UNAVAILABLE", "BUS_DEADLINE", "BUS_BUSY"]);

/**
 * What the caller is told of whatever a handler threw: the contract's refusals and the bus's own words as they
 * are, everything else only as `BUS_INTERNAL` with a trace id. `fault` is for the log.
 */
export function replyToThrown(
  declaration: RpcDeclaration,
  thrown: unknown,
  traceId: string | undefined,
): Ending {
  if (thrown instanceof TroupeError) {
    const schema = declaration.errors?.[thrown.code];
    if (schema !== undefined) {
      const parsed = schema.safeParse(thrown.data);
      if (parsed.success) {
        const data = parsed.data as Record<string, unknown>;
        return { reply: errorReply({ code: thrown.code, message: thrown.message, data }), fault: undefined };
      }
      return internal(`the data of ${thrown.code} does not fit the contract`, traceId);
    }
    if (thrown instanceof CallError) return nested(thrown, traceId);
    if (REFUSALS.has(thrown.code)) return { reply: errorReply(ownRefusal(thrown)), fault: undefined };
  }
  const text = thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown);
  return internal(text, traceId);
}

/** The answer to everything unforeseen. Its message says nothing of the cause. */
export function internalReply(outcome: Outcome, traceId: string | undefined): Reply {
  const where =
    traceId === undefined
      ? "The callee's log says why."
      : `The callee's log says why, under trace ${traceId}.`;
  return errorReply(
    busFailure("BUS_INTERNAL", `The callee failed unexpectedly. ${where}`, outcome, { traceId }),
  );
}

function ownRefusal(thrown: TroupeError): WireError {
  const data: Record<string, unknown> = {
    outcome: "not_executed",
    retryable: thrown.code === "BUS_BUSY",
    ...thrown.data,
  };
  return { code: thrown.code, message: thrown.message, data };
}

function nested(thrown: CallError, traceId: string | undefined): Ending {
  if (!PASSED_ON.has(thrown.code) || !(thrown.code in busErrors)) {
    return internal(`a call it made failed with ${thrown.code}: ${thrown.message}`, traceId);
  }
  const code = hasCode(thrown, "BUS_DEADLINE") ? "BUS_DEADLINE" : "BUS_UNAVAILABLE";
  const error = busFailure(code, thrown.message, "unknown", { retryable: true, traceId });
  return { reply: errorReply(error), fault: undefined };
}

function internal(fault: string, traceId: string | undefined): Ending {
  return { reply: internalReply("unknown", traceId), fault };
}
