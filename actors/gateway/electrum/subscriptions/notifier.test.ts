import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { DoorOverFakes } from "../../../../tests/harness/gateway/door-over-fakes.ts";
import type { TestSession } from "../../../../tests/harness/gateway/electrum.ts";
import { waitFor } from "../../../../tests/harness/wait-for.ts";

const SCRIPT = "aa".repeat(32);
const OLD = { height: 7, hash: "07".repeat(32) };
const NEW = { height: 8, hash: "08".repeat(32) };

let door: DoorOverFakes;
let session: TestSession;
let tip: typeof OLD;
let asked: number;

beforeEach(async () => {
  tip = OLD;
  asked = 0;
  door = await DoorOverFakes.start(OLD, {
    histories: ({ scripthashes }) => {
      asked += 1;
      return {
        tip,
        results: scripthashes.map(() => [{ txid: tip.hash, height: tip.height }]),
      };
    },
  });
  session = door.session();
  // From its first news on it is known on which block the mempool stands.
  door.tellMempool({ view: { tip: OLD, isSynced: true }, touched: [] });
  await session.call("blockchain.headers.subscribe");
  await session.call("blockchain.scripthash.subscribe", [SCRIPT]);
  asked = 0;
});

afterEach(() => door.stop());

const indexTells = () => {
  tip = NEW;
  door.tellBlock({ ...NEW, touched: [SCRIPT] });
};
const mempoolTells = (part = 0, parts = 1) => {
  const view = { tip: NEW, isSynced: true };
  door.mempoolModel.view = view;
  door.tellMempool({ view, touched: [SCRIPT], part, parts });
};
const mempoolBegins = () => mempoolTells(0, 2);
const mempoolEnds = () => mempoolTells(1, 2);

describe("a block that index and mempool tell of", () => {
  it.each([
    ["the index first", [indexTells, () => mempoolTells()]],
    ["the mempool first", [() => mempoolTells(), indexTells]],
    ["the mempool first, in parts", [mempoolBegins, mempoolEnds, indexTells]],
    ["the index between the parts of the mempool's news", [mempoolBegins, indexTells, mempoolEnds]],
    ["the index first, then the mempool in parts", [indexTells, mempoolBegins, mempoolEnds]],
  ])("is asked about once: %s", async (_who, tell) => {
    for (const one of tell) {
      one();
      // What is told has arrived, and whatever follows from it has begun.
      for (let turns = 0; turns < 50; turns++) await new Promise((resolve) => setImmediate(resolve));
    }
    await waitFor("the new status", () => session.statusesOf(SCRIPT).length > 0);
    // Whatever else was asked would have been answered by now.
    await session.call("blockchain.scripthash.get_history", [SCRIPT]);

    expect(asked).toBe(1);
    expect(session.heights()).toEqual([NEW.height]);
    expect(session.notifications.map(({ method }) => method)).toEqual([
      "blockchain.headers.subscribe",
      "blockchain.scripthash.subscribe",
    ]);
  });

  it("is told all the same when the mempool says nothing of it", async () => {
    door.mempoolModel.view = { tip: NEW, isSynced: true };
    indexTells();
    await waitFor("the new status", () => session.statusesOf(SCRIPT).length > 0);

    expect(session.heights()).toEqual([NEW.height]);
  });
});
