/** Writes the WebAssembly module that hashes four messages at once, one in each 32-bit lane of the SIMD registers. */

/** Where in the module's memory what lies. */
export const STATE_AT = 0;
const WORDS_AT = 128;
/** Free for messages from here on. */
export const FREE_AT = 512;

export interface Sha256Exports {
  readonly memory: { readonly buffer: ArrayBuffer; grow(pages: number): number };
  /** Writes the three parts one after another to `to`, padded as SHA-256 wants to `paddedBytes` (a multiple of 64). */
  pad(
    to: number,
    paddedBytes: number,
    a: number,
    aBytes: number,
    b: number,
    bBytes: number,
    c: number,
    cBytes: number,
  ): void;
  /**
   * Hashes the four padded messages of `blocks` blocks at `from`, each `stride` bytes behind the one before; twice if
   * told so. Word w of message m's hash then stands at STATE_AT + 16 w + 4 m, in the byte order of a hash.
   */
  hash(from: number, blocks: number, stride: number, twice: number): void;
}

// biome-ignore format: the table of FIPS 180-4
const K = [
  0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
  0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
  0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
  0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
  0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
  0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
  0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
  0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
];
const INITIAL = [
  0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
];

const I32 = 0x7f;
const V128 = 0x7b;
const SIMD = 0xfd;
// Opcodes behind the prefix of SIMD, as they are encoded.
const LOAD = [0x00];
const STORE = [0x0b];
const CONST = [0x0c];
const SHUFFLE = [0x0d];
const OR = [0x50];
const XOR = [0x51];
const BITSELECT = [0x52];
const SHL = [0xab, 0x01];
const SHR = [0xad, 0x01];
const ADD = [0xae, 0x01];

const REVERSE_WORDS = [3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12];

/** As much of the engine's WebAssembly as is used here: the types of Node 20 leave it to those of browsers. */
interface Engine {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object) => { readonly exports: unknown };
}

/** A module of one's own, with its own memory. */
export function startSha256Module(): Sha256Exports {
  const { Module, Instance } = (globalThis as unknown as { readonly WebAssembly: Engine }).WebAssembly;
  return new Instance(new Module(sha256Module())).exports as Sha256Exports;
}

function sha256Module(): Uint8Array {
  const types = [
    [0x60, 0, 0],
    [0x60, 8, ...Array<number>(8).fill(I32), 0],
    [0x60, 4, ...Array<number>(4).fill(I32), 0],
    [0x60, 2, I32, I32, 0],
  ];
  const COMPRESS = 0;
  const LOAD_WORDS = 1;
  const bodies = [compressBody(), loadBody(), padBody(), hashBody(COMPRESS, LOAD_WORDS)];
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, vector(types)),
    ...section(3, vector([[0], [3], [1], [2]])),
    ...section(5, [1, 0, 1]),
    ...section(7, vector([exported("memory", 2, 0), exported("pad", 0, 2), exported("hash", 0, 3)])),
    ...section(10, vector(bodies.map((body) => [...unsigned(body.length), ...body]))),
  ]);
}

/** One block into the state: the words and the state stand in memory, lane by lane. */
function compressBody(): number[] {
  const state = [0, 1, 2, 3, 4, 5, 6, 7];
  const word = (i: number) => 8 + (i & 15);
  const T = 24;
  const code: number[] = [];
  for (let i = 0; i < 8; i++) code.push(...i32(0), ...simd(LOAD, memory(STATE_AT + 16 * i)), ...set(i));
  for (let i = 0; i < 16; i++) code.push(...i32(0), ...simd(LOAD, memory(WORDS_AT + 16 * i)), ...set(8 + i));
  for (let i = 0; i < 64; i++) {
    if (i >= 16) {
      code.push(...get(word(i)), ...smallSigma(word(i - 15), 7, 18, 3), ...simd(ADD));
      code.push(...get(word(i - 7)), ...simd(ADD), ...smallSigma(word(i - 2), 17, 19, 10), ...simd(ADD));
      code.push(...set(word(i)));
    }
    const [a, b, c, d, e, f, g, h] = state.map((_, at) => state[(at - i + 64) % 8]) as [
      number,
      number,
      number,
      number,
      number,
      number,
      number,
      number,
    ];
    code.push(...get(h), ...bigSigma(e, 6, 11, 25), ...simd(ADD));
    code.push(...get(f), ...get(g), ...get(e), ...simd(BITSELECT), ...simd(ADD));
    code.push(...splat(K[i] as number), ...get(word(i)), ...simd(ADD), ...simd(ADD), ...set(T));
    code.push(...get(d), ...get(T), ...simd(ADD), ...set(d));
    // The majority of three: where a and b differ it is c.
    code.push(...get(T), ...bigSigma(a, 2, 13, 22), ...simd(ADD));
    code.push(...get(c), ...get(b), ...get(a), ...get(b), ...simd(XOR), ...simd(BITSELECT), ...simd(ADD));
    code.push(...set(h));
  }
  for (let i = 0; i < 8; i++) {
    code.push(...i32(0), ...i32(0), ...simd(LOAD, memory(STATE_AT + 16 * i)), ...get(i), ...simd(ADD));
    code.push(...simd(STORE, memory(STATE_AT + 16 * i)));
  }
  return body([[25, V128]], code);
}

/** The next 64 bytes of four messages become sixteen vectors of words: (from, stride). */
function loadBody(): number[] {
  const FROM = 0;
  const STRIDE = 1;
  const AT = 2;
  const rows = [3, 4, 5, 6];
  const pairs = [7, 8, 9, 10];
  const low32 = [0, 1, 2, 3, 16, 17, 18, 19, 4, 5, 6, 7, 20, 21, 22, 23];
  const high32 = low32.map((lane) => lane + 8);
  const low64 = [0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23];
  const high64 = low64.map((lane) => lane + 8);
  const code: number[] = [];
  const shuffled = (x: number, y: number, lanes: readonly number[]) => [
    ...get(x),
    ...get(y),
    ...simd(SHUFFLE, lanes),
  ];
  for (let quarter = 0; quarter < 4; quarter++) {
    code.push(...get(FROM), ...set(AT));
    for (const row of rows) {
      code.push(...get(AT), ...simd(LOAD, memory(16 * quarter)), ...set(row));
      code.push(...shuffled(row, row, REVERSE_WORDS), ...set(row));
      code.push(...get(AT), ...get(STRIDE), 0x6a, ...set(AT));
    }
    const [r0, r1, r2, r3] = rows as [number, number, number, number];
    const [p0, p1, p2, p3] = pairs as [number, number, number, number];
    code.push(...shuffled(r0, r1, low32), ...set(p0), ...shuffled(r2, r3, low32), ...set(p1));
    code.push(...shuffled(r0, r1, high32), ...set(p2), ...shuffled(r2, r3, high32), ...set(p3));
    const columns = [
      shuffled(p0, p1, low64),
      shuffled(p0, p1, high64),
      shuffled(p2, p3, low64),
      shuffled(p2, p3, high64),
    ];
    columns.forEach((column, i) => {
      code.push(...i32(0), ...column, ...simd(STORE, memory(WORDS_AT + 16 * (4 * quarter + i))));
    });
  }
  return body(
    [
      [1, I32],
      [8, V128],
    ],
    code,
  );
}

function padBody(): number[] {
  const [TO, PADDED, A, A_BYTES, B, B_BYTES, C, C_BYTES, END, BITS] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9] as const;
  const add = 0x6a;
  const code: number[] = [
    ...[...get(TO), ...i32(0), ...get(PADDED), 0xfc, 0x0b, 0],
    ...copy(get(TO), A, A_BYTES),
    ...copy([...get(TO), ...get(A_BYTES), add], B, B_BYTES),
    ...copy([...get(TO), ...get(A_BYTES), add, ...get(B_BYTES), add], C, C_BYTES),
    ...[...get(A_BYTES), ...get(B_BYTES), add, ...get(C_BYTES), add, ...set(END)],
    ...[...get(TO), ...get(END), add, ...i32(0x80), 0x3a, 0, 0],
    // The number of bits, its bytes the other way round, in the last four bytes.
    ...[...get(END), ...i32(3), 0x74, ...set(BITS)],
    ...[...get(TO), ...get(PADDED), add, ...i32(4), 0x6b],
    ...[...get(BITS), ...i32(8), 0x77, ...i32(0x00ff00ff), 0x71],
    ...[...get(BITS), ...i32(24), 0x77, ...i32(0xff00ff00 | 0), 0x71, 0x72],
    ...[0x36, 2, 0],
  ];
  return body([[2, I32]], code);
}

function hashBody(compress: number, loadWords: number): number[] {
  const [FROM, BLOCKS, STRIDE, TWICE] = [0, 1, 2, 3] as const;
  const initial = INITIAL.flatMap((value, i) => [
    ...i32(0),
    ...splat(value),
    ...simd(STORE, memory(STATE_AT + 16 * i)),
  ]);
  const move = (i: number) => [
    ...i32(0),
    ...i32(0),
    ...simd(LOAD, memory(STATE_AT + 16 * i)),
    ...simd(STORE, memory(WORDS_AT + 16 * i)),
  ];
  const constantWord = (i: number, value: number) => [
    ...i32(0),
    ...splat(value),
    ...simd(STORE, memory(WORDS_AT + 16 * i)),
  ];
  const code: number[] = [
    ...initial,
    ...[0x03, 0x40],
    ...[...get(FROM), ...get(STRIDE), 0x10, loadWords, 0x10, compress],
    ...[...get(FROM), ...i32(64), 0x6a, ...set(FROM)],
    ...[...get(BLOCKS), ...i32(1), 0x6b, 0x22, BLOCKS, 0x0d, 0, 0x0b],
    // The hash itself as a message of 32 bytes.
    ...[...get(TWICE), 0x04, 0x40],
    ...[0, 1, 2, 3, 4, 5, 6, 7].flatMap(move),
    ...[8, 9, 10, 11, 12, 13, 14, 15].flatMap((i) =>
      constantWord(i, i === 8 ? 0x80000000 : i === 15 ? 256 : 0),
    ),
    ...initial,
    ...[0x10, compress, 0x0b],
    ...[0, 1, 2, 3, 4, 5, 6, 7].flatMap((i) => [
      ...i32(0),
      ...[...i32(0), ...simd(LOAD, memory(STATE_AT + 16 * i))],
      ...[...i32(0), ...simd(LOAD, memory(STATE_AT + 16 * i))],
      ...simd(SHUFFLE, REVERSE_WORDS),
      ...simd(STORE, memory(STATE_AT + 16 * i)),
    ]),
  ];
  return body([], code);
}

function bigSigma(x: number, first: number, second: number, third: number): number[] {
  return [...rotated(x, first), ...rotated(x, second), ...simd(XOR), ...rotated(x, third), ...simd(XOR)];
}

function smallSigma(x: number, first: number, second: number, shift: number): number[] {
  const shifted = [...get(x), ...i32(shift), ...simd(SHR)];
  return [...rotated(x, first), ...rotated(x, second), ...simd(XOR), ...shifted, ...simd(XOR)];
}

function rotated(x: number, bits: number): number[] {
  return [...get(x), ...i32(bits), ...simd(SHR), ...get(x), ...i32(32 - bits), ...simd(SHL), ...simd(OR)];
}

function copy(to: readonly number[], from: number, bytes: number): number[] {
  return [...to, ...get(from), ...get(bytes), 0xfc, 0x0a, 0, 0];
}

function splat(value: number): number[] {
  const word = [value & 0xff, (value >>> 8) & 0xff, (value >>> 16) & 0xff, value >>> 24];
  return simd(CONST, [...word, ...word, ...word, ...word]);
}

function simd(opcode: readonly number[], immediate: readonly number[] = []): number[] {
  return [SIMD, ...opcode, ...immediate];
}

function memory(offset: number): number[] {
  return [0, ...unsigned(offset)];
}

function get(local: number): number[] {
  return [0x20, local];
}

function set(local: number): number[] {
  return [0x21, local];
}

function i32(value: number): number[] {
  const bytes: number[] = [0x41];
  let rest = value | 0;
  for (;;) {
    const byte = rest & 0x7f;
    rest >>= 7;
    const isLast = (rest === 0 && (byte & 0x40) === 0) || (rest === -1 && (byte & 0x40) !== 0);
    bytes.push(isLast ? byte : byte | 0x80);
    if (isLast) return bytes;
  }
}

function unsigned(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  do {
    const byte = rest & 0x7f;
    rest >>>= 7;
    bytes.push(rest === 0 ? byte : byte | 0x80);
  } while (rest !== 0);
  return bytes;
}

function body(locals: readonly (readonly [number, number])[], code: readonly number[]): number[] {
  return [...vector(locals.map(([count, type]) => [count, type])), ...code, 0x0b];
}

function vector(items: readonly (readonly number[])[]): number[] {
  return [...unsigned(items.length), ...items.flat()];
}

function section(id: number, content: readonly number[]): number[] {
  return [id, ...unsigned(content.length), ...content];
}

function exported(name: string, kind: number, index: number): number[] {
  return [...vector([...Buffer.from(name)].map((byte) => [byte])), kind, index];
}
