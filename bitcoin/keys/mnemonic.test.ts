/** Words, entropy and seeds against BIP39's vectors, and what is refused. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readVectors } from "../../tests/harness/data/vectors.ts";
import { bytesToHex, hexToBytes } from "../bytes.ts";
import { mainnet } from "../network.ts";
import { masterKey } from "./hd-key.ts";
import { newMnemonic, parseMnemonic, seedOf } from "./mnemonic.ts";

interface Bip39Vectors {
  readonly vectors: readonly { entropy: string; words: string; seed: string; key: string }[];
}

const { vectors } = readVectors<Bip39Vectors>("bip39");
const badMnemonic = expect.objectContaining({ code: "BITCOIN_BAD_MNEMONIC" });
const ABANDON = `${"abandon ".repeat(11)}about`;

it.each(vectors)(
  "makes the words, the seed and the root key of $entropy",
  ({ entropy, words, seed, key }) => {
    const made = newMnemonic(hexToBytes(entropy));

    expect(made.words.join(" ")).toBe(words);
    expect(bytesToHex(parseMnemonic(words).entropy)).toBe(entropy);
    expect(bytesToHex(seedOf(made.words, "TREZOR"))).toBe(seed);
    expect(masterKey(hexToBytes(seed), mainnet).privateText()).toBe(key);
  },
);

it("brings any entropy back from its words, however they are typed", () => {
  const entropy = fc
    .constantFrom(16, 20, 24, 28, 32)
    .chain((length) => fc.uint8Array({ minLength: length, maxLength: length }));
  const space = fc.constantFrom(" ", "  ", "\t", "\n", " \u3000");
  fc.assert(
    fc.property(entropy, space, fc.boolean(), (bytes, between, isUpper) => {
      const text = newMnemonic(bytes).words.join(between);

      const read = parseMnemonic(between + (isUpper ? text.toUpperCase() : text) + between);

      expect(bytesToHex(read.entropy)).toBe(bytesToHex(bytes));
    }),
  );
});

it("keeps a passphrase in composed and in decomposed letters the same", () => {
  const { words } = parseMnemonic(ABANDON);

  expect(seedOf(words, "\u00e9")).toEqual(seedOf(words, "e\u0301"));
  expect(seedOf(words, "\u00e9")).not.toEqual(seedOf(words, "e"));
});

describe("a wrong phrase is refused without being repeated", () => {
  it.each([
    ["nothing", "", "0 words"],
    ["eleven words", "abandon ".repeat(11), "11 words"],
    ["a word that is not in the list", `${"abandon ".repeat(11)}satoshee`, "word 12"],
    ["a check that fails", "abandon ".repeat(12), "fit together"],
    ["a text without end", "abandon ".repeat(10_000), "too long"],
  ])("%s", (_, text, reason) => {
    const read = () => parseMnemonic(text);

    expect(read).toThrow(badMnemonic);
    expect(read).toThrow(reason);
    expect(read).not.toThrow(/abandon|satoshee/);
  });

  it("when one word is changed for another, unless the check still holds", () => {
    const words = fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => newMnemonic(bytes));
    fc.assert(
      fc.property(words, fc.nat(11), (mnemonic, at) => {
        const changed = mnemonic.words.with(at, mnemonic.words[at] === "zoo" ? "zone" : "zoo");
        try {
          expect(parseMnemonic(changed.join(" ")).entropy).not.toEqual(mnemonic.entropy);
        } catch (error) {
          expect(error).toEqual(badMnemonic);
        }
      }),
    );
  });

  it.each([0, 4, 15, 17, 36, 64])("and %i bytes make no phrase", (length) => {
    expect(() => newMnemonic(new Uint8Array(length))).toThrow(badMnemonic);
  });
});
