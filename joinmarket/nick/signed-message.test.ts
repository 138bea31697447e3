import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { bytesToHex, hexToBytes } from "../../bitcoin/bytes.ts";
import { CURVE_ORDER, scalarFromBytes, scalarToBytes } from "../../bitcoin/keys/curve.ts";
import { decodeDer, encodeDer } from "../../bitcoin/signing/der.ts";
import { messageHash } from "../../bitcoin/signing/message.ts";
import { readVectors } from "../../tests/harness/data/vectors.ts";
import { NickIdentity } from "./identity.ts";
import { isNick, nickOf } from "./nick.ts";
import { openPrivate, signPrivate } from "./signed-message.ts";

interface Vectors {
  readonly nicks: readonly { privateKey: string; publicKey: string; nick: string }[];
  readonly signed: readonly {
    by: string;
    hostid: string;
    command: string;
    data: string;
    hash?: string;
    signature: string;
  }[];
  readonly onionLines: readonly { by: string; hostid: string; line: string }[];
}
const vectors = readVectors<Vectors>("joinmarket-channels");

const alice = new NickIdentity(new Uint8Array(32).fill(1));
const bob = new NickIdentity(new Uint8Array(32).fill(2));

describe("nicks", () => {
  it.each(vectors.nicks)("$nick is made of its key", ({ privateKey, publicKey, nick }) => {
    const identity = new NickIdentity(hexToBytes(privateKey));
    expect([identity.publicKeyHex, identity.nick, isNick(nick)]).toEqual([publicKey, nick, true]);
  });

  it("always have sixteen letters, whatever the key", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 33, maxLength: 33 }), (key) => {
        expect(isNick(nickOf(bytesToHex(key)))).toBe(true);
      }),
    );
  });

  it.each([
    "",
    "J5",
    "J5D7wbEWpGZCy3Z",
    "J5D7wbEWpGZCy3Zvv",
    "J5D7wbEWpGZCy3Z0",
    "J5OOOOOOOOOOOOOO",
    "J5D7wbEOOGZCy3Zv",
    "X5D7wbEWpGZCy3Zv",
  ])("%j is none", (text) => expect(isNick(text)).toBe(false));
});

describe("signed private messages", () => {
  it.each(vectors.signed)("$command on $hostid has the bytes that the peers make", (vector) => {
    const { by, hostid, command, data, hash, signature } = vector;
    const identity = new NickIdentity(hexToBytes(by));
    const text = `${command} ${data}`;
    const signed = `${text} ${identity.publicKeyHex} ${signature}`;
    if (hash !== undefined) expect(bytesToHex(messageHash(Buffer.from(data + hostid)))).toBe(hash);
    expect(signPrivate(identity, text, hostid)).toBe(signed);
    expect(openPrivate(identity.nick, signed, hostid)).toBe(text);
  });

  it.each(vectors.onionLines)("a line of a peer is opened and reproduced", ({ by, hostid, line }) => {
    const identity = new NickIdentity(hexToBytes(by));
    const [sender = "", , ...rest] = line.split("!");
    const text = openPrivate(sender, rest.join("!"), hostid);
    expect(signPrivate(identity, text ?? "", hostid)).toBe(rest.join("!"));
  });

  it("hold on the network that they were signed for, in lower case too, and on no other", () => {
    const signed = signPrivate(alice, "fill 0 1", "hackint");
    expect(openPrivate(alice.nick, signed, "hackint")).toBe("fill 0 1");
    expect(openPrivate(alice.nick, signed, "HackInt")).toBe("fill 0 1");
    expect(openPrivate(alice.nick, signed, "onion-network")).toBeUndefined();
    expect(
      openPrivate(alice.nick, signPrivate(alice, "fill 0 1", "onion-network"), "hackint"),
    ).toBeUndefined();
    expect(openPrivate(alice.nick, signPrivate(alice, "fill 0 1", "HACKINT"), "hackint")).toBeUndefined();
  });

  it("are nobody else's, neither by name nor by key", () => {
    const signed = signPrivate(alice, "fill 0 1", "n");
    expect(openPrivate(bob.nick, signed, "n")).toBeUndefined();
    expect(
      openPrivate(alice.nick, signed.replace(alice.publicKeyHex, bob.publicKeyHex), "n"),
    ).toBeUndefined();
    expect(
      openPrivate(alice.nick, signed.replace(alice.publicKeyHex, alice.publicKeyHex.toUpperCase()), "n"),
    ).toBeUndefined();
  });

  it("without data are neither sent nor heard", () => {
    for (const text of ["orderbook", "orderbook ", " x", "fill 0\n1", "fill 0\r"]) {
      expect(() => signPrivate(alice, text, "n"), text).toThrow("at least one argument");
    }
    const bare = `orderbook ${alice.publicKeyHex} ${alice.sign("n")}`;
    const blank = `orderbook  ${alice.publicKeyHex} ${alice.sign("n")}`;
    expect([openPrivate(alice.nick, bare, "n"), openPrivate(alice.nick, blank, "n")]).toEqual([
      undefined,
      undefined,
    ]);
  });

  it("may have the higher half of a signature, which we never make", () => {
    fc.assert(
      fc.property(
        fc.string({ unit: "grapheme-ascii", minLength: 1 }).map((text) => `x ${text}`),
        (text) => {
          const signed = signPrivate(alice, text, "n");
          const cut = signed.lastIndexOf(" ") + 1;
          const bytes = decodeDer(Buffer.from(signed.slice(cut), "base64")) ?? new Uint8Array(0);
          const lower = scalarFromBytes(bytes.subarray(32));
          expect(lower <= CURVE_ORDER / 2n).toBe(true);
          const high = Buffer.concat([bytes.subarray(0, 32), scalarToBytes(CURVE_ORDER - lower)]);
          const other = signed.slice(0, cut) + Buffer.from(encodeDer(high)).toString("base64");
          expect(openPrivate(alice.nick, other, "n")).toBe(text);
        },
      ),
    );
  });

  it("of which one letter was changed are dropped, but for the command, which is not signed", () => {
    const signed = signPrivate(alice, "fill 0 100000", "n");
    fc.assert(
      fc.property(
        fc.integer({ min: "fill ".length, max: signed.length - 1 }),
        fc.string({ unit: "grapheme-ascii", minLength: 1, maxLength: 1 }),
        (at, letter) => {
          fc.pre(signed[at] !== letter);
          expect(
            openPrivate(alice.nick, signed.slice(0, at) + letter + signed.slice(at + 1), "n"),
          ).toBeUndefined();
        },
      ),
    );
    expect(openPrivate(alice.nick, signed.replace("fill", "auth"), "n")).toBe("auth 0 100000");
  });

  it("of any form at all never throw", () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), fc.string(), (sender, text, hostid) => {
        expect(openPrivate(sender, text, hostid)).toBeUndefined();
      }),
    );
  });
});
