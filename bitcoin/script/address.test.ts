/** Addresses and script hashes against Bitcoin Core's vectors and a recorded Electrum server. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readRegtestChain } from "../../tests/harness/chain/regtest-chain.ts";
import { describeWithSharedData } from "../../tests/harness/chain/shared-data-suite.ts";
import { bytesToHex, hexToBytes } from "../bytes.ts";
import { litecoin, mainnet, networks, regtest, signet, testnet4 } from "../network.ts";
import { addressOfScript, scriptOfAddress } from "./address.ts";
import { p2shScript, p2trScript, p2wpkhScript, witnessScript } from "./script.ts";
import { isIndexedScript, scriptHashBytesOf, scriptHashOf } from "./scripthash.ts";

const badAddress = expect.objectContaining({ code: "BITCOIN_BAD_ADDRESS" });

/** From Electrum's documentation and ElectrumX. */
const SCRIPT_HASHES = [
  ["1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", "8b01df4e368ea28f8dc0423bcf7a4923e3a12d307c875e47a0cfbf90b5c39161"],
  ["3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy", "abe51e78fc13a23889f49922cb5917b9c5f2a8f66122aea0d728524f1493d133"],
  [
    "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4",
    "9623df75239b5daa7f5f03042d325b51498c4bb7059c7748b17049bf96f73888",
  ],
  [
    "bc1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3qccfmv3",
    "94ef09765c3092cd7a1d9f7a6e1ff861e446fd795d1e8a93f427c42df7ffe123",
  ],
  [
    "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0",
    "a12cf1aa7c74a6e9f54984646526173abed2a9f4a4862dc83eb94e8e8ef5220a",
  ],
] as const;

it.each(SCRIPT_HASHES)("finds the script hash of %s", (address, hash) => {
  const script = scriptOfAddress(address, mainnet);

  expect(scriptHashOf(script)).toBe(hash);
  expect(bytesToHex(Uint8Array.from(scriptHashBytesOf(script)).reverse())).toBe(hash);
  expect(addressOfScript(script, mainnet)).toBe(address);
});

it("names every script of the recorded chain as Electrum does", () => {
  for (const { spk, scripthash, address } of Object.values(readRegtestChain().scripts)) {
    const script = hexToBytes(spk);

    expect(scriptHashOf(script)).toBe(scripthash);
    expect(addressOfScript(script, regtest)).toBe(address);
    if (address !== undefined) expect(bytesToHex(scriptOfAddress(address, regtest))).toBe(spk);
  }
});

it.each([
  ["", true],
  ["51", true],
  ["00", true],
  ["6a", false],
  ["006a0474726f757065", false],
  ["0051", true],
])("indexes %j: %s", (hex, isIndexed) => {
  const script = hexToBytes(hex);
  const inside = Uint8Array.of(0x6a, ...script, 0x6a);

  expect(isIndexedScript(script)).toBe(isIndexed);
  expect(isIndexedScript(inside, 1, 1 + script.length)).toBe(isIndexed);
});

it("brings every address back to its script on every network", () => {
  const program = fc.uint8Array({ minLength: 20, maxLength: 20 });
  fc.assert(
    fc.property(
      program,
      fc.constantFrom(...networks),
      fc.integer({ min: 2, max: 16 }),
      (hash, network, version) => {
        for (const script of [p2shScript(hash), p2wpkhScript(hash), witnessScript(version, hash)]) {
          const address = addressOfScript(script, network) ?? "";

          expect(bytesToHex(scriptOfAddress(address, network))).toBe(bytesToHex(script));
        }
      },
    ),
  );
});

it("reads Litecoin's old script addresses and writes the new ones", () => {
  const script = p2shScript(new Uint8Array(20));
  const old = addressOfScript(script, mainnet) ?? "";

  expect(bytesToHex(scriptOfAddress(old, litecoin))).toBe(bytesToHex(script));
  expect(addressOfScript(script, litecoin)?.[0]).toBe("M");
});

describe("a wrong address", () => {
  const mine = addressOfScript(p2trScript(new Uint8Array(32)), mainnet) ?? "";

  it.each([
    ["another network's", addressOfScript(p2trScript(new Uint8Array(32)), regtest) ?? ""],
    ["one letter changed", mine.replace(/.$/, (last) => (last === "q" ? "p" : "q"))],
    ["mixed case", `BC1${mine.slice(3)}`],
    ["witness version 17", "bc13qqqsyrhqy2a"],
    ["an empty text", ""],
    ["only a separator", "1"],
    ["far too long", "1".repeat(1_000_000)],
    ["not ASCII", "bc1\u{1f4a9}"],
  ])("is refused: %s", (_, address) => {
    expect(() => scriptOfAddress(address, mainnet)).toThrow(badAddress);
  });

  it("gives nothing but its own error for any text", () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 100 }), fc.constantFrom("", "1", "bc1", "tb1"), (text, head) => {
        try {
          scriptOfAddress(head + text, mainnet);
        } catch (error) {
          expect(error).toEqual(badAddress);
        }
      }),
    );
  });
});

type KeyVector = readonly [string, string, { chain: string; isPrivkey: boolean; tryCaseFlip?: boolean }];

describeWithSharedData("Bitcoin Core's key_io vectors", (data) => {
  it("stand for the scripts they should", () => {
    const vectors = data.json<KeyVector[]>("vectors/key_io_valid.json");
    const byChain = new Map([mainnet, testnet4, signet, regtest].map((network) => [network.chain, network]));
    let checked = 0;
    for (const [text, hex, { chain, isPrivkey, tryCaseFlip }] of vectors) {
      const network = byChain.get(chain) ?? mainnet;
      if (isPrivkey) {
        expect(() => scriptOfAddress(text, network)).toThrow(badAddress);
        continue;
      }
      expect(bytesToHex(scriptOfAddress(text, network))).toBe(hex);
      expect(addressOfScript(hexToBytes(hex), network)).toBe(text);
      if (tryCaseFlip === true) expect(bytesToHex(scriptOfAddress(text.toUpperCase(), network))).toBe(hex);
      checked += 1;
    }
    expect(checked).toBeGreaterThan(40);
  });

  it("are refused on every network where they are invalid", () => {
    for (const [text] of data.json<[string][]>("vectors/key_io_invalid.json")) {
      for (const network of [mainnet, testnet4, signet, regtest]) {
        expect(() => scriptOfAddress(text, network), `${text} on ${network.name}`).toThrow(badAddress);
      }
    }
  });
});
