import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { pack, unpack } from "../../../tests/harness/indexer/packed-rows.ts";
import { FUNDING, SPENDING, type Table, TRANSACTION } from "./layout.ts";
import { RunMerger } from "./merge.ts";
import { PACKED_BYTES_MAX, PackedReader } from "./packed-block.ts";

/** Rows that often agree in their beginning, and sometimes whole. */
function anyRows(table: Table, countMax = 600): fc.Arbitrary<Buffer[]> {
  const row = fc
    .tuple(fc.constantFrom(0, 7, 0x80, 0xff), fc.uint8Array({ minLength: 3, maxLength: 3 }), fc.nat(0xffff))
    .map(([filler, head, tail]) => {
      const bytes = Buffer.alloc(table.rowBytes, filler);
      bytes.set(head);
      bytes[2] = head[2] === undefined || head[2] < 128 ? 0 : 1;
      bytes.writeUInt16BE(tail, table.txNumberAt + 3);
      return bytes;
    });
  return fc.array(row, { maxLength: countMax });
}

describe.each([FUNDING, SPENDING, TRANSACTION])("packed rows of the table $name", (table) => {
  it("come back sorted, each as it was, in blocks that fit a page", () => {
    fc.assert(
      fc.property(anyRows(table), (rows) => {
        const packed = pack(rows, table);

        expect(unpack(packed, table)).toEqual(rows.toSorted(Buffer.compare));
        let start = 0;
        for (const end of packed.ends) {
          expect(end - start).toBeLessThanOrEqual(PACKED_BYTES_MAX);
          start = end;
        }
      }),
      { numRuns: 50 },
    );
  });

  it("are copied at once as they are copied one by one", () => {
    fc.assert(
      fc.property(anyRows(table, 100), (rows) => {
        const packed = pack(rows, table);
        const reader = new PackedReader(table);
        const all = Buffer.alloc(rows.length * table.rowBytes);
        let at = 0;
        let start = 0;
        for (const end of packed.ends) {
          reader.open(packed.bytes, start).copyAll(all, at);
          at += reader.count * table.rowBytes;
          start = end;
        }
        expect(all.equals(Buffer.concat(unpack(packed, table)))).toBe(true);
      }),
    );
  });

  it("are found by the beginning of a row", () => {
    fc.assert(
      fc.property(anyRows(table, 150), fc.nat(), (rows, any) => {
        fc.pre(rows.length > 0);
        const packed = pack(rows, table);
        const reader = new PackedReader(table).open(packed.bytes);
        const inBlock = unpack(packed, table).slice(0, reader.count);
        const key = (rows[any % rows.length] as Buffer).subarray(0, table.keyBytes);
        const place = inBlock.findIndex((row) => Buffer.compare(row.subarray(0, key.length), key) >= 0);

        expect(reader.lowerBound(key)).toBe(place < 0 ? reader.count : place);
      }),
    );
  });

  it("of several runs become one, slice by slice, without what was rolled back", () => {
    fc.assert(
      fc.property(
        fc.array(anyRows(table, 120), { minLength: 1, maxLength: 4 }),
        fc.array(fc.nat(0xffff_ffff), { maxLength: 3 }),
        fc.nat(0xffff),
        (runs, cuts, limit) => {
          const merger = new RunMerger();
          const numberOf = (row: Buffer) => row.readUInt32BE(table.txNumberAt + 1);
          const txNumberEnd = limit + Buffer.alloc(4, 7).readUInt32BE();
          const bounds = [0, ...cuts.toSorted((a, b) => a - b), 0x1_0000_0000];
          const merged = bounds.slice(1).flatMap((to, i) => {
            const sources = runs.map((rows) => ({ ...pack(rows, table), txNumberEnd }));
            return unpack(
              merger.merge({ table: table.name, sources, from: bounds[i] as number, to }, table),
              table,
            );
          });
          const isKept = (row: Buffer) => row[table.txNumberAt] === 0 && numberOf(row) < txNumberEnd;

          expect(merged).toEqual(runs.flat().filter(isKept).toSorted(Buffer.compare));
        },
      ),
      { numRuns: 50 },
    );
  });
});
