/** Transactions against Bitcoin Core's vectors, bitcoinjs-lib, a real node's figures, and any bytes at all. */
import { Transaction as LibraryTransaction } from "bitcoinjs-lib";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readRegtestChain } from "../tests/harness/chain/regtest-chain.ts";
import { describeWithSharedData } from "../tests/harness/chain/shared-data-suite.ts";
import { anyTransaction } from "../tests/harness/chain/transactions.ts";
import { bytesToHex, hexToBytes } from "./bytes.ts";
import { mainnet } from "./network.ts";
import {
  hasWitness,
  isCoinbase,
  lengthBytesOf,
  parseTransaction,
  serializeStripped,
  serializeTransaction,
  sizeVbOf,
  strippedLengthBytesOf,
  txidOf,
  weightOf,
  wtxidOf,
} from "./transaction.ts";
import { checkTransaction } from "./transaction-check.ts";

const malformed = expect.objectContaining({ code: "BITCOIN_MALFORMED" });
const { verboseTransaction } = readRegtestChain();
const EMPTY_INPUT = `${"11".repeat(32)}0000000000ffffffff`;

function expectSameAsLibrary(hex: string): void {
  const ours = parseTransaction(hexToBytes(hex));
  const theirs = LibraryTransaction.fromHex(hex);

  expect(bytesToHex(serializeTransaction(ours))).toBe(hex);
  expect(txidOf(ours)).toBe(theirs.getId());
  expect(weightOf(ours)).toBe(theirs.weight());
  expect(sizeVbOf(ours)).toBe(theirs.virtualSize());
  expect(isCoinbase(ours)).toBe(theirs.isCoinbase());
  expect(hasWitness(ours)).toBe(theirs.hasWitnesses());
}

it("has the ids and sizes that Bitcoin Core prints", () => {
  const transaction = parseTransaction(hexToBytes(verboseTransaction.hex));

  expect(txidOf(transaction)).toBe(verboseTransaction.txid);
  expect(wtxidOf(transaction)).toBe(verboseTransaction.hash);
  expect(lengthBytesOf(transaction)).toBe(verboseTransaction.size);
  expect(sizeVbOf(transaction)).toBe(verboseTransaction.vsize);
  expect(weightOf(transaction)).toBe(verboseTransaction.weight);
  expect(transaction.outputs.map(({ amountSat }) => amountSat)).toEqual([
    1_000_000_000n,
    1_000_000_000n,
    500_000_000n,
    500_000_000n,
    1_999_999_000n,
  ]);
  expectSameAsLibrary(verboseTransaction.hex);
});

it("comes back from its bytes, whatever it holds, with the lengths foretold", () => {
  fc.assert(
    fc.property(anyTransaction, (transaction) => {
      const bytes = serializeTransaction(transaction);
      const again = parseTransaction(bytes);

      expect(bytesToHex(serializeTransaction(again))).toBe(bytesToHex(bytes));
      expect(again.outputs.map(({ amountSat }) => amountSat)).toEqual(
        transaction.outputs.map(({ amountSat }) => amountSat),
      );
      expect(bytes.length).toBe(lengthBytesOf(transaction));
      expect(serializeStripped(transaction).length).toBe(strippedLengthBytesOf(transaction));
      expect(wtxidOf(again) === txidOf(again)).toBe(!hasWitness(transaction));
    }),
  );
});

describe("bytes that are no transaction", () => {
  it("are refused at every length short of the whole, and with one byte more", () => {
    const bytes = hexToBytes(verboseTransaction.hex);
    for (let length = 0; length < bytes.length; length++) {
      expect(() => parseTransaction(bytes.subarray(0, length))).toThrow(malformed);
    }
    expect(() => parseTransaction(Buffer.concat([bytes, Buffer.alloc(1)]))).toThrow(malformed);
  });

  it.each([
    ["a witness announced and not there", `02000000000101${EMPTY_INPUT}000000000000`],
    ["an unknown flag", `02000000000201${EMPTY_INPUT}0000000000`],
    ["Litecoin's flag on Bitcoin", `02000000000801${EMPTY_INPUT}000000000000`],
    ["a witness flag without inputs", "02000000000100000000000000"],
    ["a size not in its shortest form", `02000000fd0100${EMPTY_INPUT}0000000000`],
    ["four thousand million inputs", "02000000feffffffff"],
    ["an eight-byte count", "02000000ff0000000001000000"],
  ])("are refused: %s", (_, hex) => {
    expect(() => parseTransaction(hexToBytes(hex))).toThrow(malformed);
  });

  it("give the room's own error and nothing else, and never depend on what lies around them", () => {
    const whole = hexToBytes(verboseTransaction.hex);
    const change = fc.record({ at: fc.nat(whole.length - 1), to: fc.nat(255) });
    fc.assert(
      fc.property(
        fc.array(change, { minLength: 1, maxLength: 4 }),
        fc.nat(whole.length),
        (changes, length) => {
          const broken = Uint8Array.from(whole);
          for (const { at, to } of changes) broken[at] = to;
          const outcomes = [0x00, 0xff].map((filler) => {
            const around = new Uint8Array(length + 64).fill(filler);
            around.set(broken.subarray(0, length), 32);
            try {
              return bytesToHex(serializeTransaction(parseTransaction(around.subarray(32, 32 + length))));
            } catch (error) {
              expect(error).toEqual(malformed);
              return (error as Error).message;
            }
          });

          expect(outcomes[0]).toBe(outcomes[1]);
          if (!outcomes[0]?.startsWith("these"))
            expect(outcomes[0]).toBe(bytesToHex(broken.subarray(0, length)));
        },
      ),
      { numRuns: 2_000 },
    );
  });
});

describe("Bitcoin Core's first checks", () => {
  const base = parseTransaction(hexToBytes(verboseTransaction.hex));
  const [input] = base.inputs;
  const [output] = base.outputs;
  if (input === undefined || output === undefined) throw new Error("the recorded transaction has both");
  const nothing = {
    ...input,
    previousTxidBytes: new Uint8Array(32),
    previousIndex: 0xffff_ffff,
    witness: [],
  };
  const max = mainnet.money.maxSat;

  it.each([
    ["nothing to say against it", base, undefined],
    ["no inputs", { ...base, inputs: [] }, "bad-txns-vin-empty"],
    ["no outputs", { ...base, outputs: [] }, "bad-txns-vout-empty"],
    ["a negative amount", { ...base, outputs: [{ ...output, amountSat: -1n }] }, "bad-txns-vout-negative"],
    ["too much", { ...base, outputs: [{ ...output, amountSat: max + 1n }] }, "bad-txns-vout-toolarge"],
    [
      "too much together",
      { ...base, outputs: [{ ...output, amountSat: max }, output] },
      "bad-txns-txouttotal-toolarge",
    ],
    ["one coin twice", { ...base, inputs: [input, input] }, "bad-txns-inputs-duplicate"],
    ["nothing spent", { ...base, inputs: [input, nothing] }, "bad-txns-prevout-null"],
    [
      "a coinbase of one byte",
      { ...base, inputs: [{ ...nothing, scriptSig: Uint8Array.of(1) }] },
      "bad-cb-length",
    ],
    [
      "a coinbase of 101 bytes",
      { ...base, inputs: [{ ...nothing, scriptSig: new Uint8Array(101) }] },
      "bad-cb-length",
    ],
    [
      "a coinbase of two bytes",
      { ...base, inputs: [{ ...nothing, scriptSig: Uint8Array.of(1, 2) }] },
      undefined,
    ],
    [
      "more than a block holds",
      { ...base, outputs: [{ ...output, scriptPubKey: new Uint8Array(1_000_000) }] },
      "bad-txns-oversize",
    ],
  ])("say of %s: %3$s", (_, transaction, reason) => {
    expect(checkTransaction(transaction, mainnet)).toBe(reason);
  });
});

describeWithSharedData("Bitcoin Core's transaction vectors", (data) => {
  const transactionsOf = (file: string) =>
    data
      .json<unknown[][]>(file)
      .flatMap((entry) => (entry.length === 3 ? [entry as [unknown, string, string]] : []));

  it("are read as bitcoinjs-lib reads them, and pass the first checks where they are valid", () => {
    const valid = transactionsOf("vectors/tx_valid.json");
    for (const [, hex] of valid) {
      expectSameAsLibrary(hex);
      expect(checkTransaction(parseTransaction(hexToBytes(hex)), mainnet)).toBeUndefined();
    }
    expect(valid.length).toBeGreaterThan(100);
  });

  it("are refused by the first checks where these are the reason", () => {
    const invalid = transactionsOf("vectors/tx_invalid.json");
    const refused = invalid.filter(([, , flags]) => flags === "BADTX");
    for (const [, hex, flags] of invalid) {
      const reason = checkTransaction(parseTransaction(hexToBytes(hex)), mainnet);
      if (flags === "BADTX") expect(reason).toMatch(/^bad-/);
    }
    expect(refused.length).toBeGreaterThan(5);
  });

  it("of the sighash file come back as they were", () => {
    const raw = data.json<string[][]>("vectors/sighash.json").slice(1);
    for (const [hex = ""] of raw) expectSameAsLibrary(hex);
    expect(raw.length).toBe(500);
  });
});
