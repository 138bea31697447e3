/** On which line of a TOML document each key stands: the parser tells values, people need places. */

/** Finds lines by path. Made from a document that has been parsed without complaint. */
export class TomlLines {
  readonly #lines = new Map<string, number>();

  constructor(text: string) {
    new Scanner(text, (path, line) => {
      const name = nameOf(path);
      if (!this.#lines.has(name)) this.#lines.set(name, line);
    }).run();
  }

  /** The line of the key, or of the closest table or inline table around it; undefined when none of it is in the file. */
  lineOf(path: readonly PropertyKey[]): number | undefined {
    const keys = path.filter((key) => typeof key === "string");
    for (let length = keys.length; length > 0; length--) {
      const line = this.#lines.get(nameOf(keys.slice(0, length)));
      if (line !== undefined) return line;
    }
    return undefined;
  }
}

function nameOf(path: readonly string[]): string {
  return JSON.stringify(path);
}

/** Walks statement by statement: a `[header]` or `key = value`, where a value may span lines. */
class Scanner {
  readonly #text: string;
  readonly #found: (path: readonly string[], line: number) => void;
  #at = 0;
  #line = 1;
  #table: readonly string[] = [];

  constructor(text: string, found: (path: readonly string[], line: number) => void) {
    this.#text = text;
    this.#found = found;
  }

  run(): void {
    while (this.#at < this.#text.length) {
      const character = this.#text[this.#at];
      if (character === "#") this.#skipComment();
      else if (character === "[") this.#header();
      else if (character === undefined || /\s/.test(character)) this.#step();
      else this.#keyAndValue();
    }
  }

  #step(): void {
    if (this.#text[this.#at] === "\n") this.#line++;
    this.#at++;
  }

  #skipComment(): void {
    while (this.#at < this.#text.length && this.#text[this.#at] !== "\n") this.#at++;
  }

  #header(): void {
    const line = this.#line;
    while (this.#text[this.#at] === "[") this.#at++;
    this.#table = this.#keys("]");
    while (this.#text[this.#at] === "]") this.#at++;
    this.#tell(this.#table, line);
  }

  #keyAndValue(): void {
    const line = this.#line;
    this.#tell([...this.#table, ...this.#keys("=")], line);
    this.#at++;
    this.#skipValue();
  }

  /** A dotted key defines the tables on its way as well. */
  #tell(path: readonly string[], line: number): void {
    for (let length = 1; length <= path.length; length++) this.#found(path.slice(0, length), line);
  }

  /** The parts of a key up to `end`, bare or quoted. */
  #keys(end: string): string[] {
    const keys: string[] = [];
    while (this.#at < this.#text.length && this.#text[this.#at] !== end) {
      const character = this.#text[this.#at] ?? "";
      if (character === '"' || character === "'") keys.push(this.#quotedKey());
      else if (/[A-Za-z0-9_-]/.test(character)) keys.push(this.#bareKey());
      else this.#step();
    }
    return keys;
  }

  #bareKey(): string {
    const start = this.#at;
    while (/[A-Za-z0-9_-]/.test(this.#text[this.#at] ?? "")) this.#at++;
    return this.#text.slice(start, this.#at);
  }

  #quotedKey(): string {
    const start = this.#at;
    this.#skipString();
    const raw = this.#text.slice(start + 1, this.#at - 1);
    if (this.#text[start] === "'") return raw;
    try {
      return JSON.parse(`"${raw}"`) as string;
    } catch {
      // TOML knows escapes that JSON does not; such a key is found by its spelling.
      return raw;
    }
  }

  #skipValue(): void {
    let depth = 0;
    while (this.#at < this.#text.length) {
      const character = this.#text[this.#at];
      if (character === "\n" && depth === 0) return;
      if (character === '"' || character === "'") this.#skipString();
      else if (character === "#") this.#skipComment();
      else {
        if (character === "[" || character === "{") depth++;
        if (character === "]" || character === "}") depth--;
        this.#step();
      }
    }
  }

  #skipString(): void {
    const quote = this.#text[this.#at] ?? "";
    const isLong = this.#text.startsWith(quote.repeat(3), this.#at);
    const end = isLong ? quote.repeat(3) : quote;
    this.#at += end.length;
    while (this.#at < this.#text.length && !this.#text.startsWith(end, this.#at)) {
      if (quote === '"' && this.#text[this.#at] === "\\") this.#step();
      this.#step();
    }
    this.#at += end.length;
    // A long string may end in one or two quotes of its own.
    while (isLong && this.#text[this.#at] === quote) this.#at++;
  }
}
