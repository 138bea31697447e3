/** The mempool's error codes. */
import { errorTable } from "../../runtime/errors.ts";

export const mempoolErrors = errorTable({
  MEMPOOL_REFUSED: {
    meaning: "The node does not take the transaction; the reason is the node's own.",
    remedy: "Read the reason: pay a higher fee, or spend coins that are still there. Nothing was sent.",
  },
  MEMPOOL_NODE_AWAY: {
    meaning: "The node does not answer just now.",
    remedy:
      "Check that bitcoind runs. The request may be repeated: sending the same transaction twice is harmless.",
  },
});

/** Why a transaction was not taken, for programs. */
export type RefusalKind =
  | "invalid"
  | "already-confirmed"
  | "missing-inputs"
  | "fee-too-low"
  | "fee-too-high"
  | "conflict"
  | "policy";

export type MempoolFailure =
  | {
      readonly code: "MEMPOOL_REFUSED";
      readonly kind: RefusalKind;
      /** The node's words, unchanged: old clients look for pieces of them. */
      readonly reason: string;
      readonly rpcCode: number;
    }
  | {
      readonly code: "MEMPOOL_NODE_AWAY";
      readonly reason: string;
      readonly outcome: "not_executed" | "unknown";
    };
