/** Writes the made-up chain's transactions, with scripts and witnesses of every kind in their real sizes. */
import { sha256d } from "../../bitcoin/hash.ts";
import type { Randomness } from "./randomness.ts";

type ScriptKind = "p2wpkh" | "p2pkh" | "p2sh" | "p2tr" | "p2wsh" | "p2pk" | "multisig";

/** Of a hundred owners, how many have which kind of script. */
const KIND_SHARES: readonly [ScriptKind, number][] = [
  ["p2wpkh", 45],
  ["p2pkh", 24],
  ["p2sh", 15],
  ["p2tr", 10],
  ["p2wsh", 4],
  ["p2pk", 1],
  ["multisig", 1],
];

/** What stands around the owner's bytes in the script, and how long the parts are that spend it. */
const SCRIPTS: Readonly<
  Record<
    ScriptKind,
    {
      before: readonly number[];
      bytes: number;
      after: readonly number[];
      scriptSigBytes: number;
      witness: readonly number[];
    }
  >
> = {
  p2wpkh: { before: [0x00, 0x14], bytes: 20, after: [], scriptSigBytes: 0, witness: [71, 33] },
  p2pkh: { before: [0x76, 0xa9, 0x14], bytes: 20, after: [0x88, 0xac], scriptSigBytes: 107, witness: [] },
  p2sh: { before: [0xa9, 0x14], bytes: 20, after: [0x87], scriptSigBytes: 23, witness: [71, 33] },
  p2tr: { before: [0x51, 0x20], bytes: 32, after: [], scriptSigBytes: 0, witness: [64] },
  p2wsh: { before: [0x00, 0x20], bytes: 32, after: [], scriptSigBytes: 0, witness: [0, 71, 71, 105] },
  p2pk: { before: [0x21, 0x02], bytes: 32, after: [0xac], scriptSigBytes: 72, witness: [] },
  multisig: { before: [0x51, 0x21, 0x03], bytes: 32, after: [0x51, 0xae], scriptSigBytes: 73, witness: [] },
};

const POOL_BYTES = 1 << 16;
const DATA_BYTES = 40;

export class TransactionWriter {
  /** Owners by the remainder of a hundred. */
  readonly #kinds: readonly ScriptKind[] = KIND_SHARES.flatMap(([kind, share]) =>
    Array<ScriptKind>(share).fill(kind),
  );
  readonly #random: Randomness;
  readonly #noise: Buffer;
  readonly #block: Buffer;
  readonly #stripped: Buffer;
  #at = 0;
  #txids: Buffer = Buffer.alloc(0);
  #count = 0;
  // Of the transaction being written: where it begins, and where the witnesses do.
  #start = 0;
  #bodyStart = 0;
  #bodyEnd = 0;

  constructor(random: Randomness, roomBytes: number) {
    this.#random = random;
    this.#noise = Buffer.alloc(POOL_BYTES);
    for (let at = 0; at < POOL_BYTES; at += 4) this.#noise.writeUInt32LE(random.u32(), at);
    this.#block = Buffer.alloc(roomBytes);
    this.#stripped = Buffer.alloc(1 << 20);
  }

  get txids(): Uint8Array {
    return this.#txids;
  }

  hasWitness(owner: number): boolean {
    return this.#script(owner).witness.length > 0;
  }

  begin(headerBytes: number, count: number): void {
    this.#at = headerBytes;
    this.#txids = Buffer.alloc(count * 32);
    this.#count = 0;
    this.#size(count);
  }

  finish(): Buffer {
    return this.#block.subarray(0, this.#at);
  }

  beginTransaction(hasWitness: boolean): void {
    this.#start = this.#at;
    this.#at = this.#block.writeUInt32LE(2, this.#at);
    if (hasWitness) {
      this.#block[this.#at++] = 0;
      this.#block[this.#at++] = 1;
    }
    this.#bodyStart = this.#at;
    this.#bodyEnd = 0;
  }

  /** Returns the id, in raw order. */
  endTransaction(): Uint8Array {
    if (this.#bodyEnd === 0) this.#bodyEnd = this.#at;
    this.#at = this.#block.writeUInt32LE(0, this.#at);
    let length = this.#block.copy(this.#stripped, 0, this.#start, this.#start + 4);
    length += this.#block.copy(this.#stripped, length, this.#bodyStart, this.#bodyEnd);
    length = this.#stripped.writeUInt32LE(0, length);
    const txid = sha256d(this.#stripped.subarray(0, length));
    this.#txids.set(txid, 32 * this.#count++);
    return txid;
  }

  coinbaseInput(height: number): void {
    this.#size(1);
    this.#block.fill(0, this.#at, this.#at + 32);
    this.#at = this.#block.writeUInt32LE(0xffffffff, this.#at + 32);
    this.#size(5);
    this.#block[this.#at] = 4;
    this.#at = this.#block.writeUInt32LE(height, this.#at + 1);
    this.#at = this.#block.writeUInt32LE(0xffffffff, this.#at);
  }

  inputCount(count: number): void {
    this.#size(count);
  }

  input(txid: Uint8Array, index: number, owner: number): void {
    this.#block.set(txid, this.#at);
    this.#at = this.#block.writeUInt32LE(index, this.#at + 32);
    const { scriptSigBytes } = this.#script(owner);
    this.#size(scriptSigBytes);
    this.#fill(scriptSigBytes);
    this.#at = this.#block.writeUInt32LE(0xfffffffd, this.#at);
  }

  outputCount(count: number): void {
    this.#size(count);
  }

  payment(owner: number, amountSat: number): void {
    const { before, bytes, after } = this.#script(owner);
    this.#amount(amountSat);
    this.#size(before.length + bytes + after.length);
    for (const byte of before) this.#block[this.#at++] = byte;
    let word = owner + 0x9e3779b9;
    for (let i = 0; i < bytes; i += 4) {
      // The owner's number, well mixed: as good as a hash of a key here.
      word = Math.imul(word ^ (word >>> 16), 0x21f0aaad);
      word = Math.imul(word ^ (word >>> 15), 0x735a2d97) + owner + i;
      this.#at = this.#block.writeUInt32LE((word ^ (word >>> 15)) >>> 0, this.#at);
    }
    for (const byte of after) this.#block[this.#at++] = byte;
  }

  dataOutput(): void {
    this.#amount(0);
    this.#size(2 + DATA_BYTES);
    this.#block[this.#at++] = 0x6a;
    this.#block[this.#at++] = DATA_BYTES;
    this.#fill(DATA_BYTES);
  }

  witness(owner: number, inscriptionBytes: number): void {
    if (this.#bodyEnd === 0) this.#bodyEnd = this.#at;
    const { witness } = this.#script(owner);
    const items = inscriptionBytes > 0 ? [...witness, inscriptionBytes] : witness;
    this.#size(items.length);
    for (const bytes of items) {
      this.#size(bytes);
      this.#fill(bytes);
    }
  }

  #script(owner: number) {
    return SCRIPTS[this.#kinds[owner % 100] as ScriptKind];
  }

  #amount(amountSat: number): void {
    this.#at = this.#block.writeUInt32LE(amountSat % 0x1_0000_0000, this.#at);
    this.#at = this.#block.writeUInt32LE(Math.floor(amountSat / 0x1_0000_0000), this.#at);
  }

  #size(value: number): void {
    if (value < 0xfd) {
      this.#block[this.#at++] = value;
    } else {
      this.#block[this.#at] = 0xfd;
      this.#at = this.#block.writeUInt16LE(value, this.#at + 1);
    }
  }

  #fill(lengthBytes: number): void {
    const from = this.#random.u32() % (POOL_BYTES - 8_192);
    this.#at += this.#noise.copy(this.#block, this.#at, from, from + lengthBytes);
  }
}
