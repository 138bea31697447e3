/** The node client's error codes: what can go wrong between us and a Bitcoin node, and what the operator does about it. */
import { errorTable, hasCode, TroupeError } from "../runtime/errors.ts";

export const nodeErrors = errorTable({
  NODE_UNREACHABLE: {
    meaning: "Nothing answers at the node's RPC address, or the connection broke.",
    remedy: "Start bitcoind (with server=1), or set `rpc` in [node] to where it listens.",
  },
  NODE_TIMEOUT: {
    meaning: "The node took longer to answer than we wait. Whether it did what was asked is not known.",
    remedy: "Look at the node's load and disk; raise `timeout_ms` in [node] if it is slow for good.",
  },
  NODE_AUTH_REFUSED: {
    meaning: "The node does not accept our cookie or password, or not our address.",
    remedy:
      "Check `data_directory` or `cookie_file` in [node] (or `user` and `password_file`), and the node's rpcallowip.",
  },
  NODE_COOKIE_UNREADABLE: {
    meaning: "The node's cookie file cannot be read: the node is not running, or we have no permission.",
    remedy:
      "Start the node, or set `cookie_file` in [node]; for a node of another user start it with -rpccookieperms=group and join its group.",
  },
  NODE_WARMING_UP: {
    meaning: "The node has started but is still loading its block index, or its mempool.",
    remedy: "Wait: we ask again by ourselves.",
  },
  NODE_BUSY: {
    meaning: "The node's queue of RPC requests is full.",
    remedy: "Wait: we ask again by ourselves. If it stays, raise -rpcworkqueue and -rpcthreads of the node.",
  },
  NODE_RPC_ERROR: {
    meaning: "The node understood the request and refused it; the message is the node's own.",
    remedy: "Look at the node's message; its code is in the data as `rpcCode`.",
  },
  NODE_BAD_REPLY: {
    meaning: "The node's answer is not what its interface promises.",
    remedy: "Check that `rpc` in [node] is the address of Bitcoin Core 28 or later, not of something else.",
  },
  NODE_REPLY_TOO_LARGE: {
    meaning: "The node's answer is longer than any honest answer to this request.",
    remedy: "Check that `rpc` in [node] is the address of your own node.",
  },
  NODE_WRONG_CHAIN: {
    meaning: "The node is on another network than the one configured.",
    remedy: "Set `network` to the node's, or `rpc` in [node] to a node of the network you want.",
  },
  NODE_PRUNED: {
    meaning: "The node has thrown old blocks away, and the index needs all of them.",
    remedy:
      "Use a node that runs without prune=; to change yours, set prune=0 and start it once with -reindex.",
  },
  NODE_SYNCING: {
    meaning: "The node has not caught up with its network yet.",
    remedy: "Wait until it has (`bitcoin-cli getblockchaininfo` shows how far it is).",
  },
  NODE_ZMQ_PROTOCOL: {
    meaning: "What answers at the ZMQ address does not speak as a node's publisher does.",
    remedy: "Set `zmq` in [node] to the address of the node's -zmqpubsequence.",
  },
  NODE_BLOCK_FILE_UNREADABLE: {
    meaning: "The node's block files cannot be read, or not understood.",
    remedy:
      "Check `data_directory` or `blocks_directory` in [node] and our permission to read the files there; or set block_files = false. Until then blocks come over RPC.",
  },
  NODE_BLOCK_FILE_FOREIGN: {
    meaning: "The block files are those of another network, or their key file is not theirs.",
    remedy:
      "Set `data_directory` or `blocks_directory` in [node] to the directory of the node that `rpc` names; or set block_files = false. Until then blocks come over RPC.",
  },
  NODE_BLOCK_FILE_MISSING: {
    meaning: "Some block files are gone: they are of a pruned node, or an incomplete copy.",
    remedy:
      "Set `data_directory` or `blocks_directory` in [node] to the complete files of the node that `rpc` names; or set block_files = false. Until then blocks come over RPC.",
  },
  NODE_BLOCK_FILE_DAMAGED: {
    meaning: "A block in the node's files is not whole, or not the one that stood there before.",
    remedy:
      "Blocks come over RPC until the next start. Check the disk if it happens again; if the node refuses such a block too, start it once with -reindex.",
  },
});

export type NodeErrorCode = keyof typeof nodeErrors;

export interface NodeFailure {
  readonly code: NodeErrorCode;
  /** Which node, without credentials. */
  readonly node: string;
  readonly method?: string;
  /** NODE_RPC_ERROR: Bitcoin Core's own code, such as -26. */
  readonly rpcCode?: number;
  readonly [more: string]: unknown;
}

export function nodeError(failure: NodeFailure, message: string, cause?: unknown): TroupeError<NodeFailure> {
  return new TroupeError(failure, message, cause === undefined ? undefined : { cause });
}

/** Failures of this node alone: another one, or the same one later, may answer. */
const ELSEWHERE: ReadonlySet<string> = new Set<NodeErrorCode>([
  "NODE_UNREACHABLE",
  "NODE_TIMEOUT",
  "NODE_AUTH_REFUSED",
  "NODE_COOKIE_UNREADABLE",
  "NODE_WARMING_UP",
  "NODE_BUSY",
  "NODE_BAD_REPLY",
  "NODE_REPLY_TOO_LARGE",
  "NODE_WRONG_CHAIN",
  "NODE_PRUNED",
  "NODE_SYNCING",
]);

export function mayWorkElsewhere(error: unknown): boolean {
  return error instanceof TroupeError && ELSEWHERE.has(error.code);
}

/** The node's own refusal code, if that is what the error is. */
export function rpcCodeOf(error: unknown): number | undefined {
  if (!hasCode(error, "NODE_RPC_ERROR") || !(error instanceof TroupeError)) return undefined;
  return (error as TroupeError<NodeFailure>).data["rpcCode"] as number | undefined;
}

/** What the node said no to, if that is what the error is: its own words and code. */
export function nodeRefusalOf(error: unknown): { reason: string; rpcCode: number } | undefined {
  if (!hasCode(error, "NODE_RPC_ERROR") || !(error instanceof TroupeError)) return undefined;
  const { reason, rpcCode } = (error as TroupeError<NodeFailure>).data;
  return { reason: String(reason), rpcCode: Number(rpcCode) };
}
