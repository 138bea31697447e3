/** From a password to the key of a wallet file, and the head of the file that says how: Argon2id, its cost and its salt. */
import { createHash, createHmac, hkdfSync, randomBytes, timingSafeEqual } from "node:crypto";
import { argon2i, argon2id } from "hash-wasm";
import { refusals } from "./refusals.ts";

/** Version 01. A later form has another number, and this release says that it is too old for it. */
const MAGIC = Buffer.from("TRPWLT01");
const FAMILY = MAGIC.subarray(0, 6);

export const HEAD_BYTES = 80;
const AUTHENTICATED_BYTES = 48;
const TAG_BYTES = 16;
const KEY_BYTES = 32;
const SALT_BYTES = 16;
const ARGON2ID = 1;

export interface KeyCost {
  readonly memoryKib: number;
  readonly passes: number;
  readonly lanes: number;
}

/** The second choice of RFC 9106: a third of a second here, and 64 MiB for each guess of whoever steals the file. */
export const FULL_COST: KeyCost = Object.freeze({ memoryKib: 65_536, passes: 3, lanes: 4 });

/** A file with a forged head must not take the machine's memory or a day: cost is bounded before it is paid. */
const MEMORY_KIB_MAX = 1_048_576;
const WORK_KIB_MAX = 4_194_304;
const LANES_MAX = 16;

const FUNCTIONS = { argon2id, argon2i };

/** While a key is made nobody else has a turn; for this part of the same time afterwards everybody has. */
const REST_SHARE = 1 / 8;

/** Makes a process's keys. There is one: keys of two makers would not wait for each other. */
export class KeyMaker {
  /** Ends when the last key that was asked for is made, and its rest is over. */
  #before: Promise<void> | undefined;
  #waiting = 0;

  async derive(
    password: string,
    cost: KeyCost,
    salt: Buffer = randomBytes(SALT_BYTES),
  ): Promise<PasswordKey> {
    return new PasswordKey(cost, salt, await this.argon2("argon2id", password, salt, cost));
  }

  /** 32 bytes; the copy of the password that it needs is wiped. */
  async argon2(
    kind: keyof typeof FUNCTIONS,
    password: string,
    salt: Uint8Array,
    { memoryKib, passes, lanes }: KeyCost,
  ): Promise<Buffer> {
    // An empty password is one too, and the package takes none.
    const bytes = Buffer.from(password || "\0", "utf8");
    try {
      const key = await this.inTurn(() =>
        FUNCTIONS[kind]({
          password: bytes,
          salt,
          memorySize: memoryKib,
          iterations: passes,
          parallelism: lanes,
          hashLength: KEY_BYTES,
          outputType: "binary",
        }),
      );
      return Buffer.from(key.buffer, key.byteOffset, key.length);
    } finally {
      bytes.fill(0);
    }
  }

  /** Keys that are asked for together would be made one right behind the other, and whoever signs would wait for all of them. */
  async inTurn<T>(make: () => Promise<T>): Promise<T> {
    const earlier = this.#before;
    let end = (): void => undefined;
    this.#before = new Promise((resolve) => {
      end = resolve;
    });
    this.#waiting += 1;
    await earlier;
    this.#waiting -= 1;
    const beganMs = performance.now();
    try {
      return await make();
    } finally {
      if (this.#waiting === 0) end();
      else setTimeout(end, (performance.now() - beganMs) * REST_SHARE);
    }
  }
}

/** Who gives a wallet file the key of its password. */
export type PasswordKeys = Pick<KeyMaker, "derive">;

/** What a password and a salt make; it opens any file that was written with them. */
export class PasswordKey {
  readonly cost: KeyCost;
  readonly salt: Buffer;
  readonly #key: Buffer;

  /** `key` is what `KeyMaker` makes of a password, that cost and that salt. */
  constructor(cost: KeyCost, salt: Buffer, key: Buffer) {
    this.cost = cost;
    this.salt = salt;
    this.#key = key;
  }

  /** The head of a new file, with keys that no other file has: nothing is ever sealed twice under one of them. */
  newFile(): FileKeys {
    const head = Buffer.alloc(HEAD_BYTES);
    MAGIC.copy(head, 0);
    head.writeUInt8(ARGON2ID, 8);
    head.writeUInt8(this.cost.lanes, 9);
    head.writeUInt16BE(this.cost.passes, 10);
    head.writeUInt32BE(this.cost.memoryKib, 12);
    this.salt.copy(head, 16);
    randomBytes(SALT_BYTES).copy(head, 32);
    const keys = this.#keysOf(head);
    keys.tag("head", head.subarray(0, AUTHENTICATED_BYTES)).copy(head, 48);
    sha256(head.subarray(0, 64)).copy(head, 64);
    return keys;
  }

  /** Undefined when the password was another. */
  keysOf(head: Buffer): FileKeys | undefined {
    const keys = this.#keysOf(head);
    const tag = keys.tag("head", head.subarray(0, AUTHENTICATED_BYTES));
    if (timingSafeEqual(tag, head.subarray(48, 64))) return keys;
    keys.wipe();
    return undefined;
  }

  isSame(other: PasswordKey): boolean {
    return timingSafeEqual(this.#key, other.#key);
  }

  wipe(): void {
    this.#key.fill(0);
  }

  #keysOf(head: Buffer): FileKeys {
    const fileSalt = head.subarray(32, AUTHENTICATED_BYTES);
    const both = Buffer.from(
      hkdfSync("sha256", this.#key, fileSalt, head.subarray(0, AUTHENTICATED_BYTES), 2 * KEY_BYTES),
    );
    return new FileKeys(head, both);
  }
}

/** The two keys of one file: for the secrecy of its records, and for their frames. */
export class FileKeys {
  readonly head: Buffer;
  readonly encryption: Buffer;
  readonly #frame: Buffer;

  constructor(head: Buffer, both: Buffer) {
    this.head = head;
    this.encryption = both.subarray(0, KEY_BYTES);
    this.#frame = both.subarray(KEY_BYTES);
  }

  /** 16 bytes that only the owner of the password can make. */
  tag(purpose: "head" | "frame", ...parts: readonly Uint8Array[]): Buffer {
    const hmac = createHmac("sha256", this.#frame).update(purpose);
    for (const part of parts) hmac.update(part);
    return hmac.digest().subarray(0, TAG_BYTES);
  }

  wipe(): void {
    this.encryption.fill(0);
    this.#frame.fill(0);
  }
}

/** Looks at the first bytes only: whether a file is one of ours, and of a version that we read. */
export function isOurFile(file: Uint8Array): boolean {
  return FAMILY.equals(file.subarray(0, FAMILY.length));
}

/** What the head says of the key, or a refusal that does not need the password. */
export function readHead(file: Buffer, wallet: string): { readonly cost: KeyCost; readonly salt: Buffer } {
  if (!isOurFile(file)) throw refusals.unknown(wallet);
  if (file.length < HEAD_BYTES) throw refusals.truncated(wallet);
  const head = file.subarray(0, HEAD_BYTES);
  if (!MAGIC.equals(head.subarray(0, MAGIC.length))) throw refusals.newer(wallet);
  // Without this a flipped bit of the salt would be taken for a wrong password.
  if (!sha256(head.subarray(0, 64)).equals(head.subarray(64))) throw refusals.corrupt(wallet, "its head");
  const cost = { lanes: head.readUInt8(9), passes: head.readUInt16BE(10), memoryKib: head.readUInt32BE(12) };
  if (head.readUInt8(8) !== ARGON2ID) throw refusals.newer(wallet);
  if (!isBearable(cost)) throw refusals.corrupt(wallet, "the cost of its key");
  return { cost, salt: Buffer.from(head.subarray(16, 32)) };
}

/** Whether a file may ask for it: see the bounds above. */
export function isBearable({ lanes, passes, memoryKib }: KeyCost): boolean {
  return (
    lanes >= 1 &&
    lanes <= LANES_MAX &&
    passes >= 1 &&
    memoryKib >= 8 * lanes &&
    memoryKib <= MEMORY_KIB_MAX &&
    memoryKib * passes <= WORK_KIB_MAX
  );
}

function sha256(bytes: Uint8Array): Buffer {
  return createHash("sha256").update(bytes).digest().subarray(0, TAG_BYTES);
}
