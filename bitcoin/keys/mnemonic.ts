/** BIP39: the words on paper, the entropy they stand for, and the seed that all keys of a wallet grow from. */
import { pbkdf2Sync } from "node:crypto";
import { entropyToMnemonic, mnemonicToEntropy } from "@scure/bip39";
import { wordlist } from "@scure/bip39/wordlists/english.js";
import { BitcoinError } from "../errors.ts";

export interface Mnemonic {
  readonly words: readonly string[];
  readonly entropy: Uint8Array;
}

export const MNEMONIC_WORD_COUNTS: readonly number[] = [12, 15, 18, 21, 24];
/** The English list, in its order, which is that of the alphabet. */
export const MNEMONIC_WORDS: readonly string[] = wordlist;
/** 24 words of eight letters and room for careless spaces: nothing longer is even looked at. */
const TEXT_LENGTH_MAX = 1_000;

const SEED_ROUNDS = 2_048;
const SEED_LENGTH_BYTES = 64;

/** The words for 16, 20, 24, 28 or 32 bytes; where the bytes are from random is the caller's affair. */
export function newMnemonic(entropy: Uint8Array): Mnemonic {
  if (!MNEMONIC_WORD_COUNTS.includes((entropy.length * 3) / 4)) {
    throw bad(`${entropy.length} bytes of entropy; there must be 16, 20, 24, 28 or 32`);
  }
  return { words: entropyToMnemonic(entropy, wordlist).split(" "), entropy: Uint8Array.from(entropy) };
}

/** Reads words as people type them, in any case and with any spaces. The error tells which word, never the word. */
export function parseMnemonic(text: string): Mnemonic {
  if (text.length > TEXT_LENGTH_MAX) throw bad("the text is too long");
  const words = text.normalize("NFKD").toLowerCase().split(/\s+/).filter(Boolean);
  if (!MNEMONIC_WORD_COUNTS.includes(words.length))
    throw bad(`${words.length} words; there must be 12 to 24`);
  const unknown = words.findIndex((word) => !MNEMONIC_WORDS.includes(word));
  if (unknown !== -1) throw bad(`word ${unknown + 1} is not in the English list`);
  try {
    return { words, entropy: mnemonicToEntropy(words.join(" "), wordlist) };
  } catch {
    // All words are known, so it is the check at the end; the library's error may quote the words.
    throw bad("the words do not fit together: one is wrong, or two have changed places");
  }
}

/** The 64 bytes that BIP32 begins with. The passphrase ("13th word") is part of the seed, and may be empty. */
export function seedOf(words: readonly string[], passphrase: string): Uint8Array {
  const salt = `mnemonic${passphrase}`.normalize("NFKD");
  return pbkdf2Sync(words.join(" ").normalize("NFKD"), salt, SEED_ROUNDS, SEED_LENGTH_BYTES, "sha512");
}

function bad(reason: string): BitcoinError {
  return new BitcoinError(
    { code: "BITCOIN_BAD_MNEMONIC", reason },
    `these words are no recovery phrase: ${reason}; compare them with your paper, word by word`,
  );
}
