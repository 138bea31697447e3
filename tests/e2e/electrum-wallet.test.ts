/** The Electrum wallet that people use, on the sandbox over TCP and on a real node over TLS, as a person starts them, with every proof checked. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { ElectrumStats } from "../../bus/contracts/gateway.ts";
import type { ChildStatus, Tree } from "../../bus/contracts/supervisor.ts";
import { Home } from "../harness/cli/command.ts";
import { findProgram } from "../harness/electrum/debian-program.ts";
import { electrumTarget } from "../harness/electrum/running-door.ts";
import { ElectrumWallet } from "../harness/gateway/electrum-wallet.ts";
import { findBitcoind, RealNode } from "../harness/node/bitcoind.ts";
import { waitFor } from "../harness/wait-for.ts";

/** Of no value, and in everybody's hands: Electrum's own kind of seed, and its first receiving address. */
const SEED = "wild father tree among universe such mobile favorite target dynamic credit identify";
const FIRST_ADDRESS = "bcrt1q4794m2uuw9jmjszmplfj4wvvr5j272fpmfgxur";
/** Not the wallet's. */
const OTHER_ADDRESS = "bcrt1q6rz28mcfaxtmd6v789l9rrlrusdprr9pz3cppk";
const BLOCKS = 120;
const REWARD = 50;

interface Balance {
  readonly confirmed: string;
  readonly unmatured?: string;
}

interface HistoryItem {
  readonly txid: string;
  readonly height: number;
  readonly confirmations: number;
}

/** Asks the node that Troupe follows. */
type Ask = <T>(method: string, ...params: unknown[]) => Promise<T>;

const electrum = findProgram("electrum");
const bitcoind = electrum === undefined ? undefined : findBitcoind();
let home: Home;
let wallet: ElectrumWallet | undefined;
let real: RealNode | undefined;
beforeEach(() => {
  home = new Home();
});
afterEach(async () => {
  await wallet?.remove();
  wallet = undefined;
  await home.close();
  await real?.stop();
  real = undefined;
});

async function childOf(id: string): Promise<ChildStatus> {
  const find = (child: ChildStatus): ChildStatus | undefined =>
    child.id === id ? child : child.children.map(find).find((found) => found !== undefined);
  const { stdout } = await home.run("status", "--json");
  const found = find((JSON.parse(stdout) as Tree).root);
  if (found === undefined) throw new Error(`there is no ${id} in the tree`);
  return found;
}

async function askSandbox<T>(method: string, ...params: unknown[]): Promise<T> {
  const { doors } = await childOf("node");
  const cookie = readFileSync(join(home.data, "actors", "node", "regtest", ".cookie"), "utf8");
  const response = await fetch(doors[0]?.address ?? "", {
    method: "POST",
    headers: { authorization: `Basic ${Buffer.from(cookie).toString("base64")}` },
    body: JSON.stringify({ method, params, id: 1 }),
  });
  const text = await response.text();
  if (!text.startsWith("{")) throw new Error(text);
  const { result, error } = JSON.parse(text) as { result: T; error: unknown };
  if (error) throw new Error(JSON.stringify(error));
  return result;
}

async function doorStats(): Promise<ElectrumStats> {
  const { stdout } = await home.run("electrum", "stats", "--json");
  return JSON.parse(stdout) as ElectrumStats;
}

/** How often the gateway was asked for it, by any wallet. */
async function asked(method: string): Promise<number> {
  const { requests } = await doorStats();
  return requests.methods.find((one) => one.method === method)?.calls ?? 0;
}

async function startSandbox(): Promise<void> {
  const started = await home.start(
    "--sandbox",
    "--data",
    home.data,
    "--set",
    "sandbox.block_interval_ms=3600000",
    "--set",
    `sandbox.mine_to=${FIRST_ADDRESS}`,
  );
  await started.says(/^Ready in/m);
}

/** A chain of the same length, and Troupe beside it. */
async function startBeside(node: RealNode): Promise<void> {
  await node.rpc("generatetoaddress", BLOCKS, FIRST_ADDRESS);
  const config = join(home.path, "troupe.toml");
  const lines = [
    "[troupe]",
    'network = "regtest"',
    "[node]",
    `rpc = ["${node.rpcUrl}"]`,
    `cookie_file = "${node.cookiePath}"`,
    `zmq = "${node.zmqUrl}"`,
    "",
  ];
  writeFileSync(config, lines.join("\n"));
  const placed = ["--set", "placement.indexer=process", "--set", "placement.mempool=stage:main"];
  const started = await home.start("--data", home.data, "--config", config, ...placed);
  await started.says(/^Ready in/m);
}

/** As Electrum writes a server; it knows no other carriers. */
async function serverOver(carrier: "tcp" | "tls"): Promise<string> {
  const { port } = electrumTarget(await home.tree(), carrier);
  return `127.0.0.1:${port}:${carrier === "tls" ? "s" : "t"}`;
}

async function inStep(of: ElectrumWallet, height: number): Promise<void> {
  await waitFor(`the wallet to be in step at ${height}`, async () => {
    const info = await of.call<{ blockchain_height: number; server_height: number }>("getinfo");
    return (
      info.blockchain_height === height &&
      info.server_height === height &&
      (await of.call<boolean>("is_synchronized"))
    );
  });
}

async function history(of: ElectrumWallet): Promise<HistoryItem[]> {
  return (await of.call<{ transactions: HistoryItem[] }>("onchain_history")).transactions;
}

/** What blocks have paid, ripe or not. Electrum counts coins of blocks that were given up as unconfirmed, so these are left out. */
async function totalOf(of: ElectrumWallet): Promise<number> {
  const { confirmed, unmatured = "0" } = await of.call<Balance>("getbalance");
  return Number(confirmed) + Number(unmatured);
}

/** So many transactions in blocks, and no other. Confirmations count only once the wallet has checked the proof. */
async function allProved(of: ElectrumWallet, count: number, tipHeight: number): Promise<HistoryItem[]> {
  let items: HistoryItem[] = [];
  await waitFor(`${count} transactions to be proved`, async () => {
    // Those of blocks that were given up stay with the wallet, without a height.
    items = (await history(of)).filter(({ height }) => height > 0);
    return (
      items.length === count &&
      items.every(({ height, confirmations }) => confirmations === tipHeight - height + 1)
    );
  });
  return items;
}

/** What a real node finds of the wallet's addresses among all coins. */
async function scanned(node: Ask, of: ElectrumWallet): Promise<number> {
  const addresses = await of.call<string[]>("listaddresses");
  const found = await node<{ total_amount: number }>(
    "scantxoutset",
    "start",
    addresses.map((address) => `addr(${address})`),
  );
  return found.total_amount;
}

/** Restored from its seed, it sees history and balance, pays, bumps the fee, follows a reorganisation, and knows all that later. */
async function leadThroughLife(node: Ask, carrier: "tcp" | "tls", canScan = false): Promise<void> {
  const servers = [await serverOver(carrier)] as const;
  wallet = await ElectrumWallet.start({ program: electrum ?? "", secret: SEED, servers });
  const own = wallet;

  await inStep(own, BLOCKS);
  await allProved(own, BLOCKS, BLOCKS);
  const spendable = (height: number, blocks: number) => String((height - 99 + (blocks - height)) * REWARD);
  expect(await own.call<Balance>("getbalance")).toMatchObject({ confirmed: spendable(BLOCKS, BLOCKS) });
  if (canScan) expect(await totalOf(own)).toBe(await scanned(node, own));
  // So far it was refused nothing.
  const { requests, sessions } = await doorStats();
  expect(requests.errors).toEqual({});
  expect(sessions.byCarrier).toMatchObject({ [carrier]: 1 });

  // It pays, and sees its own payment before any block does.
  const raw = await own.call<string>("payto", {
    destination: OTHER_ADDRESS,
    amount: "1.5",
    feerate: 2,
    rbf: true,
  });
  const first = await own.call<string>("broadcast", { tx: raw });
  await waitFor("the payment in the wallet's history", async () =>
    (await history(own)).some(({ txid, confirmations }) => txid === first && confirmations === 0),
  );
  expect(await node<string[]>("getrawmempool")).toEqual([first]);

  // It pays more for it, and the payment before is gone.
  const bumped = await own.call<string>("bumpfee", { tx: raw, new_fee_rate: 20 });
  const second = await own.call<string>("broadcast", { tx: bumped });
  expect(second).not.toBe(first);
  await waitFor("the replacement in the wallet's history", async () => {
    const ids = (await history(own)).map(({ txid }) => txid);
    return ids.includes(second) && !ids.includes(first);
  });
  expect(await node<string[]>("getrawmempool")).toEqual([second]);

  // A block takes it, and the wallet checks the proof.
  await node("generatetoaddress", 1, OTHER_ADDRESS);
  await inStep(own, BLOCKS + 1);
  const proved = await allProved(own, BLOCKS + 1, BLOCKS + 1);
  expect(proved.find(({ txid }) => txid === second)).toMatchObject({
    height: BLOCKS + 1,
    confirmations: 1,
  });

  const paid = await totalOf(own);

  // Closed and opened again with nothing new: what it knows is still true, so it asks for no history.
  await own.close();
  const before = await asked("blockchain.scripthash.get_history");
  const subscribed = await asked("blockchain.scripthash.subscribe");
  await own.open();
  await inStep(own, BLOCKS + 1);
  expect(await asked("blockchain.scripthash.subscribe")).toBeGreaterThan(subscribed);
  expect(await asked("blockchain.scripthash.get_history")).toBe(before);
  expect(await totalOf(own)).toBe(paid);

  // Ten blocks pay the wallet, are given up, and eleven that do not take their place.
  await node("generatetoaddress", 10, FIRST_ADDRESS);
  await inStep(own, BLOCKS + 11);
  await allProved(own, BLOCKS + 11, BLOCKS + 11);
  await waitFor("the rewards to be counted", async () => (await totalOf(own)) === paid + 10 * REWARD);
  await node("invalidateblock", await node<string>("getblockhash", BLOCKS + 2));
  await node("generatetoaddress", 11, OTHER_ADDRESS);
  const tip = BLOCKS + 12;
  await inStep(own, tip);
  const after = await allProved(own, BLOCKS + 1, tip);
  expect(new Set(after.map(({ txid }) => txid))).toEqual(new Set(proved.map(({ txid }) => txid)));
  await waitFor("the wallet to have counted again", async () => (await totalOf(own)) === paid);
  if (canScan) expect(await scanned(node, own)).toBe(paid);
  // Two sessions have served all that: the wallet found nothing to leave us for. It was refused only (code 1) the proofs
  // of transactions whose blocks had just been given up.
  expect(await asked("server.version")).toBe(2);
  expect(Object.keys((await doorStats()).requests.errors).filter((code) => code !== "1")).toEqual([]);
}

test.skipIf(electrum === undefined)(
  "on the sandbox a wallet over TCP that is restored from its seed sees all, sends, bumps a fee, and survives a reorganisation of ten blocks",
  { timeout: 300_000 },
  async () => {
    await startSandbox();
    await leadThroughLife(askSandbox, "tcp");
  },
);

test.skipIf(bitcoind === undefined)(
  "beside a real node a wallet over TLS that is restored from its seed sees all, sends, bumps a fee, and survives a reorganisation of ten blocks",
  { timeout: 300_000 },
  async () => {
    const node = await RealNode.start(bitcoind ?? "");
    real = node;
    await startBeside(node);
    await leadThroughLife(
      <T>(method: string, ...params: unknown[]) => node.rpc(method, ...params) as Promise<T>,
      "tls",
      true,
    );
  },
);
