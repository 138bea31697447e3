import { beforeEach, expect, test } from "vitest";
import { indexerLike, likeContracts, walletdLike } from "../tests/harness/contracts.ts";
import { MemoryBroker } from "./carrier/memory.ts";
import { Nkey } from "./carrier/nkey.ts";
import { ConnectedBus } from "./connected-bus.ts";
import { permissionsOf, usersOf } from "./contract/permissions.ts";
import { fakeActor, silentLog } from "./fake.ts";

let broker: MemoryBroker;
let maker: ConnectedBus;

beforeEach(() => {
  const publicKey = (): string => Nkey.create().publicKey;
  broker = new MemoryBroker(
    usersOf(likeContracts).map((name) => ({
      name,
      publicKey: publicKey(),
      permissions: permissionsOf(name, likeContracts),
    })),
  );
  maker = new ConnectedBus(broker.connect("maker"), { log: silentLog() });
});

test("a fake answers like the actor and remembers what it was asked", async () => {
  const walletd = await fakeActor(
    broker,
    walletdLike,
    { balances: () => ({ confirmedSat: 5 }) },
    { instance: "w-1" },
  );

  const balances = await maker.client(walletdLike, "w-1").balances({});

  expect(balances).toEqual({ confirmedSat: 5 });
  expect(walletd.calls).toEqual([{ method: "balances", caller: "maker", input: {} }]);
  await walletd.stop();
});

test("a fake accepts and says nothing that the wire would not", async () => {
  await fakeActor(broker, walletdLike, { balances: () => ({ confirmedSat: -1 }) }, { instance: "w-1" });
  const stub = maker.client(walletdLike, "w-1");

  await expect(stub.balances({})).rejects.toMatchObject({ code: "BUS_INTERNAL" });
  await expect(stub.signTx({ psbt: 1 as unknown as string })).rejects.toMatchObject({
    code: "BUS_BAD_REQUEST",
  });
  await expect(stub.unlock({ password: "x" })).rejects.toMatchObject({ code: "BUS_FORBIDDEN" });
});

test("a method that the fake was not given is not found", async () => {
  await fakeActor(broker, walletdLike, {}, { instance: "w-1" });

  await expect(maker.client(walletdLike, "w-1").balances({})).rejects.toMatchObject({
    code: "BUS_NOT_FOUND",
  });
});

test("a fake publishes as the actor would", async () => {
  const indexer = await fakeActor(broker, indexerLike, {});
  const heights: number[] = [];
  await maker.onEvent(indexerLike, "block.connected", ({ height }) => void heights.push(height));

  indexer.publisher.event("block.connected", { height: 7, hash: "h" });
  await indexer.bus.flush();
  await maker.flush();

  expect(heights).toEqual([7]);
});
