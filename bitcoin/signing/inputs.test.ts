/** Signatures of inputs against BIP143's examples, a second reckoning of the hash and a script interpreter; and what is not signed. */
import { secp256k1 } from "@noble/curves/secp256k1.js";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ScriptChecker } from "../../bitcoind/sandbox/chain/script-check.ts";
import { readVectors } from "../../tests/harness/data/vectors.ts";
import { bytesToHex, concatBytes, hexToBytes } from "../bytes.ts";
import { Writer } from "../codec.ts";
import { hash160, sha256d } from "../hash.ts";
import { CURVE_ORDER, publicKeyOf, scalarFromBytes, scalarToBytes } from "../keys/curve.ts";
import { type KeyScriptKind, keyScript } from "../keys/key-script.ts";
import { p2pkhScript, p2shScript, p2trScript, p2wpkhScript } from "../script/script.ts";
import { timelockOutputScript, timelockScript } from "../script/timelock.ts";
import {
  parseTransaction,
  serializeTransaction,
  type Transaction,
  type TransactionOutput,
  wtxidOf,
} from "../transaction.ts";
import { decodeDer, decodeScriptSignature, encodeDer, encodeScriptSignature } from "./der.ts";
import { type InputKey, isInputSigned, signInputs, withSignedInputs } from "./inputs.ts";

interface Bip143Vectors {
  readonly examples: readonly {
    readonly name: string;
    readonly unsigned: string;
    readonly index: number;
    readonly amountSat: number;
    readonly scriptPubKey: string;
    readonly privateKey: string;
    readonly publicKey: string;
    readonly signature: string;
    readonly signed: string;
  }[];
}

const notSigned = expect.objectContaining({ code: "BITCOIN_NOT_SIGNED" });
const LOCKTIME = 1893456000;
const KINDS = ["p2wpkh", "p2sh-p2wpkh", "p2pkh", "timelock"] as const;
type CoinKind = (typeof KINDS)[number];

const privateKeys = fc.bigInt({ min: 1n, max: CURVE_ORDER - 1n }).map(scalarToBytes);
const bytes32 = fc.uint8Array({ minLength: 32, maxLength: 32 });

function scriptOf(publicKey: Uint8Array, kind: CoinKind): Uint8Array {
  return kind === "timelock"
    ? timelockOutputScript({ locktime: LOCKTIME, publicKey })
    : keyScript(publicKey, kind satisfies KeyScriptKind);
}

interface Spend {
  readonly transaction: Transaction;
  readonly keys: readonly InputKey[];
}

/** A transaction over coins of every kind, unlocked in time, with the keys that open them. */
const spends: fc.Arbitrary<Spend> = fc
  .record({
    version: fc.integer({ min: 0, max: 0xffff_ffff }),
    locktime: fc.integer({ min: LOCKTIME, max: 0xffff_ffff }),
    coins: fc.array(
      fc.record({
        previousTxidBytes: bytes32,
        previousIndex: fc.integer({ min: 0, max: 0xffff_fffe }),
        sequence: fc.integer({ min: 0, max: 0xffff_fffe }),
        amountSat: fc.bigInt({ min: 0n, max: 21_000_000_00000000n }),
        privateKey: privateKeys,
        kind: fc.constantFrom<CoinKind>(...KINDS),
      }),
      { minLength: 1, maxLength: 5 },
    ),
    outputs: fc.array(
      fc.record({
        amountSat: fc.bigInt({ min: 0n, max: 21_000_000_00000000n }),
        scriptPubKey: fc.uint8Array({ maxLength: 40 }),
      }),
      { minLength: 1, maxLength: 4 },
    ),
  })
  .map(({ version, locktime, coins, outputs }) => ({
    transaction: {
      version,
      locktime,
      outputs,
      inputs: coins.map(({ previousTxidBytes, previousIndex, sequence }) => ({
        previousTxidBytes,
        previousIndex,
        sequence,
        scriptSig: new Uint8Array(0),
        witness: [],
      })),
    },
    keys: coins.map(({ amountSat, privateKey, kind }, index) => {
      const publicKey = publicKeyOf(privateKey);
      const spent = { amountSat, scriptPubKey: scriptOf(publicKey, kind) };
      const witnessScript = timelockScript({ locktime: LOCKTIME, publicKey });
      return { index, spent, privateKey, ...(kind === "timelock" ? { witnessScript } : {}) };
    }),
  }));

const spentBy = ({ keys }: Spend): TransactionOutput[] => keys.map(({ spent }) => spent);
const signed = (spend: Spend) =>
  withSignedInputs(spend.transaction, signInputs(spend.transaction, spend.keys));

/** BIP143 for "all", written a second time from its text. */
function segwitHash({ transaction, keys }: Spend, index: number): Uint8Array {
  const { spent, witnessScript, privateKey } = keys[index] as InputKey;
  const outpoints = new Writer();
  const sequences = new Writer();
  for (const { previousTxidBytes, previousIndex, sequence } of transaction.inputs) {
    outpoints.bytes(previousTxidBytes).u32(previousIndex);
    sequences.u32(sequence);
  }
  const outputs = new Writer();
  for (const { amountSat, scriptPubKey } of transaction.outputs)
    outputs.i64(amountSat).varBytes(scriptPubKey);
  const input = transaction.inputs[index] as Transaction["inputs"][number];
  const preimage = new Writer()
    .u32(transaction.version)
    .bytes(sha256d(outpoints.finish()))
    .bytes(sha256d(sequences.finish()))
    .bytes(input.previousTxidBytes)
    .u32(input.previousIndex)
    .varBytes(witnessScript ?? p2pkhScript(hash160(publicKeyOf(privateKey))))
    .i64(spent.amountSat)
    .u32(input.sequence)
    .bytes(sha256d(outputs.finish()))
    .u32(transaction.locktime)
    .u32(1);
  return sha256d(preimage.finish());
}

it.each(readVectors<Bip143Vectors>("bip143").examples)("signs BIP143's $name as it does", (example) => {
  const transaction = parseTransaction(hexToBytes(example.unsigned));
  const spent = {
    amountSat: BigInt(example.amountSat),
    scriptPubKey: hexToBytes(example.scriptPubKey),
  };
  const inputs = signInputs(transaction, [
    { index: example.index, spent, privateKey: hexToBytes(example.privateKey) },
  ]);
  const expected = parseTransaction(hexToBytes(example.signed));

  expect(inputs.map(({ signature }) => bytesToHex(signature))).toEqual([example.signature]);
  expect(inputs.map(({ publicKey }) => bytesToHex(publicKey))).toEqual([example.publicKey]);
  const [made, wanted] = [withSignedInputs(transaction, inputs), expected].map(({ inputs }) => {
    const { scriptSig, witness = [] } = inputs[example.index] ?? { scriptSig: new Uint8Array(0) };
    return { scriptSig: bytesToHex(scriptSig), witness: witness.map(bytesToHex) };
  });
  expect(made).toEqual(wanted);
  expect(isInputSigned(expected, example.index, spent)).toBe(true);
});

it("signs so that a script interpreter with all the nodes' rules agrees, for every kind of coin", () => {
  const checker = new ScriptChecker();
  fc.assert(
    fc.property(spends, (spend) => {
      const transaction = signed(spend);
      const coins = spentBy(spend);

      expect(checker.check(transaction, wtxidOf(transaction), coins, "policy")).toBeUndefined();
      for (const [index, coin] of coins.entries()) expect(isInputSigned(transaction, index, coin)).toBe(true);
    }),
    { numRuns: 40 },
  );
});

it("signs the hash of BIP143 as a second library does, byte for byte", () => {
  fc.assert(
    fc.property(spends, (spend) => {
      for (const { index, signature } of signInputs(spend.transaction, spend.keys)) {
        const { spent, privateKey } = spend.keys[index] as InputKey;
        if (spent.scriptPubKey[0] === 0x76) continue;
        const other = secp256k1.sign(segwitHash(spend, index), privateKey, { prehash: false });

        expect(bytesToHex(decodeScriptSignature(signature) ?? signature)).toBe(bytesToHex(other));
      }
    }),
    { numRuns: 40 },
  );
});

it("takes no signature when a single bit of transaction or coin is another", () => {
  fc.assert(
    fc.property(spends, fc.nat(), fc.nat(7), (spend, at, bit) => {
      const transaction = signed(spend);
      const raw = Uint8Array.from(serializeTransaction(transaction));
      const place = at % raw.length;
      raw[place] = (raw[place] ?? 0) ^ (1 << bit);
      let changed: Transaction;
      try {
        changed = parseTransaction(raw);
      } catch {
        // Not a transaction any more: nothing to take.
        return;
      }
      const coins = spentBy(spend);
      const stillSigned = coins.filter((coin, index) => isInputSigned(changed, index, coin));
      // A change in one input's witness leaves the others as they were; any other change breaks all.
      expect(stillSigned.length).toBeLessThan(coins.length);
      expect(isInputSigned(transaction, 0, { ...(coins[0] as TransactionOutput), amountSat: 1n })).toBe(
        coins[0]?.amountSat === 1n || coins[0]?.scriptPubKey[0] === 0x76,
      );
    }),
    { numRuns: 300 },
  );
});

describe("nothing at all is signed", () => {
  const privateKey = scalarToBytes(5n);
  const publicKey = publicKeyOf(privateKey);
  const coinOf = (scriptPubKey: Uint8Array) => ({ amountSat: 1_000n, scriptPubKey });
  const native = coinOf(keyScript(publicKey, "p2wpkh"));
  const bond = coinOf(timelockOutputScript({ locktime: LOCKTIME, publicKey }));
  const witnessScript = timelockScript({ locktime: LOCKTIME, publicKey });
  const input = {
    previousTxidBytes: new Uint8Array(32).fill(1),
    previousIndex: 0,
    scriptSig: new Uint8Array(0),
    sequence: 0xffff_fffd,
    witness: [],
  };
  const transaction: Transaction = {
    version: 2,
    inputs: [input, { ...input, previousIndex: 1 }],
    outputs: [coinOf(native.scriptPubKey)],
    locktime: LOCKTIME,
  };
  const good: InputKey = { index: 0, spent: native, privateKey };

  it.each<[string, InputKey]>([
    ["for an input that does not exist", { ...good, index: 2 }],
    ["twice for one input", good],
    ["with another's key", { ...good, index: 1, privateKey: scalarToBytes(6n) }],
    ["for a coin of another's key", { ...good, index: 1, spent: coinOf(p2wpkhScript(new Uint8Array(20))) }],
    ["for a nested coin of another's", { ...good, index: 1, spent: coinOf(p2shScript(new Uint8Array(20))) }],
    ["for an old coin of another's", { ...good, index: 1, spent: coinOf(p2pkhScript(new Uint8Array(20))) }],
    ["for a taproot coin", { ...good, index: 1, spent: coinOf(p2trScript(publicKey.subarray(1))) }],
    ["for a bond without its script", { ...good, index: 1, spent: bond }],
    [
      "for a bond with the script of another",
      {
        ...good,
        index: 1,
        spent: bond,
        witnessScript: timelockScript({ locktime: LOCKTIME + 1, publicKey }),
      },
    ],
    ["for a negative coin", { ...good, index: 1, spent: { ...native, amountSat: -1n } }],
  ])("%s", (_, key) => {
    expect(() => signInputs(transaction, [good, key])).toThrow(notSigned);
  });

  it("with what is no key", () => {
    const badKey = expect.objectContaining({ code: "BITCOIN_BAD_KEY" });

    expect(() => signInputs(transaction, [{ ...good, privateKey: new Uint8Array(32) }])).toThrow(badKey);
  });

  it("for a bond before its time, by a locktime or a sequence that says so", () => {
    const key = { index: 0, spent: bond, privateKey, witnessScript };
    const early = { ...transaction, locktime: LOCKTIME - 1 };
    const voided = { ...transaction, inputs: [{ ...input, sequence: 0xffff_ffff }] };

    expect(() => signInputs(early, [key])).toThrow(notSigned);
    expect(() => signInputs(voided, [key])).toThrow(notSigned);
    expect(signInputs(transaction, [key])).toHaveLength(1);
  });

  it("for a transaction that pays a negative amount", () => {
    const wrong = { ...transaction, outputs: [{ ...native, amountSat: -1n }] };

    expect(() => signInputs(wrong, [good])).toThrow(notSigned);
  });
});

describe("a signature in a transaction is not taken", () => {
  const privateKey = scalarToBytes(9n);
  const publicKey = publicKeyOf(privateKey);
  const spent = { amountSat: 5_000n, scriptPubKey: keyScript(publicKey, "p2wpkh") };
  const transaction: Transaction = {
    version: 2,
    inputs: [
      {
        previousTxidBytes: new Uint8Array(32).fill(3),
        previousIndex: 0,
        scriptSig: new Uint8Array(0),
        sequence: 0xffff_fffd,
        witness: [],
      },
    ],
    outputs: [{ amountSat: 4_000n, scriptPubKey: p2wpkhScript(new Uint8Array(20)) }],
    locktime: 0,
  };
  const whole = withSignedInputs(transaction, signInputs(transaction, [{ index: 0, spent, privateKey }]));
  const [signature = new Uint8Array(0)] = whole.inputs[0]?.witness ?? [];
  const withInput = (change: Partial<Transaction["inputs"][number]>): Transaction => ({
    ...whole,
    inputs: [{ ...(whole.inputs[0] as Transaction["inputs"][number]), ...change }],
  });
  const bytes = decodeScriptSignature(signature) ?? new Uint8Array(64);
  const high = concatBytes(
    bytes.subarray(0, 32),
    scalarToBytes(CURVE_ORDER - scalarFromBytes(bytes.subarray(32))),
  );

  it.each<[string, Transaction]>([
    [
      "that signs less than all",
      withInput({ witness: [concatBytes(signature.subarray(0, -1), Uint8Array.of(0x81)), publicKey] }),
    ],
    ["in its higher form", withInput({ witness: [encodeScriptSignature(high), publicKey] })],
    ["with a third item", withInput({ witness: [signature, publicKey, publicKey] })],
    ["with a script beside it", withInput({ scriptSig: Uint8Array.of(0x51) })],
    ["of another key", withInput({ witness: [signature, publicKeyOf(scalarToBytes(10n))] })],
    ["that is not there", transaction],
    ["of nothing but zeros", withInput({ witness: [encodeScriptSignature(new Uint8Array(64)), publicKey] })],
  ])("%s", (_, changed) => {
    expect(isInputSigned(whole, 0, spent)).toBe(true);
    expect(isInputSigned(changed, 0, spent)).toBe(false);
    expect(isInputSigned(whole, 1, spent)).toBe(false);
  });
});

describe("the DER form", () => {
  it("comes back for any numbers", () => {
    const compact = fc.uint8Array({ minLength: 64, maxLength: 64 });
    fc.assert(
      fc.property(compact, (signature) => {
        expect(bytesToHex(decodeDer(encodeDer(signature)) ?? ([] as never))).toBe(bytesToHex(signature));
      }),
    );
  });

  it("is read from no other bytes than it is written in", () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 64, maxLength: 64 }),
        fc.nat(80),
        fc.nat(255),
        (signature, at, byte) => {
          const der = Array.from(encodeDer(signature));
          der.splice(at % der.length, 1, byte);
          const read = decodeDer(Uint8Array.from(der));

          if (read !== undefined) expect([...encodeDer(read)]).toEqual(der);
        },
      ),
      { numRuns: 500 },
    );
    expect(decodeDer(new Uint8Array(0))).toBeUndefined();
    expect(decodeDer(new Uint8Array(100_000).fill(0x30))).toBeUndefined();
  });
});
