import { beforeEach, describe, expect, it } from "vitest";
import type { BlockHash } from "../../../bitcoin/bytes.ts";
import { Estimates } from "./estimates.ts";

let asked: string[];
let tipHash: BlockHash;
let answer: () => Promise<bigint | undefined>;
let estimates: Estimates;

beforeEach(() => {
  asked = [];
  tipHash = "aa".repeat(32) as BlockHash;
  answer = async () => 1_000n;
  estimates = new Estimates({
    ask: (target, mode) => {
      asked.push(`${target} ${mode}`);
      return answer();
    },
    tipHash: () => tipHash,
  });
});

describe("fee estimates", () => {
  it("are asked for once in each of Electrum's steps and modes until the next block", async () => {
    await Promise.all([13, 12, 12].map((target) => estimates.satPerKvb(target, "default")));
    await estimates.satPerKvb(12, "economical");
    expect(asked).toEqual(["12 default", "12 economical"]);

    tipHash = "bb".repeat(32) as BlockHash;
    expect(await estimates.satPerKvb(12, "default")).toBe(1_000n);
    expect(asked).toHaveLength(3);
  });

  it("are kept also where the node has no data, but a failure is not", async () => {
    answer = async () => undefined;
    expect(await estimates.satPerKvb(2, "default")).toBeUndefined();
    expect(await estimates.satPerKvb(2, "default")).toBeUndefined();
    expect(asked).toHaveLength(1);

    answer = () => Promise.reject(new Error("away"));
    await expect(estimates.satPerKvb(3, "default")).rejects.toThrow("away");
    answer = async () => 7n;
    expect(await estimates.satPerKvb(3, "default")).toBe(7n);
  });
});
