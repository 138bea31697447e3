/** A sum over a set of rows that does not depend on their order: two sets with the same sum and size are the same. */

/** By chance two different sets agree once in 2^64; nobody who wants them to agree writes into the store. */
export class RowSum {
  rows = 0;
  #low = 0;
  #high = 0;

  /** Adds the `length` bytes at `at`. */
  add(bytes: Uint8Array, at: number, length: number): void {
    let a = 0x9747_b28c ^ length;
    let b = 0x1b87_3593 ^ length;
    for (let i = at, end = at + length; i < end; i += 4) {
      // Behind the end of a row stands zero, whatever stands behind it in memory.
      const word =
        (bytes[i] as number) |
        (i + 1 < end ? (bytes[i + 1] as number) << 8 : 0) |
        (i + 2 < end ? (bytes[i + 2] as number) << 16 : 0) |
        (i + 3 < end ? (bytes[i + 3] as number) << 24 : 0);
      a = Math.imul(rotate(a ^ Math.imul(word, 0xcc9e_2d51), 13), 5) + 0xe654_6b64;
      b = Math.imul(rotate(b ^ Math.imul(word, 0x85eb_ca6b), 17), 9) + 0x3c6e_f372;
    }
    this.rows += 1;
    this.#low = (this.#low + mixed(a ^ b)) >>> 0;
    this.#high = (this.#high + mixed(b ^ rotate(a, 16))) >>> 0;
  }

  /** 16 hex digits. */
  get text(): string {
    return hex(this.#high) + hex(this.#low);
  }
}

function mixed(value: number): number {
  let h = value;
  h = Math.imul(h ^ (h >>> 16), 0x85eb_ca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2_ae35);
  return h ^ (h >>> 16);
}

function rotate(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits));
}

function hex(value: number): string {
  return value.toString(16).padStart(8, "0");
}
