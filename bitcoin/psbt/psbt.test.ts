/** Partially signed transactions against the vectors of BIP174 and BIP370, through all their roles, and hostile ones. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readVectors } from "../../tests/harness/data/vectors.ts";
import { bytesToHex, hexToBytes } from "../bytes.ts";
import { hash160 } from "../hash.ts";
import { publicKeyOf, scalarToBytes } from "../keys/curve.ts";
import { HARDENED } from "../keys/derivation-path.ts";
import { keyScript } from "../keys/key-script.ts";
import { p2wpkhScript } from "../script/script.ts";
import { timelockOutputScript, timelockScript } from "../script/timelock.ts";
import { isInputSigned, signInputs } from "../signing/inputs.ts";
import { serializeTransaction, type Transaction, txidBytesOf } from "../transaction.ts";
import { PSBT_LENGTH_BYTES_MAX, readMaps, writeMaps } from "./maps.ts";
import { Psbt, type PsbtInputFacts } from "./psbt.ts";

interface PsbtVectors {
  readonly invalid: readonly { name: string; psbt: string }[];
  readonly valid: readonly { name: string; psbt: string }[];
}

const bip174 = readVectors<PsbtVectors>("bip174");
const bip370 = readVectors<
  PsbtVectors & { locktimes: { name: string; psbt: string; locktime: number | null }[] }
>("bip370");
const badPsbt = expect.objectContaining({ code: "BITCOIN_BAD_PSBT" });
const notSigned = expect.objectContaining({ code: "BITCOIN_NOT_SIGNED" });
const LOCKTIME = 1893456000;

describe.each([
  ["BIP174", 0, bip174],
  ["BIP370", 2, bip370],
] as const)("the vectors of %s", (_, version, vectors) => {
  const spending = vectors.valid.filter(({ name }) => !name.includes("0 inputs"));

  it.each(vectors.invalid)("are refused: $name", ({ psbt }) => {
    expect(() => Psbt.parseBase64(psbt)).toThrow(badPsbt);
  });

  it.each(spending)("are read, and written again with every field: $name", ({ psbt }) => {
    const read = Psbt.parseBase64(psbt);
    const before = readMaps(Buffer.from(psbt, "base64"));
    const after = readMaps(read.toBytes());
    const fields = (maps: typeof before) =>
      [maps.global, ...maps.inputs, ...maps.outputs].map((map) =>
        [...map].map(([key, value]) => `${key} ${bytesToHex(value)}`).sort(),
      );

    expect(read.version).toBe(version);
    // A sequence that is left out is the final one; written again it is there.
    expect(fields(after).map((map) => map.filter((field) => field !== "10 ffffffff"))).toEqual(
      fields(before).map((map) => map.filter((field) => field !== "10 ffffffff")),
    );
  });

  it.each(spending)("say the same in the other version: $name", ({ psbt }) => {
    const read = Psbt.parseBase64(psbt);
    const other = version === 0 ? 2 : 0;

    const again = Psbt.parse(read.toBytes(other));

    expect(again.version).toBe(other);
    expect(again.transaction).toEqual(read.transaction);
    expect(bytesToHex(Psbt.parse(again.toBytes(0)).toBytes(0))).toBe(bytesToHex(read.toBytes(0)));
  });
});

it("refuses what spends nothing yet, though BIP174 allows it: there is nothing to sign", () => {
  const empty = bip174.valid.filter(({ name }) => name.includes("0 inputs"));

  expect(empty).toHaveLength(2);
  for (const { psbt } of empty) expect(() => Psbt.parseBase64(psbt)).toThrow(badPsbt);
});

it.each(bip370.locktimes)("reckons the locktime of BIP370: $name", ({ psbt, locktime }) => {
  if (locktime === null) expect(() => Psbt.parseBase64(psbt)).toThrow(badPsbt);
  else expect(Psbt.parseBase64(psbt).transaction.locktime).toBe(locktime);
});

describe("a transaction of every kind of coin", () => {
  const key = (number: number) => scalarToBytes(BigInt(number));
  const publicKey = (number: number) => publicKeyOf(key(number));
  const witnessScript = timelockScript({ locktime: LOCKTIME, publicKey: publicKey(4) });
  const scripts = [
    keyScript(publicKey(1), "p2wpkh"),
    keyScript(publicKey(2), "p2sh-p2wpkh"),
    keyScript(publicKey(3), "p2pkh"),
    timelockOutputScript({ locktime: LOCKTIME, publicKey: publicKey(4) }),
  ];
  const empty = { scriptSig: new Uint8Array(0), witness: [] };
  const previous: Transaction = {
    version: 2,
    inputs: [{ ...empty, previousTxidBytes: new Uint8Array(32).fill(9), previousIndex: 0, sequence: 0 }],
    outputs: scripts.map((scriptPubKey, at) => ({ amountSat: BigInt(100_000 + at), scriptPubKey })),
    locktime: 0,
  };
  const unsigned: Transaction = {
    version: 2,
    inputs: scripts.map((_, previousIndex) => ({
      ...empty,
      previousTxidBytes: Uint8Array.from(txidBytesOf(previous)),
      previousIndex,
      sequence: 0xffff_fffd,
    })),
    outputs: [{ amountSat: 350_000n, scriptPubKey: keyScript(publicKey(5), "p2wpkh") }],
    locktime: LOCKTIME,
  };
  const origin = (number: number) => ({
    publicKey: publicKey(number),
    fingerprint: "5525def6",
    steps: [84 + HARDENED, HARDENED, HARDENED, 0, number],
  });
  const facts: readonly PsbtInputFacts[] = previous.outputs.map((spent, at) => ({
    spent,
    previousTransaction: serializeTransaction(previous),
    origin: origin(at + 1),
    ...(at === 1 ? { redeemScript: p2wpkhScript(hash160(publicKey(2))) } : {}),
    ...(at === 3 ? { witnessScript } : {}),
  }));
  const create = () => Psbt.create(unsigned, facts, [{ origin: origin(5) }]);
  const sign = (...indexes: readonly number[]) =>
    signInputs(
      unsigned,
      indexes.map((index) => ({
        index,
        spent: previous.outputs[index] as Transaction["outputs"][number],
        privateKey: key(index + 1),
        ...(index === 3 ? { witnessScript } : {}),
      })),
    );
  const hexOf = (coin: Transaction["outputs"][number] | undefined) =>
    coin && [coin.amountSat, bytesToHex(coin.scriptPubKey)];

  it.each([0, 2] as const)("travels in version %i to its signers and back, and is finished", (version) => {
    const made = Psbt.parseBase64(create().toBase64(version));
    for (const [index, coin] of previous.outputs.entries()) {
      expect(hexOf(made.spent(index))).toEqual(hexOf(coin));
      const [{ steps, fingerprint } = { steps: [], fingerprint: "" }] = made.origins(index);
      expect({ steps, fingerprint }).toEqual({ steps: origin(index + 1).steps, fingerprint: "5525def6" });
    }
    expect(bytesToHex(made.witnessScript(3) ?? unsigned.inputs[0]?.scriptSig ?? new Uint8Array(0))).toBe(
      bytesToHex(witnessScript),
    );
    expect(made.outputOrigins(0).map(({ steps }) => steps)).toEqual([origin(5).steps]);

    made.addSignatures(sign(0, 3));
    const half = Psbt.parse(made.toBytes());
    expect(half.finish().unsignedInputs).toEqual([1, 2]);
    half.addSignatures(sign(1));
    half.addSignatures(sign(2));
    const { transaction, unsignedInputs } = Psbt.parse(half.toBytes()).finish();

    expect(unsignedInputs).toEqual([]);
    for (const [index, coin] of previous.outputs.entries())
      expect(isInputSigned(transaction, index, coin)).toBe(true);
  });

  it("says in version 2, once signed, that nothing may be added", () => {
    const open = readMaps(create().toBytes(2));
    const made = Psbt.parse(
      writeMaps({ ...open, global: new Map([...open.global, ["06", Uint8Array.of(7)]]) }),
    );
    expect([...(readMaps(made.toBytes()).global.get("06") ?? [])]).toEqual([7]);

    made.addSignatures(sign(0));

    expect([...(readMaps(made.toBytes()).global.get("06") ?? [])]).toEqual([4]);
  });

  it("may be signed twice by the same key", () => {
    const made = create();
    made.addSignatures(sign(0));
    made.addSignatures(sign(0));

    expect(made.finish().unsignedInputs).toEqual([1, 2, 3]);
  });

  it("keeps the final signatures of others", () => {
    const maps = readMaps(create().toBytes());
    const [first] = sign(0);
    const stack = hexToBytes(
      `02${[first?.signature, first?.publicKey].map((item = new Uint8Array(0)) => `${item.length.toString(16).padStart(2, "0")}${bytesToHex(item)}`).join("")}`,
    );
    const inputs = maps.inputs.map((map, at) => (at === 0 ? new Map([...map, ["08", stack]]) : map));

    const { transaction, unsignedInputs } = Psbt.parse(writeMaps({ ...maps, inputs })).finish();

    expect(unsignedInputs).toEqual([1, 2, 3]);
    expect(isInputSigned(transaction, 0, previous.outputs[0] as Transaction["outputs"][number])).toBe(true);
  });

  it("takes no signature that does not hold for a whole one", () => {
    const made = create();
    const [first] = sign(0);
    const [second] = sign(1);
    if (first === undefined || second === undefined) throw new Error("two were signed");

    made.addSignatures([{ ...first, signature: second.signature }]);

    expect(made.finish().unsignedInputs).toEqual([0, 1, 2, 3]);
  });

  describe("is not signed", () => {
    it("for an input that asks for a signature that leaves parts open", () => {
      const maps = readMaps(create().toBytes());
      for (const sighash of ["81000000", "02000000", "03000000"]) {
        const inputs = maps.inputs.map((map, at) =>
          at === 0 ? new Map([...map, ["03", hexToBytes(sighash)]]) : map,
        );
        const made = Psbt.parse(writeMaps({ ...maps, inputs }));

        expect(() => made.addSignatures(sign(1, 0))).toThrow(notSigned);
        expect(made.finish().unsignedInputs).toEqual([0, 1, 2, 3]);
      }
    });

    it("at an input that is finished, or does not exist", () => {
      const maps = readMaps(create().toBytes());
      const inputs = maps.inputs.map((map, at) =>
        at === 0 ? new Map([...map, ["08", Uint8Array.of(0)]]) : map,
      );

      expect(() => Psbt.parse(writeMaps({ ...maps, inputs })).addSignatures(sign(0))).toThrow(notSigned);
      const [first] = sign(0);
      expect(() => create().addSignatures(first === undefined ? [] : [{ ...first, index: 4 }])).toThrow(
        badPsbt,
      );
    });
  });

  it.each<[string, (previousBytes: Uint8Array) => Uint8Array]>([
    [
      "another transaction than the one it spends",
      (bytes) => bytes.map((byte, at) => (at === 0 ? byte + 1 : byte)),
    ],
    ["no transaction", () => Uint8Array.of(1, 2, 3)],
  ])("is refused when it shows %s", (_, change) => {
    const maps = readMaps(create().toBytes());
    const inputs = maps.inputs.map((map) => new Map(map).set("00", change(serializeTransaction(previous))));
    const tell = () => Psbt.parse(writeMaps({ ...maps, inputs })).spent(0);

    expect(tell).toThrow(badPsbt);
  });

  it("is refused when an amount is told that the shown transaction does not have", () => {
    const lying = facts.map((fact) => ({ ...fact, spent: { ...fact.spent, amountSat: 1n } }));

    expect(() => Psbt.create(unsigned, lying, [{}]).spent(0)).toThrow(badPsbt);
    expect(() => Psbt.create(unsigned, facts.slice(1), [{}])).toThrow(badPsbt);
    expect(() => create().spent(4)).toThrow(badPsbt);
  });

  it("is read from no changed bytes without an error of its own, or says what it says", () => {
    const whole = [create().toBytes(0), create().toBytes(2)];
    fc.assert(
      fc.property(fc.nat(1), fc.nat(), fc.nat(255), fc.boolean(), (which, at, byte, isCut) => {
        const bytes = Uint8Array.from(whole[which] ?? []);
        bytes[at % bytes.length] = byte;
        try {
          const read = Psbt.parse(isCut ? bytes.subarray(0, at % bytes.length) : bytes);
          for (const index of read.transaction.inputs.keys()) read.spent(index);
          read.finish();
          Psbt.parse(read.toBytes(2));
        } catch (error) {
          expect(error).toEqual(badPsbt);
        }
      }),
      { numRuns: 1_500 },
    );
  });
});

it.each([
  ["nothing", new Uint8Array(0)],
  ["a beginning alone", hexToBytes("70736274ff")],
  ["more than is looked at", new Uint8Array(PSBT_LENGTH_BYTES_MAX + 1)],
  ["a version that nobody has defined", hexToBytes("70736274ff01fb040100000000")],
  [
    "more inputs than bytes",
    hexToBytes("70736274ff01fb0402000000010204020000000104" + "05fe00000002" + "0105010000"),
  ],
])("is not read from %s", (_, bytes) => {
  expect(() => Psbt.parse(bytes)).toThrow(badPsbt);
});

it.each(["", "cHNidP8", "cHNidP8=x", "!"])("is not read from the text %j", (text) => {
  expect(() => Psbt.parseBase64(text)).toThrow(badPsbt);
});
