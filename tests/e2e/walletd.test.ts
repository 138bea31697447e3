/** The wallet daemon in a running sandbox, as the operator's commands use it: make a wallet, get coins, send, be confirmed. */
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { ConnectedBus } from "../../bus/connected-bus.ts";
import { walletdContract } from "../../bus/contracts/walletd.ts";
import { operatorBus } from "../../cli/operator-access.ts";
import { Home } from "../harness/cli/command.ts";
import { callNode } from "../harness/node/bitcoind.ts";
import { waitFor } from "../harness/wait-for.ts";

/** A new sandbox begins with so many. */
const FIRST_BLOCKS = 120;
const REWARD_SAT = 5_000_000_000;
/** A wallet of ours that nobody has; coins that go there are gone. */
const ELSEWHERE = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080";

let home: Home;
let bus: ConnectedBus | undefined;
beforeEach(() => {
  home = new Home();
});
afterEach(async () => {
  await bus?.close();
  await home.close();
});

async function startSandbox(): Promise<{ mine(blocks: number, address: string): Promise<unknown> }> {
  await home.start("--sandbox", "--data", home.data, "--set", "sandbox.block_interval_ms=3600000");
  bus = await operatorBus({ data: home.data, environment: {} }, "walletd test");
  const [door] = (await home.tree()).root.children.find(({ id }) => id === "node")?.doors ?? [];
  const rpcUrl = door?.address ?? "";
  const cookiePath = join(home.data, "actors", "node", "regtest", ".cookie");
  return { mine: (blocks, address) => callNode(rpcUrl, cookiePath, "generatetoaddress", [blocks, address]) };
}

test("a wallet is made, gets coins, sends them, and knows of each step at once", async () => {
  const node = await startSandbox();
  const walletd = (bus as ConnectedBus).client(walletdContract);

  const { session, words } = await walletd.create({ wallet: "mine", password: "correct horse" });
  const owned = { wallet: "mine", session };
  const { address, path } = await walletd.newAddress({ ...owned, mixdepth: 0 });
  await node.mine(2, address);
  await node.mine(100, ELSEWHERE);

  expect(words.split(" ")).toHaveLength(12);
  expect(path).toBe("m/84'/1'/0'/0/0");
  const funded = () => walletd.balances(owned).catch(() => undefined);
  await waitFor("the coins", async () => (await funded())?.tip?.height === FIRST_BLOCKS + 102);
  expect(await walletd.balances(owned)).toMatchObject({ totalSat: 2 * REWARD_SAT });

  const payment = { address: ELSEWHERE, amountSat: 123_456_789 };
  const sent = await walletd.send(
    { ...owned, mixdepth: 0, payments: [payment], fee: { satPerVb: 2 } },
    { key: "1" },
  );
  expect(sent.isSent).toBe(true);
  const after = await walletd.balances(owned);
  expect(after.totalSat).toBe(2 * REWARD_SAT - payment.amountSat - sent.feeSat);
  expect(after.mixdepths[0]?.unconfirmedSat).toBe(sent.changeSat);

  await node.mine(1, ELSEWHERE);
  await waitFor("the block", async () => (await walletd.balances(owned)).mixdepths[0]?.unconfirmedSat === 0);
  expect((await walletd.balances(owned)).totalSat).toBe(after.totalSat);

  await walletd.lock(owned);
  await expect(walletd.balances(owned)).rejects.toMatchObject({ code: "WALLETD_NO_SESSION" });
  const again = await walletd.unlock({ wallet: "mine", password: "correct horse" });
  const reopened = { wallet: "mine", session: again.session };
  await waitFor("the scan", async () => (await walletd.status(reopened)).sync.isKnown);
  expect((await walletd.balances(reopened)).totalSat).toBe(after.totalSat);
});
