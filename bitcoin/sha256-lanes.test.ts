import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { sha256, sha256d } from "./hash.ts";
import { Sha256Lanes } from "./sha256-lanes.ts";

interface Piece {
  readonly start: number;
  readonly length: number;
}

const piece: fc.Arbitrary<Piece> = fc.record({
  start: fc.nat(3_000),
  length: fc.oneof(
    fc.nat(130),
    fc.nat(1_100),
    fc.constantFrom(0, 54, 55, 56, 63, 64, 119, 120, 1_014, 1_015, 1_016),
  ),
});

describe.each([
  { twice: false, reference: sha256 },
  { twice: true, reference: sha256d },
])("hashes of many messages, twice: $twice", ({ twice, reference }) => {
  it("are those of each message by itself, for every length and in one to three pieces", () => {
    const lanes = new Sha256Lanes(twice);
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 5_000, maxLength: 5_000 }),
        fc.array(fc.array(piece, { minLength: 1, maxLength: 3 }), { maxLength: 60 }),
        (source, messages) => {
          lanes.load(source);
          messages.forEach(([a, b, c], place) => {
            const ends = [a, b, c].flatMap((one) =>
              one === undefined ? [] : [one.start, one.start + one.length],
            );
            lanes.add(place, ...(ends as [number, number]));
          });
          lanes.flush();

          messages.forEach((pieces, place) => {
            const message = Buffer.concat(
              pieces.map(({ start, length }) => source.subarray(start, start + length)),
            );
            const found = lanes.hashes.subarray(32 * place, 32 * (place + 1));
            expect(Buffer.from(found).toString("hex")).toBe(Buffer.from(reference(message)).toString("hex"));
          });
        },
      ),
      { numRuns: 150 },
    );
  });

  it("stay right when the source is changed between asking and flushing", () => {
    const lanes = new Sha256Lanes(twice);
    const first = new Uint8Array(100).fill(1);
    lanes.load(first);
    lanes.add(0, 0, 100);
    lanes.load(new Uint8Array(200_000).fill(2));
    lanes.add(5_000, 0, 100);
    lanes.flush();

    expect(Buffer.from(lanes.hashes.subarray(0, 32)).equals(reference(first))).toBe(true);
    const second = new Uint8Array(100).fill(2);
    expect(Buffer.from(lanes.hashes.subarray(160_000, 160_032)).equals(reference(second))).toBe(true);
  });
});
