import { createHash } from "node:crypto";
import { beforeEach, describe, expect, test } from "vitest";
import { ManualClock } from "../../runtime/clock.ts";
import { MemoryBroker } from "../carrier/memory.ts";
import { Nkey } from "../carrier/nkey.ts";
import type { Delivery, HeaderList, Transport } from "../carrier/transport.ts";
import { ConnectedBus } from "../connected-bus.ts";
import { bytes, contract } from "../contract/contract.ts";
import { silentLog } from "../fake.ts";
import { CHUNK_BYTES, WINDOW_CHUNKS } from "./bulk.ts";

const store = contract("indexer", { semver: "1.0.0", doc: "x", instances: "any" }).rpc("block", {
  doc: "x",
  input: bytes(),
  output: bytes(),
  content: "bytes",
  requestContent: "bytes",
  replyBytesMax: 16 * 1024 * 1024,
  deadlineMs: 5_000,
  idempotency: "idempotent",
  callers: ["gateway"],
});

const all = { publish: { allow: [">"], deny: [] }, subscribe: { allow: [">"], deny: [] }, allowResponses: 1 };

let clock: ManualClock;
let broker: MemoryBroker;

beforeEach(() => {
  clock = new ManualClock();
  broker = new MemoryBroker(
    ["indexer", "gateway"].map((name) => ({ name, publicKey: Nkey.create().publicKey, permissions: all })),
    { clock },
  );
});

async function settle(): Promise<void> {
  for (let turn = 0; turn < 30; turn++) await new Promise((resolve) => setImmediate(resolve));
}

const connect = (user: string): ConnectedBus =>
  new ConnectedBus(broker.connect(user), { log: silentLog(), clock });

describe("the callee's end", () => {
  /** A caller by hand: what it hears, and a way to acknowledge. */
  async function rawCaller(): Promise<{ transport: Transport; announced: Delivery[]; chunks: Delivery[] }> {
    const transport = broker.connect("gateway");
    const announced: Delivery[] = [];
    const chunks: Delivery[] = [];
    transport.subscribe("_INBOX.gateway.t.*", {}, (delivery) => announced.push(delivery));
    transport.subscribe("troupe.v1.blk.gateway.*", {}, (delivery) => chunks.push(delivery));
    const body = Buffer.alloc(20 * CHUNK_BYTES, "x").subarray(0, 20 * CHUNK_BYTES - 5);
    await connect("indexer").serve(store, { block: () => body });
    transport.publish("troupe.v1.rpc.indexer.any.block.gateway", new Uint8Array(1), {
      reply: "_INBOX.gateway.t.1",
    });
    await settle();
    return { transport, announced, chunks };
  }

  test("announces first, and sends nothing before the caller says go", async () => {
    const { announced, chunks } = await rawCaller();

    const [announcement] = announced.map(({ body }) => JSON.parse(Buffer.from(body).toString()));
    expect(announcement).toMatchObject({ size: 20 * CHUNK_BYTES - 5, chunks: 20 });
    expect(chunks).toHaveLength(0);
  });

  test("has no more than a window on its way, and goes on with each acknowledgement", async () => {
    const { transport, announced, chunks } = await rawCaller();

    transport.publish(announced[0]?.reply ?? "", Buffer.from("0"));
    await settle();
    const first = chunks.length;
    const ack = chunks[3]?.reply ?? "";
    transport.publish(ack, Buffer.from("99"));
    transport.publish(ack, Buffer.from("-1"));
    await settle();
    const afterLies = chunks.length;
    transport.publish(ack, Buffer.from("4"));
    await settle();

    expect([first, afterLies, chunks.length]).toEqual([WINDOW_CHUNKS, WINDOW_CHUNKS, WINDOW_CHUNKS + 4]);
    expect(chunks.map(({ reply }) => reply !== undefined).slice(0, 8)).toEqual([
      false,
      false,
      false,
      true,
      false,
      false,
      false,
      true,
    ]);
  });

  test("forgets the transfer at the caller's deadline", async () => {
    const { transport, announced, chunks } = await rawCaller();

    clock.advance(5_020);
    transport.publish(announced[0]?.reply ?? "", Buffer.from("0"));
    await settle();

    expect(chunks).toHaveLength(0);
  });
});

describe("the caller's end", () => {
  const body = Buffer.alloc(2 * CHUNK_BYTES + 10, "y");
  const sha256 = createHash("sha256").update(body).digest("hex");
  const xferId = "0123456789abcdef0123456789abcdef";
  const honest = { xferId, size: body.byteLength, sha256, chunks: 3 };

  /** A callee by hand, which announces and sends what the test wants. */
  async function ask(
    announcement: object,
    chunks: readonly (readonly [number, Uint8Array])[],
    ackAddress = "_INBOX.indexer.t.ack",
  ): Promise<unknown> {
    const callee = broker.connect("indexer");
    const send = (subject: string, bytes: Uint8Array, envelope: string, reply?: string): void => {
      const headers: HeaderList = [["Troupe", envelope]];
      callee.publish(subject, bytes, reply === undefined ? { headers } : { headers, reply });
    };
    callee.subscribe("troupe.v1.rpc.indexer.any.block.gateway", {}, ({ reply }) => {
      send(reply ?? "", Buffer.from(JSON.stringify(announcement)), "x=1", ackAddress);
    });
    callee.subscribe("_INBOX.indexer.t.ack", {}, ({ body: count }) => {
      if (Buffer.from(count).toString() !== "0") return;
      for (const [number, bytes] of chunks) {
        send(`troupe.v1.blk.gateway.${xferId}`, bytes, `n=${number}`, number === 2 ? ackAddress : undefined);
      }
    });
    const call = connect("gateway").client(store).block(new Uint8Array(1), { retries: 0 });
    const ended = call.then(
      (reply) => Buffer.from(reply).equals(body),
      (error: unknown) => error,
    );
    await settle();
    clock.advance(5_020);
    return ended;
  }

  const chunk = (number: number): readonly [number, Uint8Array] => [
    number,
    body.subarray(number * CHUNK_BYTES, (number + 1) * CHUNK_BYTES),
  ];

  test("puts an honest reply together", async () => {
    expect(await ask(honest, [chunk(0), chunk(1), chunk(2)])).toBe(true);
  });

  test.each([
    ["a larger size than the method allows", { ...honest, size: 17 * 1024 * 1024, chunks: 68 }],
    ["a wrong number of chunks", { ...honest, chunks: 4 }],
    ["an id that is no token", { ...honest, xferId: "../>" }],
    ["another SHA-256", { ...honest, sha256: "0".repeat(64) }],
  ])("refuses %s", async (_what, announcement) => {
    expect(await ask(announcement, [chunk(0), chunk(1), chunk(2)])).toMatchObject({
      code: "BUS_BAD_REPLY",
      data: { outcome: "executed" },
    });
  });

  test.each([
    ["a chunk that is missing", [chunk(0), chunk(2)]],
    ["a chunk that comes twice", [chunk(0), chunk(0)]],
    ["a chunk of another length", [[0, body.subarray(0, 5)] as const]],
  ])("refuses %s", async (_what, chunks) => {
    expect(await ask(honest, chunks)).toMatchObject({ code: "BUS_BAD_REPLY" });
  });

  test("acknowledges only to the callee's own inbox", async () => {
    expect(await ask(honest, [chunk(0)], "troupe.v1.evt.gateway.x")).toMatchObject({ code: "BUS_BAD_REPLY" });
  });

  test("gives up at its deadline when the chunks stop coming", async () => {
    expect(await ask(honest, [chunk(0)])).toMatchObject({
      code: "BUS_DEADLINE",
      data: { outcome: "unknown" },
    });
  });
});
