/** Nkeys: the Ed25519 pairs by which users prove to the broker who they are. The seed stays inside this object unless asked for. */
import { inspect } from "node:util";
import { createUser, fromPublic, fromSeed, type KeyPair } from "nkeys.js";
import { TroupeError } from "../runtime/errors.ts";

const SIGNATURE_LENGTH_BYTES = 64;
/** `U` or `SU` and base32; the lengths are fixed by the format. */
const PUBLIC_KEY = /^U[A-Z2-7]{55}$/;
const SEED = /^SU[A-Z2-7]{56}$/;

/** A user's pair. Printing, logging or serialising it shows the public half only. */
export class Nkey {
  readonly publicKey: string;
  readonly #pair: KeyPair;

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
    return Buffer.from(this.#pair.sign(new TextEncoder().encode(text))).toString("base64url");
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
  const bytes = Buffer.from(signature, "base64");
  if (bytes.length !== SIGNATURE_LENGTH_BYTES) return false;
  try {
    return fromPublic(publicKey).verify(new TextEncoder().encode(text), bytes);
  } catch {
    // a key that cannot be read has signed nothing
    return false;
  }
}

function badSeed(message: string): TroupeError {
  return new TroupeError({ code: "BUS_BAD_SEED" }, message);
}
