/** What a section's schema says of its keys, as plain JSON Schema: for finding, suggesting, reading and documenting them. */
import { parse } from "smol-toml";
import { z } from "zod";
import type { Section } from "./section.ts";

/** The part of JSON Schema that configuration uses. */
export interface KeySchema {
  readonly type?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly properties?: Readonly<Record<string, KeySchema>>;
  readonly additionalProperties?: KeySchema | boolean;
  readonly items?: KeySchema;
  readonly anyOf?: readonly KeySchema[];
  /** The value is the path of a file that holds a secret. */
  readonly secretFile?: boolean;
}

export function schemaOf(section: Section): KeySchema {
  const schema = z.toJSONSchema(section.schema, { io: "input", unrepresentable: "any" }) as KeySchema;
  const properties: Record<string, KeySchema> = {};
  for (const [key, property] of Object.entries(schema.properties ?? {})) {
    properties[key] = "default" in property ? property : { ...property, ...defaultOf(section, key) };
  }
  return { ...schema, properties };
}

/** The default of a key whose schema also transforms is not in its JSON Schema. */
function defaultOf(section: Section, key: string): { default?: unknown } {
  const result = (section.schema.shape as Record<string, z.ZodType>)[key]?.safeParse(undefined);
  return result?.success && result.data !== undefined ? { default: result.data } : {};
}

/** The schema of `key` inside `schema`: a declared key, or any key of a free table. */
export function schemaOfKey(schema: KeySchema, key: string): KeySchema | undefined {
  const declared = schema.properties;
  if (declared !== undefined && Object.hasOwn(declared, key)) return declared[key];
  return typeof schema.additionalProperties === "object" ? schema.additionalProperties : undefined;
}

export interface UnknownKey {
  readonly path: readonly string[];
  /** The declared keys of the same table. */
  readonly known: readonly string[];
}

/** Keys of `value` that `schema` does not declare, at any depth that it describes. */
export function unknownKeys(schema: KeySchema, value: unknown, path: readonly string[] = []): UnknownKey[] {
  if (Array.isArray(value)) {
    const { items } = schema;
    return items === undefined ? [] : value.flatMap((item) => unknownKeys(items, item, path));
  }
  if (!isTable(value) || (schema.properties === undefined && schema.additionalProperties === undefined))
    return [];
  const unknown: UnknownKey[] = [];
  for (const key of Object.keys(value)) {
    const inner = schemaOfKey(schema, key);
    if (inner !== undefined) unknown.push(...unknownKeys(inner, value[key], [...path, key]));
    else if (schema.additionalProperties !== true) {
      unknown.push({ path: [...path, key], known: Object.keys(schema.properties ?? {}) });
    }
  }
  return unknown;
}

/** A table as TOML gives it: neither a list nor a date. */
export function isTable(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Date);
}

/** The value that a text from the environment or the command line means for a key of this schema. */
export function valueOfText(schema: KeySchema, text: string): unknown {
  if (schema.anyOf !== undefined) {
    const exact = schema.anyOf.find((branch) => typeof branch.const === "string" && branch.const === text);
    if (exact !== undefined) return text;
    const other = schema.anyOf.find((branch) => branch.type !== "string");
    const value = other === undefined ? text : valueOfText(other, text);
    return value !== text || schema.anyOf.every((branch) => branch.type !== "string") ? value : text;
  }
  switch (schema.type) {
    case "number":
    case "integer":
    case "boolean":
    case "object":
      return tomlValue(text) ?? text;
    case "array": {
      const list = tomlValue(text);
      if (Array.isArray(list)) return list;
      const { items } = schema;
      const parts = text === "" ? [] : text.split(",").map((part) => part.trim());
      return items === undefined ? parts : parts.map((part) => valueOfText(items, part));
    }
    default:
      return text;
  }
}

function tomlValue(text: string): unknown {
  // A line end would let one variable bring more keys than its own.
  if (/[\r\n]/.test(text)) return undefined;
  try {
    return parse(`value = ${text}`, { integersAsBigInt: "asNeeded" })["value"];
  } catch {
    // Not a TOML value: the text stands for itself, and the schema judges it.
    return undefined;
  }
}

/** So many letters that only one name begins with are that name. */
const BEGINNING_MIN = 3;

/** The known name that was most likely meant, or undefined when none is near. */
export function nearest(name: string, known: readonly string[]): string | undefined {
  const wanted = name.toLowerCase();
  const begun = known.filter((candidate) => candidate.toLowerCase().startsWith(wanted));
  if (begun.length === 1 && wanted.length >= BEGINNING_MIN) return begun[0];
  let best: string | undefined;
  let bestDistance = Math.min(3, Math.floor((wanted.length + 2) / 3)) + 1;
  for (const candidate of known) {
    const distance = editDistance(wanted, candidate.toLowerCase());
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

/** Insertions, deletions, replacements and swaps of neighbours. Names are short, and cut for this. */
function editDistance(left: string, right: string): number {
  const a = left.slice(0, 64);
  const b = right.slice(0, 64);
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const isSame = a[row - 1] === b[column - 1];
      let cost = Math.min(
        at(last, column) + 1,
        at(current, column - 1) + 1,
        at(last, column - 1) + (isSame ? 0 : 1),
      );
      if (row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1]) {
        cost = Math.min(cost, at(beforeLast, column - 2) + 1);
      }
      current.push(cost);
    }
    beforeLast = last;
    last = current;
  }
  return at(last, b.length);
}

function at(row: readonly number[], column: number): number {
  return row[column] ?? Number.POSITIVE_INFINITY;
}
