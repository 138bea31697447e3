/** Where a node publishes its news over ZMQ, as it says itself. */
import { z } from "zod";
import type { NodeConnection } from "../connection.ts";
import { checked, METHOD_NOT_FOUND, orNothing, rpcCall } from "../rpc.ts";

export interface Publisher {
  /** `hashblock`, `sequence`, … */
  readonly topic: string;
  /** `tcp://127.0.0.1:28332` */
  readonly url: string;
}

const ANY_HOST = new Set(["0.0.0.0", "[::]", "*"]);
const LOOPBACK = /^(127\.|localhost$|\[::1\]$)/;

const PublishersReply = z
  .array(z.object({ type: z.string().max(64), address: z.string().max(512) }))
  .max(100);

/** None for a node that publishes nothing, or only where we cannot reach it. */
export async function publishersOf(connection: NodeConnection): Promise<Publisher[]> {
  // A build without ZMQ does not know the question.
  const value = await orNothing(rpcCall(connection, "getzmqnotifications"), METHOD_NOT_FOUND);
  if (value === undefined) return [];
  return checked(connection, "getzmqnotifications", PublishersReply, value).flatMap(({ type, address }) => {
    const url = reachable(address, new URL(`http://${connection.name}`).hostname);
    return url === undefined ? [] : [{ topic: type.replace(/^pub/, ""), url }];
  });
}

/** Exported for its tests: the address as it is seen from here, given the host at which the node answers. */
export function reachable(address: string, nodeHost: string): string | undefined {
  const [, host = "", port = ""] = /^tcp:\/\/(.+):(\d{1,5})$/.exec(address) ?? [];
  if (host === "") return undefined;
  if (ANY_HOST.has(host)) return `tcp://${nodeHost}:${port}`;
  return LOOPBACK.test(host) && !LOOPBACK.test(nodeHost) ? undefined : `tcp://${host}:${port}`;
}
