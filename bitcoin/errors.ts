/** The one error of the room of pure Bitcoin primitives, and the table of its codes. */

/** Every code this room throws; `docs/errors.md` is made from this table. */
export const bitcoinErrors = Object.freeze({
  BITCOIN_MALFORMED: {
    meaning:
      "Bytes that should be a transaction, a block, a header or a script are cut short, have bytes left over, or break the serialisation rules.",
    remedy:
      "Ask the sender for the bytes again. If they come from your own node, check its disk and that it runs the network you configured.",
  },
  BITCOIN_BAD_HEX: {
    meaning: "A text that should be hexadecimal has other characters, or not the length it must have.",
    remedy: "Correct the text: digits 0-9 and a-f, two for each byte; a transaction or block id has 64.",
  },
  BITCOIN_BAD_ADDRESS: {
    meaning: "A text is not an address of this network: a typing error, or an address of another network.",
    remedy: "Copy the address again from where it was given; do not correct it by hand.",
  },
  BITCOIN_OUT_OF_RANGE: {
    meaning: "A value cannot be written in the Bitcoin format: negative, too large, or of the wrong length.",
    remedy: "Correct the value; amounts are whole satoshi and between zero and the network's whole money.",
  },
  BITCOIN_BAD_MNEMONIC: {
    meaning:
      "These words are no recovery phrase of BIP39: a word or a number of words that it does not have.",
    remedy:
      "Compare every word with your paper, in its order. The words are English, 12, 15, 18, 21 or 24 of them; the last one checks the others.",
  },
  BITCOIN_BAD_KEY: {
    meaning:
      "What should be a key is none: a private key outside the curve's order, a point off the curve, or the text of a key that is mistyped or of another network.",
    remedy: "Copy the key again from where it was given, and check the network that you configured.",
  },
  BITCOIN_BAD_PSBT: {
    meaning: "A text or file is no partially signed transaction, or contradicts itself.",
    remedy: "Ask the program that made it to write it again: base64, version 0 (BIP174) or 2 (BIP370).",
  },
  BITCOIN_NOT_SIGNED: {
    meaning:
      "A signature was refused: the key does not open the coin, the coin cannot be spent yet or not in this way, or the input does not exist.",
    remedy:
      "Nothing was signed. Look at what the transaction spends and at the locktime of a fidelity bond; if you did not make this transaction yourself, do not try again.",
  },
  BITCOIN_UNKNOWN_NETWORK: {
    meaning: "No network has this name.",
    remedy: "Use one of the names the message lists.",
  },
} satisfies Record<BitcoinFailure["code"], { meaning: string; remedy: string }>);

/** What each code carries beside itself. */
export type BitcoinFailure =
  | { readonly code: "BITCOIN_MALFORMED"; readonly what: string; readonly offset: number }
  | { readonly code: "BITCOIN_BAD_HEX"; readonly what: string }
  | { readonly code: "BITCOIN_BAD_ADDRESS"; readonly network: string; readonly reason: string }
  | { readonly code: "BITCOIN_OUT_OF_RANGE"; readonly what: string }
  | { readonly code: "BITCOIN_BAD_MNEMONIC"; readonly reason: string }
  | { readonly code: "BITCOIN_BAD_KEY"; readonly what: string }
  | { readonly code: "BITCOIN_BAD_PSBT"; readonly reason: string }
  | { readonly code: "BITCOIN_NOT_SIGNED"; readonly index: number; readonly reason: string }
  | { readonly code: "BITCOIN_UNKNOWN_NETWORK"; readonly name: string };

/** The same shape as the rest of the house's errors (`code`, `data`); this room imports nothing, so it has its own. */
export class BitcoinError<F extends BitcoinFailure = BitcoinFailure> extends Error {
  override readonly name = "BitcoinError";
  readonly code: F["code"];
  readonly data: Omit<F, "code">;

  constructor(failure: F, message: string, options?: { cause?: unknown }) {
    super(message, options);
    const { code, ...data } = failure;
    this.code = code;
    this.data = data;
  }
}

/** What is wrong in a few words, for a sentence of another room; undefined for an error that is not of this one. */
export function bitcoinReason(error: unknown): string | undefined {
  if (!(error instanceof BitcoinError)) return undefined;
  const { reason, what } = error.data as { readonly reason?: string; readonly what?: string };
  return reason ?? what;
}

/** The error for bytes that break the format at `offset`. */
export function malformed(what: string, offset: number): BitcoinError {
  return new BitcoinError(
    { code: "BITCOIN_MALFORMED", what, offset },
    `these bytes are not valid Bitcoin data: ${what} (at byte ${offset}); ask the sender for them again`,
  );
}

/** The error for a value that the format cannot hold. */
export function outOfRange(what: string): BitcoinError {
  return new BitcoinError(
    { code: "BITCOIN_OUT_OF_RANGE", what },
    `this value cannot be written in the Bitcoin format: ${what}`,
  );
}

/** The error for a key that is none. What was given is never in it, nor is a library's own error: both may hold the secret. */
export function badKey(what: string): BitcoinError {
  return new BitcoinError(
    { code: "BITCOIN_BAD_KEY", what },
    `this is not a key: ${what}; copy it again from where it was given`,
  );
}

/** The error for a partially signed transaction that is none, or contradicts itself. */
export function badPsbt(reason: string, cause?: unknown): BitcoinError {
  return new BitcoinError(
    { code: "BITCOIN_BAD_PSBT", reason },
    `this is no partially signed transaction: ${reason}; ask the program that made it to write it again`,
    cause === undefined ? undefined : { cause },
  );
}

/** The error for a signature that is refused, and with it all that were asked for together. */
export function notSigned(index: number, reason: string): BitcoinError {
  return new BitcoinError(
    { code: "BITCOIN_NOT_SIGNED", index, reason },
    `input ${index} is not signed, nor any other: ${reason}`,
  );
}
