import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { keeperOf } from "./keeper.ts";

const PROGRAM = "/usr/bin/bitcoind";

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "troupe-keeper-"));
});
afterEach(() => rmSync(directory, { recursive: true }));

describe("the keeper of the sandbox's chain", () => {
  it.each([
    ["none", "none"],
    // Nobody looked for a program.
    ["auto", "none"],
    [PROGRAM, PROGRAM],
  ])("of a new chain is the one that is wanted: %s", (setting, keeper) => {
    expect(keeperOf(setting, directory)).toBe(keeper);
  });

  it("stays ours for a chain that we began, although a bitcoind came", () => {
    mkdirSync(join(directory, "regtest", "blocks"), { recursive: true });
    expect(keeperOf(PROGRAM, directory)).toBe("none");
  });

  it("stays the bitcoind, and is missed when there is none any more", () => {
    mkdirSync(join(directory, "regtest", "blocks", "index"), { recursive: true });
    expect(keeperOf(PROGRAM, directory)).toBe(PROGRAM);
    expect(() => keeperOf("none", directory)).toThrow(
      expect.objectContaining({ code: "SANDBOX_BITCOIND_MISSING" }),
    );
  });
});
