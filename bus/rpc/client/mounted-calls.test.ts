import { beforeEach, describe, expect, test } from "vitest";
import { z } from "zod";
import { ManualClock } from "../../../runtime/clock.ts";
import { TroupeError } from "../../../runtime/errors.ts";
import type { Log } from "../../../runtime/log/log.ts";
import { createMetrics } from "../../../runtime/metrics.ts";
import type { CallContext } from "../../bus.ts";
import { MemoryBroker } from "../../carrier/memory.ts";
import { Nkey } from "../../carrier/nkey.ts";
import { ConnectedBus } from "../../connected-bus.ts";
import { bytes, contract } from "../../contract/contract.ts";
import { EncodedReply } from "../../encoded-reply.ts";
import { silentLog } from "../../fake.ts";
import type { MountedMember } from "../../mount.ts";

const callee = contract("indexer", { semver: "1.0.0", doc: "x", instances: "any" })
  .rpc("read", {
    doc: "x",
    input: z.object({ n: z.int().min(0), limit: z.int().default(7) }),
    output: z.object({ by: z.string(), limit: z.int() }),
    errors: { INDEXER_RANGE: z.object({ what: z.string() }) },
    deadlineMs: 5_000,
    idempotency: "idempotent",
    callers: ["gateway"],
  })
  .rpc("raw", {
    doc: "x",
    input: z.object({}),
    output: bytes(),
    content: "bytes",
    deadlineMs: 5_000,
    idempotency: "idempotent",
    callers: ["gateway"],
  })
  .rpc("foreign", {
    doc: "x",
    input: z.object({}),
    output: z.object({}),
    deadlineMs: 5_000,
    idempotency: "idempotent",
    callers: ["maker"],
  });

const all = { publish: { allow: [">"], deny: [] }, subscribe: { allow: [">"], deny: [] }, allowResponses: 1 };
const encoded = (value: unknown) => new EncodedReply(Buffer.from(JSON.stringify(value)));

let clock: ManualClock;
let broker: MemoryBroker;
let bus: ConnectedBus;
let warnings: string[];
let asked: { method: string; input: unknown }[];
let stops: number;

function mount(answer: MountedMember["answer"]): void {
  bus.mount("indexer", {
    answer(method, input, call) {
      asked.push({ method, input });
      return answer(method, input, call);
    },
    stop: async () => {
      stops += 1;
    },
  });
}

beforeEach(async () => {
  clock = new ManualClock();
  warnings = [];
  asked = [];
  stops = 0;
  const users = ["indexer", "gateway"].map((name) => ({
    name,
    publicKey: Nkey.create().publicKey,
    permissions: all,
  }));
  broker = new MemoryBroker(users, { clock });
  const server = new ConnectedBus(broker.connect("indexer"), { log: silentLog(), clock });
  await server.serve(callee, {
    read: ({ limit }) => ({ by: "bus", limit }),
    raw: () => Buffer.from("bus"),
    foreign: () => ({}),
  });
  const log: Log = { ...silentLog(), warn: (message) => void warnings.push(message) };
  bus = new ConnectedBus(broker.connect("gateway"), { log, clock, validateReplies: true });
});

describe("a mounted member", () => {
  test("is asked instead of the bus, with the input as the contract has it, also by clients made before", async () => {
    const client = bus.client(callee);
    mount(() => encoded({ by: "member", limit: 1 }));

    expect(await client.read({ n: 3 })).toEqual({ by: "member", limit: 1 });
    expect(asked).toEqual([{ method: "read", input: { n: 3, limit: 7 } }]);
  });

  test("gives what it has at hand without a promise, and nothing where the bus is to be asked", async () => {
    const atHand = bus.atHand(callee);
    expect(atHand.read({ n: 3 })).toBeUndefined();

    mount((_, input) => ((input as { n: number }).n === 3 ? encoded({ by: "member", limit: 1 }) : undefined));
    expect(atHand.read({ n: 3 })).toEqual({ by: "member", limit: 1 });
    expect(atHand.read({ n: 4 })).toBeUndefined();
    expect(atHand.read({ n: -3 })).toBeUndefined();
    expect(atHand.foreign({})).toBeUndefined();
  });

  test("is gone by where it fails at hand: the bus answers", async () => {
    mount(() => {
      throw new Error("a fault");
    });

    expect(await bus.atHand(callee).read({ n: 3 })).toEqual({ by: "bus", limit: 7 });
    expect(warnings).toHaveLength(1);
  });

  test("gives bytes where the contract says bytes", async () => {
    mount(() => new EncodedReply(Uint8Array.of(1, 2)));

    expect(await bus.client(callee).raw({})).toEqual(Uint8Array.of(1, 2));
  });

  test("leaves to the bus what it does not answer, and what does not fit the contract", async () => {
    mount(() => undefined);
    const client = bus.client(callee);

    expect(await client.read({ n: 3 })).toEqual({ by: "bus", limit: 7 });
    await expect(client.read({ n: -3 })).rejects.toMatchObject({ code: "BUS_BAD_REQUEST" });
    expect(asked).toHaveLength(1);
  });

  test("is not asked what its asker may not ask", async () => {
    mount(() => encoded({}));

    await bus
      .client(callee)
      .foreign({})
      .catch(() => undefined);

    expect(asked).toEqual([]);
  });

  test("refuses as the contract says, at once or later", async () => {
    const refusal = () => new TroupeError({ code: "INDEXER_RANGE", what: "x" }, "There is none.");
    mount((_, input) => {
      if ((input as { n: number }).n === 1) throw refusal();
      return Promise.reject(refusal());
    });
    const client = bus.client(callee);

    await expect(client.read({ n: 1 })).rejects.toMatchObject({ code: "INDEXER_RANGE" });
    await expect(client.read({ n: 2 })).rejects.toMatchObject({ code: "INDEXER_RANGE" });
    expect(warnings).toEqual([]);
  });

  test("that fails is told of once, and the bus answers for it", async () => {
    mount((_, input) => {
      if ((input as { n: number }).n === 1) throw new Error("the disk");
      return Promise.reject(new Error("the disk"));
    });
    const client = bus.client(callee);

    for (const n of [1, 2, 1]) expect(await client.read({ n })).toEqual({ by: "bus", limit: 7 });
    expect(warnings).toHaveLength(1);
  });

  test("hears when nobody waits for its answer any more", async () => {
    mount(
      (_method, _input, call: CallContext) =>
        new Promise((_, reject) => {
          call.signal.addEventListener("abort", () => reject(call.signal.reason));
        }),
    );
    const answer = bus.client(callee).read({ n: 1 }, { deadlineMs: 300 });
    answer.catch(() => undefined);

    clock.advance(400);

    await expect(answer).rejects.toMatchObject({ code: "BUS_DEADLINE" });
    expect(asked).toHaveLength(1);
  });

  test("whose reply does not fit the contract is no secret to a test", async () => {
    mount(() => encoded({ by: 1 }));

    await expect(bus.client(callee).read({ n: 1 })).rejects.toMatchObject({ code: "BUS_BAD_REPLY" });
  });

  test("is counted by method, whichever way it is asked, with the time that it took", async () => {
    const metrics = createMetrics({ actor: "gateway", instance: "1" });
    await bus.close();
    bus = new ConnectedBus(broker.connect("gateway"), { log: silentLog(), clock, meter: metrics.meter });
    mount((_, input) => {
      clock.advance(250);
      return (input as { n: number }).n === 1 ? undefined : encoded({ by: "member", limit: 1 });
    });

    await bus.client(callee).read({ n: 1 });
    await bus.client(callee).read({ n: 2 });
    bus.atHand(callee).read({ n: 3 });

    const text = await metrics.collectText();
    await metrics.stop();
    const labels = 'callee="indexer",method="read",actor="gateway",instance="1"';
    expect(text).toContain(`troupe_rpc_mounted_total{${labels}} 2\n`);
    expect(text).toContain(`troupe_rpc_mounted_seconds_total{${labels}} 0.5\n`);
  });

  test("is stopped with the bus", async () => {
    mount(() => undefined);

    await bus.close();

    expect(stops).toBe(1);
  });
});
