import { PassThrough } from "node:stream";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { bytesToHex, hexToBytes } from "../../../bitcoin/bytes.ts";
import { sha256 } from "../../../bitcoin/hash.ts";
import { ManualClock } from "../../../runtime/clock.ts";
import { TokenBucket } from "../../../runtime/limits.ts";
import { readVectors } from "../../../tests/harness/data/vectors.ts";
import { NickIdentity } from "../../nick/identity.ts";
import { Connection } from "./connection.ts";
import { isDialable } from "./dial.ts";
import {
  parseBotHandshake,
  parseDirectoryHandshake,
  writeBotHandshake,
  writeDirectoryHandshake,
} from "./handshake.ts";
import { decodeLine, encodeLine, LINE_BYTES_MAX, type Line, LineType, parseRouted } from "./line.ts";
import {
  checkProof,
  directoryIdOf,
  parseChallenge,
  parseResult,
  writeChallenge,
  writeProof,
  writeResult,
} from "./nick-auth.ts";
import { parsePeerlist, writePeer } from "./peerlist.ts";

interface Vectors {
  readonly nickAuth: {
    privateKey: string;
    challenge: string;
    directoryId: string;
    handshake: string;
    handshakeSha256: string;
    proof: string;
  };
}
const { nickAuth } = readVectors<Vectors>("joinmarket-channels");
const alice = new NickIdentity(hexToBytes(nickAuth.privateKey));
const NICK = alice.nick;

describe("lines", () => {
  it("are objects of a number and a text, ended by CRLF, and never too long", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 999 }), fc.string({ maxLength: 60_000 }), (type, line) => {
        const bytes = encodeLine(type, line);
        if (bytes === undefined)
          return expect(Buffer.byteLength(JSON.stringify({ type, line }))).toBeGreaterThan(
            LINE_BYTES_MAX - 3,
          );
        expect(bytes.length).toBeLessThanOrEqual(LINE_BYTES_MAX);
        expect(bytes.subarray(-2).toString()).toBe("\r\n");
        expect(decodeLine(bytes.subarray(0, -2))).toEqual({ type, line });
      }),
    );
  });

  it.each([
    "",
    "null",
    "[]",
    "1",
    '{"type":1}',
    '{"line":"x"}',
    '{"type":"1","line":"x"}',
    '{"type":1.5,"line":"x"}',
    '{"type":1,"line":{}}',
    "{",
    "[".repeat(30_000),
  ])("%.20s is none", (text) => expect(decodeLine(Buffer.from(text))).toBeUndefined());

  it("are split at the first two marks only", () => {
    expect(parseRouted("a!b!c 1!d 2")).toEqual({ from: "a", to: "b", text: "c 1!d 2" });
    for (const line of ["", "a", "a!b", "a!b!", "!b!c", "a!!c"])
      expect(parseRouted(line), line).toBeUndefined();
  });
});

function connected(linesPerS = 1_000) {
  const stream = new PassThrough();
  const lines: Line[] = [];
  const ends: (string | undefined)[] = [];
  const clock = new ManualClock();
  const connection = new Connection(stream, {
    clock,
    pace: new TokenBucket({ clock, burst: linesPerS, perSecond: linesPerS }),
    onLine: (line) => lines.push(line),
    onEnd: (fault) => ends.push(fault),
  });
  const settle = () => new Promise((resolve) => setImmediate(resolve));
  return { stream, lines, ends, connection, clock, settle };
}

describe("a connection", () => {
  it("hears the same lines however the bytes are cut", async () => {
    const text = '{"type":1,"line":"é"}\r\n\r\n{"type":2,"line":""}\n{"type":3,"line":"x"}\r\n';
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1 }), async (sizes) => {
        const { stream, lines, settle } = connected();
        const bytes = Buffer.from(text);
        for (let at = 0, turn = 0; at < bytes.length; turn++) {
          const size = sizes[turn % sizes.length] ?? 1;
          stream.push(bytes.subarray(at, at + size));
          at += size;
        }
        await settle();
        await settle();
        expect(lines.map(({ type }) => type)).toEqual([1, 2, 3]);
      }),
      { numRuns: 30 },
    );
  });

  it.each([
    ["too long", `${"x".repeat(LINE_BYTES_MAX)}`],
    ["too long, and ended", `${"x".repeat(LINE_BYTES_MAX)}\n`],
    ["no line of the protocol", "hello\n"],
    ["no line of the protocol, once it is ended", `${"[".repeat(20_000)}\n`],
  ])("ends when it is sent what is %s", async (_, text) => {
    const { stream, ends, lines, settle } = connected();
    stream.push(Buffer.from(text));
    await settle();
    expect([ends.length, lines.length]).toEqual([1, 0]);
    expect(ends[0]).toMatch(/too long|no line/);
  });

  it("reads no faster than it should, and loses nothing", async () => {
    const { stream, lines, clock, settle } = connected(10);
    for (let number = 0; number < 35; number++) stream.push(encodeLine(number, ""));
    await settle();
    await settle();
    expect(lines).toHaveLength(10);
    for (let second = 0; second < 5; second++) {
      for (let part = 0; part < 20; part++) clock.advance(50);
      await settle();
      await settle();
    }
    expect(lines.map(({ type }) => type)).toEqual(Array.from({ length: 35 }, (_, at) => at));
  });

  it("survives any bytes", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 200 })), async (chunks) => {
        const { stream, ends, settle } = connected();
        for (const chunk of chunks) stream.push(Buffer.from(chunk));
        await settle();
        expect(ends.length).toBeLessThanOrEqual(1);
      }),
      { numRuns: 100 },
    );
  });
});

describe("handshakes", () => {
  const self = { nick: NICK, network: "mainnet", location: undefined, features: new Set(["ping"]) };

  it("of bots have the seven keys of the protocol, of the right kinds", () => {
    expect(JSON.parse(writeBotHandshake(self))).toEqual({
      "app-name": "joinmarket",
      directory: false,
      "location-string": "NOT-SERVING-ONION",
      "proto-ver": 5,
      features: { ping: true },
      nick: NICK,
      network: "mainnet",
    });
    expect(parseBotHandshake(writeBotHandshake(self))).toEqual(self);
    expect(parseBotHandshake(nickAuth.handshake)?.features).toEqual(
      new Set(["nick_auth", "peerlist_features", "ping"]),
    );
  });

  it.each([
    ["app-name", "other"],
    ["directory", true],
    ["proto-ver", 6],
    ["proto-ver", "5"],
    ["features", []],
    ["features", "x"],
    ["nick", 5],
    ["network", null],
    ["location-string", 1],
  ])("of bots with %s %j are none", (key, value) => {
    const text = JSON.stringify({ ...JSON.parse(writeBotHandshake(self)), [key]: value });
    expect(parseBotHandshake(text)).toBeUndefined();
  });

  it("take only what is plainly true for a feature, and only so many", () => {
    const features = { a: true, b: 1, c: "true", "<d>": true, e: false };
    const text = (given: object) =>
      JSON.stringify({ ...JSON.parse(writeBotHandshake(self)), features: given });
    expect(parseBotHandshake(text(features))?.features).toEqual(new Set(["a"]));
    const many = Object.fromEntries(Array.from({ length: 100 }, (_, at) => [`f${at}`, true]));
    expect(parseBotHandshake(text(many))?.features.size).toBe(32);
  });

  it("of directories say whether they take us and speak our version", () => {
    const words = {
      nick: NICK,
      network: "signet",
      isAccepted: true,
      features: new Set(["ping"]),
      motd: "hello",
    };
    expect(parseDirectoryHandshake(writeDirectoryHandshake(words))).toEqual({ ...words, isOurVersion: true });
    const other = JSON.stringify({
      ...JSON.parse(writeDirectoryHandshake(words)),
      "proto-ver-min": 6,
      "proto-ver-max": 7,
    });
    expect(parseDirectoryHandshake(other)?.isOurVersion).toBe(false);
    expect(parseDirectoryHandshake(writeBotHandshake(self))).toBeUndefined();
  });

  it("of any form never throw", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
        expect([parseBotHandshake(text), parseDirectoryHandshake(text)]).toEqual([undefined, undefined]);
        parsePeerlist(text);
        expect([parseChallenge(text), parseResult(text)]).toEqual([undefined, undefined]);
      }),
    );
  });
});

describe("lists of peers", () => {
  const onion = `${"a".repeat(56)}.onion:5222`;

  it("hold entries of every form in one line, and what is malformed is skipped", () => {
    const line = [
      `${NICK};${onion}`,
      `${NICK};${onion};D`,
      `${NICK};${onion};F:b+a`,
      `${NICK};NOT-SERVING-ONION;D;F:a`,
      ...["", "x", `nonick;${onion}`, `${NICK};nowhere`, `${NICK};${onion};X`, `${NICK};host:0`, `${NICK}`],
      `${NICK};${onion};D;F:a;D`,
    ].join(",");
    const found = parsePeerlist(line);
    expect(found.map(({ location, hasLeft, features }) => [location, hasLeft, [...features]])).toEqual([
      [onion, false, []],
      [onion, true, []],
      [onion, false, ["b", "a"]],
      [undefined, true, ["a"]],
    ]);
  });

  it("are written with features only for those who know them, in the order of their names", () => {
    const peer = { nick: NICK, location: onion, hasLeft: false, features: new Set(["ping", "nick_auth"]) };
    expect(writePeer(peer, true)).toBe(`${NICK};${onion};F:nick_auth+ping`);
    expect(writePeer(peer, false)).toBe(`${NICK};${onion}`);
    expect(writePeer({ ...peer, location: undefined, hasLeft: true }, false)).toBe(
      `${NICK};NOT-SERVING-ONION;D`,
    );
  });

  it("send us to onion services and to this host, nowhere else", () => {
    const hosts = [`${"a".repeat(56)}.onion`, "127.0.0.1", "localhost", "::1"];
    for (const host of hosts) expect(isDialable({ host, port: 1 }), host).toBe(true);
    const others = ["10.0.0.1", "example.org", "a.onion", "128.0.0.1", "169.254.169.254", "fe80::1"];
    for (const host of others) expect(isDialable({ host, port: 1 }), host).toBe(false);
  });
});

describe("the proof of a nick", () => {
  const { challenge, directoryId, handshake, handshakeSha256, proof } = nickAuth;
  const asked = { challenge, directoryId };

  it("is the one that joinmarket-ng makes, byte for byte", () => {
    expect(bytesToHex(sha256(Buffer.from(handshake)))).toBe(handshakeSha256);
    expect(writeProof(alice, asked, handshake)).toBe(proof);
    expect(checkProof(proof, asked, handshake, NICK)).toEqual({
      code: "ok",
      publicKeyHex: alice.publicKeyHex,
    });
  });

  it("holds for one challenge, one directory, one handshake and one nick only", () => {
    const bob = new NickIdentity(new Uint8Array(32).fill(2));
    const invalid = { code: "invalid" };
    expect(checkProof(proof, { ...asked, challenge: "dd".repeat(32) }, handshake, NICK)).toEqual(invalid);
    expect(checkProof(proof, { ...asked, directoryId: "other.onion:5222" }, handshake, NICK)).toEqual(
      invalid,
    );
    expect(checkProof(proof, asked, `${handshake} `, NICK)).toEqual(invalid);
    expect(checkProof(proof, asked, handshake, bob.nick)).toEqual(invalid);
    const foreign = writeProof(bob, asked, handshake);
    expect(checkProof(foreign, asked, handshake, NICK)).toEqual(invalid);
  });

  it("is malformed with keys that are missing, too many or twice, and with signatures of another form", () => {
    const { pubkey, signature } = JSON.parse(proof) as { pubkey: string; signature: string };
    const texts = [
      "{}",
      JSON.stringify({ pubkey }),
      JSON.stringify({ pubkey, signature, more: 1 }),
      `{"pubkey":"${pubkey}","pubkey":"${pubkey}","signature":"${signature}"}`,
      JSON.stringify({ pubkey: pubkey.toUpperCase(), signature }),
      JSON.stringify({ pubkey, signature: `${signature}=` }),
      JSON.stringify({ pubkey, signature: signature.slice(4) }),
    ];
    for (const text of texts)
      expect(checkProof(text, asked, handshake, NICK), text).toEqual({ code: "malformed" });
  });

  it("is asked for and answered strictly", () => {
    expect(parseChallenge(writeChallenge(asked))).toEqual(asked);
    expect(
      parseChallenge(JSON.stringify({ challenge: challenge.toUpperCase(), "directory-id": "a:1" })),
    ).toBeUndefined();
    expect(parseResult(writeResult("ok"))).toBe("ok");
    expect(parseResult(writeResult("policy"))).toBe("policy");
    expect(parseResult('{"code":"policy","verified":true}')).toBeUndefined();
    expect(parseResult('{"code":"ok","verified":false}')).toBeUndefined();
    expect(directoryIdOf("ABC.onion.:5222")).toBe("abc.onion:5222");
  });

  it("is nothing that a later line type could be mistaken for", () => {
    expect(new Set(Object.values(LineType)).size).toBe(Object.values(LineType).length);
    for (const never of [785, 787, 797, 801]) expect(Object.values(LineType)).not.toContain(never);
  });
});
