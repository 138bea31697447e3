/** Headers of the chain, kept in pieces, and their proofs against a checkpoint. */
import type { Client } from "../../../../bus/bus.ts";
import {
  INDEXER_HEADERS_MAX,
  INDEXER_HEIGHT_MAX,
  type indexerContract,
} from "../../../../bus/contracts/indexer.ts";
import { KeptAnswers } from "../asking/kept-answers.ts";
import type { ChainFeed, ChainWatcher } from "./chain-feed.ts";

export interface HeaderRun {
  readonly count: number;
  /** 160 digits for each. */
  readonly hex: string;
}

/** The same as a JSON list without its brackets, in parts that are not to be changed. */
export interface ListedHeaders {
  readonly count: number;
  readonly parts: readonly Uint8Array[];
}

export interface ProvedHeaders extends HeaderRun {
  /** Of the last of them. */
  readonly proof?: { readonly root: string; readonly branch: readonly string[] } | undefined;
}

export interface HeadersOptions {
  readonly indexer: Client<typeof indexerContract>;
  readonly feed: ChainFeed;
}

const HEADER_HEX_LENGTH = 160;
/** In a list each stands in quotes, with a comma behind it. */
const LISTED_LENGTH = HEADER_HEX_LENGTH + 3;
/** An eighth of what clients ask for at once: 40 kB, and as much again as a list. */
const PIECE_HEADERS = 252;
const PIECES_MAX = 400;
/** In headers: a branch of some twenty hashes is like nine of them, and the text around it like one. */
const PROOF_WEIGHT = 10;
/** 16 MB. */
const PROVED_WEIGHT_MAX = 100_000;

class HeaderPiece {
  readonly count: number;
  readonly hex: string;
  #listed: Buffer | undefined;

  constructor({ count, hex }: HeaderRun) {
    this.count = count;
    this.hex = hex;
  }

  /** Without the comma behind the last if `isEnd`. */
  listed(from: number, to: number, isEnd: boolean): Uint8Array {
    this.#listed ??= Buffer.from(listOf(this.hex, this.count), "latin1");
    return this.#listed.subarray(from * LISTED_LENGTH, to * LISTED_LENGTH - (isEnd ? 1 : 0));
  }
}

export class Headers implements ChainWatcher {
  readonly #feed: ChainFeed;
  readonly #pieces: KeptAnswers<HeaderPiece>;
  /** By `height/count/checkpoint`: wallets of one release ask for the same checkpoint. */
  readonly #proved: KeptAnswers<ProvedHeaders>;

  constructor({ indexer, feed }: HeadersOptions) {
    this.#feed = feed;
    this.#pieces = new KeptAnswers({
      ask: async (start) =>
        new HeaderPiece(await indexer.headers({ height: Number(start), count: PIECE_HEADERS })),
      weightOf: () => 1,
      weightMax: PIECES_MAX,
    });
    this.#proved = new KeptAnswers<ProvedHeaders>({
      ask: (key) => {
        const [height = 0, count = 0, checkpointHeight = 0] = key.split("/").map(Number);
        return indexer.headers({ height, count, checkpointHeight });
      },
      weightOf: ({ count }) => count + PROOF_WEIGHT,
      weightMax: PROVED_WEIGHT_MAX,
    });
  }

  /** Undefined above the tip. */
  async at(height: number): Promise<string | undefined> {
    const tip = this.#feed.tip;
    if (tip?.height === height) return tip.header;
    const { hex } = await this.run(height, 1);
    return hex === "" ? undefined : hex;
  }

  /** As many as there are of `count` headers from a height on. */
  async run(height: number, count: number): Promise<HeaderRun> {
    const texts: string[] = [];
    const given = await this.#walk(height, count, ({ hex }, from, to) =>
      texts.push(hex.slice(from * HEADER_HEX_LENGTH, to * HEADER_HEX_LENGTH)),
    );
    return { count: given, hex: texts.join("") };
  }

  /** The same, as it is written for clients: nothing is made of single headers. */
  async listed(height: number, count: number): Promise<ListedHeaders> {
    const taken: (readonly [piece: HeaderPiece, from: number, to: number])[] = [];
    const given = await this.#walk(height, count, (...part) => taken.push(part));
    const last = taken.length - 1;
    return { count: given, parts: taken.map(([piece, from, to], at) => piece.listed(from, to, at === last)) };
  }

  /** Throws `INDEXER_RANGE` unless the last of them is at or below the checkpoint and that at or below the tip. */
  proved(height: number, count: number, checkpointHeight: number): ProvedHeaders | Promise<ProvedHeaders> {
    return this.#proved.of(`${height}/${Math.min(count, INDEXER_HEADERS_MAX)}/${checkpointHeight}`);
  }

  turnedBackTo(height: number): void {
    this.#proved.clear();
    this.#pieces.forgetAll((start) => Number(start) + PIECE_HEADERS > height);
  }

  everythingTouched(): void {
    // News of scripts only: a chain that turned back or may have done so is told by `turnedBackTo`.
  }

  /** Returns how many there are. */
  async #walk(
    height: number,
    count: number,
    take: (piece: HeaderPiece, from: number, to: number) => void,
  ): Promise<number> {
    // A client may name any number.
    if (height > (this.#feed.tip?.height ?? INDEXER_HEIGHT_MAX)) return 0;
    const asked = Math.min(count, INDEXER_HEADERS_MAX);
    let given = 0;
    while (given < asked) {
      const piece = await this.#piece(height + given);
      const from = (height + given) % PIECE_HEADERS;
      const taken = Math.max(0, Math.min(asked - given, piece.count - from));
      if (taken === 0) break;
      take(piece, from, from + taken);
      given += taken;
    }
    return given;
  }

  async #piece(height: number): Promise<HeaderPiece> {
    const start = height - (height % PIECE_HEADERS);
    const piece = await this.#pieces.of(String(start));
    const isShort = piece.count < PIECE_HEADERS && start + piece.count <= (this.#feed.tip?.height ?? 0);
    if (!isShort) return piece;
    // The chain has grown since the piece was taken.
    this.#pieces.forget(String(start));
    return this.#pieces.of(String(start));
  }
}

/** As a JSON list without its brackets, with a comma behind each. */
export function listOf(hex: string, count: number): string {
  let list = "";
  for (let i = 0; i < count; i++) {
    list += `"${hex.slice(i * HEADER_HEX_LENGTH, (i + 1) * HEADER_HEX_LENGTH)}",`;
  }
  return list;
}
