import { describe, expect, it } from "vitest";
import {
  agree,
  compareVersions,
  parseVersion,
  version,
  versionText,
  wantedRange,
} from "./protocol-version.ts";

const OURS = { min: version("1.4"), max: version("1.6") };

function agreed(asked: unknown): string | undefined {
  const theirs = wantedRange(asked, OURS);
  const found = theirs === undefined ? undefined : agree(OURS, theirs);
  return found === undefined ? undefined : versionText(found);
}

describe("versions of the protocol", () => {
  it("stand in the order of their numbers, the shorter of two that begin alike first", () => {
    const sorted = ["1.6.0", "1.4.2", "1.10", "1.4", "1.6", "1.4.0", "0"].map(version).sort(compareVersions);

    expect(sorted.map(versionText)).toEqual(["0", "1.4", "1.4.0", "1.4.2", "1.6", "1.6.0", "1.10"]);
  });

  it.each([
    [undefined, "1.4"],
    ["1.4", "1.4"],
    ["1.4.0", "1.4.0"],
    ["1.4.2", "1.4.2"],
    ["1.5", "1.5"],
    [["1.4", "1.6"], "1.6"],
    [["1.4", "1.4.2"], "1.4.2"],
    [["1.1", "99.0"], "1.6"],
    [["1.5", "1.5.3"], "1.5.3"],
  ])("are agreed on: %j gives %s", (asked, expected) => {
    expect(agreed(asked)).toBe(expected);
  });

  it.each([
    ["1.2"],
    [["1.7", "1.8"]],
    [["1.6", "1.4"]],
    ["1.6.0"],
    ["abc"],
    [""],
    ["1.4 "],
    ["1..4"],
    ["-1.4"],
    ["1.4.0.0.0"],
    ["1.99999"],
    [1.4],
    [[]],
    [["1.4"]],
    [["1.4", "1.5", "1.6"]],
    [["1.4", null]],
    [{ min: "1.4" }],
  ])("cannot be agreed on: %j", (asked) => {
    expect(agreed(asked)).toBeUndefined();
  });

  it("have no other spelling than digits and dots", () => {
    expect(parseVersion("1.4\n")).toBeUndefined();
    expect(() => version("one")).toThrow(/no version/);
  });
});
