/** What kind of script an output pays to, decided as Bitcoin Core's `Solver` does. */
import {
  OP_0,
  OP_1,
  OP_16,
  OP_CHECKMULTISIG,
  OP_CHECKSIG,
  OP_DUP,
  OP_EQUAL,
  OP_EQUALVERIFY,
  OP_HASH160,
  OP_RETURN,
} from "./opcodes.ts";
import { instructions, isPublicKeyLength, isPushOnly, MAX_MULTISIG_KEYS, scriptNumber } from "./script.ts";

/** The kind, and the bytes that make this script one of it (views of the script). */
export type ScriptType =
  | { readonly type: "p2pkh"; readonly keyHash: Uint8Array }
  | { readonly type: "p2sh"; readonly scriptHash: Uint8Array }
  | { readonly type: "p2wpkh"; readonly keyHash: Uint8Array }
  | { readonly type: "p2wsh"; readonly scriptHash: Uint8Array }
  | { readonly type: "p2tr"; readonly outputKey: Uint8Array }
  /** Pay to anchor: anyone may spend it, made to bump fees. */
  | { readonly type: "p2a"; readonly program: Uint8Array }
  /** A witness version that has no meaning yet. */
  | { readonly type: "witness"; readonly version: number; readonly program: Uint8Array }
  | { readonly type: "p2pk"; readonly publicKey: Uint8Array }
  | { readonly type: "multisig"; readonly required: number; readonly publicKeys: readonly Uint8Array[] }
  | { readonly type: "op_return" }
  | { readonly type: "unknown" };

const UNKNOWN: ScriptType = Object.freeze({ type: "unknown" });
const DATA: ScriptType = Object.freeze({ type: "op_return" });

export function classifyScript(script: Uint8Array): ScriptType {
  if (isP2sh(script)) return { type: "p2sh", scriptHash: script.subarray(2, 22) };
  if (isWitnessProgram(script)) return witnessType(opNumber(script[0] as number), script.subarray(2));
  if (script[0] === OP_RETURN && isPushOnly(script.subarray(1))) return DATA;
  if (isP2pk(script)) return { type: "p2pk", publicKey: script.subarray(1, -1) };
  if (isP2pkh(script)) return { type: "p2pkh", keyHash: script.subarray(3, 23) };
  return multisigType(script) ?? UNKNOWN;
}

function isP2sh(script: Uint8Array): boolean {
  return script.length === 23 && script[0] === OP_HASH160 && script[1] === 20 && script[22] === OP_EQUAL;
}

function isP2pkh(script: Uint8Array): boolean {
  return (
    script.length === 25 &&
    script[0] === OP_DUP &&
    script[1] === OP_HASH160 &&
    script[2] === 20 &&
    script[23] === OP_EQUALVERIFY &&
    script[24] === OP_CHECKSIG
  );
}

function isP2pk(script: Uint8Array): boolean {
  return (
    (script.length === 35 || script.length === 67) &&
    script[0] === script.length - 2 &&
    script[script.length - 1] === OP_CHECKSIG &&
    isPublicKeyLength(script.subarray(1, -1))
  );
}

/** BIP141: a version, then one push of 2 to 40 bytes, then nothing. */
export function isWitnessProgram(script: Uint8Array): boolean {
  const first = script[0];
  const isVersion = first === OP_0 || (first !== undefined && first >= OP_1 && first <= OP_16);
  return isVersion && script.length >= 4 && script.length <= 42 && script[1] === script.length - 2;
}

function witnessType(version: number, program: Uint8Array): ScriptType {
  if (version === 0) {
    if (program.length === 20) return { type: "p2wpkh", keyHash: program };
    if (program.length === 32) return { type: "p2wsh", scriptHash: program };
    return UNKNOWN;
  }
  if (version === 1 && program.length === 32) return { type: "p2tr", outputKey: program };
  const isAnchor = version === 1 && program.length === 2 && program[0] === 0x4e && program[1] === 0x73;
  return isAnchor ? { type: "p2a", program } : { type: "witness", version, program };
}

function multisigType(script: Uint8Array): ScriptType | undefined {
  if (script[script.length - 1] !== OP_CHECKMULTISIG) return undefined;
  const publicKeys: Uint8Array[] = [];
  let required: number | undefined;
  for (const instruction of instructions(script)) {
    if (instruction === "truncated") return undefined;
    const { opcode, data, end } = instruction;
    if (required === undefined) {
      required = multisigCount(opcode, data);
      if (required === undefined) return undefined;
    } else if (data !== undefined && isPublicKeyLength(data)) {
      publicKeys.push(data);
    } else {
      const count = multisigCount(opcode, data);
      const isComplete = count === publicKeys.length && required <= count && end === script.length - 1;
      return isComplete ? { type: "multisig", required, publicKeys } : undefined;
    }
  }
  return undefined;
}

/** A count of 1 to 20, written the shortest way; nothing otherwise. */
function multisigCount(opcode: number, data: Uint8Array | undefined): number | undefined {
  if (data === undefined) return opcode >= OP_1 && opcode <= OP_16 ? opNumber(opcode) : undefined;
  if (data.length !== 1 || opcode !== 1) return undefined;
  const count = scriptNumber(data);
  return count > 16 && count <= MAX_MULTISIG_KEYS ? count : undefined;
}

function opNumber(opcode: number): number {
  return opcode === OP_0 ? 0 : opcode - OP_1 + 1;
}
