/** The reader stays inside its bytes, the writer inside its numbers. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { bytesToHex, hexToBytes } from "./bytes.ts";
import { compactSizeLength, MAX_COMPACT_SIZE, Reader, Writer } from "./codec.ts";

const malformed = expect.objectContaining({ code: "BITCOIN_MALFORMED" });
const outOfRange = expect.objectContaining({ code: "BITCOIN_OUT_OF_RANGE" });

describe("numbers", () => {
  it("come back as they were written", () => {
    fc.assert(
      fc.property(
        fc.nat(0xff),
        fc.nat(0xffff),
        fc.nat(0xffff_ffff),
        fc.integer(),
        fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
        fc.bigInt({ min: -(1n << 63n), max: (1n << 63n) - 1n }),
        fc.nat(MAX_COMPACT_SIZE),
        (u8, u16, u32, i32, u64, i64, size) => {
          const bytes = new Writer()
            .u8(u8)
            .u16(u16)
            .u32(u32)
            .i32(i32)
            .u64(u64)
            .i64(i64)
            .compactSize(size)
            .finish();
          const reader = new Reader(bytes);

          expect([reader.u8(), reader.u16(), reader.u32(), reader.i32()]).toEqual([u8, u16, u32, i32]);
          expect([reader.u64(), reader.i64(), reader.compactSize()]).toEqual([u64, i64, size]);
          expect(bytes.length).toBe(27 + compactSizeLength(size));
          reader.finish();
        },
      ),
    );
  });

  it("are little-endian", () => {
    expect(bytesToHex(new Writer().u32(0x01020304).u64(5n).finish())).toBe("040302010500000000000000");
  });

  it.each<[string, (writer: Writer) => unknown]>([
    ["a negative byte", (w) => w.u8(-1)],
    ["a byte of 256", (w) => w.u8(256)],
    ["half a number", (w) => w.u16(1.5)],
    ["NaN", (w) => w.u32(Number.NaN)],
    ["2^32", (w) => w.u32(2 ** 32)],
    ["2^31 signed", (w) => w.i32(2 ** 31)],
    ["2^64", (w) => w.u64(1n << 64n)],
    ["2^63 signed", (w) => w.i64(1n << 63n)],
    ["a size beyond the format", (w) => w.compactSize(MAX_COMPACT_SIZE + 1)],
    ["31 bytes where 32 belong", (w) => w.fixed(new Uint8Array(31), 32)],
  ])("are refused: %s", (_, write) => {
    expect(() => write(new Writer())).toThrow(outOfRange);
  });
});

describe("sizes", () => {
  it.each([
    [0, "00"],
    [252, "fc"],
    [253, "fdfd00"],
    [0xffff, "fdffff"],
    [0x10000, "fe00000100"],
    [MAX_COMPACT_SIZE, "fe00000002"],
  ])("writes %i as %s", (value, hex) => {
    expect(bytesToHex(new Writer().compactSize(value).finish())).toBe(hex);
    expect(new Reader(hexToBytes(hex)).compactSize()).toBe(value);
  });

  it.each([
    "fdfc00",
    "feffff0000",
    "ff0000000001000000",
    "fe01000002",
    "ffffffffffffffffff",
    "fd00",
    "fe000001",
    "ff00",
    "",
  ])("refuses %j", (hex) => {
    expect(() => new Reader(hexToBytes(hex)).compactSize()).toThrow(malformed);
  });
});

describe("the reader", () => {
  it("never sees what lies around its bytes", () => {
    const around = Uint8Array.of(1, 2, 3, 4, 5, 6);
    const reader = new Reader(around.subarray(2, 4));

    expect(reader.u16()).toBe(0x0403);
    expect(() => reader.u8()).toThrow(malformed);
  });

  it("refuses a count that cannot fit before anything is made of it", () => {
    expect(() => new Reader(hexToBytes("fe00000001ffff")).count(1)).toThrow(malformed);
  });

  it("refuses bytes left over", () => {
    const reader = new Reader(Uint8Array.of(1, 2));
    reader.u8();

    expect(() => reader.finish()).toThrow(malformed);
  });
});

describe("the writer", () => {
  it("grows without losing anything", () => {
    const writer = new Writer(1);
    for (let i = 0; i < 1_000; i++) writer.u8(i % 256);

    expect([...writer.finish()]).toEqual(Array.from({ length: 1_000 }, (_, i) => i % 256));
  });
});
