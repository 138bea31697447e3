/** News of chain and mempool for all open wallets: which scripts may have changed, and which block is the tip. */
import { blockHashFromBytes, hexToBytes } from "../../../bitcoin/bytes.ts";
import type { Bus, EventMeta, Listener } from "../../../bus/bus.ts";
import { type IndexedTip, type IndexerBlockNews, indexerContract } from "../../../bus/contracts/indexer.ts";
import { type MempoolChange, mempoolContract } from "../../../bus/contracts/mempool.ts";
import { type Clock, sleep } from "../../../runtime/clock.ts";
import { toWireError } from "../../../runtime/errors.ts";
import type { Log } from "../../../runtime/log/log.ts";

export interface ChainWatcher {
  scriptsTouched(hashes: readonly string[]): void;
  /** News was lost, or nobody knows what changed. */
  everythingTouched(): void;
  /** The block of which all news has come is another. */
  tipChanged(): void;
}

const ASK_AGAIN_MS = 500;
const PREVIOUS_HASH_AT = 4;
/** Tips that are remembered: more than pass while one question is answered. */
const PASSED_MAX = 1_000;

export class ChainFeed {
  readonly #bus: Bus;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #watchers = new Set<ChainWatcher>();
  readonly #listeners: Listener[] = [];
  readonly #stopping = new AbortController();
  /** By publisher: another epoch means that it began anew. */
  readonly #epochs = new Map<string, string>();
  #tip: IndexedTip | undefined;
  /** At which number each of the last tips was reached. */
  readonly #passed = new Map<string, number>();
  /** Grows with each news of a tip, so that an answer that comes late does not take it back. */
  #tipNumber = 0;
  #asking: Promise<void> | undefined;

  constructor(parts: { readonly bus: Bus; readonly clock: Clock; readonly log: Log }) {
    this.#bus = parts.bus;
    this.#clock = parts.clock;
    this.#log = parts.log;
  }

  /** The block up to which all news is here; undefined until the index has told of one. */
  get tip(): IndexedTip | undefined {
    return this.#tip;
  }

  /** The number of the tip's last change. */
  get tipNumber(): number {
    return this.#tipNumber;
  }

  /** At which number a block was the tip for the last time; undefined for one that is not known yet, or was long ago. */
  passedAt(hash: string): number | undefined {
    return this.#passed.get(hash);
  }

  watch(watcher: ChainWatcher): void {
    this.#watchers.add(watcher);
  }

  unwatch(watcher: ChainWatcher): void {
    this.#watchers.delete(watcher);
  }

  async start(): Promise<void> {
    const onGap = () => this.distrust();
    const listening = [
      this.#bus.onEvent(indexerContract, "block.connected", (news) => this.#connected(news), { onGap }),
      this.#bus.onEvent(indexerContract, "block.disconnected", (news) => this.#disconnected(news), { onGap }),
      this.#bus.onEvent(indexerContract, "chain.jumped", (tip) => this.#jumped(tip), { onGap }),
      // States are repeated: from them we hear that a publisher has begun anew even when it has no news.
      this.#bus.onState(indexerContract, "sync", (_, meta) => this.#hearEpoch("indexer", meta)),
      this.#bus.onState(mempoolContract, "status", (_, meta) => this.#hearEpoch("mempool", meta)),
      this.#bus.onEvent(mempoolContract, "view.changed", (change) => this.#viewChanged(change), { onGap }),
    ];
    this.#listeners.push(...(await Promise.all(listening)));
    this.#ask();
  }

  async stop(): Promise<void> {
    this.#stopping.abort(new Error("walletd stops"));
    await this.#asking;
    await Promise.all(this.#listeners.map((listener) => listener.stop()));
  }

  /** What was heard so far is not relied upon any more. */
  distrust(): void {
    for (const watcher of this.#watchers) watcher.everythingTouched();
    this.#ask();
  }

  #connected({ height, hash, touched, part, parts }: IndexerBlockNews): void {
    this.#touched(touched);
    if (part === parts - 1) this.#setTip({ height, hash });
  }

  #disconnected({ height, header, touched, part, parts }: IndexerBlockNews): void {
    this.#touched(touched);
    if (part < parts - 1) return;
    const hash = blockHashFromBytes(hexToBytes(header), PREVIOUS_HASH_AT);
    this.#setTip({ height: height - 1, hash });
  }

  #jumped(tip: IndexedTip): void {
    for (const watcher of this.#watchers) watcher.everythingTouched();
    this.#setTip(tip);
  }

  #viewChanged({ touched }: MempoolChange): void {
    this.#touched(touched);
  }

  #touched(hashes: readonly string[] | null): void {
    for (const watcher of this.#watchers) {
      if (hashes === null) watcher.everythingTouched();
      else watcher.scriptsTouched(hashes);
    }
  }

  #hearEpoch(actor: string, { instance, epoch }: EventMeta): void {
    const publisher = `${actor} ${instance}`;
    const known = this.#epochs.get(publisher);
    this.#epochs.set(publisher, epoch);
    // What was answered before the first word of a publisher may have come from the one before it.
    if (known !== epoch) this.distrust();
  }

  #setTip(tip: IndexedTip): void {
    this.#tipNumber += 1;
    if (this.#tip?.hash === tip.hash) return;
    this.#tip = tip;
    this.#passed.delete(tip.hash);
    this.#passed.set(tip.hash, this.#tipNumber);
    const [oldest = ""] = this.#passed.keys();
    if (this.#passed.size > PASSED_MAX) this.#passed.delete(oldest);
    for (const watcher of this.#watchers) watcher.tipChanged();
  }

  /** No news led to this tip, so nobody has said what it touches. */
  #found(tip: IndexedTip): void {
    if (tip.hash === this.#tip?.hash) return;
    this.#setTip(tip);
    for (const watcher of this.#watchers) watcher.everythingTouched();
  }

  #ask(): void {
    this.#asking ??= this.#askUntilAnswered().finally(() => {
      this.#asking = undefined;
    });
  }

  async #askUntilAnswered(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      const number = this.#tipNumber;
      try {
        const { tip } = await this.#bus.client(indexerContract).tip({}, { signal });
        // News that came meanwhile is newer than this answer.
        if (number !== this.#tipNumber) return;
        if (tip !== null) return this.#found({ height: tip.height, hash: tip.hash });
      } catch (error) {
        // Expected while the index starts; `status` shows it when it lasts.
        this.#log.debug("the index does not tell its tip", { code: toWireError(error).code });
      }
      await sleep(this.#clock, ASK_AGAIN_MS, signal).catch(() => {}); // only a stop ends it early
    }
  }
}
