/** The shapes of the node's answers that we read; everything else in them is ignored. */
import { z } from "zod";

const Hash = z.string().regex(/^[0-9a-f]{64}$/);
const Hex = z.string().regex(/^(?:[0-9a-f]{2})*$/);
/** Coins; `satFromCoins` makes them exact. */
const Coins = z.number();

export const HashReply = Hash;
export const HexReply = Hex;
export const HeightReply = z.int().nonnegative();

export const ChainInfoReply = z.object({
  chain: z.string().max(32),
  blocks: z.int().nonnegative(),
  headers: z.int().nonnegative(),
  bestblockhash: Hash,
  chainwork: Hash,
  initialblockdownload: z.boolean(),
  verificationprogress: z.number(),
  pruned: z.boolean(),
  pruneheight: z.int().optional(),
});

export const HeaderInfoReply = z.object({
  height: z.int().nonnegative(),
  /** -1 outside the best chain. */
  confirmations: z.int(),
  chainwork: Hash,
  previousblockhash: Hash.optional(),
});

export const ChainTipsReply = z.array(
  z.object({ height: z.int().nonnegative(), hash: Hash, status: z.string().max(32) }),
);

export const NetworkInfoReply = z.object({
  version: z.int(),
  subversion: z.string().max(256),
  relayfee: Coins,
  connections: z.int(),
});

export const MempoolInfoReply = z.object({
  loaded: z.boolean().optional(),
  size: z.int(),
  bytes: z.int(),
  mempoolminfee: Coins,
  minrelaytxfee: Coins,
});

export const MempoolSequenceReply = z.object({
  txids: z.array(z.string().length(64)),
  mempool_sequence: z.int().nonnegative(),
});

export const MempoolEntryReply = z.object({
  vsize: z.int().positive(),
  weight: z.int().positive(),
  time: z.int(),
  height: z.int(),
  ancestorcount: z.int(),
  ancestorsize: z.int(),
  fees: z.object({ base: Coins, modified: Coins, ancestor: Coins, descendant: Coins }),
  depends: z.array(Hash),
});

export const FeeEstimateReply = z.object({
  feerate: Coins.optional(),
  errors: z.array(z.string()).optional(),
  blocks: z.int(),
});

export const TestAcceptReply = z
  .array(
    z.object({
      txid: Hash,
      allowed: z.boolean().optional(),
      vsize: z.int().optional(),
      fees: z.object({ base: Coins }).optional(),
      "reject-reason": z.string().max(1000).optional(),
    }),
  )
  .length(1);

export const PackageReply = z.object({
  package_msg: z.string().max(1000),
  "tx-results": z.record(z.string(), z.object({ txid: Hash, error: z.string().max(1000).optional() })),
});

export const TxOutReply = z
  .object({
    bestblock: Hash,
    confirmations: z.int().nonnegative(),
    value: Coins,
    coinbase: z.boolean(),
    scriptPubKey: z.object({ hex: Hex }),
  })
  .nullable();
