/** A wallet that another program made, in our terms; and what whoever opens such a file must say beside the password. */
import type { KeyMaker } from "../store/password-key.ts";
import type { WalletSecrets } from "../store/wallet-secrets.ts";
import type { WalletState } from "../store/wallet-state.ts";

export interface ImportedWallet {
  readonly state: WalletState;
  readonly secrets: WalletSecrets;
}

/** What a file is sealed under. */
export interface Sealing {
  readonly password: string;
  readonly keys: KeyMaker;
}

export interface ForeignFile extends Sealing {
  readonly bytes: Buffer;
  /** BIP-39's, for forms that do not keep it; empty is none. */
  readonly passphrase: string;
  /** The network that we run on: the files hardly say. */
  readonly network: string;
  /** As people call the file; for messages. */
  readonly wallet: string;
}

/** The program that wrote a file, by its first bytes. */
export type ForeignForm =
  | "clientserver-plain"
  | "clientserver"
  | "joinmarket-ng"
  | "joinmarket-ng-legacy"
  | "words";
