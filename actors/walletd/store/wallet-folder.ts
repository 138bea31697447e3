/** The folder of wallet files: which there are, and the only way to make or open one. */
import { mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import type { Clock } from "../../../runtime/clock.ts";
import { hasCode, type TroupeError } from "../../../runtime/errors.ts";
import type { ForeignFile, ForeignForm, ImportedWallet } from "../files/imported-wallet.ts";
import { formOf, openForeign } from "../files/open-foreign.ts";
import { type WrittenFile, writeForeign } from "../files/write-foreign.ts";
import { type Disk, systemDisk } from "./disk.ts";
import { type Lock, livingOwner, WalletLock } from "./lock.ts";
import { FULL_COST, isOurFile, type KeyCost, KeyMaker, type PasswordKeys } from "./password-key.ts";
import { refusals } from "./refusals.ts";
import { Tries } from "./tries.ts";
import { type WalletSecrets, wipeSecrets } from "./wallet-secrets.ts";
import type { WalletState } from "./wallet-state.ts";
import { type StorePlace, WalletStore } from "./wallet-store.ts";

/** Wallet files of joinmarket-clientserver and joinmarket-ng have the same ending. */
const ENDING = ".jmdat";
const NAME = /^[\p{L}\p{N}](?:[\p{L}\p{M}\p{N} ._-]*[\p{L}\p{M}\p{N}_-])?$/u;
const ORIGINALS_MAX = 100;
/** Under which tries at files elsewhere are counted: no wallet's file is called so. */
const ELSEWHERE = "a file elsewhere";
/** What tells the forms apart stands in the first bytes; only plain words are looked at as a whole, and are shorter. */
const HEAD_BYTES = 2_048;
const NAME_LENGTH_MAX = 100;
/** File systems take 255 bytes, and the lock's and draft's names are longer than the wallet's. */
const NAME_BYTES_MAX = 200;

export interface FolderOptions {
  readonly directory: string;
  /** Wallets of another network are not opened. */
  readonly network: string;
  readonly clock: Clock;
  /** Hears of what went wrong without anybody having asked for it. */
  readonly report: (error: TroupeError) => void;
  /** For tests: a disk that fails, a password's key that costs less, and whoever counts the keys. */
  readonly disk?: Disk;
  readonly cost?: KeyCost;
  readonly keys?: KeyMaker;
}

export type WalletForm = "troupe" | ForeignForm | "unknown";

export class WalletFolder {
  readonly #options: FolderOptions;
  readonly #disk: Disk;
  readonly #tries: Tries;
  readonly #keys: KeyMaker;

  constructor(options: FolderOptions) {
    this.#options = options;
    this.#disk = options.disk ?? systemDisk;
    this.#tries = new Tries(options.clock);
    this.#keys = options.keys ?? new KeyMaker();
  }

  /** The files' names in the order of the alphabet, whoever made them. */
  async list(): Promise<string[]> {
    const { directory } = this.#options;
    try {
      await mkdir(directory, { recursive: true, mode: 0o700 });
      const entries = await readdir(directory, { withFileTypes: true });
      return entries
        .filter((entry) => entry.isFile() && isWalletFileName(entry.name))
        .map(({ name }) => name)
        .sort();
    } catch (error) {
      throw refusals.disk("folder", error);
    }
  }

  /** Which program's form a file has, without opening it. Unknown too: a file that is gone or cannot be read. */
  async form(name: string): Promise<WalletForm> {
    const path = join(this.#options.directory, walletFileName(name));
    // Whoever wants more of it than its form is told what is wrong with it.
    const head = await this.#disk.read(path, HEAD_BYTES).catch(() => undefined);
    if (head === undefined) return "unknown";
    return isOurFile(head) ? "troupe" : (formOf(head) ?? "unknown");
  }

  /** Makes a wallet file and leaves the wallet open. */
  async create(
    name: string,
    password: string,
    content: { readonly state: WalletState; readonly secrets: WalletSecrets },
  ): Promise<WalletStore> {
    const wallet = walletFileName(name);
    // Before the lock: a wallet that is open here has it already, and "exists" says more than "is open".
    if ((await this.list()).includes(wallet)) throw refusals.exists(wallet);
    return this.#locked(wallet, async (place, lock) => {
      if ((await this.#disk.read(place.path)) !== undefined) throw refusals.exists(wallet);
      return WalletStore.create(place, lock, password, content);
    });
  }

  /**
   * A file of another program in the folder becomes one of ours with the same password, and the original stays beside it
   * as `<name>.original-<n>`. After any refusal everything is as it was. Wrong passwords have to wait; see `Tries`.
   * Whatever is wrong costs one key: how long it takes to say no tells nothing of the file.
   */
  open(name: string, password: string, passphrase = ""): Promise<WalletStore> {
    const wallet = walletFileName(name);
    return this.#tries.guard(wallet, () =>
      this.#evenly(wallet, password, async (place, lock) => {
        const bytes = await this.#disk.read(place.path);
        if (bytes === undefined) throw refusals.missing(wallet);
        if (!isOurFile(bytes)) return this.#adopt(place, lock, bytes, password, passphrase);
        if (passphrase !== "") throw refusals.passphraseInFile(wallet);
        const store = await WalletStore.open(place, lock, password);
        const { network } = store.state;
        if (network === this.#options.network) return store;
        await store.close();
        throw refusals.otherNetwork(wallet, network);
      }),
    );
  }

  /** Makes a wallet of another program's file that is not in the folder; `complete` may add to it before there is a file. */
  async import(
    name: string,
    { bytes, password, passphrase = "" }: { bytes: Buffer; password: string; passphrase?: string },
    complete: (content: ImportedWallet) => void = () => {},
  ): Promise<WalletStore> {
    const wallet = walletFileName(name);
    const { network } = this.#options;
    // Before the password's slow key: the answer would be the same.
    if ((await this.list()).includes(wallet)) throw refusals.exists(wallet);
    if (isOurFile(bytes)) throw refusals.ours(wallet);
    const content = await this.#tries.guard(wallet, () =>
      openForeign({ bytes, password, network, wallet, passphrase, keys: this.#keys }),
    );
    try {
      complete(content);
      return await this.create(wallet, password, content);
    } finally {
      wipeSecrets(content.secrets);
    }
  }

  /** What another program's file elsewhere holds; nothing of it is kept here. The caller wipes the secrets. */
  async peek({
    name: wallet,
    bytes,
    password,
    passphrase,
  }: Pick<ForeignFile, "bytes" | "password" | "passphrase"> & { name: string }): Promise<ImportedWallet> {
    const { network } = this.#options;
    if (isOurFile(bytes)) throw refusals.ours(wallet);
    const file = { bytes, password, network, wallet, passphrase, keys: this.#keys };
    return this.#tries.guard(ELSEWHERE, () => openForeign(file));
  }

  /** A wallet of ours in another program's form, under the wallet's password; see `writeForeign`. */
  write(
    form: "clientserver" | "joinmarket-ng",
    content: ImportedWallet,
    password: string,
    handedOut: readonly string[],
  ): Promise<WrittenFile> {
    return writeForeign(form, content, { password, keys: this.#keys }, handedOut);
  }

  /** For a wallet that is open already; a wrong password counts as one at the door. */
  checkPassword(store: WalletStore, password: string): Promise<void> {
    return this.#tries.guard(store.wallet, () => store.checkPassword(password));
  }

  async #adopt(
    place: StorePlace,
    lock: Lock,
    bytes: Buffer,
    password: string,
    passphrase: string,
  ): Promise<WalletStore> {
    const { wallet, path } = place;
    const { directory, network } = this.#options;
    // joinmarket-clientserver would write its own file over ours when it is done.
    const owner = livingOwner(await this.#disk.read(join(directory, `.${wallet}.lock`)));
    if (owner !== undefined) throw refusals.locked(wallet, `joinmarket-clientserver (process ${owner})`);
    const content = await openForeign({ bytes, password, network, wallet, passphrase, keys: this.#keys });
    try {
      const kept = await this.#keepOriginal(path, bytes);
      try {
        return await WalletStore.create(place, lock, password, content, "replace");
      } catch (error) {
        await this.#forgetOriginal(path, kept, bytes);
        throw error;
      }
    } finally {
      wipeSecrets(content.secrets);
    }
  }

  /** A second name for the file, before ours takes the first. What an earlier attempt has kept is not kept twice. */
  async #keepOriginal(path: string, bytes: Buffer): Promise<string | undefined> {
    for (let number = 1; number <= ORIGINALS_MAX; number++) {
      const name = `${path}.original-${number}`;
      const there = await this.#disk.read(name);
      if (there?.equals(bytes)) return undefined;
      if (there === undefined) {
        await this.#disk.link(path, name);
        return name;
      }
    }
    throw refusals.exists(`${path}.original-${ORIGINALS_MAX}`);
  }

  /** Ours was not made: the second name goes again, unless it is not certain that the file still has its first. */
  async #forgetOriginal(path: string, kept: string | undefined, bytes: Buffer): Promise<void> {
    // A name too many is no harm, and what went wrong before is what must be told.
    const there = await this.#disk.read(path).catch(() => undefined);
    if (kept !== undefined && there?.equals(bytes)) await this.#disk.remove(kept).catch(() => undefined);
  }

  /** A refusal for which no key was made makes one, and throws it away. */
  async #evenly(
    wallet: string,
    password: string,
    use: (place: StorePlace, lock: Lock) => Promise<WalletStore>,
  ): Promise<WalletStore> {
    const { cost = FULL_COST } = this.#options;
    let isMade = false;
    const keys: PasswordKeys = {
      derive: (...parameters) => {
        isMade = true;
        return this.#keys.derive(...parameters);
      },
    };
    try {
      return await this.#locked(wallet, (place, lock) => use({ ...place, keys }, lock));
    } catch (error) {
      // Other programs' files have keys of their own, at their own cost.
      if (!isMade && !hasCode(error, "WALLETD_WRONG_PASSWORD"))
        (await this.#keys.derive(password, cost)).wipe();
      throw error;
    }
  }

  /** The lock is let go of again unless a store has been made, which then owns it. */
  async #locked(
    wallet: string,
    use: (place: StorePlace, lock: Lock) => Promise<WalletStore>,
  ): Promise<WalletStore> {
    const { directory, report, cost = FULL_COST } = this.#options;
    const path = join(directory, wallet);
    const place = { disk: this.#disk, path, wallet, cost, report, keys: this.#keys };
    let lock: Lock | undefined;
    try {
      lock = await WalletLock.take(this.#disk, `${path}.lock`, wallet);
      return await use(place, lock);
    } catch (error) {
      // What went wrong first is what is told; the kernel's half of the lock is let go of in any case.
      await lock?.release().catch(() => undefined);
      throw refusals.disk(wallet, error);
    }
  }
}

/** With its ending, which may be left out; throws for what is no name of a file of ours. */
export function walletFileName(name: string): string {
  const stem = name.endsWith(ENDING) ? name.slice(0, -ENDING.length) : name;
  const isGood =
    stem.length <= NAME_LENGTH_MAX && Buffer.byteLength(stem) <= NAME_BYTES_MAX && NAME.test(stem);
  if (!isGood) throw refusals.badName(name);
  return stem + ENDING;
}

function isWalletFileName(name: string): boolean {
  try {
    return walletFileName(name) === name;
  } catch {
    // A file that somebody put there under a name that we would refuse.
    return false;
  }
}
