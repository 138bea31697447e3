/** A transaction that nobody could send, for tests that only look at its outputs. */
import { bytesToHex } from "../../../bitcoin/bytes.ts";
import { serializeTransaction } from "../../../bitcoin/transaction.ts";

/** In hex. */
export function rawTransactionWith(outputCount: number): string {
  return bytesToHex(
    serializeTransaction({
      version: 2,
      inputs: [
        {
          previousTxidBytes: new Uint8Array(32).fill(1),
          previousIndex: 0,
          scriptSig: new Uint8Array(0),
          sequence: 0,
          witness: [],
        },
      ],
      outputs: Array.from({ length: outputCount }, () => ({
        amountSat: 1n,
        scriptPubKey: new Uint8Array([0x51]),
      })),
      locktime: 0,
    }),
  );
}
