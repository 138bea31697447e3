/** Signed messages: JoinMarket's own (DER), and those that people show for an address (65 bytes, BIP137, BIP322). */
import { base64ToBytes, concatBytes, equalBytes, txidToBytes } from "../bytes.ts";
import { Writer } from "../codec.ts";
import { notSigned } from "../errors.ts";
import { hash160, sha256d, taggedHash } from "../hash.ts";
import { publicKeyOf, recoverPublicKey, signHash, signRecoverably, verifyHash } from "../keys/curve.ts";
import { type KeyScriptKind, keyScript } from "../keys/key-script.ts";
import { OP_0, OP_RETURN } from "../script/opcodes.ts";
import { compileScript, p2pkhScript } from "../script/script.ts";
import { NULL_INDEX, type Transaction, txidOf } from "../transaction.ts";
import { decodeDer, encodeDer } from "./der.ts";
import { isInputSigned, signInputs } from "./inputs.ts";
import { parseWitness, serializeWitness } from "./witness-stack.ts";

/**
 * legacy: 65 bytes whose first says "p2pkh" whatever the address is, as joinmarket-clientserver and Bitcoin Core
 * write it. bip137: the same with the true kind of address. bip322: the witness of a transaction that cannot exist;
 * for p2wpkh only.
 */
export type MessageFormat = "legacy" | "bip137" | "bip322";

const MAGIC = Buffer.from("\x18Bitcoin Signed Message:\n", "latin1");
const COMPACT_LENGTH_BYTES = 65;
const SIMPLE_PREFIX = "smp";
/** A witness of signature and key takes 150 letters; nothing much longer is even looked at. */
const SIGNATURE_TEXT_LENGTH_MAX = 1_000;

/** BIP137's first byte for a recovery id of 0: what kind of address follows it. */
const HEADER_UNCOMPRESSED = 27;
const HEADERS: Readonly<Record<KeyScriptKind, number>> = { p2pkh: 31, "p2sh-p2wpkh": 35, p2wpkh: 39 };
const HEADER_END = 43;

/** The hash that is signed for a message. */
export function messageHash(message: Uint8Array): Uint8Array {
  return sha256d(
    new Writer(message.length + 40).bytes(MAGIC).compactSize(message.length).bytes(message).finish(),
  );
}

/** A signature in DER, as JoinMarket's protocol has them: of nicks, of coins' keys and of bonds. */
export function signMessageDer(message: Uint8Array, privateKey: Uint8Array): Uint8Array {
  return encodeDer(signHash(messageHash(message), privateKey));
}

/** Both halves of the order are taken: signers before 2015 did not choose. */
export function verifyMessageDer(message: Uint8Array, der: Uint8Array, publicKey: Uint8Array): boolean {
  const signature = decodeDer(der);
  return signature !== undefined && verifyHash(messageHash(message), publicKey, signature, false);
}

/** A message signed for the address that a key has in this kind of script. */
export function signMessage(
  message: Uint8Array,
  privateKey: Uint8Array,
  kind: KeyScriptKind,
  format: MessageFormat,
): string {
  if (format === "bip322") return signSimple(message, privateKey, kind);
  const { signature, recoveryId } = signRecoverably(messageHash(message), privateKey);
  const header = HEADERS[format === "bip137" ? kind : "p2pkh"] + recoveryId;
  return Buffer.from(concatBytes(Uint8Array.of(header), signature)).toString("base64");
}

/** Whether a signature, in any of the three formats, is by the key that a script pays to. */
export function verifyMessage(message: Uint8Array, signatureText: string, script: Uint8Array): boolean {
  if (signatureText.length > SIGNATURE_TEXT_LENGTH_MAX) return false;
  const isSimple = signatureText.startsWith(SIMPLE_PREFIX);
  const bytes = base64ToBytes(isSimple ? signatureText.slice(SIMPLE_PREFIX.length) : signatureText);
  if (bytes === undefined) return false;
  // Wallets before BIP322 was finished wrote no prefix; no witness of ours has the length of the old form.
  if (isSimple || bytes.length !== COMPACT_LENGTH_BYTES) return verifySimple(message, bytes, script);
  return verifyCompact(message, bytes, script);
}

/** BIP322's two transactions: one pays nothing to the script out of nowhere, the other spends it to nobody. */
export function simpleTransactions(
  message: Uint8Array,
  script: Uint8Array,
): { readonly toSpend: Transaction; readonly toSign: Transaction } {
  const toSpend: Transaction = {
    version: 0,
    inputs: [
      {
        previousTxidBytes: new Uint8Array(32),
        previousIndex: NULL_INDEX,
        scriptSig: compileScript([OP_0, taggedHash("BIP0322-signed-message", message)]),
        sequence: 0,
        witness: [],
      },
    ],
    outputs: [{ amountSat: 0n, scriptPubKey: script }],
    locktime: 0,
  };
  const toSign: Transaction = {
    version: 0,
    inputs: [
      {
        previousTxidBytes: txidToBytes(txidOf(toSpend)),
        previousIndex: 0,
        scriptSig: new Uint8Array(0),
        sequence: 0,
        witness: [],
      },
    ],
    outputs: [{ amountSat: 0n, scriptPubKey: Uint8Array.of(OP_RETURN) }],
    locktime: 0,
  };
  return { toSpend, toSign };
}

function signSimple(message: Uint8Array, privateKey: Uint8Array, kind: KeyScriptKind): string {
  if (kind !== "p2wpkh") throw notSigned(0, "BIP322's simple form is for native segwit addresses");
  const spent = { amountSat: 0n, scriptPubKey: keyScript(publicKeyOf(privateKey), kind) };
  const { toSign } = simpleTransactions(message, spent.scriptPubKey);
  const [signed] = signInputs(toSign, [{ index: 0, spent, privateKey }]);
  return `${SIMPLE_PREFIX}${Buffer.from(serializeWitness(signed?.witness ?? [])).toString("base64")}`;
}

function verifySimple(message: Uint8Array, bytes: Uint8Array, script: Uint8Array): boolean {
  const witness = witnessOrNothing(bytes);
  const { toSign } = simpleTransactions(message, script);
  const [input] = toSign.inputs;
  if (witness === undefined || input === undefined) return false;
  const signed = { ...toSign, inputs: [{ ...input, witness }] };
  return isInputSigned(signed, 0, { amountSat: 0n, scriptPubKey: script });
}

function witnessOrNothing(bytes: Uint8Array): readonly Uint8Array[] | undefined {
  try {
    return parseWitness(bytes);
  } catch {
    // Cut short or with bytes left over: it is no witness.
    return undefined;
  }
}

function verifyCompact(message: Uint8Array, bytes: Uint8Array, script: Uint8Array): boolean {
  const header = bytes[0] ?? 0;
  if (header < HEADER_UNCOMPRESSED || header >= HEADER_END) return false;
  const isCompressed = header >= HEADERS.p2pkh;
  const recoveryId = (header - HEADER_UNCOMPRESSED) % 4;
  const publicKey = recoverPublicKey(messageHash(message), bytes.subarray(1), recoveryId, isCompressed);
  if (publicKey === undefined) return false;
  if (!isCompressed) return equalBytes(p2pkhScript(hash160(publicKey)), script);
  const isOfKind = (kind: KeyScriptKind) => equalBytes(keyScript(publicKey, kind), script);
  if (header >= HEADERS.p2wpkh) return isOfKind("p2wpkh");
  if (header >= HEADERS["p2sh-p2wpkh"]) return isOfKind("p2sh-p2wpkh");
  // The old header stands for every kind of address, as signers did not know better ones.
  return isOfKind("p2pkh") || isOfKind("p2sh-p2wpkh") || isOfKind("p2wpkh");
}
