/** Private messages: each ends with its sender's public key and a signature that holds on one network only. */
import { hexToBytes } from "../../bitcoin/bytes.ts";
import { verifyMessageDer } from "../../bitcoin/signing/message.ts";
import { JoinmarketError } from "../errors.ts";
import type { NickIdentity } from "./identity.ts";
import { nickOf } from "./nick.ts";

const PUBLIC_KEY = /^0[23][0-9a-f]{64}$/;
/** Base64 of at most 72 bytes; nothing longer is even decoded. */
const SIGNATURE_TEXT_LENGTH_MAX = 96;

/** Adds key and signature. The command itself is not signed, so that a message without arguments proves nothing. */
export function signPrivate(identity: NickIdentity, text: string, hostid: string): string {
  const space = text.indexOf(" ");
  const data = space === -1 ? "" : text.slice(space + 1);
  if (space === 0 || data === "" || /[\r\n]/.test(text)) {
    throw new JoinmarketError(
      { code: "JOINMARKET_UNSENDABLE" },
      "A private message is a command, a space and at least one argument, on one line.",
    );
  }
  return `${text} ${identity.publicKeyHex} ${identity.sign(data + hostid)}`;
}

/**
 * The message without key and signature, if the key is the sender's and signed it on this network; nothing otherwise.
 * Peers on IRC may sign the network's name in lower case.
 */
export function openPrivate(sender: string, signed: string, hostid: string): string | undefined {
  const signatureAt = signed.lastIndexOf(" ");
  const keyAt = signed.lastIndexOf(" ", signatureAt - 1);
  const dataAt = signed.indexOf(" ");
  // A message with nothing between its command and the key has no data.
  if (signatureAt <= 0 || keyAt <= 0 || dataAt === 0 || dataAt >= keyAt) return undefined;
  const data = signed.slice(dataAt + 1, keyAt);
  const publicKeyHex = signed.slice(keyAt + 1, signatureAt);
  if (data === "" || !PUBLIC_KEY.test(publicKeyHex) || nickOf(publicKeyHex) !== sender) return undefined;
  const signature = strictBase64(signed.slice(signatureAt + 1));
  if (signature === undefined) return undefined;
  const publicKey = hexToBytes(publicKeyHex);
  const isSignedOn = (network: string) =>
    verifyMessageDer(Buffer.from(data + network, "utf8"), signature, publicKey);
  if (isSignedOn(hostid)) return signed.slice(0, keyAt);
  const lower = hostid.toLowerCase();
  return lower !== hostid && isSignedOn(lower) ? signed.slice(0, keyAt) : undefined;
}

function strictBase64(text: string): Uint8Array | undefined {
  if (text.length > SIGNATURE_TEXT_LENGTH_MAX) return undefined;
  const bytes = Buffer.from(text, "base64");
  return bytes.toString("base64") === text ? bytes : undefined;
}
