import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { MountPlan } from "../../bus/mount.ts";
import { mountsOf } from "./mounts.ts";
import type { OwnNode } from "./own-node.ts";
import { readSettings } from "./settings.ts";

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "troupe-mounts-"));
});
afterEach(() => rmSync(directory, { recursive: true }));

/** By the actor whose thread it is. */
function mountsWith(...set: string[]): Record<string, MountPlan[]> {
  return mountsBeside(undefined, set);
}

function mountsBeside(ownNode: OwnNode | undefined, set: string[]): Record<string, MountPlan[]> {
  const settings = readSettings({ data: directory, set, environment: {} });
  const all = settings.actors.map((actor) => [actor.id, mountsOf(actor, settings, ownNode)] as const);
  return Object.fromEntries(all.filter(([, mounts]) => mounts.length > 0));
}

test("the index of this host is read in the gateway's thread, and in no other", () => {
  const mounted = mountsWith("gateway.index_cache_mb=3", "node.data_directory=/chain", "node.user=us");

  expect(mounted).toEqual({
    gateway: [
      {
        contract: "indexer",
        entry: expect.stringMatching(/^file:.*mounted-index\.js$/),
        dataDirectory: join(directory, "actors", "indexer"),
        // Of the node where its block files lie, and nothing that it would let anybody in by.
        section: { cacheBytes: 3 * 1024 * 1024, blocksDirectory: "/chain/regtest/blocks" },
      },
    ],
  });
  const source = fileURLToPath(mounted["gateway"]?.[0]?.entry ?? "").replace(/\.js$/, ".ts");
  expect(existsSync(source)).toBe(true);
});

test("the node's block files are read there if they may be: where the configuration says, or our own node has them", () => {
  const blocksOf = (mounted: Record<string, MountPlan[]>) =>
    (mounted["gateway"]?.[0]?.section as { blocksDirectory?: string } | undefined)?.blocksDirectory;

  expect(blocksOf(mountsWith("node.blocks_directory=/moved/blocks"))).toBe("/moved/blocks");
  expect(blocksOf(mountsWith("troupe.network=signet", "node.data_directory=/chain"))).toBe(
    "/chain/signet/blocks",
  );
  expect(blocksOf(mountsWith("node.block_files=false"))).toBeUndefined();
  const ownNode = { port: 1, dataDirectory: "/own", keeper: "none", directory: "127.0.0.1:2" };
  expect(blocksOf(mountsBeside(ownNode, ["troupe.network=regtest"]))).toBe("/own/regtest/blocks");
});

test("an index that is elsewhere, off or somebody else's code is asked over the bus, and so is one by choice", () => {
  writeFileSync(join(directory, "mine.js"), "");

  for (const setting of [
    "placement.indexer=elsewhere",
    "placement.indexer=off",
    `implementation.indexer=${join(directory, "mine.js")}`,
    "gateway.index_cache_mb=0",
  ]) {
    expect(mountsWith(setting)).toEqual({});
  }
  expect(Object.keys(mountsWith("placement.indexer=here"))).toEqual(["gateway"]);
});
