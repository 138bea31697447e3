/** What a maker's wallet says of its fidelity bonds, to one taker at a time. */
import { afterEach, beforeEach, expect, it } from "vitest";
import { parseTxid } from "../../../bitcoin/bytes.ts";
import { checkBondProof } from "../../../joinmarket/bond/proof.ts";
import { stillWorld } from "../../../tests/harness/walletd/money-world.ts";
import {
  knownWallet,
  type Owned,
  WalletdUnderTest,
} from "../../../tests/harness/walletd/walletd-under-test.ts";

const WALLET = knownWallet(9);

let under: WalletdUnderTest;
let owned: Owned;
beforeEach(async () => {
  under = await WalletdUnderTest.start(stillWorld(), { config: { mixdepths: 3, gap: 4 } });
  await under.fund(WALLET, [0, 0, 300_000], [0, 1, 400_000], [1, 0, 500_000]);
  owned = await under.recovered("mixed", WALLET.words, { hasBonds: true });
});
afterEach(() => under.stop());

async function granted(): Promise<string> {
  const wish = { ...owned, caller: "maker", limits: {}, ttlS: 86_400 } as const;
  return (await under.as("operator").grant(wish)).grant;
}

it("proves the wallet's best bond to one taker", async () => {
  const { address, path } = await under.as("operator").bondAddress({ ...owned, lockDate: "2090-01" });
  const key = WALLET.keys.key({ mixdepth: 0, chain: 2, index: 70 * 12 });
  const asked = { lockDate: "2090-01", amountSat: 5_000_000 };
  const expected = await under.as("operator").bondValue(asked);
  const txid = await under.money.pay({ script: key.scriptPubKey, amountSat: 5_000_000 });
  await under.level(owned);
  const { bonds } = await under.as("operator").bonds(owned);
  expect(expected.value).toBeGreaterThan(0);
  expect(bonds[0]?.coins[0]?.value).toBeCloseTo(expected.value, -5);
  expect(bonds[0]?.locktimeS).toBe(expected.locktimeS);
  // Two that are worth less, one until earlier and one until later.
  for (const month of [69 * 12, 71 * 12]) {
    const { scriptPubKey } = WALLET.keys.key({ mixdepth: 0, chain: 2, index: month });
    await under.money.pay({ script: scriptPubKey, amountSat: 1_000_000 });
  }
  await under.level(owned);
  const grant = await granted();
  const nicks = { maker: "J5aMaker", taker: "J5aTaker" };
  const { proof } = await under
    .as("maker")
    .bondProof({ grant, makerNick: nicks.maker, takerNick: nicks.taker });

  expect(address).toBe(key.address);
  expect(path).toBe(key.pathText);
  const funds = await under.as("maker").funds({ grant });
  // Its coin is offered to nobody, though its owner has frozen nothing.
  expect(funds).toMatchObject({ hasBond: true, mixdepths: [{ availableSat: 700_000 }, {}, {}] });
  const proven = checkBondProof(proof ?? "", nicks, under.money.node.tip.height);
  expect(proven).toMatchObject({ txid: parseTxid(txid), vout: 0 });
  expect(
    checkBondProof(proof ?? "", { ...nicks, taker: "J5other" }, under.money.node.tip.height),
  ).toBeUndefined();
});

it("has no bond to prove when there is none", async () => {
  const grant = await granted();

  expect(await under.as("maker").bondProof({ grant, makerNick: "J5a", takerNick: "J5b" })).toEqual({
    proof: null,
  });
});
