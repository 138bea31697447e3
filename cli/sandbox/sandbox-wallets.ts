/** The wallets that a sandbox begins with: one to use and three that earn, made, funded and unlocked at its start. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Client } from "../../bus/bus.ts";
import { makerContract } from "../../bus/contracts/maker.ts";
import type { ChildStatus, Tree } from "../../bus/contracts/supervisor.ts";
import { stemOf } from "../../bus/contracts/walletd/stem.ts";
import { walletdContract } from "../../bus/contracts/walletd.ts";
import { sleep, systemClock } from "../../runtime/clock.ts";
import { dataPaths } from "../../supervisor/host/data-directory.ts";
import type { Request } from "../../supervisor/plan/settings.ts";
import { operatorBus } from "../operator-access.ts";
import { KeptSessions } from "../wallet/kept-sessions.ts";
import { SANDBOX_MAKERS, SANDBOX_PASSWORD, SANDBOX_WALLET } from "./wallet-names.ts";

type Walletd = Client<typeof walletdContract>;

export interface Opened {
  readonly wallet: string;
  readonly session: string;
}

/** What a wallet gets: by mixdepth, each coin's worth. */
export type Purse = Opened & { readonly coins: readonly (readonly number[])[] };

/** The words that everybody knows, to which the sandbox's chain pays its rewards. */
const MINER_WORDS = `${"abandon ".repeat(11)}about`;
const MINER = "miner";
const BTC = 100_000_000;
/** Of each mixdepth, from 0 on; several coins where one is spent after the other. */
const MAKER_COINS = [[8 * BTC], [4 * BTC], [2 * BTC]];
const OWN_COINS = [[2 * BTC, 2 * BTC, 2 * BTC]];
/** With so many confirmations a taker's coin may be shown to makers, and one more. */
const BLOCKS = 6;
const GRANT_S = 30 * 86_400;
/** Of one transaction. */
const PAYMENTS_MAX = 100;
const WITHIN_MS = 60_000;
const OFFERING_MS = 10_000;
const POLL_MS = 100;

/** Also in a sandbox that was started before: what is there is kept, what is missing is made. */
export async function openSandboxWallets(request: Request, tree: Tree): Promise<void> {
  const bus = await operatorBus(request, "supervisor start");
  try {
    const walletd = bus.client(walletdContract);
    const { wallets } = await walletd.list({});
    const known = new Set(wallets.map(({ wallet }) => stemOf(wallet)));
    const open = (wallet: string) => openWallet(walletd, wallet, known.has(wallet));
    const own = await open(SANDBOX_WALLET);
    const makers: Opened[] = [];
    for (const wallet of SANDBOX_MAKERS) makers.push(await open(wallet));
    new KeptSessions(dataPaths(tree.dataDirectory).run).keep(own.wallet, own.session);

    const wanted = [
      { ...own, coins: OWN_COINS },
      ...makers.map((maker) => ({ ...maker, coins: MAKER_COINS })),
    ];
    const empty = [];
    for (const one of wanted) if ((await totalSat(walletd, one)) === 0) empty.push(one);
    if (empty.length > 0) await fund(walletd, empty, tree);

    const maker = bus.client(makerContract);
    const earning = new Set(
      (await maker.status({})).makers.filter(({ state }) => state !== "ended").map(({ wallet }) => wallet),
    );
    for (const owned of makers) {
      // Whose grant holds again goes on by itself.
      if (earning.has(owned.wallet)) continue;
      const { grant, id } = await walletd.grant({ ...owned, caller: "maker", limits: {}, ttlS: GRANT_S });
      await maker.start({ wallet: owned.wallet, grant, grantId: id, terms: {} });
    }
    // Whoever types what the start prints next finds them on the market; one that cannot get there is no reason not to start.
    await until(async () => {
      const { makers: all } = await maker.status({});
      return all.every(({ state }) => state === "offering");
    }, OFFERING_MS).catch(() => undefined);
  } finally {
    await bus.close();
  }
}

export async function openWallet(walletd: Walletd, wallet: string, isThere: boolean): Promise<Opened> {
  const wish = { wallet, password: SANDBOX_PASSWORD };
  const { session } = isThere ? await walletd.unlock(wish) : await walletd.create(wish);
  return { wallet, session };
}

/** The wallet of the chain's rewards, once it knows them. */
export async function openMiner(walletd: Walletd): Promise<Opened> {
  const { wallets } = await walletd.list({});
  const isThere = wallets.some(({ wallet }) => stemOf(wallet) === MINER);
  const wish = { wallet: MINER, password: SANDBOX_PASSWORD };
  const { session } = isThere
    ? await walletd.unlock(wish)
    : await walletd.recover({ ...wish, words: MINER_WORDS, hasBonds: false });
  const miner = { wallet: MINER, session };
  await totalSat(walletd, miner);
  return miner;
}

/** Payments out of the miner's rewards to all of them, and blocks on top of them. */
export async function fund(walletd: Walletd, wallets: readonly Purse[], tree: Tree): Promise<void> {
  const miner = await openMiner(walletd);
  const payments: { address: string; amountSat: number }[] = [];
  for (const { wallet, session: own, coins } of wallets) {
    for (const [mixdepth, amounts] of coins.entries()) {
      for (const amountSat of amounts) {
        const { address } = await walletd.newAddress({ wallet, session: own, mixdepth });
        payments.push({ address, amountSat });
      }
    }
  }
  for (let at = 0; at < payments.length; at += PAYMENTS_MAX) {
    const part = payments.slice(at, at + PAYMENTS_MAX);
    await walletd.send({ ...miner, mixdepth: 0, payments: part, fee: { satPerVb: 2 } });
  }
  const { address } = await walletd.newAddress({ ...miner, mixdepth: 0 });
  await mine(tree, address);
  for (const owned of wallets) {
    await until(async () => {
      const { mixdepths, totalSat: sat } = await walletd.balances(owned);
      return sat > 0 && mixdepths.every(({ unconfirmedSat }) => unconfirmedSat === 0);
    });
  }
  await walletd.lock(miner);
}

/** Waits until the wallet is known. */
async function totalSat(walletd: Walletd, owned: Opened): Promise<number> {
  await until(async () => (await walletd.status(owned)).sync.isKnown);
  return (await walletd.balances(owned)).totalSat;
}

async function mine(tree: Tree, address: string): Promise<void> {
  const door = childOf(tree.root, "node")?.doors[0]?.address;
  if (door === undefined) throw new TypeError("the sandbox's node has no door");
  const cookie = readFileSync(join(tree.dataDirectory, "actors", "node", "regtest", ".cookie"), "utf8");
  const response = await fetch(door, {
    method: "POST",
    headers: { authorization: `Basic ${Buffer.from(cookie).toString("base64")}` },
    body: JSON.stringify({ method: "generatetoaddress", params: [BLOCKS, address], id: 1 }),
    signal: AbortSignal.timeout(WITHIN_MS),
  });
  if (!response.ok) throw new TypeError(`the sandbox's node mines no blocks: ${response.status}`);
}

function childOf(child: ChildStatus, id: string): ChildStatus | undefined {
  if (child.id === id) return child;
  for (const one of child.children) {
    const found = childOf(one, id);
    if (found !== undefined) return found;
  }
  return undefined;
}

async function until(isTrue: () => Promise<boolean>, withinMs = WITHIN_MS): Promise<void> {
  const endMs = systemClock.monotonicMs() + withinMs;
  while (!(await isTrue())) {
    if (systemClock.monotonicMs() > endMs)
      throw new TypeError("the sandbox's wallets took too long to be funded");
    await sleep(systemClock, POLL_MS);
  }
}
