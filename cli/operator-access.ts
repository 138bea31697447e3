/** How a command gets onto the bus as `operator`, who may hear, ask what harms nobody, and show clients of the doors out. */
import type { BusAccess } from "../bus/actor.ts";
import type { ConnectedBus } from "../bus/connected-bus.ts";
import { hasCode } from "../runtime/errors.ts";
import type { Log } from "../runtime/log/log.ts";
import { AdminClient } from "../supervisor/admin/client.ts";
import { findDataPaths, type Request, readSettings } from "../supervisor/plan/settings.ts";

/** From the running supervisor; on a host without one, from the credentials of an external bus. */
export async function operatorAccess(request: Request): Promise<BusAccess> {
  let admin: AdminClient;
  try {
    admin = await AdminClient.connect(findDataPaths(request).socket);
  } catch (error) {
    if (!hasCode(error, "SUPERVISOR_NOT_RUNNING")) throw error;
    const { externalAccess } = await import("../supervisor/access/bus-plan.ts");
    const access = externalAccess(readSettings(request), "operator");
    if (access === undefined) throw error;
    return access;
  }
  try {
    return (await admin.call("access", {}, { deadlineMs: 5_000 })) as BusAccess;
  } finally {
    admin.close();
  }
}

/** A bus for questions; what it logs is of no use to a person who waits for an answer. */
export async function operatorBus(request: Request, connectionName: string): Promise<ConnectedBus> {
  // Loaded here, for most commands ask no bus.
  const [{ connectNats }, { ConnectedBus }] = await Promise.all([
    import("../bus/carrier/nats.ts"),
    import("../bus/connected-bus.ts"),
  ]);
  const transport = await connectNats(await operatorAccess(request), { connectionName });
  return new ConnectedBus(transport, { log: quiet });
}

const quiet: Log = Object.freeze({
  debug() {},
  info() {},
  warn() {},
  error() {},
  child: () => quiet,
});
