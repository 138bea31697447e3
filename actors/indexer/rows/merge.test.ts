import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { pack, unpack } from "../../../tests/harness/indexer/packed-rows.ts";
import { FUNDING } from "./layout.ts";
import { RunMerger } from "./merge.ts";

const HEAD = 0x0a0b0c0d;

/** A row of one of three keys that all begin with the same four bytes, or of a neighbour. */
function rowOf(key: number, txNumber: number): Buffer {
  const row = Buffer.alloc(FUNDING.rowBytes);
  row.writeUInt32BE(HEAD + (key === 3 ? 1 : 0));
  row[7] = key;
  row.writeUInt32BE(txNumber, FUNDING.txNumberAt + 1);
  row[17] = txNumber & 3;
  return row;
}

const hexOf = (rows: readonly Buffer[]) => rows.map((row) => row.toString("hex"));

describe("the merge of one script's many rows", () => {
  it("is the same a few rows at a time as all at once, whatever else begins with the same bytes", () => {
    fc.assert(
      fc.property(
        fc.array(fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 700 }), {
          minLength: 1,
          maxLength: 4,
        }),
        fc.integer({ min: 1, max: 300 }),
        fc.nat(2_000),
        (runs, rowsAtOnce, limit) => {
          let txNumber = 0;
          const sources = runs.map((keys) => ({
            ...pack(
              keys.map((key) => rowOf(key, txNumber++)),
              FUNDING,
            ),
            txNumberEnd: limit,
          }));
          const job = { table: FUNDING.name, sources, from: HEAD, to: HEAD + 1 };
          const merged = new RunMerger(rowsAtOnce).merge(job, FUNDING);
          const rows = runs
            .flat()
            .flatMap((key, i) => (key < 3 && i < limit ? [rowOf(key, i).toString("hex")] : []));
          expect(hexOf(unpack(merged, FUNDING))).toEqual(rows.sort());
          expect(merged.rowCount).toBe(rows.length);
          expect(hexOf(unpack(new RunMerger().merge(job, FUNDING), FUNDING))).toEqual(rows);
        },
      ),
      { numRuns: 60 },
    );
  });
});
