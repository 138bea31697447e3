/** The structure rules of this repository as functions from a tree of sources to sentences about what breaks them. */
import { folderOf, isTest, isTool, type SourceFile } from "./source-tree.ts";

/**
 * What each room may import besides itself. Rooms are top-level folders; under `actors/` each actor is one.
 * `docs`, `bench` and `tests` may import anything and nothing imports them.
 */
export const LAYERS: Readonly<Record<string, readonly string[]>> = {
  runtime: [],
  bitcoin: [],
  bitcoind: ["bitcoin", "runtime"],
  bus: ["bitcoin", "runtime"],
  joinmarket: ["bitcoin", "runtime"],
  "actors/node": ["bus", "bitcoind", "bitcoin", "runtime"],
  "actors/indexer": ["bus", "bitcoind", "bitcoin", "runtime"],
  "actors/mempool": ["bus", "bitcoind", "bitcoin", "runtime"],
  "actors/walletd": ["bus", "joinmarket", "bitcoin", "runtime"],
  "actors/maker": ["bus", "joinmarket", "bitcoin", "runtime"],
  "actors/taker": ["bus", "joinmarket", "bitcoin", "runtime"],
  "actors/ledger": ["bus", "bitcoin", "runtime"],
  "actors/directory": ["bus", "joinmarket", "bitcoin", "runtime"],
  "actors/gateway": ["bus", "bitcoin", "runtime"],
  supervisor: ["bus", "runtime"],
  cli: ["supervisor", "bus", "runtime"],
};

/** Of an actor, the node's client and the market the supervisor knows the section of the configuration and nothing else. */
const SUPERVISOR_SEES = /^(actors\/[^/]+|bitcoind|joinmarket\/channel)\/config\.ts$/;

/** The doctor asks the node as the actors will ask it: a second client of its own would one day judge otherwise. */
const DOCTOR = /^supervisor\/doctor\//;
const DOCTOR_SEES = /^(bitcoind\/[^/]+|bitcoin\/network)\.ts$/;

/** Words are judged while they are typed, with the list before the person's eyes; nothing is made of them here. */
const WORDS_INPUT = /^cli\/wallet\/input\//;
const WORDS_INPUT_SEES = /^bitcoin\/keys\/mnemonic\.ts$/;

/** Which files may import a package. A package that is not here may not be imported at all. */
export const PACKAGE_IMPORTERS: Readonly<Record<string, RegExp>> = {
  "@clack/prompts": /^cli\//,
  "@fastify/*": /^actors\/gateway\/http\//,
  "@opentelemetry/api": /./,
  "@opentelemetry/*": /^runtime\//,
  "@scure/bip39": /^bitcoin\//,
  "@xmpp/*": /^actors\/gateway\/xmpp\/link\//,
  bip32: /^bitcoin\//,
  "bitcoinjs-lib": /^bitcoin\//,
  "bitcore-lib": /^bitcoind\//,
  "cli-table3": /^cli\//,
  comlink: /^runtime\/control\.ts$/,
  commander: /^cli\//,
  ecpair: /^bitcoin\//,
  fastify: /^actors\/gateway\/http\//,
  "hash-wasm": /^actors\/walletd\//,
  "irc-framework": /^joinmarket\/channel\/irc\//,
  lmdb: /(^|\/)store\.ts$|^actors\/indexer\/store\//,
  nats: /^bus\/carrier\/nats\.ts$/,
  "nkeys.js": /^bus\/carrier\/nkey\.ts$/,
  pino: /^runtime\/log\//,
  piscina: /^actors\/indexer\//,
  socks: /^runtime\/dial\.ts$/,
  "smol-toml": /^runtime\/config\//,
  "tiny-secp256k1": /^bitcoin\//,
  tweetnacl: /^joinmarket\//,
  undici: /^bitcoind\//,
  uqr: /^cli\/|^actors\/gateway\/xmpp\/disco\/qr\.ts$/,
  ws: /^actors\/gateway\/electrum\/carrier\/websocket-codec\.ts$/,
  zod: /./,
};

const FILE_LINES_MAX = 500;
/** A table of cases may be long; it is read from top to bottom, case by case. */
const TEST_LINES_MAX = 800;
const FOLDER_FILES_MAX = 12;

/** Files and folders above the ceilings, with what they measure today: the number may only go down. */
export interface Exceptions {
  readonly fileLines: Readonly<Record<string, number>>;
  readonly folderFiles: Readonly<Record<string, number>>;
}

export function roomOf(path: string): string {
  const [top = "", second = ""] = path.split("/");
  return top === "actors" ? `actors/${second}` : top;
}

/** Imports only run downwards, as the table says; actors never import each other. */
export function layerViolations(files: readonly SourceFile[]): string[] {
  const violations: string[] = [];
  for (const file of files) {
    if (isTest(file.path) || isTool(file.path)) continue;
    const room = roomOf(file.path);
    const allowed = LAYERS[room];
    if (allowed === undefined) {
      violations.push(`${file.path}: the room "${room}" has no row in the table of layers`);
      continue;
    }
    for (const { file: target } of file.imports) {
      if (target === undefined) continue;
      const targetRoom = roomOf(target);
      if (targetRoom === room || allowed.includes(targetRoom)) continue;
      if (room === "supervisor" && SUPERVISOR_SEES.test(target)) continue;
      if (DOCTOR.test(file.path) && DOCTOR_SEES.test(target)) continue;
      if (WORDS_INPUT.test(file.path) && WORDS_INPUT_SEES.test(target)) continue;
      violations.push(`${file.path}: ${room} may not import ${target}`);
    }
  }
  return violations;
}

/** A relative import names an existing file with its extension. */
export function unresolvedImports(files: readonly SourceFile[]): string[] {
  const known = new Set(files.map(({ path }) => path));
  return files.flatMap(({ path, imports }) =>
    imports
      .filter(({ file }) => file !== undefined && !file.endsWith(".json") && !known.has(file))
      .map(
        ({ specifier }) => `${path}: "${specifier}" names no file; write the source's name, ending in .ts`,
      ),
  );
}

/** Circles of imports, type-only ones included: each is named once by its files. Tarjan's strongly connected components. */
export function cycles(files: readonly SourceFile[]): string[] {
  const byPath = new Map(files.map((file) => [file.path, file]));
  const index = new Map<string, number>();
  const low = new Map<string, number>();
  const onStack = new Set<string>();
  const stack: string[] = [];
  const found: string[] = [];

  const visit = (path: string) => {
    const own = index.size;
    index.set(path, own);
    low.set(path, own);
    stack.push(path);
    onStack.add(path);
    for (const { file: target } of byPath.get(path)?.imports ?? []) {
      if (target === undefined || !byPath.has(target)) continue;
      if (!index.has(target)) visit(target);
      if (onStack.has(target)) low.set(path, Math.min(low.get(path) ?? own, low.get(target) ?? own));
    }
    if (low.get(path) !== own) return;
    const members = stack.splice(stack.indexOf(path));
    for (const member of members) onStack.delete(member);
    const importsItself = byPath.get(path)?.imports.some(({ file }) => file === path) ?? false;
    if (members.length > 1 || importsItself) found.push(`circle: ${members.sort().join(" <-> ")}`);
  };
  for (const { path } of files) if (!index.has(path)) visit(path);
  return found;
}

/** Each package has its few importers, so that it can be replaced in one place. Tests may use any. */
export function packageViolations(files: readonly SourceFile[]): string[] {
  const violations: string[] = [];
  for (const { path, imports } of files) {
    if (isTest(path) || isTool(path)) continue;
    for (const { packageName } of imports) {
      if (packageName === undefined) continue;
      const scope = `${packageName.split("/")[0]}/*`;
      const importers = PACKAGE_IMPORTERS[packageName] ?? PACKAGE_IMPORTERS[scope];
      if (importers === undefined)
        violations.push(`${path}: nobody has been named to import "${packageName}"`);
      else if (!importers.test(path))
        violations.push(`${path}: "${packageName}" is for ${importers.source} only`);
    }
  }
  return violations;
}

/** Production never runs on a fake, nor on a clock that stands still; nothing imports tests, benchmarks or documents. */
export function testOnlyViolations(files: readonly SourceFile[]): string[] {
  const violations: string[] = [];
  for (const { path, text, imports } of files) {
    if (isTest(path)) continue;
    for (const { file: target } of imports) {
      if (target === undefined) continue;
      const isFake = /(^|\/)(fake|fake-[^/]+|[^/]+-fake)\.ts$/.test(target);
      if (isFake && !isTool(path)) violations.push(`${path}: imports the fake ${target}`);
      const isOutside = isTest(target) || target.startsWith("bench/") || target.startsWith("docs/");
      if (isOutside && !isTool(path))
        violations.push(`${path}: imports ${target}, which is not part of the program`);
    }
    if (path !== "runtime/clock.ts" && !isTool(path) && /\bManualClock\b/.test(text)) {
      violations.push(`${path}: uses ManualClock, which is for tests`);
    }
  }
  return violations;
}

const COLLECTING_NAMES = new Set([
  "index",
  "types",
  "interfaces",
  "utils",
  "util",
  "helpers",
  "common",
  "misc",
]);

/** One noun per file: kebab-case, no barrels, no names that collect everything. */
export function nameViolations(files: readonly SourceFile[]): string[] {
  const violations: string[] = [];
  for (const { path } of files) {
    const name = path.slice(path.lastIndexOf("/") + 1).replace(/(\.test|\.config|\.d)?\.ts$/, "");
    if (COLLECTING_NAMES.has(name)) violations.push(`${path}: "${name}" says nothing of what is inside`);
    else if (!/^[a-z0-9]+(-[a-z0-9]+)*$/.test(name)) violations.push(`${path}: not kebab-case`);
  }
  return violations;
}

/** The first line is one sentence that says what the file is: readers and tools show it as the caption. */
export function captionViolations(files: readonly SourceFile[]): string[] {
  // A command begins with the line that names its interpreter.
  const firstLine = (text: string) => text.replace(/^#!.*\n/, "").split("\n")[0] ?? "";
  return files
    .filter(({ path, text }) => !isTest(path) && !isTool(path) && !/^\/\*\* \S/.test(firstLine(text)))
    .map(({ path }) => `${path}: the first line is not a caption "/** … */"`);
}

/** Files and folders stay small enough to be read at a sitting. */
export function sizeViolations(files: readonly SourceFile[], exceptions: Exceptions): string[] {
  const folders = new Map<string, number>();
  for (const { path } of files) {
    if (path.endsWith(".test.ts")) continue;
    folders.set(folderOf(path), (folders.get(folderOf(path)) ?? 0) + 1);
  }
  const lines = (tests: boolean) =>
    new Map(
      files.filter(({ path }) => isTest(path) === tests).map(({ path, lineCount }) => [path, lineCount]),
    );
  const exceptionsOf = (tests: boolean) =>
    Object.fromEntries(Object.entries(exceptions.fileLines).filter(([path]) => isTest(path) === tests));
  return [
    ...ceiling("lines", lines(false), FILE_LINES_MAX, exceptionsOf(false)),
    ...ceiling("lines", lines(true), TEST_LINES_MAX, exceptionsOf(true)),
    ...ceiling("source files", folders, FOLDER_FILES_MAX, exceptions.folderFiles),
  ];
}

function ceiling(
  unit: string,
  measured: ReadonlyMap<string, number>,
  max: number,
  exceptions: Readonly<Record<string, number>>,
): string[] {
  const violations: string[] = [];
  for (const [path, count] of measured) {
    const limit = exceptions[path] ?? max;
    if (count > limit) violations.push(`${path}: ${count} ${unit}, at most ${limit}`);
  }
  for (const [path, limit] of Object.entries(exceptions)) {
    const count = measured.get(path) ?? 0;
    if (count <= max) violations.push(`${path}: needs no exception any more (${count} ${unit})`);
    else if (count < limit)
      violations.push(`${path}: the exception may shrink from ${limit} to ${count} ${unit}`);
  }
  return violations;
}

/** A place of one machine, where no other has it. Written in pieces so that this file does not find itself. */
const MACHINE_PATHS = new RegExp(
  [
    "/" + "work/",
    "/" + "root/",
    "/" + "home/[a-z]+/",
    "C:" + "\\\\Users",
    "registry\\.npmjs\\.",
    "deb\\.debian\\.",
  ].join("|"),
);

/** Nothing committed knows on which machine it was written, or where that machine gets its packages. */
export function machinePaths(texts: ReadonlyMap<string, string>): string[] {
  const violations: string[] = [];
  for (const [path, text] of texts) {
    text.split("\n").forEach((line, at) => {
      if (MACHINE_PATHS.test(line)) violations.push(`${path}:${at + 1}: names a place of one machine`);
    });
  }
  return violations;
}
