import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ManualClock, type systemClock } from "../../runtime/clock.ts";
import { indexerLike, likeContracts, walletdLike } from "../../tests/harness/contracts.ts";
import type { EventMeta } from "../bus.ts";
import { MemoryBroker } from "../carrier/memory.ts";
import { Nkey } from "../carrier/nkey.ts";
import { ConnectedBus } from "../connected-bus.ts";
import { permissionsOf, usersOf } from "../contract/permissions.ts";
import { silentLog } from "../fake.ts";
import { FACT_QUEUE_MAX } from "./fact-queue.ts";

let clock: ManualClock;
let broker: MemoryBroker;

beforeEach(() => {
  clock = new ManualClock();
  broker = new MemoryBroker(
    usersOf(likeContracts).map((name) => ({
      name,
      publicKey: Nkey.create().publicKey,
      permissions: permissionsOf(name, likeContracts),
    })),
  );
});
afterEach(() => broker.breakDown());

const connect = (user: string, time = clock as typeof systemClock): ConnectedBus =>
  new ConnectedBus(broker.connect(user), { log: silentLog(), clock: time });

async function settle(): Promise<void> {
  for (let turn = 0; turn < 12; turn++) await new Promise((resolve) => setImmediate(resolve));
}

describe("events", () => {
  test("come in order with epoch and numbers, each with the number of the one before on its subject", async () => {
    const publisher = connect("indexer").publisher(indexerLike);
    const seen: [number, EventMeta][] = [];
    await connect("gateway").onEvent(indexerLike, "block.connected", (body, meta) => {
      seen.push([body.height, meta]);
    });

    publisher.event("block.connected", { height: 1, hash: "a" });
    publisher.event("scripthash.touched", { hashes: [] }, "a7");
    publisher.event("block.connected", { height: 2, hash: "b" });
    await settle();

    const common = { instance: "main", key: undefined, epoch: publisher.epoch };
    expect(seen).toEqual([
      [1, { ...common, seq: 1, previous: 0 }],
      [2, { ...common, seq: 3, previous: 1 }],
    ]);
  });

  test("with a key reach who listens to that key, and who listens to all", async () => {
    const publisher = connect("indexer").publisher(indexerLike);
    const gateway = connect("gateway");
    const [one, all]: [string[], string[]] = [[], []];
    await gateway.onEvent(indexerLike, "scripthash.touched", (body) => void one.push(...body.hashes), {
      key: "a7",
    });
    await gateway.onEvent(indexerLike, "scripthash.touched", (_body, meta) => void all.push(meta.key ?? ""));

    publisher.event("scripthash.touched", { hashes: ["x"] }, "a7");
    publisher.event("scripthash.touched", { hashes: ["y"] }, "b8");
    await settle();

    expect([one, all]).toEqual([["x"], ["a7", "b8"]]);
  });

  test("that do not fit their schema are refused where they are made", () => {
    const publisher = connect("indexer").publisher(indexerLike);

    expect(() => publisher.event("block.connected", { height: 1.5, hash: "a" })).toThrow(
      expect.objectContaining({ code: "BUS_BAD_REQUEST" }),
    );
  });

  test("are refused to a listener that the contract does not name", async () => {
    const listening = connect("maker").onEvent(indexerLike, "scripthash.touched", () => undefined);

    await expect(listening).rejects.toMatchObject({ code: "BUS_FORBIDDEN" });
  });

  test("of no other event make no gap, a lost one does", async () => {
    const publisher = connect("indexer").publisher(indexerLike);
    const raw = broker.connect("indexer");
    const gaps: string[] = [];
    await connect("gateway").onEvent(indexerLike, "block.connected", () => undefined, {
      onGap: (why) => gaps.push(why),
    });
    publisher.event("block.connected", { height: 1, hash: "a" });
    for (const key of ["a", "b", "c"]) publisher.event("scripthash.touched", { hashes: [] }, key);
    publisher.event("block.connected", { height: 2, hash: "b" });
    await settle();
    const before = [...gaps];

    raw.publish("troupe.v1.evt.indexer.main.block.connected", Buffer.from('{"height":9,"hash":"c"}'), {
      headers: [["Troupe", `s=${publisher.epoch}.9.7`]],
    });
    await settle();

    expect([before, gaps]).toEqual([[], ["gap"]]);
  });

  test("of a publisher that began anew are told as another epoch", async () => {
    const bus = connect("indexer");
    const gaps: string[] = [];
    await connect("gateway").onEvent(indexerLike, "block.connected", () => undefined, {
      onGap: (why) => gaps.push(why),
    });
    bus.publisher(indexerLike).event("block.connected", { height: 1, hash: "a" });
    bus.publisher(indexerLike).event("block.connected", { height: 2, hash: "b" });
    await settle();

    expect(gaps).toEqual(["epoch"]);
  });

  test("that a slow listener cannot take are dropped together and told as an overflow", async () => {
    const publisher = connect("indexer").publisher(indexerLike);
    const gaps: string[] = [];
    const seen: number[] = [];
    let release: () => void = () => undefined;
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    await connect("gateway").onEvent(
      indexerLike,
      "block.connected",
      async ({ height }) => {
        seen.push(height);
        await released;
      },
      { onGap: (why) => gaps.push(why) },
    );

    for (let height = 0; height < FACT_QUEUE_MAX + 3; height++)
      publisher.event("block.connected", { height, hash: "" });
    await settle();
    release();
    await settle();

    expect(gaps).toEqual(["overflow"]);
    expect(seen).toEqual([0, FACT_QUEUE_MAX + 2]);
  });

  test("after a lost connection are preceded by a gap", async () => {
    const gaps: string[] = [];
    await connect("gateway").onEvent(indexerLike, "block.connected", () => undefined, {
      onGap: (why) => gaps.push(why),
    });

    broker.breakDown();
    broker.restore();
    await settle();

    expect(gaps).toEqual(["reconnect"]);
  });

  test("whose handler throws do not end the listening", async () => {
    const publisher = connect("indexer").publisher(indexerLike);
    const seen: number[] = [];
    await connect("gateway").onEvent(indexerLike, "block.connected", ({ height }) => {
      seen.push(height);
      if (height === 1) throw new Error("boom");
    });

    publisher.event("block.connected", { height: 1, hash: "" });
    publisher.event("block.connected", { height: 2, hash: "" });
    await settle();

    expect(seen).toEqual([1, 2]);
  });
});

describe("states", () => {
  test("are sent at once, then at most every 100 ms, then again every 10 s", async () => {
    const publisher = connect("walletd").publisher(walletdLike, "w-1");
    const seen: boolean[] = [];
    await connect("gateway").onState(walletdLike, "status", ({ isLocked }) => void seen.push(isLocked));

    publisher.state("status", { isLocked: true });
    publisher.state("status", { isLocked: false });
    publisher.state("status", { isLocked: true });
    publisher.state("status", { isLocked: false });
    await settle();
    const first = [...seen];
    clock.advance(100);
    await settle();
    const second = [...seen];
    clock.advance(10_000);
    await settle();

    expect([first, second, seen]).toEqual([[true], [true, false], [true, false, false]]);
  });

  test("that come faster than a listener works are reduced to the last per instance", async () => {
    const bus = connect("walletd");
    const one = bus.publisher(walletdLike, "w-1");
    const seen: string[] = [];
    let release: () => void = () => undefined;
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    await connect("gateway").onState(walletdLike, "status", async ({ isLocked }, { instance }) => {
      seen.push(`${instance} ${isLocked}`);
      await released;
    });

    for (const isLocked of [true, false, true, false]) {
      one.state("status", { isLocked });
      clock.advance(100);
    }
    bus.publisher(walletdLike, "w-2").state("status", { isLocked: true });
    await settle();
    release();
    await settle();

    expect(seen).toEqual(["w-1 true", "w-1 false", "w-2 true"]);
  });

  test("of a publisher that stops are sent before it ends", async () => {
    const publisher = connect("walletd").publisher(walletdLike, "w-1");
    const seen: boolean[] = [];
    await connect("gateway").onState(walletdLike, "status", ({ isLocked }) => void seen.push(isLocked));
    publisher.state("status", { isLocked: true });
    publisher.state("status", { isLocked: false });

    await publisher.stop();
    await settle();

    expect(seen).toEqual([true, false]);
    expect(() => publisher.state("status", { isLocked: true })).toThrow(
      expect.objectContaining({ code: "BUS_CLOSED" }),
    );
  });
});
