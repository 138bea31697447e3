/** Reorganisations of one block and of more than anything that is kept for them, under wallets that stay on each carrier: followed block by block, no process ends. */
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { scriptHashOf } from "../../bitcoin/script/scripthash.ts";
import type { ChildStatus } from "../../bus/contracts/supervisor.ts";
import { Home } from "../harness/cli/command.ts";
import { TEST_CARRIERS } from "../harness/electrum/door-under-test.ts";
import { electrumTarget, everyCarrier } from "../harness/electrum/running-door.ts";
import { Wanderer } from "../harness/electrum/wanderer.ts";
import { callNode } from "../harness/node/bitcoind.ts";
import { CoinOwner } from "../harness/node/coin-owner.ts";
import { waitFor } from "../harness/wait-for.ts";

/** The index tells what the newest 200 blocks touch, and blocks come one by one within 144: two depths within, two beyond. */
const DEPTHS = [10, 100, 150, 201];
const FIRST_BLOCKS = 260;

const owners = Array.from({ length: 5 }, (_, i) => new CoinOwner(`deep ${i}`));
const scripthashes = owners.map((owner) => scriptHashOf(owner.scriptPubKey("p2wpkh")));

let home: Home;
let wanderers: Wanderer[] = [];
beforeEach(() => {
  home = new Home();
});
afterEach(async () => {
  await Promise.all(wanderers.splice(0).map((one) => one.stop()));
  await home.close();
});

function all(child: ChildStatus): ChildStatus[] {
  return [child, ...child.children.flatMap(all)];
}

test("another tip and reorganisations of 10, 100, 150 and 201 blocks are followed: wallets that stay know what a new one hears", async () => {
  await home.start(
    ...["--sandbox", "--data", home.data, ...everyCarrier(home.path)],
    ...["--set", `sandbox.first_blocks=${FIRST_BLOCKS}`, "--set", "sandbox.block_interval_ms=3600000"],
  );
  const tree = await home.tree();
  const { root } = tree;
  const address = all(root).find(({ id }) => id === "node")?.doors[0]?.address ?? "";
  const cookie = join(home.data, "actors", "node", "regtest", ".cookie");
  const node = async <T>(method: string, ...params: unknown[]) =>
    (await callNode(address, cookie, method, params)) as T;
  const mine = async (blocks: number, from: number) => {
    for (let i = 0; i < blocks; i += 10) {
      const owner = owners[(from + i / 10) % owners.length] as CoinOwner;
      await node("generatetoaddress", Math.min(10, blocks - i), owner.address("p2wpkh"));
    }
  };
  const servers = TEST_CARRIERS.map((name) => ({ name, target: electrumTarget(tree, name) }));
  const [here] = servers as [(typeof servers)[number]];
  wanderers = servers.map((server) => new Wanderer([server], scripthashes));
  const [own] = wanderers as [Wanderer];
  for (const one of wanderers) one.start();
  const statuses = () => wanderers.map((one) => JSON.stringify(one.statuses()));
  const inStep = async (what: string) => {
    const tip = await node<string>("getbestblockhash");
    await waitFor(`the wallets to be in step ${what}`, () =>
      wanderers.every(({ at, blocks }) => at !== undefined && blocks.at(-1) === tip),
    );
    const stranger = new Wanderer([here], scripthashes);
    stranger.start();
    await waitFor(`the wallets to know what a new one hears ${what}`, () => {
      const known = JSON.stringify(stranger.statuses());
      return stranger.at !== undefined && statuses().every((one) => one === known);
    });
    for (const { blocks } of wanderers) expect(blocks).toEqual(stranger.blocks);
    await stranger.stop();
  };
  await mine(60, 0);
  await inStep("at first");

  // The same height, another block: nothing but its hash says that anything has changed.
  const replaced = own.statuses();
  const tips = [await node<string>("getbestblockhash")];
  await node("invalidateblock", tips[0]);
  await mine(1, 3);
  await inStep("after another tip");
  tips.push(await node<string>("getbestblockhash"));
  expect(new Set(tips).size).toBe(2);
  expect(own.statuses()).not.toEqual(replaced);

  for (const [at, depth] of DEPTHS.entries()) {
    const before = own.statuses();
    const height = await node<number>("getblockcount");
    await node("invalidateblock", await node<string>("getblockhash", height - depth + 1));
    await mine(depth + 1, at + 1);
    await inStep(`after a reorganisation of ${depth} blocks`);
    expect(own.statuses()).not.toEqual(before);
    expect(own.blocks).toHaveLength(height + 2);
  }

  expect(wanderers.map(({ visits }) => visits)).toEqual(TEST_CARRIERS.map((carrier) => [carrier]));
  expect(wanderers.flatMap(({ complaints }) => complaints)).toEqual([]);
  const restarts = all((await home.tree()).root).map(({ id, restarts }) => [id, restarts]);
  expect(restarts.filter(([, count]) => count !== 0)).toEqual([]);
});
