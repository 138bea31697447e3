/** The limits of one method: what its declaration says, or what holds when it says nothing. */
import type { RpcDeclaration } from "../contract/contract.ts";
import { INLINE_BYTES_MAX, REPLY_BYTES_MAX_DEFAULT } from "./bulk.ts";

/** A request of JSON that needs more is a batch, and batches are bytes. */
const JSON_REQUEST_BYTES_MAX_DEFAULT = 64 * 1024;
const CONCURRENCY_DEFAULT = 16;
const QUEUE_DEFAULT = 256;

/** Requests are never split: what one message takes is the most. */
export function requestBytesMax(declaration: RpcDeclaration): number {
  const standard = declaration.requestContent === "bytes" ? INLINE_BYTES_MAX : JSON_REQUEST_BYTES_MAX_DEFAULT;
  return Math.min(declaration.requestBytesMax ?? standard, INLINE_BYTES_MAX);
}

export function replyBytesMax(declaration: RpcDeclaration): number {
  return declaration.replyBytesMax ?? REPLY_BYTES_MAX_DEFAULT;
}

export function concurrencyOf(declaration: RpcDeclaration): number {
  return declaration.concurrency ?? CONCURRENCY_DEFAULT;
}

export function queueOf(declaration: RpcDeclaration): number {
  return declaration.queue ?? QUEUE_DEFAULT;
}
