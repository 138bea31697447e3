/** The outer layer of joinmarket-clientserver's wallet files: magic, Argon2i, and AES-256-CBC with a padding of its own. */
import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { refusals } from "../store/refusals.ts";
import { type Bencoded, decodeBencode, encodeBencode } from "./bencode.ts";
import type { Sealing } from "./imported-wallet.ts";

export const PLAIN_MAGIC = Buffer.from("JMWALLET");
export const ENCRYPTED_MAGIC = Buffer.from("JMENCWLT");

/** Fixed in its code: the files do not say. */
const COST = { memoryKib: 1_000, passes: 500, lanes: 4 };
const BLOCK_BYTES = 16;

/** The bencoded content, decrypted when it was encrypted. The caller wipes it. */
export async function openContainer(
  file: Buffer,
  { password, keys }: Sealing,
  wallet: string,
): Promise<Buffer> {
  if (PLAIN_MAGIC.equals(file.subarray(0, PLAIN_MAGIC.length))) {
    return Buffer.from(file.subarray(PLAIN_MAGIC.length));
  }
  const { data, salt, iv } = readContainer(file, wallet);
  const key = await keys.argon2("argon2i", password, salt, COST);
  const cipher = createDecipheriv("aes-256-cbc", key, iv).setAutoPadding(false);
  const content = Buffer.concat([cipher.update(data), cipher.final()]);
  key.fill(0);
  // The cipher itself has no way to tell that the key was another: only these eight bytes inside.
  if (!PLAIN_MAGIC.equals(content.subarray(0, PLAIN_MAGIC.length))) {
    content.fill(0);
    throw refusals.wrongPasswordOrDamaged(wallet);
  }
  return content.subarray(PLAIN_MAGIC.length, content.length - paddingOf(content));
}

/** Salt and vector are random unless a test gives them. */
export async function sealContainer(
  content: Buffer,
  { password, keys }: Sealing,
  { salt, iv }: { readonly salt: Buffer; readonly iv: Buffer } = {
    salt: randomBytes(BLOCK_BYTES),
    iv: randomBytes(BLOCK_BYTES),
  },
): Promise<Buffer> {
  const length = PLAIN_MAGIC.length + content.length;
  // A text that ends with a block gets no padding here, where every standard adds a whole block.
  const missing = (BLOCK_BYTES - (length % BLOCK_BYTES)) % BLOCK_BYTES;
  const plain = Buffer.concat([PLAIN_MAGIC, content, Buffer.alloc(missing, missing)]);
  const key = await keys.argon2("argon2i", password, salt, COST);
  const cipher = createCipheriv("aes-256-cbc", key, iv).setAutoPadding(false);
  const data = Buffer.concat([cipher.update(plain), cipher.final()]);
  plain.fill(0);
  key.fill(0);
  const container = new Map<string, Bencoded>([
    ["data", data],
    [
      "enc",
      new Map<string, Bencoded>([
        ["iv", iv],
        ["salt", salt],
      ]),
    ],
  ]);
  return Buffer.concat([ENCRYPTED_MAGIC, encodeBencode(container)]);
}

function readContainer(file: Buffer, wallet: string): { data: Buffer; salt: Buffer; iv: Buffer } {
  try {
    const container = decodeBencode(file.subarray(ENCRYPTED_MAGIC.length)) as Map<string, Bencoded>;
    const data = container.get("data");
    const enc = container.get("enc") as Map<string, Bencoded>;
    const salt = enc.get("salt");
    const iv = enc.get("iv");
    const isWhole =
      Buffer.isBuffer(data) &&
      data.length > 0 &&
      data.length % BLOCK_BYTES === 0 &&
      Buffer.isBuffer(salt) &&
      salt.length >= 8 &&
      Buffer.isBuffer(iv) &&
      iv.length === BLOCK_BYTES;
    if (isWhole) return { data, salt, iv };
  } catch {
    // Told below: it is not the container that it says it is.
  }
  throw refusals.corrupt(wallet, "the container of joinmarket-clientserver's form");
}

/** How many bytes of padding there are: none when the last bytes are no padding, since a whole block is never added. */
function paddingOf(content: Buffer): number {
  const last = content[content.length - 1] ?? 0;
  const isPadding =
    last >= 1 &&
    last <= BLOCK_BYTES &&
    content.subarray(content.length - last).every((byte) => byte === last);
  return isPadding ? last : 0;
}
