/** The script of a fidelity bond: one key may spend it, and only after a time. */
import { equalBytes } from "../../bitcoin/bytes.ts";
import { sha256 } from "../../bitcoin/hash.ts";
import { isPublicKey } from "../../bitcoin/keys/curve.ts";
import { OP_CHECKLOCKTIMEVERIFY, OP_CHECKSIG, OP_DROP } from "../../bitcoin/script/opcodes.ts";
import {
  compileScript,
  instructions,
  p2wshScript,
  scriptNumber,
  scriptNumberBytes,
} from "../../bitcoin/script/script.ts";

/** Below this a locktime is a height, from it on a time (BIP65 counts as the transaction's own field does). */
export const FIRST_TIME_LOCKTIME = 500_000_000;
const LOCKTIME_MAX = 0xffff_ffff;

export interface BondTerms {
  /** Seconds since 1970. */
  readonly locktime: number;
  readonly publicKey: Uint8Array;
}

/** `<locktime> OP_CHECKLOCKTIMEVERIFY OP_DROP <key> OP_CHECKSIG`. */
export function bondScript({ locktime, publicKey }: BondTerms): Uint8Array {
  return compileScript([
    scriptNumberBytes(locktime),
    OP_CHECKLOCKTIMEVERIFY,
    OP_DROP,
    publicKey,
    OP_CHECKSIG,
  ]);
}

/** The output script that pays to a bond. */
export function bondOutputScript(terms: BondTerms): Uint8Array {
  return p2wshScript(sha256(bondScript(terms)));
}

/** What a bond's script says; nothing for any other script, even one that means the same. */
export function parseBondScript(script: Uint8Array): BondTerms | undefined {
  const [time, , , key] = [...instructions(script)];
  if (time === undefined || time === "truncated" || key === undefined || key === "truncated")
    return undefined;
  if (time.data === undefined || time.data.length > 5 || key.data === undefined) return undefined;
  const terms = { locktime: scriptNumber(time.data), publicKey: Uint8Array.from(key.data) };
  const isTime = terms.locktime >= FIRST_TIME_LOCKTIME && terms.locktime <= LOCKTIME_MAX;
  if (!isTime || !isPublicKey(terms.publicKey)) return undefined;
  return equalBytes(bondScript(terms), script) ? terms : undefined;
}
