/** Makes a clone ready to run: checks Node, installs what package-lock.json says, compiles. Does nothing when nothing changed. */
import { createHash } from "node:crypto";
import {
  chmodSync,
  closeSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { basename, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { ROOT, run, runTool, say } from "./process.mjs";

const NODE_MINIMUM = [20, 19];
const NODE_MODULES = join(ROOT, "node_modules");
const DIST = join(ROOT, "dist");
/** What the last good build was made from. Not inside `node_modules`, which `npm ci` empties. */
const BUILD_STAMP = join(DIST, ".built-from");
const LOCK = join(ROOT, ".setup.lock");
/** An install on a slow line takes minutes, never this long. */
const LOCK_WAIT_MS = 20 * 60_000;

/** What is wrong and what to do, for people: printed without a stack. */
export class SetupError extends Error {}

export async function setup({ rebuild = false } = {}) {
  checkNode();
  if (packagesInstalled() && !rebuild && sourcesBuilt()) return;
  const release = await takeLock();
  try {
    if (!packagesInstalled()) await install();
    if (rebuild || !sourcesBuilt()) await build();
  } finally {
    release();
  }
}

function checkNode() {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  const [needMajor, needMinor] = NODE_MINIMUM;
  if (major > needMajor || (major === needMajor && minor >= needMinor)) return;
  throw new SetupError(
    `Troupe needs Node.js ${needMajor}.${needMinor} or newer; this is ${process.versions.node} (${process.execPath}).\n` +
      "Install a newer one from your distribution or nodejs.org and start again.",
  );
}

/**
 * npm writes `node_modules/.package-lock.json` as the last act of an install: it is there only when the install
 * was finished, and it says what is installed. Comparing it with our lock file needs no stamp of our own.
 */
export function packagesInstalled() {
  const installedPath = join(NODE_MODULES, ".package-lock.json");
  if (!existsSync(installedPath)) return false;
  const wanted = JSON.parse(readFileSync(join(ROOT, "package-lock.json"), "utf8")).packages;
  let installed;
  try {
    installed = JSON.parse(readFileSync(installedPath, "utf8")).packages;
  } catch {
    return false; // cut short while it was written: install again
  }
  // Optional packages are those of other platforms: absent is fine, another version is not.
  return Object.entries(wanted).every(([path, { version, optional }]) => {
    const found = installed[path];
    return path === "" || (found === undefined ? optional === true : found.version === version);
  });
}

async function install() {
  if (existsSync(NODE_MODULES) && lstatSync(NODE_MODULES).isSymbolicLink()) {
    throw new SetupError(
      "node_modules is a link to another checkout's and does not fit package-lock.json. " +
        "Run `npm ci` there, or remove the link and start again.",
    );
  }
  say("setup: installing the packages of package-lock.json (half a minute on a good line)");
  const startedMs = Date.now();
  // Under `npm test` the environment names the npm that runs us; outside it, the one on the path.
  const npm = process.env.npm_execpath;
  const [command, first] =
    npm !== undefined && basename(npm) === "npm-cli.js" ? [process.execPath, [npm]] : ["npm", []];
  const args = ["ci", "--include=dev", "--include=optional", "--no-audit", "--no-fund", "--loglevel=error"];
  const { code } = await run(command, [...first, ...args], { stdio: ["ignore", 2, 2] });
  if (code !== 0)
    throw new SetupError("`npm ci` failed; its last lines above say why. Mend that and start again.");
  if (!packagesInstalled()) {
    throw new SetupError(
      "`npm ci` ended well but not every package of package-lock.json is there; run it by hand.",
    );
  }
  say(`setup: packages installed in ${seconds(startedMs)}`);
}

function sourcesBuilt() {
  if (!existsSync(BUILD_STAMP)) return false;
  return readFileSync(BUILD_STAMP, "utf8") === sourcesSignature();
}

async function build() {
  say("setup: compiling");
  const startedMs = Date.now();
  const signature = sourcesSignature();
  rmSync(BUILD_STAMP, { force: true });
  const { code } = await runTool("typescript/bin/tsc", ["-p", "tsconfig.json"], { stdio: ["ignore", 2, 2] });
  if (code !== 0) throw new SetupError("The sources do not compile; the compiler's lines above say where.");
  removeOrphans(DIST, ROOT);
  mkdirSync(DIST, { recursive: true });
  makeCommandsRunnable();
  writeFileSync(BUILD_STAMP, signature);
  say(`setup: compiled in ${seconds(startedMs)}`);
}

/** npm does so when it links them, which it does once for a directory: not again for another clone in the same place. */
function makeCommandsRunnable() {
  const { bin } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
  for (const file of Object.values(bin)) {
    if (existsSync(join(ROOT, file))) chmodSync(join(ROOT, file), 0o755);
  }
}

/** Names, sizes and times of all that the compiler reads: a changed, added or removed file makes another signature. */
function sourcesSignature() {
  const hash = createHash("sha256");
  const { include } = JSON.parse(readFileSync(join(ROOT, "tsconfig.json"), "utf8"));
  for (const file of ["tsconfig.json", "package-lock.json"]) addStat(hash, file);
  for (const directory of include) {
    if (!existsSync(join(ROOT, directory))) continue;
    const files = readdirSync(join(ROOT, directory), { recursive: true }).filter((file) =>
      file.endsWith(".ts"),
    );
    for (const file of files.sort()) addStat(hash, join(directory, file));
  }
  return hash.digest("hex");
}

function addStat(hash, path) {
  const { size, mtimeMs } = statSync(join(ROOT, path));
  hash.update(`${path}\0${size}\0${mtimeMs}\n`);
}

/** Output whose source is gone would still run; a renamed file would leave its old self behind. */
function removeOrphans(directory, sourceDirectory) {
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) {
      if (existsSync(join(sourceDirectory, entry.name)))
        removeOrphans(path, join(sourceDirectory, entry.name));
      else rmSync(path, { recursive: true });
      continue;
    }
    const stem = /^(.*)\.js(\.map)?$/.exec(entry.name)?.[1];
    if (stem !== undefined && !existsSync(join(sourceDirectory, `${stem}.ts`))) rmSync(path);
  }
}

/** Two commands started at once in one clone: the second waits for the first and then finds nothing to do. */
async function takeLock() {
  const deadlineMs = Date.now() + LOCK_WAIT_MS;
  for (let told = false; ; told = true) {
    try {
      const handle = openSync(LOCK, "wx");
      writeSync(handle, String(process.pid));
      closeSync(handle);
      const release = () => rmSync(LOCK, { force: true });
      process.once("exit", release);
      return () => {
        process.off("exit", release);
        release();
      };
    } catch (error) {
      if (error.code !== "EEXIST") throw error;
    }
    const holder = lockHolder();
    if (holder !== undefined && !isAlive(holder)) breakLock(holder);
    else if (Date.now() > deadlineMs) {
      throw new SetupError(
        `Another setup (process ${holder}) holds ${LOCK}; remove that file if it is not at work.`,
      );
    } else if (!told) say(`setup: waiting for another setup in this clone (process ${holder ?? "?"})`);
    await sleep(200);
  }
}

function lockHolder() {
  try {
    const pid = Number.parseInt(readFileSync(LOCK, "utf8"), 10);
    return Number.isInteger(pid) ? pid : undefined;
  } catch {
    return undefined; // given back between our two looks
  }
}

/** Takes a dead holder's lock away. If somebody else has done so and locked anew in between, his is put back. */
function breakLock(deadHolder) {
  const aside = `${LOCK}.${process.pid}`;
  try {
    renameSync(LOCK, aside);
    if (readFileSync(aside, "utf8") !== String(deadHolder)) linkSync(aside, LOCK);
  } catch {
    // somebody else was faster; the loop looks again
  } finally {
    rmSync(aside, { force: true });
  }
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === "EPERM";
  }
}

function seconds(startedMs) {
  return `${((Date.now() - startedMs) / 1000).toFixed(1)} s`;
}

/** Runs a script's body; a `SetupError` is told in its own words, anything else is our fault and keeps its stack. */
export async function main(body) {
  try {
    const code = await body();
    if (code !== undefined) process.exitCode = code;
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    say(`\n${error.message}`);
    process.exitCode = 1;
  }
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href)
  await main(() => setup());
