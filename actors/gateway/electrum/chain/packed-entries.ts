/** The confirmed half of a long history as bytes, as the indexer sends it: a sixth of what objects take, and never parsed as a whole. */
import {
  PACKED_ENTRY_BYTES,
  PACKED_HEAD_BYTES,
  type PackedHistoryHead,
  unpackHead,
} from "../../../../bus/contracts/indexer/packed-history.ts";
import { TroupeError } from "../../../../runtime/errors.ts";
import { type ConfirmedEntries, entryJson } from "./history.ts";

const TXID_BYTES = PACKED_ENTRY_BYTES - 4;
const TXID_DIGITS = 2 * TXID_BYTES;
const ENTRY_DIGITS = 2 * PACKED_ENTRY_BYTES;

export class PackedEntries implements ConfirmedEntries {
  readonly #bytes: Buffer;

  constructor(bytes: Buffer = Buffer.alloc(0)) {
    this.#bytes = bytes;
  }

  get length(): number {
    return this.#bytes.length / PACKED_ENTRY_BYTES;
  }

  get lengthBytes(): number {
    return this.#bytes.length;
  }

  /** How many stand in blocks up to this height. */
  countUpTo(height: number): number {
    let low = 0;
    let high = this.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#height(middle) <= height) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  slice(from: number, to: number): PackedEntries {
    return new PackedEntries(this.#bytes.subarray(from * PACKED_ENTRY_BYTES, to * PACKED_ENTRY_BYTES));
  }

  followedBy(next: PackedEntries): PackedEntries {
    if (this.length === 0) return next;
    return next.length === 0 ? this : new PackedEntries(Buffer.concat([this.#bytes, next.#bytes]));
  }

  json(from: number, to: number): string {
    const hex = this.#hex(from, to);
    let text = "";
    for (let i = from, at = 0; i < to; i++, at += ENTRY_DIGITS) {
      text += entryJson(i === from, hex.slice(at, at + TXID_DIGITS), this.#height(i));
    }
    return text;
  }

  text(from: number, to: number): string {
    const hex = this.#hex(from, to);
    let text = "";
    for (let i = from, at = 0; i < to; i++, at += ENTRY_DIGITS) {
      text += `${hex.slice(at, at + TXID_DIGITS)}:${this.#height(i)}:`;
    }
    return text;
  }

  has(txid: string): boolean {
    const wanted = Buffer.from(txid, "hex");
    for (let at = this.#bytes.indexOf(wanted); at >= 0; at = this.#bytes.indexOf(wanted, at + 1)) {
      if (at % PACKED_ENTRY_BYTES === 0) return true;
    }
    return false;
  }

  #hex(from: number, to: number): string {
    return this.#bytes.toString("hex", from * PACKED_ENTRY_BYTES, to * PACKED_ENTRY_BYTES);
  }

  #height(i: number): number {
    return this.#bytes.readUInt32BE(i * PACKED_ENTRY_BYTES + TXID_BYTES);
  }
}

/** The indexer's reply to `history`. */
export function readHistory(reply: Uint8Array): PackedHistoryHead & { readonly entries: PackedEntries } {
  const head = unpackHead(reply);
  if (head === undefined)
    throw new TroupeError({ code: "BUS_BAD_REPLY" }, "the indexer's history is cut off");
  const bytes = Buffer.from(reply.buffer, reply.byteOffset, reply.length);
  return { ...head, entries: new PackedEntries(bytes.subarray(PACKED_HEAD_BYTES)) };
}
