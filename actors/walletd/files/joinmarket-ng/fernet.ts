/** Fernet tokens, which joinmarket-ng's wallet files hold: AES-128-CBC and HMAC-SHA256 in URL-safe base64. */
import { createCipheriv, createDecipheriv, createHmac, timingSafeEqual } from "node:crypto";

const VERSION = 0x80;
/** Version 1, time 8, vector 16. */
const HEAD_BYTES = 25;
const MAC_BYTES = 32;
const BLOCK_BYTES = 16;

/** Undefined when the key is another, or the token was changed: the form cannot tell these apart. */
export function openFernet(key: Buffer, token: Buffer): Buffer | undefined {
  const bytes = Buffer.from(token.toString("latin1").trim(), "base64url");
  const macAt = bytes.length - MAC_BYTES;
  if (bytes[0] !== VERSION || macAt < HEAD_BYTES + BLOCK_BYTES || (macAt - HEAD_BYTES) % BLOCK_BYTES !== 0) {
    return undefined;
  }
  const mac = createHmac("sha256", key.subarray(0, 16)).update(bytes.subarray(0, macAt)).digest();
  if (!timingSafeEqual(mac, bytes.subarray(macAt))) return undefined;
  const cipher = createDecipheriv("aes-128-cbc", key.subarray(16), bytes.subarray(9, HEAD_BYTES));
  return Buffer.concat([cipher.update(bytes.subarray(HEAD_BYTES, macAt)), cipher.final()]);
}

/** The time is in the clear and serves nothing here. */
export function sealFernet(
  key: Buffer,
  text: Buffer,
  { seconds, iv }: { readonly seconds: number; readonly iv: Buffer },
): Buffer {
  const head = Buffer.alloc(HEAD_BYTES);
  head.writeUInt8(VERSION, 0);
  head.writeBigUInt64BE(BigInt(seconds), 1);
  iv.copy(head, 9);
  const cipher = createCipheriv("aes-128-cbc", key.subarray(16), iv);
  const signed = Buffer.concat([head, cipher.update(text), cipher.final()]);
  const mac = createHmac("sha256", key.subarray(0, 16)).update(signed).digest();
  // Python's decoder wants the padding that base64url leaves out here.
  const token = Buffer.concat([signed, mac]).toString("base64url");
  return Buffer.from(token.padEnd(Math.ceil(token.length / 4) * 4, "="), "latin1");
}
