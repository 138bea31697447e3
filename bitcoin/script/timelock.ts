/** The script of a coin that one key may spend, and only after a time: JoinMarket's fidelity bonds. */
import { equalBytes } from "../bytes.ts";
import { sha256 } from "../hash.ts";
import { isPublicKey } from "../keys/curve.ts";
import { FIRST_TIME_LOCKTIME } from "../transaction.ts";
import { OP_CHECKLOCKTIMEVERIFY, OP_CHECKSIG, OP_DROP } from "./opcodes.ts";
import { compileScript, instructions, p2wshScript, scriptNumber, scriptNumberBytes } from "./script.ts";

const LOCKTIME_MAX = 0xffff_ffff;

export interface TimelockTerms {
  /** Seconds since 1970. */
  readonly locktime: number;
  readonly publicKey: Uint8Array;
}

/** `<locktime> OP_CHECKLOCKTIMEVERIFY OP_DROP <key> OP_CHECKSIG`. */
export function timelockScript({ locktime, publicKey }: TimelockTerms): Uint8Array {
  return compileScript([
    scriptNumberBytes(locktime),
    OP_CHECKLOCKTIMEVERIFY,
    OP_DROP,
    publicKey,
    OP_CHECKSIG,
  ]);
}

/** The output script that pays to it. */
export function timelockOutputScript(terms: TimelockTerms): Uint8Array {
  return p2wshScript(sha256(timelockScript(terms)));
}

/** What such a script says; nothing for any other script, even one that means the same. */
export function parseTimelockScript(script: Uint8Array): TimelockTerms | undefined {
  const [time, , , key] = [...instructions(script)];
  if (time === undefined || time === "truncated" || key === undefined || key === "truncated")
    return undefined;
  if (time.data === undefined || time.data.length > 5 || key.data === undefined) return undefined;
  const terms = { locktime: scriptNumber(time.data), publicKey: Uint8Array.from(key.data) };
  const isTime = terms.locktime >= FIRST_TIME_LOCKTIME && terms.locktime <= LOCKTIME_MAX;
  if (!isTime || !isPublicKey(terms.publicKey)) return undefined;
  return equalBytes(timelockScript(terms), script) ? terms : undefined;
}
