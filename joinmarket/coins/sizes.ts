/** How large a transaction will be and what it will cost, before there is a signature. */
import { compactSizeLength } from "../../bitcoin/codec.ts";
import { outOfRange } from "../../bitcoin/errors.ts";
import { feeSat } from "../../bitcoin/fee.ts";

/** What an input spends; a bond is a p2wsh with its own script. */
export type InputKind = "p2wpkh" | "p2sh-p2wpkh" | "p2pkh" | "bond";

interface PartBytes {
  readonly witness: number;
  readonly other: number;
}

/** Each with the longest signature that a signer of ours makes (72 bytes) and the longest bond script. */
const INPUT_BYTES: Readonly<Record<InputKind, PartBytes>> = {
  p2wpkh: { witness: 108, other: 41 },
  "p2sh-p2wpkh": { witness: 108, other: 64 },
  p2pkh: { witness: 0, other: 148 },
  // joinmarket-clientserver counts 116; a bond after January 2038 needs two more.
  bond: { witness: 118, other: 41 },
};

/** Version and locktime. */
const FRAME_BYTES = 8;
const WITNESS_MARK_BYTES = 2;
const AMOUNT_BYTES = 8;

/**
 * The virtual size of a transaction with these inputs, paying to scripts of these lengths. Equal to what
 * joinmarket-clientserver estimates, up to 252 inputs and outputs, where its fixed ten bytes no longer suffice.
 */
export function estimateSizeVb(
  inputs: readonly InputKind[],
  outputScripts: readonly { readonly length: number }[],
): number {
  let other = FRAME_BYTES + compactSizeLength(inputs.length) + compactSizeLength(outputScripts.length);
  for (const { length } of outputScripts) other += AMOUNT_BYTES + compactSizeLength(length) + length;
  let witness = 0;
  for (const kind of inputs) {
    other += INPUT_BYTES[kind].other;
    witness += INPUT_BYTES[kind].witness;
  }
  if (witness > 0) {
    // Beside segwit inputs any other says in one byte that it has no witness.
    witness += WITNESS_MARK_BYTES + inputs.filter((kind) => INPUT_BYTES[kind].witness === 0).length;
  }
  return Math.ceil(other + witness / 4);
}

/** The lengths of the scripts that addresses of these kinds stand for, for estimates before the address is known. */
export const SCRIPT_LENGTH = Object.freeze({
  p2wpkh: { length: 22 },
  p2sh: { length: 23 },
  p2pkh: { length: 25 },
  p2wsh: { length: 34 },
  p2tr: { length: 34 },
});

/** The fee of so many virtual bytes, rounded up: rounded down it may be one satoshi below what nodes relay. */
export function feeOfSizeSat(sizeVb: number, feerateSatPerKvb: number): number {
  if (!Number.isFinite(feerateSatPerKvb) || feerateSatPerKvb < 0) {
    throw outOfRange(`${feerateSatPerKvb} is not a feerate`);
  }
  return Number(feeSat(sizeVb, BigInt(Math.ceil(feerateSatPerKvb))));
}
