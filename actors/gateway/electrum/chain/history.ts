/** The history of one script: what it is, how it is written for clients, and its status. */
import { hash } from "node:crypto";
import { setImmediate as turn } from "node:timers/promises";
import { EncodedJson } from "../encoded-json.ts";

export interface ConfirmedEntry {
  readonly txid: string;
  readonly height: number;
}

/** Confirmed transactions in the order of the chain, as objects where they are few and as bytes where they are many. */
export interface ConfirmedEntries {
  readonly length: number;
  /** From place to place, as JSON with commas between. */
  json(from: number, to: number): string;
  /** The same as a status is made of it. */
  text(from: number, to: number): string;
}

export interface UnconfirmedEntry {
  readonly txid: string;
  readonly feeSat: number;
  readonly hasUnconfirmedInputs: boolean;
}

/** Entries that are written or digested in one piece; between pieces others have their turn. */
export const PIECE_ENTRIES = 2_000;

/** What clients who only follow a script have to know of its history. */
export interface ScriptStatus {
  /** Electrum's digest of the history; null where there is none. */
  readonly status: string | null;
  /** Of how many entries it is made. */
  readonly length: number;
}

/** Both halves of one moment: no transaction is in both. What is made of it once is kept with it. */
export class History implements ScriptStatus {
  readonly #confirmed: ConfirmedEntries;
  /** Those without unconfirmed inputs first, each group by txid. */
  readonly unconfirmed: readonly UnconfirmedEntry[];
  #status: string | null | undefined;
  /** Or on its way: however many ask at once, it is written once. */
  #encoded: EncodedJson | Promise<EncodedJson> | undefined;

  /** A long one brings its status: it is not made in one go. */
  constructor(confirmed: ConfirmedEntries, unconfirmed: readonly UnconfirmedEntry[], status?: string | null) {
    this.#confirmed = confirmed;
    this.unconfirmed = unconfirmed;
    this.#status = status;
  }

  get length(): number {
    return this.#confirmed.length + this.unconfirmed.length;
  }

  get status(): string | null {
    if (this.#status !== undefined) return this.#status;
    const text = this.#confirmed.text(0, this.#confirmed.length) + unconfirmedText(this.unconfirmed);
    this.#status = text === "" ? null : hash("sha256", text, "hex");
    return this.#status;
  }

  /** The answer to `get_history`, written as JSON. */
  encoded(): EncodedJson | Promise<EncodedJson> {
    if (this.#encoded !== undefined) return this.#encoded;
    if (this.length > PIECE_ENTRIES) {
      this.#encoded = this.#encodedInPieces();
      return this.#encoded;
    }
    const items = this.#confirmed.json(0, this.#confirmed.length);
    const waiting = unconfirmedJson(this.unconfirmed);
    this.#encoded = new EncodedJson(`[${items}${items !== "" && waiting !== "" ? "," : ""}${waiting}]`);
    return this.#encoded;
  }

  /** The answer to `get_mempool`. */
  encodedUnconfirmed(): EncodedJson {
    return new EncodedJson(`[${unconfirmedJson(this.unconfirmed)}]`);
  }

  async #encodedInPieces(): Promise<EncodedJson> {
    const confirmed = this.#confirmed;
    const pieces: Uint8Array[] = [];
    let lead = "[";
    for (let at = 0; at < confirmed.length; at += PIECE_ENTRIES) {
      const to = Math.min(confirmed.length, at + PIECE_ENTRIES);
      pieces.push(Buffer.from(lead + confirmed.json(at, to), "latin1"));
      lead = ",";
      await turn();
    }
    const waiting = unconfirmedJson(this.unconfirmed);
    if (waiting !== "") pieces.push(Buffer.from(lead + waiting, "latin1"));
    pieces.push(Buffer.from("]"));
    const encoded = new EncodedJson(pieces);
    this.#encoded = encoded;
    return encoded;
  }
}

/** Those of a short history. */
export class ListedEntries implements ConfirmedEntries {
  readonly #list: readonly ConfirmedEntry[];

  constructor(list: readonly ConfirmedEntry[]) {
    this.#list = list;
  }

  get length(): number {
    return this.#list.length;
  }

  json(from: number, to: number): string {
    let text = "";
    for (let i = from; i < to; i++) {
      const { txid, height } = this.#list[i] as ConfirmedEntry;
      text += entryJson(i === from, txid, height);
    }
    return text;
  }

  text(from: number, to: number): string {
    let text = "";
    for (let i = from; i < to; i++) {
      const { txid, height } = this.#list[i] as ConfirmedEntry;
      text += `${txid}:${height}:`;
    }
    return text;
  }
}

export function entryJson(isFirst: boolean, txid: string, height: number): string {
  return `${isFirst ? "" : ","}{"tx_hash":"${txid}","height":${height}}`;
}

/** What a status is the digest of, behind the confirmed ones. */
export function unconfirmedText(entries: readonly UnconfirmedEntry[]): string {
  let text = "";
  for (const { txid, hasUnconfirmedInputs } of entries) text += `${txid}:${hasUnconfirmedInputs ? -1 : 0}:`;
  return text;
}

function unconfirmedJson(entries: readonly UnconfirmedEntry[]): string {
  return entries
    .map(
      ({ txid, feeSat, hasUnconfirmedInputs }) =>
        `{"tx_hash":"${txid}","height":${hasUnconfirmedInputs ? -1 : 0},"fee":${feeSat}}`,
    )
    .join(",");
}
