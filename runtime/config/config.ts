/** The configuration: one TOML file, then the environment, then the command line, checked against the rooms' sections. */
import { parse, TomlError } from "smol-toml";
import type { z } from "zod";
import { assert, TroupeError } from "../errors.ts";
import { isSecretName } from "../log/printable.ts";
import { readConfigFile } from "./config-file.ts";
import { type ConfigProblem, issueText, problemText } from "./config-problem.ts";
import {
  isTable,
  type KeySchema,
  nearest,
  schemaOf,
  schemaOfKey,
  unknownKeys,
  valueOfText,
} from "./config-schema.ts";
import type { Section } from "./section.ts";
import { TomlLines } from "./toml-lines.ts";

export type ConfigSource = "default" | "file" | "environment" | "flag";

export interface ConfigInput {
  readonly sections: readonly Section[];
  /** The file's path; none: everything is default, environment and flags. */
  readonly file?: string | undefined;
  /** A missing file is then no mistake. */
  readonly isFileOptional?: boolean;
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** `section.key=value`, as given with `--set`. */
  readonly overrides?: readonly string[];
}

export interface Config {
  /** The file that was read, if one was. */
  readonly file: string | undefined;
  readonly sections: readonly Section[];
  get<S extends z.ZodObject>(section: Section<S>): z.output<S>;
  /** Where a key's value comes from; `key` may be dotted for a nested table. */
  sourceOf(section: Section, key: string): ConfigSource;
}

export type ConfigCheck =
  | { readonly ok: true; readonly config: Config }
  | { readonly ok: false; readonly problems: readonly ConfigProblem[] };

/** Throws `RUNTIME_CONFIG_INVALID` with every mistake, one line each, or `RUNTIME_CONFIG_UNREADABLE`/`_EXPOSED`. */
export function loadConfig(input: ConfigInput): Config {
  const check = checkConfig(input);
  if (check.ok) return check.config;
  const lines = check.problems.map(problemText);
  throw new TroupeError({ code: "RUNTIME_CONFIG_INVALID", problems: lines }, lines.join("\n"));
}

/** Like `loadConfig`, with the mistakes as data. A file that cannot be read at all still throws. */
export function checkConfig(input: ConfigInput): ConfigCheck {
  const text =
    input.file === undefined ? undefined : readConfigFile(input.file, input.isFileOptional ?? false);
  return new Reading(input, text).run();
}

/** More mistakes than this are one mistake: the wrong file. */
const PROBLEMS_MAX = 100;
const ENVIRONMENT_PREFIX = "TROUPE_";

interface Layer {
  readonly source: ConfigSource;
  /** How a person would look the value up again. */
  readonly place: string;
}

/** One reading of all layers. Collects mistakes instead of stopping at the first. */
class Reading {
  readonly #sections: readonly Section[];
  readonly #schemas = new Map<string, KeySchema>();
  readonly #values = new Map<string, Record<string, unknown>>();
  readonly #layers = new Map<string, Layer>();
  readonly #problems: ConfigProblem[] = [];
  readonly #input: ConfigInput;
  readonly #text: string | undefined;
  #lines: TomlLines | undefined;

  constructor(input: ConfigInput, text: string | undefined) {
    this.#input = input;
    this.#text = text;
    this.#sections = input.sections;
    for (const section of input.sections) {
      assert(/^[a-z][a-z0-9_-]*$/.test(section.name), `[${section.name}] is a name for a section`);
      assert(!this.#schemas.has(section.name), `[${section.name}] is declared once`);
      this.#schemas.set(section.name, schemaOf(section));
      this.#values.set(section.name, {});
    }
  }

  run(): ConfigCheck {
    if (this.#text !== undefined) this.#readFile(this.#text);
    for (const [name, text] of Object.entries(this.#input.environment ?? {}).sort(byName)) {
      if (text !== undefined && name.startsWith(ENVIRONMENT_PREFIX)) this.#readVariable(name, text);
    }
    for (const override of this.#input.overrides ?? []) this.#readOverride(override);
    const outputs = new Map<string, unknown>();
    for (const section of this.#sections) outputs.set(section.name, this.#validate(section));
    if (this.#problems.length > 0) return { ok: false, problems: this.#sortedProblems() };
    return { ok: true, config: this.#config(outputs) };
  }

  #readFile(text: string): void {
    const file = this.#input.file ?? "";
    let document: Record<string, unknown>;
    try {
      document = parse(text, { integersAsBigInt: "asNeeded" });
    } catch (error) {
      if (!(error instanceof TomlError)) throw error;
      const [what] = error.message.replace(/^Invalid TOML document: /, "").split("\n");
      this.#problems.push({
        place: `${file}:${error.line}:${error.column}`,
        line: error.line,
        section: undefined,
        key: undefined,
        message: `this is not TOML: ${what}`,
      });
      return;
    }
    this.#lines = new TomlLines(text);
    for (const [name, value] of Object.entries(document)) this.#readTable(name, value);
  }

  #readTable(name: string, value: unknown): void {
    const schema = this.#schemas.get(name);
    if (schema === undefined) {
      this.#unknownSection(name, value);
    } else if (!isTable(value)) {
      this.#addFileProblem([name], `expected a table, written as [${name}]`);
    } else {
      this.#values.set(name, value);
      for (const unknown of unknownKeys(schema, value)) {
        this.#addFileProblem(
          [name, ...unknown.path],
          this.#unknownKeyText(name, unknown.path, unknown.known),
        );
      }
    }
  }

  #unknownSection(name: string, value: unknown): void {
    if (isTable(value)) {
      this.#addFileProblem([name], this.#unknownSectionText(name));
      return;
    }
    const homes = this.#homesOf(name);
    const hint =
      homes.length === 0 ? "every key stands below a [section]" : `it belongs below ${homes.join(" or ")}`;
    this.#problems.push({
      place: this.#placeInFile([name]),
      line: this.#lines?.lineOf([name]),
      section: undefined,
      key: name,
      message: `this key is in no section; ${hint}`,
    });
  }

  #unknownSectionText(name: string): string {
    const known = this.#sections.map((section) => section.name);
    const meant = nearest(name, known);
    return meant === undefined
      ? `there is no such section; there are ${known.map((each) => `[${each}]`).join(", ")}`
      : `there is no such section; did you mean [${meant}]?`;
  }

  #unknownKeyText(section: string, path: readonly string[], known: readonly string[]): string {
    const key = path.at(-1) ?? "";
    // A name that is right elsewhere is more likely in the wrong place than a slip for one that is right here.
    const homes = this.#homesOf(key).filter((home) => home !== `[${section}]`);
    if (homes.length > 0) return `there is no such key here; it belongs below ${homes.join(" or ")}`;
    const meant = nearest(key, known);
    if (meant !== undefined) return `there is no such key; did you mean "${meant}"?`;
    if (isSecretName(key)) {
      return "there is no such key, and secrets are not kept here: put it into a file of its own with mode 600 and name that file";
    }
    return known.length === 0
      ? "there is no such key"
      : `there is no such key; there are ${known.join(", ")}`;
  }

  /** The sections that declare a key of this name. */
  #homesOf(key: string): string[] {
    return this.#sections
      .filter((section) => Object.hasOwn(this.#schemas.get(section.name)?.properties ?? {}, key))
      .map((section) => `[${section.name}]`);
  }

  /** `TROUPE_BUS__MODE`, `TROUPE_BUS__TLS__CA`. Variables of another form are other people's, unless they look like a slip. */
  #readVariable(name: string, text: string): void {
    const [sectionPart = "", ...keyParts] = name.slice(ENVIRONMENT_PREFIX.length).split("__");
    const section = this.#sections.find((each) => variableName(each.name) === sectionPart);
    const add = (message: string, key?: string) =>
      this.#problems.push({ place: name, line: undefined, section: section?.name, key, message });
    if (keyParts.length === 0) {
      const meant = this.#sections.find((each) => sectionPart.startsWith(`${variableName(each.name)}_`));
      if (meant === undefined) return;
      const start = `${ENVIRONMENT_PREFIX}${variableName(meant.name)}`;
      add(
        `did you mean ${start}__${name.slice(start.length + 1)}? Section and key are parted by two underscores`,
      );
      return;
    }
    if (section === undefined) {
      const meant = nearest(
        sectionPart,
        this.#sections.map((each) => variableName(each.name)),
      );
      add(
        meant === undefined
          ? "there is no such section"
          : `there is no such section; did you mean ${ENVIRONMENT_PREFIX}${meant}__…?`,
      );
      return;
    }
    const path: string[] = [];
    let schema = this.#schemas.get(section.name);
    for (const part of keyParts) {
      const known = Object.keys(schema?.properties ?? {});
      const key = known.find((each) => variableName(each) === part) ?? part.toLowerCase();
      schema = schema === undefined ? undefined : schemaOfKey(schema, key);
      path.push(key);
      if (schema === undefined)
        return void add(this.#unknownKeyText(section.name, path, known), path.join("."));
    }
    this.#set(section.name, path, valueOfText(schema ?? {}, text), { source: "environment", place: name });
  }

  /** `bus.mode=spawn`. */
  #readOverride(override: string): void {
    const equals = override.indexOf("=");
    const [name = "", ...path] = (equals === -1 ? override : override.slice(0, equals)).split(".");
    const place = `--set ${equals === -1 ? override : override.slice(0, equals)}`;
    const add = (message: string, section?: string, key?: string) =>
      this.#problems.push({ place, line: undefined, section, key, message });
    if (equals === -1 || path.length === 0 || path.includes("")) {
      add("expected section.key=value, such as --set log.level=debug");
      return;
    }
    let schema = this.#schemas.get(name);
    if (schema === undefined) {
      add(this.#unknownSectionText(name), name);
      return;
    }
    for (const [index, key] of path.entries()) {
      const known = Object.keys(schema.properties ?? {});
      const inner = schemaOfKey(schema, key);
      if (inner === undefined) {
        add(
          this.#unknownKeyText(name, path.slice(0, index + 1), known),
          name,
          path.slice(0, index + 1).join("."),
        );
        return;
      }
      schema = inner;
    }
    this.#set(name, path, valueOfText(schema, override.slice(equals + 1)), { source: "flag", place });
  }

  /** Sets a value of a higher layer; tables on the way are copied, so that the document stays as it was read. */
  #set(section: string, path: readonly string[], value: unknown, layer: Layer): void {
    const root: Record<string, unknown> = { ...this.#values.get(section) };
    let table = root;
    for (const key of path.slice(0, -1)) {
      const inner = Object.hasOwn(table, key) ? table[key] : undefined;
      const copy: Record<string, unknown> = isTable(inner) ? { ...inner } : {};
      define(table, key, copy);
      table = copy;
    }
    define(table, path.at(-1) ?? "", value);
    this.#values.set(section, root);
    this.#layers.set(layerName(section, path), layer);
  }

  #validate(section: Section): unknown {
    const result = section.schema.safeParse(this.#values.get(section.name), { reportInput: true });
    if (result.success) return result.data;
    for (const issue of result.error.issues) {
      const message = issueText(issue);
      const layer = this.#layerOf(section.name, issue.path);
      const key = issue.path.length === 0 ? undefined : issue.path.map(String).join(".");
      if (layer !== undefined) {
        this.#problems.push({ place: layer.place, line: undefined, section: section.name, key, message });
      } else {
        this.#addFileProblem([section.name, ...issue.path], message);
      }
    }
    return undefined;
  }

  #addFileProblem(path: readonly PropertyKey[], message: string): void {
    const key = path.slice(1).map(String).join(".");
    this.#problems.push({
      place: this.#placeInFile(path),
      line: this.#lines?.lineOf(path),
      section: String(path[0]),
      key: key === "" ? undefined : key,
      message,
    });
  }

  #placeInFile(path: readonly PropertyKey[]): string {
    if (this.#text === undefined) return "configuration";
    const line = this.#lines?.lineOf(path);
    return line === undefined ? (this.#input.file ?? "") : `${this.#input.file}:${line}`;
  }

  /** The layer above the file that set this path, a table around it, or something inside it. */
  #layerOf(section: string, path: readonly PropertyKey[]): Layer | undefined {
    const keys = path.filter((key) => typeof key === "string");
    for (let length = keys.length; length > 0; length--) {
      const layer = this.#layers.get(layerName(section, keys.slice(0, length)));
      if (layer !== undefined) return layer;
    }
    const isInFile = this.#lines?.lineOf([section, ...path]) !== undefined;
    if (isInFile) return undefined;
    const inside = [...this.#layers].find(([name]) => name.startsWith(`${layerName(section, keys)}.`));
    return inside?.[1];
  }

  #sortedProblems(): ConfigProblem[] {
    const line = (problem: ConfigProblem) => problem.line ?? Number.MAX_SAFE_INTEGER;
    return [...this.#problems].sort((left, right) => line(left) - line(right)).slice(0, PROBLEMS_MAX);
  }

  #config(outputs: ReadonlyMap<string, unknown>): Config {
    const values = this.#values;
    const layerOf = (section: string, path: readonly string[]) => this.#layerOf(section, path);
    return Object.freeze({
      file: this.#text === undefined ? undefined : this.#input.file,
      sections: this.#sections,
      get<S extends z.ZodObject>(section: Section<S>): z.output<S> {
        assert(outputs.has(section.name), `[${section.name}] is among the sections that were loaded`);
        return outputs.get(section.name) as z.output<S>;
      },
      sourceOf(section: Section, key: string): ConfigSource {
        const path = key.split(".");
        const layer = layerOf(section.name, path);
        if (layer !== undefined) return layer.source;
        let value: unknown = values.get(section.name);
        for (const part of path)
          value = isTable(value) && Object.hasOwn(value, part) ? value[part] : undefined;
        return value === undefined ? "default" : "file";
      },
    });
  }
}

function variableName(name: string): string {
  return name.toUpperCase().replaceAll("-", "_");
}

function layerName(section: string, path: readonly string[]): string {
  return [section, ...path].join(".");
}

function byName(left: readonly [string, unknown], right: readonly [string, unknown]): number {
  return left[0] < right[0] ? -1 : 1;
}

/** Plain assignment would let a key named `__proto__` change the table's prototype. */
function define(table: Record<string, unknown>, key: string, value: unknown): void {
  Object.defineProperty(table, key, { value, enumerable: true, configurable: true, writable: true });
}
