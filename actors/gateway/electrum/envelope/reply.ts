/** JSON-RPC as we send it: answers, refusals, notifications and batches, as text or as pieces that are not copied. */
import type { OutMessage } from "../carrier/codec.ts";
import { EncodedJson } from "../encoded-json.ts";
import { PROTOCOL_CODES, ProtocolError } from "../protocol-error.ts";
import type { Dialect, RequestId } from "./request.ts";

/** Throws `ProtocolError` -32600 when the result is larger than `bytesMax`. */
export function resultReply(id: RequestId, result: unknown, dialect: Dialect, bytesMax: number): OutMessage {
  const [before, after] = around(id, dialect);
  if (result instanceof EncodedJson) {
    if (result.lengthBytes > bytesMax) throw responseTooLarge(bytesMax);
    if (result.text !== undefined) return before + result.text + after;
    return [Buffer.from(before), ...result.pieces, Buffer.from(after)];
  }
  const text = JSON.stringify(result) ?? "null";
  if (text.length > bytesMax) throw responseTooLarge(bytesMax);
  return before + text + after;
}

export function errorReply(id: RequestId, error: ProtocolError, dialect: Dialect): string {
  const { code, message, data } = error;
  const text = JSON.stringify(data === undefined ? { code, message } : { code, message, data });
  const idText = JSON.stringify(id);
  return dialect === "2.0"
    ? `{"jsonrpc":"2.0","error":${text},"id":${idText}}`
    : `{"result":null,"error":${text},"id":${idText}}`;
}

export function notificationMessage(
  method: string,
  params: readonly unknown[] | EncodedJson,
  dialect: Dialect,
): OutMessage {
  const name = JSON.stringify(method);
  const before =
    dialect === "2.0" ? `{"jsonrpc":"2.0","method":${name},"params":` : `{"method":${name},"params":`;
  const after = dialect === "2.0" ? "}" : ',"id":null}';
  if (params instanceof EncodedJson && params.text !== undefined) return before + params.text + after;
  if (params instanceof EncodedJson) return [Buffer.from(before), ...params.pieces, Buffer.from(after)];
  return before + JSON.stringify(params) + after;
}

/** The answers of a batch, in the order of its requests, as one message. */
export function batchReply(replies: readonly OutMessage[]): OutMessage {
  if (replies.every((reply) => typeof reply === "string")) return `[${replies.join(",")}]`;
  const pieces: Uint8Array[] = [];
  replies.forEach((reply, at) => {
    pieces.push(Buffer.from(at === 0 ? "[" : ","));
    if (typeof reply === "string") pieces.push(Buffer.from(reply));
    else for (const piece of reply) pieces.push(piece);
  });
  pieces.push(Buffer.from("]"));
  return pieces;
}

export function lengthOf(message: OutMessage): number {
  return typeof message === "string" ? message.length : message.reduce((sum, piece) => sum + piece.length, 0);
}

/** The words are ElectrumX's, which clients may know, down to the bracket that stays open. */
export function responseTooLarge(bytesMax: number): ProtocolError {
  return new ProtocolError(
    PROTOCOL_CODES.invalidRequest,
    `response too large (over ${bytesMax.toLocaleString("en-US")} bytes`,
  );
}

function around(id: RequestId, dialect: Dialect): [string, string] {
  const idText = typeof id === "number" ? String(id) : JSON.stringify(id);
  return dialect === "2.0"
    ? ['{"jsonrpc":"2.0","result":', `,"id":${idText}}`]
    : ['{"result":', `,"error":null,"id":${idText}}`];
}
