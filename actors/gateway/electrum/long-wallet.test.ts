import { createHash } from "node:crypto";
import { afterEach, describe, expect, it } from "vitest";
import { ConnectedBus } from "../../../bus/connected-bus.ts";
import { gatewayContract } from "../../../bus/contracts/gateway.ts";
import { indexerContract } from "../../../bus/contracts/indexer.ts";
import { mempoolContract } from "../../../bus/contracts/mempool.ts";
import { fakeActor, silentLog } from "../../../bus/fake.ts";
import { RawClient } from "../../../tests/harness/electrum/raw-client.ts";
import { GatewayUnderTest } from "../../../tests/harness/gateway/gateway.ts";
import { type Entry, packedHistory } from "../../../tests/harness/gateway/packed-history.ts";
import { ModelMempool } from "../../../tests/harness/mempool/model-mempool.ts";

/** Where ElectrumX gives up at 81,817, and Fulcrum at 125,000. */
const ENTRIES = 150_000;
const LONG = "aa".repeat(32);
const TIP = { height: 700_000, hash: "00".repeat(32) };
const opened: { stop(): Promise<void> }[] = [];

const history: Entry[] = Array.from({ length: ENTRIES }, (_, i) => ({
  txid: createHash("sha256").update(String(i)).digest("hex"),
  height: 400_000 + i,
}));

afterEach(async () => {
  for (const one of opened.splice(0).reverse()) await one.stop();
});

/** A door with its usual limits, except those that are given; the client is a stranger to it. */
async function wallet(config: Readonly<Record<string, unknown>> = {}) {
  const under = await GatewayUnderTest.make({ config: { electrum_tcp_listen: "127.0.0.1:0", ...config } });
  const indexer = await fakeActor(under.world, indexerContract, {
    tip: () => ({ tip: { ...TIP, txCount: ENTRIES }, isSynced: true }),
    headers: () => ({ count: 0, hex: "" }),
    histories: ({ scripthashes, limit }) => ({
      tip: TIP,
      results: scripthashes.map((hash) => (hash !== LONG ? [] : ENTRIES > limit ? null : history)),
    }),
    history: ({ limit }) => {
      const isTooMany = ENTRIES > limit;
      return packedHistory({ tip: TIP, settled: TIP, isWhole: true, isTooMany }, isTooMany ? [] : history);
    },
  });
  const model = new ModelMempool();
  model.view = { tip: TIP, isSynced: true };
  const mempool = await fakeActor(under.world, mempoolContract, model.handlers());
  await under.actor.start();
  opened.push(indexer, mempool, under);
  const door = under.openedDoors.find(({ name }) => name === "electrum tcp");
  const client = await RawClient.greeted({
    carrier: "tcp",
    port: Number(new URL(door?.address ?? "").port),
  });
  return { under, client };
}

async function refusal(client: RawClient, method: string): Promise<unknown> {
  client.ask({ jsonrpc: "2.0", id: 7, method, params: [LONG] });
  return (JSON.parse((await client.nextText()) ?? "null") as { error?: unknown } | null)?.error;
}

describe("a wallet whose address has 150,000 transactions", () => {
  it("is told its status and its history, within what a session may cost, and goes on being served", async () => {
    const { under, client } = await wallet();
    const text = history.map(({ txid, height }) => `${txid}:${height}:`).join("");
    expect(await client.call("blockchain.scripthash.subscribe", [LONG])).toBe(
      createHash("sha256").update(text).digest("hex"),
    );
    const answer = (await client.call("blockchain.scripthash.get_history", [LONG])) as unknown[];
    expect(answer).toEqual(history.map(({ txid, height }) => ({ tx_hash: txid, height })));
    expect(await client.call("blockchain.scripthash.subscribe", ["bb".repeat(32)])).toBeNull();

    const operator = new ConnectedBus(await under.world.connect("operator"), { log: silentLog() });
    opened.push({ stop: () => operator.close() });
    const { sessions } = await operator.client(gatewayContract, "box").electrumSessions({});
    // A third of what would end it: 14 MB at 5,000 bytes a unit, and 0.001 for each entry.
    expect(sessions[0]?.cost).toBeGreaterThan(2_500);
    expect(sessions[0]?.cost).toBeLessThan(4_000);
    client.close();
  });

  it.each([
    [{ electrum_history_max: 100_000 }, 10_001, "history too large", "electrum_history_max"],
    [{ electrum_response_bytes_max: 8_100_000 }, 10_001, "history too large", "electrum_response_bytes_max"],
  ])("is refused with the name of the limit that refuses it: %o", async (config, code, message, setting) => {
    const { client } = await wallet(config);
    const error = await refusal(client, "blockchain.scripthash.get_history");
    expect(error).toMatchObject({ code, message, data: { setting } });
    client.close();
  });

  it("is told which limit it has reached when it costs too much", async () => {
    const { client } = await wallet({ electrum_cost_soft: 500, electrum_cost_hard: 2_000 });
    await client.call("blockchain.scripthash.get_history", [LONG]);
    expect(await refusal(client, "blockchain.scripthash.subscribe")).toMatchObject({
      code: -101,
      message: "excessive resource usage",
      data: { setting: "electrum_cost_hard" },
    });
    client.close();
  });
});
