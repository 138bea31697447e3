/** Sorts fixed-width rows by their bytes: radix on the first four, which are as good as random, then the few ties. */
import { keyHeadAt } from "./layout.ts";

const DIGITS = 0x1_0000;

/** Keeps its scratch memory from one sort to the next. */
export class RowSorter {
  #heads = new Uint32Array(0);
  #spare = new Uint32Array(0);
  readonly #low = new Uint32Array(DIGITS);
  readonly #high = new Uint32Array(DIGITS);

  /** The numbers of the rows in the order of their bytes; equal rows keep their order. */
  order(rows: Uint8Array, rowBytes: number, count: number): Uint32Array {
    if (this.#heads.length < count) {
      const room = Math.ceil(count * 1.25);
      this.#heads = new Uint32Array(room);
      this.#spare = new Uint32Array(room);
    }
    const heads = this.#heads;
    const spare = this.#spare;
    const low = this.#low.fill(0);
    const high = this.#high.fill(0);
    for (let i = 0, at = 0; i < count; i++, at += rowBytes) {
      const head = keyHeadAt(rows, at);
      heads[i] = head;
      low[head & 0xffff] = (low[head & 0xffff] as number) + 1;
      high[head >>> 16] = (high[head >>> 16] as number) + 1;
    }
    startsOf(low);
    startsOf(high);
    const order = new Uint32Array(count);
    for (let i = 0; i < count; i++) {
      const digit = (heads[i] as number) & 0xffff;
      const place = low[digit] as number;
      low[digit] = place + 1;
      spare[place] = i;
    }
    for (let i = 0; i < count; i++) {
      const row = spare[i] as number;
      const digit = (heads[row] as number) >>> 16;
      const place = high[digit] as number;
      high[digit] = place + 1;
      order[place] = row;
    }
    settleTies(rows, rowBytes, order, heads);
    return order;
  }
}

/** Counts become the places where each digit's rows begin. */
function startsOf(counts: Uint32Array): void {
  let sum = 0;
  for (let digit = 0; digit < DIGITS; digit++) {
    const count = counts[digit] as number;
    counts[digit] = sum;
    sum += count;
  }
}

/** Insertion sort where heads are equal. A script used ten thousand times is in order already, so this stays linear. */
function settleTies(rows: Uint8Array, rowBytes: number, order: Uint32Array, heads: Uint32Array): void {
  for (let i = 1; i < order.length; i++) {
    const row = order[i] as number;
    const head = heads[row] as number;
    let place = i;
    while (place > 0) {
      const before = order[place - 1] as number;
      if (heads[before] !== head || !isBehind(rows, rowBytes, before, row)) break;
      order[place] = before;
      place -= 1;
    }
    order[place] = row;
  }
}

function isBehind(rows: Uint8Array, rowBytes: number, a: number, b: number): boolean {
  let atA = a * rowBytes + 4;
  let atB = b * rowBytes + 4;
  const end = (a + 1) * rowBytes;
  while (atA < end) {
    const difference = (rows[atA++] as number) - (rows[atB++] as number);
    if (difference !== 0) return difference > 0;
  }
  return false;
}
