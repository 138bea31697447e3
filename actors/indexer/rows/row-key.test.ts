import { createCipheriv } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { KEY_VALUE_BYTES, RowKeys } from "./row-key.ts";

const SECRET = Uint8Array.from({ length: 16 }, (_, i) => 3 * i + 1);
const HASH = fc.uint8Array({ minLength: 32, maxLength: 32 });

/** As the schema says it: a CBC-MAC, from the beginning for each hash. */
function macOf(hash: Uint8Array): Buffer {
  const cipher = createCipheriv("aes-128-cbc", SECRET, new Uint8Array(16));
  cipher.setAutoPadding(false);
  return cipher.update(hash).subarray(16);
}

describe("the keys of rows", () => {
  it("are the same for hashes that are asked for alone or together, whatever was asked for before", () => {
    const keys = new RowKeys(SECRET);
    fc.assert(
      fc.property(fc.array(fc.array(HASH, { minLength: 1, maxLength: 4 }), { maxLength: 8 }), (groups) => {
        for (const group of groups) {
          const values = keys.of(Buffer.concat(group), group.length);
          expect(values.length).toBe(group.length * KEY_VALUE_BYTES);
          expect(values).toEqual(Buffer.concat(group.map(macOf)));
          // What was handed out is the caller's.
          values.fill(0);
        }
      }),
    );
  });
});
