/** All that can be found wrong before anything is made or started: each as one clear line, and nothing has changed. */
import { createServer } from "node:net";
import { schemaOf } from "../../runtime/config/config-schema.ts";
import { isLoopback, parseHostPort } from "../../runtime/config/config-values.ts";
import { TroupeError } from "../../runtime/errors.ts";
import { readSecretFile } from "../../runtime/secret.ts";
import { type BusAccessPlan, planBus } from "../access/bus-plan.ts";
import { isServed } from "../admin/client.ts";
import { checkSocketPath } from "../admin/server.ts";
import { busSection } from "../config.ts";
import type { WantedDoor } from "../doctor/network.ts";
import { checkDataDirectory } from "../host/data-directory.ts";
import { alreadyRunning, readLock } from "../host/lock.ts";
import { badPlan } from "./bad-plan.ts";
import { checkNodeNamed } from "./node-named.ts";
import { keeperFor } from "./own-node.ts";
import type { Settings } from "./settings.ts";

/** Returns the plan of the bus, whose secrets have been read on the way. */
export async function preflight(settings: Settings): Promise<BusAccessPlan> {
  checkDataDirectory(settings.paths, settings.network);
  checkSocketPath(settings.paths.socket);
  const lock = readLock(settings.paths.lock);
  if (lock?.state === "alive" || (lock?.state === "unknown" && (await isServed(settings.paths.socket)))) {
    throw alreadyRunning(lock.holder);
  }
  checkSecrets(settings);
  keeperFor(settings.config, settings.actors.find(({ id }) => id === "node")?.placement);
  const bus = await planBus(settings);
  const doors = listenersOf(settings);
  if (settings.isSandbox) checkLoopback(doors);
  checkNodeNamed(settings);
  // Last: what the machine is busy with may change, what the configuration says does not.
  for (const door of doors) await checkFree(door);
  return bus;
}

/** Every address that the actors of this host, and the bus, are going to listen on. */
export function listenersOf(settings: Settings): WantedDoor[] {
  const doors = settings.actors
    .filter(({ placement, isSwapped }) => placement !== "off" && placement !== "elsewhere" && !isSwapped)
    .flatMap((row) => row.doors(settings.config));
  const bus = settings.config.get(busSection);
  const listen = parseHostPort(bus.listen);
  if (bus.mode === "external" || listen === undefined) return doors;
  return [{ name: "bus", ...listen, key: "[bus] listen" }, ...doors];
}

/** Every key of every section that names a secret's file. */
function checkSecrets({ config }: Settings): void {
  for (const section of config.sections) {
    const values = config.get(section) as Readonly<Record<string, unknown>>;
    for (const [key, schema] of Object.entries(schemaOf(section).properties ?? {})) {
      const path = values[key];
      if (schema.secretFile === true && typeof path === "string") readSecretFile(path);
    }
  }
}

function checkLoopback(doors: readonly WantedDoor[]): void {
  const open = doors.find(({ host }) => !isLoopback(host));
  if (open === undefined) return;
  throw badPlan(`the sandbox stays on loopback, but ${open.key} is ${open.host}:${open.port}`);
}

async function checkFree({ host, port, key }: WantedDoor): Promise<void> {
  if (port === 0) return;
  const code = await new Promise<string | undefined>((resolve) => {
    const server = createServer();
    server.once("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(undefined)));
  });
  if (code === undefined) return;
  throw new TroupeError(
    { code: "SUPERVISOR_PORT_IN_USE", host, port, key },
    `${key}: ${host}:${port} ${MEANINGS[code] ?? `cannot be listened on (${code})`}. Choose another, or end what has it (ss -ltnp)`,
  );
}

const MEANINGS: Readonly<Record<string, string>> = {
  EADDRINUSE: "is in use by another program",
  EACCES: "may not be listened on by us; ports below 1024 need privileges",
  EADDRNOTAVAIL: "is no address of this machine",
  ENOTFOUND: "is no host that we can find",
};
