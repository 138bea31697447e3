/** Finds out where blocks lie in the node's files that came over the network: beside the sync, when the index is level. */
import { HEADER_LENGTH_BYTES } from "../../../bitcoin/block/header.ts";
import { type BlockHash, blockHashFromBytes } from "../../../bitcoin/bytes.ts";
import { sha256d } from "../../../bitcoin/hash.ts";
import type { Network } from "../../../bitcoin/network.ts";
import { BlockFiles, type FilePosition } from "../../../bitcoind/files/block-files.ts";
import { hashKey } from "../../../bitcoind/files/block-locator.ts";
import type { BlockPlace } from "../../../bitcoind/files/block-reader.ts";
import type { Clock } from "../../../runtime/clock.ts";
import { toWireError } from "../../../runtime/errors.ts";
import type { Log } from "../../../runtime/log/log.ts";
import type { Snapshot } from "../store/snapshot.ts";
import type { IndexStore, PlacedBlock } from "../store/store.ts";

export interface PlaceSearchOptions {
  readonly store: IndexStore;
  /** The node's directory with `blk00000.dat`. It need not be there, nor be that of the node that is asked. */
  readonly directory: string;
  readonly network: Network;
  readonly clock: Clock;
  readonly log: Log;
}

/** Heights looked through in one go. */
const SLICE_BLOCKS = 2_000;
/** What is missing is looked for again with each new block, and else after so long. */
const AGAIN_MS = 60_000;
/** How often it is looked whether blocks still lie where they did, and at how many. */
const CHECK_MS = 3_600_000;
const CHECKED_BLOCKS = 16;
/** Blocks that the node has written before the index had them. */
const PASSED_MAX = 4_096;
/** Blocks that are in none of the files, of which the newest are still waited for. */
const MISSING_MAX = 10_000;

export class PlaceSearch {
  readonly #options: PlaceSearchOptions;
  readonly #stopping = new AbortController();
  #running: Promise<void> | undefined;
  /** By the end of their hash the heights of blocks without a place: those that are to be looked for, and those that were in none of the files. */
  #fresh = new Map<number, number>();
  #missing = new Map<number, number>();
  /** Up to where, and after how many rollbacks, heights were looked through for blocks without a place. */
  #through = -1;
  #rollbacks = -1;
  /** Where the newest file went on. */
  #cursor: FilePosition | undefined;
  readonly #passed = new Map<number, Found>();
  #hasSearchedAll = false;
  #checkMs = Number.NEGATIVE_INFINITY;
  #tried: { readonly height: number; readonly rollbacks: number } | undefined;
  #againMs = Number.NEGATIVE_INFINITY;
  #toldCode: string | undefined;

  constructor(options: PlaceSearchOptions) {
    this.#options = options;
  }

  /** Begins to look if there is something to look for and none is under way. */
  kick(): void {
    if (this.#running !== undefined || this.#stopping.signal.aborted || !this.#isWorthwhile()) return;
    this.#running = this.#round()
      .catch((error: unknown) => this.#tell(error))
      .finally(() => {
        this.#running = undefined;
      });
  }

  /** Resolves when what was begun is done. */
  async settle(): Promise<void> {
    await this.#running;
  }

  /** What is left is looked for after the next start. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  #isWorthwhile(): boolean {
    const { height, rollbacks } = this.#options.store.state;
    if (height < 0) return false;
    if (height !== this.#tried?.height || rollbacks !== this.#tried.rollbacks) return true;
    return this.#isMissingSome && this.#options.clock.monotonicMs() >= this.#againMs;
  }

  get #isMissingSome(): boolean {
    return this.#fresh.size + this.#missing.size > 0 || this.#through < 0;
  }

  async #round(): Promise<void> {
    const { directory, network, clock, store } = this.#options;
    const { height, rollbacks } = store.state;
    this.#tried = { height, rollbacks };
    this.#againMs = clock.monotonicMs() + AGAIN_MS;
    const files = await BlockFiles.openAny(directory, network);
    if (files === undefined) {
      this.#forget();
      return;
    }
    await this.#check(files);
    await this.#look();
    await this.#noteAll([...this.#fresh.keys()].flatMap((key) => this.#passed.get(key) ?? []));
    await this.#goOn(files);
    await this.#searchFresh(files);
  }

  #forget(): void {
    this.#fresh.clear();
    this.#missing.clear();
    this.#passed.clear();
    this.#cursor = undefined;
    this.#through = -1;
    this.#hasSearchedAll = false;
  }

  /** Whether some blocks still lie where they did. A node that began anew has written its files in another order, with another key. */
  async #check(files: BlockFiles): Promise<void> {
    const { store, clock, log } = this.#options;
    if (clock.monotonicMs() < this.#checkMs + CHECK_MS) return;
    this.#checkMs = clock.monotonicMs();
    const { height, rollbacks } = store.state;
    for (let i = 0; i <= CHECKED_BLOCKS; i++) {
      const at = Math.floor((height * i) / CHECKED_BLOCKS);
      const { place, hash } = this.#read((view) => ({
        place: view.blockPlaces(at, 1)[0],
        hash: hashesFrom(view, at, 1)[0],
      }));
      const found = place && (await files.hashAt(place));
      if (found === undefined || found === hash) continue;
      log.info("the node's block files are not those that blocks were found in; they are looked for anew", {
        height: at,
      });
      for (let first = 0; first <= height; first += SLICE_BLOCKS) {
        this.#stopping.signal.throwIfAborted();
        const count = Math.min(SLICE_BLOCKS, height + 1 - first);
        const blocks = Array.from({ length: count }, (_, j) => ({ height: first + j, place: undefined }));
        await store.place(blocks, rollbacks);
      }
      this.#forget();
      return;
    }
  }

  /** Finds the blocks without a place among those that have come, or among all after a rollback. */
  async #look(): Promise<void> {
    const { height, rollbacks } = this.#options.store.state;
    const missing = this.#missing;
    if (rollbacks !== this.#rollbacks || height < this.#through) {
      this.#through = -1;
      this.#fresh = new Map();
      this.#missing = new Map();
    }
    this.#rollbacks = rollbacks;
    for (let first = this.#through + 1; first <= height; first += SLICE_BLOCKS) {
      const count = Math.min(SLICE_BLOCKS, height + 1 - first);
      this.#read((view) => {
        if (view.state.rollbacks !== rollbacks) return;
        const places = view.blockPlaces(first, count);
        if (!places.includes(undefined)) return;
        hashesFrom(view, first, count).forEach((hash, i) => {
          const key = hashKey(hash);
          if (places[i] === undefined) (missing.has(key) ? this.#missing : this.#fresh).set(key, first + i);
        });
      });
      await this.#turn();
    }
    this.#through = height;
  }

  /** Looks through what the node has written since. */
  async #goOn(files: BlockFiles): Promise<void> {
    const numbers = await files.numbers();
    // A node that began anew has fewer files than it had.
    if (this.#cursor !== undefined && (numbers.at(-1) as number) < this.#cursor.file)
      this.#cursor = undefined;
    const from = this.#cursor;
    if (from === undefined || !this.#isMissingSome) return;
    await this.#searchFile(files, from);
    for (const file of numbers) if (file > from.file) await this.#searchFile(files, { file, offset: 0 });
  }

  /** Blocks come in nearly the order of the chain: they lie from the file on that holds what is below them, or one before. */
  async #searchFresh(files: BlockFiles): Promise<void> {
    // In the order of their heights.
    const [lowest] = this.#fresh.values();
    if (lowest === undefined) return;
    const first = Math.max(0, this.#fileBelow(lowest) - 1);
    const numbers = await files.numbers();
    const isIn = (isWanted: (file: number) => boolean) => numbers.filter(isWanted);
    for (const file of isIn((number) => number >= first)) await this.#searchFile(files, { file, offset: 0 });
    if (!this.#hasSearchedAll) {
      for (const file of isIn((number) => number < first)) {
        if (this.#fresh.size === 0) break;
        await this.#searchFile(files, { file, offset: 0 });
      }
      this.#hasSearchedAll = true;
    }
    for (const [key, height] of this.#fresh) this.#missing.set(key, height);
    this.#fresh.clear();
    dropOldest(this.#missing, MISSING_MAX);
  }

  /** The file of the nearest block below a height of which it is known. */
  #fileBelow(height: number): number {
    for (let end = height; end > 0; end -= SLICE_BLOCKS) {
      const first = Math.max(0, end - SLICE_BLOCKS);
      const places = this.#read((view) => view.blockPlaces(first, end - first));
      const known = places.findLast((place) => place !== undefined);
      if (known !== undefined) return known.file;
    }
    return 0;
  }

  async #searchFile(files: BlockFiles, from: FilePosition): Promise<void> {
    await this.#turn();
    let read: Awaited<ReturnType<BlockFiles["recordsOf"]>>;
    try {
      read = await files.recordsOf(from);
    } catch (error) {
      // Pruned just now, or not to be read: others may be.
      this.#tell(error);
      return;
    }
    const found: Found[] = [];
    for (const { hash, file, offset, lengthBytes } of read.records) {
      const one: Found = { hash, place: { file, offset, lengthBytes } };
      const key = hashKey(hash);
      if (this.#fresh.has(key) || this.#missing.has(key)) found.push(one);
      // The index may come to have it.
      else this.#passed.set(key, one);
    }
    dropOldest(this.#passed, PASSED_MAX);
    if (this.#cursor === undefined || read.next.file >= this.#cursor.file) this.#cursor = read.next;
    await this.#noteAll(found);
  }

  async #noteAll(found: readonly Found[]): Promise<void> {
    const { store } = this.#options;
    for (let at = 0; at < found.length; at += SLICE_BLOCKS) {
      const blocks = this.#read((view) =>
        found.slice(at, at + SLICE_BLOCKS).flatMap(({ hash, place }): PlacedBlock[] => {
          const key = hashKey(hash);
          const height = this.#fresh.get(key) ?? this.#missing.get(key);
          if (height === undefined || height > view.state.height) return [];
          if (hashesFrom(view, height, 1)[0] !== hash) return [];
          this.#fresh.delete(key);
          this.#missing.delete(key);
          this.#passed.delete(key);
          return [{ height, place }];
        }),
      );
      await store.place(blocks, this.#rollbacks);
      await this.#turn();
    }
  }

  #read<T>(read: (view: Snapshot) => T): T {
    const view = this.#options.store.snapshot();
    try {
      return read(view);
    } finally {
      view.release();
    }
  }

  /** Others of this thread first; ends what is under way at a stop. */
  async #turn(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    this.#stopping.signal.throwIfAborted();
  }

  /** A failure that lasts is told once; the next block begins anew. */
  #tell(error: unknown): void {
    if (this.#stopping.signal.aborted) return;
    const { code } = toWireError(error);
    if (code !== this.#toldCode) {
      const { directory, log } = this.#options;
      log.info("blocks cannot be looked for in the node's files", { directory, error });
    }
    this.#toldCode = code;
  }
}

interface Found {
  readonly hash: BlockHash;
  readonly place: BlockPlace;
}

/** Of a map in the order in which it was filled. */
function dropOldest(map: Map<number, unknown>, countMax: number): void {
  for (const key of map.keys()) {
    if (map.size <= countMax) return;
    map.delete(key);
  }
}

function hashesFrom(view: Snapshot, height: number, count: number): BlockHash[] {
  const headers = view.headers(height, count);
  return Array.from({ length: count }, (_, i) =>
    blockHashFromBytes(sha256d(headers.subarray(i * HEADER_LENGTH_BYTES, (i + 1) * HEADER_LENGTH_BYTES))),
  );
}
