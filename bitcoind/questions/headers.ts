/** What one node says of its headers: which follow which, and how its chain stands to a block that we know. */
import type { z } from "zod";
import { type BlockHash, hexToBytes } from "../../bitcoin/bytes.ts";
import type { NodeConnection } from "../connection.ts";
import { ChainTipsReply, HeaderInfoReply, HexReply } from "../replies.ts";
import { checked, NOT_FOUND, orNothing, rpcBatch, rpcCall } from "../rpc.ts";

/** How far below an invalid tip a block is looked for: it was the tip itself, or a few blocks have come since. */
const INVALID_DEPTH_MAX = 100;
/** A node remembers those of years; the newest count. */
const INVALID_TIPS_MAX = 20;

/**
 * Whether the node's best chain contains the block `followed`, or has more work than that block's. A node that does not
 * know the block may be on a better chain or on a worse: it cannot tell.
 */
export async function isLevelWith(
  connection: NodeConnection,
  tipHash: BlockHash,
  work: bigint,
  followed: BlockHash | undefined,
): Promise<boolean> {
  if (followed === undefined || followed === tipHash) return true;
  const known = await headerInfo(connection, followed);
  return known !== undefined && (known.confirmations > 0 || work > BigInt(`0x${known.chainwork}`));
}

/** True if the node knows this block and holds it for invalid. */
export async function holdsInvalid(connection: NodeConnection, hash: BlockHash): Promise<boolean> {
  const block = await headerInfo(connection, hash);
  if (block === undefined || block.confirmations >= 0) return false;
  const value = await rpcCall(connection, "getchaintips");
  for (const tip of checked(connection, "getchaintips", ChainTipsReply, value)) {
    const depth = tip.height - block.height;
    if (tip.status !== "invalid" || depth < 0 || depth > INVALID_DEPTH_MAX) continue;
    let at: string | undefined = tip.hash;
    for (let step = 0; step < depth && at !== undefined; step++) {
      at = (await headerInfo(connection, at))?.previousblockhash;
    }
    if (at === hash) return true;
  }
  return false;
}

/** True if the node holds a block for invalid that is in the best chain of the other: they do not agree, and neither is stuck. */
export async function rejectsChainOf(connection: NodeConnection, other: NodeConnection): Promise<boolean> {
  const value = await rpcCall(connection, "getchaintips");
  const tips = checked(connection, "getchaintips", ChainTipsReply, value);
  const invalid = tips.filter(({ status }) => status === "invalid").sort((a, b) => b.height - a.height);
  for (const { hash } of invalid.slice(0, INVALID_TIPS_MAX)) {
    if (((await headerInfo(other, hash))?.confirmations ?? 0) > 0) return true;
  }
  return false;
}

/** For a node without REST: the way from the first header upwards, by height. */
export async function headersByRpc(
  connection: NodeConnection,
  first: BlockHash,
  count: number,
): Promise<Uint8Array> {
  const { height, confirmations } = (await headerInfo(connection, first)) ?? { height: 0, confirmations: -1 };
  if (confirmations < 1) return new Uint8Array(0);
  const wanted = Math.min(count, confirmations);
  const heights = Array.from({ length: wanted }, (_, i) => ({
    method: "getblockhash",
    params: [height + i],
  }));
  const hashes = await rpcBatch(connection, heights);
  const calls = hashes.flatMap((item) =>
    "error" in item ? [] : [{ method: "getblockheader", params: [item.value, false] }],
  );
  const headers = await rpcBatch(connection, calls);
  return Buffer.concat(
    headers.map((item) => {
      if ("error" in item) throw item.error;
      return hexToBytes(checked(connection, "getblockheader", HexReply, item.value), "a header");
    }),
  );
}

async function headerInfo(
  connection: NodeConnection,
  hash: string,
): Promise<z.output<typeof HeaderInfoReply> | undefined> {
  const value = await orNothing(rpcCall(connection, "getblockheader", [hash]), NOT_FOUND);
  return value === undefined ? undefined : checked(connection, "getblockheader", HeaderInfoReply, value);
}
