/** One change of the books under way: the tables, the rules that hold, and what has to be told when it is on the disk. */
import type { Network } from "../../../bitcoin/network.ts";
import type { LedgerConfig } from "../config.ts";
import type { Tables } from "../store/store.ts";

export interface Tx {
  readonly t: Tables;
  readonly nowS: number;
  readonly rules: LedgerConfig;
  readonly network: Network;
  /** From the system's source, or a test's. */
  readonly randomBytes: (lengthBytes: number) => Uint8Array;
  readonly randomBelow: (end: number) => number;
  /** Told after the change is on the disk, and not if it is given up. */
  readonly news: News;
}

export interface News {
  readonly users: Set<number>;
  readonly notices: number[];
}
