import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { metrics } from "@opentelemetry/api";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { z } from "zod";
import { systemClock } from "../runtime/clock.ts";
import { section } from "../runtime/config/section.ts";
import { createLog } from "../runtime/log/log.ts";
import { dummyActor } from "../tests/harness/actors/dummy.ts";
import { dummyContract } from "../tests/harness/actors/dummy-contract.ts";
import type { Actor, ActorContext, ActorDefinition } from "./actor.ts";
import { MemoryBroker } from "./carrier/memory.ts";
import { Nkey } from "./carrier/nkey.ts";
import { HostedActor } from "./child/hosted.ts";
import { ConnectedBus } from "./connected-bus.ts";
import { permissionsOf } from "./contract/permissions.ts";
import { healthContract } from "./contracts/builtin.ts";
import { hostInProcess } from "./host.ts";

const contracts = [dummyContract];
const log = createLog({ actor: "test", level: "fatal", destination: { write: () => {} } });

let directory: string;
let broker: MemoryBroker;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "troupe-host-"));
  broker = new MemoryBroker(
    ["dummy", "driver", "supervisor"].map((name) => ({
      name,
      publicKey: Nkey.create().publicKey,
      permissions: permissionsOf(name, contracts),
    })),
  );
});
afterEach(() => rmSync(directory, { recursive: true }));

const busOf = (user: string) => new ConnectedBus(broker.connect(user), { log });

describe("an actor hosted in process", () => {
  test("serves its contract under its instance and stops when told", async () => {
    const dummy = await hostInProcess(dummyActor, {
      bus: busOf("dummy"),
      dataDirectory: directory,
      instance: "one",
    });
    const driver = busOf("driver");
    const client = driver.client(dummyContract, "one");

    expect((await client.echo({ text: "hello" })).text).toBe("hello");
    expect(await client.append({ value: "x" }, { key: "k1" })).toEqual({ line: 0 });
    expect(dummy.doors).toEqual([{ name: "echo", address: "bus:one" }]);
    expect(dummy.reports).toEqual([{ readiness: "ready", progress: undefined }]);
    await dummy.stop();

    await expect(client.echo({ text: "still there?" }, { retries: 0 })).rejects.toMatchObject({
      code: "BUS_UNAVAILABLE",
    });
    await driver.close();
  });

  test("keeps its data where nobody else may look", async () => {
    const dataDirectory = join(directory, "a", "b");
    const dummy = await hostInProcess(dummyActor, { bus: busOf("dummy"), dataDirectory });

    expect(statSync(dataDirectory).mode & 0o777).toBe(0o700);
    await dummy.stop();
  });

  test("does not start with the reason that the actor gives", async () => {
    const options = { bus: busOf("dummy"), dataDirectory: directory, section: { refuse_start: "no coins" } };

    await expect(hostInProcess(dummyActor, options)).rejects.toThrow("no coins");
  });

  test("does not start with a section that its schema refuses", async () => {
    const options = { bus: busOf("dummy"), dataDirectory: directory, section: { refuse_start: 5 } };

    await expect(hostInProcess(dummyActor, options)).rejects.toThrow(z.ZodError);
  });

  test("says how it is: suspended, ready again, stopping", async () => {
    const dummy = await hostInProcess(dummyActor, { bus: busOf("dummy"), dataDirectory: directory });
    expect(dummy.health()).toEqual({ state: "ready" });

    await dummy.suspend();
    expect(dummy.health()).toEqual({ state: "suspended", progress: "suspended" });
    await dummy.resume();
    expect(dummy.health()).toEqual({ state: "ready", progress: "resumed" });
    await dummy.stop();

    expect(dummy.health().state).toBe("stopping");
  });

  test("aborts the actor's signal and waits for its start when it is stopped while starting", async () => {
    const seen: string[] = [];
    const slow: ActorDefinition = {
      name: "dummy",
      section: section("dummy", "An actor that starts for ever", z.object({})),
      create: (context: ActorContext): Actor => ({
        start: () =>
          new Promise((_resolve, reject) => {
            context.signal.addEventListener("abort", () => {
              seen.push("aborted");
              reject(context.signal.reason);
            });
          }),
        stop() {
          seen.push("stopped");
          return Promise.resolve();
        },
      }),
    };
    const hosted = new HostedActor(slow, {
      report: () => {},
      doors: () => {},
      finished: () => {},
    });
    const started = hosted
      .start(
        {
          instance: "one",
          host: "here",
          section: {},
          dataDirectory: directory,
          network: "regtest",
          version: "0.0.0",
        },
        { bus: busOf("dummy"), log, meter: metrics.getMeter("test"), clock: systemClock },
      )
      .catch((thrown: unknown) => thrown);

    await hosted.stop();

    expect(seen).toEqual(["aborted", "stopped"]);
    expect(await started).toMatchObject({ code: "BUS_CLOSED" });
  });

  test("that finishes by itself is stopped, once", async () => {
    const dummy = await hostInProcess(dummyActor, {
      bus: busOf("dummy"),
      dataDirectory: directory,
      instance: "one",
    });
    const driver = busOf("driver");
    const client = driver.client(dummyContract, "one");

    await client.break({ how: "finish" });
    await dummy.finished;

    expect(dummy.health().state).toBe("stopping");
    await expect(client.echo({ text: "still there?" }, { retries: 0 })).rejects.toMatchObject({
      code: "BUS_UNAVAILABLE",
    });
    await dummy.stop();
    await driver.close();
  });

  test("that has nothing to do starts, and then finishes", async () => {
    const seen: string[] = [];
    const idle: ActorDefinition = {
      name: "dummy",
      section: section("dummy", "An actor with nothing to do", z.object({})),
      create: (context: ActorContext): Actor => ({
        async start() {
          context.finish();
          context.finish();
          await Promise.resolve();
          seen.push("started");
        },
        stop() {
          seen.push("stopped");
          return Promise.resolve();
        },
      }),
    };

    const hosted = await hostInProcess(idle, { bus: busOf("dummy"), dataDirectory: directory });
    await hosted.finished;

    expect(seen).toEqual(["started", "stopped"]);
    expect(hosted.reports).toEqual([{ readiness: "ready", progress: undefined }]);
  });

  test("tells the supervisor's probe how it is", async () => {
    const supervisor = busOf("supervisor");
    const bus = new ConnectedBus(broker.connect("dummy"), {
      log,
      instance: "one",
      health: () => dummy.health(),
    });
    const dummy = await hostInProcess(dummyActor, { bus, dataDirectory: directory, instance: "one" });

    const health = await supervisor.client(healthContract("dummy"), "one").health({});

    expect(health).toEqual({ state: "ready" });
    await dummy.stop();
  });
});
