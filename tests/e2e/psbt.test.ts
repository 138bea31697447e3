/** Payments whose keys are elsewhere: made by a wallet that only watches, signed by the one that has the words, checked and sent by the first; and payments replaced by fee. */
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Psbt } from "../../bitcoin/psbt/psbt.ts";
import type { Client } from "../../bus/bus.ts";
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
const PASSWORD = "correct horse";
const WORDS = "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about";

type Walletd = Client<typeof walletdContract>;
interface Owned {
  readonly wallet: string;
  readonly session: string;
}

let homes: Home[];
let buses: ConnectedBus[];
beforeEach(() => {
  homes = [];
  buses = [];
});
afterEach(async () => {
  for (const bus of buses) await bus.close();
  for (const home of homes) await home.close();
});

interface Troupe {
  readonly walletd: Walletd;
  mine(blocks: number, address: string): Promise<unknown>;
}

async function startSandbox(): Promise<Troupe> {
  const home = new Home();
  homes.push(home);
  await home.start("--sandbox", "--data", home.data, "--set", "sandbox.block_interval_ms=3600000");
  const bus = await operatorBus({ data: home.data, environment: {} }, "psbt test");
  buses.push(bus);
  const [door] = (await home.tree()).root.children.find(({ id }) => id === "node")?.doors ?? [];
  const cookiePath = join(home.data, "actors", "node", "regtest", ".cookie");
  return {
    walletd: bus.client(walletdContract),
    mine: (blocks, address) =>
      callNode(door?.address ?? "", cookiePath, "generatetoaddress", [blocks, address]),
  };
}

async function recover(walletd: Walletd, wallet: string, words = WORDS): Promise<Owned> {
  const { session } = await walletd.recover({ wallet, password: PASSWORD, words });
  return { wallet, session };
}

/** Watches what another wallet shows of itself. */
async function watch(walletd: Walletd, wallet: string, keys: readonly string[]): Promise<Owned> {
  const { session } = await walletd.watch({ wallet, password: PASSWORD, keys: [...keys], hasBonds: true });
  return { wallet, session };
}

async function descriptorsOf(walletd: Walletd, owned: Owned): Promise<string[]> {
  const { accounts } = await walletd.publicKeys(owned);
  return accounts.map(({ descriptor }) => descriptor);
}

async function fund({ walletd, mine }: Troupe, owned: Owned, sat: number): Promise<void> {
  // To each address once: a second coin there would be frozen.
  for (let got = 0; got < sat; got += REWARD_SAT) {
    const { address } = await walletd.newAddress({ ...owned, mixdepth: 0 }, { key: `fund-${got}` });
    await mine(1, address);
  }
  await mine(100, ELSEWHERE);
  await waitFor("the coins", async () => {
    const known = await walletd.balances(owned).catch(() => undefined);
    const height = FIRST_BLOCKS + 100 + sat / REWARD_SAT;
    return known?.tip?.height === height && known.mixdepths[0]?.availableSat === sat;
  });
}

const payment = { address: ELSEWHERE, amountSat: 123_456_789 };

/** The same PSBT with its transaction changed, and all that is told of its coins as it was. */
function altered(text: string, change: (outputs: { amountSat: bigint; scriptPubKey: Uint8Array }[]) => void) {
  const psbt = Psbt.parseBase64(text);
  const outputs = psbt.transaction.outputs.map((output) => ({ ...output }));
  change(outputs);
  const transaction = { ...psbt.transaction, outputs };
  const facts = psbt.transaction.inputs.map((_, index) => {
    const spent = psbt.spent(index);
    const [origin] = psbt.origins(index);
    if (spent === undefined || origin === undefined) throw new Error("it tells all of its coins");
    return { spent, origin };
  });
  return Psbt.create(
    transaction,
    facts,
    outputs.map(() => ({})),
  ).toBase64();
}

test("one Troupe watches and pays, another one with the words signs, and nothing else is ever sent", async () => {
  const online = await startSandbox();
  const offline = await startSandbox();
  const signer = await recover(offline.walletd, "cold");
  const watcher = await watch(online.walletd, "watcher", await descriptorsOf(offline.walletd, signer));
  await fund(online, watcher, 2 * REWARD_SAT);
  const spend = { ...watcher, mixdepth: 0, payments: [payment], fee: { satPerVb: 5 } };

  await expect(online.walletd.send(spend, { key: "1" })).rejects.toMatchObject({
    code: "WALLETD_WATCH_ONLY",
  });
  for (const version of [0, 2] as const) {
    const made = await online.walletd.psbtCreate({ ...spend, version }, { key: `create-${version}` });
    const shown = await offline.walletd.psbtShow({ ...signer, psbt: made.psbt });
    expect(shown).toMatchObject({ txid: made.txid, feeSat: made.feeSat, refusal: null, version });
    expect(shown.paysOutSat).toBe(payment.amountSat + made.feeSat);
    await expect(
      online.walletd.psbtSign({ ...watcher, psbt: made.psbt }, { key: "2" }),
    ).rejects.toMatchObject({
      code: "WALLETD_WATCH_ONLY",
    });
    await expect(
      online.walletd.psbtFinish({ ...watcher, psbt: made.psbt }, { key: "3" }),
    ).rejects.toMatchObject({ code: "WALLETD_PSBT" });

    const signed = await offline.walletd.psbtSign({ ...signer, psbt: made.psbt }, { key: `sign-${version}` });
    expect(signed).toMatchObject({ isComplete: true, txid: made.txid, feeSat: made.feeSat });

    // Somebody on the way takes a little more for the miners.
    const lessBack = altered(made.psbt, (outputs) => {
      for (const output of outputs) if (output.amountSat !== 123_456_789n) output.amountSat -= 1n;
    });
    await expect(
      online.walletd.psbtFinish({ ...watcher, psbt: lessBack, isSent: true }, { key: "4" }),
    ).rejects.toMatchObject({
      code: "WALLETD_PSBT",
      message: expect.stringContaining("not the same"),
    });

    const sent = await online.walletd.psbtFinish(
      { ...watcher, psbt: signed.psbt, isSent: true },
      { key: `finish-${version}` },
    );
    expect(sent).toMatchObject({ isSent: true, feeSat: made.feeSat, txid: made.txid });
    const coins = await online.walletd.coins(watcher);
    expect(coins.coins.some(({ txid }) => txid === sent.txid)).toBe(true);
    await online.mine(1, ELSEWHERE);
    await waitFor("the block", async () => {
      const { mixdepths } = await online.walletd.balances(watcher);
      return mixdepths[0]?.unconfirmedSat === 0;
    });
  }
}, 240_000);

test("a wallet that watches signs nothing, in whatever way it is asked", async () => {
  const { walletd } = await startSandbox();
  const hot = await recover(walletd, "hot");
  const watcher = await watch(walletd, "watcher", await descriptorsOf(walletd, hot));
  await waitFor("the scan", async () => (await walletd.status(watcher)).sync.isKnown);
  const status = await walletd.status(watcher);
  const path = "m/84'/1'/0'/0/0";

  expect(status).toMatchObject({ canSign: false, fingerprint: "73c5da0a", clientserverId: null });
  expect((await walletd.newAddress({ ...watcher, mixdepth: 4 }, { key: "1" })).address).toBe(
    (await walletd.newAddress({ ...hot, mixdepth: 4 }, { key: "2" })).address,
  );
  expect((await walletd.bondAddress({ ...watcher, lockDate: "2030-01" })).address).toBe(
    (await walletd.bondAddress({ ...hot, lockDate: "2030-01" })).address,
  );
  const refusal = expect.objectContaining({ code: "WALLETD_WATCH_ONLY" });
  await expect(walletd.signMessage({ ...watcher, path, message: "mine" })).rejects.toEqual(refusal);
  await expect(walletd.revealSeed({ ...watcher, password: PASSWORD })).rejects.toEqual(refusal);
  const grant = { ...watcher, caller: "maker" as const, limits: {} };
  await expect(walletd.grant(grant, { key: "3" })).rejects.toEqual(refusal);
  const bump = { ...watcher, txid: "ab".repeat(32), fee: { satPerVb: 5 } };
  await expect(walletd.bump(bump, { key: "4" })).rejects.toEqual(refusal);

  await walletd.lock(watcher);
  const again = await walletd.unlock({ wallet: "watcher", password: PASSWORD });
  expect(await walletd.status({ wallet: "watcher", session: again.session })).toMatchObject({
    canSign: false,
    fingerprint: "73c5da0a",
  });
}, 240_000);

test("a payment that waits is replaced by one that pays more, and what must not be replaced is not", async () => {
  const troupe = await startSandbox();
  const { walletd } = troupe;
  const owned = await recover(walletd, "hot");
  await fund(troupe, owned, 2 * REWARD_SAT);
  const spend = { ...owned, mixdepth: 0, payments: [payment], fee: { satPerVb: 2 } };
  // The sandbox itself mines to these words.
  const before = (await walletd.balances(owned)).totalSat;
  const first = await walletd.send({ ...spend, label: "rent" }, { key: "send" });
  const bump = { ...owned, txid: first.transaction.txid };

  await expect(walletd.bump({ ...bump, fee: { satPerVb: 2.05 } }, { key: "1" })).rejects.toMatchObject({
    code: "WALLETD_FEE",
  });
  const tried = await walletd.bump({ ...bump, fee: { satPerVb: 6 }, isDryRun: true }, { key: "2" });
  expect(tried).toMatchObject({ isSent: false, replaces: first.transaction.txid });
  const second = await walletd.bump({ ...bump, fee: { satPerVb: 6 } }, { key: "3" });
  const twice = await walletd.bump({ ...bump, fee: { satPerVb: 6 } }, { key: "3" });

  expect(second).toMatchObject({ isSent: true, feeSat: tried.feeSat, changeSat: tried.changeSat });
  expect(twice.transaction.txid).toBe(second.transaction.txid);
  const paid = second.transaction.outputs.filter(({ isOurs }) => !isOurs);
  expect(paid).toMatchObject([{ address: ELSEWHERE, amountSat: payment.amountSat }]);
  const history = await walletd.history(owned);
  expect(history.entries.filter(({ height }) => height === null)).toMatchObject([
    { txid: second.transaction.txid, label: "rent" },
  ]);
  const { totalSat } = await walletd.balances(owned);
  expect(totalSat).toBe(before - payment.amountSat - second.feeSat);

  await expect(walletd.bump({ ...bump, fee: { satPerVb: 20 } }, { key: "4" })).rejects.toMatchObject({
    code: "WALLETD_NOT_BUMPABLE",
    message: expect.stringContaining("no such transaction"),
  });
  await troupe.mine(1, ELSEWHERE);
  const confirmed = { ...owned, txid: second.transaction.txid, fee: { satPerVb: 20 } };
  await waitFor("the block", async () => (await walletd.balances(owned)).mixdepths[0]?.unconfirmedSat === 0);
  await expect(walletd.bump(confirmed, { key: "5" })).rejects.toMatchObject({
    code: "WALLETD_NOT_BUMPABLE",
    message: expect.stringContaining("confirmed"),
  });

  const final = await walletd.send({ ...spend, isReplaceable: false }, { key: "6" });
  const unwilling = { ...owned, txid: final.transaction.txid, fee: { satPerVb: 20 } };
  await expect(walletd.bump(unwilling, { key: "7" })).rejects.toMatchObject({
    code: "WALLETD_NOT_BUMPABLE",
    message: expect.stringContaining("BIP125"),
  });
}, 240_000);
