/** A self-signed TLS certificate, as small as clients take it: written in DER here, because Node can read certificates and not make them. */
import { createPublicKey, generateKeyPairSync, sign, X509Certificate } from "node:crypto";
import { isIP } from "node:net";

export interface KeyAndCertificate {
  /** PKCS #8, PEM. */
  readonly key: string;
  readonly certificate: string;
}

export interface CertificateOptions {
  /** Names and IP addresses that it is for; the first is the subject. */
  readonly names: readonly string[];
  readonly nowMs: number;
  /** 16 random bytes. */
  readonly serial: Uint8Array;
}

const DAY_MS = 86_400_000;
/** A clock that is behind ours would find it not yet valid. */
const BACKDATED_MS = 2 * DAY_MS;
/** Wallets pin it at first sight and refuse an expired one for good, so it lasts as long as the machine: 20 years. */
const VALID_MS = 20 * 365 * DAY_MS;

const TAG = Object.freeze({
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  oid: 0x06,
  utf8: 0x0c,
  time: 0x18,
  sequence: 0x30,
  set: 0x31,
});

const OID = Object.freeze({
  ecdsaWithSha256: "2a8648ce3d040302",
  commonName: "550403",
  basicConstraints: "551d13",
  keyUsage: "551d0f",
  extendedKeyUsage: "551d25",
  alternativeNames: "551d11",
  serverAuthentication: "2b06010505070301",
});

/** A new P-256 key with a certificate for it (RFC 5280). */
export function selfSigned({ names, nowMs, serial }: CertificateOptions): KeyAndCertificate {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
  const publicKey = createPublicKey(privateKey).export({ type: "spki", format: "der" });
  const algorithm = sequence(oid(OID.ecdsaWithSha256));
  const subject = sequence(
    der(
      TAG.set,
      sequence(oid(OID.commonName), der(TAG.utf8, Buffer.from((names[0] ?? "troupe").slice(0, 64)))),
    ),
  );
  const body = sequence(
    // Version 3.
    der(0xa0, integer(Buffer.from([2]))),
    // The first bit stays 0, so that it is positive; the next one 1, so that no leading byte is superfluous.
    integer(Buffer.concat([Buffer.from([0x40 | ((serial[0] ?? 0) & 0x3f)]), serial.subarray(1)])),
    algorithm,
    subject,
    sequence(time(nowMs - BACKDATED_MS), time(nowMs + VALID_MS)),
    subject,
    publicKey,
    der(0xa3, sequence(...extensions(names))),
  );
  const signature = sign("sha256", body, privateKey);
  const certificate = sequence(body, algorithm, der(TAG.bitString, Buffer.from([0]), signature));
  return {
    key: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
    certificate: new X509Certificate(certificate).toString(),
  };
}

function extensions(names: readonly string[]): Buffer[] {
  const isTrue = der(TAG.boolean, Buffer.from([0xff]));
  return [
    // It signs nothing but itself.
    sequence(oid(OID.basicConstraints), isTrue, der(TAG.octetString, sequence())),
    // digitalSignature.
    sequence(oid(OID.keyUsage), isTrue, der(TAG.octetString, der(TAG.bitString, Buffer.from([7, 0x80])))),
    sequence(oid(OID.extendedKeyUsage), der(TAG.octetString, sequence(oid(OID.serverAuthentication)))),
    sequence(oid(OID.alternativeNames), der(TAG.octetString, sequence(...names.map(alternativeName)))),
  ];
}

/** dNSName is tag 2, iPAddress is tag 7. */
function alternativeName(name: string): Buffer {
  const kind = isIP(name);
  if (kind === 0) return der(0x82, Buffer.from(name, "latin1"));
  return der(0x87, kind === 4 ? Buffer.from(name.split(".").map(Number)) : ipv6Bytes(name));
}

function ipv6Bytes(address: string): Buffer {
  // The URL parser writes it out in its shortest form, without an IPv4 tail.
  const shortest = new URL(`http://[${address}]/`).hostname.slice(1, -1);
  const [left = "", right] = shortest.split("::");
  const groups = (text: string) => (text === "" ? [] : text.split(":"));
  const tail = right === undefined ? [] : groups(right);
  const middle = Array.from({ length: 8 - groups(left).length - tail.length }, () => "0");
  const all = [...groups(left), ...middle, ...tail].map((group) => Number.parseInt(group, 16));
  return Buffer.from(all.flatMap((group) => [group >> 8, group & 0xff]));
}

/** `YYYYMMDDHHMMSSZ`. */
function time(atMs: number): Buffer {
  const text = new Date(atMs).toISOString().replace(/[-:T]|\.\d+/g, "");
  return der(TAG.time, Buffer.from(text));
}

function oid(hex: string): Buffer {
  return der(TAG.oid, Buffer.from(hex, "hex"));
}

function integer(bytes: Buffer): Buffer {
  return der(TAG.integer, bytes);
}

function sequence(...parts: readonly Uint8Array[]): Buffer {
  return der(TAG.sequence, ...parts);
}

/** Tag, length in the shortest form, content. */
function der(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(parts);
  const { length } = content;
  if (length < 0x80) return Buffer.concat([Buffer.from([tag, length]), content]);
  if (length < 0x100) return Buffer.concat([Buffer.from([tag, 0x81, length]), content]);
  return Buffer.concat([Buffer.from([tag, 0x82, length >> 8, length & 0xff]), content]);
}
