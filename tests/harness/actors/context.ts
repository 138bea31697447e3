/** What an actor under test is given, on a bus where every actor of the release has its own rights. */
import { metrics } from "@opentelemetry/api";
import type { ActorContext } from "../../../bus/actor.ts";
import { permissionsOf, usersOf } from "../../../bus/contract/permissions.ts";
import { allContracts } from "../../../bus/contracts/all.ts";
import { silentLog } from "../../../bus/fake.ts";
import { systemClock } from "../../../runtime/clock.ts";
import { type World, type WorldMaker, worlds } from "../worlds.ts";

/** The rights of each user, as the supervisor grants them. */
export const RELEASE_USERS = usersOf(allContracts).map((name) => ({
  name,
  permissions: permissionsOf(name, allContracts),
}));

/** A bus for all actors of the release. */
export function releaseWorld(carrier: WorldMaker["name"] = "memory"): Promise<World> {
  const maker = worlds.find(({ name }) => name === carrier);
  if (maker === undefined) throw new Error(`no world "${carrier}" to test in`);
  return maker.start(RELEASE_USERS);
}

type Needed = "name" | "config" | "bus" | "dataDirectory";

/** On the private chain, with a log and instruments that keep nothing; whatever is given takes the place of the usual. */
export function contextWith<C>(
  given: Pick<ActorContext<C>, Needed> & Partial<ActorContext<C>>,
): ActorContext<C> {
  return {
    instance: "main",
    host: "box",
    log: silentLog(),
    meter: metrics.getMeter("test"),
    clock: systemClock,
    network: "regtest",
    version: "0.0.0",
    signal: new AbortController().signal,
    report: () => undefined,
    openDoors: () => undefined,
    finish: () => undefined,
    ...given,
  };
}
