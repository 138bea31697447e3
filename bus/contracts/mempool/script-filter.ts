/** Which scripts may have unconfirmed transactions, in bits: it may name a script too many, and never leaves one out. How the mempool's reply holds it. */

/** Where it was taken: what the mempool published before is in it, what it publishes afterwards has to be added. */
export interface FilterPlace {
  readonly epoch: string;
  readonly seq: number;
  /** The block on which the view stands; null while there is none. */
  readonly tipHash: string | null;
}

/** At least so many bits for a script: one in 400 that are not in it is taken to be. */
const BITS_PER_SCRIPT = 16;
const MARKS = 4;
const BITS_MIN = 65_536;
const BITS_MAX = 2 ** 31;
const WORD_DIGITS = 8;
const TIP_BYTES = 32;
const EPOCH_BYTES = 32;
const HEAD_BYTES = EPOCH_BYTES + 8 + 1 + TIP_BYTES;

export class ScriptFilter {
  readonly #bits: Uint8Array;
  readonly #mask: number;

  /** A power of two of bytes; it is kept and written to. */
  constructor(bits: Uint8Array) {
    this.#bits = bits;
    this.#mask = bits.length * 8 - 1;
  }

  /** With room for so many scripts and half as many that come later. */
  static for(scripts: number): ScriptFilter {
    let bits = BITS_MIN;
    while (bits < BITS_MAX && bits < scripts * BITS_PER_SCRIPT) bits *= 2;
    return new ScriptFilter(new Uint8Array(bits / 8));
  }

  add(scripthash: string): void {
    let at = word(scripthash, 0);
    const step = word(scripthash, 1) | 1;
    for (let mark = 0; mark < MARKS; mark++) {
      const bit = at & this.#mask;
      this.#bits[bit >>> 3] = (this.#bits[bit >>> 3] as number) | (1 << (bit & 7));
      at = (at + step) | 0;
    }
  }

  /** False: it was never added. */
  mayHold(scripthash: string): boolean {
    let at = word(scripthash, 0);
    const step = word(scripthash, 1) | 1;
    for (let mark = 0; mark < MARKS; mark++) {
      const bit = at & this.#mask;
      if (((this.#bits[bit >>> 3] as number) & (1 << (bit & 7))) === 0) return false;
      at = (at + step) | 0;
    }
    return true;
  }

  packed({ epoch, seq, tipHash }: FilterPlace): Uint8Array {
    const bytes = Buffer.alloc(HEAD_BYTES + this.#bits.length);
    bytes.write(epoch, 0, EPOCH_BYTES, "latin1");
    bytes.writeBigUInt64BE(BigInt(seq), EPOCH_BYTES);
    if (tipHash !== null) {
      bytes[EPOCH_BYTES + 8] = 1;
      bytes.write(tipHash, EPOCH_BYTES + 9, "hex");
    }
    bytes.set(this.#bits, HEAD_BYTES);
    return bytes;
  }
}

/** Undefined for what is no such reply. */
export function unpackFilter(reply: Uint8Array): (FilterPlace & { filter: ScriptFilter }) | undefined {
  const lengthBytes = reply.length - HEAD_BYTES;
  if (lengthBytes < BITS_MIN / 8 || (lengthBytes & (lengthBytes - 1)) !== 0) return undefined;
  const head = Buffer.from(reply.buffer, reply.byteOffset, HEAD_BYTES);
  const epoch = head.toString("latin1", 0, EPOCH_BYTES).replace(/\0+$/, "");
  const seq = Number(head.readBigUInt64BE(EPOCH_BYTES));
  const hasTip = head[EPOCH_BYTES + 8] === 1;
  const tipHash = hasTip ? head.toString("hex", EPOCH_BYTES + 9, HEAD_BYTES) : null;
  // A copy of its own: it is written to, and the reply may share its memory with others.
  return { epoch, seq, tipHash, filter: new ScriptFilter(Uint8Array.from(reply.subarray(HEAD_BYTES))) };
}

/** Hashes are as good as random: their own digits are the marks. */
function word(scripthash: string, place: number): number {
  let value = 0;
  for (let at = place * WORD_DIGITS; at < (place + 1) * WORD_DIGITS; at++) {
    const code = scripthash.charCodeAt(at);
    // Letters have a bit that digits have not, and their low half begins with 1.
    value = (value << 4) | ((code & 0xf) + (code >>> 6) * 9);
  }
  return value;
}
