/** One key of a tree of keys (BIP32), with its private half or without. */
import { type BIP32API, BIP32Factory, type BIP32Interface } from "bip32";
import { badKey } from "../errors.ts";
import type { Network } from "../network.ts";
import { curveLibrary } from "./curve.ts";
import { HARDENED } from "./derivation-path.ts";

/** The longest text of an extended key is 112 letters: nothing longer is even looked at. */
const TEXT_LENGTH_MAX = 120;

/** The versions of a public and of a private key. */
const SLIP132 = Object.freeze({
  bip84: { main: [0x04b24746, 0x04b2430c], test: [0x045f1cf6, 0x045f18bc] },
  bip49: { main: [0x049d7cb2, 0x049d7878], test: [0x044a5262, 0x044a4e28] },
} as const);
const SLIP132_TEXT = /^[zvyu]p(?:ub|rv)/;

let library: BIP32API | undefined;

/** The root of all keys of a seed. */
export function masterKey(seed: Uint8Array, network: Network): HdKey {
  try {
    return new HdKey(bip32().fromSeed(seed, prefixesOf(network)));
  } catch {
    throw badKey("a seed has 16 to 64 bytes");
  }
}

/** Reads `xpub…`, `xprv…`, or `tpub…`, `tprv…` on the test networks. */
export function parseHdKey(text: string, network: Network): HdKey {
  if (text.length > TEXT_LENGTH_MAX) throw badKey("the text is too long for an extended key");
  try {
    return new HdKey(bip32().fromBase58(text, prefixesOf(network)));
  } catch {
    throw badKey(`no extended key of ${network.name}`);
  }
}

/**
 * SLIP132's letters, which say the kind of addresses too: zpub and vpub of BIP84, ypub and upub of BIP49. Its text is
 * written `xpub…` or `tpub…` from then on. Nothing if the text is of another kind.
 */
export function parseSlip132Key(text: string, type: "bip84" | "bip49", network: Network): HdKey | undefined {
  if (text.length > TEXT_LENGTH_MAX || !SLIP132_TEXT.test(text)) return undefined;
  const isMain = network.name === "mainnet";
  const [isPublic, isPrivate] = SLIP132[type][isMain ? "main" : "test"];
  const own = prefixesOf(network);
  try {
    const node = bip32().fromBase58(text, { ...own, bip32: { public: isPublic, private: isPrivate } });
    node.network = own;
    return new HdKey(node);
  } catch {
    // Of the other kind or network, or mistyped: whoever asks reads it as a usual one then, and says so.
    return undefined;
  }
}

export class HdKey {
  readonly #node: BIP32Interface;
  #isWiped = false;

  /** Made by `masterKey` and `parseHdKey`. */
  constructor(node: BIP32Interface) {
    this.#node = node;
  }

  get isPrivate(): boolean {
    return !this.#alive().isNeutered();
  }

  /** 33 bytes. */
  get publicKey(): Uint8Array {
    return this.#alive().publicKey;
  }

  get chainCode(): Uint8Array {
    return this.#alive().chainCode;
  }

  /** 0 for the root. */
  get depth(): number {
    return this.#alive().depth;
  }

  /** The last step of the key's path, 2^31 more if it is hardened; 0 for the root. */
  get lastStep(): number {
    return this.#alive().index;
  }

  /** Eight hex digits that name this key to programs; two keys may share them. */
  get fingerprint(): string {
    return Buffer.from(this.#alive().fingerprint).toString("hex");
  }

  /** A copy of the 32 private bytes, which the caller wipes when done. */
  privateKey(): Uint8Array {
    const { privateKey } = this.#alive();
    if (privateKey === undefined) throw badKey("this key is public only");
    return Uint8Array.from(privateKey);
  }

  /** The key so many steps below; hardened steps (BIP32's 2^31 and up) need the private half. */
  derive(steps: readonly number[]): HdKey {
    let node = this.#alive();
    for (const step of steps) {
      if (step >= HARDENED && node.isNeutered()) throw badKey("a public key has no hardened children");
      const child = node.derive(step);
      if (node !== this.#node) wipe(node);
      node = child;
    }
    return new HdKey(node);
  }

  /** The same key without its private half. */
  neutered(): HdKey {
    return new HdKey(this.#alive().neutered());
  }

  /** `xpub…` or `tpub…`, whatever the key holds. */
  publicText(): string {
    return this.#alive().neutered().toBase58();
  }

  /** `xprv…` or `tprv…`: a secret as great as the seed. */
  privateText(): string {
    if (!this.isPrivate) throw badKey("this key is public only");
    return this.#alive().toBase58();
  }

  /** Overwrites the private half; the key is of no use afterwards. */
  wipe(): void {
    wipe(this.#node);
    this.#isWiped = true;
  }

  #alive(): BIP32Interface {
    if (this.#isWiped) throw badKey("this key was wiped from memory");
    return this.#node;
  }
}

function wipe(node: BIP32Interface): void {
  // The library hands out its own array, not a copy: this is the only way to overwrite what it keeps.
  node.privateKey?.fill(0);
}

/** Made when first needed: it tests the curve's library, which takes some milliseconds. */
function bip32(): BIP32API {
  library ??= BIP32Factory(curveLibrary);
  return library;
}

function prefixesOf({ address: { wif, bip32Public, bip32Private } }: Network) {
  return { wif, bip32: { public: bip32Public, private: bip32Private } };
}
