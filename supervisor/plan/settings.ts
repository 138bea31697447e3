/** What the command line and the configuration ask for, as one value: the data directory, who runs where, by which code. */
import { existsSync } from "node:fs";
import { homedir, hostname } from "node:os";
import { dirname, isAbsolute, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { type Config, type ConfigInput, loadConfig } from "../../runtime/config/config.ts";
import { troupeSection } from "../../runtime/config/config-sections.ts";
import { absolutePath, expandHome } from "../../runtime/config/path.ts";
import { ACTORS, type ActorRow, ALL_SECTIONS, implementationSection, placementSection } from "../children.ts";
import { type DataPaths, dataPaths } from "../host/data-directory.ts";
import type { Placement } from "../spec.ts";
import { badPlan } from "./bad-plan.ts";

/** As given on the command line. */
export interface Request {
  readonly data?: string | undefined;
  readonly config?: string | undefined;
  readonly set?: readonly string[] | undefined;
  readonly only?: readonly string[] | undefined;
  readonly sandbox?: boolean | undefined;
  readonly environment: NodeJS.ProcessEnv;
}

/** An actor with what the configuration says of it. */
export interface PlacedActor extends ActorRow {
  readonly placement: Placement;
  readonly isSwapped: boolean;
}

export interface Settings {
  readonly config: Config;
  readonly network: string;
  /** This host's name on the bus. */
  readonly host: string;
  readonly isSandbox: boolean;
  readonly paths: DataPaths;
  readonly actors: readonly PlacedActor[];
}

/** Throws the configuration's mistakes, or `SUPERVISOR_BAD_PLAN` for names that nobody has. Touches nothing. */
export function readSettings(request: Request): Settings {
  const config = loadConfig(configInputOf(request));
  const { network, data_directory, host } = config.get(troupeSection);
  return Object.freeze({
    config,
    network,
    host: host ?? hostToken(),
    isSandbox: request.sandbox ?? false,
    paths: dataPaths(resolve(data_directory)),
    actors: placedActors(config, request),
  });
}

/** Which file is read, and what ranks above it: the same for a start and for `config check`. */
export function configInputOf(request: Request): ConfigInput & { readonly file: string } {
  const data = directoryOf(request);
  const overrides = [...(request.set ?? [])];
  if (data !== undefined) overrides.push(`troupe.data_directory=${data}`);
  if (request.sandbox) overrides.push("troupe.network=regtest");
  return {
    sections: ALL_SECTIONS,
    file: configFileOf(request),
    isFileOptional: request.config === undefined,
    environment: request.environment,
    overrides,
  };
}

/** The file that is read: as given, or `troupe.toml` in the data directory. */
function configFileOf(request: Request): string {
  if (request.config !== undefined) return absolutePath(request.config, process.cwd());
  return join(directoryOf(request) ?? directoryByEnvironment(request) ?? defaultDirectory(), "troupe.toml");
}

/**
 * The data directory for commands that ask a running supervisor. A configuration that cannot be read must not keep
 * anybody from stopping it, so the usual place is taken then.
 */
export function findDataPaths(request: Request): DataPaths {
  const data = directoryOf(request);
  if (data !== undefined) return dataPaths(data);
  try {
    return readSettings(request).paths;
  } catch (error) {
    if (request.config !== undefined) throw error;
    return dataPaths(directoryByEnvironment(request) ?? defaultDirectory());
  }
}

function directoryOf(request: Request): string | undefined {
  if (request.data !== undefined) return absolutePath(request.data, process.cwd());
  return request.sandbox ? join(homedir(), ".troupe-sandbox") : undefined;
}

function directoryByEnvironment(request: Request): string | undefined {
  const path = request.environment["TROUPE_TROUPE__DATA_DIRECTORY"];
  return path === undefined ? undefined : absolutePath(path, process.cwd());
}

function defaultDirectory(): string {
  return expandHome("~/.troupe");
}

/** The machine's name as a token on the bus. */
function hostToken(): string {
  const token = hostname()
    .toLowerCase()
    .replace(/[^a-z0-9_-]+/g, "-")
    .slice(0, 48);
  return token === "" || token === "any" ? "main" : token;
}

function placedActors(config: Config, { only, sandbox }: Request): PlacedActor[] {
  const names = ACTORS.map((row) => row.id);
  const unknown = only?.find((name) => !names.includes(name));
  if (unknown !== undefined) throw badPlan(`there is no actor "${unknown}"; there are ${names.join(", ")}`);
  const placements = config.get(placementSection);
  const implementations = config.get(implementationSection);
  return ACTORS.flatMap((row) => {
    const isSaid = config.sourceOf(placementSection, row.id) !== "default";
    // The sandbox's own actors are not even shown elsewhere, unless somebody places them.
    const isNamed = only?.includes(row.id) === true && !isSaid;
    const isOffByItself = sandbox !== true || row.sandboxPlacement === "off";
    const named = isNamed && isOffByItself ? row.namedPlacement : undefined;
    if (row.sandboxPlacement !== undefined && sandbox !== true && !isSaid && named === undefined) return [];
    const usual = named ?? (sandbox === true && !isSaid ? row.sandboxPlacement : undefined);
    const isLeftOut = only !== undefined && !only.includes(row.id);
    const placement = isLeftOut ? "off" : (usual ?? placements[row.id] ?? row.placement);
    const swapped = implementations[row.id];
    // A spread copies the row's method too; it needs no `this`.
    return {
      ...row,
      placement,
      entry: swapped === undefined ? row.entry : workerAt(row.id, swapped, config.file),
      isSwapped: swapped !== undefined,
    };
  });
}

function workerAt(id: string, path: string, configFile: string | undefined): URL {
  const base = configFile === undefined ? process.cwd() : dirname(configFile);
  const whole = isAbsolute(path) ? path : resolve(base, path);
  if (!existsSync(whole)) throw badPlan(`[implementation] ${id} names ${whole}, which does not exist`);
  if (!/\.[cm]?js$/.test(whole))
    throw badPlan(`[implementation] ${id} must name a compiled .js file, not ${whole}`);
  return pathToFileURL(whole);
}
