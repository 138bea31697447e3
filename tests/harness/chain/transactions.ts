/** Arbitrary transactions for property tests: any shape that the format can hold, sensible or not. */
import fc from "fast-check";
import type { Transaction } from "../../../bitcoin/transaction.ts";

const u32 = fc.nat(0xffff_ffff);
const script = fc.uint8Array({ maxLength: 40 });

export const anyTransaction: fc.Arbitrary<Transaction> = fc.record({
  version: u32,
  inputs: fc.array(
    fc.record({
      previousTxidBytes: fc.uint8Array({ minLength: 32, maxLength: 32 }),
      previousIndex: u32,
      scriptSig: script,
      sequence: u32,
      witness: fc.array(script, { maxLength: 3 }),
    }),
    { minLength: 1, maxLength: 4 },
  ),
  outputs: fc.array(
    fc.record({ amountSat: fc.bigInt({ min: -(1n << 63n), max: (1n << 63n) - 1n }), scriptPubKey: script }),
    { maxLength: 4 },
  ),
  locktime: u32,
});
