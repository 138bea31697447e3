/** A supervisor at work in this process: lock, directories, log, admin socket and root, taken in this order and given back in reverse. */

import { join } from "node:path";
import type { Clock } from "../runtime/clock.ts";
import { logSection } from "../runtime/config/config-sections.ts";
import { createLog } from "../runtime/log/log.ts";
import { openLogFile } from "../runtime/log/log-file.ts";
import type { BusAccessPlan } from "./access/bus-plan.ts";
import { isServed } from "./admin/client.ts";
import type { Step } from "./admin/protocol.ts";
import { AdminServer } from "./admin/server.ts";
import { makeDataDirectory } from "./host/data-directory.ts";
import { takeLock } from "./host/lock.ts";
import type { Settings } from "./plan/settings.ts";
import { Root } from "./root.ts";
import type { ExitReport } from "./spec.ts";

export interface RunningOptions {
  readonly settings: Settings;
  readonly bus: BusAccessPlan;
  readonly version: string;
  readonly clock: Clock;
  onStep(step: Step): void;
  /** Called before the first child starts: from then on a stop is possible. */
  onRoot(running: Pick<Running, "stop"> & { kill(): void }): void;
}

export interface Running {
  readonly root: Root;
  /** When everything has been given back. */
  readonly ended: Promise<ExitReport>;
  /** Stops in reverse order. */
  stop(why: string): Promise<void>;
}

/** Rejects when a child cannot start; everything taken so far has then been given back. */
export async function run(options: RunningOptions): Promise<Running> {
  const { settings, clock, version, onStep, onRoot, bus } = options;
  const { paths } = settings;
  makeDataDirectory(paths, settings.network);
  const lock = await takeLock(paths.lock, () => isServed(paths.socket));
  const releases: (() => Promise<void> | void)[] = [() => lock.release()];
  const giveBack = async () => {
    for (const release of releases.splice(0).reverse()) await release();
  };
  try {
    const { level, file_bytes, files_kept } = settings.config.get(logSection);
    const destination = openLogFile({
      path: join(paths.logs, "supervisor.log"),
      actor: "supervisor",
      bytesMax: file_bytes,
      kept: files_kept,
      clock,
    });
    const log = createLog({ actor: "supervisor", level, destination, clock });
    // In the background nobody sees what Node prints before it ends.
    const lastWords = (error: Error) =>
      log.error("the supervisor ends by an error that nothing caught", { error });
    process.on("uncaughtExceptionMonitor", lastWords);
    releases.push(() => {
      process.off("uncaughtExceptionMonitor", lastWords);
      log.close();
    });
    const root = new Root({ settings, bus, version, clock, log, onStep });
    let stopping: Promise<void> | undefined;
    const stop = (why: string): Promise<void> => {
      if (stopping === undefined) log.info("stopping", { why });
      stopping ??= root.stop();
      return stopping;
    };
    const admin = await AdminServer.listen(
      paths.socket,
      {
        tree: async () => root.tree(),
        access: async () => root.operatorAccess(),
        async restart({ child }, tell) {
          const unlisten = root.onStep(tell);
          try {
            return { restarted: await root.restart(child) };
          } finally {
            unlisten();
          }
        },
        logLevel: async ({ child, level }) => ({ isSet: await root.logLevel(child, level) }),
        async stop({ force }, tell) {
          root.onStep(tell);
          const stopped = stop("asked over the admin socket");
          if (force) root.kill();
          await stopped;
          return {};
        },
      },
      log,
    );
    releases.push(() => admin.close());
    log.info("starting", { version, network: settings.network, pid: process.pid, node: process.version });
    const ended = root.exited.then(async (report) => {
      // An order to stop waits for the end of `root.stop`, so that its answer leaves before the socket closes.
      await stop(report.message);
      await new Promise((resolve) => setImmediate(resolve));
      log.info("stopped", { kind: report.kind, code: report.code, message: report.message });
      await giveBack();
      return report;
    });
    onRoot({ stop, kill: () => root.kill() });
    await startOr(root, ended);
    log.info("started", { isReady: root.tree().ready });
    return { root, ended, stop };
  } catch (error) {
    await giveBack();
    throw error;
  }
}

/** A boot that fails rolls itself back first; its end is waited for, and it fails with its own reason. */
async function startOr(root: Root, ended: Promise<ExitReport>): Promise<void> {
  try {
    await root.start();
  } catch (error) {
    root.kill();
    await ended;
    throw error;
  }
}
