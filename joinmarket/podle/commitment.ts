/** A taker's commitment to a coin (PoDLE): proof that it owns one without saying which, until the maker has answered. */
import { createHmac } from "node:crypto";
import { bytesToHex, concatBytes, equalBytes, hexToBytes, type Txid } from "../../bitcoin/bytes.ts";
import { outOfRange } from "../../bitcoin/errors.ts";
import { sha256 } from "../../bitcoin/hash.ts";
import {
  addPoints,
  CURVE_ORDER,
  isPublicKey,
  multiplyPoint,
  publicKeyOf,
  scalarFromBytes,
  scalarToBytes,
} from "../../bitcoin/keys/curve.ts";

/** How often one coin may be shown: each time it is a new commitment, by another point. */
export const COMMITMENT_TRIES = 3;
const INDEX_MAX = 255;

const GENERATOR = "0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798";
const GENERATOR_LONG = `04${GENERATOR.slice(2)}483ada7726a3c4655da4fbfc0e1108a8fd17b448a68554199c47d08ffb10d4b8`;
const NONCE_TAG = "JoinMarket/PoDLE/nonce/v1";

/** What is shown to the maker after it has answered; `P` and the rest are named as the protocol names them. */
export interface Opening {
  readonly txid: Txid;
  readonly vout: number;
  /** The coin's public key. */
  readonly P: Uint8Array;
  /** The same private key on the point `J(index)`. */
  readonly P2: Uint8Array;
  readonly s: Uint8Array;
  readonly e: Uint8Array;
}

export interface Commitment {
  /** 64 hex digits; `!fill` puts a `P` before them. */
  readonly commitment: string;
  /** Which point: verifiers try all of them, so it does not travel. */
  readonly index: number;
  readonly opening: Opening;
}

/** A point of which nobody knows how often the generator makes it: found by hashing, the first hash that is one. */
export function pointNumber(index: number): Uint8Array {
  if (!Number.isInteger(index) || index < 0 || index > INDEX_MAX) throw outOfRange(`point ${index}`);
  for (const generator of [GENERATOR, GENERATOR_LONG]) {
    for (let counter = 0; counter <= INDEX_MAX; counter++) {
      const hash = sha256(concatBytes(hexToBytes(generator), Uint8Array.of(index, counter)));
      const candidate = concatBytes(Uint8Array.of(2), hash);
      if (isPublicKey(candidate)) return candidate;
    }
  }
  throw new Error(`broken invariant: no point for index ${index}`);
}

/** Commits to a coin with its private key. The same coin and index give the same commitment and proof, always. */
export function makeCommitment(
  coin: { readonly txid: Txid; readonly vout: number; readonly privateKey: Uint8Array },
  index: number,
): Commitment {
  const { txid, vout, privateKey } = coin;
  const J = pointNumber(index);
  const P = publicKeyOf(privateKey);
  const secret = scalarFromBytes(privateKey);
  const P2 = mustBePoint(multiplyPoint(J, secret));
  for (const nonce of noncesOf(privateKey, `${txid}:${vout}`, index, P, P2)) {
    const KG = publicKeyOf(scalarToBytes(nonce));
    const KJ = mustBePoint(multiplyPoint(J, nonce));
    const e = sha256(concatBytes(KG, KJ, P, P2));
    const response = (nonce + secret * scalarFromBytes(e)) % CURVE_ORDER;
    // Both happen once in 2^255; zero would be refused.
    if (response === 0n || scalarFromBytes(e) % CURVE_ORDER === 0n) continue;
    const opening = { txid, vout, P, P2, s: scalarToBytes(response), e };
    return { commitment: bytesToHex(sha256(P2)), index, opening };
  }
  throw new Error("broken invariant: nonces have no end");
}

/** The index by which an opening proves a commitment; nothing if it does not, within so many tries. */
export function verifyOpening(
  opening: Opening,
  commitment: string,
  triesMax: number = COMMITMENT_TRIES,
  firstIndex = 0,
): number | undefined {
  const { P, P2, s, e } = opening;
  if (!isPublicKey(P) || !isPublicKey(P2) || s.length !== 32 || e.length !== 32) return undefined;
  if (bytesToHex(sha256(P2)) !== commitment.toLowerCase()) return undefined;
  const response = scalarFromBytes(s);
  const challenge = scalarFromBytes(e) % CURVE_ORDER;
  if (response === 0n || response >= CURVE_ORDER || challenge === 0n) return undefined;
  const KG = rest(publicKeyOf(s), P, challenge);
  for (let index = firstIndex; index < triesMax && KG !== undefined; index++) {
    const KJ = rest(mustBePoint(multiplyPoint(pointNumber(index), response)), P2, challenge);
    if (KJ !== undefined && equalBytes(sha256(concatBytes(KG, KJ, P, P2)), e)) return index;
  }
  return undefined;
}

/** `whole` less `times` the point. */
function rest(whole: Uint8Array, point: Uint8Array, times: bigint): Uint8Array | undefined {
  return addPoints(whole, mustBePoint(multiplyPoint(point, CURVE_ORDER - times)));
}

function mustBePoint(point: Uint8Array | undefined): Uint8Array {
  if (point === undefined)
    throw new Error("broken invariant: a point times a number below the order is a point");
  return point;
}

/**
 * RFC 6979 over everything that the proof is about: two proofs with one nonce give the key away, and a bad random
 * source would do it unseen. joinmarket-ng derives its nonces so too, hence both make the same proofs.
 */
function* noncesOf(
  privateKey: Uint8Array,
  outpoint: string,
  index: number,
  P: Uint8Array,
  P2: Uint8Array,
): Generator<bigint, void> {
  const text = Buffer.from(outpoint, "ascii");
  const length = Buffer.alloc(4);
  length.writeUInt32BE(text.length);
  const transcript = concatBytes(Buffer.from(NONCE_TAG, "ascii"), length, text, Uint8Array.of(index), P, P2);
  const hash = scalarToBytes(scalarFromBytes(sha256(transcript)) % CURVE_ORDER);
  let value: Uint8Array = new Uint8Array(32).fill(1);
  let key: Uint8Array = new Uint8Array(32);
  for (const step of [0, 1]) {
    key = hmac(key, value, Uint8Array.of(step), privateKey, hash);
    value = hmac(key, value);
  }
  while (true) {
    value = hmac(key, value);
    const candidate = scalarFromBytes(value);
    if (candidate > 0n && candidate < CURVE_ORDER) yield candidate;
    key = hmac(key, value, Uint8Array.of(0));
    value = hmac(key, value);
  }
}

function hmac(key: Uint8Array, ...parts: readonly Uint8Array[]): Uint8Array {
  return createHmac("sha256", key)
    .update(concatBytes(...parts))
    .digest();
}
