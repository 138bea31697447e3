import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { regtest } from "../../../../bitcoin/network.ts";
import { bitcoinDecimal, money } from "../language/money.ts";
import { canonicalAddress } from "../names/addresses.ts";
import { readAmount } from "./amount.ts";
import { readPaymentLink } from "./payment-link.ts";

const ADDRESS = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080";
const link = (text: string) => readPaymentLink(text, (address) => canonicalAddress(address, regtest));

describe("amounts", () => {
  it.each([
    ["1500", "sat", 1_500],
    ["1500 sat", "btc", 1_500],
    ["1500sats", "btc", 1_500],
    ["0.015 BTC", "sat", 1_500_000],
    ["0,015 btc", "sat", 1_500_000],
    ["0.015", "btc", 1_500_000],
    ["₿1".slice(1), "btc", 100_000_000],
    ["1 ₿", "sat", 100_000_000],
    ["1.5 mbtc", "sat", 150_000],
    ["12 345 sat", "sat", 12_345],
    ["12_345", "sat", 12_345],
    ["12'345", "sat", 12_345],
    ["1,00000000 btc", "sat", 100_000_000],
    ["0,123 btc", "sat", 12_300_000],
    ["007", "sat", 7],
    ["20999999.9769 btc", "sat", 2_099_999_997_690_000],
  ] as const)("reads %s in %s as %d", (text, unit, sat) => {
    expect(readAmount(text, unit)).toEqual({ sat });
  });

  it.each([
    ["", "form"],
    ["-5", "form"],
    ["+5", "form"],
    ["1e3", "form"],
    ["0x10", "form"],
    ["1.2.3", "form"],
    [".5", "form"],
    ["5.", "form"],
    ["٣", "form"],
    ["1.5 sat", "form"],
    ["0.000000001 btc", "form"],
    ["1 eur", "form"],
    ["1 constructor", "form"],
    ["12 34 sat", "form"],
    ["21000000 btc", "form"],
    ["99999999999999999999", "form"],
    ["0", "zero"],
    ["0.00 btc", "zero"],
    ["1,000 btc", "thousands"],
  ] as const)("refuses %j: %s", (text, problem) => {
    expect(readAmount(text, "sat")).toEqual({ problem });
  });

  it("are written as they are read, in every unit", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 2_099_999_997_690_000 }),
        fc.constantFrom("sat", "btc", "mbtc"),
        (sat, unit) => {
          const read = readAmount(money(sat, unit), "sat");
          return "sat" in read && read.sat === sat;
        },
      ),
    );
    expect(money(500_000, "btc")).toBe("0.00500000 BTC");
    expect(money(-1, "btc")).toBe("−0.00000001 BTC");
    expect(bitcoinDecimal(1_500_000)).toBe("0.015");
    expect(bitcoinDecimal(100_000_000)).toBe("1");
  });
});

describe("bitcoin: links", () => {
  it.each([
    [`bitcoin:${ADDRESS}`, {}],
    [`BITCOIN:${ADDRESS.toUpperCase()}`, {}],
    [`bitcoin:${ADDRESS}?amount=0.015`, { amountSat: 1_500_000 }],
    [`bitcoin:${ADDRESS}?amount=20999999.9769`, { amountSat: 2_099_999_997_690_000 }],
    [`bitcoin:${ADDRESS}?amount=20.3&label=Luke-Jr`, { amountSat: 2_030_000_000, label: "Luke-Jr" }],
    [`bitcoin:${ADDRESS}?message=d%C3%A9j%C3%A0%20vu`, { message: "déjà vu" }],
    [`bitcoin:${ADDRESS}?somethingnew=1`, {}],
    [`bitcoin:${ADDRESS}?label=${"x".repeat(300)}`, { label: "x".repeat(200) }],
  ])("reads %s", (text, more) => {
    expect(link(text)).toEqual({ address: ADDRESS, amountSat: undefined, label: "", message: "", ...more });
  });

  it.each([
    [`bitcoin:${ADDRESS}?amount=1,5`, "amount"],
    [`bitcoin:${ADDRESS}?amount=1e-3`, "amount"],
    [`bitcoin:${ADDRESS}?amount=0.000000001`, "amount"],
    [`bitcoin:${ADDRESS}?amount=0`, "amount"],
    [`bitcoin:${ADDRESS}?amount=`, "amount"],
    [`bitcoin:${ADDRESS}?amount=20999999.97690001`, "amount"],
    [`bitcoin:${ADDRESS}?amount=99999999.99999999`, "amount"],
    [`bitcoin:${ADDRESS}?req-x=1`, "required"],
    [`bitcoin:${ADDRESS}?amount=1&amount=2`, "twice"],
    [`bitcoin:${ADDRESS}?label=%ff`, "form"],
    ["bitcoin:bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", "network"],
    ["bitcoin:", "form"],
    ["bitcoin://x", "form"],
  ])("refuses %s: %s", (text, problem) => {
    expect(link(text)).toEqual({ problem });
  });
});
