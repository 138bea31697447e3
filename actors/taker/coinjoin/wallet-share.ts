/** What our wallet brings to a coinjoin, and where it gets back. */
import type { CoinjoinCoin } from "../../../joinmarket/coinjoin/own-side.ts";

export interface WalletShare {
  readonly reservation: string;
  readonly coins: readonly CoinjoinCoin[];
  readonly inputSat: number;
  readonly coinjoinAddress: string;
  readonly changeAddress: string;
}
