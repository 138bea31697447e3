/** Messages that no wallet sends, made by chance from a seed, and what a server has to answer to each. */
import { isUtf8 } from "node:buffer";

export class Chance {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** From 0 up to 1 (mulberry32): small, and the same on every machine. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  below(count: number): number {
    return Math.floor(this.next() * count);
  }

  one<T>(of: readonly T[]): T {
    return of[this.below(of.length)] as T;
  }

  bytes(count: number): Buffer {
    return Buffer.from(Array.from({ length: count }, () => this.below(256)));
  }
}

/** Deeper is refused before it is parsed. */
const DEPTH_MAX = 12;

const VALID = [
  '{"jsonrpc":"2.0","id":1,"method":"server.ping","params":[]}',
  '{"jsonrpc":"2.0","id":"a","method":"echo","params":["x"]}',
  '{"jsonrpc":"2.0","id":2,"method":"later","params":[[1,2,{"a":null}]]}',
  '{"id":3,"method":"subscribe","params":["topic"]}',
  '{"id":4,"method":"refuse"}',
  '{"id":5,"method":"fail"}',
  '{"jsonrpc":"2.0","method":"echo","params":[1]}',
  '{"jsonrpc":"2.0","id":6,"method":"echo","params":{"value":"\\u00fc\\ud83e\\udd80"}}',
  '[{"id":7,"method":"echo","params":[1]},{"id":8,"method":"later"},{"method":"echo"}]',
  '{"id":9,"method":"server.version","params":["x","1.4"]}',
  '{"id":10,"method":"new"}',
];
const METHODS = [
  "echo",
  "later",
  "server.ping",
  "refuse",
  "fail",
  "no.such",
  "__proto__",
  "constructor",
  "",
  "toString",
];
const SCALARS = [
  ..."null true false 0 -0 1 -1 1.5 1e999 -1e999 5e-324 12345678901234567890 9007199254740993".split(" "),
  '""',
  '"a"',
  '"__proto__"',
  '"\\ud800"',
  '"\\u0000\\u2028\\u202e"',
  `"${"long ".repeat(200)}"`,
];

/** One message without a line end. `isText`: it has to be UTF-8, as WebSockets demand. */
export function hostileInput(chance: Chance, isText: boolean): Buffer {
  const made = draw(chance, isText);
  const line = Buffer.from(made.map((byte) => (byte === 0x0a ? 0x20 : byte)));
  return isText && !isUtf8(line) ? Buffer.from(line.toString("latin1")) : line;
}

function draw(chance: Chance, isText: boolean): Buffer {
  switch (chance.below(10)) {
    case 0:
      return Buffer.from(chance.one(VALID));
    case 1:
    case 2:
      return mutated(chance, Buffer.from(chance.one(VALID)));
    case 3:
      return isText
        ? Buffer.from(chance.bytes(chance.below(60)).toString("latin1"))
        : chance.bytes(chance.below(60));
    case 4:
      return Buffer.from(chance.one(["[", '{"a":', '[{"id":1,"params":']).repeat(1 + chance.below(300)));
    case 5: {
      const depth = 1 + chance.below(20);
      return Buffer.from(`{"id":1,"method":"echo","params":[${"[".repeat(depth)}${"]".repeat(depth)}]}`);
    }
    case 6:
      return Buffer.from(`[${Array.from({ length: chance.below(12) }, () => request(chance)).join(",")}]`);
    case 7:
      return Buffer.from(value(chance, 4));
    default:
      return Buffer.from(request(chance));
  }
}

/** Bytes changed, taken out, put twice. */
function mutated(chance: Chance, valid: Buffer): Buffer {
  let bytes = Buffer.from(valid);
  for (let changes = 1 + chance.below(4); changes > 0 && bytes.length > 0; changes--) {
    const at = chance.below(bytes.length);
    const length = 1 + chance.below(8);
    const change = chance.below(4);
    if (change < 2) bytes[at] = chance.below(256);
    else if (change === 2) bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + length)]);
    else bytes = Buffer.concat([bytes.subarray(0, at + length), bytes.subarray(at)]);
  }
  return bytes;
}

/** An object that looks like a request, with anything anywhere. */
function request(chance: Chance): string {
  const members: string[] = [];
  if (chance.next() < 0.8) members.push(`"jsonrpc":${chance.next() < 0.9 ? '"2.0"' : value(chance, 1)}`);
  if (chance.next() < 0.9) members.push(`"id":${value(chance, chance.next() < 0.8 ? 0 : 2)}`);
  if (chance.next() < 0.95) {
    members.push(`"method":${chance.next() < 0.9 ? JSON.stringify(chance.one(METHODS)) : value(chance, 1)}`);
  }
  if (chance.next() < 0.9) members.push(`"params":${value(chance, 3)}`);
  if (chance.next() < 0.1) members.push(`"__proto__":${value(chance, 2)}`);
  return `{${members.join(",")}}`;
}

function value(chance: Chance, depth: number): string {
  const kind = depth === 0 ? 0 : chance.below(3);
  if (kind === 0) return chance.one(SCALARS);
  const items = Array.from({ length: chance.below(4) }, () => value(chance, depth - 1));
  if (kind === 1) return `[${items.join(",")}]`;
  return `{${items.map((item, at) => `${JSON.stringify(chance.one(["value", "id", `k${at}`]))}:${item}`).join(",")}}`;
}

/** The ids that the answer to this message has to carry, as text; undefined when it must not be answered. */
export function expectedAnswer(message: Buffer): string | undefined {
  const parsed = understood(message);
  if (parsed === undefined) return "null";
  if (!Array.isArray(parsed.value)) return answerTo(parsed.value);
  if (parsed.value.length === 0) return "null";
  const answers = parsed.value.map(answerTo).filter((answer) => answer !== undefined);
  return answers.length === 0 ? undefined : `[${answers.join(",")}]`;
}

/** The same of an answer that has come. Throws when it is no answer of JSON-RPC 2.0. */
export function idsOf(answer: unknown): string {
  if (Array.isArray(answer)) return `[${answer.map(idsOf).join(",")}]`;
  const { jsonrpc, id, result, error, ...others } = answer as Record<string, unknown>;
  const { code, message } = (error ?? {}) as Record<string, unknown>;
  const isError = error !== undefined && Number.isInteger(code) && typeof message === "string";
  if (
    jsonrpc !== "2.0" ||
    id === undefined ||
    Object.keys(others).length > 0 ||
    isError === (result !== undefined)
  ) {
    throw new Error(`this is no answer: ${JSON.stringify(answer).slice(0, 500)}`);
  }
  return JSON.stringify(id);
}

function understood(message: Buffer): { readonly value: unknown } | undefined {
  if (!isUtf8(message) || depthOf(message.toString()) > DEPTH_MAX) return undefined;
  try {
    return { value: JSON.parse(message.toString()) };
  } catch {
    // That it is none is the answer.
    return undefined;
  }
}

/** Strings are taken out as a whole, which is another way than the server's. */
function depthOf(text: string): number {
  let depth = 0;
  let deepest = 0;
  for (const bracket of text.replace(/"(?:[^"\\]|\\[\s\S])*(?:"|$)/g, "").replace(/[^[\]{}]/g, "")) {
    depth += bracket === "[" || bracket === "{" ? 1 : -1;
    deepest = Math.max(deepest, depth);
  }
  return deepest;
}

function answerTo(item: unknown): string | undefined {
  if (typeof item !== "object" || item === null || Array.isArray(item)) return "null";
  if (!Object.hasOwn(item, "id")) return undefined;
  const { id } = item as { id: unknown };
  const isFine =
    id === null ||
    typeof id === "string" ||
    (typeof id === "number" && Number.isFinite(id) && (!Number.isInteger(id) || Number.isSafeInteger(id)));
  return isFine ? JSON.stringify(id) : "null";
}
