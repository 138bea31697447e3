/** Scripts: kinds as Bitcoin Core sees them, words as it prints them, and builders that make those kinds. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readRegtestChain } from "../../tests/harness/chain/regtest-chain.ts";
import { bytesToHex, concatBytes, hexToBytes } from "../bytes.ts";
import {
  compileScript,
  instructions,
  isUnspendable,
  multisigScript,
  opReturnScript,
  p2pkhScript,
  p2pkScript,
  p2shScript,
  p2trScript,
  p2wpkhScript,
  p2wshScript,
  pushBytes,
  pushNumber,
  scriptAsm,
  scriptNumber,
  scriptNumberBytes,
  witnessScript,
} from "./script.ts";
import { classifyScript } from "./script-type.ts";

const KEY = hexToBytes("0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798");
const H20 = new Uint8Array(20).fill(7);
const H32 = Buffer.alloc(32, 9);
const outOfRange = expect.objectContaining({ code: "BITCOIN_OUT_OF_RANGE" });

describe("kinds", () => {
  it.each<[string, Uint8Array]>([
    ["p2pkh", p2pkhScript(H20)],
    ["p2sh", p2shScript(H20)],
    ["p2wpkh", p2wpkhScript(H20)],
    ["p2wsh", p2wshScript(H32)],
    ["p2tr", p2trScript(H32)],
    ["p2a", hexToBytes("51024e73")],
    ["witness", witnessScript(16, H32)],
    ["witness", witnessScript(1, H20)],
    ["p2pk", p2pkScript(KEY)],
    ["multisig", multisigScript(1, [KEY])],
    [
      "multisig",
      multisigScript(
        17,
        Array.from({ length: 20 }, () => KEY),
      ),
    ],
    ["op_return", opReturnScript(H32)],
    ["op_return", hexToBytes("6a")],
    ["unknown", hexToBytes("6a05aa")],
    ["unknown", hexToBytes("")],
    ["unknown", hexToBytes("0003aabbcc")],
    ["unknown", concatBytes(p2pkhScript(H20), Uint8Array.of(0x61))],
    ["unknown", hexToBytes(`5221${bytesToHex(KEY)}51ae`)],
    ["unknown", hexToBytes(`5121${bytesToHex(KEY)}52ae`)],
    ["unknown", hexToBytes(`0121${bytesToHex(KEY)}51ae`)],
    ["unknown", hexToBytes("ae")],
  ])("are recognised: %s", (type, script) => expect(classifyScript(script).type).toBe(type));

  it("name the parts", () => {
    expect(classifyScript(multisigScript(2, [KEY, KEY]))).toEqual({
      type: "multisig",
      required: 2,
      publicKeys: [KEY, KEY],
    });
    expect(classifyScript(witnessScript(3, H32))).toEqual({ type: "witness", version: 3, program: H32 });
  });

  it("is never in doubt for any bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (script) => {
        expect(typeof classifyScript(script).type).toBe("string");
        expect(typeof scriptAsm(script)).toBe("string");
      }),
    );
  });
});

describe("words", () => {
  it("are those of Bitcoin Core", () => {
    for (const { scriptPubKey } of readRegtestChain().verboseTransaction.vout) {
      expect(scriptAsm(hexToBytes(scriptPubKey.hex))).toBe(scriptPubKey.asm);
    }
  });

  it.each([
    ["", ""],
    ["004f516050", "0 -1 1 16 OP_RESERVED"],
    [
      "b1b2bafdff",
      "OP_CHECKLOCKTIMEVERIFY OP_CHECKSEQUENCEVERIFY OP_CHECKSIGADD OP_UNKNOWN OP_INVALIDOPCODE",
    ],
    ["02e80302e883", "1000 -1000"],
    ["6a4c", "OP_RETURN [error]"],
    ["4d0300aabb", "[error]"],
    ["4e01000000ff", "-127"],
  ])("of %s are %j", (hex, words) => expect(scriptAsm(hexToBytes(hex))).toBe(words));
});

describe("pushes", () => {
  it.each([0, 1, 75, 76, 255, 256, 65_535, 65_536])("hold %i bytes and are read back", (lengthBytes) => {
    const data = new Uint8Array(lengthBytes).fill(3);
    const [first, ...rest] = instructions(pushBytes(data));

    expect(first).toMatchObject({ end: pushBytes(data).length });
    expect(first !== "truncated" && first?.data?.length).toBe(lengthBytes);
    expect(rest).toEqual([]);
  });

  it("write a height as BIP34 wants it", () => {
    expect([0, 1, 16, 17, 127, 128, 951_658, -1].map((n) => bytesToHex(pushNumber(n)))).toEqual([
      "00",
      "51",
      "60",
      "0111",
      "017f",
      "028000",
      "036a850e",
      "4f",
    ]);
  });

  it("bring numbers back", () => {
    fc.assert(
      fc.property(fc.integer({ min: -(2 ** 39), max: 2 ** 39 }), (value) => {
        expect(scriptNumber(scriptNumberBytes(value))).toBe(value);
      }),
    );
  });

  it("never read beyond the script, whatever it says", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (script) => {
        let end = 0;
        for (const instruction of instructions(script)) {
          if (instruction === "truncated") return;
          expect(instruction.end).toBeGreaterThan(end);
          end = instruction.end;
        }
        expect(end).toBe(script.length);
      }),
    );
  });
});

it.each<[string, () => unknown]>([
  ["a key hash of 19 bytes", () => p2pkhScript(new Uint8Array(19))],
  ["a witness hash of 20 bytes", () => p2wshScript(H20)],
  ["a key of 32 bytes", () => p2pkScript(H32)],
  ["2 of 1", () => multisigScript(2, [KEY])],
  [
    "21 keys",
    () =>
      multisigScript(
        1,
        Array.from({ length: 21 }, () => KEY),
      ),
  ],
  ["witness version 17", () => witnessScript(17, H32)],
  ["a program of 41 bytes", () => witnessScript(1, new Uint8Array(41))],
  ["a number of seven bytes", () => scriptNumber(new Uint8Array(7))],
])("refuses to build or read %s", (_, build) => expect(build).toThrow(outOfRange));

it("knows what can never be spent", () => {
  expect(isUnspendable(opReturnScript(H20))).toBe(true);
  expect(isUnspendable(new Uint8Array(10_001))).toBe(true);
  expect(isUnspendable(new Uint8Array(10_000))).toBe(false);
  expect(isUnspendable(compileScript([0, 0x6a]))).toBe(false);
});
