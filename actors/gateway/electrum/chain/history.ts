/** The history of one script: what it is, how it is written for clients, and its status. */
import { hash } from "node:crypto";
import { EncodedJson } from "../encoded-json.ts";
import { turn } from "./turn.ts";

export interface ConfirmedEntry {
  readonly txid: string;
  readonly height: number;
}

export interface UnconfirmedEntry {
  readonly txid: string;
  readonly feeSat: number;
  readonly hasUnconfirmedInputs: boolean;
}

/** Entries that are written in one piece; between pieces others have their turn. */
const PIECE_ENTRIES = 2_000;

/** Both halves of one moment: no transaction is in both. What is made of it once is kept with it. */
export class History {
  /** In the order of the chain. */
  readonly confirmed: readonly ConfirmedEntry[];
  /** Those without unconfirmed inputs first, each group by txid. */
  readonly unconfirmed: readonly UnconfirmedEntry[];
  #status: string | null | undefined;
  #encoded: EncodedJson | undefined;

  constructor(confirmed: readonly ConfirmedEntry[], unconfirmed: readonly UnconfirmedEntry[]) {
    this.confirmed = confirmed;
    this.unconfirmed = unconfirmed;
  }

  get length(): number {
    return this.confirmed.length + this.unconfirmed.length;
  }

  /** Electrum's status of the script: a digest of its history, null where there is none. In one go: not for long ones. */
  status(): string | null {
    if (this.#status !== undefined) return this.#status;
    const { confirmed, unconfirmed } = this;
    const text = confirmedText(confirmed, 0, confirmed.length) + unconfirmedText(unconfirmed);
    this.#status = text === "" ? null : hash("sha256", text, "hex");
    return this.#status;
  }

  /** The answer to `get_history`, written as JSON. */
  encoded(): EncodedJson | Promise<EncodedJson> {
    if (this.#encoded !== undefined) return this.#encoded;
    if (this.length > PIECE_ENTRIES) return this.#encodedInPieces();
    const items = confirmedJson(this.confirmed, 0, this.confirmed.length);
    const waiting = unconfirmedJson(this.unconfirmed);
    this.#encoded = new EncodedJson(`[${items}${items !== "" && waiting !== "" ? "," : ""}${waiting}]`);
    return this.#encoded;
  }

  /** The answer to `get_mempool`. */
  encodedUnconfirmed(): EncodedJson {
    return new EncodedJson(`[${unconfirmedJson(this.unconfirmed)}]`);
  }

  async #encodedInPieces(): Promise<EncodedJson> {
    const { confirmed } = this;
    const pieces: Uint8Array[] = [];
    let lead = "[";
    for (let at = 0; at < confirmed.length; at += PIECE_ENTRIES) {
      pieces.push(Buffer.from(lead + confirmedJson(confirmed, at, at + PIECE_ENTRIES), "latin1"));
      lead = ",";
      await turn();
    }
    const waiting = unconfirmedJson(this.unconfirmed);
    if (waiting !== "") pieces.push(Buffer.from(lead + waiting, "latin1"));
    pieces.push(Buffer.from("]"));
    this.#encoded = new EncodedJson(pieces);
    return this.#encoded;
  }
}

/** What a status is the digest of. */
export function confirmedText(entries: readonly ConfirmedEntry[], from: number, to: number): string {
  let text = "";
  const end = Math.min(to, entries.length);
  for (let i = from; i < end; i++) {
    const { txid, height } = entries[i] as ConfirmedEntry;
    text += `${txid}:${height}:`;
  }
  return text;
}

export function unconfirmedText(entries: readonly UnconfirmedEntry[]): string {
  let text = "";
  for (const { txid, hasUnconfirmedInputs } of entries) text += `${txid}:${hasUnconfirmedInputs ? -1 : 0}:`;
  return text;
}

function confirmedJson(entries: readonly ConfirmedEntry[], from: number, to: number): string {
  let text = "";
  const end = Math.min(to, entries.length);
  for (let i = from; i < end; i++) {
    const { txid, height } = entries[i] as ConfirmedEntry;
    text += `${i === from ? "" : ","}{"tx_hash":"${txid}","height":${height}}`;
  }
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
