/** All keys of one JoinMarket wallet: public halves, scripts and addresses by their place, private halves while the seed is there. */
import { bytesToHex, equalBytes } from "../../bitcoin/bytes.ts";
import { hash160, sha256, sha256d } from "../../bitcoin/hash.ts";
import {
  formatDerivationPath,
  HARDENED,
  hardened,
  parseDerivationPath,
} from "../../bitcoin/keys/derivation-path.ts";
import { type HdKey, masterKey, parseHdKey } from "../../bitcoin/keys/hd-key.ts";
import { keyScript } from "../../bitcoin/keys/key-script.ts";
import type { Network } from "../../bitcoin/network.ts";
import type { KeyOrigin } from "../../bitcoin/psbt/psbt.ts";
import { addressOfScript } from "../../bitcoin/script/address.ts";
import { p2wpkhScript, p2wshScript } from "../../bitcoin/script/script.ts";
import { scriptHashOf } from "../../bitcoin/script/scripthash.ts";
import { timelockScript } from "../../bitcoin/script/timelock.ts";
import { locktimeOfTimenumber } from "../bond/timenumber.ts";
import { JoinmarketError } from "../errors.ts";
import { ImportedKeys, type ImportedPrivateKey } from "./imported-keys.ts";
import {
  BOND_CHAIN,
  BURN_CHAIN,
  type CoinType,
  coinTypeOf,
  type FullKeyPath,
  formatKeyPath,
  IMPORTED_CHAIN,
  isKeyPath,
  type KeyPath,
  type Purpose,
  stepsOf,
} from "./paths.ts";
import type { Spending, WalletKey } from "./wallet-key.ts";

export interface WalletKind {
  readonly network: Network;
  /** bip84 pays to p2wpkh; bip49 to the same inside a script hash, as JoinMarket did before segwit addresses. */
  readonly type: "bip84" | "bip49";
  /** Whether the wallet is one for fidelity bonds (`sw-fb`), with branches 2 and 3 in mixdepth 0. */
  readonly hasBonds: boolean;
}

/** joinmarket-clientserver's mark before the exported key of a mixdepth that has bonds. */
const BOND_EXPORT_MARK = "fbonds-mpk-";
/** `m/purpose'/coin'/mixdepth'`. */
const ACCOUNT_DEPTH = 3;

export class WalletKeys {
  readonly kind: WalletKind;
  readonly #master: HdKey | undefined;
  /** Of each mixdepth used so far, without private halves. */
  readonly #accounts = new Map<number, HdKey>();
  /** By `mixdepth/chain`, without private halves: most questions are for the next key of a branch. */
  readonly #branches = new Map<string, HdKey>();

  /** Of the root key; nothing where only accounts are known, and nobody said it. */
  readonly fingerprint: string | undefined;
  readonly #imported: ImportedKeys;

  private constructor(
    kind: WalletKind,
    master: HdKey | undefined,
    fingerprint: string | undefined,
    imported: readonly ImportedPrivateKey[] = [],
  ) {
    this.kind = kind;
    this.#master = master;
    this.fingerprint = fingerprint;
    this.#imported = new ImportedKeys(imported, kind.network);
  }

  /** A wallet that can sign. The seed is not kept; what is made of it is, until `wipe`. */
  static fromSeed(
    seed: Uint8Array,
    kind: WalletKind,
    imported: readonly ImportedPrivateKey[] = [],
  ): WalletKeys {
    checkKind(kind);
    const master = masterKey(seed, kind.network);
    return new WalletKeys(kind, master, master.fingerprint, imported);
  }

  /** A wallet that only watches: the exported keys of its mixdepths, in any order, as `accountText` gives them. */
  static fromAccounts(texts: readonly string[], kind: WalletKind, fingerprint?: string): WalletKeys {
    checkKind(kind);
    const keys = new WalletKeys(kind, undefined, fingerprint);
    for (const text of texts) {
      const bare = text.startsWith(BOND_EXPORT_MARK) ? text.slice(BOND_EXPORT_MARK.length) : text;
      const given = parseHdKey(bare, kind.network);
      // Its place is in the text: a key from elsewhere in a tree would have addresses that nobody can spend.
      const mixdepth = given.lastStep - HARDENED;
      if (given.depth !== ACCOUNT_DEPTH || mixdepth < 0) throw noSuchKey("this is not the key of a mixdepth");
      keys.#accounts.set(mixdepth, given.neutered());
      if (given.isPrivate) given.wipe();
    }
    return keys;
  }

  get canSign(): boolean {
    return this.#master !== undefined;
  }

  /** Whether there are keys of this mixdepth: a wallet that only watches may have some and not others. */
  hasMixdepth(mixdepth: number): boolean {
    return this.#master !== undefined || this.#accounts.has(mixdepth);
  }

  /** Where a key is, for other signers. Without the root's fingerprint the account's own key stands for the root; an imported key is its own. */
  origin({ path, pathText, publicKey }: WalletKey): KeyOrigin {
    if (path.chain === IMPORTED_CHAIN) {
      return { publicKey, fingerprint: bytesToHex(hash160(publicKey).subarray(0, 4)), steps: [] };
    }
    if (this.fingerprint !== undefined) {
      const [steps = ""] = pathText.split(":");
      return { publicKey, fingerprint: this.fingerprint, steps: parseDerivationPath(steps) };
    }
    const { fingerprint } = this.#account(path.mixdepth);
    return { publicKey, fingerprint, steps: [path.chain, path.index] };
  }

  /** The key of ours that such an origin means, whoever wrote it: the public key decides, not the fingerprint. */
  keyAt(origin: KeyOrigin, mixdepths: number): WalletKey | undefined {
    const key = this.#placesOf(origin, mixdepths)
      .filter((path) => this.hasMixdepth(path.mixdepth) && path.chain !== BURN_CHAIN)
      .filter((path) => path.chain !== BOND_CHAIN || this.kind.hasBonds)
      .find((path) => equalBytes(this.publicKey(path), origin.publicKey));
    return key === undefined ? undefined : this.key(key);
  }

  /** Those that the seed does not know, in the order of their places. */
  get imported(): readonly WalletKey[] {
    return this.#imported.all;
  }

  /** The key at a place, with its script and address. For a bond the index is the month's timenumber. */
  key(path: KeyPath): WalletKey {
    if (path.chain === IMPORTED_CHAIN) return this.#imported.key(path);
    return this.keyOf(path, this.publicKey(path));
  }

  /** The same of a public key that was derived for this place before; only the curve is checked. */
  keyOf(path: KeyPath, publicKey: Uint8Array): WalletKey {
    const pathText = this.pathText(path);
    const { mixdepth, chain, index } = path;
    if (chain === BURN_CHAIN) throw noSuchKey("burnt coins have no address");
    const { scriptPubKey, spending } = this.#payment(path, publicKey);
    const address = addressOfScript(scriptPubKey, this.kind.network);
    if (address === undefined) throw noSuchKey("its script has no address");
    return {
      path: { mixdepth, chain, index },
      pathText,
      publicKey,
      scriptPubKey,
      scriptHash: scriptHashOf(scriptPubKey),
      address,
      spending,
    };
  }

  publicKey(path: KeyPath): Uint8Array {
    const { mixdepth, chain, index } = this.#full(path);
    return this.#branch(mixdepth, chain).derive([index]).publicKey;
  }

  /** A copy of the private key at a place, for its signature; the caller overwrites it when done. */
  privateKey(path: KeyPath): Uint8Array {
    if (path.chain === IMPORTED_CHAIN) return this.#imported.privateKey(path);
    const key = this.#signer().derive(stepsOf(this.#full(path)));
    const privateKey = key.privateKey();
    key.wipe();
    return privateKey;
  }

  /** `m/84'/0'/0'/0/5`, or with its locktime for a bond. */
  pathText(path: KeyPath): string {
    return formatKeyPath(this.#full(path));
  }

  /** The public key of a mixdepth for a wallet that only watches, marked if the mixdepth has bonds. */
  accountText(mixdepth: number): string {
    const text = this.#account(mixdepth).publicText();
    return this.kind.hasBonds && mixdepth === 0 ? `${BOND_EXPORT_MARK}${text}` : text;
  }

  /** `m/84'/0'/2'`. */
  accountPath(mixdepth: number): string {
    return formatDerivationPath(this.#accountSteps(mixdepth));
  }

  /** The public key of a branch, as `display` shows it. */
  branchText(mixdepth: number, chain: number): string {
    this.#full({ mixdepth, chain, index: 0 });
    return this.#branch(mixdepth, chain).publicText();
  }

  /**
   * joinmarket-clientserver's name of the wallet, six hex digits. Wallets with and without bonds have different
   * ones, of the same seed too: one hashes the first mixdepth's external branch, the other its private text.
   */
  clientserverId(): string {
    const branch = this.#signer().derive([...this.#accountSteps(0), 0]);
    const named = this.kind.hasBonds ? branch.publicKey : Buffer.from(branch.privateText(), "ascii");
    const id = bytesToHex(sha256d(named).subarray(0, 3));
    branch.wipe();
    return id;
  }

  /** joinmarket-ng's name of the wallet, eight hex digits: the fingerprint of the child `m/0`. */
  ngFingerprint(): string {
    const child = this.#signer().derive([0]);
    const { fingerprint } = child;
    child.wipe();
    return fingerprint;
  }

  /** Overwrites the private halves; what is public goes with the object. */
  wipe(): void {
    this.#imported.wipe();
    this.#master?.wipe();
    this.#accounts.clear();
    this.#branches.clear();
  }

  #placesOf({ steps, fingerprint }: KeyOrigin, mixdepths: number): readonly KeyPath[] {
    const [chain = 0, index = 0] = steps.slice(-2);
    const isWhole = steps.length === ACCOUNT_DEPTH + 2;
    const isRelative = steps.length === 2;
    const places = Array.from({ length: mixdepths }, (_, mixdepth) => ({ mixdepth, chain, index }));
    return places.filter((path) => {
      const { mixdepth } = path;
      if (!isKeyPath({ ...path, purpose: this.#purpose(), coin: this.#coin() })) return false;
      if (isWhole) return this.#accountSteps(mixdepth).every((step, at) => step === steps[at]);
      return isRelative && this.hasMixdepth(mixdepth) && this.#account(mixdepth).fingerprint === fingerprint;
    });
  }

  #payment(path: KeyPath, publicKey: Uint8Array): { scriptPubKey: Uint8Array; spending: Spending } {
    if (path.chain === BOND_CHAIN) {
      const locktime = locktimeOfTimenumber(path.index);
      const witnessScript = timelockScript({ locktime, publicKey });
      return {
        scriptPubKey: p2wshScript(sha256(witnessScript)),
        spending: { kind: "bond", witnessScript, locktime },
      };
    }
    const kind = this.kind.type === "bip84" ? "p2wpkh" : "p2sh-p2wpkh";
    const scriptPubKey = keyScript(publicKey, kind);
    if (kind === "p2wpkh") return { scriptPubKey, spending: { kind } };
    return { scriptPubKey, spending: { kind, redeemScript: p2wpkhScript(hash160(publicKey)) } };
  }

  #branch(mixdepth: number, chain: number): HdKey {
    const name = `${mixdepth}/${chain}`;
    let branch = this.#branches.get(name);
    if (branch === undefined) {
      branch = this.#account(mixdepth).derive([chain]);
      this.#branches.set(name, branch);
    }
    return branch;
  }

  #account(mixdepth: number): HdKey {
    const known = this.#accounts.get(mixdepth);
    if (known !== undefined) return known;
    if (this.#master === undefined) throw noSuchKey(`this wallet does not watch mixdepth ${mixdepth}`);
    const secret = this.#master.derive(this.#accountSteps(mixdepth));
    const account = secret.neutered();
    secret.wipe();
    this.#accounts.set(mixdepth, account);
    return account;
  }

  #accountSteps(mixdepth: number): readonly number[] {
    return [hardened(this.#purpose()), hardened(this.#coin()), hardened(mixdepth)];
  }

  #signer(): HdKey {
    if (this.#master === undefined) throw noSuchKey("this wallet only watches; its seed is elsewhere");
    return this.#master;
  }

  /** The whole path, if a wallet of this kind has such a key: nothing is derived outside JoinMarket's branches. */
  #full({ mixdepth, chain, index }: KeyPath): FullKeyPath {
    const isBonds = chain === BOND_CHAIN || chain === BURN_CHAIN;
    if (isBonds && !this.kind.hasBonds) throw noSuchKey("this wallet has no fidelity bonds");
    const path = { purpose: this.#purpose(), coin: this.#coin(), mixdepth, chain, index };
    if (!isKeyPath(path)) throw noSuchKey(`no key at mixdepth ${mixdepth}, branch ${chain}, index ${index}`);
    return path;
  }

  #purpose(): Purpose {
    return this.kind.type === "bip84" ? 84 : 49;
  }

  #coin(): CoinType {
    return coinTypeOf(this.kind.network);
  }
}

function checkKind({ type, hasBonds }: WalletKind): void {
  if (type === "bip49" && hasBonds) throw noSuchKey("only a bip84 wallet can have fidelity bonds");
}

function noSuchKey(what: string): JoinmarketError {
  return new JoinmarketError({ code: "JOINMARKET_NO_SUCH_KEY", what }, `the wallet has no such key: ${what}`);
}
