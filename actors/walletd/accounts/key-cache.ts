/** Public keys that were derived before, kept in the wallet's sealed file: reading one takes a tenth of deriving it. */
import { equalBytes } from "../../../bitcoin/bytes.ts";
import type { KeyPath } from "../../../joinmarket/wallet/paths.ts";
import type { WalletChange } from "../store/wallet-change.ts";
import type { WalletState } from "../store/wallet-state.ts";

/** Kept together, and only once all of them are there: a chunk that was written stays as it is. The bonds' 960 fill 24. */
export const CHUNK_KEYS = 40;
const KEY_BYTES = 33;

type Branch = Pick<KeyPath, "mixdepth" | "chain">;

/**
 * The file's seal says that we wrote it. What a fault of ours might have written is found out all the same: the first key
 * of each chunk is derived anew, and whatever is given out to others is too (`ScriptBook.at`).
 */
export class KeyCache {
  /** By the chunk's name; those that turned out wrong are not in it any more. */
  readonly #chunks = new Map<string, Buffer>();

  constructor(kept: WalletState["cache"]) {
    for (const [name, text] of Object.entries(kept)) {
      const chunk = Buffer.from(text, "base64");
      if (chunk.length === CHUNK_KEYS * KEY_BYTES) this.#chunks.set(name, chunk);
    }
  }

  /** The key of this place, if it is here and the first of its chunk is what `derive` says. */
  publicKey(path: KeyPath, derive: (path: KeyPath) => Uint8Array): Uint8Array | undefined {
    const name = chunkName(path, Math.floor(path.index / CHUNK_KEYS));
    const chunk = this.#chunks.get(name);
    if (chunk === undefined) return undefined;
    const at = (path.index % CHUNK_KEYS) * KEY_BYTES;
    const kept = chunk.subarray(at, at + KEY_BYTES);
    if (at > 0) return kept;
    const derived = derive(path);
    if (!equalBytes(kept, derived)) this.#chunks.delete(name);
    return derived;
  }

  /** A key of its chunk was found to be another. */
  forget(path: KeyPath): void {
    this.#chunks.delete(chunkName(path, Math.floor(path.index / CHUNK_KEYS)));
  }

  /** What is to be written down of a branch's keys, and is regarded as written from now on. */
  keep(branch: Branch, keys: readonly { readonly publicKey: Uint8Array }[]): WalletChange[] {
    const changes: WalletChange[] = [];
    for (let number = 0; (number + 1) * CHUNK_KEYS <= keys.length; number++) {
      const name = chunkName(branch, number);
      if (this.#chunks.has(name)) continue;
      const own = keys.slice(number * CHUNK_KEYS, (number + 1) * CHUNK_KEYS);
      const chunk = Buffer.concat(own.map(({ publicKey }) => publicKey));
      this.#chunks.set(name, chunk);
      changes.push({ kind: "cached", key: name, value: chunk.toString("base64") });
    }
    return changes;
  }
}

function chunkName({ mixdepth, chain }: Branch, number: number): string {
  return `keys/${mixdepth}/${chain}/${number}`;
}
