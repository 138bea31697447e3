/** Reorganisations deeper than anything that is kept for them, under wallets that stay: followed block by block, no process ends. */
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { scriptHashOf } from "../../bitcoin/script/scripthash.ts";
import type { ChildStatus } from "../../bus/contracts/supervisor.ts";
import { Home } from "../harness/cli/command.ts";
import { Wanderer } from "../harness/electrum/wanderer.ts";
import { callNode } from "../harness/node/bitcoind.ts";
import { CoinOwner } from "../harness/node/coin-owner.ts";
import { waitFor } from "../harness/wait-for.ts";

/** The index tells what the newest 200 blocks touch, and blocks come one by one within 144: one depth within, two beyond. */
const DEPTHS = [100, 150, 201];
const FIRST_BLOCKS = 260;

const owners = Array.from({ length: 5 }, (_, i) => new CoinOwner(`deep ${i}`));
const scripthashes = owners.map((owner) => scriptHashOf(owner.scriptPubKey("p2wpkh")));

let home: Home;
let wanderer: Wanderer | undefined;
beforeEach(() => {
  home = new Home();
});
afterEach(async () => {
  await wanderer?.stop();
  wanderer = undefined;
  await home.close();
});

function all(child: ChildStatus): ChildStatus[] {
  return [child, ...child.children.flatMap(all)];
}

test("reorganisations of 100, 150 and 201 blocks are followed: a wallet that stays knows what a new one hears", async () => {
  const socket = join(home.path, "electrum.sock");
  await home.start(
    ...["--sandbox", "--data", home.data, "--set", `gateway.electrum_unix_socket=${socket}`],
    ...["--set", `sandbox.first_blocks=${FIRST_BLOCKS}`, "--set", "sandbox.block_interval_ms=3600000"],
  );
  const { root } = await home.tree();
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
  const server = { name: "here", path: socket };
  const own = new Wanderer([server], scripthashes);
  wanderer = own;
  own.start();
  const inStep = async (what: string) => {
    const tip = await node<string>("getbestblockhash");
    await waitFor(
      `the wallet to be in step ${what}`,
      () => own.at !== undefined && own.blocks.at(-1) === tip,
    );
    const stranger = new Wanderer([server], scripthashes);
    stranger.start();
    await waitFor(
      `the wallet to know what a new one hears ${what}`,
      () =>
        stranger.at !== undefined && JSON.stringify(stranger.statuses()) === JSON.stringify(own.statuses()),
    );
    expect(own.blocks).toEqual(stranger.blocks);
    await stranger.stop();
  };
  await mine(60, 0);
  await inStep("at first");

  for (const [at, depth] of DEPTHS.entries()) {
    const before = own.statuses();
    const height = await node<number>("getblockcount");
    await node("invalidateblock", await node<string>("getblockhash", height - depth + 1));
    await mine(depth + 1, at + 1);
    await inStep(`after a reorganisation of ${depth} blocks`);
    expect(own.statuses()).not.toEqual(before);
    expect(own.blocks).toHaveLength(height + 2);
  }

  expect(own.visits).toEqual(["here"]);
  expect(own.complaints).toEqual([]);
  const restarts = all((await home.tree()).root).map(({ id, restarts }) => [id, restarts]);
  expect(restarts.filter(([, count]) => count !== 0)).toEqual([]);
});
