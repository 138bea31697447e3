/** The indexer's error codes. */
import { errorTable } from "../../runtime/errors.ts";

export const indexerErrors = errorTable({
  INDEXER_STORE_OTHER_NETWORK: {
    meaning: "The index in the data directory was made for another network.",
    remedy: "Give each network a data directory of its own, or move the old index away.",
  },
  INDEXER_STORE_OTHER_FORMAT: {
    meaning: "The index was written in a format that this release does not read.",
    remedy: "`supervisor index rebuild` builds it again from the node's blocks.",
  },
  INDEXER_STORE_MISSING: {
    meaning: "There is no index in the data directory to read.",
    remedy: "Start the indexer once, so that it makes the index.",
  },
  INDEXER_STORE_DAMAGED: {
    meaning: "Records of the index contradict each other.",
    remedy: "Check the disk. Then `supervisor index rebuild` builds it again from the node's blocks.",
  },
  INDEXER_STORE_UNWRITABLE: {
    meaning:
      "A write to the index failed, mostly for want of room on the disk. Nothing of it is in the index; nothing more is written, and the indexer ends and is started again.",
    remedy: "Make room on the disk of the data directory, or check the disk.",
  },
  INDEXER_BAD_BLOCK: {
    meaning: "The node gave a block that is not the one that was asked for, or that is malformed.",
    remedy: "Check the node and its disk; the indexer asks again by itself.",
  },
  INDEXER_NODE_BEHIND: {
    meaning:
      "The node's chain has less work than the one that was indexed: it is behind, or on another branch. The index stays as it is and is served.",
    remedy:
      "Wait until the node has caught up. If its chain was made anew on purpose: `supervisor index rebuild`.",
  },
  INDEXER_OTHER_CHAIN: {
    meaning: "The node's chain does not begin with the genesis block of the configured network.",
    remedy: "Correct `network`, or the address of the node.",
  },
  INDEXER_NOT_LEVEL: {
    meaning: "The index and the node are not on the same chain just now, so they cannot be compared.",
    remedy: "Ask again when the index is level: `supervisor index status`.",
  },
  INDEXER_RANGE: {
    meaning: "A height, a position or a count lies outside what the index holds.",
    remedy: "Ask for the tip first and stay within it.",
  },
});

export type IndexerFailure =
  | { readonly code: "INDEXER_STORE_OTHER_NETWORK"; readonly expected: string; readonly found: string }
  | { readonly code: "INDEXER_STORE_OTHER_FORMAT"; readonly expected: number; readonly found: number }
  | { readonly code: "INDEXER_STORE_MISSING" }
  | { readonly code: "INDEXER_STORE_DAMAGED"; readonly what: string }
  | { readonly code: "INDEXER_STORE_UNWRITABLE"; readonly reason: string }
  | { readonly code: "INDEXER_BAD_BLOCK"; readonly height: number; readonly reason: string }
  | { readonly code: "INDEXER_NODE_BEHIND"; readonly height: number; readonly nodeHeight: number }
  | { readonly code: "INDEXER_OTHER_CHAIN"; readonly expected: string; readonly found: string }
  | { readonly code: "INDEXER_NOT_LEVEL" }
  | { readonly code: "INDEXER_RANGE"; readonly what: string };
