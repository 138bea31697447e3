/** How soon a wallet of many used addresses is open, how long others wait meanwhile, and what it then does in a second, beside what deriving and asking cost by themselves. `walletd --help` says more. */
import { mkdtempSync, rmSync } from "node:fs";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { newMnemonic, seedOf } from "../../bitcoin/keys/mnemonic.ts";
import { regtest } from "../../bitcoin/network.ts";
import type { Client } from "../../bus/bus.ts";
import { ConnectedBus } from "../../bus/connected-bus.ts";
import { INDEXER_BATCH_MAX, indexerContract } from "../../bus/contracts/indexer.ts";
import { mempoolContract } from "../../bus/contracts/mempool.ts";
import { walletdContract } from "../../bus/contracts/walletd.ts";
import { silentLog } from "../../bus/fake.ts";
import { WalletKeys } from "../../joinmarket/wallet/wallet-keys.ts";
import { releaseWorld } from "../../tests/harness/actors/context.ts";
import { builtUrl } from "../../tests/harness/built.ts";
import { WalletdProcess } from "../../tests/harness/walletd/killed/walletd-process.ts";
import type { World } from "../../tests/harness/worlds.ts";
import { round, spread } from "../command/figures.ts";
import { readOptions, refuse } from "../command/options.ts";
import { UsedWorld } from "./used-world.ts";

const HELP = `Usage: npm run bench -- walletd [...]

  --addresses 100,1000,10000   used addresses of each wallet
  --sends 50                   payments, one after the other
  --seconds 2                  for each figure that is a rate

The wallet daemon as it is released, in a process of its own; the index and the mempool answer from memory, in this one.
Each wallet is recovered from its words ("first"), locked, and unlocked ("again"). One line of JSON for each: unlockMs is the
password's key and the first answer; balanceMs is until the balance is told, from the same moment; othersWaitMs is what
the owner of another wallet waits for its status meanwhile. Beside them passwordMs (unlocking a wallet of no coins), deriveMs (as many
keys, derived here) and askMs (index and mempool asked for the same scripts, by nobody's wallet).
`;

const PASSWORD = "correct horse";
const ELSEWHERE = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080";
const ASKED_AT_ONCE = 8;
const PING_EACH_MS = 5;

type Walletd = Client<typeof walletdContract>;
type Owned = { readonly wallet: string; readonly session: string };

const values = readOptions(HELP, {
  addresses: { type: "string", default: "100,1000,10000" },
  sends: { type: "string", default: "50" },
  seconds: { type: "string", default: "2" },
});

async function timed(work: () => Promise<unknown> | unknown): Promise<number> {
  const startMs = performance.now();
  await work();
  return round(performance.now() - startMs);
}

function walletOf(filler: number) {
  const { words } = newMnemonic(new Uint8Array(16).fill(filler));
  const kind = { network: regtest, type: "bip84", hasBonds: true } as const;
  return { words: words.join(" "), keys: () => WalletKeys.fromSeed(seedOf(words, ""), kind) };
}

/** What somebody else waits while `work` is under way. */
async function besidePings(walletd: Walletd, other: Owned, work: () => Promise<unknown>) {
  const times: number[] = [];
  let isOver = false;
  const pinging = (async () => {
    while (!isOver) {
      times.push(await timed(() => walletd.status(other)));
      await new Promise((resolve) => setTimeout(resolve, PING_EACH_MS));
    }
  })();
  await work();
  isOver = true;
  await pinging;
  return spread(times);
}

async function perSecond(work: () => Promise<unknown>): Promise<number> {
  const startMs = performance.now();
  const endMs = startMs + Number(values.seconds) * 1_000;
  let done = 0;
  const lane = async () => {
    while (performance.now() < endMs) {
      await work();
      done++;
    }
  };
  await Promise.all(Array.from({ length: ASKED_AT_ONCE }, lane));
  return round((done * 1_000) / (performance.now() - startMs));
}

async function balanceKnown(walletd: Walletd, owned: Owned): Promise<void> {
  while (!(await walletd.status(owned)).sync.isKnown) {
    await new Promise((resolve) => setTimeout(resolve, PING_EACH_MS));
  }
  await walletd.balances(owned);
}

async function open(
  walletd: Walletd,
  other: Owned,
  unlock: () => Promise<{ readonly session: string }>,
  wallet: string,
) {
  let owned: Owned = { wallet, session: "" };
  let unlockMs = 0;
  let balanceMs = 0;
  const othersWaitMs = await besidePings(walletd, other, async () => {
    const startMs = performance.now();
    owned = { wallet, session: (await unlock()).session };
    unlockMs = round(performance.now() - startMs);
    await balanceKnown(walletd, owned);
    balanceMs = round(performance.now() - startMs);
  });
  const { sync } = await walletd.status(owned);
  return { owned, figures: { unlockMs, balanceMs, othersWaitMs, scripts: sync.scripts } };
}

/** The same questions that the wallet asks, by nobody's wallet. */
async function askMs(bus: ConnectedBus, hashes: readonly string[]): Promise<number> {
  const [index, mempool] = [bus.client(indexerContract), bus.client(mempoolContract)];
  return await timed(async () => {
    for (let at = 0; at < hashes.length; at += INDEXER_BATCH_MAX) {
      const scripthashes = hashes.slice(at, at + INDEXER_BATCH_MAX);
      await Promise.all([index.histories({ scripthashes }), index.unspents({ scripthashes })]);
      await Promise.all([mempool.histories({ scripthashes }), mempool.unspents({ scripthashes })]);
    }
  });
}

async function work(walletd: Walletd, owned: Owned) {
  const newAddressPerS = await perSecond(() => walletd.newAddress({ ...owned, mixdepth: 4 }));
  const path = "m/84'/1'/0'/0/0";
  const signPerS = await perSecond(() => walletd.signMessage({ ...owned, path, message: "m" }));
  const sendMs: number[] = [];
  for (let number = 0; number < Number(values.sends); number++) {
    const payments = [{ address: ELSEWHERE, amountSat: 100_000 }];
    const wish = { ...owned, mixdepth: number % 5, payments, fee: { satPerVb: 2 } };
    sendMs.push(await timed(() => walletd.send(wish, { key: `${owned.wallet}-${number}` })));
  }
  return { newAddressPerS, signPerS, sendMs: spread(sendMs) };
}

async function measure(world: World, directory: string, sizes: readonly number[]): Promise<void> {
  const used = new UsedWorld();
  const wallets = sizes.map((addresses, i) => ({ addresses, name: `of-${addresses}`, ...walletOf(i + 1) }));
  const hashes = new Map(wallets.map(({ name, addresses, keys }) => [name, used.pay(keys(), addresses)]));
  await used.start(world);
  const entry = builtUrl("actors/walletd/worker.js");
  const daemon = await WalletdProcess.start(world, directory, { open_max: 16 }, entry);
  const operator = new ConnectedBus(await world.connect("operator"), { log: silentLog() });
  // The index answers the wallet daemon, not an operator.
  const asker = new ConnectedBus(await world.connect("walletd"), { log: silentLog() });
  try {
    const walletd = operator.client(walletdContract);
    const other = { wallet: "other", password: PASSWORD, words: walletOf(99).words };
    const { session } = await walletd.recover(other);
    const otherOwned: Owned = { wallet: "other", session };
    await balanceKnown(walletd, otherOwned);
    for (const { name, addresses, words, keys } of wallets) {
      const passwordMs = await timed(() => walletd.unlock({ wallet: "other", password: PASSWORD }));
      const recover = () => walletd.recover({ wallet: name, words, password: PASSWORD });
      const first = await open(walletd, otherOwned, recover, name);
      say({ addresses, opened: "first", ...first.figures, passwordMs });
      // What was derived is on the disk by then.
      await walletd.display(first.owned);
      await walletd.lock(first.owned);
      const unlock = () => walletd.unlock({ wallet: name, password: PASSWORD });
      const again = await open(walletd, otherOwned, unlock, name);
      const limits = {
        passwordMs,
        deriveMs: await timed(() => derive(keys(), first.figures.scripts)),
        askMs: await askMs(asker, hashes.get(name) ?? []),
      };
      say({ addresses, opened: "again", ...again.figures, ...limits, ...(await work(walletd, again.owned)) });
      await walletd.lock(again.owned);
    }
  } finally {
    await operator.close();
    await asker.close();
    await daemon.kill();
    await used.stop();
  }
}

function derive(keys: WalletKeys, count: number): void {
  for (let index = 0; index < count; index++) keys.key({ mixdepth: 0, chain: 0, index });
}

function say(figure: object): void {
  process.stdout.write(
    `${JSON.stringify({ bench: "walletd", ...figure, load: round(loadavg()[0] ?? 0) })}\n`,
  );
}

const sizes = values.addresses.split(",").map(Number);
if (!sizes.every((size) => Number.isSafeInteger(size) && size >= 1 && size <= 1_000_000)) {
  refuse("walletd: --addresses takes numbers from 1 to 1000000, with commas between them", HELP);
}
const directory = mkdtempSync(join(tmpdir(), "troupe-bench-walletd-"));
const world = await releaseWorld("embedded");
try {
  await measure(world, directory, sizes);
} finally {
  await world.stop();
  rmSync(directory, { recursive: true, force: true });
}
