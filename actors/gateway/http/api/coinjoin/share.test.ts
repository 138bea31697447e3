import { expect, it } from "vitest";
import { shareOf } from "./share.ts";

it.each([
  ["0.0003", "0.0003"],
  [".0003", "0.0003"],
  ["00.00030", "0.0003"],
  ["3e-4", "0.0003"],
  ["3e-7", "0.0000003"],
  [`0.${"1".repeat(33)}`, "0.1111111111111111"],
  ["1.5E-7", "0.00000015"],
  ["0", "0"],
  ["0.000", "0"],
  ["0.0", "0"],
])("the share %s is written %s on the market", (given, written) => {
  expect(shareOf(given)).toBe(written);
});

it.each(["1", "1.0", "-0.1", "5e0", "", " ", "x", "0x0", "NaN", "0.1.2", "1e-40", "1e999"])(
  "%j is no share",
  (given) => {
    expect(shareOf(given)).toBeUndefined();
  },
);
