import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { nodeSection } from "../../bitcoind/config.ts";
import { checkBlockFiles } from "./block-files.ts";

describe("the doctor's look at the node's block files", () => {
  let directory: string;
  let blocks: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), "troupe-doctor-files-"));
    blocks = join(directory, "regtest", "blocks");
    mkdirSync(blocks, { recursive: true });
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  const found = (more: object = {}) =>
    checkBlockFiles(nodeSection.schema.parse({ data_directory: directory, ...more }), "regtest");
  const put = (...numbers: number[]) => {
    for (const number of numbers) writeFileSync(join(blocks, `blk0000${number}.dat`), "");
  };

  it("counts those that it can read", () => {
    put(0, 1, 2);
    expect(found()).toMatchObject([{ verdict: "ok", message: `3 in ${blocks}` }]);
  });

  it("warns of a directory that is not there, with what to do", () => {
    rmSync(blocks, { recursive: true });
    expect(found()).toMatchObject([{ verdict: "warn", message: expect.stringContaining("ENOENT") }]);
    expect(found()[0]?.remedy).toContain("block_files = false");
  });

  it.each([
    [[], "blk00000.dat"],
    [[1, 2], "blk00000.dat"],
    [[0, 1, 3], "blk00002.dat"],
  ])("warns when of the files there are only %j", (numbers, missing) => {
    put(...numbers);
    expect(found()).toMatchObject([{ verdict: "warn", message: expect.stringContaining(missing) }]);
  });

  it("looks where blocks_directory says, also for a node elsewhere, and nowhere if it shall not", () => {
    put(0);
    const elsewhere = { rpc: ["http://node.example:8332"], data_directory: "/nowhere" };
    expect(found(elsewhere)).toEqual([]);
    expect(found({ ...elsewhere, blocks_directory: blocks })).toMatchObject([{ verdict: "ok" }]);
    expect(found({ block_files: false })).toEqual([]);
  });
});
