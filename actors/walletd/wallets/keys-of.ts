/** From what a wallet file keeps to the keys of the wallet. */
import { isPrivateKey } from "../../../bitcoin/keys/curve.ts";
import type { KeyScriptKind } from "../../../bitcoin/keys/key-script.ts";
import { newMnemonic, seedOf } from "../../../bitcoin/keys/mnemonic.ts";
import type { Network } from "../../../bitcoin/network.ts";
import type { ImportedPrivateKey } from "../../../joinmarket/wallet/imported-keys.ts";
import { WalletKeys } from "../../../joinmarket/wallet/wallet-keys.ts";
import type { ImportedKey, WalletSecrets } from "../store/wallet-secrets.ts";
import type { WalletState } from "../store/wallet-state.ts";

/** From the seed, or of a wallet that only watches from its accounts' public keys. The caller wipes the keys when done. */
export function keysOf(
  { scriptType: type, hasBonds, watched }: Pick<WalletState, "scriptType" | "hasBonds" | "watched">,
  { entropy, passphrase, importedKeys }: WalletSecrets,
  network: Network,
): WalletKeys {
  const kind = { network, type, hasBonds };
  if (watched !== undefined) return WalletKeys.fromAccounts(watched.keys, kind, watched.fingerprint);
  const seed = seedOf(newMnemonic(entropy).words, Buffer.from(passphrase).toString("utf8"));
  try {
    return WalletKeys.fromSeed(seed, kind, importedKeys.flatMap(watchable));
  } finally {
    seed.fill(0);
  }
}

/** joinmarket-clientserver's numbers of scripts; the last is what it calls those of a wallet with bonds. */
const SCRIPT_KINDS: Readonly<Record<number, KeyScriptKind>> = {
  0: "p2pkh",
  1: "p2sh-p2wpkh",
  2: "p2wpkh",
  5: "p2wpkh",
};

/** What cannot be watched is kept all the same, for the program that knows it: no key is ever lost. */
function watchable({ scriptKind, isCompressed, ...key }: ImportedKey): ImportedPrivateKey[] {
  const kind = SCRIPT_KINDS[scriptKind];
  return kind === undefined || !isCompressed || !isPrivateKey(key.privateKey) ? [] : [{ ...key, kind }];
}
