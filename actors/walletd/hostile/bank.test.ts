import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { txidOf } from "../../../bitcoin/transaction.ts";
import {
  ELSEWHERE,
  HOUR_MS,
  MINE,
  ownScript,
  paying,
  RobbedWallets,
} from "../../../tests/harness/walletd/robbed-wallets.ts";
import type { WalletdUnderTest } from "../../../tests/harness/walletd/walletd-under-test.ts";

/** The ledger, or the door that it believes, may be broken into: walletd holds whoever has the grant to what it says. */
let scene: RobbedWallets;
let under: WalletdUnderTest;
beforeEach(async () => {
  scene = await RobbedWallets.start();
  ({ under } = scene);
});
afterEach(() => scene.stop());

const LIMITS = { mixdepths: [0], amountSatMax: 60_000, miningFeeSatMax: 2_000, daySatMax: 100_000 };
const beyond = (limit: string) => ({ code: "WALLETD_BEYOND_GRANT", data: { limit } });

async function robber(limits: Partial<typeof LIMITS> = {}) {
  const { grant } = await under
    .as("operator")
    .grant({ ...scene.mine, caller: "ledger", limits: { ...LIMITS, ...limits }, ttlS: 86_400 });
  const wish = { grant, address: ELSEWHERE, amountSat: 40_000, feeSatMax: 2_000, blocks: 6 };
  return { grant, wish, ledger: under.as("ledger") };
}

const id = (number: number) => number.toString(16).padStart(16, "0");

describe("a ledger that has been broken into", () => {
  it("pays one order once, however often and however differently it asks", async () => {
    const { wish, ledger } = await robber();
    const first = await ledger.payOut({ ...wish, order: id(1) });
    expect(await ledger.payOut({ ...wish, order: id(1), feeSatMax: 0 })).toEqual(first);
    await expect(ledger.payOut({ ...wish, order: id(1), amountSat: 40_001 })).rejects.toMatchObject({
      code: "BUS_CONFLICT",
    });
    expect(new Set(under.money.sent.map(txidOf)).size).toBe(1);
  });

  it("gets no more in one payment, for its miners, or in a day than the grant says, whichever grant it uses", async () => {
    const { wish, ledger } = await robber();
    await expect(ledger.payOut({ ...wish, order: id(1), amountSat: 60_001 })).rejects.toMatchObject(
      beyond("amountSatMax"),
    );
    await expect(ledger.payOut({ ...wish, order: id(1), feeSatMax: 1 })).rejects.toMatchObject(
      beyond("miningFeeSatMax"),
    );
    const mean = await robber({ miningFeeSatMax: 1 });
    await expect(ledger.payOut({ ...mean.wish, order: id(1) })).rejects.toMatchObject(
      beyond("miningFeeSatMax"),
    );
    await ledger.payOut({ ...wish, order: id(1) });
    await under.money.mine(1);
    await under.level(scene.mine);
    await ledger.payOut({ ...wish, order: id(2) });
    await under.money.mine(1);
    await under.level(scene.mine);
    const limit = { code: "WALLETD_LIMIT", data: { limit: "daySatMax" } };
    await expect(ledger.payOut({ ...wish, order: id(3) })).rejects.toMatchObject(limit);
    const other = await robber();
    await expect(ledger.payOut({ ...other.wish, order: id(3) })).rejects.toMatchObject(limit);
    scene.clock.pass(25 * HOUR_MS);
    const later = await robber();
    await ledger.payOut({ ...later.wish, order: id(3) });
  });

  it("pays nothing to the bank's own change, which its books would take for paid out", async () => {
    const { grant, wish, ledger } = await robber();
    await ledger.payOut({ ...wish, order: id(1) });
    await under.money.mine(1);
    await under.level(scene.mine);
    const { address } = MINE.keys.key({ mixdepth: 0, chain: 1, index: 0 });
    expect(under.money.sent.at(-1)?.outputs.some(paying(ownScript(0, 1, 0)))).toBe(true);

    const refused = { code: "WALLETD_ADDRESS" };
    await expect(ledger.bankQuote({ grant, address, blocks: 6, amountSat: 5_000 })).rejects.toMatchObject(
      refused,
    );
    await expect(ledger.payOut({ ...wish, order: id(2), address })).rejects.toMatchObject(refused);
  });

  it("gets no coins of another mixdepth, and sees none", async () => {
    const { grant, wish, ledger } = await robber({ amountSatMax: 2_000_000, daySatMax: 2_000_000 });
    expect(await ledger.bankView({ grant, sinceHeight: 0 })).toMatchObject({ totalSat: 700_000 });
    await expect(ledger.payOut({ ...wish, order: id(1), amountSat: 800_000 })).rejects.toMatchObject({
      code: "WALLETD_FUNDS",
    });
  });

  it("has nothing when its grant is taken back, and nobody else can use it", async () => {
    const { grant, wish, ledger } = await robber();
    const none = { code: "WALLETD_NO_GRANT" };
    await expect(under.as("maker").funds({ grant })).rejects.toMatchObject(none);
    await expect(under.as("taker").funds({ grant })).rejects.toMatchObject(none);
    const makers = await scene.grantTo("maker");
    await expect(ledger.payOut({ ...wish, grant: makers, order: id(1) })).rejects.toMatchObject(none);
    await under.as("operator").revoke(scene.mine);
    await expect(ledger.payOut({ ...wish, order: id(1) })).rejects.toMatchObject(none);
    await expect(ledger.bankAddress({ grant })).rejects.toMatchObject(none);
  });

  it("cannot ask for what only owners, makers and takers may", async () => {
    const { grant, ledger } = await robber();
    await expect(ledger.send({ ...scene.mine, mixdepth: 0, payments: [] as never })).rejects.toThrow();
    await expect(ledger.funds({ grant })).rejects.toThrow();
    await expect(ledger.revealSeed({ ...scene.mine, password: "x" } as never)).rejects.toThrow();
    expect(under.money.sent).toEqual([]);
  });

  it("gets a hundred addresses within an hour and no more", async () => {
    const { grant, ledger } = await robber();
    const asked = await Promise.allSettled(Array.from({ length: 110 }, () => ledger.bankAddress({ grant })));
    expect(asked.filter(({ status }) => status === "fulfilled").length).toBeLessThanOrEqual(101);
    expect(asked.at(-1)).toMatchObject({ reason: { code: "WALLETD_TOO_FAST" } });
  });
});
