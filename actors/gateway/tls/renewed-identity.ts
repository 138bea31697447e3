/** The certificate of the TLS doors as long as they are open: the operator's is read again when its files have changed. */
import { statSync } from "node:fs";
import { toWireError } from "../../../runtime/errors.ts";
import type { Log } from "../../../runtime/log/log.ts";
import type { KeyAndCertificate } from "./certificate.ts";
import { type TlsIdentityOptions, tlsIdentity } from "./tls-identity.ts";

export class RenewedIdentity {
  readonly #options: TlsIdentityOptions;
  readonly #log: Log;
  #current: KeyAndCertificate;
  #stamp: string;

  /** Throws what `tlsIdentity` throws. */
  constructor(options: TlsIdentityOptions, log: Log) {
    this.#options = options;
    this.#log = log;
    this.#stamp = this.#stampNow();
    this.#current = tlsIdentity(options);
  }

  get current(): KeyAndCertificate {
    return this.#current;
  }

  /** True when there is another one now. What cannot be used, as in the middle of a renewal, changes nothing. */
  look(): boolean {
    const { certificateFile, door } = this.#options;
    // Our own is made once.
    if (certificateFile === undefined) return false;
    const stamp = this.#stampNow();
    if (stamp === this.#stamp) return false;
    this.#stamp = stamp;
    try {
      this.#current = tlsIdentity(this.#options);
    } catch (error) {
      this.#log.warn(
        "a changed TLS certificate cannot be used; the one before is kept until its files change",
        {
          door,
          error: toWireError(error),
        },
      );
      return false;
    }
    this.#log.info("a changed TLS certificate is used from here on", { door, path: certificateFile });
    return true;
  }

  /** Of what the names lead to: programs that renew certificates often change a link. */
  #stampNow(): string {
    const { certificateFile, keyFile } = this.#options;
    return [certificateFile, keyFile].map((path) => (path === undefined ? "" : stampOf(path))).join(" ");
  }
}

function stampOf(path: string): string {
  try {
    const { ino, size, mtimeMs } = statSync(path);
    return `${ino}:${size}:${mtimeMs}`;
  } catch (error) {
    // Gone for a moment, or for good: `look` says what that means.
    return toWireError(error).code;
  }
}
