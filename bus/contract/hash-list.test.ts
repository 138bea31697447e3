import { describe, expect, it } from "vitest";
import { z } from "zod";
import { wireSchema } from "./hash.ts";
import { Hash, hashList } from "./hash-list.ts";

const MAX = 3;
const slow = z.object({ hashes: z.array(Hash).max(MAX).nullable() });
const fast = z.object({ hashes: hashList(MAX).nullable() });
const hash = (digit: string) => digit.repeat(64);

describe("a list of hashes", () => {
  it.each([
    ["nothing", []],
    ["some", [hash("0"), hash("a"), hash("f")]],
    ["null, where the list may be", null],
  ])("takes %s", (_what, hashes) => {
    expect(fast.safeParse({ hashes })).toEqual({ success: true, data: { hashes } });
  });

  it.each([
    ["too many", Array(MAX + 1).fill(hash("1"))],
    ["no list", hash("1")],
    ["nothing at all", undefined],
    ["a number among them", [hash("1"), 5]],
    ["a short one", [hash("1"), hash("2").slice(1)]],
    ["two that have 64 digits each on average", [`${hash("1")}1`, hash("2").slice(1)]],
    ["capitals", [hash("A")]],
    ["what is no digit", [`${hash("1").slice(1)}g`]],
    ["a line end in place of the last digit", [`${hash("1").slice(1)}\n`]],
    ["a hole", new Array(1)],
    ["a list in the list", [[hash("1")]]],
  ])("refuses %s, as one schema for each does", (_what, hashes) => {
    const refused = fast.safeParse({ hashes });

    expect(refused.success).toBe(false);
    expect(refused.error?.issues).toEqual(slow.safeParse({ hashes }).error?.issues);
  });

  it("is told to others as what it is", () => {
    expect(wireSchema(fast, "input")).toEqual(wireSchema(slow, "input"));
    expect(wireSchema(fast, "output")).toEqual(wireSchema(slow, "output"));
  });
});
