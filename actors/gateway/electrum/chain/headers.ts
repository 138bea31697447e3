/** Headers of the chain, kept in pieces, and their proofs against a checkpoint. */
import type { Client } from "../../../../bus/bus.ts";
import { INDEXER_HEADERS_MAX, type indexerContract } from "../../../../bus/contracts/indexer.ts";
import { KeptAnswers } from "../asking/kept-answers.ts";
import type { ChainFeed, ChainWatcher } from "./chain-feed.ts";

export interface HeaderRun {
  readonly count: number;
  /** 160 digits for each. */
  readonly hex: string;
}

export interface ProvedHeaders extends HeaderRun {
  /** Of the last of them. */
  readonly proof?: { readonly root: string; readonly branch: readonly string[] } | undefined;
}

export interface HeadersOptions {
  readonly indexer: Client<typeof indexerContract>;
  readonly feed: ChainFeed;
}

export const HEADER_HEX_LENGTH = 160;
/** An eighth of what clients ask for at once: 40 kB. */
const PIECE_HEADERS = 252;
const PIECES_MAX = 600;

export class Headers implements ChainWatcher {
  readonly #indexer: Client<typeof indexerContract>;
  readonly #feed: ChainFeed;
  readonly #pieces: KeptAnswers<HeaderRun>;
  /** The pieces that may be kept: those that a reorganisation may have to forget. */
  #piecesEnd = 0;

  constructor({ indexer, feed }: HeadersOptions) {
    this.#indexer = indexer;
    this.#feed = feed;
    this.#pieces = new KeptAnswers({
      ask: (start) => indexer.headers({ height: Number(start), count: PIECE_HEADERS }),
      weightOf: () => 1,
      weightMax: PIECES_MAX,
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
    const asked = Math.min(count, INDEXER_HEADERS_MAX);
    const texts: string[] = [];
    let given = 0;
    while (given < asked) {
      const piece = await this.#piece(height + given);
      const from = (height + given) % PIECE_HEADERS;
      const taken = Math.max(0, Math.min(asked - given, piece.count - from));
      if (taken === 0) break;
      texts.push(piece.hex.slice(from * HEADER_HEX_LENGTH, (from + taken) * HEADER_HEX_LENGTH));
      given += taken;
    }
    return { count: given, hex: texts.join("") };
  }

  /** Throws `INDEXER_RANGE` unless the last of them is at or below the checkpoint and that at or below the tip. */
  proved(height: number, count: number, checkpointHeight: number): Promise<ProvedHeaders> {
    return this.#indexer.headers({ height, count: Math.min(count, INDEXER_HEADERS_MAX), checkpointHeight });
  }

  turnedBackTo(height: number): void {
    const first = Math.floor(height / PIECE_HEADERS) * PIECE_HEADERS;
    for (let start = first; start < this.#piecesEnd; start += PIECE_HEADERS)
      this.#pieces.forget(String(start));
    this.#piecesEnd = Math.min(this.#piecesEnd, first);
  }

  everythingTouched(): void {
    // News of scripts only: a chain that turned back or may have done so is told by `turnedBackTo`.
  }

  async #piece(height: number): Promise<HeaderRun> {
    const start = height - (height % PIECE_HEADERS);
    this.#piecesEnd = Math.max(this.#piecesEnd, start + PIECE_HEADERS);
    const piece = await this.#pieces.of(String(start));
    const isShort = piece.count < PIECE_HEADERS && start + piece.count <= (this.#feed.tip?.height ?? 0);
    if (!isShort) return piece;
    // The chain has grown since the piece was taken.
    this.#pieces.forget(String(start));
    return this.#pieces.of(String(start));
  }
}
