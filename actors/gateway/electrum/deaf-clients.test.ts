/** Clients that ask and do not read: what waits for them is bounded, then they are cut, and nobody else feels it. Over each carrier. */
import { afterEach, describe, expect, it } from "vitest";
import { ManualClock } from "../../../runtime/clock.ts";
import {
  type DoorOptions,
  type DoorUnderTest,
  TEST_CARRIERS,
} from "../../../tests/harness/electrum/door-under-test.ts";
import { OpenedDoors, versionLine } from "../../../tests/harness/electrum/opened-doors.ts";
import { RawClient } from "../../../tests/harness/electrum/raw-client.ts";
import { waitFor } from "../../../tests/harness/wait-for.ts";

const opened = new OpenedDoors();
afterEach(() => opened.close());

describe.each(TEST_CARRIERS)("a client over %s that does not read", (carrier) => {
  const doorWith = (options: DoorOptions = {}) => opened.doorWith({ carriers: [carrier], ...options });

  /** It has said which version it speaks, and asks for `spaces` so often. */
  async function deafTo(under: DoorUnderTest, times: number, spaces: number): Promise<void> {
    const deaf = await RawClient.connect(under.target(carrier), { isReading: false });
    opened.keep(deaf);
    deaf.say(versionLine("1.4"));
    for (let id = 0; id < times; id++) deaf.ask({ id, method: "spaces", params: [spaces] });
  }

  it("is not answered further, then cut, and others are served", async () => {
    const clock = new ManualClock();
    const under = await doorWith({ clock });
    await deafTo(under, 64, 1_000_000);
    await waitFor("it to be in", () => under.sessions === 1);
    const [session] = under.door.clients;
    await waitFor("its buffer to be full", () => (session?.connection.outgoingBytes ?? 0) > 1_000_000);
    const other = await opened.clientOf(under);
    await other.call("server.ping");

    expect(session?.connection.outgoingBytes).toBeLessThan(16_000_000);
    expect(session?.requests).toBeLessThan(64);
    await waitFor("it to be cut", async () => {
      // As long as the system still takes something for it, its time begins anew.
      clock.advance(1_000);
      expect(await other.call("server.ping")).toBeNull();
      return under.sessions === 1;
    });
    expect(under.door.parts.tally.closed.get("unread")).toBe(1);
    await waitFor("all to be given back", () => under.door.parts.budget.usedBytes === 0);
    expect(await other.call("server.ping")).toBeNull();
  });

  it("is cut when all that waits together is too much, as who holds most of it", async () => {
    const under = await doorWith({ config: { electrum_buffer_bytes_max: 8 * 1024 * 1024 } });
    const other = await opened.clientOf(under);
    await deafTo(under, 1, 30_000_000);

    await waitFor("it to be cut", () => under.door.parts.tally.closed.get("buffer") === 1);
    expect(await other.call("server.ping")).toBeNull();
    expect(under.sessions).toBe(1);
  });

  it("is cut when notifications pile up for it", async () => {
    const under = await doorWith({ config: { electrum_buffer_bytes_max: 8 * 1024 * 1024 } });
    const deaf = await RawClient.connect(under.target(carrier), { isReading: false });
    opened.keep(deaf);
    deaf.say(versionLine("1.4"));
    deaf.ask({ id: 1, method: "subscribe", params: ["news"] });
    await waitFor("it to subscribe", () => under.protocol.subscribers.size === 1);
    const [session] = under.door.clients;
    let rounds = 0;
    while (under.sessions > 0 && rounds++ < 1_000) {
      session?.notify("subscribe", ["news", "x".repeat(100_000)]);
      await new Promise((resolve) => setImmediate(resolve));
    }

    await waitFor("it to be cut", () => under.sessions === 0);
    expect(under.protocol.forgotten).toBe(1);
  });
});
