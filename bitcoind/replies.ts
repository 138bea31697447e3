/** The shapes of the node's answers that we read; everything else in them is ignored. */
import { z } from "zod";

const Hash = z.string().regex(/^[0-9a-f]{64}$/);
const Hex = z.string().regex(/^(?:[0-9a-f]{2})*$/);
/** Coins; `satFromCoins` makes them exact. */
const Coins = z.number().min(0).max(21_000_000);

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

export const IndexInfoReply = z.object({ txindex: z.object({ synced: z.boolean() }).optional() });

export const MempoolInfoReply = z.object({
  /** False while a node that was started reads what it had. */
  loaded: z.boolean().optional(),
  size: z.int().nonnegative(),
  usage: z.int().nonnegative(),
  maxmempool: z.int().nonnegative(),
  total_fee: Coins.optional(),
  mempoolminfee: Coins,
  minrelaytxfee: Coins,
  incrementalrelayfee: Coins,
});

export const MempoolSequenceReply = z.object({
  txids: z.array(z.string().length(64)),
});

export const FeeEstimateReply = z.object({
  feerate: Coins.optional(),
  errors: z.array(z.string()).optional(),
  blocks: z.int(),
});

export const TestAcceptReply = z.array(
  z.object({
    txid: Hash,
    wtxid: Hash,
    allowed: z.boolean().optional(),
    vsize: z.int().positive().optional(),
    fees: z.object({ base: Coins }).optional(),
    "reject-reason": z.string().max(1000).optional(),
    "package-error": z.string().max(1000).optional(),
  }),
);

export const PackageReply = z.object({
  package_msg: z.string().max(1000),
  "tx-results": z.record(Hash, z.object({ txid: Hash, error: z.string().max(1000).optional() })),
  "replaced-transactions": z.array(Hash).optional(),
});

export const TxOutReply = z.object({ value: Coins, scriptPubKey: z.object({ hex: Hex }) }).nullable();
