/** The index as a member of the indexer's contract in the thread of whoever asks: short questions, read in the store itself. */
import { statSync } from "node:fs";
import { join } from "node:path";
import type { Meter } from "@opentelemetry/api";
import { z } from "zod";
import { blockHashOf } from "../../../bitcoin/block/header.ts";
import { networkByName } from "../../../bitcoin/network.ts";
import type { CallContext, Listener } from "../../../bus/bus.ts";
import { type IndexedTip, indexerContract } from "../../../bus/contracts/indexer.ts";
import type { EncodedReply } from "../../../bus/encoded-reply.ts";
import type { MountContext, MountedMember } from "../../../bus/mount.ts";
import type { Timer } from "../../../runtime/clock.ts";
import { toWireError } from "../../../runtime/errors.ts";
import { INDEX_PLACES } from "../config.ts";
import { QueryMetrics } from "../metrics.ts";
import { StoredTransactions } from "../queries/stored-transactions.ts";
import { IndexStore } from "../store/store.ts";
import { answers, encodedResults, isToBeAsked } from "./answers.ts";
import { IndexReader } from "./reader.ts";

const SectionSchema = z.object({
  cacheBytes: z.int().min(0),
  /** The node's directory with `blk00000.dat`, where it may be read; it need not be there. */
  blocksDirectory: z.string().optional(),
});

/** How often it is looked whether the store is still the one that is open. */
const LOOK_EVERY_MS = 1_000;
/** A batch with more is worth a message: the query threads work on it beside the thread that asks. */
const ITEMS_MAX = 16;
/** Entries of one script: long histories are work for the query threads. */
const LIMIT_MAX = 2_000;
/** Bytes that are read for one transaction: under a millisecond with all that is done to them. */
const STRETCH_MAX_BYTES = 256 * 1024;
/** A disk that takes longer holds up all clients of this thread: then the query threads read. */
const SLOW_MS = 50;
/** Headers of one answer; more are a large reply and nothing to search for. */
const HEADERS_MAX = 200;

type Answer = (input: unknown, call: CallContext) => EncodedReply | Promise<EncodedReply> | undefined;

interface Opened {
  readonly store: IndexStore;
  readonly reader: IndexReader;
  readonly file: string;
  readonly answers: Readonly<Record<string, Answer>>;
  readonly stored: StoredTransactions | undefined;
}

export async function mount(context: MountContext): Promise<MountedMember> {
  const member = new MountedIndex(context);
  await member.start();
  return member;
}

/**
 * Opens the store to read it, and nothing else of the indexer's; of the node's it reads the block files, if they are here. Each answer is of one LMDB transaction, as those of the query
 * threads are, and names the tip of that moment. Where the store is not there, is another one than it was, or lags behind what
 * its writer has published, it leaves all questions to the bus.
 */
export class MountedIndex implements MountedMember {
  readonly #context: MountContext;
  readonly #cacheBytes: number;
  readonly #blocksDirectory: string | undefined;
  readonly #metrics: QueryMetrics;
  readonly #directory: string;
  #opened: Opened | undefined;
  #listener: Listener | undefined;
  #timer: Timer | undefined;
  /** The newest tip that the writer has told of. */
  #published: IndexedTip | undefined;
  #epoch: string | undefined;
  #isBehind = false;
  #isStopped = false;
  #toldCode: string | undefined;

  constructor(context: MountContext) {
    this.#context = context;
    ({ cacheBytes: this.#cacheBytes, blocksDirectory: this.#blocksDirectory } = SectionSchema.parse(
      context.section,
    ));
    this.#directory = join(context.dataDirectory, INDEX_PLACES.index);
    this.#metrics = this.#observe(context.meter);
  }

  /** Whether questions are answered here at the moment. */
  get isAnswering(): boolean {
    return this.#opened !== undefined && !this.#isBehind;
  }

  async start(): Promise<void> {
    this.#listener = await this.#context.bus.onState(indexerContract, "tip", (tip, { epoch }) => {
      this.#published = tip;
      // Another writer may have begun another store.
      if (epoch !== this.#epoch) this.look();
      else this.#compare();
      this.#epoch = epoch;
    });
    this.#lookAgain();
  }

  answer(
    method: string,
    input: unknown,
    call: CallContext,
  ): EncodedReply | Promise<EncodedReply> | undefined {
    const answer = this.isAnswering ? this.#opened?.answers[method] : undefined;
    return answer === undefined || !isShort(input as Asked) ? undefined : answer(input, call);
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#timer?.cancel();
    await this.#listener?.stop();
    await this.#close();
  }

  /** Comes level with what lies on the disk. */
  look(): void {
    if (this.#isStopped) return;
    const file = fileAt(this.#directory);
    if (this.#opened?.file !== file) void this.#close();
    if (this.#opened === undefined && file !== undefined) this.#open(file);
    this.#compare();
  }

  #lookAgain(): void {
    this.look();
    this.#timer = this.#context.clock.after(LOOK_EVERY_MS, () => this.#lookAgain(), { background: true });
  }

  #open(file: string): void {
    const { network, log } = this.#context;
    let store: IndexStore | undefined;
    try {
      store = new IndexStore({ directory: this.#directory, network, readOnly: true });
      const reader = new IndexReader(store, this.#cacheBytes);
      // What has to be read once is read before the first question.
      reader.askNow((replies) => replies.tip(false));
      const stored = this.#storedTransactions();
      this.#opened = { store, reader, file, stored, answers: this.#answersOf(reader, stored) };
      this.#toldCode = undefined;
      log.info("the index is read in this thread");
    } catch (error) {
      // It may be in the making, or of another release: the indexer says which.
      void store?.close().catch(() => {});
      const { code } = toWireError(error);
      if (code !== this.#toldCode) log.info("the index cannot be read in this thread yet", { error });
      this.#toldCode = code;
    }
  }

  async #close(): Promise<void> {
    const opened = this.#opened;
    this.#opened = undefined;
    if (opened === undefined) return;
    opened.reader.close();
    opened.stored?.close();
    // Nothing was written, so nothing can be lost by a failure.
    await opened.store.close().catch(() => {});
  }

  /** What the writer has told of must be there: else this is not its store, or not as it has it. */
  #compare(): void {
    const published = this.#published;
    const store = this.#opened?.store;
    if (published === undefined || store === undefined) {
      this.#isBehind = false;
      return;
    }
    try {
      this.#isBehind = !holds(store, published);
    } catch (error) {
      this.#context.log.warn("the index cannot be read in this thread any more", { error });
      void this.#close();
    }
  }

  #storedTransactions(): StoredTransactions | undefined {
    const { clock, log, network } = this.#context;
    if (this.#blocksDirectory === undefined) return undefined;
    return new StoredTransactions({
      directory: this.#blocksDirectory,
      serialization: networkByName(network).serialization,
      lengthMax: STRETCH_MAX_BYTES,
      slowMs: SLOW_MS,
      clock,
      log,
    });
  }

  #answersOf(reader: IndexReader, stored: StoredTransactions | undefined): Readonly<Record<string, Answer>> {
    const all = answers({
      reader,
      // What only the node and the writer know is left to the bus.
      rawTransactions: async () => [],
      isSynced: () => false,
      // The bus counts calls of a mounted member: to count each twice would cost as much as a small answer.
    });
    const { histories, unspents, balances, places, spenders, merkleProofs, transactionsAt, headers } = all;
    const here = {
      ...{ histories, unspents, balances, places, spenders, merkleProofs, transactionsAt, headers },
      ...(stored === undefined ? {} : { rawTransactions: this.#rawTransactions(reader, stored) }),
    };
    // The bus types each by its own input, which has been checked when it comes here.
    return here as unknown as Readonly<Record<string, Answer>>;
  }

  /** All of them at once, or none: what is not in the files is asked of the node, over the bus. */
  #rawTransactions(reader: IndexReader, stored: StoredTransactions) {
    return (input: { readonly txids: readonly string[] }): EncodedReply | undefined => {
      const found = reader.askTurn((replies) => replies.rawTransactions(input, stored));
      const results: (string | null)[] = [];
      for (const one of found) {
        if (isToBeAsked(one)) return undefined;
        results.push(one);
      }
      this.#metrics.read("files", results.filter((one) => one !== null).length);
      return encodedResults(results);
    };
  }

  #observe(meter: Meter): QueryMetrics {
    return new QueryMetrics(meter, () => this.#opened?.reader ?? { longQuestions: 0, guideBytes: 0 });
  }
}

/** Of all methods' inputs what makes them large. */
interface Asked {
  readonly scripthashes?: readonly string[];
  readonly txids?: readonly string[];
  readonly outpoints?: readonly unknown[];
  readonly places?: readonly unknown[];
  readonly limit?: number;
  readonly count?: number;
}

function isShort({ scripthashes, txids, outpoints, places, limit = 0, count = 0 }: Asked): boolean {
  const items = scripthashes ?? txids ?? outpoints ?? places ?? [];
  return items.length <= ITEMS_MAX && limit <= LIMIT_MAX && count <= HEADERS_MAX;
}

function holds(store: IndexStore, { height, hash }: IndexedTip): boolean {
  const view = store.snapshot();
  try {
    return view.state.height >= height && blockHashOf(view.headers(height, 1)) === hash;
  } finally {
    view.release();
  }
}

/** Which file that is: another one in its place has another number. */
function fileAt(directory: string): string | undefined {
  const found = statSync(join(directory, "data.mdb"), { throwIfNoEntry: false, bigint: true });
  return found === undefined ? undefined : `${found.dev}/${found.ino}/${found.birthtimeNs}`;
}
