/** Where the mempool comes from: a node, or in tests a made-up one. */
import type { BlockHash, Txid } from "../../../bitcoin/bytes.ts";
import type {
  ConfirmedCoin,
  MempoolMoment,
  MempoolPulse,
  Outpoint,
} from "../../../bitcoind/questions/mempool.ts";

export interface MempoolSource {
  /** The list, parents before children, with the block that it stands on. */
  moment(): Promise<MempoolMoment>;
  /** Cheap: has anything changed? */
  pulse(): Promise<MempoolPulse>;
  /** Of the mempool, or of a block; nothing for one that is not there. */
  transactions(txids: readonly Txid[], block?: BlockHash): Promise<(Uint8Array | undefined)[]>;
  /** Outputs of blocks; nothing for one that a block has spent, or none has made. */
  confirmedCoins(outpoints: readonly Outpoint[]): Promise<(ConfirmedCoin | undefined)[]>;
  blockBytes(hash: BlockHash): Promise<Uint8Array | undefined>;
}
