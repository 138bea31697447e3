import { describe, expect, it } from "vitest";
import { readVectors } from "../../tests/harness/data/vectors.ts";
import { privateCommands, publicCommands } from "./command-line.ts";

interface Vectors {
  readonly publicLines: readonly { line: string; commands: readonly string[] }[];
}

describe("lines of several commands", () => {
  it.each(readVectors<Vectors>("joinmarket-channels").publicLines)("$line", ({ line, commands }) => {
    expect(publicCommands(line)).toEqual(commands);
  });

  it("ask for the order book once or not at all, whatever stands between", () => {
    expect(publicCommands("!orderbook!cancel 0!orderbook x")).toEqual([]);
    expect(publicCommands("!orderbook!orderbooks")).toEqual(["orderbook", "orderbooks"]);
  });

  it("are dropped as a whole when no honest peer would join so many", () => {
    expect(publicCommands("!cancel 0".repeat(64))).toHaveLength(64);
    expect(publicCommands("!cancel 0".repeat(65))).toEqual([]);
    expect(privateCommands("a".concat("!".repeat(40_000)))).toEqual([]);
  });

  it("lose empty parts and spaces at their ends", () => {
    expect(privateCommands("sw0reloffer 0 1 2 3 0.1 !!tbond x ")).toEqual([
      "sw0reloffer 0 1 2 3 0.1",
      "tbond x",
    ]);
  });
});
