/** Hex and display order: what is refused, and that nothing is lost on the way there and back. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  blockHashFromBytes,
  blockHashToBytes,
  bytesToHex,
  compareBytes,
  concatBytes,
  equalBytes,
  hexToBytes,
  parseBlockHash,
  parseScriptHash,
  parseTxid,
  reverseBytes,
  scriptHashFromBytes,
  scriptHashToBytes,
  txidFromBytes,
  txidToBytes,
} from "./bytes.ts";

const hash32 = fc.uint8Array({ minLength: 32, maxLength: 32 });

describe("hex", () => {
  it("reads what it wrote", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) =>
        equalBytes(hexToBytes(bytesToHex(bytes)), bytes),
      ),
    );
  });

  it("reads upper case", () => expect(bytesToHex(hexToBytes("AbCDef"))).toBe("abcdef"));

  it.each(["0", "abc", "0g", " 00", "0x00", "0\u0130", "00\n", "\uff10\uff10"])("refuses %j", (text) => {
    expect(() => hexToBytes(text)).toThrow(expect.objectContaining({ code: "BITCOIN_BAD_HEX" }));
  });

  it("prints a part of a larger buffer and nothing beside it", () => {
    expect(bytesToHex(Uint8Array.of(1, 2, 3, 4).subarray(1, 3))).toBe("0203");
  });
});

describe("display order", () => {
  it("reverses the raw bytes", () => {
    const raw = Uint8Array.from({ length: 32 }, (_, i) => i);

    expect(txidFromBytes(raw)).toBe("1f1e1d1c1b1a191817161514131211100f0e0d0c0b0a09080706050403020100");
  });

  it("leads back to the same bytes for each kind of hash", () => {
    fc.assert(
      fc.property(hash32, (raw) => {
        expect(equalBytes(txidToBytes(txidFromBytes(raw)), raw)).toBe(true);
        expect(equalBytes(blockHashToBytes(blockHashFromBytes(raw)), raw)).toBe(true);
        expect(equalBytes(scriptHashToBytes(scriptHashFromBytes(raw)), raw)).toBe(true);
      }),
    );
  });

  it("reads at an offset and leaves the source as it was", () => {
    const bytes = concatBytes(Uint8Array.of(9), new Uint8Array(31), Uint8Array.of(7, 8));

    expect(txidFromBytes(bytes, 1).slice(0, 4)).toBe("0700");
    expect(bytes[0]).toBe(9);
    expect(() => txidFromBytes(bytes, 3)).toThrow(expect.objectContaining({ code: "BITCOIN_OUT_OF_RANGE" }));
  });

  it("takes ids from outside in any case and makes them lower", () => {
    const upper = "AB".repeat(32);

    expect([parseTxid(upper), parseBlockHash(upper), parseScriptHash(upper)]).toEqual(
      Array.from({ length: 3 }, () => "ab".repeat(32)),
    );
  });

  it.each(["", "ab".repeat(31), "ab".repeat(33), `${"ab".repeat(31)}zz`, `${"ab".repeat(31)}0\u0130`])(
    "refuses %j as an id",
    (text) => {
      expect(() => parseTxid(text)).toThrow(expect.objectContaining({ code: "BITCOIN_BAD_HEX" }));
    },
  );
});

describe("order", () => {
  it("is that of unsigned bytes, the prefix first", () => {
    expect(compareBytes(Uint8Array.of(0x7f), Uint8Array.of(0x80))).toBe(-1);
    expect(compareBytes(Uint8Array.of(1), Uint8Array.of(1, 0))).toBe(-1);
    expect(compareBytes(Uint8Array.of(1, 0), Uint8Array.of(1, 0))).toBe(0);
  });

  it("is reversed into a new array", () => {
    const bytes = Uint8Array.of(1, 2, 3);

    expect([...reverseBytes(bytes)]).toEqual([3, 2, 1]);
    expect([...bytes]).toEqual([1, 2, 3]);
  });
});
