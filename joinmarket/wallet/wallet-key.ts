/** One key of a wallet as everybody may know it: its place, its script, and what an input that spends from it needs. */
import type { ScriptHash } from "../../bitcoin/bytes.ts";
import type { KeyPath } from "./paths.ts";

/** Everything public about one key. */
export interface WalletKey {
  readonly path: KeyPath;
  readonly pathText: string;
  readonly publicKey: Uint8Array;
  readonly scriptPubKey: Uint8Array;
  readonly scriptHash: ScriptHash;
  readonly address: string;
  readonly spending: Spending;
}

/** What an input needs besides signature and key. */
export type Spending =
  | { readonly kind: "p2wpkh" }
  | { readonly kind: "p2pkh" }
  | { readonly kind: "p2sh-p2wpkh"; readonly redeemScript: Uint8Array }
  | { readonly kind: "bond"; readonly witnessScript: Uint8Array; readonly locktime: number };
