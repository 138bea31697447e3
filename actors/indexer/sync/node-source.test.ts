import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { BlockHash } from "../../../bitcoin/bytes.ts";
import { regtest } from "../../../bitcoin/network.ts";
import { NodeClient } from "../../../bitcoind/client.ts";
import { nodeSection } from "../../../bitcoind/config.ts";
import { systemClock } from "../../../runtime/clock.ts";
import { KeptLog } from "../../../tests/harness/kept-log.ts";
import { findBitcoind, RealNode } from "../../../tests/harness/node/bitcoind.ts";
import { CoinOwner } from "../../../tests/harness/node/coin-owner.ts";
import { waitFor } from "../../../tests/harness/wait-for.ts";
import { type AskedNode, NodeSource } from "./node-source.ts";

const bitcoind = findBitcoind();
/** Longer than any test: only a hint ends such a wait. */
const LONG_MS = 3_600_000;

describe.skipIf(bitcoind === undefined)("a source over a node that publishes over ZMQ", () => {
  const address = new CoinOwner("hints").address("p2wpkh");
  const log = new KeptLog();
  let node: RealNode;
  let client: NodeClient;
  let source: NodeSource;

  beforeAll(async () => {
    node = await RealNode.start(bitcoind as string);
    const config = nodeSection.schema.parse({ rpc: [node.rpcUrl], cookie_file: node.cookiePath });
    client = new NodeClient({ config, network: regtest, clock: systemClock, log });
    source = new NodeSource({ client, network: regtest, clock: systemClock, ahead: 2 }).listen();
  }, 60_000);

  afterAll(async () => {
    await client?.close();
    await node?.stop();
  });

  it("finds the publisher by itself, and wakes at once when a block comes", async () => {
    const never = new AbortController();
    await source.tip(never.signal);
    await waitFor("the publisher to be found", () =>
      log.lines.some(({ message }) => message.includes("over ZMQ")),
    );
    // The subscription itself is a hint, and takes its time to be served.
    await source.waitForChange(LONG_MS, never.signal);
    let woken = 0;
    const watching = (async () => {
      while (!never.signal.aborted) {
        await source.waitForChange(LONG_MS, never.signal);
        woken += 1;
      }
    })().catch(() => {});
    await waitFor("a hint", async () => {
      await node.rpc("generatetoaddress", 1, address);
      return woken > 0;
    });
    const before = woken;
    const [hash] = (await node.rpc("generatetoaddress", 1, address)) as [string];
    await waitFor("one more hint", () => woken > before);
    expect((await source.tip(never.signal)).hash).toBe(hash);
    never.abort();
    await watching;
  });

  it("counts a hint that came while nobody waited", async () => {
    const { signal } = new AbortController();
    await node.rpc("generatetoaddress", 2, address);
    await source.waitForChange(LONG_MS, signal);
    expect((await source.tip(signal)).height).toBe(await node.rpc("getblockcount"));
  });

  it("ends a wait when it is told to stop", async () => {
    const stopping = new AbortController();
    await source.waitForChange(300, stopping.signal);
    const waiting = source.waitForChange(LONG_MS, stopping.signal);
    stopping.abort(new Error("stopped"));
    await expect(waiting).rejects.toThrow("stopped");
  });
});

describe("a source over a node", () => {
  it.each([
    [{ isSyncing: true, headerHeight: 900_000 }, 900_000],
    // A private chain on which nothing has happened for a day.
    [{ isSyncing: true, headerHeight: 400 }, undefined],
    // Headers of blocks that are still on their way, or that the node refuses.
    [{ isSyncing: false, headerHeight: 402 }, undefined],
  ])("knows from %o whether the node is catching up itself", async (told, syncsTo) => {
    const tipHash = "11".repeat(32) as BlockHash;
    const client = { chainInfo: async () => ({ height: 400, tipHash, work: 1n, progress: 0.5, ...told }) };
    const source = new NodeSource({
      client: client as unknown as AskedNode,
      network: regtest,
      clock: systemClock,
      ahead: 2,
    });
    expect(await source.tip(new AbortController().signal)).toEqual({ height: 400, hash: tipHash, syncsTo });
  });
});
