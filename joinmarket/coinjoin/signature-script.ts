/** A maker's `!sig`: signature and key of one input as a script, nested coins with their script; written and read. */

import { compileScript, instructions } from "../../bitcoin/script/script.ts";
import { isInputSigned, type SignedInput, withSignedInputs } from "../../bitcoin/signing/inputs.ts";
import type { Transaction, TransactionOutput } from "../../bitcoin/transaction.ts";

/** Two or three pushes of at most 73, 33 and 22 bytes: nothing longer is even looked at. */
const LENGTH_BYTES_MAX = 150;

/** The bytes that go, in base64, into `!sig`. */
export function signatureScript({ signature, publicKey, scriptSig }: SignedInput): Uint8Array {
  const [nested] = pushesOf(scriptSig) ?? [];
  return compileScript(nested === undefined ? [signature, publicKey] : [signature, publicKey, nested]);
}

/** An input of one maker that has no signature yet. */
export interface UnsignedInput {
  readonly index: number;
  readonly spent: TransactionOutput;
}

/**
 * The input that a `!sig` signs, with its signature; nothing if it signs none of these. Makers send them in any
 * order, so each is tried; whether a node will take it is judged in full.
 */
export function matchSignature(
  transaction: Transaction,
  bytes: Uint8Array,
  unsigned: readonly UnsignedInput[],
): SignedInput | undefined {
  const [signature, publicKey, nested, ...more] = pushesOf(bytes) ?? [];
  if (signature === undefined || publicKey === undefined || more.length > 0) return undefined;
  const scriptSig = nested === undefined ? new Uint8Array(0) : compileScript([nested]);
  for (const { index, spent } of unsigned) {
    const signed = { index, publicKey, signature, scriptSig, witness: [signature, publicKey] };
    if (isInputSigned(withSignedInputs(transaction, [signed]), index, spent)) return signed;
  }
  return undefined;
}

function pushesOf(bytes: Uint8Array): readonly Uint8Array[] | undefined {
  if (bytes.length > LENGTH_BYTES_MAX) return undefined;
  const pushes: Uint8Array[] = [];
  for (const instruction of instructions(bytes)) {
    if (instruction === "truncated" || instruction.data === undefined) return undefined;
    pushes.push(instruction.data);
  }
  return pushes;
}
