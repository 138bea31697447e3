/** Bencode, the form of joinmarket-clientserver's wallet files: bytes, integers, lists, and dictionaries whose keys are bytes. */

/** A dictionary's keys are bytes shown as Latin-1, one character a byte, so that nothing of them is lost. */
export type Bencoded = Buffer | number | readonly Bencoded[] | ReadonlyMap<string, Bencoded>;

const DEPTH_MAX = 12;
const LIST_END = "e".charCodeAt(0);

/** Throws for anything that is not one whole value, the keys of its dictionaries in order. */
export function decodeBencode(bytes: Buffer): Bencoded {
  const reader = new Reader(bytes);
  const value = reader.value(0);
  if (reader.at !== bytes.length) throw new Error("bytes after the end");
  return value;
}

export function encodeBencode(value: Bencoded): Buffer {
  const parts: Buffer[] = [];
  write(value, parts);
  return Buffer.concat(parts);
}

export function latin1(text: string): Buffer {
  return Buffer.from(text, "latin1");
}

class Reader {
  readonly #bytes: Buffer;
  at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  value(depth: number): Bencoded {
    if (depth > DEPTH_MAX) throw new Error("too deep");
    const kind = String.fromCharCode(this.#bytes[this.at] ?? 0);
    if (kind === "i") {
      this.at++;
      return this.#integer("e");
    }
    if (kind === "l") return this.#list(depth);
    if (kind === "d") return this.#dictionary(depth);
    return this.#text();
  }

  #list(depth: number): Bencoded[] {
    this.at++;
    const items: Bencoded[] = [];
    while (this.#bytes[this.at] !== LIST_END) items.push(this.value(depth + 1));
    this.at++;
    return items;
  }

  #dictionary(depth: number): Map<string, Bencoded> {
    this.at++;
    const entries = new Map<string, Bencoded>();
    let last: string | undefined;
    while (this.#bytes[this.at] !== LIST_END) {
      const key = this.#text().toString("latin1");
      if (last !== undefined && key <= last) throw new Error("keys out of order");
      last = key;
      entries.set(key, this.value(depth + 1));
    }
    this.at++;
    return entries;
  }

  #text(): Buffer {
    const length = this.#integer(":");
    const end = this.at + length;
    if (length < 0 || end > this.#bytes.length) throw new Error("a text longer than the file");
    const text = this.#bytes.subarray(this.at, end);
    this.at = end;
    return text;
  }

  #integer(until: string): number {
    const end = this.#bytes.indexOf(until, this.at, "latin1");
    const digits = end < 0 || end - this.at > 20 ? "" : this.#bytes.toString("latin1", this.at, end);
    const value = Number(digits);
    if (!/^(0|-?[1-9]\d*)$/.test(digits) || !Number.isSafeInteger(value)) throw new Error("not a number");
    this.at = end + 1;
    return value;
  }
}

function write(value: Bencoded, parts: Buffer[]): void {
  if (Buffer.isBuffer(value)) parts.push(latin1(`${value.length}:`), value);
  else if (typeof value === "number") parts.push(latin1(`i${value}e`));
  else if (value instanceof Map) {
    parts.push(latin1("d"));
    const keys = [...value.keys()].sort((one, other) => (one < other ? -1 : 1));
    for (const key of keys) {
      write(latin1(key), parts);
      write(value.get(key), parts);
    }
    parts.push(latin1("e"));
  } else {
    parts.push(latin1("l"));
    for (const item of value as readonly Bencoded[]) write(item, parts);
    parts.push(latin1("e"));
  }
}
