import { afterEach, describe, expect, it } from "vitest";
import { gatewayContract } from "../../../bus/contracts/gateway.ts";
import { ManualClock } from "../../../runtime/clock.ts";
import { TEST_CARRIERS } from "../../../tests/harness/electrum/door-under-test.ts";
import { OpenedDoors } from "../../../tests/harness/electrum/opened-doors.ts";
import { waitFor } from "../../../tests/harness/wait-for.ts";
import { electrumHandlers } from "./admin/operator.ts";
import type { Connection } from "./carrier/connection.ts";
import { Client } from "./sessions/client.ts";
import { groupOf } from "./sessions/origins/address-group.ts";

const opened = new OpenedDoors();
afterEach(() => opened.close());

describe("costs", () => {
  const priced = { electrum_cost_soft: 1_000, electrum_cost_hard: 2_000, electrum_throttle_ms: 0 };

  it("cut the client that reaches the hard limit, with an answer to its request", async () => {
    const under = await opened.doorWith({ config: priced });
    const costly = await opened.clientOf(under);
    const other = await opened.clientOf(under);
    await costly.call("charge", [5_000]);
    costly.ask({ id: 9, method: "server.ping" });

    expect(await costly.rest()).toMatchObject([
      { id: 9, error: { code: -101, message: "excessive resource usage" } },
    ]);
    expect(await other.call("server.ping")).toBeNull();
  });

  it("cut who sends garbage", async () => {
    const under = await opened.doorWith({ config: priced });
    const client = await opened.clientOf(under);
    for (let at = 0; at < 10; at++) client.say("garbage");

    const replies = await client.rest();

    expect(replies.length).toBeLessThan(10);
    expect(replies.at(-1)).toMatchObject({ error: { code: -101 } });
  });

  it("cut who does nothing but ping over WebSocket", async () => {
    const config = { ...priced, electrum_bytes_per_cost: 10 };
    const under = await opened.doorWith({ config, carriers: ["ws"] });
    const client = await opened.clientOf(under);
    for (let at = 0; at < 1_000 && !client.isClosed; at++) {
      client.webSocket?.ping("x".repeat(100));
      await new Promise((resolve) => setImmediate(resolve));
    }

    expect((await client.rest()).at(-1)).toMatchObject({ error: { code: -101 } });
  });

  it("slow the client above the soft limit, and go down with time", async () => {
    const clock = new ManualClock();
    const under = await opened.doorWith({ clock, config: { ...priced, electrum_throttle_ms: 1_000 } });
    const client = await opened.clientOf(under);
    await client.call("charge", [1_495]);
    client.ask({ id: 7, method: "server.ping" });
    await waitFor("the request to have come", () => [...under.door.clients][0]?.isQueued === false);
    await new Promise((resolve) => setTimeout(resolve, 50));

    expect(client.received.some((text) => text.includes('"id":7'))).toBe(false);
    clock.advance(600);
    expect(await client.next()).toMatchObject({ id: 7 });

    // Half of a hard limit of 2,000 is gone after half of 10,000 seconds.
    const [session] = under.door.clients;
    const before = session?.cost(clock.monotonicMs()) ?? 0;
    clock.advance(1_000_000);
    expect(before - (session?.cost(clock.monotonicMs()) ?? 0)).toBeCloseTo(200, 0);
  });

  it("are nothing to a trusted address", async () => {
    const under = await opened.doorWith({
      config: { ...priced, electrum_trusted_addresses: ["127.0.0.0/8"] },
    });
    const client = await opened.clientOf(under);
    await client.call("charge", [1_000_000]);

    expect(await client.call("server.ping")).toBeNull();
  });
});

describe("what a trusted address costs", () => {
  it("is not held against its neighbours, as what they cost is against each other", async () => {
    const under = await opened.doorWith({ config: { electrum_trusted_addresses: ["198.51.100.7"] } });
    const { parts } = under.door;
    const connection = { carrier: "tcp" } as unknown as Connection;
    const costOf = (address: string, charged: number) => {
      const client = new Client(0, connection, groupOf(address), parts);
      client.charge(charged);
      return client.cost(parts.clock.monotonicMs());
    };
    expect(costOf("198.51.100.7", 5_000)).toBeGreaterThan(4_000);

    expect(costOf("198.51.100.8", 500)).toBeLessThan(600);
    expect(costOf("198.51.100.9", 0)).toBeGreaterThan(400);
  });
});

describe("a client's share", () => {
  it("is so many requests at once and no more; the rest waits its turn", async () => {
    const under = await opened.doorWith({ config: { electrum_concurrency: 3 } });
    const client = await opened.clientOf(under);
    for (let id = 0; id < 10; id++) client.ask({ id, method: "wait", params: [id] });
    await waitFor("three to run", () => under.protocol.waiting.length === 3);
    const other = await opened.clientOf(under);

    expect(await other.call("server.ping")).toBeNull();
    expect(under.protocol.waiting).toHaveLength(3);
    for (let at = 0; at < 10; at++) {
      await waitFor("the next to run", () => under.protocol.waiting.length > at);
      under.protocol.waiting[at]?.();
    }
    const ids: unknown[] = [];
    while (ids.length < 10) ids.push((await client.next()).id);
    expect(ids).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  it("of all together is bounded too", async () => {
    const under = await opened.doorWith({ config: { electrum_running_max: 2 } });
    const [first, second, third] = [
      await opened.clientOf(under),
      await opened.clientOf(under),
      await opened.clientOf(under),
    ];
    for (const client of [first, second, third]) client.ask({ id: 1, method: "wait" });
    await waitFor("two to run", () => under.protocol.waiting.length === 2);
    await new Promise((resolve) => setTimeout(resolve, 20));

    expect(under.protocol.waiting).toHaveLength(2);
    under.protocol.waiting[0]?.();
    await waitFor("the third to run", () => under.protocol.waiting.length === 3);
  });

  it("goes on while another floods the door with requests", async () => {
    const under = await opened.doorWith();
    const flood = await opened.clientOf(under);
    const other = await opened.clientOf(under);
    let sent = 0;
    const pour = () => {
      if (flood.isClosed || sent > 200_000) return;
      for (let at = 0; at < 1_000; at++) flood.ask({ id: sent++, method: "echo", params: ["x"] });
      setImmediate(pour);
    };
    pour();
    for (let at = 0; at < 20; at++) expect(await other.call("echo", [at])).toBe(at);

    expect(flood.received.length).toBeLessThan(200_000);
  });
});

describe("time", () => {
  it("is up for a request that nobody answers: -102, and its late answer is dropped", async () => {
    const clock = new ManualClock();
    const under = await opened.doorWith({ clock });
    const client = await opened.clientOf(under);
    client.ask({ id: 5, method: "wait", params: ["late"] });
    await waitFor("it to run", () => under.protocol.waiting.length === 1);
    clock.advance(32_000);

    expect(await client.next()).toMatchObject({
      id: 5,
      error: { code: -102, message: "server busy - request timed out" },
    });
    under.protocol.waiting[0]?.();
    expect(await client.call("echo", ["next"])).toBe("next");
    expect(client.received.some((text) => text.includes("late"))).toBe(false);
  });

  it.each(TEST_CARRIERS)(
    "is not up for a client over %s that pings as Electrum does, however long it is idle",
    async (carrier) => {
      const clock = new ManualClock(Date.now());
      const under = await opened.doorWith({ carriers: [carrier], clock });
      const client = await opened.clientOf(under);
      // What is still being written while the clock jumps would count as unread.
      const isWritten = () => [...under.door.clients].every((one) => one.connection.outgoingBytes === 0);
      for (let minutes = 0; minutes < 60; minutes += 5) {
        await waitFor("the answer to be written", isWritten);
        for (let seconds = 0; seconds < 300; seconds++) clock.advance(1_000);
        expect(await client.call("server.ping")).toBeNull();
      }
      expect(under.sessions).toBe(1);
      // And not a minute longer than it was told.
      for (let seconds = 0; seconds <= 601; seconds++) clock.advance(1_000);
      expect(await client.rest()).toEqual([]);
    },
  );

  it("is not up for who pings over WebSocket and has nothing to ask", async () => {
    const clock = new ManualClock(Date.now());
    const under = await opened.doorWith({ clock, carriers: ["ws"] });
    const client = await opened.clientOf(under);
    const isWritten = () => [...under.door.clients].every((one) => one.connection.outgoingBytes === 0);
    for (let round = 0; round < 10; round++) {
      const pong = new Promise((resolve) => client.webSocket?.once("pong", resolve));
      client.webSocket?.ping("still there?");
      await pong;
      await waitFor("the pong to be written", isWritten);
      for (let seconds = 0; seconds < 20; seconds++) clock.advance(1_000);
    }

    expect(await client.call("server.ping")).toBeNull();
  });

  it("is up for who says nothing, or never says which version", async () => {
    const clock = new ManualClock();
    const under = await opened.doorWith({ clock });
    const silent = await opened.clientOf(under);
    const stranger = await opened.strangerTo(under);
    clock.advance(32_000);
    await stranger.closed();

    expect(silent.isClosed).toBe(false);
    clock.advance(580_000);
    await silent.closed();
  });

  it.each(["tcp", "ws"] as const)("is up for who sends a message drop by drop over %s", async (carrier) => {
    const clock = new ManualClock();
    const under = await opened.doorWith({ clock, carriers: [carrier] });
    const client = await opened.clientOf(under);
    const [session] = under.door.clients;
    // A WebSocket frame that announces more than it brings; on TCP a line without an end.
    client.socket.write(Buffer.from([0x81, 0x85, 1, 2, 3, 4, 5]));
    await waitFor("some of it to come", () => (session?.connection.receivedBytes ?? 0) > 70);
    await waitFor("it to be looked at", () => (session?.connection.heldBytes ?? 0) > 0 || carrier === "ws");
    await new Promise((resolve) => setTimeout(resolve, 20));
    for (let second = 0; second < 33 && !client.isClosed; second++) {
      client.socket.write(Buffer.from([6]).subarray(0, carrier === "tcp" ? 1 : 0));
      clock.advance(1_000);
    }

    await client.closed();
  });
});

describe("sizes", () => {
  it.each(TEST_CARRIERS)("of a message are bounded over %s, and memory with them", async (carrier) => {
    const under = await opened.doorWith({
      carriers: [carrier],
      config: { electrum_request_bytes_max: 10_000 },
    });
    const client = await opened.clientOf(under);
    const largest = JSON.stringify({ id: 1, method: "echo", params: ["x".repeat(9_900)] });
    expect((await client.exchange(largest)).result).toHaveLength(9_900);
    client.say(JSON.stringify({ id: 2, method: "echo", params: ["x".repeat(50_000)] }));

    expect(await client.rest()).toMatchObject([
      { id: null, error: { code: -32_600, message: "request too large (over 10000 bytes)" } },
    ]);
    await waitFor("the session to end", () => under.sessions === 0);
    expect(under.door.parts.budget.usedBytes).toBe(0);
    const next = await opened.clientOf(under);
    expect(await next.call("echo", ["served"])).toBe("served");
  });

  it("of answers that wait for the rest of their batch count as well", async () => {
    const under = await opened.doorWith({ config: { electrum_buffer_bytes_max: 8 * 1024 * 1024 } });
    const hoarder = await opened.clientOf(under);
    const modest = await opened.clientOf(under);
    const batchOf = (count: number) => [
      { id: "last", method: "wait" },
      ...Array.from({ length: count }, (_, id) => ({ id, method: "spaces", params: [1_000_000] })),
    ];
    modest.ask(batchOf(2));
    await waitFor("it to have two answers", () => under.door.parts.budget.usedBytes > 2_000_000);
    hoarder.ask(batchOf(20));

    expect(await hoarder.rest()).toEqual([]);
    expect(under.door.parts.tally.closed.get("buffer")).toBe(1);
    under.protocol.waiting[0]?.();
    expect(await modest.next<unknown[]>()).toHaveLength(3);
    await waitFor("it to be read", () => under.door.parts.budget.usedBytes === 0);
  });
});

describe("what the operator is told", () => {
  it("names the sessions with what they cost, and counts requests and errors", async () => {
    const under = await opened.doorWith({
      config: { electrum_cost_soft: 100_000, electrum_cost_hard: 200_000 },
    });
    const cheap = await opened.clientOf(under);
    const costly = await opened.clientOf(under);
    await costly.call("charge", [50]);
    await cheap.exchange('{"id":1,"method":"nothing"}');
    const questions = electrumHandlers(() => ({ door: under.door, peers: undefined }));
    const { rpcs } = gatewayContract;
    const call = {} as Parameters<typeof questions.electrumStats>[1];

    const { total, sessions } = rpcs.electrumSessions.output.parse(
      await questions.electrumSessions({ limit: 1 }, call),
    );
    const stats = rpcs.electrumStats.output.parse(await questions.electrumStats({}, call));

    expect(total).toBe(2);
    expect(sessions).toMatchObject([
      { carrier: "tcp", address: "127.0.0.1", client: "test", version: "1.6", errors: 1, requests: 2 },
    ]);
    expect(stats).toMatchObject({
      sessions: { open: 2, opened: 2, byCarrier: { tcp: 2 } },
      requests: { errors: { "-32601": 1 } },
    });
    expect(stats.limits).toMatchObject({ electrum_cost_soft: 100_000, electrum_cost_hard: 200_000 });
    // Each number of the configuration is a limit: who adds one shows it.
    const { config } = under.door.parts;
    const numbers = Object.entries(config).filter(([, value]) => typeof value === "number");
    expect(Object.keys(stats.limits).sort()).toEqual(numbers.map(([key]) => key).sort());
    expect(stats.requests.methods.find(({ method }) => method === "server.version")?.calls).toBe(2);
    expect(await questions.electrumDisconnect({ sessions: [1], all: false }, call)).toEqual({
      disconnected: 1,
    });
    await cheap.closed();
  });

  it("says so when there is no such door", async () => {
    const { electrumStats } = electrumHandlers(() => undefined);

    expect(() => electrumStats({}, {} as Parameters<typeof electrumStats>[1])).toThrow(
      expect.objectContaining({ code: "GATEWAY_NO_ELECTRUM" }),
    );
  });
});
