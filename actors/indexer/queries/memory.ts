/** What a thread keeps from question to question. */
import { Lookup } from "../lookup/lookup.ts";
import { TxidFile } from "../lookup/txid-file.ts";
import { RowKeys } from "../rows/row-key.ts";
import type { Snapshot } from "../store/snapshot.ts";
import { BlockFacts } from "./block-facts.ts";
import { HeaderTree } from "./header-tree.ts";
import { Heights } from "./heights.ts";

export interface QueryMemory {
  readonly keys: RowKeys;
  readonly lookup: Lookup;
  readonly txids: TxidFile;
  readonly heights: Heights;
  readonly blocks: BlockFacts;
  readonly headerTree: HeaderTree;
}

/** A third of the memory is for the trees of blocks, the rest for guides to the runs. */
const TREES_SHARE = 1 / 3;

export function queryMemory(secret: Uint8Array, cacheBytes: number): QueryMemory {
  return {
    keys: new RowKeys(secret),
    lookup: new Lookup(cacheBytes * (1 - TREES_SHARE)),
    txids: new TxidFile(),
    heights: new Heights(),
    blocks: new BlockFacts(cacheBytes * TREES_SHARE),
    headerTree: new HeaderTree(),
  };
}

/** A moment of the index and all that helps to read it. */
export interface Reading extends QueryMemory {
  readonly view: Snapshot;
}
