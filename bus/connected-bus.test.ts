import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { sleep, systemClock } from "../runtime/clock.ts";
import { hasCode, TroupeError } from "../runtime/errors.ts";
import { indexerLike, likeContracts, walletdLike } from "../tests/harness/contracts.ts";
import { type World, worlds } from "../tests/harness/worlds.ts";
import type { CallContext } from "./bus.ts";
import { ConnectedBus } from "./connected-bus.ts";
import { permissionsOf, usersOf } from "./contract/permissions.ts";
import { healthContract } from "./contracts/builtin.ts";
import { EncodedReply } from "./encoded-reply.ts";
import { silentLog } from "./fake.ts";
import { CallError } from "./rpc/failure.ts";

const noRetry = { retries: 0 };
const tip = { height: 1, hash: "h" };

function deferred<T = void>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => undefined;
  const promise = new Promise<T>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}

for (const maker of worlds) {
  describe.skipIf(maker.missing !== undefined)(`calls over ${maker.name}`, () => {
    let world: World;
    const open: ConnectedBus[] = [];

    beforeAll(async () => {
      const users = usersOf(likeContracts).map((name) => ({
        name,
        permissions: permissionsOf(name, likeContracts),
      }));
      world = await maker.start(users);
    });
    afterAll(async () => {
      await Promise.all(open.map((bus) => bus.close()));
      await world.stop();
    });

    async function busOf(user: string, options: Partial<ConstructorParameters<typeof ConnectedBus>[1]> = {}) {
      const bus = new ConnectedBus(await world.connect(user), {
        log: silentLog(),
        validateReplies: true,
        ...options,
      });
      open.push(bus);
      return bus;
    }

    const walletd = {
      balances: () => ({ confirmedSat: 7 }),
      signTx: () => ({ signatures: ["s"] }),
      unlock: () => ({}),
    };
    const indexer = {
      tip: () => tip,
      broadcast: () => ({ txid: "0".repeat(64) }),
      rows: (input: Uint8Array) => input,
    };

    test("a reply that the handler has encoded itself arrives like any other, and is not checked by the callee", async () => {
      const [server, strict, plain] = [
        await busOf("walletd"),
        await busOf("maker"),
        await busOf("maker", { validateReplies: false }),
      ];
      let body = '{"confirmedSat":9}';
      const balances = () => new EncodedReply(Buffer.from(body));
      const service = await server.serve(walletdLike, { ...walletd, balances }, { instance: "w-enc" });

      expect(await strict.client(walletdLike, "w-enc").balances({})).toEqual({ confirmedSat: 9 });
      body = '{"confirmedSat":"nine"}';
      expect(await plain.client(walletdLike, "w-enc").balances({})).toEqual({ confirmedSat: "nine" });
      await expect(strict.client(walletdLike, "w-enc").balances({}, noRetry)).rejects.toMatchObject({
        code: "BUS_BAD_REPLY",
      });
      await service.stop();
    });

    test("of two members of one actor the one that answers elsewhere takes no request, and answers for its health", async () => {
      const [front, member, client, supervisor] = [
        await busOf("indexer"),
        await busOf("indexer", { member: "box-query-1" }),
        await busOf("gateway"),
        await busOf("supervisor"),
      ];
      const services = [
        await front.serve(indexerLike, "elsewhere"),
        await member.serve(indexerLike, { ...indexer, tip: () => ({ height: 5, hash: "m" }) }),
      ];

      for (let asked = 0; asked < 20; asked++) {
        expect(await client.client(indexerLike).tip({}, noRetry)).toEqual({ height: 5, hash: "m" });
      }
      expect(await supervisor.client(healthContract("indexer"), "main").health({})).toEqual({
        state: "ready",
      });
      for (const service of services) await service.stop();
    });

    test("a call reaches the handler with its caller's name and comes back typed", async () => {
      const [server, client] = [await busOf("walletd"), await busOf("maker")];
      const seen: Pick<CallContext, "caller" | "key" | "fence" | "attempt">[] = [];
      const service = await server.serve(
        walletdLike,
        {
          ...walletd,
          signTx: (input, { caller, key, fence, attempt }) => {
            seen.push({ caller, key, fence, attempt });
            return { signatures: [`${input.psbt}/${input.feeSat}`] };
          },
        },
        { instance: "w-1" },
      );

      const reply = await client.client(walletdLike, "w-1").signTx({ psbt: "p" }, { key: "k1", fence: 4 });

      expect(reply).toEqual({ signatures: ["p/0"] });
      expect(seen).toEqual([{ caller: "maker", key: "k1", fence: 4, attempt: 1 }]);
      await service.stop();
    });

    test("nobody there is told at once and as not executed", async () => {
      const client = await busOf("taker");

      const call = client.client(walletdLike, "w-none").balances({}, noRetry);

      await expect(call).rejects.toMatchObject({
        code: "BUS_UNAVAILABLE",
        data: { outcome: "not_executed", retryable: true },
      });
    });

    test("a caller that the contract does not name is stopped by the broker", async () => {
      const [server, client] = [await busOf("walletd"), await busOf("gateway")];
      const service = await server.serve(walletdLike, walletd, { instance: "w-2" });

      const call = client.client(walletdLike, "w-2").signTx({ psbt: "p" }, noRetry);

      await expect(call).rejects.toMatchObject({ code: "BUS_FORBIDDEN", data: { outcome: "not_executed" } });
      await service.stop();
    });

    test("a domain's refusal travels with its data, an unforeseen failure without its words", async () => {
      const [server, client] = [await busOf("walletd"), await busOf("maker")];
      const service = await server.serve(
        walletdLike,
        {
          ...walletd,
          signTx: () => {
            throw new TroupeError({ code: "WALLETD_UTXO_UNKNOWN", utxo: "u1" }, "We do not own u1.");
          },
          balances: () => {
            throw new Error("secret path /home/me");
          },
        },
        { instance: "w-3" },
      );
      const stub = client.client(walletdLike, "w-3");

      const refusal = await stub.signTx({ psbt: "p" }).catch((error: unknown) => error);
      const failure = await stub.balances({}).catch((error: unknown) => error);

      expect(refusal).toMatchObject({
        code: "WALLETD_UTXO_UNKNOWN",
        data: { utxo: "u1" },
        message: "We do not own u1.",
      });
      expect(failure).toMatchObject({ code: "BUS_INTERNAL", data: { outcome: "unknown" } });
      expect(JSON.stringify(failure) + String(failure)).not.toContain("/home/me");
      await service.stop();
    });

    test("input that does not fit is refused before the handler", async () => {
      const [server, client] = [await busOf("walletd"), await busOf("maker")];
      const service = await server.serve(walletdLike, walletd, { instance: "w-4" });

      const call = client.client(walletdLike, "w-4").signTx({ psbt: 5 as unknown as string });

      await expect(call).rejects.toMatchObject({
        code: "BUS_BAD_REQUEST",
        data: { outcome: "not_executed" },
      });
      await service.stop();
    });

    test("a loss of the bus rejects what is pending at once as unknown, and new calls as not executed", async () => {
      const [server, client] = [await busOf("walletd"), await busOf("maker")];
      const [entered, release] = [deferred(), deferred()];
      await server.serve(
        walletdLike,
        {
          ...walletd,
          balances: async () => {
            entered.resolve();
            await release.promise;
            return { confirmedSat: 1 };
          },
        },
        { instance: "w-5" },
      );
      const stub = client.client(walletdLike, "w-5");
      const pending = stub.balances({}, noRetry).catch((error: unknown) => error);
      await entered.promise;

      await world.breakDown();
      const interrupted = await pending;
      const refused = await stub.balances({}, noRetry).catch((error: unknown) => error);
      release.resolve();
      await world.restore();
      while (!client.isUp || !server.isUp) await sleep(systemClock, 10);
      const recovered = await stub.balances({});

      expect(interrupted).toMatchObject({ code: "BUS_UNAVAILABLE", data: { outcome: "unknown" } });
      expect(refused).toMatchObject({ code: "BUS_UNAVAILABLE", data: { outcome: "not_executed" } });
      expect(recovered).toEqual({ confirmedSat: 1 });
    });

    test("bytes travel as they are, small ones in one message and large ones in chunks", async () => {
      const [server, client] = [await busOf("indexer"), await busOf("gateway")];
      const large = Buffer.alloc(5 * 1024 * 1024 + 17, "abcdefg");
      const service = await server.serve(indexerLike, {
        ...indexer,
        rows: (input) => (input.byteLength === 1 ? large : input),
      });
      const stub = client.client(indexerLike);

      const small = await stub.rows(new Uint8Array([1, 2, 255]));
      const whole = await Promise.all([1, 2, 3].map(() => stub.rows(new Uint8Array(1))));

      expect([...small]).toEqual([1, 2, 255]);
      for (const body of whole) expect(large.equals(body)).toBe(true);
      await service.stop();
    });

    test("a reply above the method's limit is an error that says it was executed", async () => {
      const [server, client] = [await busOf("indexer"), await busOf("gateway")];
      const service = await server.serve(indexerLike, {
        ...indexer,
        rows: () => Buffer.alloc(9 * 1024 * 1024),
      });

      const call = client.client(indexerLike).rows(new Uint8Array(1));

      await expect(call).rejects.toMatchObject({ code: "BUS_TOO_LARGE", data: { outcome: "executed" } });
      await service.stop();
    });

    test("members of a contract for any instance share its requests", async () => {
      const [one, two, client] = [await busOf("indexer"), await busOf("indexer"), await busOf("taker")];
      const counts = [0, 0];
      const services = await Promise.all(
        [one, two].map((bus, member) =>
          bus.serve(indexerLike, {
            ...indexer,
            tip: () => {
              counts[member] = (counts[member] ?? 0) + 1;
              return tip;
            },
          }),
        ),
      );
      const stub = client.client(indexerLike);

      await Promise.all(Array.from({ length: 100 }, () => stub.tip({})));

      expect((counts[0] ?? 0) + (counts[1] ?? 0)).toBe(100);
      expect(Math.min(...counts)).toBeGreaterThan(0);
      await Promise.all(services.map((service) => service.stop()));
    });

    test("every served contract answers health to the supervisor", async () => {
      const server = await busOf("walletd", { health: () => ({ state: "syncing", progress: "block 5" }) });
      const service = await server.serve(walletdLike, walletd, { instance: "w-6" });
      const supervisor = await busOf("supervisor");

      const health = await supervisor.client(healthContract("walletd"), "w-6").health({});

      expect(health).toEqual({ state: "syncing", progress: "block 5" });
      await service.stop();
    });

    test("a nested call has its caller's deadline, less a reserve", async () => {
      const [server, client] = [await busOf("walletd"), await busOf("maker")];
      const index = await busOf("indexer");
      let nestedMs = Number.NaN;
      const inner = await index.serve(indexerLike, {
        ...indexer,
        tip: (_input, call) => {
          nestedMs = call.remainingMs();
          return tip;
        },
      });
      const outer = await server.serve(
        walletdLike,
        {
          ...walletd,
          balances: async () => ({ confirmedSat: (await server.client(indexerLike).tip({})).height }),
        },
        { instance: "w-7" },
      );

      const reply = await client.client(walletdLike, "w-7").balances({}, { deadlineMs: 500 });

      expect(reply).toEqual({ confirmedSat: 1 });
      expect(nestedMs).toBeLessThanOrEqual(480);
      await Promise.all([inner.stop(), outer.stop()]);
    });

    test("serving under a name that is not one's own is refused", async () => {
      const maker = await busOf("maker");
      const usurped = maker.serve(walletdLike, walletd, { instance: "w-10" });
      await expect(usurped).rejects.toMatchObject({ code: "BUS_FORBIDDEN" });
    });

    test("who begins to serve while the bus is down serves as soon as it is back", async () => {
      const [server, client] = [await busOf("walletd"), await busOf("taker")];
      await world.breakDown();
      while (server.isUp) await sleep(systemClock, 10);
      const serving = server.serve(walletdLike, walletd, { instance: "w-10" });
      await world.restore();
      const service = await serving;
      while (!client.isUp) await sleep(systemClock, 10);

      expect(await client.client(walletdLike, "w-10").balances({}, noRetry)).toEqual({ confirmedSat: 7 });
      await service.stop();
    });

    test("work that a handler leaves in the background has its own time, not the caller's", async () => {
      const [server, client, index] = [await busOf("walletd"), await busOf("maker"), await busOf("indexer")];
      const remaining = deferred<number>();
      const inner = await index.serve(indexerLike, {
        ...indexer,
        tip: (_input, call) => {
          remaining.resolve(call.remainingMs());
          return tip;
        },
      });
      const answered = deferred();
      const outer = await server.serve(
        walletdLike,
        {
          ...walletd,
          balances: () => {
            void answered.promise.then(() => server.client(indexerLike).tip({}));
            return { confirmedSat: 1 };
          },
        },
        { instance: "w-9" },
      );

      await client.client(walletdLike, "w-9").balances({}, { deadlineMs: 200 });
      await sleep(systemClock, 250);
      answered.resolve();

      expect(await remaining.promise).toBeGreaterThan(200);
      await Promise.all([inner.stop(), outer.stop()]);
    });

    test("a service that stops lets what runs finish and then answers no more", async () => {
      const [server, client] = [await busOf("walletd"), await busOf("maker")];
      const [entered, release] = [deferred(), deferred()];
      const service = await server.serve(
        walletdLike,
        {
          ...walletd,
          balances: async () => {
            entered.resolve();
            await release.promise;
            return { confirmedSat: 3 };
          },
        },
        { instance: "w-8" },
      );
      const stub = client.client(walletdLike, "w-8");
      const running = stub.balances({});
      await entered.promise;

      const stopped = service.stop();
      release.resolve();

      expect(await running).toEqual({ confirmedSat: 3 });
      await stopped;
      const later = await stub.balances({}, noRetry).catch((error: unknown) => error);
      expect(hasCode(later, "BUS_UNAVAILABLE") && later instanceof CallError && later.outcome).toBe(
        "not_executed",
      );
    });
  });
}
