import { describe, expect, it } from "vitest";
import { Account, allowanceFor, decayPerSecond } from "../cost.ts";
import { groupOf, NetworkList, networkOf, networkText, parseNetwork, VIA_TOR } from "./address-group.ts";
import { Admission } from "./admission.ts";
import { CostGroups } from "./cost-groups.ts";

describe("whose an address is", () => {
  it.each([
    ["198.51.100.7", "198.51.100.7", "198.51.100.7", "198.51.100.0/24"],
    ["::ffff:198.51.100.7", "198.51.100.7", "198.51.100.7", "198.51.100.0/24"],
    ["2001:db8:1:2:3::4", "2001:db8:1:2:3::4", "2001:db8:1:2::/64", "2001:db8:1::/48"],
    ["2001:db8::1", "2001:db8::1", "2001:db8:0:0::/64", "2001:db8:0::/48"],
    ["127.0.0.1", "127.0.0.1", "127.0.0.1", undefined],
    ["10.1.2.3", "10.1.2.3", "10.1.2.3", undefined],
    ["172.31.0.1", "172.31.0.1", "172.31.0.1", undefined],
    ["172.32.0.1", "172.32.0.1", "172.32.0.1", "172.32.0.0/24"],
    ["::1", "::1", "0:0:0:0::/64", undefined],
    ["fe80::1%eth0", "fe80::1", "fe80:0:0:0::/64", undefined],
    ["fd00::1", "fd00::1", "fd00:0:0:0::/64", undefined],
    [undefined, "local", "local", undefined],
    ["nonsense", "local", "local", undefined],
    ["::ffff:c633:6407", "198.51.100.7", "198.51.100.7", "198.51.100.0/24"],
    ["::fffe:c633:6407", "::fffe:c633:6407", "0:0:0:0::/64", "0:0:0::/48"],
  ])("%s: %s of %s in %s", (text, address, host, subnet) => {
    expect(groupOf(text)).toEqual({ address, host, subnet });
  });
});

describe("networks", () => {
  it.each([
    ["192.0.2.7", "192.0.2.7"],
    ["192.0.2.0/24", "192.0.2.0/24"],
    ["192.0.2.7/32", "192.0.2.7"],
    [" 2001:DB8:0::/48 ", "2001:db8::/48"],
    ["2001:db8::1/128", "2001:db8::1"],
    ["::ffff:192.0.2.7", "192.0.2.7"],
    ["::ffff:c000:207", "192.0.2.7"],
    ["192.0.2.7/24", "192.0.2.0/24"],
    ["192.0.255.7/17", "192.0.128.0/17"],
    ["1.2.3.4/0", "0.0.0.0/0"],
    ["2001:db8:1:2::3/48", "2001:db8:1::/48"],
    ["2001:db8:ffff::/33", "2001:db8:8000::/33"],
    ["2001:db8::5/0", "::/0"],
  ])("%s is written %s", (text, written) => {
    expect(networkText(networkOf(text))).toBe(written);
  });

  it.each([
    "",
    "192.0.2",
    "192.0.2.0/33",
    "::/129",
    "1.2.3.4/a",
    "1.2.3.4/1/2",
    "host.example",
    "fe80::1%eth0",
    "1.2.3.4/-1",
  ])("%j is none", (text) => {
    expect(() => networkOf(text)).toThrow(expect.objectContaining({ code: "GATEWAY_BAD_NETWORK" }));
  });

  it("hold the addresses inside them, however those are written", () => {
    const list = new NetworkList(
      [parseNetwork("192.0.2.0/24"), parseNetwork("2001:db8::/48")].filter((n) => n !== undefined),
    );

    expect(["192.0.2.255", "::ffff:192.0.2.1", "2001:db8::5"].map((address) => list.has(address))).toEqual([
      true,
      true,
      true,
    ]);
    expect(["192.0.3.1", "2001:db8:1::5", undefined, "x"].map((address) => list.has(address))).toEqual([
      false,
      false,
      false,
      false,
    ]);
  });
});

describe("admission", () => {
  const limits = { total: 100, perHost: 3, perSubnet: 5, subscriptionsPerHost: 2, subscriptionsTotal: 3 };
  const enter = (admission: Admission, address: string | undefined) => admission.enter(groupOf(address));

  it("counts machines and networks, and gives room back", () => {
    const admission = new Admission(limits, () => false);
    const asked = [
      "198.51.100.1",
      "198.51.100.1",
      "198.51.100.1",
      "198.51.100.1",
      "198.51.100.2",
      "198.51.100.3",
    ];

    expect(asked.map((address) => enter(admission, address))).toEqual([
      "welcome",
      "welcome",
      "welcome",
      "host",
      "welcome",
      "subnet",
    ]);
    expect(enter(admission, "198.51.101.1")).toBe("welcome");
    for (const address of asked) admission.leave(groupOf(address));
    expect(enter(admission, "198.51.100.1")).toBe("welcome");
  });

  it("hears so many more to tell them why not, and the rest not at all", () => {
    const admission = new Admission({ ...limits, total: 2 }, () => false);
    const answers = Array.from({ length: 20 }, (_, at) => enter(admission, `10.0.0.${at}`));

    expect(answers).toEqual(["welcome", "welcome", ...Array(16).fill("total"), "unheard", "unheard"]);
  });

  it("takes no room from a network for a trusted address in it", () => {
    const admission = new Admission(limits, (address) => address === "198.51.100.1");
    const trusted = Array.from({ length: 10 }, () => enter(admission, "198.51.100.1"));
    const others = [2, 2, 2, 3, 3, 3].map((last) => enter(admission, `198.51.100.${last}`));
    for (const _ of trusted) admission.leave(groupOf("198.51.100.1"));

    expect(trusted).toEqual(Array(10).fill("welcome"));
    expect(others).toEqual([...Array(5).fill("welcome"), "subnet"]);
    // Nor does it give any when it goes.
    expect(enter(admission, "198.51.100.4")).toBe("subnet");
  });

  it("leaves half of all to those who do not come through Tor, whose clients cannot be told from each other", () => {
    const admission = new Admission({ ...limits, total: 20, subscriptionsTotal: 6 }, () => false);
    const answers = Array.from({ length: 27 }, () => admission.enter(VIA_TOR));
    const subscribed = Array.from({ length: 5 }, () => admission.addSubscription(VIA_TOR));

    expect(answers).toEqual([...Array(10).fill("welcome"), ...Array(16).fill("total"), "unheard"]);
    expect(subscribed).toEqual([true, true, true, false, false]);
    for (let at = 0; at < 16; at++) admission.leave(VIA_TOR);
    expect(Array.from({ length: 10 }, (_, at) => enter(admission, `10.0.0.${at}`))).toEqual(
      Array(10).fill("welcome"),
    );
    expect(admission.addSubscription(groupOf(undefined))).toBe(true);
    expect(admission.addSubscription(groupOf("10.0.0.1"))).toBe(true);
  });

  it("does not count Unix sockets, nor those who are trusted, but for the total", () => {
    const admission = new Admission(limits, (address) => address === "192.0.2.1");

    expect(Array.from({ length: 10 }, () => enter(admission, "192.0.2.1"))).toEqual(
      Array(10).fill("welcome"),
    );
    expect(Array.from({ length: 10 }, () => enter(admission, undefined))).toEqual(Array(10).fill("welcome"));
  });
});

describe("costs", () => {
  const limits = { soft: 1_000, hard: 10_000, concurrency: 10, throttleMaxMs: 2_500 };

  it.each([
    [0, { concurrency: 10, delayMs: 0 }],
    [1_000, { concurrency: 10, delayMs: 0 }],
    [1_001, { concurrency: 10, delayMs: expect.closeTo(0.28, 1) }],
    [5_500, { concurrency: 5, delayMs: 1_250 }],
    [9_999, { concurrency: 1, delayMs: expect.closeTo(2_499.7, 0) }],
    [10_000, { concurrency: 0, delayMs: 2_500 }],
    [99_999, { concurrency: 0, delayMs: 2_500 }],
  ])("of %i allow %j", (cost, allowance) => {
    expect(allowanceFor(limits, cost)).toEqual(allowance);
  });

  it("cut at the hard limit also where it is below the soft one", () => {
    const hardFirst = { ...limits, hard: 500 };

    expect(allowanceFor(hardFirst, 499)).toEqual({ concurrency: 10, delayMs: 0 });
    expect(allowanceFor(hardFirst, 500).concurrency).toBe(0);
    expect(allowanceFor({ ...limits, hard: 1_000 }, 1_000).concurrency).toBe(0);
  });

  it("allow everything where there is no limit", () => {
    expect(allowanceFor({ ...limits, soft: 0 }, 1e9).concurrency).toBe(10);
    expect(allowanceFor({ ...limits, hard: 0 }, 1e9).concurrency).toBe(10);
  });

  it("go down with time, slower for who has many subscriptions", () => {
    const account = new Account(0);
    account.charge(100);

    expect(account.cost(10_000, decayPerSecond(limits, 0))).toBe(90);
    expect(account.cost(20_000, decayPerSecond(limits, 2_000))).toBe(85);
    expect(account.cost(1e9, 1)).toBe(0);
  });

  it("of a network outlive its sessions, until they have gone down to nothing", () => {
    const groups = new CostGroups(limits);
    const group = groups.join(groupOf("198.51.100.1"), 0);
    group?.account.charge(100);
    groups.leave(group);
    groups.sweep(10_000);

    expect(groups.join(groupOf("198.51.100.2"), 10_000)).toBe(group);
    expect(group === undefined ? 0 : groups.costOf(group, 10_000)).toBe(80);
    groups.leave(group);
    groups.sweep(60_000);
    expect(groups.join(groupOf("198.51.100.3"), 60_000)).not.toBe(group);
    expect(groups.join(groupOf("10.0.0.1"), 0)).toBeUndefined();
  });
});
