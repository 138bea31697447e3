/** The script that locks coins until a time: written, read, and told from any other. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { locktimeOfTimenumber } from "../../joinmarket/bond/timenumber.ts";
import { bytesToHex, concatBytes, hexToBytes } from "../bytes.ts";
import { publicKeyOf } from "../keys/curve.ts";
import { parseTimelockScript, timelockOutputScript, timelockScript } from "./timelock.ts";

const publicKey = publicKeyOf(new Uint8Array(32).fill(7));
const OFF_THE_CURVE = hexToBytes(`02${"7".padStart(64, "0")}`);

describe("a timelock script", () => {
  it("is read as it was written for every month", () => {
    for (let timenumber = 0; timenumber < 960; timenumber++) {
      const terms = { locktime: locktimeOfTimenumber(timenumber), publicKey };
      const script = timelockScript(terms);

      expect(script).toHaveLength(terms.locktime < 0x8000_0000 ? 42 : 43);
      expect(parseTimelockScript(script)).toEqual(terms);
    }
  });

  it.each([
    ["nothing", ""],
    ["another order", "b1750480d8db70"],
    ["a height for a time", bytesToHex(timelockScript({ locktime: 499_999_999, publicKey }))],
    ["a time in five bytes where four do", `0580d8db7000b17521${bytesToHex(publicKey)}ac`],
    [
      "a time after the last that a transaction can have",
      bytesToHex(timelockScript({ locktime: 2 ** 32, publicKey })),
    ],
    ["a key off the curve", bytesToHex(timelockScript({ locktime: 1893456000, publicKey: OFF_THE_CURVE }))],
  ])("is none with %s", (_, hex) => {
    expect(parseTimelockScript(hexToBytes(hex))).toBeUndefined();
  });

  it("is none if any byte is another, or one more follows", () => {
    const terms = { locktime: locktimeOfTimenumber(120), publicKey };
    const script = timelockScript(terms);
    fc.assert(
      fc.property(fc.nat(script.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
        const changed = Uint8Array.from(script);
        changed[at] = (changed[at] ?? 0) ^ change;

        expect(parseTimelockScript(changed)).not.toEqual(terms);
      }),
    );
    expect(parseTimelockScript(concatBytes(script, Uint8Array.of(0x51)))).toBeUndefined();
    expect(timelockOutputScript(terms)).toHaveLength(34);
  });
});
