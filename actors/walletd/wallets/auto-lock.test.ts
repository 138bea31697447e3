import { afterEach, beforeEach, expect, it } from "vitest";
import { waitFor } from "../../../tests/harness/wait-for.ts";
import { stillWorld } from "../../../tests/harness/walletd/money-world.ts";
import {
  HastyClock,
  knownWallet,
  type Owned,
  PASSWORD,
  WalletdUnderTest,
} from "../../../tests/harness/walletd/walletd-under-test.ts";

const MINUTE_MS = 60_000;
const MINUTES = 30;

let clock: HastyClock;
let under: WalletdUnderTest;
let owned: Owned;
beforeEach(async () => {
  clock = new HastyClock();
  under = await WalletdUnderTest.start(stillWorld(), {
    clock,
    config: { lock_after_minutes: MINUTES, gap: 2 },
  });
  owned = await under.recovered("idle", knownWallet(3).words, { hasBonds: false });
});
afterEach(() => under.stop());

async function isUnlocked(): Promise<boolean> {
  const { wallets } = await under.as("operator").list({});
  return wallets[0]?.isUnlocked === true;
}

/** Longer than it takes to look twice. */
const looks = () => new Promise((resolve) => setTimeout(resolve, 1_100));

it("locks a wallet that nobody has used for so long, and says why", async () => {
  const { walletdContract } = await import("../../../bus/contracts/walletd.ts");
  const told: unknown[] = [];
  await under.busOf("gateway").onEvent(walletdContract, "wallet.locked", (body) => void told.push(body));
  clock.pass(MINUTES * MINUTE_MS);
  await waitFor("the wallet to be locked", async () => !(await isUnlocked()));

  expect(told).toEqual([{ wallet: "idle.jmdat", why: "idle" }]);
  await expect(under.as("operator").balances(owned)).rejects.toMatchObject({ code: "WALLETD_NO_SESSION" });
  await under.as("operator").unlock({ wallet: "idle", password: PASSWORD });
});

it("leaves one open that is used, and begins to count anew", async () => {
  clock.pass((MINUTES - 5) * MINUTE_MS);
  await under.as("operator").balances(owned);
  clock.pass((MINUTES - 5) * MINUTE_MS);
  await looks();

  expect(await isUnlocked()).toBe(true);
});

it("locks one of which somebody only asks how it stands, as the pages of wallets do all the time", async () => {
  const owner = under.as("operator");
  clock.pass((MINUTES - 5) * MINUTE_MS);
  await Promise.all([owner.status(owned), owner.yieldReport(owned)]);
  clock.pass(6 * MINUTE_MS);
  await waitFor("the wallet to be locked", async () => !(await isUnlocked()));
});

it("leaves one open that a maker may use, until it may no longer", async () => {
  await under.as("operator").grant({ ...owned, caller: "maker", limits: {}, ttlS: 30 * 86_400 });
  clock.pass(2 * MINUTES * MINUTE_MS);
  await looks();
  expect(await isUnlocked()).toBe(true);

  await under.as("operator").revoke(owned);
  clock.pass(MINUTES * MINUTE_MS);
  await waitFor("the wallet to be locked", async () => !(await isUnlocked()));
});

it("counts the time for which the host slept, and is not fooled by a clock that is set back", async () => {
  clock.jump(-365 * 24 * 60 * MINUTE_MS);
  clock.pass(MINUTES * MINUTE_MS);
  await waitFor("the wallet to be locked", async () => !(await isUnlocked()));
  await under.as("operator").unlock({ wallet: "idle", password: PASSWORD });

  // A host that wakes up: the clock on the wall has gone on, the other stood still.
  clock.jump(MINUTES * MINUTE_MS);
  await waitFor("the wallet to be locked again", async () => !(await isUnlocked()));
});
