import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { RELEASE_USERS } from "../../tests/harness/actors/context.ts";
import { ModelMempool } from "../../tests/harness/mempool/model-mempool.ts";
import { MemoryBroker } from "../carrier/memory.ts";
import { Nkey } from "../carrier/nkey.ts";
import { ConnectedBus } from "../connected-bus.ts";
import { type FakeActor, fakeActor, silentLog } from "../fake.ts";
import { MEMPOOL_NEWS_MAX, type MempoolChange, mempoolContract } from "./mempool.ts";

const PARENT_TXID = "a1".repeat(32);
const CHILD_TXID = "b2".repeat(32);
const OWN = "0c".repeat(32);
const OTHER = "0d".repeat(32);

let broker: MemoryBroker;
let gateway: ConnectedBus;
let model: ModelMempool;
let fake: FakeActor<typeof mempoolContract>;

beforeEach(async () => {
  broker = new MemoryBroker(RELEASE_USERS.map((user) => ({ ...user, publicKey: Nkey.create().publicKey })));
  gateway = new ConnectedBus(broker.connect("gateway"), { log: silentLog() });
  model = new ModelMempool();
  model.txs.push(
    {
      txid: PARENT_TXID,
      sizeVb: 200,
      timeS: 1,
      spends: [{ txid: "ee".repeat(32), index: 1, scripthash: OWN, amountSat: 10_000 }],
      pays: [{ scripthash: OTHER, amountSat: 4_000 }, undefined, { scripthash: OWN, amountSat: 5_000 }],
    },
    {
      txid: CHILD_TXID,
      sizeVb: 100,
      timeS: 2,
      spends: [{ txid: PARENT_TXID, index: 2, scripthash: OWN, amountSat: 5_000 }],
      pays: [{ scripthash: OTHER, amountSat: 4_900 }],
    },
  );
  fake = await fakeActor(broker, mempoolContract, model.handlers());
});

afterEach(async () => {
  await fake.stop();
  await gateway.close();
});

describe("the mempool's contract", () => {
  it("lets a door be tested against a mempool that is a plain list", async () => {
    const mempool = gateway.client(mempoolContract);

    const { results } = await mempool.histories({ scripthashes: [OWN, OTHER, "0e".repeat(32)] });

    expect(results[0]).toEqual([
      { txid: PARENT_TXID, feeSat: 1_000, hasUnconfirmedInputs: false },
      { txid: CHILD_TXID, feeSat: 100, hasUnconfirmedInputs: true },
    ]);
    expect(results[2]).toEqual([]);
    expect((await mempool.balances({ scripthashes: [OWN, OTHER] })).results).toEqual([-10_000, 8_900]);
    expect((await mempool.unspents({ scripthashes: [OWN] })).results).toEqual([
      {
        unspents: [],
        spent: [
          { txid: PARENT_TXID, index: 2, amountSat: 5_000, spenderTxid: CHILD_TXID },
          { txid: "ee".repeat(32), index: 1, amountSat: 10_000, spenderTxid: PARENT_TXID },
        ],
      },
    ]);
  });

  it("takes the largest transaction that a node relays, and refuses what is no base64", async () => {
    const mempool = gateway.client(mempoolContract);
    const largest = Buffer.alloc(400_000, 7).toString("base64");

    // The fake has no handler: the request has passed the schema and the size limit.
    await expect(mempool.broadcast({ rawTx: largest })).rejects.toMatchObject({ code: "BUS_NOT_FOUND" });
    await expect(mempool.broadcast({ rawTx: "a.b=" })).rejects.toMatchObject({ code: "BUS_BAD_REQUEST" });
  });

  it("tells the largest part of a change in one message", async () => {
    const heard: MempoolChange[] = [];
    await gateway.onEvent(mempoolContract, "view.changed", (body) => void heard.push(body));
    await gateway.flush();
    const hash = "f".repeat(64);
    const fill = <T>(item: T): T[] => Array.from({ length: MEMPOOL_NEWS_MAX }, () => item);

    fake.publisher.event("view.changed", {
      view: { tip: { height: 100_000_000, hash }, isSynced: true },
      touched: fill(hash),
      added: fill(hash),
      removed: fill({ txid: hash, why: "confirmed" as const, by: hash }),
      outpoints: fill({ txid: hash, index: 0xffff_ffff }),
      part: 999,
      parts: 1_000,
    });
    await fake.bus.flush();
    await gateway.flush();

    expect(heard.map((change) => change.touched?.length)).toEqual([MEMPOOL_NEWS_MAX]);
  });
});
