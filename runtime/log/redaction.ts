/** What may be told of our own coins: a keyed tag that links lines to each other and to nothing else. */
import { createHmac, randomBytes } from "node:crypto";
import { inspect } from "node:util";

/** Eight bytes: no two values of one day collide, and the line stays readable. */
const TAG_BYTES = 8;

/** An amount, an address or a txid of our own. Printed as it is only where the operator has asked for that. */
export class Sensitive {
  readonly #value: string;

  constructor(value: string | bigint | number) {
    this.#value = String(value);
  }

  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return "[sensitive]";
  }

  toJSON(): string {
    return "[sensitive]";
  }

  [inspect.custom](): string {
    return "[sensitive]";
  }
}

/** Marks a value for logs and spans: `log.info("coin spent", { txid: redact(txid) })`. */
export function redact(value: string | bigint | number): Sensitive {
  return new Sensitive(value);
}

/** Says how marked values are shown. */
export interface Redaction {
  /** True when the operator wants to see marked values as they are. */
  readonly sensitive: boolean;
  /** The marked value itself when `sensitive`, otherwise its tag, such as `#5f1d03a29be0c411`. */
  show(value: Sensitive): string;
}

/**
 * Tags are `HMAC-SHA256(key, value)` cut to eight bytes. All actors of one boot share a `key`, so that a txid has the
 * same tag in all their logs; it is never written down, so that nobody can try out addresses against an old log.
 */
export function createRedaction(options?: { key?: Uint8Array; sensitive?: boolean }): Redaction {
  const key = options?.key ?? randomBytes(32);
  const sensitive = options?.sensitive ?? false;
  return Object.freeze({
    sensitive,
    show: (value: Sensitive) => (sensitive ? value.reveal() : tagOf(key, value.reveal())),
  });
}

function tagOf(key: Uint8Array, text: string): string {
  return `#${createHmac("sha256", key).update(text).digest().subarray(0, TAG_BYTES).toString("hex")}`;
}
