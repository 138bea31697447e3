/** What others know of the sandbox's node beside its RPC: where its chain stands. */
import { z } from "zod";
import { contract } from "../contract/contract.ts";

export const NodeTipSchema = z.object({
  height: z.int().min(0),
  /** In display order. */
  hash: z.string().regex(/^[0-9a-f]{64}$/),
  /** Transactions that wait for a block. */
  mempoolTxs: z.int().min(0),
});
export type NodeTip = z.infer<typeof NodeTipSchema>;

export const nodeContract = contract("node", {
  semver: "1.0.0",
  doc: "The sandbox's Bitcoin node: a private regtest chain that mines by itself. It is read over RPC, like any node.",
  instances: "any",
}).state("tip", {
  doc: "The chain's last block, on each new one and every 10 s.",
  body: NodeTipSchema,
  readers: ["gateway", "operator"],
});
