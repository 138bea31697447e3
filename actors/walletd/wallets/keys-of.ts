/** From what a wallet file keeps secret to the keys of the wallet. */
import { masterKey } from "../../../bitcoin/keys/hd-key.ts";
import { newMnemonic, seedOf } from "../../../bitcoin/keys/mnemonic.ts";
import type { Network } from "../../../bitcoin/network.ts";
import { WalletKeys } from "../../../joinmarket/wallet/wallet-keys.ts";
import type { WalletSecrets } from "../store/wallet-secrets.ts";
import type { WalletState } from "../store/wallet-state.ts";

/** The fingerprint is the master key's. The caller wipes the keys when done. */
export function keysOf(
  { scriptType: type, hasBonds }: Pick<WalletState, "scriptType" | "hasBonds">,
  { entropy, passphrase }: WalletSecrets,
  network: Network,
): { readonly keys: WalletKeys; readonly fingerprint: string } {
  const seed = seedOf(newMnemonic(entropy).words, Buffer.from(passphrase).toString("utf8"));
  const master = masterKey(seed, network);
  try {
    return {
      keys: WalletKeys.fromSeed(seed, { network, type, hasBonds }),
      fingerprint: master.fingerprint,
    };
  } finally {
    master.wipe();
    seed.fill(0);
  }
}
