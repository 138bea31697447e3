import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { regtest } from "../../bitcoin/network.ts";
import { NodeClient } from "../../bitcoind/client.ts";
import { nodeSection } from "../../bitcoind/config.ts";
import { MemoryBroker } from "../../bus/carrier/memory.ts";
import { Nkey } from "../../bus/carrier/nkey.ts";
import { ConnectedBus } from "../../bus/connected-bus.ts";
import { permissionsOf } from "../../bus/contract/permissions.ts";
import { type NodeTip, nodeContract } from "../../bus/contracts/node.ts";
import { hostInProcess } from "../../bus/host.ts";
import { systemClock } from "../../runtime/clock.ts";
import { createLog } from "../../runtime/log/log.ts";
import { node } from "./actor.ts";

const log = createLog({ actor: "test", level: "fatal", destination: { write: () => {} } });

let directory: string;
let broker: MemoryBroker;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "troupe-node-"));
  broker = new MemoryBroker(
    ["node", "gateway"].map((name) => ({
      name,
      publicKey: Nkey.create().publicKey,
      permissions: permissionsOf(name, [nodeContract]),
    })),
  );
});
afterEach(() => rmSync(directory, { recursive: true }));

const busOf = (user: string) => new ConnectedBus(broker.connect(user), { log });

function startNode(section: object = {}) {
  return hostInProcess(node, {
    bus: busOf("node"),
    dataDirectory: directory,
    network: "regtest",
    section: { rpc_port: 0, first_blocks: 3, block_interval_ms: 100, ...section },
  });
}

function clientOf(address: string): NodeClient {
  const config = nodeSection.schema.parse({ rpc: [address], data_directory: directory });
  return new NodeClient({ config, network: regtest, clock: systemClock, log });
}

describe("the sandbox's node", () => {
  test("begins with its first blocks, answers like a node, and tells of each new block", async () => {
    const gateway = busOf("gateway");
    const tips: NodeTip[] = [];
    const reachedFive = new Promise<void>((resolve) => {
      void gateway.onState(nodeContract, "tip", (tip) => {
        tips.push(tip);
        if (tip.height >= 5) resolve();
      });
    });
    const started = await startNode();
    const client = clientOf(started.doors[0]?.address ?? "");

    const atStart = await client.height();
    await reachedFive;

    expect(atStart).toBeGreaterThanOrEqual(3);
    expect(await client.height()).toBeGreaterThanOrEqual(5);
    expect(tips.at(-1)?.hash).toBe(await client.blockHashAt(tips.at(-1)?.height ?? -1));
    expect(started.reports.at(-1)?.progress).toMatch(/^block \d+$/);
    await client.close();
    await started.stop();
    await gateway.close();
  });

  test("keeps its chain from one life to the next", async () => {
    const first = await startNode({ block_interval_ms: 3_600_000 });
    const client = clientOf(first.doors[0]?.address ?? "");
    const hash = await client.tipHash();
    await client.close();
    await first.stop();

    const second = await startNode({ block_interval_ms: 3_600_000 });
    const again = clientOf(second.doors[0]?.address ?? "");

    expect(await again.tipHash()).toBe(hash);
    await again.close();
    await second.stop();
  });

  test("refuses an address of another network, and says what one looks like", async () => {
    await expect(startNode({ mine_to: "bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu" })).rejects.toMatchObject({
      code: "SANDBOX_BAD_ADDRESS",
      message: expect.stringContaining("bcrt1"),
    });
  });

  test("refuses every network but regtest", async () => {
    const start = hostInProcess(node, { bus: busOf("node"), dataDirectory: directory, network: "mainnet" });

    await expect(start).rejects.toMatchObject({ code: "SANDBOX_WRONG_NETWORK" });
  });
});
