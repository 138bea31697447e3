import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect as connectTls } from "node:tls";
import { afterEach, describe, expect, it } from "vitest";
import { gatewayContract } from "../../../bus/contracts/gateway.ts";
import { ManualClock } from "../../../runtime/clock.ts";
import { DoorUnderTest, TEST_CARRIERS } from "../../../tests/harness/electrum/door-under-test.ts";
import { OpenedDoors } from "../../../tests/harness/electrum/opened-doors.ts";
import { RawClient } from "../../../tests/harness/electrum/raw-client.ts";
import { waitFor } from "../../../tests/harness/wait-for.ts";
import { electrumHandlers } from "./admin/operator.ts";

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

describe("the door", () => {
  it("has a bound on all connections together", async () => {
    const under = await opened.doorWith({ config: { electrum_connections_max: 1 } });
    await opened.clientOf(under);
    const second = await opened.strangerTo(under);

    expect(await second.rest()).toMatchObject([
      { error: { message: expect.stringContaining("the server is full") } },
    ]);
  });

  it.each(TEST_CARRIERS)("counts nobody over %s when all have gone", async (carrier) => {
    const under = await opened.doorWith({ carriers: [carrier], config: { electrum_connections_max: 12 } });
    for (let round = 0; round < 30; round++) {
      const client = await opened.clientOf(under);
      await client.call("subscribe", ["x"]);
      client.close();
      await waitFor("it to be gone", () => under.sessions === 0);
    }

    expect(under.door.parts.admission.subscriptions).toBe(0);
    expect(under.door.parts.budget.usedBytes).toBe(0);
    expect(under.protocol.forgotten).toBe(30);
  });

  it.each(TEST_CARRIERS)(
    "lets clients over %s go while it hears nothing of the chain, and in again when it does",
    async (carrier) => {
      const clock = new ManualClock(Date.now());
      const under = await opened.doorWith({
        carriers: [carrier],
        clock,
        config: { electrum_patience_seconds: 30 },
      });
      const client = await opened.clientOf(under);
      under.protocol.silence = 30_000;
      clock.advance(1_000);
      expect(await client.call("server.ping")).toBeNull();

      under.protocol.silence = 30_001;
      clock.advance(1_000);
      expect(await client.rest()).toEqual([]);
      await waitFor("it to be counted", () => under.door.parts.tally.closed.get("stranded") === 1);
      const turnedAway = await RawClient.connect(under.target(carrier)).catch(() => undefined);
      expect((await turnedAway?.rest()) ?? []).toEqual([]);

      under.protocol.silence = 0;
      clock.advance(1_000);
      const back = await opened.clientOf(under);
      expect(await back.call("server.ping")).toBeNull();
    },
  );

  it("lets nobody in who was still shaking hands when it was shut to him", async () => {
    const clock = new ManualClock(Date.now());
    const under = await opened.doorWith({ carriers: ["tls"], clock });
    const halfway = async () => {
      const plain = connect({ host: "127.0.0.1", port: under.target("tls").port });
      await new Promise((resolve) => plain.once("connect", resolve));
      // Whoever comes after it is inside: then it has been let in as well.
      await opened.clientOf(under);
      return plain;
    };
    const shakeHands = async (plain: Socket) => {
      const secret = connectTls({ socket: plain, rejectUnauthorized: false });
      secret.on("error", () => undefined);
      await new Promise((resolve) => secret.once("close", resolve));
    };
    const banned = await halfway();
    under.door.bans.ban("127.0.0.1", 1);
    await shakeHands(banned);
    under.door.bans.unban("127.0.0.1");
    const unlucky = await halfway();
    under.protocol.silence = 86_400_000;
    clock.advance(1_000);
    await shakeHands(unlucky);

    expect(under.door.parts.tally.sessionsOpened).toBe(2);
  });

  it("keeps them when the operator wants that", async () => {
    const clock = new ManualClock(Date.now());
    const under = await opened.doorWith({ clock, config: { electrum_patience_seconds: 0 } });
    const client = await opened.clientOf(under);
    under.protocol.silence = 86_400_000;
    clock.advance(1_000);
    expect(await client.call("server.ping")).toBeNull();
  });

  it("keeps the banned out, also after a restart, until they are unbanned or their time is over", async () => {
    const directory = mkdtempSync(join(tmpdir(), "troupe-bans-"));
    const first = await DoorUnderTest.open({ carriers: ["tcp"], directory });
    const inside = await RawClient.greeted(first.target("tcp"));
    const orders = electrumHandlers(() => ({ door: first.door, peers: undefined }));
    const call = {} as Parameters<typeof orders.electrumBan>[1];

    expect(orders.electrumBan({ network: "127.0.0.0/8", minutes: 10 }, call)).toMatchObject({
      ban: { network: "127.0.0.0/8" },
      disconnected: 1,
    });
    await inside.closed();
    await first.close();

    const clock = new ManualClock(Date.now());
    const second = await opened.doorWith({ directory, clock });
    const turnedAway = await RawClient.connect(second.target("tcp"));
    expect(await turnedAway.rest()).toEqual([]);
    clock.advance(11 * 60_000);
    expect(second.door.bans.all).toEqual([]);
    await opened.clientOf(second);
    rmSync(directory, { recursive: true });
  });

  it("refuses to open with a list of bans that it cannot read", async () => {
    const directory = mkdtempSync(join(tmpdir(), "troupe-bans-"));
    const unreadable = ["{", '{"bans":[{"network":"192.0.2.300","untilMs":null}]}'];
    for (const text of unreadable) {
      writeFileSync(join(directory, "electrum-bans.json"), text);
      await expect(DoorUnderTest.open({ directory })).rejects.toMatchObject({
        code: "GATEWAY_BANS_UNREADABLE",
      });
    }
    rmSync(directory, { recursive: true });
  });

  it("knows a banned network by any of its addresses, also one that was written down otherwise", async () => {
    const directory = mkdtempSync(join(tmpdir(), "troupe-bans-"));
    const bans = [{ network: "192.0.2.7/24", untilMs: null }];
    writeFileSync(join(directory, "electrum-bans.json"), JSON.stringify({ bans }));
    const { door } = await opened.doorWith({ directory });

    expect(door.bans.all).toEqual([{ network: "192.0.2.0/24", untilMs: null }]);
    expect(door.bans.unban("192.0.2.99/24")).toBe(true);
    expect(door.bans.has("192.0.2.1")).toBe(false);
    rmSync(directory, { recursive: true });
  });

  it("makes its certificate once and keeps it, the key for its owner only", async () => {
    const directory = mkdtempSync(join(tmpdir(), "troupe-tls-"));
    const made = await DoorUnderTest.open({ carriers: ["tls"], directory });
    await made.close();
    const certificate = readFileSync(join(directory, "electrum-tls.crt"), "utf8");
    const again = await DoorUnderTest.open({ carriers: ["tls"], directory });
    await again.close();

    expect(readFileSync(join(directory, "electrum-tls.crt"), "utf8")).toBe(certificate);
    expect(statSync(join(directory, "electrum-tls.key")).mode & 0o777).toBe(0o600);
    rmSync(directory, { recursive: true });
  });

  it("says goodbye to all when it closes, and answers what has been asked by then", async () => {
    const under = await DoorUnderTest.open();
    const clients = await Promise.all([...under.targets.values()].map((target) => RawClient.greeted(target)));

    await under.close();

    await Promise.all(clients.map((client) => client.closed()));
    expect(under.protocol.forgotten).toBe(clients.length);
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
