import { connect, type NatsConnection, nkeyAuthenticator } from "nats";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { indexerLike, likeContracts, walletdLike } from "../../../tests/harness/contracts.ts";
import { type World, worlds } from "../../../tests/harness/worlds.ts";
import { ConnectedBus } from "../../connected-bus.ts";
import { contractHash, methodHash } from "../../contract/hash.ts";
import { permissionsOf, usersOf } from "../../contract/permissions.ts";
import { silentLog } from "../../fake.ts";

const tip = { height: 1, hash: "h" };

/** The reference client's own way of finding services: what `nats micro` does, over TCP only. */
for (const maker of worlds.filter(({ name }) => name !== "memory")) {
  describe.skipIf(maker.missing !== undefined)(`discovery on ${maker.name}`, () => {
    let world: World;
    let operator: NatsConnection;
    let bus: ConnectedBus;
    let wallet: ConnectedBus;

    beforeAll(async () => {
      const users = usersOf(likeContracts).map((name) => ({
        name,
        permissions: permissionsOf(name, likeContracts),
      }));
      world = await maker.start(users);
      operator = await connect({
        servers: `127.0.0.1:${world.port}`,
        authenticator: nkeyAuthenticator(new TextEncoder().encode(world.seedOf("operator"))),
        inboxPrefix: "_INBOX.operator",
      });
      bus = new ConnectedBus(await world.connect("indexer"), { log: silentLog() });
      wallet = new ConnectedBus(await world.connect("walletd"), { log: silentLog() });
      await bus.serve(indexerLike, {
        tip: () => tip,
        broadcast: () => {
          throw new Error("no");
        },
        rows: (rows) => rows,
      });
      const walletd = {
        balances: () => ({ confirmedSat: 1 }),
        signTx: () => ({ signatures: [] }),
        unlock: () => ({}),
      };
      await wallet.serve(walletdLike, walletd, { instance: "w-1" });
    });
    afterAll(async () => {
      await operator.close();
      await bus.close();
      await wallet.close();
      await world.stop();
    });

    async function collect<T>(found: Promise<AsyncIterable<T>>): Promise<T[]> {
      const all: T[] = [];
      for await (const one of await found) all.push(one);
      return all;
    }

    const services = () => operator.services.client({ strategy: "timer", maxWait: 300 } as never);

    test("ping finds every service, by name and by id too", async () => {
      const all = await collect(services().ping());
      const named = await collect(services().ping("indexer"));
      const one = await collect(services().ping("indexer", named[0]?.id ?? ""));

      expect(all.map(({ name }) => name).sort()).toEqual(["indexer", "walletd"]);
      expect(named).toMatchObject([
        { name: "indexer", version: "1.0.0", metadata: { instance: "any", hash: contractHash(indexerLike) } },
      ]);
      expect(one).toEqual(named);
    });

    test("info tells each method's subject, queue group, hash, callers and idempotency", async () => {
      const [info] = await collect(services().info("walletd"));

      expect(info).toMatchObject({
        type: "io.nats.micro.v1.info_response",
        description: "Keys and coins.",
        version: "1.2.3",
      });
      expect(info?.endpoints).toContainEqual({
        name: "signTx",
        subject: "troupe.v1.rpc.walletd.w-1.signTx.*",
        queue_group: "",
        metadata: {
          hash: methodHash("walletd", "signTx", walletdLike.rpcs.signTx),
          callers: "maker,taker",
          idempotency: "key",
        },
      });
    });

    test("stats count requests and answered errors", async () => {
      const caller = new ConnectedBus(await world.connect("taker"), { log: silentLog() });
      const stub = caller.client(indexerLike);
      for (let count = 0; count < 3; count++) await stub.tip({});
      await stub.broadcast({ rawTx: "00" }, { retries: 0 }).catch(() => undefined);
      await stub.broadcast({ rawTx: 5 as unknown as string }, { retries: 0 }).catch(() => undefined);

      const [stats] = await collect(services().stats("indexer"));

      const counts = stats?.endpoints?.map(({ name, num_requests, num_errors, last_error }) => [
        name,
        num_requests,
        num_errors,
        last_error,
      ]);
      expect(counts).toEqual([
        ["tip", 3, 0, ""],
        ["broadcast", 2, 2, "BUS_BAD_REQUEST"],
        ["rows", 0, 0, ""],
      ]);
      expect(Date.parse(stats?.started ?? "")).toBeGreaterThan(0);
      expect(stats?.endpoints?.[0]?.processing_time).toBeGreaterThan(0);
      await caller.close();
    });
  });
}
