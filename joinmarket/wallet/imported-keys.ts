/** Keys that came into a wallet from elsewhere: not made of its seed, each at a place of its own in a mixdepth. */

import { hash160 } from "../../bitcoin/hash.ts";
import { publicKeyOf } from "../../bitcoin/keys/curve.ts";
import { type KeyScriptKind, keyScript } from "../../bitcoin/keys/key-script.ts";
import type { Network } from "../../bitcoin/network.ts";
import { addressOfScript } from "../../bitcoin/script/address.ts";
import { p2wpkhScript } from "../../bitcoin/script/script.ts";
import { scriptHashOf } from "../../bitcoin/script/scripthash.ts";
import { JoinmarketError } from "../errors.ts";
import { IMPORTED_CHAIN, type KeyPath } from "./paths.ts";
import type { WalletKey } from "./wallet-key.ts";

export interface ImportedPrivateKey {
  readonly mixdepth: number;
  /** Where keys before it were removed, their places stay empty. */
  readonly index: number;
  readonly kind: KeyScriptKind;
  readonly privateKey: Uint8Array;
}

interface Entry {
  readonly key: WalletKey;
  readonly privateKey: Uint8Array;
}

export class ImportedKeys {
  readonly #entries = new Map<string, Entry>();

  /** Copies the private keys; `wipe` overwrites the copies. */
  constructor(keys: readonly ImportedPrivateKey[], network: Network) {
    for (const { privateKey, ...place } of keys) {
      const key = walletKeyOf(place, publicKeyOf(privateKey), network);
      this.#entries.set(key.pathText, { key, privateKey: Uint8Array.from(privateKey) });
    }
  }

  /** In the order of their places. */
  get all(): readonly WalletKey[] {
    return [...this.#entries.values()].map(({ key }) => key);
  }

  key(path: KeyPath): WalletKey {
    return this.#entry(path).key;
  }

  /** A copy, which the caller overwrites when done. */
  privateKey(path: KeyPath): Uint8Array {
    return Uint8Array.from(this.#entry(path).privateKey);
  }

  wipe(): void {
    for (const { privateKey } of this.#entries.values()) privateKey.fill(0);
    this.#entries.clear();
  }

  #entry(path: KeyPath): Entry {
    const entry = this.#entries.get(pathTextOf(path));
    if (entry !== undefined) return entry;
    const what = `no imported key ${path.index} in mixdepth ${path.mixdepth}`;
    throw new JoinmarketError(
      { code: "JOINMARKET_NO_SUCH_KEY", what },
      `the wallet has no such key: ${what}`,
    );
  }
}

function walletKeyOf(
  { mixdepth, index, kind }: Omit<ImportedPrivateKey, "privateKey">,
  publicKey: Uint8Array,
  network: Network,
): WalletKey {
  const path = { mixdepth, chain: IMPORTED_CHAIN, index };
  const scriptPubKey = keyScript(publicKey, kind);
  return {
    path,
    pathText: pathTextOf(path),
    publicKey,
    scriptPubKey,
    scriptHash: scriptHashOf(scriptPubKey),
    // Each of these kinds has one.
    address: addressOfScript(scriptPubKey, network) as string,
    spending: kind === "p2sh-p2wpkh" ? { kind, redeemScript: p2wpkhScript(hash160(publicKey)) } : { kind },
  };
}

/** As joinmarket-clientserver writes it. */
function pathTextOf({ mixdepth, index }: KeyPath): string {
  return `imported/${mixdepth}/${index}`;
}
