/** Packed blocks: some hundred sorted rows in the bytes of one page of LMDB. */
import type { Table } from "./layout.ts";

/*
 * Of the columns of bytes those that are the same in all rows of a block are kept once: the common beginning of its
 * keys, the leading zeros of numbers. What is left stays fixed-width and in order, so a block is searched as it lies.
 *
 *   count u16 | mask u32: bit c is set when column c differs | the constant columns, ascending | the rows' other columns
 */
/** A value of LMDB that fills one overflow page of 4,096 bytes, of which 24 are its header (measured: 4,072 take one page, 4,080 two). */
export const PACKED_BYTES_MAX = 4_072;

const HEADER_BYTES = 6;

/** Blocks one after another; `ends[i]` is where block i ends. */
export interface PackedRows {
  readonly bytes: Uint8Array;
  readonly ends: Uint32Array;
  readonly rowCount: number;
}

export const NO_ROWS: PackedRows = Object.freeze({
  bytes: new Uint8Array(0),
  ends: new Uint32Array(0),
  rowCount: 0,
});

/** Packs the rows in the given order into as few blocks as they fit. */
export function packRows(rows: Uint8Array, order: Uint32Array, table: Table): PackedRows {
  const { rowBytes } = table;
  const count = order.length;
  // Packing never makes rows longer; each block adds its header.
  const out = new Uint8Array(count * (rowBytes + 1) + 2 * PACKED_BYTES_MAX);
  const ends: number[] = [];
  const constant = new Uint8Array(rowBytes);
  const varying = new Uint8Array(rowBytes);
  let at = 0;
  for (let start = 0; start < count; ) {
    const first = (order[start] as number) * rowBytes;
    let constants = rowBytes;
    for (let c = 0; c < rowBytes; c++) constant[c] = c;
    let end = start + 1;
    for (; end < count; end++) {
      const row = (order[end] as number) * rowBytes;
      let left = constants;
      for (let c = 0; c < constants; c++) {
        if (rows[row + (constant[c] as number)] !== rows[first + (constant[c] as number)]) left -= 1;
      }
      if (HEADER_BYTES + left + (end - start + 1) * (rowBytes - left) > PACKED_BYTES_MAX) break;
      if (left === constants) continue;
      let kept = 0;
      for (let c = 0; c < constants; c++) {
        const column = constant[c] as number;
        if (rows[row + column] === rows[first + column]) constant[kept++] = column;
      }
      constants = kept;
    }
    at = writeBlock(rows, order, start, end, rowBytes, constant, constants, varying, out, at);
    ends.push(at);
    start = end;
  }
  return { bytes: out.slice(0, at), ends: Uint32Array.from(ends), rowCount: count };
}

function writeBlock(
  rows: Uint8Array,
  order: Uint32Array,
  start: number,
  end: number,
  rowBytes: number,
  constant: Uint8Array,
  constants: number,
  varying: Uint8Array,
  out: Uint8Array,
  outAt: number,
): number {
  const first = (order[start] as number) * rowBytes;
  let mask = 0;
  let stride = 0;
  for (let column = 0, c = 0; column < rowBytes; column++) {
    if (c < constants && constant[c] === column) {
      out[outAt + HEADER_BYTES + c] = rows[first + column] as number;
      c += 1;
    } else {
      mask |= 1 << column;
      varying[stride++] = column;
    }
  }
  const count = end - start;
  out[outAt] = count >>> 8;
  out[outAt + 1] = count;
  out[outAt + 2] = mask >>> 24;
  out[outAt + 3] = mask >>> 16;
  out[outAt + 4] = mask >>> 8;
  out[outAt + 5] = mask;
  let at = outAt + HEADER_BYTES + constants;
  for (let i = start; i < end; i++) {
    const row = (order[i] as number) * rowBytes;
    for (let v = 0; v < stride; v++) out[at++] = rows[row + (varying[v] as number)] as number;
  }
  return at;
}

/** Reads one packed block where it lies. One reader serves many blocks: `open` it on the next. */
export class PackedReader {
  readonly #rowBytes: number;
  /** Per column: where it stands in a packed row, or -1 when it is constant. */
  readonly #place: Int8Array;
  readonly #constant: Uint8Array;
  #bytes: Uint8Array = NO_ROWS.bytes;
  #rowsAt = 0;
  #stride = 0;
  count = 0;

  constructor(table: Table) {
    this.#rowBytes = table.rowBytes;
    this.#place = new Int8Array(table.rowBytes);
    this.#constant = new Uint8Array(table.rowBytes);
  }

  open(bytes: Uint8Array, start = 0): this {
    this.#bytes = bytes;
    this.count = ((bytes[start] as number) << 8) | (bytes[start + 1] as number);
    const mask =
      ((bytes[start + 2] as number) << 24) |
      ((bytes[start + 3] as number) << 16) |
      ((bytes[start + 4] as number) << 8) |
      (bytes[start + 5] as number);
    let at = start + HEADER_BYTES;
    let stride = 0;
    for (let column = 0; column < this.#rowBytes; column++) {
      if ((mask & (1 << column)) !== 0) {
        this.#place[column] = stride++;
      } else {
        this.#place[column] = -1;
        this.#constant[column] = bytes[at++] as number;
      }
    }
    this.#rowsAt = at;
    this.#stride = stride;
    return this;
  }

  /** Copies row `index` to `out` at `at`. */
  copyRow(index: number, out: Uint8Array, at = 0): void {
    const row = this.#rowsAt + index * this.#stride;
    for (let column = 0; column < this.#rowBytes; column++) {
      const place = this.#place[column] as number;
      out[at + column] = (place < 0 ? this.#constant[column] : this.#bytes[row + place]) as number;
    }
  }

  /** Copies all rows to `out` at `at`, column by column. */
  copyAll(out: Uint8Array, at: number): void {
    const rowBytes = this.#rowBytes;
    const stride = this.#stride;
    const bytes = this.#bytes;
    const end = at + this.count * rowBytes;
    for (let column = 0; column < rowBytes; column++) {
      const place = this.#place[column] as number;
      if (place < 0) {
        const byte = this.#constant[column] as number;
        for (let to = at + column; to < end; to += rowBytes) out[to] = byte;
      } else {
        let from = this.#rowsAt + place;
        for (let to = at + column; to < end; to += rowBytes) {
          out[to] = bytes[from] as number;
          from += stride;
        }
      }
    }
  }

  /** The number of the first row that is not before `key` (of any length up to a row's). */
  lowerBound(key: Uint8Array): number {
    let low = 0;
    let high = this.count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.compare(middle, key) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Compares the beginning of row `index` with `key`. */
  compare(index: number, key: Uint8Array): number {
    const row = this.#rowsAt + index * this.#stride;
    for (let column = 0; column < key.length; column++) {
      const place = this.#place[column] as number;
      const byte = (place < 0 ? this.#constant[column] : this.#bytes[row + place]) as number;
      const difference = byte - (key[column] as number);
      if (difference !== 0) return difference;
    }
    return 0;
  }
}

/** Whether the bytes are one packed block and nothing else. */
export function isWholeBlock(bytes: Uint8Array, { rowBytes }: Table): boolean {
  if (bytes.length < HEADER_BYTES) return false;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const count = view.getUint16(0);
  const mask = view.getUint32(2);
  let varying = 0;
  for (let column = 0; column < 32; column++) {
    if ((mask & (1 << column)) === 0) continue;
    if (column >= rowBytes) return false;
    varying += 1;
  }
  return count > 0 && bytes.length === HEADER_BYTES + rowBytes - varying + count * varying;
}
