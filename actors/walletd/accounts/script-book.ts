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
import type { WalletChange } from "../store/wallet-change.ts";
import { KeyCache } from "./key-cache.ts";

export interface Branch {
  readonly mixdepth: number;
  readonly chain: number;
}

export class ScriptBook {
  readonly #keys: WalletKeys;
  readonly #byHash = new Map<string, WalletKey>();
  /** By "mixdepth/chain", in the order of the indexes. */
  readonly #branches = new Map<string, WalletKey[]>();
  readonly #cache: KeyCache;
  /** The places of those that were read from the cache and not derived since. */
  #unchecked: KeyPath[] = [];
  /** Hashes of scripts that are in the place of wrong ones. */
  #mended: string[] = [];

  /** `kept` is what `toKeep` gave an earlier book of the same wallet. */
  constructor(keys: WalletKeys, kept: Readonly<Record<string, string>> = {}) {
    this.#keys = keys;
    this.#cache = new KeyCache(kept);
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

  /** For whoever gives it out: derived anew, so that nobody is ever paid at what a cache says. */
  at(path: KeyPath): WalletKey {
    const key = this.#keys.key(path);
    // Imported ones that were removed leave gaps: their places are not those in the list.
    if (path.chain !== IMPORTED_CHAIN) this.#compare(key);
    return key;
  }

  /** Derives up to so many of those that were read from the cache; false when none is left. */
  recheck(most: number): boolean {
    for (const path of this.#unchecked.splice(0, most)) this.#compare(this.#keys.key(path));
    return this.#unchecked.length > 0;
  }

  /** The hashes that must be looked up because others stood in their place; each is told once. */
  takeMended(): string[] {
    const mended = this.#mended;
    this.#mended = [];
    return mended;
  }

  /** What the wallet's file shall know the next time; the book takes it for written. */
  toKeep(): WalletChange[] {
    return [...this.#branches].flatMap(([name, keys]) => {
      const [mixdepth = 0, chain = 0] = name.split("/").map(Number);
      return chain === IMPORTED_CHAIN ? [] : this.#cache.keep({ mixdepth, chain }, keys);
    });
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

  /** Derives a branch up to `count` scripts, but no more than `most` at once, and gives the hashes of the new ones. */
  extend({ mixdepth, chain }: Branch, count: number, most: number): string[] {
    const name = `${mixdepth}/${chain}`;
    const keys = this.#branches.get(name) ?? [];
    this.#branches.set(name, keys);
    const added: string[] = [];
    const end = Math.min(count, keys.length + most);
    for (let index = keys.length; index < end; index++) {
      const key = this.#read({ mixdepth, chain, index });
      keys.push(key);
      this.#byHash.set(key.scriptHash, key);
      added.push(key.scriptHash);
    }
    return added;
  }

  #read(path: KeyPath): WalletKey {
    const kept = this.#cache.publicKey(path, (first) => this.#keys.publicKey(first));
    if (kept === undefined) return this.#keys.key(path);
    this.#unchecked.push(path);
    return this.#keys.keyOf(path, kept);
  }

  #compare(derived: WalletKey): void {
    const { path, scriptHash } = derived;
    const keys = this.#branches.get(`${path.mixdepth}/${path.chain}`);
    const listed = keys?.[path.index];
    if (keys === undefined || listed === undefined || listed.scriptHash === scriptHash) return;
    keys[path.index] = derived;
    this.#byHash.delete(listed.scriptHash);
    this.#byHash.set(scriptHash, derived);
    this.#cache.forget(path);
    this.#mended.push(scriptHash);
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
