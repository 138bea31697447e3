/** Signatures in the form that scripts hold (BIP66's strict DER), from and to their 64 bytes. */
import { decode, encode } from "bitcoinjs-lib/src/script_signature";

/** The signature is for all inputs and all outputs: the only kind that is ever made or taken here. */
export const SIGHASH_ALL = 1;

/** The DER form of 64 bytes. */
export function encodeDer(signature: Uint8Array): Uint8Array {
  // The library's encoder ends with the kind of signature, as a script has it.
  return encode(signature, SIGHASH_ALL).subarray(0, -1);
}

/** The 64 bytes of a DER form; nothing if it is not the strict form. */
export function decodeDer(der: Uint8Array): Uint8Array | undefined {
  return decodeScriptSignature(Uint8Array.of(...der.subarray(0, 80), SIGHASH_ALL));
}

/** As a script has it: DER, then the byte that says it signs everything. */
export function encodeScriptSignature(signature: Uint8Array): Uint8Array {
  return encode(signature, SIGHASH_ALL);
}

/** The 64 bytes of a signature out of a script; nothing if it is malformed or does not sign everything. */
export function decodeScriptSignature(bytes: Uint8Array): Uint8Array | undefined {
  if (bytes[bytes.length - 1] !== SIGHASH_ALL) return undefined;
  try {
    const { signature } = decode(bytes);
    return signature;
  } catch {
    // Whatever the library says is wrong with it: it is no signature.
    return undefined;
  }
}
