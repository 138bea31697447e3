/** Wallets that other programs made, opened here on the chain that they were made on: address for address, coin for coin. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { hexToBytes, txidFromBytes } from "../../../bitcoin/bytes.ts";
import { regtest } from "../../../bitcoin/network.ts";
import { isInputSigned } from "../../../bitcoin/signing/inputs.ts";
import { parseTransaction, type Transaction, txidOf } from "../../../bitcoin/transaction.ts";
import { waitFor } from "../../../tests/harness/wait-for.ts";
import { recordedWorld } from "../../../tests/harness/walletd/recorded-world.ts";
import { WalletdUnderTest } from "../../../tests/harness/walletd/walletd-under-test.ts";
import chain from "../../../tests/vectors/foreign-wallets/chain.json" with { type: "json" };
import clientserver from "../../../tests/vectors/foreign-wallets/clientserver.json" with { type: "json" };
import joinmarketNg from "../../../tests/vectors/foreign-wallets/joinmarket-ng.json" with { type: "json" };

/** For files that have no password of their own. */
const PASSWORD = "ours";
const ELSEWHERE = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080";

let under: WalletdUnderTest;
let wallets: string;
beforeAll(async () => {
  under = await WalletdUnderTest.start(recordedWorld(chain.blocks), { config: { open_max: 50 } });
  wallets = join(under.directory, "wallets");
  mkdirSync(wallets, { recursive: true });
});
afterAll(() => under.stop());

const owner = () => under.as("operator");

async function known(wallet: string, session: string) {
  const owned = { wallet, session };
  await waitFor("the coins", async () => (await owner().status(owned)).sync.isKnown);
  return owned;
}

type Owned = Awaited<ReturnType<typeof known>>;

async function balancesOf(owned: Owned): Promise<Record<string, number>> {
  const { mixdepths } = await owner().balances(owned);
  return Object.fromEntries(mixdepths.map(({ mixdepth, totalSat }) => [String(mixdepth), totalSat]));
}

async function coinsOf(owned: Owned) {
  const { coins } = await owner().coins(owned);
  return coins
    .map(({ txid, index, mixdepth, amountSat, address, path }) => ({
      outpoint: `${txid}:${index}`,
      mixdepth,
      value: amountSat,
      address,
      path,
    }))
    .sort((a, b) => (a.outpoint < b.outpoint ? -1 : 1));
}

async function nextAddressOf(owned: Owned, branch: string): Promise<string> {
  const [mixdepth = 0, chainIndex = 0] = branch.split("/").map(Number);
  const { path } = await owner().newAddress({ ...owned, mixdepth, chain: chainIndex as 0 | 1 });
  return path;
}

describe.each(clientserver.wallets)("joinmarket-clientserver's $name", (theirs) => {
  const file = Buffer.from(theirs.file, "base64");
  const password = theirs.password || PASSWORD;
  const name = `cs-${theirs.name}`;
  const form = theirs.password === "" ? "clientserver-plain" : "clientserver";
  let owned: Owned;

  test("is told by its form, opened where it lies, and kept as it was", async () => {
    writeFileSync(join(wallets, `${name}.jmdat`), file);
    const listed = await owner().list({});
    const { session, ...said } = await owner().unlock({ wallet: name, password });
    owned = await known(name, session);

    expect(listed.wallets.find(({ wallet }) => wallet === `${name}.jmdat`)?.form).toBe(form);
    expect(said).toMatchObject({ wasUnlocked: false, form });
    expect(readFileSync(join(wallets, `${name}.jmdat.original-1`))).toEqual(file);
    expect((await owner().list({})).wallets.find(({ wallet }) => wallet === `${name}.jmdat`)?.form).toBe(
      "troupe",
    );
    expect(await owner().status(owned)).toMatchObject({ clientserverId: theirs.id });
    expect(await owner().revealSeed({ ...owned, password })).toEqual({
      words: theirs.words,
      passphrase: theirs.passphrase,
    });
  });

  test("has the same balances, and the same coins at the same addresses and paths", async () => {
    expect(await balancesOf(owned)).toEqual(theirs.balances);
    expect(await coinsOf(owned)).toEqual(
      theirs.utxos.map(({ outpoint, mixdepth, value, address, path }) => ({
        ...{ outpoint, mixdepth, value, address, path },
      })),
    );
  });

  test("has the same coins frozen, and those let go again stay free", async () => {
    const { coins } = await owner().coins(owned);
    for (const [outpoint, isDisabled] of Object.entries(theirs.disabled as Record<string, boolean>)) {
      const coin = coins.find(({ txid, index }) => `${txid}:${index}` === outpoint);
      expect(coin?.isFrozen, outpoint).toBe(isDisabled);
    }
    for (const { outpoint, frozen } of theirs.utxos) {
      const coin = coins.find(({ txid, index }) => `${txid}:${index}` === outpoint);
      // The second coin of an address is frozen here by rule; the other program does it only while it watches.
      if (frozen) expect(coin?.isFrozen, outpoint).toBe(true);
    }
  });

  test("shows every address that the other program shows, with its label, where that shows it", async () => {
    const { accounts } = await owner().display(owned);
    for (const account of theirs.display.accounts) {
      const branches = accounts[Number(account.account)]?.branches ?? [];
      const entries = new Map(
        branches.flatMap((branch) => branch.entries.map((entry) => [entry.address, entry])),
      );
      for (const shown of account.branches.flatMap((branch) => branch.entries)) {
        const entry = entries.get(shown.address);
        // Ours lists twenty unused ones and more; theirs the first six.
        expect(entry, `${shown.hd_path} ${shown.address}`).toBeDefined();
        expect(entry?.path).toBe(shown.hd_path);
        expect(entry?.amountSat).toBe(Math.round(Number(shown.amount) * 1e8));
        expect(entry?.label).toBe(shown.label);
      }
    }
  });

  test("hands out next what the other program would", async () => {
    for (const [branch, next] of Object.entries(theirs.next)) {
      const path = await nextAddressOf(owned, branch);
      expect(path.endsWith(`/${next}`), `${path} after ${branch} ${next}`).toBe(true);
    }
  });

  test("spends its imported keys with signatures that hold", async () => {
    const imported = theirs.utxos.filter(({ path }) => path.startsWith("imported/"));
    expect(imported).toHaveLength(theirs.imported.length);
    const sent = await Promise.all(
      imported.map(async ({ mixdepth, outpoint }, i) => {
        const [txid = "", index] = outpoint.split(":");
        return owner().send(
          {
            ...owned,
            mixdepth,
            inputs: [{ txid, index: Number(index) }],
            payments: [{ address: ELSEWHERE, amountSat: 5_000_000 }],
            fee: { satPerVb: 2 },
          },
          { key: `${name}-${i}` },
        );
      }),
    );
    for (const [i, { transaction }] of sent.entries()) {
      const signed = under.money.sent.find((each) => txidOf(each) === transaction.txid) as Transaction;
      const spent = spentBy(signed);
      expect(signed.inputs).toHaveLength(1);
      expect(isInputSigned(signed, 0, spent), imported[i]?.path).toBe(true);
    }
  });
});

describe.each(joinmarketNg.wallets)("joinmarket-ng's $name", (theirs) => {
  const file = Buffer.from(theirs.content, "base64");
  const password = theirs.password || PASSWORD;
  const name = `ng-${theirs.name}`;
  let owned: Owned;

  test("is imported with the labels and frozen coins that lie beside it", async () => {
    const { session, ...said } = await owner().importFile({
      ...{ wallet: name, password, passphrase: theirs.passphrase },
      file: file.toString("base64"),
      labels: theirs.metadata,
      history: theirs.history,
    });
    owned = await known(name, session);

    expect(said).toMatchObject({
      joinmarketNgId: theirs.fingerprint,
      taken: theirs.metadata.trim().split("\n").length,
      ignored: 0,
    });
    const { creationHeight } = await owner().status(owned);
    expect(creationHeight).toBe(theirs.height);
    const { words, passphrase } = await owner().revealSeed({ ...owned, password });
    expect([words, passphrase]).toEqual([theirs.words, theirs.passphrase]);
  });

  test("has the same balances, and the same coins at the same addresses and paths, frozen or not", async () => {
    expect(await balancesOf(owned)).toEqual(theirs.balances);
    expect(await coinsOf(owned)).toEqual(
      theirs.utxos.map(({ outpoint, mixdepth, value, address, path }) => ({
        ...{ outpoint, mixdepth, value, address, path },
      })),
    );
    const { coins } = await owner().coins(owned);
    const frozen = new Set(coins.flatMap((coin) => (coin.isFrozen ? [`${coin.txid}:${coin.index}`] : [])));
    for (const coin of theirs.utxos) if (coin.frozen) expect(frozen.has(coin.outpoint)).toBe(true);
  });

  test("hands out no address that the other program has handed out", async () => {
    for (const [branch, next] of Object.entries(theirs.next)) {
      const path = await nextAddressOf(owned, branch);
      expect(path.endsWith(`/${next}`), `${path} after ${branch} ${next}`).toBe(true);
    }
  });
});

function spentBy({ inputs }: Transaction) {
  const [input] = inputs;
  const wanted = txidFromBytes(input?.previousTxidBytes as Uint8Array);
  const parent = chain.blocks
    .flatMap(({ transactions }) => transactions)
    .map((raw) => parseTransaction(hexToBytes(raw), regtest.serialization))
    .find((transaction) => txidOf(transaction) === wanted);
  const output = parent?.outputs[input?.previousIndex ?? -1];
  if (output === undefined) throw new Error(`no ${wanted}`);
  return output;
}
