/** Which bus this host uses: the configuration's mode made concrete, and refused before anything starts when it cannot be had. */
import { accessSync, constants, readFileSync } from "node:fs";
import { delimiter, isAbsolute, join } from "node:path";
import type { BusAccess } from "../../bus/actor.ts";
import type { BusUser } from "../../bus/carrier/transport.ts";
import { OPERATOR, usersOf } from "../../bus/contract/permissions.ts";
import { allContracts } from "../../bus/contracts/all.ts";
import { SUPERVISOR } from "../../bus/contracts/builtin.ts";
import { type HostPort, isLoopback, parseHostPort } from "../../runtime/config/config-values.ts";
import { readSecretFile } from "../../runtime/secret.ts";
import type { BusConfig } from "../config.ts";
import { busSection } from "../config.ts";
import type { BusPlan } from "../places/bus-child.ts";
import { greets } from "../places/nats-life.ts";
import { badPlan } from "../plan/bad-plan.ts";
import type { Settings } from "../plan/settings.ts";
import { createKeyring, hasProof, type Proof, readProofs } from "./credentials.ts";

export interface BusAccessPlan {
  readonly plan: BusPlan;
  readonly users: readonly BusUser[];
  readonly jetstream: boolean;
  /** What a child is told, once the servers are known. */
  accessOf(user: string, servers: readonly string[]): BusAccess;
}

/** nats-server's own default, and the embedded broker's. */
const MAX_PAYLOAD_BYTES = 1024 * 1024;
const CONNECT_TIMEOUT_LOCAL_MS = 10_000;
const CONNECT_TIMEOUT_REMOTE_MS = 20_000;

/** Throws `SUPERVISOR_BAD_PLAN`, or what is wrong with a secret's file. Opens nothing but those files. */
export async function planBus(settings: Settings): Promise<BusAccessPlan> {
  const config = settings.config.get(busSection);
  const mode = config.mode === "auto" ? await chooseMode(config) : config.mode;
  if (config.jetstream && mode !== "spawn") {
    throw badPlan(
      `[bus] jetstream is on, but the ${mode} bus cannot have it turned on from here; set mode to spawn`,
    );
  }
  if (mode === "external") return externalPlan(config, usersNeeded(settings, config.credentials_directory));
  const listen = parseHostPort(config.listen) as HostPort;
  if (!isLoopback(listen.host)) {
    throw badPlan(
      `[bus] listen is ${config.listen}, and the ${mode} bus has no TLS; keep it on 127.0.0.1, or use an external nats-server`,
    );
  }
  const keyring = createKeyring();
  return {
    plan:
      mode === "embedded"
        ? { mode, ...listen }
        : {
            mode: "spawn",
            ...listen,
            program: findProgram(config.nats_server),
            directory: settings.paths.bus,
            jetstream: config.jetstream,
            maxPayloadBytes: MAX_PAYLOAD_BYTES,
          },
    users: keyring.users,
    jetstream: config.jetstream,
    accessOf: (user, servers) => ({
      servers,
      user,
      ...keyring.proofOf(user),
      connectTimeoutMs: CONNECT_TIMEOUT_LOCAL_MS,
    }),
  };
}

/** How one user reaches an external bus without any supervisor here; undefined in the other modes. */
export function externalAccess(settings: Settings, user: string): BusAccess | undefined {
  const config = settings.config.get(busSection);
  if (config.mode !== "external") return undefined;
  return externalPlan(config, [user]).accessOf(user, config.servers);
}

function externalPlan(config: BusConfig, users: readonly string[]): BusAccessPlan {
  const { servers, credentials_directory: directory } = config;
  if (servers.length === 0) throw badPlan("[bus] mode is external, but servers names none");
  if (directory === undefined) {
    throw badPlan(
      "[bus] mode is external, but credentials_directory is not set; see supervisor bus print-nats-config --help",
    );
  }
  const proofs = readProofs(directory, users);
  const tls = readTls(config);
  return {
    plan: { mode: "external", servers },
    users: [],
    // Whether it has JetStream is found out by whoever needs it.
    jetstream: false,
    accessOf(user, found) {
      const proof: Proof | undefined = proofs.get(user);
      if (proof === undefined) throw badPlan(`there are no credentials for "${user}" in ${directory}`);
      return {
        servers: found,
        user,
        ...proof,
        ...(tls === undefined ? {} : { tls }),
        connectTimeoutMs: CONNECT_TIMEOUT_REMOTE_MS,
      };
    },
  };
}

/** Another host's actors keep their secrets there; the operator's is where somebody wants to `tap`. */
function usersNeeded(settings: Settings, directory: string | undefined): string[] {
  const here = settings.actors
    .filter(({ placement }) => placement !== "off" && placement !== "elsewhere")
    .map(({ id }) => id);
  const isOperated = directory !== undefined && hasProof(directory, OPERATOR);
  return usersOf(allContracts).filter(
    (user) => user === SUPERVISOR || here.includes(user) || (user === OPERATOR && isOperated),
  );
}

function readTls(config: BusConfig): BusAccess["tls"] | undefined {
  const { tls_ca: ca, tls_cert: cert, tls_key_file: key } = config;
  if (ca === undefined && cert === undefined && key === undefined) return undefined;
  if ((cert === undefined) !== (key === undefined))
    throw badPlan("[bus] tls_cert and tls_key_file are needed together");
  return {
    ...(ca === undefined ? {} : { ca: readPem("tls_ca", ca) }),
    ...(cert === undefined ? {} : { cert: readPem("tls_cert", cert) }),
    ...(key === undefined ? {} : { key: readSecretFile(key).reveal() }),
  };
}

function readPem(key: string, path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw badPlan(`[bus] ${key}: ${path} cannot be read (${(error as NodeJS.ErrnoException).code})`);
  }
}

/** `auto`: a server that listens is used, as it would be by hand; nobody there means a broker of our own. */
async function chooseMode(config: BusConfig): Promise<"embedded" | "external"> {
  for (const server of config.servers) {
    const { hostname, port } = new URL(server);
    if (await greets(hostname.replace(/^\[|\]$/g, ""), Number(port || 4222))) return "external";
  }
  return "embedded";
}

function findProgram(name: string): string {
  const candidates =
    isAbsolute(name) || name.includes("/")
      ? [name]
      : [...(process.env["PATH"] ?? "").split(delimiter), "/usr/sbin", "/usr/local/sbin"].map((place) =>
          join(place, name),
        );
  const found = candidates.find(isExecutable);
  if (found === undefined) {
    throw badPlan(
      `[bus] mode is spawn, but there is no ${name}; apt install nats-server, or set mode to embedded`,
    );
  }
  return found;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    // Not there or not for us: the next one.
    return false;
  }
}
