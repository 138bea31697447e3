/** Follows the indexer's chain and the mempool by their news: knows the tip by hash, and tells what answers have become old. */
import { blockHashOf } from "../../../../bitcoin/block/header.ts";
import { hexToBytes } from "../../../../bitcoin/bytes.ts";
import type { Bus, EventMeta, Listener } from "../../../../bus/bus.ts";
import { type IndexerBlockNews, indexerContract } from "../../../../bus/contracts/indexer.ts";
import { type MempoolChange, mempoolContract } from "../../../../bus/contracts/mempool.ts";
import { type Clock, sleep, type Timer } from "../../../../runtime/clock.ts";
import { toWireError } from "../../../../runtime/errors.ts";
import type { Log } from "../../../../runtime/log/log.ts";

export interface ChainTip {
  readonly height: number;
  readonly hash: string;
  /** 80 bytes in hex. */
  readonly header: string;
}

export interface TouchedOutpoint {
  readonly txid: string;
  readonly index: number;
}

/** Who keeps or tells what the chain and the mempool change. Called in the order of the news, never with a wait between. */
export interface ChainWatcher {
  /** The tip is another one: read it from the feed. */
  tipChanged?(): void;
  /** Blocks from this height up are no longer what they were. */
  turnedBackTo?(height: number): void;
  scriptsTouched?(scripthashes: readonly string[]): void;
  /** Transactions that came, went or were confirmed, and outputs that they spend. */
  transactionsTouched?(txids: readonly string[], outpoints: readonly TouchedOutpoint[]): void;
  /** The mempool's news as they are, before anybody is told what they touch. */
  viewChanged?(change: MempoolChange, meta: EventMeta): void;
  /** Index and mempool stand on the same block again. */
  levelled?(): void;
  /** News was lost: any answer may be old. */
  everythingTouched(): void;
}

export interface ChainFeedOptions {
  readonly bus: Bus;
  readonly clock: Clock;
  readonly log: Log;
}

/** After news without a header we ask for it; the index may be away just then. */
const ASK_AGAIN_MS = 500;
/** News of a block is on its way for less than that. */
const NEWS_GRACE_MS = 200;
const HEAR_EVERY_MS = 5;
/** While nothing is told we look whether that is true: a publisher that died silently tells no gap. */
const LOOK_EVERY_MS = 5_000;

export class ChainFeed {
  readonly #bus: Bus;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #watchers: ChainWatcher[] = [];
  readonly #listeners: Listener[] = [];
  readonly #epochs = new Map<string, string>();
  #tip: ChainTip | undefined;
  #isSynced = false;
  /** The block of which the mempool has told all; undefined until it has told something. */
  #mempoolTipHash: string | undefined;
  /** Some of a change has been told, and the rest has not. */
  #isMempoolTelling = false;
  /** What a block touches, of which more is to come. */
  #untold: (readonly string[])[] = [];
  /** Grows with each change of the tip, so that an answer that comes late does not take it back. */
  #tipNumber = 0;
  /** A block was given up, and no other has come yet. */
  #isTurning = false;
  #isDistrusted = false;
  #isAsking = false;
  #mustAskAgain = false;
  #timer: Timer | undefined;
  #isStopped = false;
  #heardAtMs: number;

  constructor({ bus, clock, log }: ChainFeedOptions) {
    this.#bus = bus;
    this.#clock = clock;
    this.#log = log;
    this.#heardAtMs = clock.monotonicMs();
  }

  /** Undefined until the index has told us of a block. */
  get tip(): ChainTip | undefined {
    return this.#tip;
  }

  /** False while the index is far behind the node: then what is unconfirmed there says nothing here. */
  get isSynced(): boolean {
    return this.#isSynced;
  }

  /** False from the first news of a block until both of the two have told all of it: what it touches is told by both. */
  get isLevel(): boolean {
    if (!this.#isSynced || this.#mempoolTipHash === undefined) return true;
    return !this.#isMempoolTelling && this.#mempoolTipHash === this.#tip?.hash;
  }

  /** How long ago the index last answered us; it is asked every few seconds. */
  get silentMs(): number {
    return this.#clock.monotonicMs() - this.#heardAtMs;
  }

  /** The first to watch are the first to be told. */
  watch(watcher: ChainWatcher): void {
    this.#watchers.push(watcher);
  }

  /**
   * Resolves when the tip is that block, or after a moment. The index knows a block before its news is here: an answer of
   * such a block waits, so that nobody hears of a script's new status before the header that brought it.
   */
  async hearOf(hash: string): Promise<void> {
    const dueMs = this.#clock.monotonicMs() + NEWS_GRACE_MS;
    while (this.#tip?.hash !== hash && this.#clock.monotonicMs() < dueMs)
      await sleep(this.#clock, HEAR_EVERY_MS);
  }

  async start(): Promise<void> {
    const onGap = () => this.distrust();
    const listening = [
      this.#bus.onEvent(indexerContract, "block.connected", (news) => this.#connected(news), { onGap }),
      this.#bus.onEvent(indexerContract, "block.disconnected", (news) => this.#disconnected(news), { onGap }),
      this.#bus.onEvent(indexerContract, "chain.jumped", () => this.distrust(), { onGap }),
      // States are repeated: from them we hear that a publisher has begun anew even when it has no news.
      this.#bus.onState(indexerContract, "sync", ({ isSynced }, meta) => {
        this.#hearEpoch("indexer", meta);
        this.#synced(isSynced);
      }),
      this.#bus.onState(mempoolContract, "status", (_, meta) => this.#hearEpoch("mempool", meta)),
      this.#bus.onEvent(mempoolContract, "view.changed", (change, meta) => this.#viewChanged(change, meta), {
        onGap,
      }),
    ];
    this.#listeners.push(...(await Promise.all(listening)));
    this.#ask();
    this.#look();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#timer?.cancel();
    await Promise.all(this.#listeners.map((listener) => listener.stop()));
  }

  /** News was lost, or answers were given without knowing all: whoever keeps any must look again. */
  distrust(): void {
    // One break of the bus is told by each listener.
    if (this.#isDistrusted) return;
    this.#isDistrusted = true;
    // The rest of a change may never come.
    this.#isMempoolTelling = false;
    setImmediate(() => {
      this.#isDistrusted = false;
    });
    this.#tell((watcher) => {
      watcher.turnedBackTo?.(0);
      watcher.everythingTouched();
    });
    this.#ask();
  }

  /** The tip is told when all parts are here: who has heard of a block must not be given what was kept from before it. */
  #connected({ height, hash, header, part, parts, touched }: IndexerBlockNews): void {
    if (part === 0) this.#untold = [];
    if (touched !== null) this.#untold.push(touched);
    if (part < parts - 1) return;
    if (touched === null) this.#tell((watcher) => watcher.everythingTouched());
    for (const some of this.#untold.splice(0)) this.#tell((watcher) => watcher.scriptsTouched?.(some));
    this.#setTip({ height, hash, header });
  }

  #disconnected({ height, part, touched }: IndexerBlockNews): void {
    if (part === 0) this.#tell((watcher) => watcher.turnedBackTo?.(height));
    if (touched === null) this.#tell((watcher) => watcher.everythingTouched());
    else this.#tell((watcher) => watcher.scriptsTouched?.(touched));
    // Which header is the tip now is told by the next block, or by the index when none comes.
    if (part === 0) this.#askSoon();
  }

  /** What we were answered before the first word of a publisher may have come from the one before it. */
  #hearEpoch(actor: string, { instance, epoch }: EventMeta): void {
    const publisher = `${actor} ${instance}`;
    if (this.#epochs.get(publisher) === epoch) return;
    this.#epochs.set(publisher, epoch);
    this.distrust();
  }

  #viewChanged(change: MempoolChange, meta: EventMeta): void {
    const { view, touched, added, removed, outpoints, part, parts } = change;
    this.#tell((watcher) => watcher.viewChanged?.(change, meta));
    // A view of an older block has more news to come.
    this.#isMempoolTelling = part < parts - 1;
    if (!this.#isMempoolTelling) this.#mempoolTipHash = view.tip?.hash;
    if (touched === null) this.#tell((watcher) => watcher.everythingTouched());
    else {
      const txids = [...added, ...removed.map(({ txid }) => txid)];
      this.#tell((watcher) => {
        watcher.scriptsTouched?.(touched);
        watcher.transactionsTouched?.(txids, outpoints);
      });
    }
    if (this.isLevel) this.#tell((watcher) => watcher.levelled?.());
  }

  #synced(isSynced: boolean): void {
    if (isSynced === this.#isSynced) return;
    this.#isSynced = isSynced;
    // From here on the unconfirmed half belongs to the answers, or no longer does.
    this.#tell((watcher) => watcher.everythingTouched());
  }

  #setTip(tip: ChainTip): void {
    this.#tipNumber += 1;
    this.#isTurning = false;
    if (this.#tip?.hash === tip.hash) return;
    this.#tip = tip;
    this.#tell((watcher) => watcher.tipChanged?.());
    if (this.isLevel) this.#tell((watcher) => watcher.levelled?.());
  }

  #tell(news: (watcher: ChainWatcher) => void): void {
    for (const watcher of this.#watchers) news(watcher);
  }

  #askSoon(): void {
    const number = ++this.#tipNumber;
    this.#isTurning = true;
    setImmediate(() => {
      if (number === this.#tipNumber) this.#ask();
    });
  }

  #ask(): void {
    this.#mustAskAgain = true;
    if (this.#isAsking || this.#isStopped) return;
    void this.#askUntilAnswered();
  }

  async #askUntilAnswered(): Promise<void> {
    this.#isAsking = true;
    while (this.#mustAskAgain && !this.#isStopped) {
      this.#mustAskAgain = false;
      try {
        await this.#askTip();
      } catch (error) {
        // Expected while the index starts; the tree shows it when it lasts.
        this.#log.debug("the index does not tell its tip", { code: toWireError(error).code });
        this.#mustAskAgain = true;
        await new Promise<void>((resolve) => {
          this.#clock.after(ASK_AGAIN_MS, resolve, { background: true });
        });
      }
    }
    this.#isAsking = false;
  }

  async #askTip(): Promise<void> {
    const indexer = this.#bus.client(indexerContract);
    const number = this.#tipNumber;
    const { tip, isSynced } = await indexer.tip({});
    this.#heardAtMs = this.#clock.monotonicMs();
    this.#synced(isSynced);
    if (tip === null || tip.hash === this.#tip?.hash) return;
    const { hex } = await indexer.headers({ height: tip.height, count: 1 });
    // News that came meanwhile is newer than this answer.
    if (number !== this.#tipNumber) return;
    if (hex === "" || blockHashOf(hexToBytes(hex)) !== tip.hash) {
      this.#mustAskAgain = true;
      return;
    }
    if (this.#tip !== undefined) {
      // The index knows a block before its news is here, and only that says what it touches.
      await sleep(this.#clock, NEWS_GRACE_MS);
      if (number !== this.#tipNumber) return;
      if (!this.#isTurning) this.distrust();
    }
    this.#setTip({ height: tip.height, hash: tip.hash, header: hex });
  }

  #look(): void {
    this.#timer = this.#clock.after(
      LOOK_EVERY_MS,
      () => {
        this.#ask();
        this.#look();
      },
      { background: true },
    );
  }
}
