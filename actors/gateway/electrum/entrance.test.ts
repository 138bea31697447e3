import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect as connectTls } from "node:tls";
import { afterEach, describe, expect, it } from "vitest";
import { ManualClock } from "../../../runtime/clock.ts";
import { DoorUnderTest, TEST_CARRIERS } from "../../../tests/harness/electrum/door-under-test.ts";
import { OpenedDoors } from "../../../tests/harness/electrum/opened-doors.ts";
import { RawClient } from "../../../tests/harness/electrum/raw-client.ts";
import { waitFor } from "../../../tests/harness/wait-for.ts";
import { electrumHandlers } from "./admin/operator.ts";

const opened = new OpenedDoors();
afterEach(() => opened.close());

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
