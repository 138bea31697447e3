/** What the protocol's servers expect of each other, asked over the wire of our own door. */
import { afterEach, describe, expect, it } from "vitest";
import { DoorUnderTest, TEST_CARRIERS } from "../../../../tests/harness/electrum/door-under-test.ts";
import { featuresOf, GENESIS, SearchUnderTest } from "../../../../tests/harness/electrum/peers.ts";
import { RawClient } from "../../../../tests/harness/electrum/raw-client.ts";
import { waitFor } from "../../../../tests/harness/wait-for.ts";
import type { PeerDiscoveryOptions } from "./peer-discovery.ts";

const stops: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

/** Clients of a test come from 127.0.0.1, which only a network of our own takes for an address. */
async function door(options: Partial<PeerDiscoveryOptions> = { isPrivateNetwork: true }) {
  const world = new SearchUnderTest(options);
  world.search.start();
  const under = await DoorUnderTest.open({ peers: world.search });
  stops.push(
    () => under.close(),
    () => world.stop(),
  );
  return { world, client: () => RawClient.greeted(under.target("tcp")), under };
}

describe.each(TEST_CARRIERS)("server.add_peer over %s", (carrier) => {
  it("goes by the address of who asks, which only a Unix socket has not, and the list is told to all", async () => {
    const { world, under } = await door();
    await world.settle("asker.example", "127.0.0.1");
    const asker = await RawClient.greeted(under.target(carrier));
    const hasAddress = carrier !== "unix";
    expect(await asker.call("server.add_peer", [featuresOf("asker.example")])).toBe(hasAddress);
    if (hasAddress) await world.look("asker.example", ["good"]);
    expect(await asker.call("server.peers.subscribe")).toEqual(
      hasAddress ? [["127.0.0.1", "asker.example", ["v1.6", "t50001"]]] : [],
    );
    asker.close();
  });
});

describe("server.add_peer", () => {
  it("is accepted from the address that the name leads to, and then looked at as every peer", async () => {
    const { world, client } = await door();
    const peer = await world.settle("asker.example", "127.0.0.1");
    expect(await (await client()).call("server.add_peer", [featuresOf("asker.example")])).toBe(true);
    expect(await world.look("asker.example", ["good"])).toMatchObject({
      source: "add_peer",
      address: "127.0.0.1",
    });
    expect(peer.asked.map(({ method }) => method)).toContain("server.features");
    expect(await (await client()).call("server.peers.subscribe")).toEqual([
      ["127.0.0.1", "asker.example", ["v1.6", "t50001"]],
    ]);
  });

  it("is accepted from who names the address that he has", async () => {
    const { client } = await door();
    expect(await (await client()).call("server.add_peer", [featuresOf("127.0.0.1")])).toBe(true);
  });

  it("is refused when the name leads elsewhere, or nowhere, or the address is another", async () => {
    for (const host of ["elsewhere.example", "nowhere.example", "11.9.9.9"]) {
      const { world, client } = await door();
      world.names.set("elsewhere.example", ["11.1.0.1"]);
      expect(await (await client()).call("server.add_peer", [featuresOf(host)])).toBe(false);
      expect(world.search.list.slots).toEqual([]);
    }
  });

  it("is refused for private addresses on a network of the world", async () => {
    const { world, client } = await door({});
    world.names.set("asker.example", ["127.0.0.1"]);
    const one = await client();
    expect(await one.call("server.add_peer", [featuresOf("asker.example")])).toBe(false);
    expect(await one.call("server.add_peer", [featuresOf("127.0.0.1")])).toBe(false);
    expect(world.lookups).toBe(0);
  });

  it("is refused for another chain, and for what is no list of features", async () => {
    const { world, client } = await door();
    world.names.set("asker.example", ["127.0.0.1"]);
    const one = await client();
    const given = [
      { ...featuresOf("asker.example"), genesis_hash: "00".repeat(32) },
      { ...featuresOf("asker.example"), hosts: {} },
      { genesis_hash: GENESIS },
      { genesis_hash: GENESIS, hosts: { "asker.example": { tcp_port: "50001x" } } },
      "asker.example",
      null,
      [],
    ];
    for (const features of given)
      expect([features, await one.call("server.add_peer", [features])]).toEqual([features, false]);
    expect(world.lookups).toBe(0);
  });

  it("is refused to who has no address, as through Tor or on a Unix socket", async () => {
    const { world, under } = await door();
    world.names.set("asker.example", ["127.0.0.1"]);
    const local = await RawClient.greeted(under.target("unix"));
    expect(await local.call("server.add_peer", [featuresOf("asker.example")])).toBe(false);
  });

  it("may be asked once in ten minutes by one machine, so that a flood fills no list and asks no name server", async () => {
    const { world, client } = await door();
    for (let at = 0; at < 200; at++) world.names.set(`a${at}.example${at}x`, ["127.0.0.1"]);
    const one = await client();
    const answers: unknown[] = [];
    for (let at = 0; at < 200; at++)
      answers.push(await one.call("server.add_peer", [featuresOf(`a${at}.example${at}x`)]));
    expect(answers.filter((answer) => answer === true)).toHaveLength(1);
    expect(world.lookups).toBe(1);
    expect(world.search.list.slots).toHaveLength(1);
    world.clock.advance(600_000);
    expect(await one.call("server.add_peer", [featuresOf("a199.example199x")])).toBe(true);
  });

  it("for an onion service counts only with Tor, and once in ten minutes for all", async () => {
    const onion = (letter: string) => featuresOf(`${letter.repeat(56)}.onion`);
    const without = await (await door()).client();
    expect(await without.call("server.add_peer", [onion("a")])).toBe(false);
    const withTor = await (await door({ hasTor: true })).client();
    expect(await withTor.call("server.add_peer", [onion("a")])).toBe(true);
    expect(await withTor.call("server.add_peer", [onion("b")])).toBe(false);
  });

  it("of many at once has four names looked up, and the rest refused", async () => {
    const world = new SearchUnderTest();
    stops.push(() => world.stop());
    world.heldLookups = [];
    const asked = Array.from({ length: 50 }, (_, at) => {
      world.names.set(`a${at}.example${at}x`, [`11.${at}.0.1`]);
      return world.search.ask(featuresOf(`a${at}.example${at}x`), `11.${at}.0.1`);
    });
    await waitFor("the first to be looked up", () => world.heldLookups?.length === 4);
    for (const go of world.heldLookups.splice(0)) go();
    expect((await Promise.all(asked)).filter(Boolean)).toHaveLength(4);
    expect(world.lookups).toBe(4);
  });

  it("for a domain of another does not keep its owner out", async () => {
    const world = new SearchUnderTest();
    stops.push(() => world.stop());
    world.names.set("owner.example", ["11.1.0.1"]);
    for (let at = 0; at < 20; at++)
      expect(await world.search.ask(featuresOf("owner.example"), `12.${at}.0.1`)).toBe(false);
    expect(await world.search.ask(featuresOf("owner.example"), "11.1.0.1")).toBe(true);
    expect(await world.search.ask(featuresOf("owner.example"), "11.1.0.2")).toBe(false);
  });

  it("from who has moved is looked at at once, under the new ports after the old", async () => {
    const world = new SearchUnderTest({ seeds: ["owner.example t1"] });
    stops.push(() => world.stop());
    await world.settle("owner.example", "11.1.0.1");
    world.search.start();
    await world.look("owner.example", ["good"]);
    world.routes.clear();
    world.dialled.length = 0;
    const moved = { ...featuresOf("owner.example"), hosts: { "owner.example": { tcp_port: 7_777 } } };
    expect(await world.search.ask(moved, "11.1.0.1")).toBe(true);
    await world.look("owner.example", ["unreachable"]);
    expect(world.dialled).toEqual(["11.1.0.1:50001", "11.1.0.1:7777"]);
  });
});

describe("server.peers.subscribe", () => {
  it("answers tuples, at most two of a /16", async () => {
    const hosts = Array.from({ length: 4 }, (_, at) => `s${at}.a${at}x.example${at}`.replace(/\d$/, "x"));
    const world = new SearchUnderTest({ seeds: hosts.map((host) => `${host} t50001`) });
    const under = await DoorUnderTest.open({ carriers: ["tcp"], peers: world.search });
    stops.push(
      () => under.close(),
      () => world.stop(),
    );
    for (const [at, host] of hosts.entries()) await world.settle(host, `11.1.${at}.1`);
    world.search.start();
    for (const host of hosts) await world.look(host, ["good"]);

    const answer = await (await RawClient.greeted(under.target("tcp"))).call("server.peers.subscribe");
    expect(answer).toHaveLength(2);
    for (const tuple of answer as unknown[]) {
      expect(tuple).toEqual([
        expect.stringMatching(/^11\.1\.\d\.1$/),
        expect.stringMatching(/^s\d\./),
        ["v1.6", "t50001"],
      ]);
    }
  });

  it("answers nobody, and takes nobody in, when no other servers are wanted", async () => {
    const under = await DoorUnderTest.open({ carriers: ["tcp"] });
    stops.push(() => under.close());
    const client = await RawClient.greeted(under.target("tcp"));
    expect(await client.call("server.peers.subscribe")).toEqual([]);
    expect(await client.call("server.add_peer", [featuresOf("asker.example")])).toBe(false);
  });
});
