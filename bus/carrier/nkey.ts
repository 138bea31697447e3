/** Nkeys: the Ed25519 pairs by which users prove to the broker who they are. The seed stays inside this object unless asked for. */
import { createPrivateKey, createPublicKey, type KeyObject, sign, verify } from "node:crypto";
import { inspect } from "node:util";
import { createUser, fromPublic, fromSeed, type KeyPair } from "nkeys.js";
import { TroupeError } from "../../runtime/errors.ts";

const KEY_LENGTH_BYTES = 32;
/** Before the key stand a kind byte, or two in a seed; after it a checksum. */
const PUBLIC_PREFIX_BYTES = 1;
const SEED_PREFIX_BYTES = 2;
const BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
/** `U` or `SU` and base32; the lengths are fixed by the format. */
const PUBLIC_KEY = /^U[A-Z2-7]{55}$/;
const SEED = /^SU[A-Z2-7]{56}$/;

/** A user's pair. Printing, logging or serialising it shows the public half only. */
export class Nkey {
  readonly publicKey: string;
  readonly #pair: KeyPair;
  #signingKey: KeyObject | undefined;

  private constructor(pair: KeyPair) {
    this.#pair = pair;
    this.publicKey = pair.getPublicKey();
  }

  static create(): Nkey {
    return new Nkey(createUser());
  }

  /** Throws `BUS_BAD_SEED` unless the text is a user's seed, `SU…`. */
  static fromSeed(seed: string): Nkey {
    const text = seed.trim();
    if (!SEED.test(text)) throw badSeed("This is not the seed of an nkey user: it must start with SU.");
    try {
      return new Nkey(fromSeed(new TextEncoder().encode(text)));
    } catch {
      // the library's error may quote what it was given, so it is not kept as a cause
      throw badSeed("This nkey seed is damaged: its checksum does not fit.");
    }
  }

  /** The signature as the NATS protocol wants it: base64url. */
  sign(text: string): string {
    // nkeys.js needs 10 ms of the event loop for this, OpenSSL a tenth of one
    this.#signingKey ??= createPrivateKey({
      key: {
        ...ED25519,
        d: rawKey(this.revealSeed(), SEED_PREFIX_BYTES),
        x: rawKey(this.publicKey, PUBLIC_PREFIX_BYTES),
      },
      format: "jwk",
    });
    return sign(null, Buffer.from(text), this.#signingKey).toString("base64url");
  }

  /** The secret half, for handing it to the one who shall use it. */
  revealSeed(): string {
    return new TextDecoder().decode(this.#pair.getSeed());
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
    key: { ...ED25519, x: rawKey(publicKey, PUBLIC_PREFIX_BYTES) },
    format: "jwk",
  });
  return verify(null, Buffer.from(text), key, Buffer.from(signature, "base64"));
}

const ED25519 = { kty: "OKP", crv: "Ed25519" } as const;

/** The 32 bytes within an nkey's text, which has been checked before, as base64url. */
function rawKey(text: string, prefixBytes: number): string {
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
  return Buffer.from(bytes.slice(prefixBytes, prefixBytes + KEY_LENGTH_BYTES)).toString("base64url");
}

function badSeed(message: string): TroupeError {
  return new TroupeError({ code: "BUS_BAD_SEED" }, message);
}
