/** When a maker ends, and whether it earns on, by what its owner does with the wallet and the grant. */
import { afterEach, expect, it } from "vitest";
import { MakerWorld } from "../../tests/harness/maker/maker-world.ts";

const AMOUNT_SAT = 60_000_000;

let world: MakerWorld;
afterEach(() => world.stop());

it("ends when its owner takes the wallet back", async () => {
  world = await MakerWorld.start();
  const taker = await world.taker();
  const { maker } = await world.upToPromise(taker, AMOUNT_SAT);
  await world.walletd.as("operator").revoke({ ...world.owned, id: world.grantId });
  await world.until("the end", async () => (await world.status()).state === "ended");
  await world.until("the coins to be free", async () => (await world.reserved()) === 0);
  expect(world.hub.sent.findLast(({ from, isPrivate }) => from === maker && !isPrivate)?.text).toBe(
    "cancel 0",
  );
  expect((await world.status()).why).toContain("start it again");
});

it("earns on by itself when walletd was restarted and its wallet is open again, under another nick", async () => {
  world = await MakerWorld.start();
  const taker = await world.taker();
  const { maker } = await world.upToPromise(taker, AMOUNT_SAT);
  await world.restartWalletd();
  await world.until("the end", async () => (await world.status()).state === "ended");
  await world.unlock();
  await world.until("the offers", async () => (await world.status()).state === "offering");

  const { nick } = await world.status();
  expect(nick).not.toBe(maker);
  expect(await world.reserved()).toBe(0);
  const other = await world.taker();
  await world.upToPromise(other, AMOUNT_SAT);
});

it("does not earn on when its owner has locked the wallet himself, or has taken the grant back", async () => {
  world = await MakerWorld.start();
  await world.walletd.as("operator").lock(world.owned);
  await world.until("the end", async () => (await world.status()).state === "ended");
  await world.unlock();
  await world.pass(30_000);
  expect((await world.status()).state).toBe("ended");

  await world.earn();
  await world.until("the offers", async () => (await world.status()).state === "offering");
  await world.walletd.as("operator").revoke({ ...world.owned, id: world.grantId });
  await world.until("the end", async () => (await world.status()).state === "ended");
  await world.restartWalletd();
  await world.unlock();
  await world.pass(30_000);
  expect((await world.status()).state).toBe("ended");
});
