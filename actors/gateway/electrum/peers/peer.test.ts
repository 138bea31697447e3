import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  candidateOfText,
  candidateOfTuple,
  candidatesOf,
  FeaturesSchema,
  newPeer,
  tupleOf,
  words,
} from "./peer.ts";
import { hostOf, isGlobalAddress, neighbourhoodOf } from "./peer-host.ts";
import { PEER_SEEDS } from "./peer-seeds.ts";

const PORTS = { tcp: 51_001, tls: 51_002 };

describe("a host", () => {
  it("is told by its kind and has one spelling", () => {
    const cases: [unknown, unknown][] = [
      ["Electrum.Example.ORG", { text: "electrum.example.org", kind: "name" }],
      ["11.1.0.1", { text: "11.1.0.1", kind: "ipv4" }],
      ["::ffff:11.1.0.1", { text: "11.1.0.1", kind: "ipv4" }],
      ["2A00:0:0:0::1", { text: "2a00::1", kind: "ipv6" }],
      [`${"a2".repeat(28)}.onion`, { text: `${"a2".repeat(28)}.onion`, kind: "onion" }],
    ];
    for (const [given, host] of cases) expect(hostOf(given)).toEqual(host);
  });

  it("is nothing else", () => {
    const none = [
      "",
      "localhost",
      "a",
      ".",
      "a..b",
      "-a.b",
      "a b.c",
      "a.b\n",
      "1.2.3",
      "11.1.0.1.",
      "999.1.1.1",
      "0x7f.1",
      "fe80::1%eth0",
      "[::1]",
      "x.onion",
      `${"a".repeat(57)}.onion`,
      `sub.${"a".repeat(56)}.onion`,
      `${"a.".repeat(130)}b`,
      "host.123",
      "ho\u202est.example",
      null,
      7,
      {},
      [],
    ];
    for (const given of none) expect([given, hostOf(given)]).toEqual([given, undefined]);
  });

  it("is of the world unless its address is private, shared, reserved, or wraps another", () => {
    const inside = [
      "0.0.0.0",
      "10.1.2.3",
      "100.64.0.1",
      "127.0.0.1",
      "169.254.169.254",
      "172.31.0.1",
      "192.168.0.1",
      "192.0.2.1",
      "198.18.0.1",
      "224.0.0.1",
      "255.255.255.255",
      "::",
      "::1",
      "fe80::1",
      "fc00::1",
      "fd12::1",
      "ff02::1",
      "2001:db8::1",
      "2002:a00:1::1",
      "64:ff9b::a00:1",
      "2001::1",
    ];
    const outside = ["1.1.1.1", "100.128.0.1", "172.32.0.1", "2a00::1", "2606:4700::1111"];
    expect(inside.filter(isGlobalAddress)).toEqual([]);
    expect(outside.filter((address) => !isGlobalAddress(address))).toEqual([]);
  });

  it("has neighbours by its address, or by its domain when nobody has looked it up", () => {
    const name = hostOf("a.b.example.org");
    const six = hostOf("2a00:1:2:3::1");
    if (name === undefined || six === undefined) throw new Error("no host");
    expect(neighbourhoodOf(name, "11.1.2.3")).toBe("11.1.*");
    expect(neighbourhoodOf(six, six.text)).toBe("2a00:1:*");
    expect(neighbourhoodOf(name, null)).toBe("*.example.org");
  });
});

describe("what peers say of peers", () => {
  it("is read in every form that servers write", () => {
    const cases: [string[], unknown][] = [
      [["v1.6", "s50002", "t50001"], { tcp: 50_001, tls: 50_002 }],
      [["v1.4", "p100", "s"], { tcp: null, tls: 51_002 }],
      [["t"], { tcp: 51_001, tls: null }],
      [["t0", "s70000", "t1"], undefined],
      [["x1", "v1"], undefined],
    ];
    for (const [parts, ports] of cases) {
      expect(candidateOfTuple(["11.1.0.1", "a.example", parts], PORTS)?.ports).toEqual(ports);
    }
    expect(candidateOfText("a.example", PORTS)?.ports).toEqual({ tcp: 51_001, tls: 51_002 });
    expect(candidateOfText("a.example s443", PORTS)?.ports).toEqual({ tcp: null, tls: 443 });
  });

  it("comes back as it was told", () => {
    const ports = fc.option(fc.integer({ min: 1, max: 65_535 }), { nil: null });
    fc.assert(
      fc.property(ports, ports, (tcp, tls) => {
        const host = hostOf("a.example");
        if (host === undefined || (tcp === null && tls === null)) return;
        const candidate = { host, ports: { tcp, tls } };
        expect(candidateOfTuple(tupleOf(newPeer(candidate, "seed")), PORTS)).toEqual(candidate);
      }),
    );
  });

  it("may be anything: what is no peer is left out, nothing is thrown, nothing large is kept", () => {
    fc.assert(
      fc.property(fc.anything({ maxDepth: 4 }), (given) => {
        const one = candidateOfTuple(given, PORTS);
        if (one !== undefined) expect(hostOf(one.host.text)).toEqual(one.host);
        const features = FeaturesSchema.safeParse(given);
        if (features.success)
          for (const each of candidatesOf(features.data)) expect(hostOf(each.host.text)).toEqual(each.host);
      }),
      { numRuns: 2_000 },
    );
    const hosts = fc.dictionary(fc.string({ maxLength: 300 }), fc.anything());
    fc.assert(
      fc.property(hosts, fc.anything(), (given, pruning) => {
        const features = FeaturesSchema.safeParse({ hosts: given, genesis_hash: "00", pruning });
        if (!features.success) return;
        for (const { host, ports } of candidatesOf(features.data)) {
          expect(host.text.length).toBeLessThanOrEqual(253);
          for (const port of [ports.tcp, ports.tls]) {
            if (port !== null) expect(port >= 1 && port <= 65_535 && Number.isInteger(port)).toBe(true);
          }
        }
      }),
    );
  });

  it("may write its ports as texts", () => {
    const hosts = {
      "a.example": { tcp_port: "50001", ssl_port: "x" },
      "b.example": { tcp_port: true, ssl_port: "" },
    };
    const features = FeaturesSchema.parse({ hosts, genesis_hash: "00" });
    expect(candidatesOf(features)).toEqual([
      { host: { text: "a.example", kind: "name" }, ports: { tcp: 50_001, tls: null } },
    ]);
  });

  it("that names too many hosts is not read at all", () => {
    const hosts = Object.fromEntries(Array.from({ length: 33 }, (_, at) => [`h${at}.example`, {}]));
    expect(FeaturesSchema.safeParse({ hosts, genesis_hash: "00" }).success).toBe(false);
  });

  it("is shown without anything that moves a cursor or turns a text around", () => {
    expect(words(`a\u001b[31mb\u202ec\r\n\u0000d${"x".repeat(1_000)}`)).toMatch(/^a \[31mb c dx+$/);
    expect(words("x".repeat(1_000))).toHaveLength(100);
  });
});

it("every seed is a server that can be asked, and regtest and signet have none", () => {
  for (const seeds of Object.values(PEER_SEEDS)) {
    expect(seeds.length).toBeGreaterThan(3);
    for (const text of seeds)
      expect([text, candidateOfText(text, PORTS) !== undefined]).toEqual([text, true]);
    expect(new Set(seeds).size).toBe(seeds.length);
  }
  expect(Object.keys(PEER_SEEDS)).toEqual(["mainnet", "testnet3", "testnet4", "litecoin"]);
});
