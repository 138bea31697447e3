import { afterEach, beforeEach, expect, it } from "vitest";
import { seedOf } from "../../../bitcoin/keys/mnemonic.ts";
import { regtest } from "../../../bitcoin/network.ts";
import { WalletKeys } from "../../../joinmarket/wallet/wallet-keys.ts";
import { stillWorld } from "../../../tests/harness/walletd/money-world.ts";
import {
  knownWallet,
  type Owned,
  PASSWORD,
  WalletdUnderTest,
} from "../../../tests/harness/walletd/walletd-under-test.ts";

const { words } = knownWallet(47);
const PASSPHRASE = "thirteenth wörd";
/** Much further than what the section's gap of four looks. */
const FAR = 30;
const GAP = 40;
const keys = WalletKeys.fromSeed(seedOf(words.split(" "), PASSPHRASE), {
  ...{ network: regtest, type: "bip84", hasBonds: false },
});

let under: WalletdUnderTest;
beforeEach(async () => {
  under = await WalletdUnderTest.start(stillWorld(), { config: { mixdepths: 2, gap: 4 } });
});
afterEach(() => under.stop());

async function pay(index: number, amountSat: number): Promise<void> {
  const { scriptPubKey } = keys.key({ mixdepth: 1, chain: 0, index });
  await under.money.pay({ script: scriptPubKey, amountSat });
}

async function totalOf(owned: Owned): Promise<number> {
  await under.level(owned);
  return (await under.as("operator").balances(owned)).totalSat;
}

it("finds a coin that lies far out under a passphrase, and what comes there later", async () => {
  await pay(FAR, 300_000);
  const more = { hasBonds: false, gap: GAP, passphrase: PASSPHRASE };
  const near = await under.recovered("near", words, { ...more, gap: 4 });
  const other = await under.recovered("other", words, { ...more, passphrase: "" });
  const far = await under.recovered("far", words, more);
  expect([await totalOf(near), await totalOf(other), await totalOf(far)]).toEqual([0, 0, 300_000]);

  await pay(FAR + GAP, 50_000);
  expect(await totalOf(far)).toBe(350_000);
});

it("goes on with its search, as far as was asked, when walletd ends in the midst of it", async () => {
  await pay(FAR, 300_000);
  const operator = under.as("operator");
  await operator.recover({ wallet: "far", words, password: PASSWORD, passphrase: PASSPHRASE, gap: GAP });

  const owned = await under.reopened("far");
  expect(await totalOf(owned)).toBe(300_000);
  expect((await operator.status(owned)).gap).toBe(GAP);
});
