/** Texts of catalogue files: `{1}` is the first of what is told, `{2?…}` is there if there is a second, `{2!…}` if not, `{1=1?…|…}` chooses. */

type Part = string | { readonly value: number } | Choice;

interface Choice {
  readonly value: number;
  /** What it has to be; undefined where it has only to be something. */
  readonly wanted: string | undefined;
  readonly so: readonly Part[];
  readonly otherwise: readonly Part[];
}

export type Filled = (...values: readonly unknown[]) => string;

const DEPTH_MAX = 4;

/** Throws a plain sentence about what is wrong with it. `most`: so many things are told. */
export function compileTemplate(written: string, most: number): Filled {
  const reader = new Reader(written, most);
  const parts = reader.parts("", 0);
  return (...values) => fill(parts, values);
}

function fill(parts: readonly Part[], values: readonly unknown[]): string {
  return parts
    .map((part) => {
      if (typeof part === "string") return part;
      const value = values[part.value - 1];
      if (!("so" in part)) return String(value ?? "");
      const isSo = part.wanted === undefined ? Boolean(value) : String(value) === part.wanted;
      return fill(isSo ? part.so : part.otherwise, values);
    })
    .join("");
}

class Reader {
  readonly #written: string;
  readonly #most: number;
  #at = 0;

  constructor(written: string, most: number) {
    this.#written = written;
    this.#most = most;
  }

  /** Up to one of the characters, or to the end where there is none. */
  parts(until: string, depth: number): Part[] {
    if (depth > DEPTH_MAX) throw new Error(`at most ${DEPTH_MAX} braces in each other`);
    const parts: Part[] = [];
    let plain = "";
    for (;;) {
      const symbol = this.#written[this.#at];
      if (symbol === undefined) {
        if (until !== "") throw new Error("a { has no }");
        break;
      }
      if (until.includes(symbol)) break;
      this.#at += 1;
      if (symbol === "}") throw new Error("a } has no {");
      if (symbol !== "{") {
        plain += symbol;
        continue;
      }
      if (plain !== "") parts.push(plain);
      plain = "";
      parts.push(this.#braces(depth));
    }
    return plain === "" ? parts : [...parts, plain];
  }

  #braces(depth: number): Part {
    const [head, number = "", wanted, kind] =
      /^([1-9])(?:=([^?!{}|]{1,40}))?([}?!])/.exec(this.#written.slice(this.#at, this.#at + 50)) ?? [];
    if (head === undefined) throw new Error("{ stands before what is none of {1}, {1?…}, {1!…}, {1=…?…|…}");
    const value = Number(number);
    if (value > this.#most) throw new Error(`{${value}} stands for nothing: ${this.#most} things are told`);
    this.#at += head.length;
    if (kind === "}") {
      if (wanted !== undefined) throw new Error(`{${number}=${wanted}} has no ?`);
      return { value };
    }
    const first = this.parts("|}", depth + 1);
    let second: Part[] = [];
    if (this.#written[this.#at] === "|") {
      this.#at += 1;
      second = this.parts("}", depth + 1);
    }
    this.#at += 1;
    return kind === "?"
      ? { value, wanted, so: first, otherwise: second }
      : { value, wanted, so: second, otherwise: first };
  }
}
