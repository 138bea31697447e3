/** The text of a key's place: read, written, and refused. */
import fc from "fast-check";
import { expect, it } from "vitest";
import { type FullKeyPath, formatKeyPath, parseKeyPath } from "./paths.ts";

const badPath = expect.objectContaining({ code: "JOINMARKET_BAD_PATH" });

it("is the same place again, for every key that a wallet can have", () => {
  const coin = fc.constantFrom(0, 1);
  const index = fc.nat(0x7fff_ffff);
  const ordinary = fc.record({ purpose: fc.constantFrom(84, 49), coin, mixdepth: index, chain: coin, index });
  const zero = fc.constant(0);
  const bond = fc.record({
    purpose: fc.constant(84),
    coin,
    mixdepth: zero,
    chain: fc.constant(2),
    index: fc.nat(959),
  });
  const burnt = fc.record({ purpose: fc.constant(84), coin, mixdepth: zero, chain: fc.constant(3), index });
  fc.assert(
    fc.property(fc.oneof(ordinary, bond, burnt), (path) => {
      expect(parseKeyPath(formatKeyPath(path as FullKeyPath))).toEqual(path);
    }),
  );
});

it("is read with h for hardened steps, and for a bond without its time", () => {
  const bond = { purpose: 84, coin: 1, mixdepth: 0, chain: 2, index: 120 };

  expect(parseKeyPath("m/84'/1'/0'/2/120:1893456000")).toEqual(bond);
  expect(parseKeyPath("m/84h/1h/0h/2/120")).toEqual(bond);
});

it.each([
  "",
  "m/84'/0'/0'/0",
  "m/84'/0'/0'/0/0/0",
  "m/44'/0'/0'/0/0",
  "m/84'/2'/0'/0/0",
  "m/84/0'/0'/0/0",
  "m/84'/0'/0/0/0",
  "m/84'/0'/0'/0'/0",
  "m/84'/0'/0'/0/0'",
  "m/84'/0'/0'/4/0",
  "m/84'/0'/1'/2/0",
  "m/49'/0'/0'/2/0",
  "m/84'/0'/0'/2/960",
  "m/84'/0'/0'/2/120:1893456001",
  "m/84'/0'/0'/2/120:",
  "m/84'/0'/0'/2/120:1893456000:1893456000",
  "m/84'/0'/0'/0/0:1577836800",
  "imported/0/0",
])("refuses %j", (text) => {
  expect(() => parseKeyPath(text)).toThrow(badPath);
});

it("writes no path that it would not read", () => {
  const bond: FullKeyPath = { purpose: 84, coin: 0, mixdepth: 1, chain: 2, index: 0 };

  expect(() => formatKeyPath(bond)).toThrow(badPath);
});
