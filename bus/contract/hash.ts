/** The fingerprint of a declaration: equal on both sides when caller and callee were built from the same words. */
import { createHash } from "node:crypto";
import { z } from "zod";
import type { Contract, RpcDeclaration } from "./contract.ts";

/** Words for people: they may change without changing what travels. */
const WORDS = new Set(["$schema", "title", "description", "examples", "deprecated", "$comment"]);
/** Under these keys stand names chosen by the contract, not words of JSON Schema. */
const NAME_TABLES = new Set(["properties", "patternProperties", "$defs", "definitions"]);

/** JSON Schema of a contract's schema, as it is on the wire; throws on what JSON cannot carry (bigint, Date, transforms). */
export function wireSchema(schema: z.ZodType, direction: "input" | "output"): Record<string, unknown> {
  return z.toJSONSchema(schema, {
    io: direction,
    override: ({ zodSchema, jsonSchema }) => {
      if (zodSchema._zod.def.type === "custom") Object.assign(jsonSchema, { contentEncoding: "binary" });
    },
    unrepresentable: hasOnlyBytes(schema) ? "any" : "throw",
  }) as Record<string, unknown>;
}

/** What was reckoned before, by declaration and subject: every contract has the same declarations of what all actors answer. */
const METHOD_HASHES = new WeakMap<RpcDeclaration, Map<string, string>>();

/** First 8 hex digits of SHA-256 over one method: its subject, its schemas, its refusals. Sent as `c=`. */
export function methodHash(contractName: string, method: string, declaration: RpcDeclaration): string {
  const subject = `troupe.v1.rpc.${contractName}.*.${method}.*`;
  const hashes = METHOD_HASHES.get(declaration) ?? new Map<string, string>();
  METHOD_HASHES.set(declaration, hashes);
  const known = hashes.get(subject);
  if (known !== undefined) return known;
  const made = hash8({
    subject,
    input: wireSchema(declaration.input, "input"),
    output: wireSchema(declaration.output, "output"),
    content: [declaration.requestContent ?? "json", declaration.content ?? "json"],
    errors: Object.fromEntries(
      Object.entries(declaration.errors ?? {}).map(([code, schema]) => [code, wireSchema(schema, "output")]),
    ),
    idempotency: declaration.idempotency,
  });
  hashes.set(subject, made);
  return made;
}

/** The same over the whole contract: what `$SRV.INFO` and the documentation tell. */
export function contractHash(contract: Contract): string {
  const { name } = contract;
  return hash8({
    rpcs: Object.entries(contract.rpcs).map(([method, declaration]) => [
      method,
      methodHash(name, method, declaration),
    ]),
    events: Object.entries(contract.events).map(([event, { body, keyed }]) => [
      event,
      keyed === true,
      wireSchema(body, "output"),
    ]),
    states: Object.entries(contract.states).map(([state, { body }]) => [state, wireSchema(body, "output")]),
  });
}

/** JSON with sorted keys and without the words for people. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(canonical(value, false));
}

function hash8(value: unknown): string {
  return createHash("sha256").update(canonicalJson(value)).digest("hex").slice(0, 8);
}

function canonical(value: unknown, isNameTable: boolean): unknown {
  if (Array.isArray(value)) return value.map((item) => canonical(item, false));
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value)
    .filter(([key, item]) => item !== undefined && (isNameTable || !WORDS.has(key)))
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, item]) => [key, canonical(item, !isNameTable && NAME_TABLES.has(key))]);
  return Object.fromEntries(entries);
}

function hasOnlyBytes(schema: z.ZodType): boolean {
  return schema._zod.def.type === "custom";
}
