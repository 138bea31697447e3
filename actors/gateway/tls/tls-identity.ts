/** The key and certificate of the TLS doors: the operator's, or our own, made at the first start and kept for good. */
import { randomBytes, X509Certificate } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createSecureContext } from "node:tls";
import { TroupeError } from "../../../runtime/errors.ts";
import { readSecretFile } from "../../../runtime/secret.ts";
import { writeWhole } from "../../../runtime/whole-file.ts";
import { type KeyAndCertificate, selfSigned } from "./certificate.ts";

export interface TlsIdentityOptions {
  /** Names the files, and the keys in the configuration: `<door>_tls_certificate`, `<door>_tls_key`. */
  readonly door: string;
  /** Both or none. */
  readonly certificateFile: string | undefined;
  readonly keyFile: string | undefined;
  /** Where our own is kept. */
  readonly directory: string;
  readonly names: readonly string[];
  readonly nowMs: number;
}

const CERTIFICATE_BYTES_MAX = 1024 * 1024;

/** Throws `GATEWAY_TLS_UNUSABLE` when the files cannot be used, and what `readSecretFile` throws. */
export function tlsIdentity(options: TlsIdentityOptions): KeyAndCertificate {
  const { door, certificateFile, keyFile } = options;
  if ((certificateFile === undefined) !== (keyFile === undefined)) {
    throw unusable(
      door,
      certificateFile ?? keyFile ?? "",
      `${door}_tls_certificate and ${door}_tls_key belong together, and only one is set`,
    );
  }
  if (certificateFile !== undefined && keyFile !== undefined) return read(door, certificateFile, keyFile);
  return ownIdentity(options);
}

/** Wallets pin the certificate, so a new one would lock them out: it is made once. */
function ownIdentity({ door, directory, names, nowMs }: TlsIdentityOptions): KeyAndCertificate {
  const certificateFile = join(directory, `${door}-tls.crt`);
  const keyFile = join(directory, `${door}-tls.key`);
  if (existsSync(certificateFile) && existsSync(keyFile)) return read(door, certificateFile, keyFile);
  const made = selfSigned({ names, nowMs, serial: randomBytes(16) });
  // The key first: a certificate without its key would be taken for the whole.
  writeWhole(keyFile, made.key);
  writeWhole(certificateFile, made.certificate);
  return made;
}

function read(door: string, certificateFile: string, keyFile: string): KeyAndCertificate {
  const key = readSecretFile(keyFile).reveal();
  let certificate: string;
  try {
    certificate = readFileSync(certificateFile, "utf8");
    if (certificate.length > CERTIFICATE_BYTES_MAX) throw new Error("it is too large");
    new X509Certificate(certificate);
    createSecureContext({ key, cert: certificate });
  } catch (error) {
    throw unusable(door, certificateFile, error instanceof Error ? error.message : String(error), error);
  }
  return { key, certificate };
}

function unusable(door: string, path: string, why: string, cause?: unknown): TroupeError {
  return new TroupeError(
    { code: "GATEWAY_TLS_UNUSABLE", path },
    `The TLS certificate ${path} and its key cannot be used: ${why}. ` +
      `Give both as PEM in ${door}_tls_certificate and ${door}_tls_key in the section [gateway], or neither for one of our own.`,
    { cause },
  );
}
