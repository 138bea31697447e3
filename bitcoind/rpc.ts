/** JSON-RPC 2.0 to one node: single calls and batches, the node's refusals as typed errors. */
import { z } from "zod";
import type { TroupeError } from "../runtime/errors.ts";
import type { NodeConnection, RequestOptions } from "./connection.ts";
import { type NodeFailure, nodeError, rpcCodeOf } from "./errors.ts";

/** A batch runs in one of the node's threads, one call after another: more would hold it too long. */
const BATCH_MAX = 500;
/** Bitcoin Core's RPC_INVALID_ADDRESS_OR_KEY: there is no such block, transaction or mempool entry. */
export const NOT_FOUND = -5;
/** Bitcoin Core's RPC_METHOD_NOT_FOUND: an older node, or a build without it. */
export const METHOD_NOT_FOUND = -32601;
/** Bitcoin Core's RPC_IN_WARMUP. */
const WARMING_UP = -28;
const MESSAGE_MAX = 1_000;

export interface RpcCall {
  readonly method: string;
  readonly params: readonly unknown[];
}

/** Each call of a batch fails or succeeds for itself. */
export type BatchItem = { readonly value: unknown } | { readonly error: TroupeError<NodeFailure> };

const Refusal = z.object({ code: z.int(), message: z.string() });
/** `result` may hold megabytes: it is taken as it is, and each caller checks what it expects. */
const Envelope = z.object({ result: z.unknown().optional(), error: Refusal.nullish() });

export async function rpcCall(
  connection: NodeConnection,
  method: string,
  params: readonly unknown[] = [],
  options: RequestOptions = {},
): Promise<unknown> {
  const body = JSON.stringify({ jsonrpc: "2.0", id: 0, method, params });
  const answer = parseReply(connection, method, await connection.post(body, method, options));
  const outcome = outcomeOf(connection, method, answer);
  if ("error" in outcome) throw outcome.error;
  return outcome.value;
}

/** Any number of calls, in as few requests as the node bears; the answers stand in the order of the calls. */
export async function rpcBatch(
  connection: NodeConnection,
  calls: readonly RpcCall[],
  options: RequestOptions = {},
): Promise<BatchItem[]> {
  const answers: BatchItem[] = [];
  for (let start = 0; start < calls.length; start += BATCH_MAX) {
    answers.push(...(await batchOnce(connection, calls.slice(start, start + BATCH_MAX), options)));
  }
  return answers;
}

async function batchOnce(
  connection: NodeConnection,
  calls: readonly RpcCall[],
  options: RequestOptions,
): Promise<BatchItem[]> {
  const label = `${calls[0]?.method} and ${calls.length - 1} more`;
  const body = JSON.stringify(calls.map((call, id) => ({ jsonrpc: "2.0", id, ...call })));
  const parsed = parseReply(connection, label, await connection.post(body, label, options));
  // A node that is warming up answers a batch with one refusal.
  if (!Array.isArray(parsed)) {
    const outcome = outcomeOf(connection, label, parsed);
    throw "error" in outcome ? outcome.error : badReply(connection, label, "not a list");
  }
  const byId = new Map<unknown, unknown>();
  for (const item of parsed) byId.set((item as { id?: unknown } | null)?.id, item);
  return calls.map((call, id) => {
    const item = byId.get(id);
    if (item === undefined) throw badReply(connection, call.method, "an answer of the batch is missing");
    const outcome = outcomeOf(connection, call.method, item);
    // Warming up is the state of the node, not the fate of one call.
    if ("error" in outcome && outcome.error.code === "NODE_WARMING_UP") throw outcome.error;
    return outcome;
  });
}

function parseReply(connection: NodeConnection, method: string, body: Buffer): unknown {
  try {
    return JSON.parse(body.toString("utf8"));
  } catch (error) {
    throw badReply(connection, method, "not JSON", error);
  }
}

function outcomeOf(connection: NodeConnection, method: string, answer: unknown): BatchItem {
  const envelope = Envelope.safeParse(answer);
  if (!envelope.success) throw badReply(connection, method, "not a JSON-RPC answer");
  const { result, error } = envelope.data;
  if (error === undefined || error === null) return { value: result };
  return { error: refusalOf(connection, method, error) };
}

function refusalOf(
  connection: NodeConnection,
  method: string,
  { code, message }: z.output<typeof Refusal>,
): TroupeError<NodeFailure> {
  const text = message.slice(0, MESSAGE_MAX);
  const node = connection.name;
  if (code === WARMING_UP) {
    return nodeError(
      { code: "NODE_WARMING_UP", node, method, progress: text },
      `The node ${node} is starting: ${text}`,
    );
  }
  return nodeError(
    { code: "NODE_RPC_ERROR", node, method, rpcCode: code, reason: text },
    `The node ${node} refused ${method}: ${text} (${code})`,
  );
}

/** The value as its schema says, or `NODE_BAD_REPLY`. */
export function checked<S extends z.ZodType>(
  connection: NodeConnection,
  method: string,
  schema: S,
  value: unknown,
): z.output<S> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw badReply(connection, method, `${issue?.path.join(".") || "the answer"}: ${issue?.message}`);
}

export function badReply(
  connection: NodeConnection,
  method: string,
  what: string,
  cause?: unknown,
): TroupeError<NodeFailure> {
  return nodeError(
    { code: "NODE_BAD_REPLY", node: connection.name, method },
    `The node ${connection.name} answered ${method} with something unexpected: ${what}.`,
    cause,
  );
}

/** Nothing, where the node refuses with this code. */
export async function orNothing<T>(request: Promise<T>, rpcCode: number): Promise<T | undefined> {
  try {
    return await request;
  } catch (error) {
    if (rpcCodeOf(error) === rpcCode) return undefined;
    throw error;
  }
}
