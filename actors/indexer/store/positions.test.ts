import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { appendedChunks, readPositions } from "./positions.ts";

const TABLE = { itemBytes: 3, itemsPerChunk: 4 };

function items(numbers: readonly number[]): Uint8Array {
  return Uint8Array.from(numbers.flatMap((number) => [number, number >> 8, 9]));
}

describe("facts by position", () => {
  it("read as an array does that is cut and appended to", () => {
    const change = fc.record({
      keep: fc.double({ min: 0, max: 1, noNaN: true }),
      added: fc.array(fc.nat(0xffff), { minLength: 1, maxLength: 11 }),
    });
    fc.assert(
      fc.property(fc.array(change, { maxLength: 8 }), fc.nat(), fc.nat(), (changes, from, count) => {
        const chunks = new Map<number, Uint8Array>();
        let model: number[] = [];
        for (const { keep, added } of changes) {
          const first = Math.floor(keep * model.length);
          for (const { number, bytes } of appendedChunks(TABLE, first, items(added), (n) => chunks.get(n))) {
            chunks.set(number, bytes);
          }
          model = [...model.slice(0, first), ...added];
        }
        const first = from % (model.length + 1);
        const wanted = count % (model.length - first + 1);

        expect(readPositions(TABLE, first, wanted, (n) => chunks.get(n))).toEqual(
          items(model.slice(first, first + wanted)),
        );
      }),
    );
  });

  it("say that the store is damaged where a chunk is missing or short", () => {
    const damaged = expect.objectContaining({ code: "INDEXER_STORE_DAMAGED" });

    expect(() => readPositions(TABLE, 0, 1, () => undefined)).toThrowError(damaged);
    expect(() => readPositions(TABLE, 1, 2, () => items([1, 2]))).toThrowError(damaged);
  });
});
