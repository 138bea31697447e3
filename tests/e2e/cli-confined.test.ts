/** A confined actor in the whole program as `supervisor start` composes it: shut in, and yet at work on the bus. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { connectNats } from "../../bus/carrier/nats.ts";
import { ConnectedBus } from "../../bus/connected-bus.ts";
import { gatewayContract } from "../../bus/contracts/gateway.ts";
import { silentLog } from "../../bus/fake.ts";
import { systemClock } from "../../runtime/clock.ts";
import type { Running } from "../../supervisor/running.ts";
import { CONFINED } from "../harness/actors/fence.ts";
import { built, builtUrl } from "../harness/built.ts";

let directory: string;
let running: Running | undefined;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "trp-confined-"));
});
afterEach(async () => {
  await running?.stop("the test is over");
  await running?.ended;
  running = undefined;
  rmSync(directory, { recursive: true, force: true });
});

test("it can touch its own directory and nothing else, starts no process, loads no native code, and is asked over the bus", async () => {
  const { readSettings } = await built<typeof import("../../supervisor/plan/settings.ts")>(
    "supervisor/plan/settings.js",
  );
  const { preflight } = await built<typeof import("../../supervisor/plan/preflight.ts")>(
    "supervisor/plan/preflight.js",
  );
  const { run } = await built<typeof import("../../supervisor/running.ts")>("supervisor/running.js");
  const read = readSettings({
    data: join(directory, "data"),
    set: [
      "placement.gateway=process",
      "placement.indexer=off",
      "placement.mempool=off",
      "placement.walletd=off",
      "placement.taker=off",
      ...["http_listen", "wallet_listen", "electrum_tcp_listen", "electrum_tls_listen"].map(
        (key) => `gateway.${key}=`,
      ),
    ],
    environment: {},
  });
  // The row of an actor that keeps secrets: this release has none yet.
  const settings = {
    ...read,
    actors: read.actors.map((row) => ({
      ...row,
      entry: builtUrl("tests/harness/actors/fenced-gateway.js"),
      confined: { read: [] },
    })),
  };

  running = await run({
    settings,
    bus: await preflight(settings),
    version: "0.0.0",
    clock: systemClock,
    onStep() {},
    onRoot() {},
  });
  const gateway = running.root.tree().root.children.find(({ id }) => id === "gateway");
  const { servers, user, seed, connectTimeoutMs } = running.root.operatorAccess();
  const transport = await connectNats({
    servers,
    user,
    connectTimeoutMs,
    ...(seed === undefined ? {} : { seed }),
  });
  const bus = new ConnectedBus(transport, { log: silentLog() });
  const { doors } = await bus.client(gatewayContract, running.root.tree().host).doors({});
  await bus.close();

  expect(gateway).toMatchObject({
    id: "gateway",
    state: "ready",
    placement: expect.stringMatching(/^process/),
  });
  expect(Object.fromEntries(doors.map(({ name, address }) => [name, address]))).toEqual(CONFINED);
  expect(readFileSync(join(settings.paths.logs, "gateway.log"), "utf8")).toContain('"message":"started"');
});
