/** Outputs too small to be worth spending, which nodes do not relay: Bitcoin Core's `GetDustThreshold`. */
import { compactSizeLength } from "../codec.ts";
import { feeSat } from "../fee.ts";
import { isUnspendable } from "./script.ts";
import { isWitnessProgram } from "./script-type.ts";

/** Bitcoin Core's `-dustrelayfee`. */
export const DUST_FEERATE_SAT_PER_KVB = 3_000n;

/** An input that spends a witness output: outpoint, empty script, sequence, and 107 witness bytes at a quarter each. */
const WITNESS_INPUT_VB = 67;
/** An input that spends any other: the same with a signature and a key in the script. */
const PLAIN_INPUT_VB = 148;

/** The least amount this output may have: what it costs to make and to spend it; 0 if nobody can ever spend it. */
export function dustThresholdSat(script: Uint8Array, feerateSatPerKvb = DUST_FEERATE_SAT_PER_KVB): bigint {
  if (isUnspendable(script)) return 0n;
  const outputVb = 8 + compactSizeLength(script.length) + script.length;
  const inputVb = isWitnessProgram(script) ? WITNESS_INPUT_VB : PLAIN_INPUT_VB;
  return feeSat(outputVb + inputVb, feerateSatPerKvb);
}
