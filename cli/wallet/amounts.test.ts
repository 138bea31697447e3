import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import {
  btc,
  parseAddress,
  parseAmountSat,
  parseFee,
  parseMixdepth,
  parseOutpoint,
  percentOf,
} from "./amounts.ts";

test("what cannot be an address is told before anybody is asked", () => {
  const address = "bcrt1q6rz28mcfaxtmd6v789l9rrlrusdprr9pz3cppk";

  expect(parseAddress(address)).toBe(address);
  for (const text of ["", "0.1btc", "notanaddress", `${address} `, `bitcoin:${address}`]) {
    expect(() => parseAddress(text)).toThrow(/is no address/);
  }
});

describe("amounts as typed", () => {
  it.each([
    ["0", 0],
    ["50000", 50_000],
    ["50_000", 50_000],
    ["50000sat", 50_000],
    ["1 SATS", 1],
    ["0.0005btc", 50_000],
    ["1btc", 100_000_000],
    ["20999999.97690000 BTC", 2_099_999_997_690_000],
    ["0.00000001btc", 1],
  ])("takes %s for %d satoshi", (text, sat) => expect(parseAmountSat(text)).toBe(sat));

  it.each([
    "",
    "0.5",
    "1.5sat",
    "-1",
    "1e8",
    "0x10",
    "1,5btc",
    "0.000000001btc",
    "22000000btc",
    ".5btc",
    "1 000",
  ])("refuses %j", (text) =>
    expect(() => parseAmountSat(text)).toThrow(expect.objectContaining({ code: "CLI_MISUSE" })),
  );

  it("reads what it has written", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2_100_000_000_000_000 }), (sat) => {
        expect(parseAmountSat(`${btc(sat).replaceAll(" ", "")}btc`)).toBe(sat);
        expect(parseAmountSat(String(sat))).toBe(sat);
      }),
    );
  });

  it("shows a loss with its sign", () => expect(btc(-1_050_000)).toBe("-0.01 050 000"));
});

describe("fees as typed", () => {
  it.each([
    ["12.5", { satPerVb: 12.5 }],
    ["0.1sat/vB", { satPerVb: 0.1 }],
    ["6blocks", { blocks: 6 }],
    ["1 block", { blocks: 1 }],
  ])("takes %s", (text, fee) => expect(parseFee(text)).toEqual(fee));

  it.each(["", "fast", "-1", "0blocks", "1.5blocks", "2000blocks", "1e3", "200000"])("refuses %j", (text) =>
    expect(() => parseFee(text)).toThrow(expect.objectContaining({ code: "CLI_MISUSE" })),
  );
});

describe("coins and mixdepths as typed", () => {
  it("takes a txid and a number", () => {
    expect(parseOutpoint(`${"AB".repeat(32)}:7`)).toEqual({ txid: "ab".repeat(32), index: 7 });
    expect(parseMixdepth("4")).toBe(4);
  });

  it.each(["", "ab:1", `${"ab".repeat(32)}`, `${"ab".repeat(32)}:-1`, `${"ab".repeat(32)}:4294967296`])(
    "refuses the coin %j",
    (text) => expect(() => parseOutpoint(text)).toThrow(expect.objectContaining({ code: "CLI_MISUSE" })),
  );

  it.each(["", "-1", "1.5", "x", "100"])("refuses the mixdepth %j", (text) =>
    expect(() => parseMixdepth(text)).toThrow(expect.objectContaining({ code: "CLI_MISUSE" })),
  );
});

it("says a small part as such", () => {
  expect([percentOf(1, 100_000_000), percentOf(1, 200), percentOf(0, 5), percentOf(1, 0)]).toEqual([
    "less than 0.01 %",
    "0.50 %",
    "0.00 %",
    "",
  ]);
});
