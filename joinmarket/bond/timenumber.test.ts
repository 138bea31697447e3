/** The months of bonds, as numbers, times and text. */
import { expect, it } from "vitest";
import { formatLockdate, locktimeOfTimenumber, parseLockdate, timenumberOfLocktime } from "./timenumber.ts";

const badLockdate = expect.objectContaining({ code: "JOINMARKET_BAD_LOCKDATE" });

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
