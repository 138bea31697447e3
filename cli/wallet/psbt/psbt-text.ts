/** The forms in which people and programs hand over PSBTs and transactions: bytes, base64, hex. Pure. */

export interface PsbtText {
  /** In base64. */
  readonly psbt?: string;
  /** A whole transaction, in base64: some signers give that when nothing is missing. */
  readonly signedTx?: string;
}

const MAGIC = "psbt\xff";
const BASE64 = /^cHNidP[A-Za-z0-9+/]*={0,2}$/;
const HEX = /^(?:[0-9a-f]{2})+$/i;

/** Undefined for what is none of them. */
export function psbtText(bytes: Buffer): PsbtText | undefined {
  if (bytes.subarray(0, MAGIC.length).toString("latin1") === MAGIC) return { psbt: bytes.toString("base64") };
  // Mails and chats break lines.
  const text = bytes.toString("latin1").replace(/\s+/g, "");
  if (BASE64.test(text)) return { psbt: text };
  if (!HEX.test(text)) return undefined;
  const inner = Buffer.from(text, "hex");
  return inner.subarray(0, MAGIC.length).toString("latin1") === MAGIC
    ? { psbt: inner.toString("base64") }
    : { signedTx: inner.toString("base64") };
}
