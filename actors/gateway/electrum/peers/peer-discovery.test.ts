import { readFileSync, writeFileSync } from "node:fs";
import type { Socket } from "node:net";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import {
  featuresOf,
  GENESIS,
  headerAt,
  OUR_HEIGHT,
  SearchUnderTest,
  SILENCE,
  TestPeer,
} from "../../../../tests/harness/electrum/peers.ts";
import { waitFor } from "../../../../tests/harness/wait-for.ts";
import { candidatesOf } from "./peer.ts";
import type { PeerDiscoveryOptions } from "./peer-discovery.ts";

const open: SearchUnderTest[] = [];
afterEach(async () => {
  for (const each of open.splice(0)) await each.stop();
});

function search(options: Partial<PeerDiscoveryOptions> = {}): SearchUnderTest {
  const made = new SearchUnderTest(options);
  open.push(made);
  return made;
}

const NAME = "one.example";
const ADDRESS = "11.1.0.1";
const SEEDED = { seeds: [`${NAME} t50001`] };
const HOUR_MS = 3_600_000;
const ONION = `${"a".repeat(56)}.onion`;

/** One seed that behaves like this, looked at once. */
async function lookAt(answers: Record<string, unknown>) {
  const world = search(SEEDED);
  await world.settle(NAME, ADDRESS, answers);
  world.search.start();
  return world.look(NAME);
}

describe("a peer", () => {
  it("that is what it says is good: wallets are told of it with its address, version and ports", async () => {
    const world = search(SEEDED);
    const peer = await world.settle(NAME, ADDRESS);
    world.search.start();
    expect(await world.look(NAME)).toMatchObject({ software: "Honest 1.0", source: "seed", failures: 0 });

    expect(world.search.told(false)).toEqual([[ADDRESS, NAME, ["v1.6", "t50001"]]]);
    expect(peer.asked[0]).toEqual({ method: "server.version", params: ["Troupe test", ["1.4", "1.6"]] });
    expect(peer.asked.map(({ method }) => method)).not.toContain("server.add_peer");
    await waitFor("the connection to be closed", () => peer.openConnections === 0);
  });

  const rude: readonly [string, Record<string, unknown>, RegExp][] = [
    ["of another chain", { "server.features": { ...featuresOf(NAME), genesis_hash: "ff" } }, /genesis/],
    ["that says no genesis block", { "server.features": { hosts: { [NAME]: {} } } }, /server\.features/],
    [
      "with another hash function",
      { "server.features": { ...featuresOf(NAME), hash_function: "scrypt" } },
      /features/,
    ],
    ["that does not name itself", { "server.features": featuresOf("other.example") }, /does not name it/],
    [
      "of another protocol",
      { "server.features": { ...featuresOf(NAME), protocol_min: "2.0", protocol_max: "2.1" } },
      /speaks only 2.0 to 2.1/,
    ],
    [
      "with a tip too far behind",
      { "blockchain.headers.subscribe": { height: OUR_HEIGHT - 6, hex: headerAt(1) } },
      /tip is at height 994/,
    ],
    [
      "with a tip that is no height",
      { "blockchain.headers.subscribe": { height: "1000", hex: headerAt(1) } },
      /something else/,
    ],
    [
      "that lies about its chain",
      { "blockchain.block.header": headerAt(7) },
      /block at height 990 is not ours/,
    ],
    ["that answers its version with a number", { "server.version": 1.4 }, /server\.version/],
    ["with a list that is none", { "server.peers.subscribe": { length: 1 } }, /server\.peers\.subscribe/],
  ];
  for (const [what, answers, why] of rude) {
    it(`${what} is bad, and nobody is told of it`, async () => {
      expect(await lookAt(answers)).toMatchObject({ verdict: "bad", reason: expect.stringMatching(why) });
      expect(open[0]?.search.told(false)).toEqual([]);
    });
  }

  it("with a tip far ahead of ours is no good, and not bad: it may be our node that stands still", async () => {
    const tip = { height: OUR_HEIGHT + 6, hex: headerAt(1) };
    expect(await lookAt({ "blockchain.headers.subscribe": tip })).toMatchObject({
      verdict: "unreachable",
      reason: "its tip is at height 1006, ours at 1000",
    });
  });

  it("at most five blocks away from our tip is good: news travels", async () => {
    expect(
      await lookAt({ "blockchain.headers.subscribe": { height: OUR_HEIGHT + 5, hex: headerAt(1) } }),
    ).toMatchObject({ verdict: "good" });
    expect(
      await lookAt({ "blockchain.headers.subscribe": { height: OUR_HEIGHT - 5, hex: headerAt(1) } }),
    ).toMatchObject({ verdict: "good" });
  });

  it("that refuses a question may have a bad day, and its words are cut and made harmless", async () => {
    const told = new Error(`${"\u001b\u0007[2J"}${"x".repeat(10_000)}`);
    const found = await lookAt({ "server.features": told });
    expect(found.verdict).toBe("unreachable");
    expect(found.reason).toMatch(/^it refuses server\.features: \[2Jx{50,100}$/);
  });

  it("that is silent is given up after its time, and its connection with it", async () => {
    for (const method of ["server.version", "server.features", "server.peers.subscribe"]) {
      const world = search(SEEDED);
      const peer = await world.settle(NAME, ADDRESS, { [method]: SILENCE });
      world.search.start();
      await waitFor("it to have been asked", () => peer.asked.some((each) => each.method === method));
      world.clock.advance(29_000);
      expect(world.state(NAME)).toBe("new");
      expect(await world.look(NAME)).toMatchObject({
        verdict: "unreachable",
        reason: `it does not answer ${method}`,
      });
      await waitFor("the connection to be closed", () => peer.openConnections === 0);
    }
  });

  it("that begins an answer and does not end it is given up as one that is silent", async () => {
    const world = search(SEEDED);
    let ticks: Socket | undefined;
    const peer = await TestPeer.start({}, (socket) => {
      ticks = socket;
    });
    world.place(NAME, ADDRESS, peer);
    world.search.start();
    await waitFor("it to be asked", () => ticks !== undefined);
    ticks?.write('{"id":0,');
    world.clock.advance(30_000);
    expect(await world.look(NAME)).toMatchObject({ verdict: "unreachable" });
  });

  const loud: readonly [string, (socket: Socket) => void, RegExp][] = [
    ["without end", (socket) => endless(socket, Buffer.alloc(65_536, 0x20)), /too much/],
    [
      "in lines without end",
      (socket) => endless(socket, Buffer.from('{"method":"x","params":[]}\n'.repeat(2_000))),
      /nobody has asked|too much/,
    ],
    [
      "in a few long lines",
      (socket) => endless(socket, Buffer.from(`{"method":"${"x".repeat(400_000)}"}\n`)),
      /^it says too much$/,
    ],
    ["in brackets", (socket) => void socket.write(`${"[".repeat(100_000)}\n`), /does not speak JSON/],
    ["in no JSON", (socket) => void socket.write("SSH-2.0-OpenSSH_9.9\r\n"), /does not speak JSON/],
  ];
  for (const [what, rudely, why] of loud) {
    it(`that talks ${what} is cut, and bad`, async () => {
      const world = search(SEEDED);
      const peer = await TestPeer.start({}, rudely);
      world.place(NAME, ADDRESS, peer);
      world.search.start();
      expect(await world.look(NAME)).toMatchObject({ verdict: "bad", reason: expect.stringMatching(why) });
      await waitFor("the connection to be closed", () => peer.openConnections === 0);
    });
  }

  it("that names a thousand others has two of them looked at, whatever else it lists", async () => {
    const list: unknown[] = [
      null,
      7,
      [],
      ["1.2.3.4", "no.ports", []],
      ["x", "127.0.0.1", ["t1"]],
      ["x", "10.0.0.1", ["t1"]],
    ];
    for (let at = 0; at < 1_000; at++)
      list.push(["x", `host${at}.example${at}`.replace(/\d+$/, "org"), ["v1.4", "t50001"]]);
    const world = search(SEEDED);
    await world.settle(NAME, ADDRESS, { "server.peers.subscribe": list });
    world.search.start();
    await world.look(NAME, ["good"]);
    expect(world.search.list.slots.filter(({ peer }) => peer.source === NAME)).toHaveLength(2);
    expect(world.search.list.slots).toHaveLength(3);
  });
});

function endless(socket: Socket, bytes: Buffer): void {
  const go = () => {
    while (!socket.destroyed && socket.write(bytes));
  };
  socket.on("drain", go);
  go();
}

describe("the search", () => {
  it("begins no look at anybody while our own chain is not known", async () => {
    const world = search(SEEDED);
    await world.settle(NAME, ADDRESS);
    world.tipHeight = undefined;
    world.search.start();
    await world.pass(60_000);
    expect(world.dialled).toEqual([]);
    world.tipHeight = OUR_HEIGHT;
    await world.look(NAME, ["good"]);
  });

  it("does not hold it against a peer that our own chain has just turned back", async () => {
    const world = search(SEEDED);
    await world.settle(NAME, ADDRESS, {
      "blockchain.headers.subscribe": () => {
        world.tipHeight = undefined;
        return { height: OUR_HEIGHT, hex: headerAt(OUR_HEIGHT) };
      },
    });
    world.search.start();
    await waitFor("it to have been looked at", () => world.tipHeight === undefined);
    await world.settled();
    expect(world.peer(NAME)).toMatchObject({ verdict: "new", failures: 0 });
  });

  it("leads nobody into private networks: such addresses are not even tried, by name or by number", async () => {
    const world = search({
      seeds: ["inside.example t25", "192.168.1.1 t80", "169.254.169.254 t80", "[::1] t1"],
    });
    world.names.set("inside.example", [
      "127.0.0.1",
      "10.0.0.7",
      "fd00::1",
      "::ffff:10.0.0.1",
      "2002:a00:1::",
    ]);
    world.search.start();
    for (const host of ["inside.example", "192.168.1.1", "169.254.169.254"]) {
      expect(await world.look(host)).toMatchObject({
        verdict: "bad",
        reason: expect.stringMatching(/of the world/),
      });
    }
    expect(world.dialled).toEqual([]);
  });

  it("tries again less and less often, and forgets strangers after three failures, for a day also from hearsay", async () => {
    const world = search(SEEDED);
    await world.settle(NAME, ADDRESS, { "server.peers.subscribe": [["x", "gone.example", ["t50001"]]] });
    world.names.set("gone.example", ["12.1.0.1"]);
    world.search.start();
    await world.look(NAME, ["good"]);
    await world.look("gone.example");
    const tries = () => world.dialled.filter((where) => where.startsWith("12.1.0.1")).length;
    expect(tries()).toBe(1);
    await world.pass(9 * 60_000);
    expect(tries()).toBe(1);
    await world.pass(2 * 60_000);
    expect(tries()).toBe(2);
    await world.pass(21 * 60_000);
    expect(tries()).toBe(3);
    expect(world.peer("gone.example")).toBeUndefined();

    // The good one is asked again and names it again.
    world.search.list.moved(world.search.list.get(NAME) as never, world.peer(NAME)?.ports as never);
    await world.pass(2_000);
    expect(world.peer("gone.example")).toBeUndefined();
  });

  it("keeps one that was good for ten failures, and tells wallets of it for three hours", async () => {
    const world = search(SEEDED);
    const peer = await world.settle(NAME, ADDRESS);
    world.search.start();
    await world.look(NAME, ["good"]);
    await peer.stop();
    await world.pass(2.8 * HOUR_MS);
    expect(world.state(NAME)).toBe("unreachable");
    expect(world.search.told(false)).toHaveLength(1);
    await world.pass(0.4 * HOUR_MS);
    expect(world.search.told(false)).toEqual([]);
    const slot = world.search.list.get(NAME);
    for (let left = 50; left > 0 && world.peer(NAME) !== undefined; left--) {
      if (slot !== undefined) slot.dueMs = 0;
      await world.pass(1_000);
    }
    expect(slot?.peer.failures).toBe(10);
    expect(world.peer(NAME)).toBeUndefined();
  });

  it("is not in the way of stopping while a peer or a name server is silent", async () => {
    const world = search({ seeds: [`${NAME} t50001`, "two.example t1"] });
    const peer = await world.settle(NAME, ADDRESS, { "server.version": SILENCE });
    world.search.start();
    await waitFor("it to have been asked", () => peer.asked.length > 0);
    world.heldLookups = [];
    world.search.add("three.example");
    world.clock.advance(1_000);
    await waitFor("a name to be looked up", () => world.heldLookups?.length === 1);
    await world.search.stop();
    await waitFor("the connection to be closed", () => peer.openConnections === 0);
  });

  it("keeps the list over a restart, and begins anew with what is no list of ours", async () => {
    const world = search(SEEDED);
    await world.settle(NAME, ADDRESS);
    world.search.start();
    await world.look(NAME, ["good"]);
    await world.restart();
    expect(world.search.told(false)).toEqual([[ADDRESS, NAME, ["v1.6", "t50001"]]]);

    const path = join(world.directory, "electrum-peers.json");
    const kept = JSON.parse(readFileSync(path, "utf8"));
    const spoilt = [
      "{",
      JSON.stringify({ ...kept, genesis: "00" }),
      JSON.stringify({ ...kept, peers: [{ ...kept.peers[0], tcp: 70_000 }] }),
      JSON.stringify({ ...kept, peers: [{ ...kept.peers[0], address: 7 }] }),
      JSON.stringify({ ...kept, peers: [{ ...kept.peers[0], address: "evil.example" }] }),
      JSON.stringify({ ...kept, peers: [{ ...kept.peers[0], protocolMax: "1.6\u001b[2J" }] }),
      " ".repeat(5 * 1024 * 1024),
    ];
    for (const text of spoilt) {
      await world.search.stop();
      writeFileSync(path, text);
      await world.restart();
      expect(world.search.list.slots.map(({ peer }) => peer.verdict)).toEqual(["new"]);
    }
    // Words go to the operator's terminal.
    await world.search.stop();
    const peers = [{ ...kept.peers[0], software: "Evil\u001b[2J1.0" }];
    writeFileSync(path, JSON.stringify({ ...kept, peers }));
    await world.restart();
    expect(world.peer(NAME)?.software).toBe("Evil [2J1.0");
  });

  it("does not believe a stamp of the future, with which a peer would be told for ever", async () => {
    const world = search(SEEDED);
    await world.settle(NAME, ADDRESS);
    world.search.start();
    await world.look(NAME, ["good"]);
    await world.search.stop();
    const path = join(world.directory, "electrum-peers.json");
    writeFileSync(
      path,
      readFileSync(path, "utf8").replace(/"lastGoodMs": \d+/, '"lastGoodMs": 9000000000000000'),
    );
    world.routes.clear();
    await world.restart();
    await world.pass(3.1 * HOUR_MS);
    expect(world.search.told(false)).toEqual([]);
  });

  it("takes the operator's word: looked at now, never forgotten by itself, and gone when he says so", async () => {
    const world = search();
    world.search.start();
    expect(world.search.add("not a server at all")).toBeUndefined();
    expect(world.search.add(`${ONION} t50001`)).toBeUndefined();
    expect(world.search.add("op.example s")?.peer).toMatchObject({ ports: { tcp: null, tls: 50_002 } });
    for (let at = 0; at < 5; at++) {
      const slot = world.search.list.get("op.example");
      if (slot !== undefined) slot.dueMs = 0;
      await world.pass(1_000);
    }
    expect(world.peer("op.example")).toMatchObject({ failures: 5, source: "operator" });
    expect(world.search.list.forget("op.example")).toBe(true);
    expect(world.peer("op.example")).toBeUndefined();
  });

  it("goes nowhere that the operator has banned", async () => {
    const world = search({ ...SEEDED, isBanned: (address) => address === ADDRESS });
    await world.settle(NAME, ADDRESS);
    world.search.start();
    expect(await world.look(NAME)).toMatchObject({ verdict: "bad", reason: "its address is banned" });
    expect(world.dialled).toEqual([]);
  });
});

describe("announcing", () => {
  const own = candidatesOf({
    hosts: { "we.example": { tcp_port: 50_001 }, [ONION]: { tcp_port: 50_001 } },
    genesis_hash: GENESIS,
    pruning: null,
  });
  const added = (peer: TestPeer) => peer.asked.filter(({ method }) => method === "server.add_peer");

  it("asks those who do not know us, once they have passed, and shows them only the name that they may know", async () => {
    const world = search({ ...SEEDED, mode: "announce", own: () => own });
    const peer = await world.settle(NAME, ADDRESS);
    world.search.start();
    await world.look(NAME, ["good"]);
    expect(added(peer).map(({ params }) => params)).toEqual([[featuresOf("we.example")]]);
  });

  it("leaves those alone who know us with the ports that we have, and those who are bad", async () => {
    const knows = { "server.peers.subscribe": [["x", "we.example", ["v1.6", "t50001"]]] };
    const world = search({ seeds: [`${NAME} t1`, "two.example t1"], mode: "announce", own: () => own });
    const one = await world.settle(NAME, ADDRESS, knows);
    const two = await world.settle("two.example", "12.1.0.1", { "blockchain.block.header": "00" });
    world.search.start();
    await world.look(NAME, ["good"]);
    await world.look("two.example", ["bad"]);
    expect([...added(one), ...added(two)]).toEqual([]);
  });

  it("shows the operator whether we can be found under our own name", async () => {
    const world = search({ mode: "announce", own: () => own.slice(0, 1) });
    await world.settle("we.example", "14.1.0.1");
    world.search.start();
    expect(await world.look("we.example")).toMatchObject({ source: "self", verdict: "good" });
    expect(world.search.told(false)).toEqual([["14.1.0.1", "we.example", ["v1.6", "t50001"]]]);
  });

  it("is silent about us unless it is wanted", async () => {
    const world = search({ ...SEEDED, own: () => own });
    const peer = await world.settle(NAME, ADDRESS);
    world.search.start();
    await world.look(NAME, ["good"]);
    expect(added(peer)).toEqual([]);
    expect(world.peer("we.example")).toBeUndefined();
  });
});

describe("through Tor", () => {
  const own = candidatesOf({
    hosts: { "we.example": { tcp_port: 1 }, [ONION]: { tcp_port: 50_001 } },
    genesis_hash: GENESIS,
    pruning: null,
  });
  const other = `${"b".repeat(56)}.onion`;

  it("onion services are asked by their name and never looked up, and only they hear of our own", async () => {
    const world = search({
      seeds: [`${other} t50001`, `${NAME} t50001`],
      hasTor: true,
      mode: "announce",
      own: () => own,
    });
    const onion = await world.settle(other, other);
    const clear = await world.settle(NAME, ADDRESS);
    world.search.start();
    expect(await world.look(other, ["good"])).toMatchObject({ address: null });
    await world.look(NAME, ["good"]);
    const told = (peer: TestPeer) =>
      JSON.stringify(peer.asked.filter(({ method }) => method === "server.add_peer"));
    expect(told(onion)).toContain(ONION);
    expect(told(onion)).not.toContain("we.example");
    expect(told(clear)).not.toContain(ONION);
    expect(world.dialled).toContain(`${other}:50001`);
    expect(world.search.told(true).map(([, host]) => host)).toContain(other);
  });

  it("without Tor no onion service is taken in", async () => {
    const list = [["x", other, ["t50001"]]];
    const world = search({ seeds: [`${other} t50001`, `${NAME} t50001`] });
    await world.settle(NAME, ADDRESS, { "server.peers.subscribe": list });
    world.search.start();
    await world.look(NAME, ["good"]);
    expect(world.search.list.slots.map(({ peer }) => peer.host.text)).toEqual([NAME]);
  });

  it("only through Tor means that no name is looked up and no address met from here", async () => {
    const world = search({ seeds: [`${NAME} t50001`, "10.0.0.1 t1"], hasTor: true, isOnlyByTor: true });
    const peer = await world.settle(NAME, ADDRESS);
    world.routes.clear();
    world.routes.set(NAME, peer);
    world.search.start();
    await world.look(NAME, ["good"]);
    expect(await world.look("10.0.0.1")).toMatchObject({ verdict: "bad" });
    expect(world.dialled).toEqual([`${NAME}:50001`]);
    expect(world.lookups).toBe(0);
    expect(await world.search.ask(featuresOf("asker.example"), "13.1.0.1")).toBe(false);
    expect(world.lookups).toBe(0);
  });
});
