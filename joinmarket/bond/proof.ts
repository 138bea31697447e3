/** A maker's proof to one taker that a fidelity bond stands behind it: made from a certificate, read, and checked. */
import {
  base64ToBytes,
  bytesToHex,
  concatBytes,
  equalBytes,
  parseTxid,
  type Txid,
} from "../../bitcoin/bytes.ts";
import { Reader, Writer } from "../../bitcoin/codec.ts";
import { outOfRange } from "../../bitcoin/errors.ts";
import { isPublicKey, publicKeyOf } from "../../bitcoin/keys/curve.ts";
import { timelockOutputScript } from "../../bitcoin/script/timelock.ts";
import { signMessageDer, verifyMessageDer } from "../../bitcoin/signing/message.ts";

/** Two signatures, two keys, an expiry, an outpoint and a locktime. */
const PROOF_LENGTH_BYTES = 252;
const SIGNATURE_LENGTH_BYTES = 72;
const PROOF_TEXT_LENGTH = 336;
const PADDING = 0xff;
/** A DER signature's first byte. */
const DER_START = 0x30;

/** A hot bond's key signs the nicks and the certificate: no nick may be worded like a certificate for another's key. */
const NICK = /^[0-9A-Za-z_]{1,32}$/;

/** Certificates expire by periods of the difficulty. */
const PERIOD_BLOCKS = 2_016;
const PERIOD_MAX = 0xffff;
/** So that a certificate is not made for a period that ends before anybody sees it. */
const MARGIN_BLOCKS = 2;

/** The bond's coin and what its script says. */
export interface BondClaim {
  readonly txid: Txid;
  readonly vout: number;
  readonly locktime: number;
  readonly publicKey: Uint8Array;
}

/** The bond's key lets another key speak for it, until a period ends: so a bond can stay in cold storage. */
export interface BondCertificate {
  readonly publicKey: Uint8Array;
  /** The number of the period after which it is void. */
  readonly expiry: number;
  readonly signatureDer: Uint8Array;
}

/** How the certificate's key stands in the signed text: raw where a program signs, as hex where people copy it. */
type CertificateForm = "raw" | "hex";

/** The expiry of a certificate made now; a new one is due when this changes. */
export function certificateExpiry(height: number): number {
  return Math.floor((height + MARGIN_BLOCKS) / PERIOD_BLOCKS) + 1;
}

export function isCertificateValid(expiry: number, height: number): boolean {
  return height <= expiry * PERIOD_BLOCKS;
}

/** The bond's key signs for a certificate's key. */
export function certifyBond(
  bondPrivateKey: Uint8Array,
  certificatePublicKey: Uint8Array,
  expiry: number,
  form: CertificateForm = "raw",
): BondCertificate {
  if (!isPublicKey(certificatePublicKey))
    throw outOfRange("a certificate's key is 33 bytes, a point on the curve");
  if (!Number.isInteger(expiry) || expiry < 0 || expiry > PERIOD_MAX) throw outOfRange(`expiry ${expiry}`);
  const message = certificateMessage(certificatePublicKey, expiry, form);
  return { publicKey: certificatePublicKey, expiry, signatureDer: signMessageDer(message, bondPrivateKey) };
}

/** The proof, in base64, for one maker's nick and one taker's: it is worth nothing to any other two. */
export function proveBond(
  claim: BondClaim,
  certificate: BondCertificate,
  certificatePrivateKey: Uint8Array,
  nicks: { readonly maker: string; readonly taker: string },
): string {
  if (!equalBytes(publicKeyOf(certificatePrivateKey), certificate.publicKey)) {
    throw outOfRange("the key is not that of the certificate");
  }
  if (!NICK.test(nicks.maker) || !NICK.test(nicks.taker))
    throw outOfRange("a nick has letters and digits only");
  const nickSignature = signMessageDer(nickMessage(nicks), certificatePrivateKey);
  const writer = new Writer(PROOF_LENGTH_BYTES)
    .bytes(padded(nickSignature))
    .bytes(padded(certificate.signatureDer))
    .fixed(certificate.publicKey, 33)
    .u16(certificate.expiry)
    .fixed(claim.publicKey, 33)
    // In the order that people write, which the format has by accident.
    .bytes(Buffer.from(claim.txid, "hex"))
    .u32(claim.vout)
    .u32(claim.locktime);
  return Buffer.from(writer.finish()).toString("base64");
}

export interface ProvenBond extends BondClaim {
  readonly expiry: number;
}

/**
 * What a proof claims, if its two signatures hold for these nicks and its certificate has not expired; nothing
 * otherwise. Whether the coin exists, unspent and locked as claimed, is for `isBondOutput` and the index to say.
 */
export function checkBondProof(
  text: string,
  nicks: { readonly maker: string; readonly taker: string },
  height: number,
): ProvenBond | undefined {
  const bytes = text.length === PROOF_TEXT_LENGTH ? base64ToBytes(text) : undefined;
  if (bytes?.length !== PROOF_LENGTH_BYTES) return undefined;
  const reader = new Reader(bytes);
  const nickSignature = unpadded(reader.bytes(SIGNATURE_LENGTH_BYTES));
  const certificateSignature = unpadded(reader.bytes(SIGNATURE_LENGTH_BYTES));
  const certificateKey = Uint8Array.from(reader.bytes(33));
  const expiry = reader.u16();
  const publicKey = Uint8Array.from(reader.bytes(33));
  const txid = parseTxid(bytesToHex(reader.bytes(32)));
  const vout = reader.u32();
  const locktime = reader.u32();
  if (!isCertificateValid(expiry, height) || !isPublicKey(publicKey)) return undefined;
  if (!verifyMessageDer(nickMessage(nicks), nickSignature, certificateKey)) return undefined;
  const isCertified = (["raw", "hex"] as const).some((form) =>
    verifyMessageDer(certificateMessage(certificateKey, expiry, form), certificateSignature, publicKey),
  );
  return isCertified ? { txid, vout, locktime, publicKey, expiry } : undefined;
}

/** Whether a coin's script is the bond that is claimed. */
export function isBondOutput(claim: BondClaim, scriptPubKey: Uint8Array): boolean {
  return equalBytes(timelockOutputScript(claim), scriptPubKey);
}

function nickMessage({ maker, taker }: { readonly maker: string; readonly taker: string }): Uint8Array {
  return Buffer.from(`${taker}|${maker}`, "ascii");
}

function certificateMessage(publicKey: Uint8Array, expiry: number, form: CertificateForm): Uint8Array {
  const key = form === "raw" ? publicKey : Buffer.from(bytesToHex(publicKey), "ascii");
  return concatBytes(Buffer.from("fidelity-bond-cert|", "ascii"), key, Buffer.from(`|${expiry}`, "ascii"));
}

function padded(signature: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(SIGNATURE_LENGTH_BYTES).fill(PADDING);
  if (signature.length > bytes.length) throw outOfRange("a signature in DER has at most 72 bytes");
  bytes.set(signature, bytes.length - signature.length);
  return bytes;
}

function unpadded(bytes: Uint8Array): Uint8Array {
  const start = bytes.indexOf(DER_START);
  return start === -1 ? new Uint8Array(0) : bytes.subarray(start);
}
