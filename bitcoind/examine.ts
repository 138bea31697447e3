/** The look at a node before it is asked anything else: is it on our chain, does it have all blocks, how far is it? */
import type { z } from "zod";
import type { Network } from "../bitcoin/network.ts";
import type { NodeConnection, RequestOptions } from "./connection.ts";
import { nodeError } from "./errors.ts";
import { ChainInfoReply } from "./replies.ts";
import { checked, rpcCall } from "./rpc.ts";

/** Throws if no use can be made of the node: on another chain, pruned, starting, away, or not a node at all. */
export async function examineNode(
  connection: NodeConnection,
  network: Network,
  options: RequestOptions = {},
): Promise<z.output<typeof ChainInfoReply>> {
  const value = await rpcCall(connection, "getblockchaininfo", [], options);
  const info = checked(connection, "getblockchaininfo", ChainInfoReply, value);
  const genesis = await rpcCall(connection, "getblockhash", [0], options);
  if (info.chain !== network.chain || genesis !== network.genesis.hash) {
    throw nodeError(
      { code: "NODE_WRONG_CHAIN", node: connection.name, expected: network.chain, found: info.chain },
      `The node ${connection.name} is on "${info.chain}", but we are configured for ${network.name}.`,
    );
  }
  if (info.pruned) {
    throw nodeError(
      { code: "NODE_PRUNED", node: connection.name, pruneHeight: info.pruneheight ?? 0 },
      `The node ${connection.name} is pruned: it no longer has the blocks below ${info.pruneheight ?? 0}.`,
    );
  }
  return info;
}
