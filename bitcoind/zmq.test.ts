/** The subscriber, against a publisher that the test plays and against a real node's. */

import type { AddressInfo } from "node:net";
import { createServer, type Server, type Socket } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { systemClock } from "../runtime/clock.ts";
import { KeptLog } from "../tests/harness/kept-log.ts";
import { findBitcoind, RealNode } from "../tests/harness/node/bitcoind.ts";
import { CoinOwner } from "../tests/harness/node/coin-owner.ts";
import { waitFor } from "../tests/harness/wait-for.ts";
import { parseSequence } from "./sequence.ts";
import { ZmqSubscriber } from "./zmq.ts";

const bitcoind = findBitcoind();

interface Heard {
  readonly messages: { topic: string; body: string }[];
  gaps: number;
}

function listen(
  url: string,
  topics: readonly string[],
): { subscriber: ZmqSubscriber; heard: Heard; log: KeptLog } {
  const heard: Heard = { messages: [], gaps: 0 };
  const log = new KeptLog();
  const subscriber = new ZmqSubscriber({
    url,
    topics,
    clock: systemClock,
    log,
    onMessage: (topic, body) => heard.messages.push({ topic, body: Buffer.from(body).toString("hex") }),
    onGap: () => {
      heard.gaps++;
    },
  });
  return { subscriber, heard, log };
}

describe("a subscriber to a publisher of the test's own", () => {
  let server: Server;
  let peer: Socket | undefined;
  let received: Buffer;
  let subscriber: ZmqSubscriber | undefined;
  let url: string;

  beforeEach(async () => {
    received = Buffer.alloc(0);
    peer = undefined;
    server = createServer((socket) => {
      peer = socket;
      received = Buffer.alloc(0);
      socket.on("error", () => undefined);
      socket.on("data", (chunk) => {
        received = Buffer.concat([received, chunk]);
      });
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    url = `tcp://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });

  afterEach(async () => {
    subscriber?.close();
    peer?.destroy();
    await new Promise((resolve) => server.close(resolve));
  });

  const greeting = () => {
    const bytes = Buffer.alloc(64);
    bytes.set([0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f, 3, 1]);
    bytes.write("NULL", 12);
    return bytes;
  };
  const frame = (flags: number, body: Buffer) => Buffer.concat([Buffer.from([flags, body.length]), body]);
  const ready = frame(4, Buffer.from("\x05READY\x0bSocket-Type\0\0\0\x03PUB", "latin1"));
  const message = (topic: string, body: string, counter: number) => {
    const count = Buffer.alloc(4);
    count.writeUInt32LE(counter);
    return Buffer.concat([frame(1, Buffer.from(topic)), frame(1, Buffer.from(body, "hex")), frame(0, count)]);
  };

  it("greets, asks for its topics, and hears messages however the bytes are cut", async () => {
    const { subscriber: mine, heard } = listen(url, ["hashblock", "sequence"]);
    subscriber = mine;
    await waitFor("a greeting", () => received.length >= 64);
    const bytes = Buffer.concat([
      greeting(),
      ready,
      message("hashblock", "aa", 0),
      message("hashblock", "bb", 1),
    ]);
    for (const byte of bytes) peer?.write(Buffer.from([byte]));
    await waitFor("two messages", () => heard.messages.length === 2);

    expect(received.subarray(0, 16).toString("hex")).toBe("ff00000000000000007f03004e554c4c");
    expect(received.subarray(64).toString("latin1")).toBe(
      "\x04\x19\x05READY\x0bSocket-Type\0\0\0\x03SUB\0\x0a\x01hashblock\0\x09\x01sequence",
    );
    expect(heard).toEqual({
      messages: [
        { topic: "hashblock", body: "aa" },
        { topic: "hashblock", body: "bb" },
      ],
      gaps: 1,
    });
  });

  it("notices a jump of a topic's counter, and not its turn after 2^32", async () => {
    const { subscriber: mine, heard } = listen(url, ["hashblock"]);
    subscriber = mine;
    await waitFor("a connection", () => peer !== undefined);
    peer?.write(Buffer.concat([greeting(), ready, message("hashblock", "01", 0xffff_ffff)]));
    peer?.write(message("hashblock", "02", 0));
    peer?.write(message("hashblock", "03", 2));
    await waitFor("three messages", () => heard.messages.length === 3);
    expect(heard.gaps).toBe(2);
  });

  it("answers a ping", async () => {
    subscriber = listen(url, []).subscriber;
    await waitFor("a connection", () => peer !== undefined);
    peer?.write(Buffer.concat([greeting(), ready, frame(4, Buffer.from("\x04PING\0\x0ahello", "latin1"))]));
    await waitFor("a pong", () => received.toString("latin1").endsWith("\x04\x0a\x04PONGhello"));
  });

  it.each([
    ["another protocol", Buffer.from(`HTTP/1.1 400 Bad Request\r\n\r\n${" ".repeat(64)}`)],
    ["an absurd length", Buffer.concat([greeting(), ready, Buffer.from([2, 0, 0, 0, 1, 0, 0, 0, 0])])],
    ["a message that is no node's", Buffer.concat([greeting(), ready, frame(0, Buffer.from("hello"))])],
    ["an endless message", Buffer.concat([greeting(), ready, ...Array(20).fill(frame(1, Buffer.from("x")))])],
  ])("leaves a publisher that sends %s, says so, and tries again", async (_, bytes) => {
    const { subscriber: mine, log } = listen(url, ["hashblock"]);
    subscriber = mine;
    await waitFor("a connection", () => peer !== undefined);
    const first = peer;
    first?.write(bytes);
    await waitFor("another connection", () => peer !== first);
    expect(log.lines[0]).toMatchObject({ level: "warn" });
    expect(String(log.lines[0]?.context["reason"])).toContain("No node's publisher answers there");
  });
});

describe.skipIf(bitcoind === undefined)("a subscriber to a real node", () => {
  it("hears every block and transaction in order, and comes back after the node's restart", async () => {
    const node = await RealNode.start(bitcoind as string);
    const address = new CoinOwner("zmq").address("p2wpkh");
    const { subscriber, heard } = listen(node.zmqUrl, ["hashblock", "sequence"]);
    try {
      await waitFor("the subscription", () => heard.gaps === 1);
      // Subscribed is not yet served: the publisher takes its time.
      await waitFor("a first message", async () => {
        await node.rpc("generatetoaddress", 1, address);
        return heard.messages.length > 0;
      });
      const before = (await node.rpc("getblockcount")) as number;
      await waitFor("what was sent so far", async () => {
        const tip = await node.rpc("getbestblockhash");
        return heard.messages.some(({ topic, body }) => topic === "hashblock" && body === tip);
      });
      heard.messages.length = 0;
      const hashes = (await node.rpc("generatetoaddress", 20, address)) as string[];
      await waitFor("forty messages", () => heard.messages.length >= 40);

      const blocks = heard.messages.filter(({ topic }) => topic === "hashblock").map(({ body }) => body);
      expect(blocks).toEqual(hashes);
      const events = heard.messages.filter(({ topic }) => topic === "sequence");
      expect(events.map(({ body }) => parseSequence(Buffer.from(body, "hex")))).toEqual(
        hashes.map((hash) => ({ kind: "connected", hash })),
      );
      expect(heard.gaps).toBe(1);

      await node.rpc("invalidateblock", hashes[19]);
      await waitFor("the block to be taken back", () =>
        heard.messages.some(({ body }) => parseSequence(Buffer.from(body, "hex"))?.kind === "disconnected"),
      );
      expect(await node.rpc("getblockcount")).toBe(before + 19);

      await node.shutDown();
      await node.restore();
      await waitFor("the second subscription", () => heard.gaps === 2);
    } finally {
      subscriber.close();
      await node.stop();
    }
  }, 120_000);
});

describe("an event of the sequence", () => {
  const hash = "ab".repeat(32);

  it.each([
    [`${hash}43`, { kind: "connected", hash }],
    [`${hash}44`, { kind: "disconnected", hash }],
    [`${hash}410500000000000000`, { kind: "added", txid: hash, sequence: 5 }],
    [`${hash}520001000000000000`, { kind: "removed", txid: hash, sequence: 256 }],
    [`${hash}58`, undefined],
    [`${hash}43ff`, undefined],
    ["", undefined],
  ])("%s is read", (body, event) => {
    expect(parseSequence(Buffer.from(body, "hex"))).toEqual(event);
  });
});
