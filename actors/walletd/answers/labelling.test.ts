/** What an owner may label: addresses that exist, whoever has them. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { stillWorld } from "../../../tests/harness/walletd/money-world.ts";
import {
  knownWallet,
  type Owned,
  WalletdUnderTest,
} from "../../../tests/harness/walletd/walletd-under-test.ts";

const WALLET = knownWallet(12);
const TXID = "ab".repeat(32);
const ELSEWHERE = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080";

let under: WalletdUnderTest;
let owned: Owned;
beforeAll(async () => {
  under = await WalletdUnderTest.start(stillWorld(), { config: { mixdepths: 2, gap: 4 } });
  owned = await under.recovered("mine", WALLET.words, {});
}, 60_000);
afterAll(() => under.stop());

const operator = () => under.as("operator");
const labels = async () => (await operator().labels(owned)).text;

it("labels addresses of this network, of whomever, and nothing else as an address", async () => {
  for (const ref of ["somewhere", `${ELSEWHERE}x`, "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", TXID]) {
    await expect(operator().setLabel({ ...owned, type: "addr", ref, label: "rent" })).rejects.toMatchObject({
      code: "WALLETD_ADDRESS",
    });
  }
  expect(await labels()).toBe("");

  await operator().setLabel({ ...owned, type: "addr", ref: ELSEWHERE, label: "rent" });
  await operator().setLabel({ ...owned, type: "tx", ref: TXID, label: "rent paid" });
  expect(await labels()).toContain(ELSEWHERE);
  expect(await labels()).toContain(TXID);
});

it("takes away a label of what is no address", async () => {
  await operator().importLabels({ ...owned, text: '{"type":"addr","ref":"somewhere","label":"old"}' });
  expect(await labels()).toContain("somewhere");

  await operator().setLabel({ ...owned, type: "addr", ref: "somewhere", label: "" });
  expect(await labels()).not.toContain("somewhere");
});
