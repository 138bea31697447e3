/** How much one address may have, who is exempt, and what those are told who are not: over each carrier. */
import { afterEach, describe, expect, it } from "vitest";
import { TEST_CARRIERS } from "../../../../../tests/harness/electrum/door-under-test.ts";
import { OpenedDoors, versionLine } from "../../../../../tests/harness/electrum/opened-doors.ts";
import type { RawClient } from "../../../../../tests/harness/electrum/raw-client.ts";
import { waitFor } from "../../../../../tests/harness/wait-for.ts";
import { groupOf } from "./address-group.ts";
import { Admission } from "./admission.ts";

const FULL = { code: 1, message: "subscription limit reached" };
const opened = new OpenedDoors();
afterEach(() => opened.close());

const subscribe = (client: RawClient | undefined, topic: string) => client?.call("subscribe", [topic]);

/** Who comes over a Unix socket has no address. */
describe.each(TEST_CARRIERS.filter((carrier) => carrier !== "unix"))("an address over %s", (carrier) => {
  it("is told when it has too many connections and is let in again when it has fewer", async () => {
    const under = await opened.doorWith({
      carriers: [carrier],
      config: { electrum_connections_per_address: 2 },
    });
    const inside = [await opened.clientOf(under), await opened.clientOf(under)];
    const third = await opened.strangerTo(under);

    expect(await third.rest()).toMatchObject([
      { error: { code: -101, message: expect.stringMatching(/too many connections from your/) } },
    ]);
    expect(await inside[0]?.call("server.ping")).toBeNull();
    inside[1]?.close();
    await waitFor("there to be room", () => under.sessions === 1);
    await waitFor("room to be counted", async () => {
      const again = await opened.strangerTo(under);
      again.say(versionLine("1.4"));
      return (await again.nextText())?.includes("Troupe test") ?? false;
    });
  });

  it("has so many subscriptions and is told of the limit, and they are given back when it closes", async () => {
    const under = await opened.doorWith({
      carriers: [carrier],
      config: { electrum_subscriptions_per_session: 2, electrum_subscriptions_per_address: 3 },
    });
    const [first, second] = [await opened.clientOf(under), await opened.clientOf(under)];
    await subscribe(first, "a");
    await subscribe(first, "b");

    await expect(subscribe(first, "c")).rejects.toMatchObject(FULL);
    await subscribe(second, "d");
    await expect(subscribe(second, "e")).rejects.toMatchObject(FULL);
    expect(await second?.call("server.ping")).toBeNull();
    first?.close();
    await waitFor("the first to be forgotten", () => under.protocol.forgotten === 1);
    await subscribe(second, "e");
    expect(under.door.parts.admission.subscriptions).toBe(2);
  });
});

describe.each(TEST_CARRIERS)("whoever is exempt over %s", (carrier) => {
  it("has no limits of an address, neither of connections nor of subscriptions", async () => {
    const under = await opened.doorWith({
      carriers: [carrier],
      config: {
        electrum_connections_per_address: 1,
        electrum_connections_per_subnet: 1,
        electrum_subscriptions_per_address: 1,
        // A Unix socket has no address, so nobody has to be named for it.
        electrum_trusted_addresses: carrier === "unix" ? [] : ["127.0.0.0/8"],
      },
    });
    const clients = [
      await opened.clientOf(under),
      await opened.clientOf(under),
      await opened.clientOf(under),
    ];
    for (const client of clients) {
      await subscribe(client, "a");
      await subscribe(client, "b");
    }
    expect(under.door.parts.admission.subscriptions).toBe(6);
    expect(under.sessions).toBe(3);
  });
});

describe("whoever comes over a Unix socket", () => {
  it("has the limit of a session as everybody", async () => {
    const under = await opened.doorWith({
      carriers: ["unix"],
      config: { electrum_subscriptions_per_session: 1 },
    });
    const client = await opened.clientOf(under);
    await subscribe(client, "a");
    await expect(subscribe(client, "b")).rejects.toMatchObject(FULL);
    expect(await client.call("server.ping")).toBeNull();
  });
});

describe("who comes far too often", () => {
  it("is told so for a while, then not even that, and is let in when enough have left", () => {
    const limits = { total: 100, perHost: 2, perSubnet: 4, subscriptionsPerHost: 1, subscriptionsTotal: 10 };
    const admission = new Admission(limits, () => false);
    const group = groupOf("198.51.100.7");
    const answers = Array.from({ length: 30 }, () => admission.enter(group));

    expect(answers.slice(0, 3)).toEqual(["welcome", "welcome", "host"]);
    const told = answers.lastIndexOf("host") + 1;
    expect(told).toBeLessThan(30);
    expect(answers.slice(told)).toEqual(Array(30 - told).fill("unheard"));
    // Another one of the same network has its own.
    expect(admission.enter(groupOf("198.51.100.8"))).toBe("subnet");
    expect(admission.enter(groupOf("203.0.113.1"))).toBe("welcome");
    for (let at = 0; at < told; at++) admission.leave(group);
    expect(admission.enter(group)).toBe("welcome");
  });
});
