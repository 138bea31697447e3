import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { wantedKeeper } from "./own-node.ts";

let directory: string;
let program: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "troupe-own-node-"));
  program = join(directory, "bitcoind");
  writeFileSync(program, "");
  chmodSync(program, 0o755);
});
afterEach(() => rmSync(directory, { recursive: true }));

describe("who is to keep the sandbox's chain", () => {
  it("is by itself the bitcoind that BITCOIND names, then the one on the PATH, then ours", () => {
    expect(wantedKeeper("auto", { BITCOIND: program, PATH: "/nowhere" })).toBe(program);
    expect(wantedKeeper("auto", { PATH: `/nowhere:${directory}` })).toBe(program);
    expect(wantedKeeper("auto", { BITCOIND: join(directory, "gone"), PATH: directory })).toBe(program);
    expect(wantedKeeper("auto", { PATH: "/nowhere" })).toBe("none");
    expect(wantedKeeper("auto", {})).toBe("none");
  });

  it("is not looked for when it was said", () => {
    expect(wantedKeeper("none", { BITCOIND: program, PATH: directory })).toBe("none");
    expect(wantedKeeper(program, {})).toBe(program);
  });

  it("must be a program when it was named", () => {
    expect(() => wantedKeeper(join(directory, "gone"), {})).toThrow(/\[sandbox\] bitcoind names .*gone/);
    expect(() => wantedKeeper(directory, {})).toThrow(/no program/);
  });
});
