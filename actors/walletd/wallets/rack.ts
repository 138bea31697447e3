/** All open wallets: opening, making and closing them one at a time for each name, and finding the one that a session is of. */
import { randomBytes } from "node:crypto";
import { newMnemonic, parseMnemonic } from "../../../bitcoin/keys/mnemonic.ts";
import { hasCode } from "../../../runtime/errors.ts";
import { denials } from "../denials.ts";
import { changesOfSideFiles, type SideFiles, type TakenChanges } from "../files/side-files.ts";
import { applyChange } from "../store/wallet-change.ts";
import { type WalletFolder, walletFileName } from "../store/wallet-folder.ts";
import { newWalletState, type WalletState } from "../store/wallet-state.ts";
import type { WalletStore } from "../store/wallet-store.ts";
import { keysOf } from "./keys-of.ts";
import { type Glimpse, type Lender, withGlimpse } from "./lender.ts";
import { OpenWallet, type WalletParts } from "./open-wallet.ts";
import { Sessions } from "./sessions.ts";
import { settingsOfNew } from "./wallet-settings.ts";
import { type AccountsWish, accountsOf } from "./watched-accounts.ts";

export interface NewWalletWish {
  readonly wallet: string;
  readonly password: string;
  readonly type: "bip84" | "bip49";
  readonly hasBonds: boolean;
  readonly passphrase: string;
}

export interface UnlockWish {
  readonly wallet: string;
  readonly password: string;
  /** BIP39's, for files that do not say it. */
  readonly passphrase: string;
}

/** What is known of a wallet that has had coins before. */
interface Past {
  readonly creationHeight?: number | undefined;
  /** Kept as the wallet's own setting: what was searched once must be found again after a kill, and watched. */
  readonly gap?: number | undefined;
}

export interface WatchWish extends AccountsWish, Past {
  readonly wallet: string;
  readonly password: string;
}

export interface Opened {
  readonly wallet: OpenWallet;
  readonly session: string;
  readonly wasUnlocked: boolean;
}

/** A door to an open wallet. */
export interface Owned {
  readonly wallet: string;
  readonly session: string;
}

export interface RackNews {
  unlocked(wallet: OpenWallet): void;
  locked(name: string, why: "asked" | "idle" | "failure"): void;
}

/** Of our own end makers' grants are none: with the next opening they hold again. */
type LockReason = "asked" | "idle" | "failure" | "stopping";

const NO_BYTES = new Uint8Array(0);

export class WalletRack {
  readonly #folder: WalletFolder;
  readonly #parts: WalletParts;
  readonly #openMax: number;
  readonly #news: RackNews;
  readonly #sessions = new Sessions();
  readonly #open = new Map<string, OpenWallet>();
  /** By name what is being done to it: a second request waits for the first. */
  readonly #turns = new Map<string, Promise<unknown>>();

  constructor(folder: WalletFolder, parts: WalletParts, openMax: number, news: RackNews) {
    this.#folder = folder;
    this.#parts = parts;
    this.#openMax = openMax;
    this.#news = news;
  }

  get folder(): WalletFolder {
    return this.#folder;
  }

  wallets(): Iterable<OpenWallet> {
    return this.#open.values();
  }

  /** For whoever has a grant instead of a session. */
  openWallet(name: string): OpenWallet | undefined {
    return this.#open.get(name);
  }

  isOpen(name: string): boolean {
    return this.#open.has(name);
  }

  /** The wallet whose session this is; one refusal for every reason why there is none. */
  need(owned: Owned, caller: string): OpenWallet {
    const open = this.look(owned, caller);
    open.used();
    return open;
  }

  /** The same for what programs ask by themselves again and again: no wallet is left open for that. */
  look({ wallet, session }: Owned, caller: string): OpenWallet {
    const name = openName(wallet);
    const open = this.#open.get(name);
    if (open === undefined || !this.#sessions.isValid(session, name, caller)) throw denials.noSession(name);
    return open;
  }

  create(
    wish: NewWalletWish,
    wordCount: 12 | 24,
    caller: string,
  ): Promise<Opened & { readonly words: string }> {
    return this.#turn(wish.wallet, async (name) => {
      const entropy = randomBytes(wordCount === 12 ? 16 : 32);
      try {
        const words = newMnemonic(entropy).words.join(" ");
        const past = { creationHeight: this.#parts.feed.tip?.height };
        const opened = await this.#make(name, wish, entropy, caller, past);
        return { ...opened, words };
      } finally {
        entropy.fill(0);
      }
    });
  }

  recover(wish: NewWalletWish & Past & { readonly words: string }, caller: string): Promise<Opened> {
    return this.#turn(wish.wallet, (name) => {
      const entropy = entropyOf(wish.words);
      return this.#make(name, wish, entropy, caller, wish).finally(() => entropy.fill(0));
    });
  }

  /** A wallet that only watches. */
  watch(wish: WatchWish, caller: string): Promise<Opened> {
    return this.#turn(wish.wallet, async (name) => {
      this.#needRoom(name);
      const { network, clock } = this.#parts;
      const { type, hasBonds, mixdepths, watched } = accountsOf(wish, network);
      const state = newWalletState({
        network: network.name,
        scriptType: type,
        hasBonds,
        mixdepths,
        watched,
        createdAtMs: clock.now(),
        ...pastOf(wish),
      });
      const secrets = { entropy: NO_BYTES, passphrase: NO_BYTES, importedKeys: [] };
      return this.#take(await this.#folder.create(name, wish.password, { state, secrets }), caller);
    });
  }

  /** Of another program's file; what lies beside it is in the wallet from its first moment. */
  importFile(
    { wallet, password, passphrase }: UnlockWish,
    bytes: Buffer,
    beside: SideFiles,
    caller: string,
  ): Promise<Opened & Pick<TakenChanges, "taken" | "ignored">> {
    return this.#turn(wallet, async (name) => {
      this.#needRoom(name);
      let counts = { taken: 0, ignored: 0 };
      const store = await this.#folder.import(name, { bytes, password, passphrase }, ({ state, secrets }) => {
        const keys = keysOf(state, secrets, this.#parts.network);
        const { changes, ...found } = changesOfSideFiles(beside, keys, state);
        keys.wipe();
        for (const change of changes) applyChange(state, change);
        counts = found;
      });
      return { ...(await this.#take(store, caller)), ...counts };
    });
  }

  /** Another program's file is looked at for one piece of work: no wallet is made of it. */
  async peek<A>(glimpse: Glimpse, work: (lender: Lender) => Promise<A>): Promise<A> {
    return withGlimpse(glimpse, await this.#folder.peek(glimpse), this.#parts, work);
  }

  unlock({ wallet, password, passphrase }: UnlockWish, caller: string): Promise<Opened> {
    return this.#turn(wallet, async (name) => {
      const open = this.#open.get(name);
      if (open !== undefined) {
        await this.#folder.checkPassword(open.store, password);
        open.used();
        return { wallet: open, session: this.#sessions.begin(name, caller), wasUnlocked: true };
      }
      this.#needRoom(name);
      return this.#take(await this.#folder.open(name, password, passphrase), caller);
    });
  }

  /** False when it was not open, or is not to be closed any more when its turn comes. */
  lock(
    wallet: string,
    why: LockReason,
    isStillWanted: (open: OpenWallet) => boolean = () => true,
  ): Promise<boolean> {
    return this.#turn(wallet, async (name) => {
      const open = this.#open.get(name);
      if (open === undefined || !isStillWanted(open)) return false;
      // First nobody can reach it any more, then it is taken apart.
      this.#open.delete(name);
      this.#sessions.endAll(name);
      this.#news.locked(name, why === "stopping" ? "asked" : why);
      if (why === "asked" || why === "idle") await open.forgetGrants();
      await open.close();
      return true;
    });
  }

  async lockAll(): Promise<void> {
    for (const name of [...this.#open.keys()]) await this.lock(name, "stopping");
  }

  async #make(
    name: string,
    { password, type, hasBonds, passphrase }: NewWalletWish,
    entropy: Uint8Array,
    caller: string,
    past: Past,
  ): Promise<Opened> {
    this.#needRoom(name);
    const state = newWalletState({
      network: this.#parts.network.name,
      scriptType: type,
      hasBonds: hasBonds && type === "bip84",
      mixdepths: this.#parts.config.mixdepths,
      createdAtMs: this.#parts.clock.now(),
      ...pastOf(past),
    });
    const secrets = { entropy, passphrase: Buffer.from(passphrase, "utf8"), importedKeys: [] };
    return this.#take(await this.#folder.create(name, password, { state, secrets }), caller);
  }

  async #take(store: WalletStore, caller: string): Promise<Opened> {
    let wallet: OpenWallet;
    try {
      wallet = new OpenWallet(store, this.#parts);
    } catch (error) {
      await store.close();
      throw error;
    }
    await wallet.tidy({ isOpening: true });
    this.#open.set(wallet.name, wallet);
    wallet.sync.start();
    this.#news.unlocked(wallet);
    return { wallet, session: this.#sessions.begin(wallet.name, caller), wasUnlocked: false };
  }

  #needRoom(name: string): void {
    if (this.#open.size >= this.#openMax) throw denials.tooManyOpen(name, this.#openMax);
  }

  async #turn<T>(wallet: string, work: (name: string) => Promise<T>): Promise<T> {
    const name = walletFileName(wallet);
    const before = this.#turns.get(name) ?? Promise.resolve();
    const mine = before.then(() => work(name));
    const settled = mine.catch(() => {}); // its own caller hears of it
    this.#turns.set(name, settled);
    try {
      return await mine;
    } finally {
      if (this.#turns.get(name) === settled) this.#turns.delete(name);
    }
  }
}

/** For a question about a wallet that must be open: a name that can be none is just not open. */
function openName(wallet: string): string {
  return wallet.endsWith(".jmdat") ? wallet : `${wallet}.jmdat`;
}

function pastOf({ creationHeight, gap }: Past): Pick<WalletState, "settings" | "creationHeight"> {
  return { settings: settingsOfNew(gap), ...(creationHeight === undefined ? {} : { creationHeight }) };
}

function entropyOf(words: string): Uint8Array {
  try {
    return Uint8Array.from(parseMnemonic(words).entropy);
  } catch (error) {
    if (!hasCode(error, "BITCOIN_BAD_MNEMONIC")) throw error;
    throw denials.words(String((error as unknown as { data: { reason: string } }).data.reason));
  }
}
