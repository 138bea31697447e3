/** Signed messages against both peers' examples and BIP322's vectors; and what no signature is. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readVectors } from "../../tests/harness/data/vectors.ts";
import { bytesToHex, hexToBytes } from "../bytes.ts";
import { taggedHash } from "../hash.ts";
import { CURVE_ORDER, publicKeyOf, scalarFromBytes, scalarToBytes } from "../keys/curve.ts";
import { type KeyScriptKind, keyScript } from "../keys/key-script.ts";
import { parseWif } from "../keys/wif.ts";
import { mainnet } from "../network.ts";
import { scriptOfAddress } from "../script/address.ts";
import { txidOf } from "../transaction.ts";
import { decodeDer, encodeDer } from "./der.ts";
import {
  type MessageFormat,
  messageHash,
  signMessage,
  signMessageDer,
  simpleTransactions,
  verifyMessage,
  verifyMessageDer,
} from "./message.ts";

interface Bip322Vectors {
  readonly hashes: readonly {
    readonly message: string;
    readonly address: string;
    readonly messageHash: string;
    readonly toSpend: string;
    readonly toSign: string;
  }[];
  readonly simple: readonly {
    readonly message: string;
    readonly privateKey: string;
    readonly address: string;
    readonly signatures: readonly string[];
  }[];
  readonly wrong: readonly { why: string; message: string; address: string; signature: string }[];
}

interface ProtocolVectors {
  readonly messages: {
    readonly hexKeySignature: { privateKey: string; publicKey: string; message: string; signature: string };
    readonly fills: readonly { privateKey: string; message: string; hash: string; signature: string }[];
  };
}

const bip322 = readVectors<Bip322Vectors>("bip322");
const { messages } = readVectors<ProtocolVectors>("joinmarket-protocol");
const utf8 = (text: string) => new TextEncoder().encode(text);
const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString("base64");

/** The first key of BIP84's and of BIP49's example mnemonic. */
const NATIVE = parseWif("KyZpNDKnfs94vbrwhJneDi77V6jF64PWPF8x5cdJb8ifgg2DUc9d", mainnet).privateKey;
const NATIVE_ADDRESS = "bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu";

it("signs for an address as joinmarket-clientserver does", () => {
  const text = "H13WScfxU8z+SrYHW8Y32biorqNbgjX1Mxg4qTnQ2BYyFO/SivXSURHAuivwqCg4pPClKeaPlXxK6HoUwAi72Es=";
  const message = utf8("hello joinmarket");

  expect(signMessage(message, NATIVE, "p2wpkh", "legacy")).toBe(text);
  expect(verifyMessage(message, text, scriptOfAddress(NATIVE_ADDRESS, mainnet))).toBe(true);
});

it("takes joinmarket-clientserver's signature for a nested address", () => {
  const text = "IM4zZyRB52usgybMv8Fkcf8Zgwk01IlndTkVSSGgNEF3RBQKAGF9EIFtZSdyW9tNTNHUQrR9qCKarX0v0PbGiUE=";
  const script = scriptOfAddress("37VucYSaXLCAsxYyAPfbSi9eh4iEcbShgf", mainnet);

  expect(verifyMessage(utf8("hello joinmarket"), text, script)).toBe(true);
  expect(verifyMessage(utf8("hello joinmarket!"), text, script)).toBe(false);
});

describe("JoinMarket's own messages", () => {
  it.each(messages.fills)(
    "are signed in DER as the peers do: $hash",
    ({ privateKey, message, hash, signature }) => {
      const key = hexToBytes(privateKey);

      expect(bytesToHex(messageHash(utf8(message)))).toBe(hash);
      expect(base64(signMessageDer(utf8(message), key))).toBe(signature);
      expect(verifyMessageDer(utf8(message), Buffer.from(signature, "base64"), publicKeyOf(key))).toBe(true);
    },
  );

  it("bind a maker's box to the key of a coin", () => {
    const { privateKey, publicKey, message, signature } = messages.hexKeySignature;
    const key = hexToBytes(privateKey);

    expect(bytesToHex(publicKeyOf(key))).toBe(publicKey);
    expect(base64(signMessageDer(utf8(message), key))).toBe(signature);
  });

  it("are taken in the higher form too, and never by another key or for another message", () => {
    const key = hexToBytes("01".repeat(32));
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (message) => {
        const der = signMessageDer(message, key);
        const compact = decodeDer(der) ?? new Uint8Array(64);
        const high = Uint8Array.from(compact);
        high.set(scalarToBytes(CURVE_ORDER - scalarFromBytes(compact.subarray(32))), 32);

        expect(verifyMessageDer(message, encodeDer(high), publicKeyOf(key))).toBe(true);
        expect(verifyMessageDer(message, der, publicKeyOf(scalarToBytes(2n)))).toBe(false);
        expect(verifyMessageDer(Uint8Array.of(...message, 0), der, publicKeyOf(key))).toBe(false);
      }),
      { numRuns: 30 },
    );
    expect(verifyMessageDer(utf8("x"), new Uint8Array(9), publicKeyOf(key))).toBe(false);
  });
});

describe("BIP322", () => {
  it.each(bip322.hashes)("hashes $message as its vectors", (vector) => {
    const { toSpend, toSign } = simpleTransactions(
      utf8(vector.message),
      scriptOfAddress(vector.address, mainnet),
    );

    expect(bytesToHex(taggedHash("BIP0322-signed-message", utf8(vector.message)))).toBe(vector.messageHash);
    expect(txidOf(toSpend)).toBe(vector.toSpend);
    expect(txidOf(toSign)).toBe(vector.toSign);
  });

  it.each(bip322.simple)("signs and takes $message as its vectors", (vector) => {
    const message = utf8(vector.message);
    const { privateKey } = parseWif(vector.privateKey, mainnet);
    const script = scriptOfAddress(vector.address, mainnet);

    // One of them is by a signer that looks for a short first half; ours does not.
    expect(vector.signatures).toContain(signMessage(message, privateKey, "p2wpkh", "bip322"));
    for (const signature of vector.signatures) {
      expect(verifyMessage(message, signature, script)).toBe(true);
      expect(verifyMessage(message, signature.slice(3), script)).toBe(true);
      expect(verifyMessage(utf8(`${vector.message}.`), signature, script)).toBe(false);
    }
  });

  it.each(bip322.wrong)("does not take: $why", ({ message, address, signature }) => {
    expect(verifyMessage(utf8(message), signature, scriptOfAddress(address, mainnet))).toBe(false);
  });

  it("has no simple form for other addresses than p2wpkh", () => {
    expect(() => signMessage(utf8("x"), NATIVE, "p2sh-p2wpkh", "bip322")).toThrow(
      expect.objectContaining({ code: "BITCOIN_NOT_SIGNED" }),
    );
  });
});

const kinds = fc.constantFrom<KeyScriptKind>("p2wpkh", "p2sh-p2wpkh", "p2pkh");
const formats = fc.constantFrom<MessageFormat>("legacy", "bip137");

it("takes what it signed for that address only, in every format", () => {
  const keys = fc.bigInt({ min: 4n, max: CURVE_ORDER - 1n }).map(scalarToBytes);
  fc.assert(
    fc.property(fc.string(), keys, kinds, kinds, formats, (text, key, kind, otherKind, format) => {
      const message = utf8(text);
      const signature = signMessage(message, key, kind, format);
      const script = keyScript(publicKeyOf(key), kind);
      const otherScript = keyScript(publicKeyOf(key), otherKind);

      expect(verifyMessage(message, signature, script)).toBe(true);
      expect(verifyMessage(utf8(`${text}.`), signature, script)).toBe(false);
      expect(verifyMessage(message, signature, keyScript(publicKeyOf(scalarToBytes(3n)), kind))).toBe(false);
      // The old form does not say for which kind of address; BIP137 does, but has the old header for p2pkh.
      const saysKind = format === "bip137" && kind !== "p2pkh";
      expect(verifyMessage(message, signature, otherScript)).toBe(!saysKind || kind === otherKind);
    }),
    { numRuns: 60 },
  );
});

it("takes a signature by the long form of a key, as Bitcoin's first wallets wrote it", () => {
  const key = parseWif("5KYZdUEo39z3FPrtuX2QbbwGnNP5zTd7yyr2SC1j299sBCnWjss", mainnet).privateKey;
  const message = utf8("vires is numeris");
  const bytes = Buffer.from(signMessage(message, key, "p2pkh", "legacy"), "base64");
  bytes[0] = (bytes[0] ?? 0) - 4;

  expect(
    verifyMessage(message, base64(bytes), scriptOfAddress("1HZwkjkeaoZfTSaJxDw6aKkxp45agDiEzN", mainnet)),
  ).toBe(true);
});

it("takes no other text for a signature, and answers with false alone", () => {
  const script = scriptOfAddress(NATIVE_ADDRESS, mainnet);
  const junk = fc.oneof(
    fc.string({ maxLength: 120 }),
    fc.uint8Array({ maxLength: 120 }).map(base64),
    fc.uint8Array({ minLength: 65, maxLength: 65 }).map(base64),
    fc.uint8Array({ maxLength: 120 }).map((bytes) => `smp${base64(bytes)}`),
  );
  fc.assert(
    fc.property(junk, (text) => {
      expect(verifyMessage(utf8("hello joinmarket"), text, script)).toBe(false);
    }),
    { numRuns: 500 },
  );
  expect(verifyMessage(utf8("x"), "A".repeat(1_000_000), script)).toBe(false);
});
