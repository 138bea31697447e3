import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { mainnet, regtest, testnet4 } from "../../../../bitcoin/network.ts";
import { addressOfScript } from "../../../../bitcoin/script/address.ts";
import { p2pkhScript, p2shScript } from "../../../../bitcoin/script/script.ts";
import { AccountSpace } from "./account-space.ts";
import { addressToLocal, localToAddress } from "./address-local.ts";
import { AddressSpace } from "./entity.ts";
import { escapeLocal, unescapeLocal } from "./escaping.ts";
import { type Jid, parseJid } from "./jid.ts";

/** Computed by bitcoIM's own code. */
const VECTORS = [
  ["1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", "1a1zp1ep5qgefi2dmptftl5slmv7divfna-1ie0bm"],
  ["1BoatSLRHtKNngkdXEeobR76b53LETtpyT", "1boatslrhtknngkdxeeobr76b53lettpyt-4z0vap"],
  ["1DXFn72VHrXRVYJTTxjbmNXyXpYXmgiWfw", "1dxfn72vhrxrvyjttxjbmnxyxpyxmgiwfw-x0l0p0"],
  ["12c6DSiU4Rq3P4ZxziKxzrL5LmMBrzjrJX", "12c6dsiu4rq3p4zxzikxzrl5lmmbrzjrjx-y6vgj"],
  ["1Q1pE5vPGEEMqRcVRMbtBK842Y6Pzo6nK9", "1q1pe5vpgeemqrcvrmbtbk842y6pzo6nk9-dpjox"],
  ["3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy", "3j98t1wpez73cnmqviecrnyiwrnqrhwnly-31eotq"],
  ["1111111111111111111114oLvT2", "1111111111111111111114olvt2-5"],
  ["mipcBbFg9gMiCh81Kj8tqqdgoZub1ZJRfn", "mipcbbfg9gmich81kj8tqqdgozub1zjrfn-cw8t8"],
  ["2N3oefVeg6stiTb5Kh3ozCSkaqmx91FDbsm", "2n3oefveg6stitb5kh3ozcskaqmx91fdbsm-2d04k8"],
  ["bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"],
] as const;
const UPPER = "BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4";

const space = new AddressSpace("btc.example.test", "wallet", mainnet);
const resolve = (jid: string) => space.resolve(parseJid(jid) as NonNullable<ReturnType<typeof parseJid>>);

describe("addresses as local parts", () => {
  it.each(VECTORS)("writes and reads %s", (address, local) => {
    expect(addressToLocal(address)).toBe(local);
    expect(localToAddress(local)).toBe(address);
  });

  it("goes there and back for every base58 address, also where the mask has more than 32 bits", () => {
    let longest = 0;
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 20, maxLength: 20 }), fc.boolean(), (hash, isScript) => {
        const address = addressOfScript(isScript ? p2shScript(hash) : p2pkhScript(hash), mainnet) as string;
        const local = addressToLocal(address);
        longest = Math.max(longest, local.slice(local.indexOf("-") + 1).length);
        return local === local.toLowerCase() && localToAddress(local) === address;
      }),
      { numRuns: 2_000 },
    );
    expect(localToAddress(addressToLocal("ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijk".toUpperCase()))).toBe(
      "ABCDEFGHJKLMNPQRSTUVWXYZABCDEFGHIJK",
    );
    expect(longest).toBeGreaterThanOrEqual(6);
  });

  it.each([
    ["a zero in front", "1boatslrhtknngkdxeeobr76b53lettpyt-04z0vap"],
    ["bits too many", "1boatslrhtknngkdxeeobr76b53lettpyt-dunvjl"],
    ["nothing behind the hyphen", "1boatslrhtknngkdxeeobr76b53lettpyt-"],
    ["a sign", "1boatslrhtknngkdxeeobr76b53lettpyt--4z0vap"],
    ["no number", "a-b_c"],
    ["an endless number", `a-${"z".repeat(500)}`],
  ])("takes no other spelling: %s", (_, local) => {
    expect(localToAddress(local)).toBeUndefined();
    expect(resolve(`${local}@btc.example.test`).kind).toBe("nobody");
  });

  it("has one JID for a bech32 address, whatever its case", () => {
    expect(addressToLocal(UPPER)).toBe(UPPER.toLowerCase());
    expect(space.address(UPPER)).toBe(UPPER.toLowerCase());
    expect(space.address(`bc1qW508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4`)).toBeUndefined();
  });

  it("takes no address of another network", () => {
    const other = new AddressSpace("btc.example.test", "wallet", testnet4);
    expect(other.address(UPPER)).toBeUndefined();
    expect(other.address(VECTORS[0][0])).toBeUndefined();
    expect(space.address("mipcBbFg9gMiCh81Kj8tqqdgoZub1ZJRfn")).toBeUndefined();
    expect(
      new AddressSpace("a.b", "wallet", regtest).address("mipcBbFg9gMiCh81Kj8tqqdgoZub1ZJRfn"),
    ).toBeDefined();
  });
});

describe("XEP-0106", () => {
  it.each([
    ["alice@example.test", "alice\\40example.test"],
    ["d'artagnan", "d\\27artagnan"],
    ["c:\\net", "c\\3a\\net"],
    ["c:\\5commas", "c\\3a\\5c5commas"],
    ["space man", "space\\20man"],
    ["a\\2fb", "a\\5c2fb"],
  ])("writes %s as %s", (text, local) => {
    expect(escapeLocal(text)).toBe(local);
    expect(unescapeLocal(local)).toBe(text);
  });

  it("goes there and back for whatever is typed", () => {
    fc.assert(fc.property(fc.string(), (text) => unescapeLocal(escapeLocal(text)) === text));
  });
});

describe("whom a stanza is for", () => {
  it.each([
    ["btc.example.test", { kind: "gateway" }],
    ["btc.example.test/anything", { kind: "gateway" }],
    ["wallet@btc.example.test", { kind: "alias" }],
    ["WALLET@btc.example.test/x", { kind: "alias" }],
    [`${VECTORS[1][1]}@btc.example.test`, { kind: "address", address: VECTORS[1][0] }],
    ["alice\\40example.test@btc.example.test", { kind: "person", jid: "alice@example.test" }],
    ["bob@btc.example.test", { kind: "username", username: "bob" }],
    ["b-ob@btc.example.test", { kind: "nobody" }],
    ["1@btc.example.test", { kind: "nobody" }],
    ["\\40@btc.example.test", { kind: "nobody" }],
  ])("%s", (jid, entity) => {
    expect(resolve(jid)).toEqual(entity);
  });

  it("writes each as the JID that it has read", () => {
    for (const jid of [
      "btc.example.test",
      "wallet@btc.example.test",
      "bob@btc.example.test",
      `${VECTORS[1][1]}@btc.example.test`,
    ])
      expect(space.jidOf(resolve(jid))).toBe(jid);
  });

  it("is always the gateway where all is said to one account, and others of its domain are none of ours", () => {
    const account = parseJid("bank@example.test") as Jid;
    const one = new AccountSpace(account, mainnet);
    expect(one.resolve({ ...account, resource: "troupe" })).toEqual({ kind: "alias" });
    for (const jid of [
      "bob@example.test",
      "example.test",
      "bank@other.test",
      `${VECTORS[1][1]}@example.test`,
    ]) {
      expect(one.has(parseJid(jid) as Jid)).toBe(false);
      expect(one.resolve(parseJid(jid) as Jid)).toEqual({ kind: "nobody" });
    }
    expect(one.jidOf()).toBe("bank@example.test");
  });

  it("is nobody where there is no JID", () => {
    for (const text of [undefined, "", "@", "a@", "@b", "a@b/", "a b@c", "a@b@c", "a".repeat(4_000)])
      expect(parseJid(text)).toBeUndefined();
  });
});
