/** One unlocked wallet: its store, its keys, and its coins as the chain has them. */
import type { Network } from "../../../bitcoin/network.ts";
import { scriptHashOf } from "../../../bitcoin/script/scripthash.ts";
import type { RawTransactions, TakeRaw } from "../../../bus/chain/raw-transactions.ts";
import type { WalletKey } from "../../../joinmarket/wallet/wallet-key.ts";
import type { WalletKeys } from "../../../joinmarket/wallet/wallet-keys.ts";
import type { Clock } from "../../../runtime/clock.ts";
import { TokenBucket } from "../../../runtime/limits.ts";
import { type Branch, countedBranches, ScriptBook } from "../accounts/script-book.ts";
import type { ChainFeed } from "../coins/chain-feed.ts";
import { CoinView, type Moves, type OwnCoin } from "../coins/coin-view.ts";
import type { Lookup } from "../coins/lookup.ts";
import type { MedianTime } from "../coins/median-time.ts";
import {
  freezesByRule,
  reservedNow,
  type Standing,
  type StandingRules,
  standingOf,
} from "../coins/standing.ts";
import { WalletSync } from "../coins/wallet-sync.ts";
import type { WalletdConfig } from "../config.ts";
import { denials } from "../denials.ts";
import { OwnTransactions } from "../history/own-transactions.ts";
import { endedOf } from "../sign/grants.ts";
import { branchKey, labelKey, type WalletChange } from "../store/wallet-change.ts";
import type { WalletState } from "../store/wallet-state.ts";
import type { WalletStore } from "../store/wallet-store.ts";
import { keysOf } from "./keys-of.ts";
import { isSettled, overChanges } from "./tidying.ts";
import { readSettings, type WalletSettings } from "./wallet-settings.ts";

export interface WalletParts {
  readonly network: Network;
  readonly config: WalletdConfig;
  readonly clock: Clock;
  readonly feed: ChainFeed;
  readonly lookup: Lookup;
  readonly medianTime: MedianTime;
  readonly raw: RawTransactions;
  /** The coins, or their standing, are others than before. */
  readonly onChange: (wallet: OpenWallet, moves: Moves, isFirst: boolean) => void;
  /** Something that nobody asked for went wrong. */
  readonly onTrouble: (wallet: OpenWallet, error: unknown) => void;
}

export interface StandingCoin extends OwnCoin {
  readonly standing: Standing;
}

const NO_MOVES: Moves = new Map();
/** Through the gateway's doors, where a stranger might ask without end: each is watched for ever. */
const ADDRESSES_PER_HOUR = 300;
const UNKNOWN_FINGERPRINT = "00000000";

export class OpenWallet {
  readonly store: WalletStore;
  readonly keys: WalletKeys;
  readonly book: ScriptBook;
  readonly view: CoinView;
  readonly sync: WalletSync;
  readonly transactions: OwnTransactions;
  readonly #parts: WalletParts;
  readonly #toStampMs: number;
  readonly #pace: TokenBucket;
  #used = { monotonicMs: 0, atMs: 0 };

  constructor(store: WalletStore, parts: WalletParts) {
    this.store = store;
    this.#parts = parts;
    this.keys = store.withSecrets((secrets) => keysOf(store.state, secrets, parts.network));
    this.book = new ScriptBook(this.keys, store.state.cache);
    this.view = new CoinView(this.book);
    const { raw, network } = parts;
    this.transactions = new OwnTransactions({ raw, network, book: this.book, view: this.view });
    this.sync = new WalletSync({
      book: this.book,
      view: this.view,
      feed: parts.feed,
      lookup: parts.lookup,
      clock: parts.clock,
      branches: () => this.#branches,
      hasBonds: store.state.hasBonds,
      gap: () => this.settings.gap,
      nextIndex: (branch) => this.nextIndex(branch),
      onChange: (moves) => this.#changed(moves),
    });
    const perSecond = ADDRESSES_PER_HOUR / 3_600;
    this.#pace = new TokenBucket({ clock: parts.clock, burst: ADDRESSES_PER_HOUR, perSecond });
    this.#toStampMs = Math.round(parts.clock.now() - parts.clock.monotonicMs());
    this.used();
  }

  get name(): string {
    return this.store.wallet;
  }

  get network(): Network {
    return this.#parts.network;
  }

  get state(): Readonly<WalletState> {
    return this.store.state;
  }

  get settings(): WalletSettings {
    return readSettings(this.state.settings, this.#parts.config);
  }

  get mixdepths(): number {
    return this.state.mixdepths;
  }

  /** Whether there are keys of this mixdepth: a wallet that watches may have some and not others. */
  hasMixdepth(mixdepth: number): boolean {
    return mixdepth < this.mixdepths && this.keys.hasMixdepth(mixdepth);
  }

  /** Of the root key; zeros where nobody has told a wallet that only watches. */
  get fingerprint(): string {
    return this.keys.fingerprint ?? UNKNOWN_FINGERPRINT;
  }

  /** Throws for a wallet that only watches. */
  needKeys(): void {
    if (!this.keys.canSign) throw denials.watchOnly(this.name);
  }

  /** Since it was opened no jump of the host's clock moves it: what is set aside ends neither early nor never. */
  get nowMs(): number {
    return Math.floor(this.#parts.clock.monotonicMs()) + this.#toStampMs;
  }

  /** By the longer of two clocks: one stands still while the host sleeps, the other may be set back. */
  get idleMs(): number {
    const { clock } = this.#parts;
    return Math.max(clock.monotonicMs() - this.#used.monotonicMs, clock.now() - this.#used.atMs);
  }

  used(): void {
    const { clock } = this.#parts;
    this.#used = { monotonicMs: clock.monotonicMs(), atMs: clock.now() };
  }

  /** Its owner closes it: nobody goes on with it before he says so again. */
  async forgetGrants(): Promise<void> {
    try {
      await this.store.transact((state) => ({ changes: endedOf(state), result: undefined }));
    } catch (error) {
      // The wallet is closed all the same.
      this.#parts.onTrouble(this, error);
    }
  }

  async close(): Promise<void> {
    await this.sync.stop();
    this.keys.wipe();
    await this.store.close();
  }

  /** Lets go of what is over. After opening there is no grant yet, so that nobody can sign what an earlier one reserved. */
  async tidy({ isOpening }: { readonly isOpening: boolean }): Promise<void> {
    const { nowMs, view } = this;
    try {
      await this.store.transact((state) => ({
        changes: overChanges(state, {
          nowMs,
          isOpening,
          isSettled: (record) => isSettled(record, view, nowMs),
        }),
        result: undefined,
      }));
    } catch (error) {
      // Nothing of it is urgent; a disk that is full says so to whoever wants something kept.
      this.#parts.onTrouble(this, error);
    }
  }

  /** Throws while the coins are not known. */
  needKnown(): void {
    if (!this.sync.isKnown) throw denials.notSynced(this.name, this.sync.progress);
  }

  nextIndex(branch: Branch): number {
    return this.state.nextIndexes[branchKey(branch.mixdepth, branch.chain)] ?? 0;
  }

  fetchRaw(txids: readonly string[], take: TakeRaw): Promise<void> {
    return this.#parts.raw.fetch(txids, take);
  }

  label(type: "addr" | "tx" | "output", ref: string): string {
    return this.state.labels[labelKey(type, ref)] ?? "";
  }

  /** For whoever asks for addresses from afar. */
  keepPace(): void {
    if (!this.#pace.take()) throw denials.tooFast("new addresses", ADDRESSES_PER_HOUR, this.#pace.waitMs());
  }

  /** The next key of a branch; it is on the disk as given out when this resolves. */
  async issue(
    branch: Branch,
    changesFor: (key: WalletKey) => readonly WalletChange[] = () => [],
  ): Promise<WalletKey> {
    const { mixdepth, chain } = branch;
    if (!this.hasMixdepth(mixdepth)) throw denials.noSuchPlace(`mixdepth ${mixdepth}`);
    const key = await this.store.transact(() => {
      const index = this.freshIndex(branch);
      const issued = this.book.at({ mixdepth, chain, index });
      const changes: WalletChange[] = [
        { kind: "address.issued", mixdepth, chain, nextIndex: index + 1 },
        ...changesFor(issued),
      ];
      return { changes, result: issued };
    });
    this.sync.issued();
    return key;
  }

  /** Past all that were given out, and past all that the chain knows. */
  freshIndex(branch: Branch): number {
    const lastUsed = this.book
      .branch(branch)
      .findLastIndex(({ scriptHash }) => this.view.facts(scriptHash).history.length > 0);
    return Math.max(this.nextIndex(branch), lastUsed + 1);
  }

  /** Addresses that were given out and to which nothing has come yet. */
  handedOut(): string[] {
    return countedBranches(this.mixdepths).flatMap((branch) =>
      this.book
        .branch(branch)
        .slice(0, this.nextIndex(branch))
        .filter(({ scriptHash }) => this.view.facts(scriptHash).history.length === 0)
        .map(({ address }) => address),
    );
  }

  get standingRules(): StandingRules {
    return {
      state: this.state,
      reserved: reservedNow(this.state, this.nowMs),
      medianTimeS: this.#parts.medianTime.timeS,
      freezeReuseSat: this.settings.freezeReuseSat,
    };
  }

  /** All unspent coins with what may be done with each. */
  coins(mixdepth?: number): StandingCoin[] {
    const rules = this.standingRules;
    const coins: StandingCoin[] = [];
    for (const coin of this.view.coins.values()) {
      if (mixdepth !== undefined && coin.key.path.mixdepth !== mixdepth) continue;
      coins.push({ ...coin, standing: this.#standingOf(coin, rules) });
    }
    return coins;
  }

  #standingOf(coin: OwnCoin, rules: StandingRules): Standing {
    const standing = standingOf(coin, rules);
    return this.transactions.isImmature(coin) ? { ...standing, isSpendable: false } : standing;
  }

  isOwn(script: Uint8Array): boolean {
    return this.book.find(scriptHashOf(script)) !== undefined;
  }

  /** Tells that something beside the chain is different now: a freeze, a label, a reservation. */
  touched(): void {
    this.#parts.onChange(this, NO_MOVES, false);
  }

  #wasKnown = false;

  #changed(moves: Moves): void {
    const isFirst = !this.#wasKnown;
    this.#wasKnown = true;
    this.#keepRules().catch((error) => this.#parts.onTrouble(this, error));
    void this.tidy({ isOpening: false });
    // Without them coins keep their names of the first moment; the next change tries again.
    this.transactions.load().catch((error) => this.#parts.onTrouble(this, error));
    this.#parts.onChange(this, moves, isFirst);
  }

  get #branches(): readonly Branch[] {
    return countedBranches(this.mixdepths).filter(({ mixdepth }) => this.keys.hasMixdepth(mixdepth));
  }

  /** Writes down what follows from the chain: which addresses are used, which coins a rule froze, and the keys that were derived. */
  async #keepRules(): Promise<void> {
    await this.store.transact(() => {
      const changes = this.book.toKeep();
      for (const branch of this.#branches) {
        const nextIndex = this.freshIndex(branch);
        if (nextIndex > this.nextIndex(branch))
          changes.push({ kind: "address.issued", ...branch, nextIndex });
      }
      const rules = this.standingRules;
      for (const coin of this.view.coins.values()) {
        if (rules.state.frozen[coin.outpoint] !== undefined) continue;
        const { isTimelocked } = standingOf(coin, rules);
        const why = freezesByRule(coin, isTimelocked, rules.freezeReuseSat);
        if (why !== undefined) {
          changes.push({ kind: "coin.frozen", outpoint: coin.outpoint, frozen: { isFrozen: true, why } });
        }
      }
      return { changes, result: undefined };
    });
  }
}
