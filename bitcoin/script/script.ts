/** Scripts as bytes: reading their instructions, printing them, and building the forms that people pay to. */
import { bytesToHex, concatBytes } from "../bytes.ts";
import { outOfRange } from "../errors.ts";
import {
  OP_0,
  OP_1,
  OP_1NEGATE,
  OP_16,
  OP_CHECKMULTISIG,
  OP_CHECKSIG,
  OP_DUP,
  OP_EQUAL,
  OP_EQUALVERIFY,
  OP_HASH160,
  OP_PUSHDATA1,
  OP_PUSHDATA2,
  OP_PUSHDATA4,
  OP_RETURN,
  opcodeName,
} from "./opcodes.ts";

/** Consensus refuses to spend a longer script, so no output with one is ever spent. */
export const MAX_SCRIPT_LENGTH_BYTES = 10_000;
/** Consensus limit of OP_CHECKMULTISIG. */
export const MAX_MULTISIG_KEYS = 20;

export interface Instruction {
  readonly opcode: number;
  /** The bytes pushed; nothing for an operation that pushes none. A view of the script. */
  readonly data: Uint8Array | undefined;
  /** Where the next instruction begins. */
  readonly end: number;
}

/** The instructions one after another; the last is "truncated" if a push runs over the end of the script. */
export function* instructions(script: Uint8Array): Generator<Instruction | "truncated", void> {
  let offset = 0;
  while (offset < script.length) {
    const opcode = script[offset] as number;
    offset += 1;
    if (opcode > OP_PUSHDATA4) {
      yield { opcode, data: undefined, end: offset };
      continue;
    }
    const lengthBytes = opcode < OP_PUSHDATA1 ? 0 : 1 << (opcode - OP_PUSHDATA1);
    if (offset + lengthBytes > script.length) return yield "truncated";
    const dataLength = opcode < OP_PUSHDATA1 ? opcode : littleEndian(script, offset, lengthBytes);
    const start = offset + lengthBytes;
    if (start + dataLength > script.length) return yield "truncated";
    offset = start + dataLength;
    yield { opcode, data: script.subarray(start, offset), end: offset };
  }
}

/** True if every instruction only pushes; OP_RESERVED counts as a push, as in Bitcoin Core. */
export function isPushOnly(script: Uint8Array): boolean {
  for (const instruction of instructions(script)) {
    if (instruction === "truncated" || instruction.opcode > OP_16) return false;
  }
  return true;
}

/** True if no coin on this script can ever be spent. */
export function isUnspendable(script: Uint8Array): boolean {
  return script[0] === OP_RETURN || script.length > MAX_SCRIPT_LENGTH_BYTES;
}

/** The script in words, exactly as Bitcoin Core prints `scriptPubKey.asm`. */
export function scriptAsm(script: Uint8Array): string {
  const words: string[] = [];
  for (const instruction of instructions(script)) {
    if (instruction === "truncated") words.push("[error]");
    else if (instruction.data === undefined) words.push(opcodeName(instruction.opcode));
    else if (instruction.data.length <= 4) words.push(String(scriptNumber(instruction.data)));
    else words.push(bytesToHex(instruction.data));
  }
  return words.join(" ");
}

/** A number as scripts write it: little-endian, the top bit of the last byte is the sign. At most six bytes. */
export function scriptNumber(bytes: Uint8Array): number {
  if (bytes.length > 6) throw outOfRange("a script number of more than six bytes");
  if (bytes.length === 0) return 0;
  const last = bytes[bytes.length - 1] as number;
  const magnitude = littleEndian(bytes, 0, bytes.length - 1) + (last & 0x7f) * 256 ** (bytes.length - 1);
  return magnitude !== 0 && (last & 0x80) !== 0 ? -magnitude : magnitude;
}

/** The shortest bytes of a number as scripts write it. */
export function scriptNumberBytes(value: number): Uint8Array {
  if (!Number.isSafeInteger(value)) throw outOfRange(`${value} is not a whole number`);
  const bytes: number[] = [];
  for (let rest = Math.abs(value); rest > 0; rest = Math.floor(rest / 256)) bytes.push(rest % 256);
  const last = bytes.length - 1;
  const sign = value < 0 ? 0x80 : 0;
  if (last >= 0 && ((bytes[last] as number) & 0x80) !== 0) bytes.push(sign);
  else if (last >= 0) bytes[last] = (bytes[last] as number) | sign;
  return Uint8Array.from(bytes);
}

/** An operation by its number, or bytes to push. */
export type ScriptPart = number | Uint8Array;

export function compileScript(parts: readonly ScriptPart[]): Uint8Array {
  return concatBytes(
    ...parts.map((part) => (typeof part === "number" ? Uint8Array.of(part) : pushBytes(part))),
  );
}

/** Pushes exactly these bytes with the shortest length prefix (a single byte stays a byte, it does not become OP_n). */
export function pushBytes(data: Uint8Array): Uint8Array {
  return concatBytes(pushPrefix(data.length), data);
}

/** Pushes a number the shortest way, OP_n included: the height at the start of a coinbase (BIP34), multisig counts. */
export function pushNumber(value: number): Uint8Array {
  if (value === 0) return Uint8Array.of(OP_0);
  if (value === -1) return Uint8Array.of(OP_1NEGATE);
  if (value >= 1 && value <= 16) return Uint8Array.of(OP_1 + value - 1);
  return pushBytes(scriptNumberBytes(value));
}

export function p2pkhScript(keyHash: Uint8Array): Uint8Array {
  checkLength(keyHash, 20, "a public key hash");
  return compileScript([OP_DUP, OP_HASH160, keyHash, OP_EQUALVERIFY, OP_CHECKSIG]);
}

export function p2shScript(scriptHash: Uint8Array): Uint8Array {
  checkLength(scriptHash, 20, "a script hash");
  return compileScript([OP_HASH160, scriptHash, OP_EQUAL]);
}

export function p2wpkhScript(keyHash: Uint8Array): Uint8Array {
  checkLength(keyHash, 20, "a public key hash");
  return witnessScript(0, keyHash);
}

export function p2wshScript(scriptHash: Uint8Array): Uint8Array {
  checkLength(scriptHash, 32, "a witness script hash");
  return witnessScript(0, scriptHash);
}

/** Pays to a taproot output key, which is already tweaked. */
export function p2trScript(outputKey: Uint8Array): Uint8Array {
  checkLength(outputKey, 32, "a taproot output key");
  return witnessScript(1, outputKey);
}

export function p2pkScript(publicKey: Uint8Array): Uint8Array {
  if (!isPublicKeyLength(publicKey)) throw outOfRange("a public key has 33 or 65 bytes");
  return compileScript([publicKey, OP_CHECKSIG]);
}

/** Any `required` of the keys may spend, in the order given. */
export function multisigScript(required: number, publicKeys: readonly Uint8Array[]): Uint8Array {
  const isPossible =
    Number.isInteger(required) &&
    required >= 1 &&
    required <= publicKeys.length &&
    publicKeys.length <= MAX_MULTISIG_KEYS;
  if (!isPossible) throw outOfRange(`${required} of ${publicKeys.length} keys`);
  if (!publicKeys.every(isPublicKeyLength)) throw outOfRange("a public key has 33 or 65 bytes");
  return concatBytes(
    pushNumber(required),
    compileScript(publicKeys),
    pushNumber(publicKeys.length),
    Uint8Array.of(OP_CHECKMULTISIG),
  );
}

/** An output that holds data and can never be spent. */
export function opReturnScript(data: Uint8Array): Uint8Array {
  return compileScript([OP_RETURN, data]);
}

/** A witness program of any version, future ones included (BIP141). */
export function witnessScript(version: number, program: Uint8Array): Uint8Array {
  if (!Number.isInteger(version) || version < 0 || version > 16)
    throw outOfRange(`witness version ${version}`);
  if (program.length < 2 || program.length > 40) throw outOfRange("a witness program has 2 to 40 bytes");
  return concatBytes(pushNumber(version), pushBytes(program));
}

/** True if the first byte announces a public key of just this length (nothing is said of the point). */
export function isPublicKeyLength(bytes: Uint8Array): boolean {
  const first = bytes[0];
  if (first === 2 || first === 3) return bytes.length === 33;
  return (first === 4 || first === 6 || first === 7) && bytes.length === 65;
}

function pushPrefix(lengthBytes: number): Uint8Array {
  if (lengthBytes < OP_PUSHDATA1) return Uint8Array.of(lengthBytes);
  if (lengthBytes <= 0xff) return Uint8Array.of(OP_PUSHDATA1, lengthBytes);
  const prefix = Buffer.alloc(lengthBytes <= 0xffff ? 3 : 5);
  prefix[0] = lengthBytes <= 0xffff ? OP_PUSHDATA2 : OP_PUSHDATA4;
  prefix.writeUIntLE(lengthBytes, 1, prefix.length - 1);
  return prefix;
}

function littleEndian(bytes: Uint8Array, start: number, lengthBytes: number): number {
  let value = 0;
  for (let i = lengthBytes - 1; i >= 0; i--) value = value * 256 + (bytes[start + i] as number);
  return value;
}

function checkLength(bytes: Uint8Array, lengthBytes: number, what: string): void {
  if (bytes.length !== lengthBytes) throw outOfRange(`${what} has ${lengthBytes} bytes, not ${bytes.length}`);
}
