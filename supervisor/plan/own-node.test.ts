import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { marketConfigFor, wantedKeeper } from "./own-node.ts";
import { readSettings } from "./settings.ts";

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

describe("the market of makers and takers", () => {
  const ownNode = { port: 1, dataDirectory: "/d", keeper: "none", directory: "127.0.0.1:5222" };
  const configOf = (...settings: string[]) =>
    readSettings({ sandbox: true, environment: {}, set: settings, data: directory }).config;

  it("is our own directory in the sandbox, unless others are named, and nobody's elsewhere", () => {
    expect(marketConfigFor(configOf(), ownNode).directories).toEqual(["127.0.0.1:5222"]);
    expect(marketConfigFor(configOf(), undefined).directories).toEqual([]);
    const other = configOf('market.directories=["127.0.0.1:1"]');
    expect(marketConfigFor(other, ownNode).directories).toEqual(["127.0.0.1:1"]);
  });

  it("is reached through Tor where there is one", () => {
    expect(marketConfigFor(configOf(), ownNode).socks).toBeUndefined();
    expect(marketConfigFor(configOf("tor.socks=127.0.0.1:9050"), ownNode).socks).toBe("127.0.0.1:9050");
    const own = configOf("tor.socks=127.0.0.1:9050", "market.socks=127.0.0.1:9150");
    expect(marketConfigFor(own, ownNode).socks).toBe("127.0.0.1:9150");
  });
});
