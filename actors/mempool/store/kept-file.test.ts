import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { ScriptHash, Txid } from "../../../bitcoin/bytes.ts";
import type { Entry } from "../view/entry.ts";
import { readKept, writeKept } from "./kept-file.ts";

let directory: string;
let path: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "troupe-kept-"));
  path = join(directory, "kept.bin");
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const hash = fc
  .uint8Array({ minLength: 32, maxLength: 32 })
  .map((bytes) => Buffer.from(bytes).toString("hex"));
const amountSat = fc.integer({ min: 0, max: 2_100_000_000_000_000 });
const scriptHash = fc.option(hash, { nil: undefined }).map((text) => text as ScriptHash | undefined);
const anyEntry: fc.Arbitrary<Entry> = fc
  .record({
    txid: hash.map((text) => text as Txid),
    feeSat: amountSat,
    weight: fc.integer({ min: 1, max: 400_000 }),
    timeS: fc.integer({ min: 0, max: 0xffff_ffff }),
    spends: fc.array(
      fc.record({
        txid: hash.map((text) => text as Txid),
        index: fc.integer({ min: 0, max: 0xffff_ffff }),
        amountSat,
        scriptHash,
      }),
      { maxLength: 4 },
    ),
    pays: fc.array(fc.record({ amountSat, scriptHash }), { maxLength: 4 }),
  })
  .map((made) => ({ ...made, sizeVb: Math.ceil(made.weight / 4), confirmedAt: undefined }));

describe("the kept file", () => {
  it("gives back what was written", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(anyEntry, { maxLength: 20, selector: ({ txid }) => txid }),
        async (entries) => {
          await writeKept(path, "regtest", entries);
          expect([...((await readKept(path, "regtest")) ?? [])]).toEqual(
            entries.map((entry) => [entry.txid, entry]),
          );
        },
      ),
      { numRuns: 40 },
    );
  });

  it("is empty before the first start, and of no use to another network", async () => {
    expect(await readKept(path, "regtest")).toEqual(new Map());
    await writeKept(path, "regtest", []);
    expect(await readKept(path, "mainnet")).toBeUndefined();
  });

  it("is of no use once a byte of it is another, or it is cut short", async () => {
    const entries = fc.sample(anyEntry, { numRuns: 5, seed: 3 });
    await writeKept(path, "regtest", entries);
    const whole = readFileSync(path);
    await fc.assert(
      fc.asyncProperty(fc.nat(whole.length - 1), fc.integer({ min: 1, max: 255 }), async (at, flip) => {
        const broken = Buffer.from(whole);
        broken[at] = (broken[at] as number) ^ flip;
        writeFileSync(path, broken);
        expect(await readKept(path, "regtest")).toBeUndefined();
        writeFileSync(path, whole);
        truncateSync(path, at);
        expect(await readKept(path, "regtest")).toBeUndefined();
      }),
      { numRuns: 60 },
    );
  });
});
