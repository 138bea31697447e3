/** Nkeys: the Ed25519 pairs by which users prove to the broker who they are. The seed stays inside this object unless asked for. */
import { createPrivateKey, createPublicKey, type KeyObject, sign, verify } from "node:crypto";
import { inspect } from "node:util";
import { createUser, fromPublic } from "nkeys.js";
import { TroupeError } from "../../runtime/errors.ts";

const KEY_LENGTH_BYTES = 32;
/** Before the key stand a kind byte, or two in a seed; after it a checksum. */
const PUBLIC_PREFIX_BYTES = 1;
const SEED_PREFIX_BYTES = 2;
const CHECKSUM_BYTES = 2;
/** The byte that makes the text begin with `U`. */
const USER_KIND = 20 << 3;
const BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
/** `U` or `SU` and base32; the lengths are fixed by the format. */
const PUBLIC_KEY = /^U[A-Z2-7]{55}$/;
const SEED = /^SU[A-Z2-7]{56}$/;

/** A user's pair. Printing, logging or serialising it shows the public half only. */
export class Nkey {
  readonly publicKey: string;
  readonly #seed: string;
  readonly #signingKey: KeyObject;

  /** The seed has been checked. */
  private constructor(seed: string) {
    this.#seed = seed;
    // nkeys.js needs 10 ms of the event loop for each use of a key, OpenSSL a tenth of one
    this.#signingKey = createPrivateKey({
      key: Buffer.concat([PKCS8_ED25519, rawKey(seed, SEED_PREFIX_BYTES)]),
      format: "der",
      type: "pkcs8",
    });
    this.publicKey = publicKeyText(this.#signingKey);
  }

  static create(): Nkey {
    return new Nkey(new TextDecoder().decode(createUser().getSeed()));
  }

  /** Throws `BUS_BAD_SEED` unless the text is a user's seed, `SU…`. */
  static fromSeed(seed: string): Nkey {
    const text = seed.trim();
    if (!SEED.test(text)) throw badSeed("This is not the seed of an nkey user: it must start with SU.");
    const bytes = unbase32(text);
    const body = bytes.subarray(0, -CHECKSUM_BYTES);
    if (crc16(body) !== bytes.readUInt16LE(body.length) || base32(bytes) !== text) {
      throw badSeed("This nkey seed is damaged: its checksum does not fit.");
    }
    return new Nkey(text);
  }

  /** The signature as the NATS protocol wants it: base64url. */
  sign(text: string): string {
    return sign(null, Buffer.from(text), this.#signingKey).toString("base64url");
  }

  /** The secret half, for handing it to the one who shall use it. */
  revealSeed(): string {
    return this.#seed;
  }

  toString(): string {
    return `nkey ${this.publicKey}`;
  }

  toJSON(): string {
    return this.toString();
  }

  [inspect.custom](): string {
    return this.toString();
  }
}

/** True when the text is the public key of a user, checksum included. */
export function isPublicKey(text: string): boolean {
  if (!PUBLIC_KEY.test(text)) return false;
  try {
    return fromPublic(text).getPublicKey() === text;
  } catch {
    // a wrong checksum is an answer, not a failure
    return false;
  }
}

/** Did the owner of `publicKey` sign this text? Takes base64url and plain base64, as nats-server does; never throws. */
export function verifySignature(publicKey: string, text: string, signature: string): boolean {
  if (!isPublicKey(publicKey)) return false;
  const key = createPublicKey({
    key: { ...ED25519, x: rawKey(publicKey, PUBLIC_PREFIX_BYTES).toString("base64url") },
    format: "jwk",
  });
  return verify(null, Buffer.from(text), key, Buffer.from(signature, "base64"));
}

const ED25519 = { kty: "OKP", crv: "Ed25519" } as const;
/** What stands before the 32 secret bytes in their standard wrapping (RFC 8410). */
const PKCS8_ED25519 = Buffer.from("302e020100300506032b657004220420", "hex");

/** A user's public key as nkeys write it: kind, key, checksum, in base32. */
function publicKeyText(key: KeyObject): string {
  const { x = "" } = createPublicKey(key).export({ format: "jwk" });
  const body = Buffer.concat([Buffer.of(USER_KIND), Buffer.from(x, "base64url")]);
  const checksum = Buffer.alloc(CHECKSUM_BYTES);
  checksum.writeUInt16LE(crc16(body));
  return base32(Buffer.concat([body, checksum]));
}

/** CRC-16/XMODEM. */
function crc16(bytes: Uint8Array): number {
  let crc = 0;
  for (const byte of bytes) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit++) crc = (crc & 0x8000) === 0 ? crc << 1 : (crc << 1) ^ 0x1021;
    crc &= 0xffff;
  }
  return crc;
}

function base32(bytes: Uint8Array): string {
  let text = "";
  let bits = 0;
  let bitCount = 0;
  for (const byte of bytes) {
    bits = ((bits << 8) | byte) & 0xfff;
    for (bitCount += 8; bitCount >= 5; bitCount -= 5) text += BASE32[(bits >> (bitCount - 5)) & 31];
  }
  return bitCount === 0 ? text : text + BASE32[(bits << (5 - bitCount)) & 31];
}

/** Of letters that have been checked. */
function unbase32(text: string): Buffer {
  const bytes: number[] = [];
  let bits = 0;
  let bitCount = 0;
  for (const letter of text) {
    bits = ((bits << 5) | BASE32.indexOf(letter)) & 0xfff;
    bitCount += 5;
    if (bitCount < 8) continue;
    bitCount -= 8;
    bytes.push((bits >> bitCount) & 0xff);
  }
  return Buffer.from(bytes);
}

/** The 32 bytes within an nkey's text, which has been checked before. */
function rawKey(text: string, prefixBytes: number): Buffer {
  return unbase32(text).subarray(prefixBytes, prefixBytes + KEY_LENGTH_BYTES);
}

function badSeed(message: string): TroupeError {
  return new TroupeError({ code: "BUS_BAD_SEED" }, message);
}
