/** The curve of all keys, secp256k1: the only door to the library that reckons on it. */
import * as library from "tiny-secp256k1";
import { badKey, outOfRange } from "../errors.ts";

/** How many private keys there are, plus one: scalars are numbers modulo this. */
export const CURVE_ORDER = 0xffff_ffff_ffff_ffff_ffff_ffff_ffff_fffe_baae_dce6_af48_a03b_bfd2_5e8c_d036_4141n;

const NO_PRIVATE_KEY = "a private key is 32 bytes, a number from 1 to the curve's order";

/** What `bip32` and `ecpair` reckon with. */
export const curveLibrary = library;

/** True for 32 bytes that are a number between 1 and the order less one. */
export function isPrivateKey(bytes: Uint8Array): boolean {
  return library.isPrivate(bytes);
}

/** True for the 33 bytes of a point on the curve. Uncompressed keys are not used by any script we spend. */
export function isPublicKey(bytes: Uint8Array): boolean {
  return library.isPointCompressed(bytes);
}

/** The public key, in its 33 bytes, of a private key. */
export function publicKeyOf(privateKey: Uint8Array): Uint8Array {
  const publicKey = isPrivateKey(privateKey) ? library.pointFromScalar(privateKey, true) : null;
  if (publicKey === null) throw badKey(NO_PRIVATE_KEY);
  return publicKey;
}

/** A point so many times added to itself; nothing if that is the point at infinity (a scalar of zero). */
export function multiplyPoint(point: Uint8Array, scalar: bigint): Uint8Array | undefined {
  checkPoint(point);
  return library.pointMultiply(point, scalarToBytes(scalar), true) ?? undefined;
}

/** The sum of two points; nothing if one is the other's opposite. */
export function addPoints(a: Uint8Array, b: Uint8Array): Uint8Array | undefined {
  checkPoint(a);
  checkPoint(b);
  return library.pointAdd(a, b, true) ?? undefined;
}

/** The 32 bytes of a number below the curve's order, most significant first. */
export function scalarToBytes(scalar: bigint): Uint8Array {
  if (scalar < 0n || scalar >= CURVE_ORDER) throw outOfRange("a scalar is below the curve's order");
  return Buffer.from(scalar.toString(16).padStart(64, "0"), "hex");
}

/** The number that bytes spell, most significant first. */
export function scalarFromBytes(bytes: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(bytes).toString("hex") || "0"}`);
}

/** A signature of a hash, 64 bytes: deterministic (RFC 6979), its second half in the lower half of the order. */
export function signHash(hash: Uint8Array, privateKey: Uint8Array): Uint8Array {
  if (!isPrivateKey(privateKey)) throw badKey(NO_PRIVATE_KEY);
  return library.sign(hash, privateKey);
}

/** The same with what it takes to find the public key by the signature: a number from 0 to 3. */
export function signRecoverably(
  hash: Uint8Array,
  privateKey: Uint8Array,
): { readonly signature: Uint8Array; readonly recoveryId: number } {
  if (!isPrivateKey(privateKey)) throw badKey(NO_PRIVATE_KEY);
  return library.signRecoverable(hash, privateKey);
}

/** Whether a signature of 64 bytes holds. Nodes relay only the lower of the two second halves that do. */
export function verifyHash(
  hash: Uint8Array,
  publicKey: Uint8Array,
  signature: Uint8Array,
  mustBeLow: boolean,
): boolean {
  try {
    return isPublicKey(publicKey) && library.verify(hash, publicKey, signature, mustBeLow);
  } catch {
    // The library throws for numbers that no signature has, such as one above the order.
    return false;
  }
}

/** The public key that made a recoverable signature; nothing if none could have. */
export function recoverPublicKey(
  hash: Uint8Array,
  signature: Uint8Array,
  recoveryId: number,
  isCompressed: boolean,
): Uint8Array | undefined {
  if (recoveryId !== 0 && recoveryId !== 1 && recoveryId !== 2 && recoveryId !== 3) return undefined;
  try {
    return library.recover(hash, signature, recoveryId, isCompressed) ?? undefined;
  } catch {
    // As above: numbers that no signature has.
    return undefined;
  }
}

function checkPoint(point: Uint8Array): void {
  if (!isPublicKey(point)) throw badKey("a public key is 33 bytes, a point on the curve");
}
