/** A small troupe of dummies on a real bus: threads here, threads in a stage, processes, and a driver that calls them. */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Boot } from "../../../bus/actor.ts";
import type { Client } from "../../../bus/bus.ts";
import { Nkey } from "../../../bus/carrier/nkey.ts";
import type { BusUser } from "../../../bus/carrier/transport.ts";
import type { ConnectedBus } from "../../../bus/connected-bus.ts";
import { permissionsOf } from "../../../bus/contract/permissions.ts";
import { systemClock } from "../../../runtime/clock.ts";
import { createLog } from "../../../runtime/log/log.ts";
import type { ChildSpec } from "../../../supervisor/child.ts";
import type { BusChild, BusPlan } from "../../../supervisor/places/bus-child.ts";
import type { ProbeOptions } from "../../../supervisor/probe.ts";
import type { Backoff } from "../../../supervisor/restart.ts";
import { dummyContract } from "../actors/dummy-contract.ts";
import { built, builtUrl } from "../built.ts";
import { findNatsServer } from "../nats-server.ts";
import { childSpec, QUICK_BACKOFF, TestTree } from "./tree.ts";

export interface DummyTreeOptions {
  readonly bus: "embedded" | "spawn";
  readonly threads: readonly string[];
  readonly staged: readonly string[];
  readonly processes: readonly string[];
  /** Processes under Node's permission model, with their own data and the logs only. */
  readonly fenced?: readonly string[];
  readonly changes?: Partial<ChildSpec>;
  readonly backoff?: Backoff;
  /** Probe the health of each dummy over the bus this often. */
  readonly probe?: ProbeOptions;
}

const startTimeoutMs = 20_000;
const BUS_UNBOUNDED = Object.freeze({ count: 1_000, periodMs: 1_000 });

export class DummyTree {
  readonly directory: string;
  readonly tree: TestTree;
  readonly bus: BusChild;
  readonly driver: ConnectedBus;
  readonly supervisorBus: ConnectedBus;
  /** Who has answered a health probe. */
  readonly probed: ReadonlySet<string>;
  readonly ids: readonly string[];

  private constructor(
    parts: Pick<DummyTree, "directory" | "tree" | "bus" | "driver" | "supervisorBus" | "ids" | "probed">,
  ) {
    this.directory = parts.directory;
    this.tree = parts.tree;
    this.bus = parts.bus;
    this.driver = parts.driver;
    this.supervisorBus = parts.supervisorBus;
    this.probed = parts.probed;
    this.ids = parts.ids;
  }

  static async grow(options: DummyTreeOptions): Promise<DummyTree> {
    const { BusChild } = await built<typeof import("../../../supervisor/places/bus-child.ts")>(
      "supervisor/places/bus-child.js",
    );
    const { Stage } = await built<typeof import("../../../supervisor/places/stage.ts")>(
      "supervisor/places/stage.js",
    );
    const { threadLaunch } = await built<typeof import("../../../supervisor/places/thread.ts")>(
      "supervisor/places/thread.js",
    );
    const { processLaunch } = await built<typeof import("../../../supervisor/places/process.ts")>(
      "supervisor/places/process.js",
    );
    const { connectNats } = await built<typeof import("../../../bus/carrier/nats.ts")>("bus/carrier/nats.js");
    const { busProbe } = await built<typeof import("../../../supervisor/probe.ts")>("supervisor/probe.js");
    const { ConnectedBus } =
      await built<typeof import("../../../bus/connected-bus.ts")>("bus/connected-bus.js");

    const directory = mkdtempSync(join(tmpdir(), "troupe-dummies-"));
    const { backoff = QUICK_BACKOFF, fenced = [] } = options;
    const nkeys = new Map(["dummy", "driver", "supervisor"].map((name) => [name, Nkey.create()]));
    const users: BusUser[] = [...nkeys].map(([name, nkey]) => ({
      name,
      publicKey: nkey.publicKey,
      permissions: permissionsOf(name, [dummyContract]),
    }));
    const bus = new BusChild({
      plan: planOf(options.bus, directory),
      users,
      clock: systemClock,
      startTimeoutMs,
      intensity: BUS_UNBOUNDED,
      backoff,
    });
    const access = (user: string) => ({
      servers: bus.servers(),
      user,
      seed: nkeys.get(user)?.revealSeed() ?? "",
      connectTimeoutMs: 15_000,
    });
    const plan = (id: string) => ({
      id,
      entry: builtUrl("tests/harness/actors/dummy-worker.js"),
      boot: (): Boot => ({
        actor: "dummy",
        instance: id,
        host: id,
        section: {},
        bus: access("dummy"),
        log: { level: "info", file: join(directory, "logs", `${id}.log`) },
        telemetry: { otlpEndpoint: undefined, sampleRatio: 0 },
        dataDirectory: dataDirectoryOf(directory, id),
        network: "regtest",
        version: "0.0.0",
      }),
      startTimeoutMs,
      clock: systemClock,
    });
    const changes = { backoff, ...options.changes };
    let supervisorBus: ConnectedBus | undefined;
    const probed = new Set<string>();
    const changesOf = (id: string): Partial<ChildSpec> => {
      if (options.probe === undefined) return changes;
      const probe = busProbe(() => supervisorBus, "dummy", id, options.probe);
      const ask = async () => {
        const answer = await probe.ask();
        if (answer === "ok") probed.add(id);
        return answer;
      };
      return { ...changes, probe: { ...probe, ask } };
    };
    const stage = new Stage({ name: "stage", clock: systemClock, startTimeoutMs });
    const tree = await TestTree.start([
      bus.spec,
      ...(options.staged.length > 0 ? [childSpec("stage", stage.launch, { kind: "stage", ...changes })] : []),
      ...options.threads.map((id) => childSpec(id, threadLaunch(plan(id)), changesOf(id))),
      ...options.staged.map((id) => childSpec(id, stage.thread(plan(id)), { host: stage, ...changesOf(id) })),
      ...options.processes.map((id) => childSpec(id, processLaunch(plan(id)), changesOf(id))),
      ...fenced.map((id) => {
        const own = [dataDirectoryOf(directory, id), join(directory, "logs")];
        return childSpec(
          id,
          processLaunch({ ...plan(id), permissions: { read: own, write: own } }),
          changesOf(id),
        );
      }),
    ]);
    const log = createLog({ actor: "driver", level: "fatal", destination: { write: () => {} } });
    const driver = new ConnectedBus(await connectNats(access("driver")), { log });
    const connected = new ConnectedBus(await connectNats(access("supervisor")), { log });
    supervisorBus = connected;
    const ids = [...options.threads, ...options.staged, ...options.processes, ...fenced];
    return new DummyTree({ directory, tree, bus, driver, supervisorBus: connected, ids, probed });
  }

  client(id: string): Client<typeof dummyContract> {
    return this.driver.client(dummyContract, id);
  }

  journal(id: string): string {
    return join(dataDirectoryOf(this.directory, id), "journal");
  }

  /** The number that a dummy draws when it starts: the same as before means that it has not been restarted. */
  async epochs(): Promise<Record<string, string>> {
    const answers = this.ids.map(
      async (id) => [id, (await this.client(id).echo({ text: "who?" })).epoch] as const,
    );
    return Object.fromEntries(await Promise.all(answers));
  }

  /** Ends the children; what they have written stays until `remove`. */
  async stop(): Promise<void> {
    await this.driver.close();
    await this.supervisorBus.close();
    await this.tree.supervisor.stop();
  }

  remove(): void {
    rmSync(this.directory, { recursive: true, force: true });
  }
}

function dataDirectoryOf(directory: string, id: string): string {
  const path = join(directory, "data", id);
  mkdirSync(path, { recursive: true, mode: 0o700 });
  return path;
}

function planOf(mode: "embedded" | "spawn", directory: string): BusPlan {
  if (mode === "embedded") return { mode, host: "127.0.0.1", port: 0 };
  const program = findNatsServer();
  if (program === undefined) throw new Error("nats-server is not installed");
  return {
    mode,
    program,
    host: "127.0.0.1",
    port: 0,
    directory: join(directory, "nats"),
    jetstream: false,
    maxPayloadBytes: 1024 * 1024,
  };
}
