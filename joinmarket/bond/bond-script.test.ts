/** Months of bonds and the scripts that lock coins until them. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { bytesToHex, concatBytes, hexToBytes } from "../../bitcoin/bytes.ts";
import { publicKeyOf } from "../../bitcoin/keys/curve.ts";
import { bondOutputScript, bondScript, parseBondScript } from "./bond-script.ts";
import { formatLockdate, locktimeOfTimenumber, parseLockdate, timenumberOfLocktime } from "./timenumber.ts";

const badLockdate = expect.objectContaining({ code: "JOINMARKET_BAD_LOCKDATE" });
const publicKey = publicKeyOf(new Uint8Array(32).fill(7));
const OFF_THE_CURVE = hexToBytes(`02${"7".padStart(64, "0")}`);

it("counts every month from January 2020 to December 2099, and begins each at midnight of its first day", () => {
  for (let timenumber = 0; timenumber < 960; timenumber++) {
    const locktime = locktimeOfTimenumber(timenumber);
    const month = `${2020 + Math.floor(timenumber / 12)}-${String((timenumber % 12) + 1).padStart(2, "0")}`;

    expect(new Date(locktime * 1_000).toISOString()).toBe(`${month}-01T00:00:00.000Z`);
    expect(timenumberOfLocktime(locktime)).toBe(timenumber);
    expect(timenumberOfLocktime(locktime + 1)).toBeUndefined();
    expect(formatLockdate(timenumber)).toBe(month);
    expect(parseLockdate(month)).toBe(timenumber);
  }
});

it.each([
  [0, 1577836800],
  [96, 1830297600],
  [216, 2145916800],
  [217, 2148595200],
  [959, 4099766400],
])("begins month %i at %i", (timenumber, locktime) => {
  expect(locktimeOfTimenumber(timenumber)).toBe(locktime);
});

it("reads a month without its zero", () => {
  expect(parseLockdate("2020-1")).toBe(0);
});

it.each([
  "2019-12",
  "2100-01",
  "2030-13",
  "2030-00",
  "abc",
  "",
  "2030",
  "2030-01-01",
  " 2030-01",
  "12030-01",
])("refuses the month %j", (text) => {
  expect(() => parseLockdate(text)).toThrow(badLockdate);
});

it.each([-1, 960, 0.5, Number.NaN])("refuses month number %d", (timenumber) => {
  expect(() => locktimeOfTimenumber(timenumber)).toThrow(badLockdate);
});

describe("the script of a bond", () => {
  it("is read as it was written for every month", () => {
    for (let timenumber = 0; timenumber < 960; timenumber++) {
      const terms = { locktime: locktimeOfTimenumber(timenumber), publicKey };
      const script = bondScript(terms);

      expect(script).toHaveLength(terms.locktime < 0x8000_0000 ? 42 : 43);
      expect(parseBondScript(script)).toEqual(terms);
    }
  });

  it.each([
    ["nothing", ""],
    ["another order", "b1750480d8db70"],
    ["a height for a time", bytesToHex(bondScript({ locktime: 499_999_999, publicKey }))],
    ["a time in five bytes where four do", `0580d8db7000b17521${bytesToHex(publicKey)}ac`],
    [
      "a time after the last that a transaction can have",
      bytesToHex(bondScript({ locktime: 2 ** 32, publicKey })),
    ],
    ["a key off the curve", bytesToHex(bondScript({ locktime: 1893456000, publicKey: OFF_THE_CURVE }))],
  ])("is none with %s", (_, hex) => {
    expect(parseBondScript(hexToBytes(hex))).toBeUndefined();
  });

  it("is none if any byte is another, or one more follows", () => {
    const terms = { locktime: locktimeOfTimenumber(120), publicKey };
    const script = bondScript(terms);
    fc.assert(
      fc.property(fc.nat(script.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
        const changed = Uint8Array.from(script);
        changed[at] = (changed[at] ?? 0) ^ change;

        expect(parseBondScript(changed)).not.toEqual(terms);
      }),
    );
    expect(parseBondScript(concatBytes(script, Uint8Array.of(0x51)))).toBeUndefined();
    expect(bondOutputScript(terms)).toHaveLength(34);
  });
});
