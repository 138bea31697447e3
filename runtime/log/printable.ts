/** Turns anything into bounded, printable, harmless data for a log line. */

import { TroupeError } from "../errors.ts";
import { SECRET_TEXT, Secret } from "../secret.ts";
import { type Redaction, Sensitive } from "./redaction.ts";

const DEPTH_MAX = 6;
const KEYS_MAX = 64;
const ITEMS_MAX = 32;
const KEY_CHARS_MAX = 64;
const STRING_CHARS_MAX = 2048;
const STACK_LINES_MAX = 12;
const TRUNCATED = "[truncated]";

/** Controls (terminal escapes among them), invisible and direction-changing characters, halves of characters. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/gu;

/** Names under which people keep secrets, once case and separators are gone. */
const SECRET_NAME =
  /seed|mnemonic|passw|passphrase|^wif$|[xyztuv]prv|secret|token|authorization|cookie|privatekey|credential/;

/** Texts that are secrets by their shape: extended private keys, WIF keys, nkey seeds, passwords in URLs. */
const SECRET_SHAPES: readonly (readonly [RegExp, string])[] = [
  [/\b[xyztuvYZUV]prv[1-9A-HJ-NP-Za-km-z]{80,}/g, SECRET_TEXT],
  [/\b[KL5c9][1-9A-HJ-NP-Za-km-z]{50,51}\b/g, SECRET_TEXT],
  [/\bS[UAOCNX][A-Z2-7]{56}\b/g, SECRET_TEXT],
  [/(:\/\/[^/\s:@]*):[^/\s@]+@/g, `$1:${SECRET_TEXT}@`],
  [/\b(Bearer|Basic) +[\w+/=.~-]{8,}/gi, `$1 ${SECRET_TEXT}`],
];

/** Longer than any secret that a shape describes. */
const SECRET_SHAPE_CHARS_MAX = 256;

/** One line of plain characters: whatever could end the line or drive a terminal is written out, as in `\u001b`. */
export function printableText(text: string, charsMax = STRING_CHARS_MAX): string {
  // Secrets are looked for before the cut and a little beyond it: half a key is a secret that no shape finds.
  const tailChars = Math.max(0, Math.min(text.length - charsMax, SECRET_SHAPE_CHARS_MAX));
  let shown = text.length > charsMax ? text.slice(0, charsMax + tailChars) : text;
  if (shown.length >= 12) for (const [shape, instead] of SECRET_SHAPES) shown = shown.replace(shape, instead);
  shown = shown
    .slice(0, Math.max(0, shown.length - tailChars))
    .replace(UNPRINTABLE, escapeOf)
    .slice(0, charsMax);
  return text.length > charsMax ? `${shown}… (${text.length} characters)` : shown;
}

function escapeOf(character: string): string {
  if (character === "\n") return "\\n";
  if (character === "\r") return "\\r";
  if (character === "\t") return "\\t";
  return `\\u${(character.codePointAt(0) ?? 0).toString(16).padStart(4, "0")}`;
}

/** True for names such as `walletPassword` or `rpc_token`, whose values are never shown. */
export function isSecretName(name: string): boolean {
  return SECRET_NAME.test(name.replace(/[-_. ]/g, "").toLowerCase());
}

/** A copy of `context` whose JSON is no longer than `bytesMax`: printable, without secrets, at most six levels deep. */
export function printableRecord(
  context: Readonly<Record<string, unknown>>,
  redaction: Redaction,
  bytesMax: number,
): Record<string, unknown> {
  return new Printer(redaction, bytesMax).record(context, 1);
}

class Printer {
  readonly #redaction: Redaction;
  readonly #ancestors = new Set<object>();
  #bytesLeft: number;

  constructor(redaction: Redaction, bytesMax: number) {
    this.#redaction = redaction;
    // Room for what is written after the end of the budget: at each level a marker, a bracket and one number.
    this.#bytesLeft = bytesMax - 512;
  }

  record(source: object, depth: number): Record<string, unknown> {
    const result: Record<string, unknown> = {};
    let count = 0;
    this.#bytesLeft -= 2;
    for (const key of Object.keys(source)) {
      if (count === KEYS_MAX || this.#bytesLeft <= 0) {
        result["…"] = TRUNCATED;
        break;
      }
      const name = key === "__proto__" ? "[__proto__]" : printableText(key, KEY_CHARS_MAX);
      if (!this.#spend(name)) continue;
      const value = this.#read(source, key);
      if (value === undefined) continue;
      count++;
      result[name] =
        typeof value !== "boolean" && isSecretName(key) ? this.#text(SECRET_TEXT) : this.#value(value, depth);
    }
    return result;
  }

  #read(source: object, key: string): unknown {
    try {
      return (source as Record<string, unknown>)[key];
    } catch {
      // A getter may throw; a log line must not.
      return "[unreadable]";
    }
  }

  #value(value: unknown, depth: number): unknown {
    switch (typeof value) {
      case "string":
        return this.#text(value);
      case "number":
        this.#bytesLeft -= 24;
        return Number.isFinite(value) ? value : String(value);
      case "boolean":
        this.#bytesLeft -= 6;
        return value;
      case "bigint":
        return this.#text(value.toString());
      case "function":
      case "symbol":
        return this.#text(`[${typeof value}]`);
      default:
        return value === null || value === undefined ? this.#null() : this.#guarded(value, depth);
    }
  }

  #null(): null {
    this.#bytesLeft -= 6;
    return null;
  }

  #guarded(value: object, depth: number): unknown {
    if (value instanceof Secret) return this.#text(SECRET_TEXT);
    if (value instanceof Sensitive) return this.#text(this.#redaction.show(value));
    if (this.#ancestors.has(value)) return this.#text("[circular]");
    if (this.#bytesLeft <= 0) return TRUNCATED;
    this.#ancestors.add(value);
    try {
      return this.#object(value, depth);
    } catch {
      // Proxies and exotic objects may throw on anything; a log line must not.
      return this.#text("[unreadable]");
    } finally {
      this.#ancestors.delete(value);
    }
  }

  #object(value: object, depth: number): unknown {
    // Bytes may be a key: only their number is told.
    if (ArrayBuffer.isView(value)) return this.#text(`[${value.byteLength} bytes]`);
    if (value instanceof ArrayBuffer) return this.#text(`[${value.byteLength} bytes]`);
    if (value instanceof Date)
      return this.#text(Number.isNaN(value.getTime()) ? "[invalid date]" : value.toISOString());
    if (value instanceof URL || value instanceof RegExp) return this.#text(String(value));
    if (value instanceof Map || value instanceof Set) return this.#text(`[${value.size} entries]`);
    if (depth >= DEPTH_MAX) return this.#text(Array.isArray(value) ? "[array]" : "[object]");
    if (value instanceof Error) return this.#error(value, depth);
    if (Array.isArray(value)) return this.#items(value, depth);
    return this.record(value, depth + 1);
  }

  #items(items: readonly unknown[], depth: number): unknown[] {
    const result: unknown[] = [];
    this.#bytesLeft -= 2;
    for (let index = 0; index < items.length; index++) {
      if (index === ITEMS_MAX || this.#bytesLeft <= 0) {
        result.push(`… ${items.length - index} more`);
        this.#bytesLeft -= 24;
        break;
      }
      result.push(this.#value(items[index], depth + 1));
    }
    return result;
  }

  /** Code, message, data and cause. The stack of an operating error says nothing; that of any other is the point. */
  #error(error: Error, depth: number): Record<string, unknown> {
    const fields: Record<string, unknown> = {};
    const code: unknown = (error as { code?: unknown }).code;
    if (typeof code === "string" || typeof code === "number") fields["code"] = code;
    if (!(error instanceof TroupeError)) fields["name"] = error.name;
    fields["message"] = error.message;
    if (error instanceof TroupeError && Object.keys(error.data).length > 0) fields["data"] = error.data;
    if (error instanceof AggregateError) fields["errors"] = error.errors;
    if (error.cause !== undefined) fields["cause"] = error.cause;
    if (!(error instanceof TroupeError) && error.stack !== undefined) fields["stack"] = framesOf(error.stack);
    return this.record(fields, depth + 1);
  }

  #text(text: string): string {
    const shown = printableText(text);
    return this.#spend(shown) ? shown : TRUNCATED;
  }

  /** Charges what the text costs as JSON with quotes and a separator. False: there is no room for it. */
  #spend(text: string): boolean {
    const bytes = (text.length <= 32 ? text.length * 3 : Buffer.byteLength(JSON.stringify(text))) + 4;
    if (bytes > this.#bytesLeft) {
      this.#bytesLeft = 0;
      return false;
    }
    this.#bytesLeft -= bytes;
    return true;
  }
}

function framesOf(stack: string): string[] {
  return stack
    .split("\n")
    .filter((line) => /^\s+at /.test(line))
    .slice(0, STACK_LINES_MAX)
    .map((line) => line.trim());
}
