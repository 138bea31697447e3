/** The indexer's reply to `history`, written entry by entry. */
import {
  PACKED_ENTRY_BYTES,
  type PackedHistoryHead,
  packHead,
} from "../../../bus/contracts/indexer/packed-history.ts";

export interface Entry {
  readonly txid: string;
  readonly height: number;
}

export function packedHistory(head: PackedHistoryHead, entries: readonly Entry[]): Buffer {
  const items = entries.map(({ txid, height }) => {
    const bytes = Buffer.alloc(PACKED_ENTRY_BYTES);
    bytes.write(txid, "hex");
    bytes.writeUInt32BE(height, PACKED_ENTRY_BYTES - 4);
    return bytes;
  });
  return Buffer.concat([packHead(head), ...items]);
}
