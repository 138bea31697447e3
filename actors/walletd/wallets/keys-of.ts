/** From what a wallet file keeps to the keys of the wallet. */
import { newMnemonic, seedOf } from "../../../bitcoin/keys/mnemonic.ts";
import type { Network } from "../../../bitcoin/network.ts";
import { WalletKeys } from "../../../joinmarket/wallet/wallet-keys.ts";
import type { WalletSecrets } from "../store/wallet-secrets.ts";
import type { WalletState } from "../store/wallet-state.ts";

/** From the seed, or of a wallet that only watches from its accounts' public keys. The caller wipes the keys when done. */
export function keysOf(
  { scriptType: type, hasBonds, watched }: Pick<WalletState, "scriptType" | "hasBonds" | "watched">,
  { entropy, passphrase }: WalletSecrets,
  network: Network,
): WalletKeys {
  const kind = { network, type, hasBonds };
  if (watched !== undefined) return WalletKeys.fromAccounts(watched.keys, kind, watched.fingerprint);
  const seed = seedOf(newMnemonic(entropy).words, Buffer.from(passphrase).toString("utf8"));
  try {
    return WalletKeys.fromSeed(seed, kind);
  } finally {
    seed.fill(0);
  }
}
