import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { compareBytes, HASH_LENGTH_BYTES } from "../../bitcoin/bytes.ts";
import { OP_RETURN } from "../../bitcoin/script/opcodes.ts";
import { scriptHashBytesOf } from "../../bitcoin/script/scripthash.ts";
import { hashesOf, joined } from "./touched.ts";

/** Few beginnings, few ends: many are the same, and many only begin alike. */
const hash = fc
  .tuple(fc.constantFrom(0, 1, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff), fc.nat(3), fc.nat(3))
  .map(([head, middle, end]) => {
    const bytes = Buffer.alloc(HASH_LENGTH_BYTES);
    bytes.writeUInt32BE(head);
    bytes[4] = middle;
    bytes[HASH_LENGTH_BYTES - 1] = end;
    return bytes;
  });

describe("what a block touches", () => {
  it("is each hash of both lists once, in the order of their bytes", () => {
    fc.assert(
      fc.property(fc.array(hash, { maxLength: 40 }), fc.array(hash, { maxLength: 40 }), (some, others) => {
        const different = new Map([...some, ...others].map((each) => [each.toString("hex"), each]));
        const expected = [...different.values()].sort(compareBytes);
        const found = joined(Buffer.concat(some), Buffer.concat(others));
        expect(Buffer.from(found).toString("hex")).toBe(Buffer.concat(expected).toString("hex"));
      }),
    );
  });

  it("leaves out scripts that are data", () => {
    const scripts = [Uint8Array.of(1, 2), Uint8Array.of(OP_RETURN, 1), Uint8Array.of()];
    const expected = [scripts[0], scripts[2]].map((script) => scriptHashBytesOf(script as Uint8Array));
    expect(Buffer.from(hashesOf(scripts))).toEqual(Buffer.concat(expected));
  });
});
