/** The sandbox's chain as the actor holds it, whichever program keeps it: our own, or a bitcoind that stands by. */
import type { BlockHash } from "../../bitcoin/bytes.ts";

export interface OwnChain {
  readonly rpcUrl: string;
  readonly cookiePath: string;
  readonly tip: { readonly height: number; readonly hash: BlockHash };
  /** How many transactions wait for a block. */
  readonly mempoolCount: number;
  /** Called after blocks came or went. */
  onChange(listener: () => void): void;
  /** Mines so many blocks at once, each with the mempool's best, and pays their rewards to `address`. */
  mine(count: number, address: string): void | Promise<void>;
  /** Ends it; the chain and what is unconfirmed are kept for the next start. */
  stop(): Promise<void>;
}

/** How the sandbox's own chain is started. */
export interface OwnChainOptions {
  /** Like a node's `-datadir`: blocks and cookie stand in its `regtest` directory. One node at a time. */
  readonly dataDirectory: string;
  /** The RPC port on 127.0.0.1. */
  readonly port: number;
  readonly mining: { readonly intervalMs: number; readonly address: string };
}
