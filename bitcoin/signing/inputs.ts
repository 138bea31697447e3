/** Signs and checks inputs of transactions: p2wpkh, the same inside p2sh, p2pkh, and timelocked p2wsh. Always for all inputs and outputs. */
import { Transaction as LibraryTransaction } from "bitcoinjs-lib/src/transaction";
import { concatBytes, equalBytes } from "../bytes.ts";
import { notSigned } from "../errors.ts";
import { hash160, sha256 } from "../hash.ts";
import { isPublicKey, publicKeyOf, signHash, verifyHash } from "../keys/curve.ts";
import { instructions, p2pkhScript, p2shScript, p2wpkhScript, pushBytes } from "../script/script.ts";
import { classifyScript } from "../script/script-type.ts";
import { parseTimelockScript } from "../script/timelock.ts";
import {
  FINAL_SEQUENCE,
  serializeStripped,
  type Transaction,
  type TransactionOutput,
} from "../transaction.ts";
import { decodeScriptSignature, encodeScriptSignature, SIGHASH_ALL } from "./der.ts";

/** What signs one input. The coin is from the signer's own records, never from who asks for the signature. */
export interface InputKey {
  readonly index: number;
  readonly spent: TransactionOutput;
  readonly privateKey: Uint8Array;
  /** Of a p2wsh coin. */
  readonly witnessScript?: Uint8Array;
}

export interface SignedInput {
  readonly index: number;
  readonly publicKey: Uint8Array;
  /** DER and the byte for "all". */
  readonly signature: Uint8Array;
  readonly scriptSig: Uint8Array;
  readonly witness: readonly Uint8Array[];
}

/** How a coin is opened by one key: by which script the hash is made, and where signature and key stand. */
interface Lock {
  readonly scriptCode: Uint8Array;
  readonly isSegwit: boolean;
  readonly scriptSig: (signature: Uint8Array) => Uint8Array;
  readonly witness: (signature: Uint8Array) => readonly Uint8Array[];
}

const NO_BYTES = new Uint8Array(0);

/** Signs inputs of one transaction. Refuses as a whole, with nothing signed, if any of them is not to be signed. */
export function signInputs(transaction: Transaction, keys: readonly InputKey[]): readonly SignedInput[] {
  const seen = new Set<number>();
  if (transaction.outputs.some(({ amountSat }) => !isAmount(amountSat))) {
    throw notSigned(keys[0]?.index ?? 0, "an output has an impossible amount");
  }
  const prepared = keys.map((key) => {
    if (seen.has(key.index)) throw notSigned(key.index, "it is named twice");
    seen.add(key.index);
    const publicKey = publicKeyOf(key.privateKey);
    return { key, publicKey, lock: openedBy(transaction, key, publicKey) };
  });
  const hasher = hasherOf(transaction);
  return prepared.map(({ key, publicKey, lock }) => {
    const hash = hasher(key.index, lock, key.spent);
    const bytes = signHash(hash, key.privateKey);
    // A fault in memory or arithmetic would give away the key with the wrong signature.
    if (!verifyHash(hash, publicKey, bytes, true)) throw notSigned(key.index, "the signature does not hold");
    const signature = encodeScriptSignature(bytes);
    return {
      index: key.index,
      publicKey,
      signature,
      scriptSig: lock.scriptSig(signature),
      witness: lock.witness(signature),
    };
  });
}

/** The transaction with these inputs signed, the others as they were. */
export function withSignedInputs(
  transaction: Transaction,
  signed: readonly Pick<SignedInput, "index" | "scriptSig" | "witness">[],
): Transaction {
  const byIndex = new Map(signed.map((input) => [input.index, input]));
  const inputs = transaction.inputs.map((input, index) => {
    const { scriptSig, witness } = byIndex.get(index) ?? input;
    return { ...input, scriptSig, witness };
  });
  return { ...transaction, inputs };
}

/** One input's signature and key put where the coin's script wants them; nothing if they do not open the coin. */
export function assembleInput(
  transaction: Transaction,
  index: number,
  spent: TransactionOutput,
  by: { readonly publicKey: Uint8Array; readonly signature: Uint8Array; readonly witnessScript?: Uint8Array },
): SignedInput | undefined {
  const { publicKey, signature, witnessScript } = by;
  const lock = isPublicKey(publicKey) ? lockOf(spent.scriptPubKey, publicKey, witnessScript) : undefined;
  if (lock === undefined) return undefined;
  const signed = {
    index,
    publicKey,
    signature,
    scriptSig: lock.scriptSig(signature),
    witness: lock.witness(signature),
  };
  return isInputSigned(withSignedInputs(transaction, [signed]), index, spent) ? signed : undefined;
}

/**
 * Whether an input is signed so that every node takes it: the script's own rules, and those by which nodes relay.
 * False for any kind of coin that is not signed here.
 */
export function isInputSigned(transaction: Transaction, index: number, spent: TransactionOutput): boolean {
  const input = transaction.inputs[index];
  const amounts = [spent, ...transaction.outputs].map(({ amountSat }) => amountSat);
  if (input === undefined || !amounts.every(isAmount)) return false;
  const [signature, second] = input.witness.length > 0 ? input.witness : pushesOf(input.scriptSig);
  const bytes = signature === undefined ? undefined : decodeScriptSignature(signature);
  if (signature === undefined || second === undefined || bytes === undefined) return false;
  const timelock =
    classifyScript(spent.scriptPubKey).type === "p2wsh" ? parseTimelockScript(second) : undefined;
  const publicKey = timelock?.publicKey ?? second;
  if (!isPublicKey(publicKey)) return false;
  const lock = lockOf(spent.scriptPubKey, publicKey, timelock === undefined ? undefined : second);
  if (lock === undefined || (timelock !== undefined && !isUnlocked(transaction, index, timelock.locktime))) {
    return false;
  }
  return (
    equalBytes(lock.scriptSig(signature), input.scriptSig) &&
    isSameStack(lock.witness(signature), input.witness) &&
    verifyHash(hasherOf(transaction)(index, lock, spent), publicKey, bytes, true)
  );
}

function openedBy(transaction: Transaction, key: InputKey, publicKey: Uint8Array): Lock {
  const { index, spent, witnessScript } = key;
  if (transaction.inputs[index] === undefined) throw notSigned(index, "the transaction has no such input");
  if (!isAmount(spent.amountSat)) throw notSigned(index, "the coin has an impossible amount");
  const lock = lockOf(spent.scriptPubKey, publicKey, witnessScript);
  if (lock === undefined) throw notSigned(index, "the key does not open this coin");
  const locktime = witnessScript === undefined ? undefined : parseTimelockScript(witnessScript)?.locktime;
  if (locktime !== undefined && !isUnlocked(transaction, index, locktime)) {
    throw notSigned(index, "the transaction's own locktime is before the coin's, or void");
  }
  return lock;
}

/** How a key opens a coin; nothing if it does not. */
function lockOf(script: Uint8Array, publicKey: Uint8Array, witnessScript?: Uint8Array): Lock | undefined {
  const keyHash = hash160(publicKey);
  const kind = classifyScript(script);
  const nested = p2wpkhScript(keyHash);
  switch (kind.type) {
    case "p2wpkh":
      return equalBytes(script, nested) ? keyLock(keyHash, publicKey, NO_BYTES) : undefined;
    case "p2sh":
      return equalBytes(script, p2shScript(hash160(nested)))
        ? keyLock(keyHash, publicKey, pushBytes(nested))
        : undefined;
    case "p2pkh":
      return equalBytes(kind.keyHash, keyHash) ? oldLock(script, publicKey) : undefined;
    case "p2wsh":
      return equalBytes(kind.scriptHash, sha256(witnessScript ?? NO_BYTES))
        ? timelockLock(witnessScript ?? NO_BYTES, publicKey)
        : undefined;
    default:
      return undefined;
  }
}

function keyLock(keyHash: Uint8Array, publicKey: Uint8Array, scriptSig: Uint8Array): Lock {
  return {
    scriptCode: p2pkhScript(keyHash),
    isSegwit: true,
    scriptSig: () => scriptSig,
    witness: (signature) => [signature, publicKey],
  };
}

function oldLock(script: Uint8Array, publicKey: Uint8Array): Lock {
  return {
    scriptCode: script,
    isSegwit: false,
    scriptSig: (signature) => concatBytes(pushBytes(signature), pushBytes(publicKey)),
    witness: () => [],
  };
}

function timelockLock(witnessScript: Uint8Array, publicKey: Uint8Array): Lock | undefined {
  const terms = parseTimelockScript(witnessScript);
  if (terms === undefined || !equalBytes(terms.publicKey, publicKey)) return undefined;
  return {
    scriptCode: witnessScript,
    isSegwit: true,
    scriptSig: () => NO_BYTES,
    witness: (signature) => [signature, witnessScript],
  };
}

/** BIP65: the transaction's locktime is a time too and not before the coin's, and the input does not make it void. */
function isUnlocked(transaction: Transaction, index: number, locktime: number): boolean {
  return transaction.locktime >= locktime && transaction.inputs[index]?.sequence !== FINAL_SEQUENCE;
}

/** What is signed: BIP143's hash for segwit coins, the old one for others. */
function hasherOf(transaction: Transaction) {
  const parsed = LibraryTransaction.fromBuffer(serializeStripped(transaction));
  return (index: number, { scriptCode, isSegwit }: Lock, { amountSat }: TransactionOutput): Uint8Array =>
    isSegwit
      ? parsed.hashForWitnessV0(index, scriptCode, amountSat, SIGHASH_ALL)
      : parsed.hashForSignature(index, scriptCode, SIGHASH_ALL);
}

/** The two pushes of an old input. */
function pushesOf(scriptSig: Uint8Array): readonly Uint8Array[] {
  const pushes: Uint8Array[] = [];
  for (const instruction of instructions(scriptSig)) {
    if (instruction === "truncated" || instruction.data === undefined || pushes.length === 2) return [];
    pushes.push(instruction.data);
  }
  return pushes;
}

function isSameStack(a: readonly Uint8Array[], b: readonly Uint8Array[]): boolean {
  return a.length === b.length && a.every((item, i) => equalBytes(item, b[i] ?? NO_BYTES));
}

function isAmount(amountSat: bigint): boolean {
  return amountSat >= 0n && amountSat <= BigInt(Number.MAX_SAFE_INTEGER);
}
