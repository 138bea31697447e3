import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { KeptLog } from "../../../tests/harness/kept-log.ts";
import { waitFor } from "../../../tests/harness/wait-for.ts";
import { obeyRebuildOrder } from "./rebuild.ts";

let directory: string;
let log: KeptLog;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "troupe-rebuild-"));
  log = new KeptLog();
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

function makeIndex(name = "index"): void {
  mkdirSync(join(directory, name));
  writeFileSync(join(directory, name, "data.mdb"), "rows");
}

const order = (text: string) => writeFileSync(join(directory, "rebuild-order"), text);
const obey = () => obeyRebuildOrder(directory, 1_700_000_000_000, log);

describe("the order to build the index anew", () => {
  it("that was not given changes nothing", () => {
    makeIndex();
    obey();
    expect(readdirSync(directory)).toEqual(["index"]);
    expect(log.lines).toEqual([]);
  });

  it("takes the index away at once, removes it, and is obeyed once", async () => {
    makeIndex();
    order("remove\n");
    obey();
    expect(existsSync(join(directory, "index"))).toBe(false);
    await waitFor("the old one to be removed", () => readdirSync(directory).length === 0);
    makeIndex();
    obey();
    expect(readdirSync(directory)).toEqual(["index"]);
    expect(log.lines.map(({ level }) => level)).toEqual(["warn"]);
  });

  it("keeps the old index where that is wanted, also over later starts", async () => {
    makeIndex();
    order("keep\n");
    obey();
    obey();
    expect(readdirSync(directory)).toEqual(["index.kept-1700000000000"]);
    expect(log.lines[0]?.context).toEqual({ kept: join(directory, "index.kept-1700000000000") });
  });

  it("is done after a death at any place of it", async () => {
    // After the index was moved, before the order was taken back.
    order("remove");
    makeIndex("index.removed-1600000000000");
    obey();
    await waitFor("nothing to be left", () => readdirSync(directory).length === 0);
    // While the old one was being removed.
    makeIndex("index.removed-1600000000000");
    makeIndex();
    obey();
    await waitFor("the old one to be removed", () => readdirSync(directory).length === 1);
    expect(readdirSync(directory)).toEqual(["index"]);
  });
});
