/** The scripts of one wallet: derived as far as they are watched, found again by script hash or by place. */

import { TIMENUMBER_COUNT } from "../../../joinmarket/bond/timenumber.ts";
import type { KeyPath } from "../../../joinmarket/wallet/paths.ts";
import {
  BOND_CHAIN,
  EXTERNAL_CHAIN,
  IMPORTED_CHAIN,
  INTERNAL_CHAIN,
} from "../../../joinmarket/wallet/paths.ts";
import type { WalletKey } from "../../../joinmarket/wallet/wallet-key.ts";
import type { WalletKeys } from "../../../joinmarket/wallet/wallet-keys.ts";

export interface Branch {
  readonly mixdepth: number;
  readonly chain: number;
}

export class ScriptBook {
  readonly #keys: WalletKeys;
  readonly #byHash = new Map<string, WalletKey>();
  /** By "mixdepth/chain", in the order of the indexes. */
  readonly #branches = new Map<string, WalletKey[]>();

  constructor(keys: WalletKeys) {
    this.#keys = keys;
  }

  get size(): number {
    return this.#byHash.size;
  }

  hashes(): Iterable<string> {
    return this.#byHash.keys();
  }

  find(scriptHash: string): WalletKey | undefined {
    return this.#byHash.get(scriptHash);
  }

  /** Those derived so far. */
  branch({ mixdepth, chain }: Branch): readonly WalletKey[] {
    return this.#branches.get(`${mixdepth}/${chain}`) ?? [];
  }

  at(path: KeyPath): WalletKey {
    // Removed ones leave gaps: their places are not those in the list.
    if (path.chain === IMPORTED_CHAIN) return this.#keys.key(path);
    return this.branch(path)[path.index] ?? this.#keys.key(path);
  }

  /** Keys that came from elsewhere, all at once; gives their hashes when they are new. */
  watchImported(): string[] {
    const added: string[] = [];
    for (const key of this.#keys.imported) {
      if (this.#byHash.has(key.scriptHash)) continue;
      const name = `${key.path.mixdepth}/${IMPORTED_CHAIN}`;
      this.#branches.set(name, [...(this.#branches.get(name) ?? []), key]);
      this.#byHash.set(key.scriptHash, key);
      added.push(key.scriptHash);
    }
    return added;
  }

  /** Derives a branch up to so many scripts, and gives the hashes of the new ones. */
  extend({ mixdepth, chain }: Branch, count: number): string[] {
    const name = `${mixdepth}/${chain}`;
    const keys = this.#branches.get(name) ?? [];
    this.#branches.set(name, keys);
    const added: string[] = [];
    for (let index = keys.length; index < count; index++) {
      const key = this.#keys.key({ mixdepth, chain, index });
      keys.push(key);
      this.#byHash.set(key.scriptHash, key);
      added.push(key.scriptHash);
    }
    return added;
  }
}

/** The branches whose next addresses are watched up to the gap. */
export function countedBranches(mixdepths: number): Branch[] {
  return Array.from({ length: mixdepths }, (_, mixdepth) => [
    { mixdepth, chain: EXTERNAL_CHAIN },
    { mixdepth, chain: INTERNAL_CHAIN },
  ]).flat();
}

/** A bond's month is part of its key, so that all months are watched from the beginning. */
export const BOND_BRANCH: Branch & { readonly count: number } = Object.freeze({
  mixdepth: 0,
  chain: BOND_CHAIN,
  count: TIMENUMBER_COUNT,
});
