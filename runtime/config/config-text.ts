/** The configuration as text: the commented default file, the effective values with their sources, the page of the docs. */
import { stringify } from "smol-toml";
import { isSecretName } from "../log/printable.ts";
import { SECRET_TEXT } from "../secret.ts";
import type { Config } from "./config.ts";
import { isTable, type KeySchema, schemaOf, schemaOfKey } from "./config-schema.ts";
import type { Section } from "./section.ts";

const LINE_WIDTH = 110;

/** Values that the file states instead of leaving them to the default, by section and key. */
export type ChosenValues = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

/** Every section and key with its sentence; defaults stand behind `#`, so that a better default of a later version counts. */
export function defaultConfigText(sections: readonly Section[], chosen: ChosenValues = {}): string {
  const lines = [
    "# Configuration of Troupe. A line that begins with # is a comment: take the # away and change the value.",
    "# The environment (TROUPE_SECTION__KEY=value) and --set section.key=value rank above this file.",
    "# Secrets are never written here: they are files of their own with mode 600, and keys here name those files.",
    "# Try your changes with: supervisor config check",
  ];
  for (const section of sections) {
    lines.push("", "", `# ${section.title}`, `[${section.name}]`);
    for (const [key, schema] of Object.entries(schemaOf(section).properties ?? {})) {
      lines.push("", ...wrapped(`${schema.description ?? ""} ${rangeSentence(schema)}`.trim()));
      const values = chosen[section.name];
      if (values !== undefined && Object.hasOwn(values, key)) lines.push(keyLine(key, values[key]));
      else if (schema.default !== undefined) lines.push(`# ${keyLine(key, schema.default)}`);
      else lines.push(`# ${key} = ${exampleOf(schema)}`);
    }
  }
  return `${lines.join("\n")}\n`;
}

/** What counts now, as TOML, with the source of every value that is not the default. Secrets are never among the values. */
export function effectiveConfigText(config: Config): string {
  const lines: string[] = [];
  for (const entry of effectiveEntries(config)) {
    if (lines.length === 0 || entry.isFirst)
      lines.push(...(lines.length === 0 ? [] : [""]), `[${entry.section}]`);
    const comment = entry.source === "default" ? "" : ` # ${entry.source}`;
    lines.push(
      entry.value === undefined
        ? `# ${entry.key} is not set`
        : `${keyLine(entry.key, entry.value)}${comment}`,
    );
  }
  return `${lines.join("\n")}\n`;
}

export interface EffectiveEntry {
  readonly section: string;
  readonly key: string;
  readonly value: unknown;
  readonly source: string;
  readonly isFirst: boolean;
}

/** Every key of every section with its value and source, for people and for `--json`. */
export function effectiveEntries(config: Config): EffectiveEntry[] {
  return config.sections.flatMap((section) => {
    const values = config.get(section) as Readonly<Record<string, unknown>>;
    const schema = schemaOf(section);
    return Object.keys(schema.properties ?? {}).map((key, index) => ({
      section: section.name,
      key,
      value: withoutSecrets(key, values[key], schemaOfKey(schema, key)),
      source: sourceOf(config, section, key),
      isFirst: index === 0,
    }));
  });
}

/** A table counts as set by whoever set a part of it last. */
function sourceOf(config: Config, section: Section, key: string): string {
  const values = config.get(section) as Readonly<Record<string, unknown>>;
  const value = values[key];
  const own = config.sourceOf(section, key);
  if (!isTable(value)) return own;
  const inner = Object.keys(value).map((each) => config.sourceOf(section, `${key}.${each}`));
  return [...new Set([own, ...inner])].filter((source) => source !== "default").join(", ") || "default";
}

/** A free table may hold anything: what is named like a secret is not shown. The path of a secret file is no secret. */
function withoutSecrets(key: string, value: unknown, schema: KeySchema | undefined): unknown {
  if (Array.isArray(value)) return value.map((item) => withoutSecrets(key, item, schema?.items));
  if (isTable(value)) {
    return Object.fromEntries(
      Object.entries(value).map(([name, inner]) => [
        name,
        withoutSecrets(name, inner, schema === undefined ? undefined : schemaOfKey(schema, name)),
      ]),
    );
  }
  const mayBeShown = schema?.secretFile === true || typeof value === "boolean" || value === undefined;
  return !mayBeShown && isSecretName(key) ? SECRET_TEXT : value;
}

/** `docs/configuration.md`, generated. */
export function configurationMarkdown(sections: readonly Section[]): string {
  const lines = [
    "# Configuration",
    "",
    "One TOML file. Above it rank the environment (`TROUPE_SECTION__KEY=value`, one more `__` for each nested table) and",
    "`--set section.key=value`. `supervisor config init` writes a commented file, `supervisor config check` tells every",
    "mistake with its line, `supervisor config print` shows what counts and where it comes from.",
    "",
    "Secrets are files that only their owner may read (mode 600); keys hold their paths. The configuration file itself",
    "must not be writable by others.",
    "",
    "This page is generated from the schemas; do not edit it.",
  ];
  for (const section of sections) {
    lines.push("", `## [${section.name}]`, "", `${section.title}.`, "");
    lines.push("| key | value | default | environment | meaning |", "|---|---|---|---|---|");
    for (const row of rowsOf(schemaOf(section), [])) {
      const variable = ["TROUPE", [section.name, ...row.path].map(variablePart).join("__")].join("_");
      const standard = row.schema.default === undefined ? "" : `\`${tomlOf(row.schema.default)}\``;
      const cells = [
        `\`${row.path.join(".")}\``,
        kindOf(row.schema),
        standard,
        `\`${variable}\``,
        row.schema.description ?? "",
      ];
      lines.push(`| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`);
    }
  }
  return `${lines.join("\n")}\n`;
}

function rowsOf(
  schema: KeySchema,
  path: readonly string[],
): { path: readonly string[]; schema: KeySchema }[] {
  return Object.entries(schema.properties ?? {}).flatMap(([key, inner]) => {
    const row = { path: [...path, key], schema: inner };
    return inner.properties === undefined ? [row] : [row, ...rowsOf(inner, row.path)];
  });
}

function variablePart(name: string): string {
  return name.toUpperCase().replaceAll("-", "_");
}

/** What kind of value a key takes, short. */
function kindOf(schema: KeySchema): string {
  if (schema.enum !== undefined) return schema.enum.map((each) => `\`${tomlOf(each)}\``).join(", ");
  if (schema.const !== undefined) return `\`${tomlOf(schema.const)}\``;
  if (schema.anyOf !== undefined) return schema.anyOf.map(kindOf).join(" or ");
  if (schema.secretFile === true) return "path of a secret file";
  switch (schema.type) {
    case "integer":
    case "number":
      return `${schema.type === "integer" ? "whole number" : "number"}${rangeOf(schema)}`;
    case "boolean":
      return "true or false";
    case "array":
      return `list of ${schema.items === undefined ? "values" : kindOf(schema.items)}`;
    case "object":
      return schema.properties === undefined ? "table by name" : "table";
    default:
      return "text";
  }
}

function rangeOf(schema: KeySchema): string {
  const least = bound(schema.minimum);
  const most = bound(schema.maximum);
  if (least !== undefined && most !== undefined) return ` ${least} to ${most}`;
  if (least !== undefined) return ` from ${least}`;
  return most === undefined ? "" : ` up to ${most}`;
}

/** The ends of what a double can count are not limits that anybody set. */
function bound(value: number | undefined): number | undefined {
  return value === undefined || Math.abs(value) >= Number.MAX_SAFE_INTEGER ? undefined : value;
}

function rangeSentence(schema: KeySchema): string {
  if (schema.enum !== undefined) return `One of ${schema.enum.map(tomlOf).join(", ")}.`;
  const range = rangeOf(schema);
  return range === "" ? "" : `${range.trim().replace(/^./, (first) => first.toUpperCase())}.`;
}

function exampleOf(schema: KeySchema): string {
  if (schema.anyOf?.[0] !== undefined) return exampleOf(schema.anyOf[0]);
  if (schema.enum?.[0] !== undefined) return tomlOf(schema.enum[0]);
  if (schema.const !== undefined) return tomlOf(schema.const);
  if (schema.type === "integer" || schema.type === "number") return String(bound(schema.minimum) ?? 0);
  if (schema.type === "boolean") return "false";
  if (schema.type === "array") return "[]";
  return schema.type === "object" ? "{}" : '""';
}

function keyLine(key: string, value: unknown): string {
  return `${key} = ${tomlOf(value)}`;
}

/** A value as TOML on one line. */
function tomlOf(value: unknown): string {
  if (isTable(value)) {
    const parts = Object.entries(value).filter(([, inner]) => inner !== undefined);
    if (parts.length === 0) return "{}";
    return `{ ${parts.map(([key, inner]) => `${bareOrQuoted(key)} = ${tomlOf(inner)}`).join(", ")} }`;
  }
  if (Array.isArray(value)) return `[${value.map(tomlOf).join(", ")}]`;
  return stringify({ v: value }).trim().slice("v = ".length);
}

function bareOrQuoted(key: string): string {
  return /^[A-Za-z0-9_-]+$/.test(key) ? key : JSON.stringify(key);
}

function wrapped(text: string): string[] {
  const lines: string[] = [];
  let line = "#";
  for (const word of text.split(" ")) {
    if (line.length + 1 + word.length > LINE_WIDTH && line !== "#") {
      lines.push(line);
      line = "#";
    }
    line += ` ${word}`;
  }
  return text === "" ? [] : [...lines, line];
}
