import { describe, expect, it } from "vitest";
import { ManualClock } from "../../../../runtime/clock.ts";
import { type Candidate, candidateOfText, type Peer } from "./peer.ts";
import type { Findings } from "./peer-check.ts";
import { PEERS_MAX, PeerList, type Slot } from "./peer-list.ts";

const PORTS = { tcp: 50_001, tls: 50_002 };
const FOUND: Findings = {
  software: "x",
  protocolMax: "1.6",
  pruning: null,
  ports: PORTS,
  peers: [],
};

function candidate(host: string): Candidate {
  const made = candidateOfText(`${host} s t`, PORTS);
  if (made === undefined) throw new Error(`${host} is no host`);
  return made;
}

function list(isPrivateNetwork = false): PeerList {
  return new PeerList({ clock: new ManualClock(), random: Math.random, isPrivateNetwork });
}

/** Noted, and passed when nothing speaks against it. */
function settle(
  peers: PeerList,
  host: string,
  address: string | null,
  source = "add_peer",
): string | undefined {
  const slot = peers.note(candidate(host), source, address) as Slot;
  const objection = peers.objection(slot, address);
  if (objection === undefined) peers.passed(slot, address, FOUND);
  return objection;
}

const onion = (at: number) =>
  `${[...at.toString(26).padStart(4, "0")].map((digit) => String.fromCharCode(97 + Number.parseInt(digit, 26))).join("")}${"a".repeat(52)}.onion`;
const told = (peers: PeerList, viaTor = false) => peers.told(viaTor).map(([, host]) => host);

describe("the list of peers", () => {
  it("keeps at most four good ones of one /16, and tells of two", () => {
    const peers = list();
    const objections = Array.from({ length: 6 }, (_, at) =>
      settle(peers, `s${at}.a${at}.example`, `11.1.${at}.1`),
    );
    expect(objections.slice(0, 4)).toEqual([undefined, undefined, undefined, undefined]);
    expect(objections.slice(4)).toEqual([
      "there are enough servers of 11.1.*",
      "there are enough servers of 11.1.*",
    ]);
    settle(peers, "far.example", "11.2.0.1");
    expect(told(peers)).toHaveLength(3);
    expect(told(peers)).toContain("far.example");
  });

  it("counts a provider's /32 of IPv6 as one neighbourhood", () => {
    const peers = list();
    for (let at = 0; at < 6; at++) settle(peers, `s${at}.a${at}.example`, `2a00:1:${at}::1`);
    expect(told(peers)).toHaveLength(2);
    settle(peers, "far.example", "2a00:2::1");
    expect(told(peers)).toHaveLength(3);
  });

  it("lets no neighbourhood take all the room for newcomers, and strangers no more than a part of the list", () => {
    const peers = list();
    for (let at = 0; at < 100; at++) peers.note(candidate(`11.1.0.${at}`), "x.example");
    expect(peers.slots).toHaveLength(8);
    for (let at = 0; at < 100; at++) peers.note(candidate(`s${at}.evil.example`), "x.example");
    expect(peers.slots).toHaveLength(16);
    for (let at = 0; at < 10_000; at++) peers.note(candidate(`s.evil${at}.example`), "x.example");
    expect(peers.slots).toHaveLength(200);
    for (let at = 0; at < 2 * PEERS_MAX; at++) {
      const slot = peers.note(candidate(`good.a${at}x`), "x.example", `${11 + (at >> 8)}.${at & 255}.0.1`);
      if (slot !== undefined) peers.passed(slot, `${11 + (at >> 8)}.${at & 255}.0.1`, FOUND);
    }
    expect(peers.slots.length).toBeLessThanOrEqual(PEERS_MAX);
  });

  it("has one peer for each machine: the name takes the place of the bare address, and no second name comes in", () => {
    const peers = list();
    settle(peers, "11.1.0.1", "11.1.0.1");
    expect(settle(peers, "name.example", "11.1.0.1")).toBeUndefined();
    expect(told(peers)).toEqual(["name.example"]);
    expect(settle(peers, "other.example", "11.1.0.1")).toBe("it is the same machine as name.example");
    expect(settle(peers, "11.1.0.1", "11.1.0.1")).toBe("it is the same machine as name.example");
    settle(peers, "six.example", "2a00:1:2:3::1");
    expect(settle(peers, "sixth.example", "2a00:1:2:3::2")).toBe("it is the same machine as six.example");
  });

  it("knows no neighbourhoods where all addresses are our own", () => {
    const peers = list(true);
    for (let at = 2; at < 9; at++) expect(settle(peers, `127.0.0.${at}`, `127.0.0.${at}`)).toBeUndefined();
    expect(peers.slots).toHaveLength(7);
  });

  it("takes a hundred onion services, then no more than every second of the list, and tells few to those without Tor", () => {
    const peers = list();
    for (let at = 0; at < 100; at++) expect(settle(peers, onion(at), null)).toBeUndefined();
    expect(settle(peers, onion(100), null)).toBe("there are enough onion services");
    expect(told(peers, false)).toHaveLength(10);
    expect(told(peers, true)).toHaveLength(50);
    settle(peers, "clear.example", "11.1.0.1");
    expect(told(peers, false)).toHaveLength(11);
  });

  it("tells of ourselves first, whatever our neighbourhood", () => {
    const peers = list();
    for (let at = 0; at < 4; at++) settle(peers, `s${at}.a${at}.example`, `11.1.${at}.1`);
    settle(peers, "we.example", "11.1.9.1", "self");
    expect(told(peers)[0]).toBe("we.example");
    expect(told(peers)).toHaveLength(3);
  });

  it("answers the same for a while, so that a flood of questions costs no sorting, and anew when something changes", () => {
    const peers = list();
    settle(peers, "one.example", "11.1.0.1");
    const first = peers.told(false);
    expect(peers.told(false)).toBe(first);
    settle(peers, "two.example", "12.1.0.1");
    expect(peers.told(false)).toHaveLength(2);
  });

  it("looks at no two peers at the same moment again, and at each within the three hours in which it is told", () => {
    const peers = list();
    for (let at = 0; at < 50; at++) settle(peers, `s.a${at}x`, `${11 + at}.1.0.1`);
    const dueMs = peers.slots.map((slot) => slot.dueMs);
    expect(new Set(dueMs).size).toBeGreaterThan(40);
    expect(Math.max(...dueMs)).toBeLessThan(3 * 3_600_000);
    expect(Math.min(...dueMs)).toBeGreaterThan(2 * 3_600_000);
  });

  it("says of each peer what it is worth", () => {
    const peers = list();
    settle(peers, "one.example", "11.1.0.1");
    const { peer } = peers.get("one.example") as Slot;
    const old: Peer = { ...peer, lastGoodMs: (peer.lastGoodMs ?? 0) - 3 * 3_600_000 };
    expect([peers.stateOf(peer), peers.stateOf(old)]).toEqual(["good", "stale"]);
  });
});
