import fc from "fast-check";
import { beforeEach, describe, expect, test } from "vitest";
import { z } from "zod";
import { ManualClock } from "../../../runtime/clock.ts";
import type { Handlers } from "../../bus.ts";
import { MemoryBroker } from "../../carrier/memory.ts";
import { Nkey } from "../../carrier/nkey.ts";
import type { PublishOptions, Transport } from "../../carrier/transport.ts";
import { ConnectedBus } from "../../connected-bus.ts";
import { contract } from "../../contract/contract.ts";
import { silentLog } from "../../fake.ts";

const callee = contract("walletd", { semver: "1.0.0", doc: "x", instances: "any" })
  .rpc("read", {
    doc: "x",
    input: z.object({ n: z.int() }),
    output: z.object({ n: z.int() }),
    deadlineMs: 5_000,
    idempotency: "idempotent",
    callers: ["maker"],
    concurrency: 2,
    queue: 2,
  })
  .rpc("pay", {
    doc: "x",
    input: z.object({ n: z.int() }),
    output: z.object({ n: z.int() }),
    deadlineMs: 5_000,
    idempotency: "key",
    callers: ["maker"],
    concurrency: 2,
    queue: 2,
  });

const all = { publish: { allow: [">"], deny: [] }, subscribe: { allow: [">"], deny: [] }, allowResponses: 1 };

interface World {
  readonly clock: ManualClock;
  readonly broker: MemoryBroker;
  readonly server: ConnectedBus;
  readonly client: ConnectedBus;
  /** The next so many messages of either side get lost. */
  readonly losses: { left: number };
}

function makeWorld(): World {
  const clock = new ManualClock();
  const losses = { left: 0 };
  const users = ["walletd", "maker"].map((name) => ({
    name,
    publicKey: Nkey.create().publicKey,
    permissions: all,
  }));
  const broker = new MemoryBroker(users, { clock });
  const connect = (user: string) =>
    new ConnectedBus(lossy(broker.connect(user), losses), { log: silentLog(), clock, random: () => 1 });
  return { clock, broker, server: connect("walletd"), client: connect("maker"), losses };
}

/** A carrier that loses what it is told to lose, without a word. */
function lossy(transport: Transport, losses: { left: number }): Transport {
  return new Proxy(transport, {
    get(target, name) {
      if (name === "publish") {
        return (subject: string, body: Uint8Array, options?: PublishOptions) => {
          if (losses.left > 0) losses.left--;
          else target.publish(subject, body, options);
        };
      }
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

async function settle(): Promise<void> {
  for (let turn = 0; turn < 12; turn++) await new Promise((resolve) => setImmediate(resolve));
}

const echo: Handlers<typeof callee> = { read: ({ n }) => ({ n }), pay: ({ n }) => ({ n }) };
const codeOf = (error: { code?: unknown }): string =>
  typeof error.code === "string" ? error.code : "aborted";

let world: World;
beforeEach(() => {
  world = makeWorld();
});

describe("a call", () => {
  test("whose answer never comes ends at its deadline with an unknown outcome", async () => {
    const { clock, client, server, losses } = world;
    await server.serve(callee, echo);
    losses.left = 1;
    const call = client.client(callee).read({ n: 1 }, { deadlineMs: 300 });
    const ended = call.then(() => "answered", codeOf);

    clock.advance(299);
    await settle();
    const early = await Promise.race([ended, "pending"]);
    clock.advance(20);

    expect(early).toBe("pending");
    await expect(call).rejects.toMatchObject({ code: "BUS_DEADLINE", data: { outcome: "unknown" } });
  });

  test("cannot have more time than the contract gives", async () => {
    const { clock, client, server, losses } = world;
    await server.serve(callee, echo);
    losses.left = 1;
    const call = client.client(callee).read({ n: 1 }, { deadlineMs: 60_000 });

    clock.advance(5_020);

    await expect(call).rejects.toMatchObject({ code: "BUS_DEADLINE" });
  });

  test("that nobody hears is tried three times more, later each time", async () => {
    const { clock, client } = world;
    const times: number[] = [];
    const call = client.client(callee).read({ n: 1 });
    call.catch(() => undefined);
    await settle();

    for (const waitMs of [50, 100, 200]) {
      clock.advance(waitMs - 1);
      await settle();
      times.push(clock.monotonicMs());
      clock.advance(1);
      await settle();
    }

    await expect(call).rejects.toMatchObject({ code: "BUS_UNAVAILABLE", data: { outcome: "not_executed" } });
    expect(times).toEqual([49, 149, 349]);
  });

  test("succeeds when the callee comes up between two attempts", async () => {
    const { clock, client, server } = world;
    const call = client.client(callee).read({ n: 4 });
    await settle();

    const served = server.serve(callee, echo);
    await settle();
    await served;
    clock.advance(50);

    expect(await call).toEqual({ n: 4 });
  });

  test("is not repeated when told not to, nor when it was refused for good", async () => {
    const { client, server } = world;
    let runs = 0;
    await server.serve(callee, { ...echo, read: ({ n }) => ({ n: n / ++runs }) });

    const refused = client.client(callee).read({ n: "x" as unknown as number });
    const failed = client
      .client(callee)
      .read({ n: 1 })
      .then(() => client.client(callee).read({ n: 3 }));

    await expect(refused).rejects.toMatchObject({ code: "BUS_BAD_REQUEST" });
    await expect(failed).rejects.toMatchObject({ code: "BUS_INTERNAL" });
    expect(runs).toBe(2);
  });

  test("waits as long as a busy callee asks", async () => {
    const { clock, client, server } = world;
    const waiting: (() => void)[] = [];
    let runs = 0;
    await server.serve(callee, {
      ...echo,
      read: ({ n }) => {
        runs++;
        return new Promise((resolve) => waiting.push(() => resolve({ n })));
      },
    });
    const stub = client.client(callee);
    const calls = [1, 2, 3, 4, 5].map((n) => stub.read({ n }));
    await settle();

    for (const resolve of waiting.splice(0)) resolve();
    await settle();
    clock.advance(99);
    await settle();
    const before = runs;
    clock.advance(1);
    await settle();
    for (const resolve of waiting.splice(0)) resolve();
    await settle();
    for (const resolve of waiting.splice(0)) resolve();

    expect(before).toBe(4);
    expect((await Promise.all(calls)).map(({ n }) => n)).toEqual([1, 2, 3, 4, 5]);
  });

  test("that is aborted ends with the signal's reason, before it starts or while it waits", async () => {
    const { client, server } = world;
    await server.serve(callee, { ...echo, read: () => new Promise(() => undefined) });
    const stub = client.client(callee);
    const controller = new AbortController();
    const reason = new Error("enough");

    const waiting = stub.read({ n: 1 }, { signal: controller.signal });
    controller.abort(reason);
    const late = stub.read({ n: 1 }, { signal: controller.signal });

    await expect(waiting).rejects.toBe(reason);
    await expect(late).rejects.toBe(reason);
  });

  test("after close, and one pending at close, end as closed", async () => {
    const { client, server } = world;
    await server.serve(callee, { ...echo, read: () => new Promise(() => undefined) });
    const stub = client.client(callee);
    const pending = stub.read({ n: 1 }).then(() => "answered", codeOf);

    await client.close();

    expect(await pending).toBe("BUS_CLOSED");
    await expect(stub.read({ n: 1 })).rejects.toMatchObject({ code: "BUS_CLOSED" });
  });

  test.each([
    ["a key that cannot travel", { n: 1 }, { key: "a b" }, "BUS_BAD_REQUEST"],
    ["an input that JSON cannot say", { n: 1n as unknown as number }, {}, "BUS_BAD_REQUEST"],
    ["an input that is too large", { n: 1, pad: "x".repeat(70_000) }, {}, "BUS_TOO_LARGE"],
  ])("with %s fails before it is sent", async (_what, input, options, code) => {
    await expect(world.client.client(callee).pay(input, options)).rejects.toMatchObject({
      code,
      data: { outcome: "not_executed" },
    });
  });
});

const steps = fc.array(
  fc.oneof(
    fc.record({ kind: fc.constantFrom("read" as const, "pay" as const), n: fc.integer({ min: 0, max: 5 }) }),
    fc.record({ kind: fc.constant("lose" as const), count: fc.integer({ min: 1, max: 3 }) }),
    fc.record({
      kind: fc.constantFrom(
        "down" as const,
        "up" as const,
        "abort" as const,
        "answer" as const,
        "turn" as const,
      ),
    }),
    fc.record({ kind: fc.constant("wait" as const), ms: fc.integer({ min: 1, max: 400 }) }),
  ),
  { maxLength: 40 },
);

test("whatever is lost, cut or aborted: every call ends, no key runs twice, no answer is another's", async () => {
  await fc.assert(
    fc.asyncProperty(steps, async (script) => {
      const { clock, broker, server, client, losses } = makeWorld();
      const runs = new Map<number, number>();
      const open: (() => void)[] = [];
      const answerLater = (n: number): Promise<{ n: number }> =>
        new Promise((resolve) => open.push(() => resolve({ n })));
      await server.serve(callee, {
        read: ({ n }) => (n % 2 === 0 ? { n } : answerLater(n)),
        pay: ({ n }) => {
          runs.set(n, (runs.get(n) ?? 0) + 1);
          return n % 2 === 0 ? { n } : answerLater(n);
        },
      });
      const stub = client.client(callee);
      const calls: { asked: number; end: Promise<number | string>; abort: AbortController }[] = [];
      const start = (kind: "read" | "pay", n: number): void => {
        const abort = new AbortController();
        const options = { signal: abort.signal, ...(kind === "pay" ? { key: `k${n}` } : {}) };
        const end = stub[kind]({ n }, options).then((reply) => reply.n, codeOf);
        calls.push({ asked: n, end, abort });
      };
      const answerAll = (): void => {
        for (const answer of open.splice(0)) answer();
      };

      for (const step of script) {
        if (step.kind === "read" || step.kind === "pay") start(step.kind, step.n);
        else if (step.kind === "lose") losses.left = step.count;
        else if (step.kind === "down") broker.breakDown();
        else if (step.kind === "up") broker.restore();
        else if (step.kind === "abort") calls.at(-1)?.abort.abort();
        else if (step.kind === "answer") answerAll();
        else if (step.kind === "wait") clock.advance(step.ms);
        else await settle();
      }
      losses.left = 0;
      broker.restore();
      for (let turn = 0; turn < 8; turn++) {
        await settle();
        answerAll();
        clock.advance(1_000);
      }

      const ends = await Promise.all(
        calls.map(({ end }) => Promise.race([end, settle().then(() => "still pending")])),
      );
      expect(ends).not.toContain("still pending");
      for (const [index, end] of ends.entries())
        if (typeof end === "number") expect(end).toBe(calls[index]?.asked);
      expect([...runs.values()].filter((count) => count > 1)).toEqual([]);
      await Promise.all([client.close(), server.close()]);
    }),
    { numRuns: 60 },
  );
}, 60_000);
