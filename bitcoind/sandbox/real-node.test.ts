/** A real bitcoind as the sandbox's chain: it must be as good a chain as our own, and never outlive us by much. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { systemClock } from "../../runtime/clock.ts";
import type { TroupeError } from "../../runtime/errors.ts";
import { freePort } from "../../runtime/free-port.ts";
import { callNode, findBitcoind } from "../../tests/harness/node/bitcoind.ts";
import { CoinOwner } from "../../tests/harness/node/coin-owner.ts";
import { waitFor } from "../../tests/harness/wait-for.ts";
import { BitcoindChain } from "./real-node.ts";

const bitcoind = findBitcoind();
const ADDRESS = new CoinOwner("own chain").address("p2wpkh");
const HOUR_MS = 3_600_000;

describe.skipIf(bitcoind === undefined)("a bitcoind that keeps the sandbox's chain", () => {
  let directory: string;
  let port: number;
  let failures: TroupeError[];
  const running: BitcoindChain[] = [];

  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), "troupe-own-bitcoind-"));
    port = await freePort();
    failures = [];
  });
  afterEach(async () => {
    for (const chain of running.splice(0)) await chain.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  async function start(intervalMs = HOUR_MS, program = bitcoind as string): Promise<BitcoindChain> {
    const chain = await BitcoindChain.start({
      dataDirectory: directory,
      port,
      bitcoind: program,
      clock: systemClock,
      mining: { intervalMs, address: ADDRESS },
      onFailure: (error) => failures.push(error),
    });
    running.push(chain);
    return chain;
  }
  const call = (chain: BitcoindChain, method: string, ...params: unknown[]) =>
    callNode(chain.rpcUrl, chain.cookiePath, method, params);

  it("mines at once and by itself, tells of it, and offers ZMQ", async () => {
    const chain = await start(100);
    const heights: number[] = [];
    chain.onChange(() => heights.push(chain.tip.height));

    await chain.mine(5, ADDRESS);
    await waitFor("a block of its own", () => chain.tip.height > 5);

    expect(heights[0]).toBeGreaterThanOrEqual(5);
    // The next block may come while the node is asked.
    const { tip } = chain;
    expect(await call(chain, "getblockhash", tip.height)).toBe(tip.hash);
    expect(await call(chain, "getzmqnotifications")).toHaveLength(2);
    expect(await call(chain, "getconnectioncount")).toBe(0);
    expect(failures).toEqual([]);
  });

  it("has its chain again after a stop, also when the next start comes before the last node has gone", async () => {
    const first = await start();
    await first.mine(3, ADDRESS);
    const { tip } = first;
    const stopping = first.stop();

    const second = await start();
    await stopping;

    expect(second.tip).toEqual(tip);
    expect(failures).toEqual([]);
  });

  it("is told as failed when it ends by itself, and its program when it cannot be started", async () => {
    const chain = await start();
    await call(chain, "stop");
    await waitFor("the failure", () => failures.length > 0);

    expect(failures[0]).toMatchObject({ code: "SANDBOX_BITCOIND_FAILED" });
    await expect(start(HOUR_MS, "/bin/false")).rejects.toMatchObject({ code: "SANDBOX_BITCOIND_FAILED" });
  });
});
