/** What a transaction shall pay, from what the node says: targets, chance, the least and the most. */
import fc from "fast-check";
import { afterEach, beforeEach, expect, it } from "vitest";
import { ConnectedBus } from "../../../bus/connected-bus.ts";
import { mempoolContract } from "../../../bus/contracts/mempool.ts";
import { type FakeActor, fakeActor, silentLog } from "../../../bus/fake.ts";
import { releaseWorld } from "../../../tests/harness/actors/context.ts";
import type { World } from "../../../tests/harness/worlds.ts";
import { walletdSection } from "../config.ts";
import { readSettings, type WalletSettings } from "../wallets/wallet-settings.ts";
import { Feerates } from "./feerates.ts";

let world: World;
let bus: ConnectedBus;
let mempool: FakeActor<typeof mempoolContract>;
let node: { relay: number; mempool: number; estimate: number | null };
beforeEach(async () => {
  node = { relay: 1_000, mempool: 1_000, estimate: 10_000 };
  world = await releaseWorld();
  mempool = await fakeActor(world, mempoolContract, {
    relayFees: () => ({
      relaySatPerKvb: node.relay,
      mempoolSatPerKvb: node.mempool,
      incrementalSatPerKvb: 100,
    }),
    feeEstimates: ({ targets }) => ({ results: targets.map(() => node.estimate) }),
  });
  bus = new ConnectedBus(await world.connect("walletd"), { log: silentLog() });
});
afterEach(async () => {
  await bus.close();
  await mempool.stop();
  await world.stop();
});

const settings = (config: object = {}, own: Record<string, string> = {}): WalletSettings =>
  readSettings(own, walletdSection.schema.parse(config));
const rate = (fee: { blocks: number } | { satPerVb: number }, rules = settings(), chance = 0) =>
  new Feerates(bus, () => chance).satPerKvb(fee, rules);
const refused = expect.objectContaining({ code: "WALLETD_FEE" });

it("asks the node for so many blocks, and raises what it says by chance, up to the setting's part", async () => {
  expect(await rate({ blocks: 6 })).toBe(10_000);
  expect(await rate({ blocks: 6 }, settings(), 0.5)).toBe(11_000);
  expect(await rate({ blocks: 6 }, settings({ fee_random_percent: 50 }), 0.5)).toBe(12_500);
  expect(await rate({ blocks: 6 }, settings({ fee_random_percent: 0 }), 0.999)).toBe(10_000);
  expect(mempool.calls.find(({ method }) => method === "feeEstimates")?.input).toMatchObject({
    targets: [6],
  });
});

it("pays exactly what was said by the virtual byte, without chance", async () => {
  expect(await rate({ satPerVb: 12.5 }, settings(), 0.9)).toBe(12_500);
  expect(await rate({ satPerVb: 1.001 })).toBe(1_001);
});

it("never pays less than what the node relays and takes into its mempool now", async () => {
  node = { relay: 1_000, mempool: 30_000, estimate: 10_000 };
  expect(await rate({ blocks: 2 })).toBe(30_000);
  await expect(rate({ satPerVb: 29.9 })).rejects.toEqual(refused);
  expect(await rate({ satPerVb: 30 })).toBe(30_000);
});

it("takes joinmarket's own rate where the node has no estimate yet", async () => {
  node.estimate = null;
  expect(await rate({ blocks: 2 })).toBe(20_000);
});

it("refuses what is above the cap, said or estimated, and chance does not lift it over", async () => {
  const capped = settings({ fee_max_sat_per_vb: 11 });
  await expect(rate({ satPerVb: 11.01 }, capped)).rejects.toEqual(refused);
  expect(await rate({ satPerVb: 11 }, capped)).toBe(11_000);
  expect(await rate({ blocks: 2 }, capped, 0.999)).toBe(11_000);
  node.estimate = 11_001;
  await expect(rate({ blocks: 2 }, capped)).rejects.toEqual(refused);
});

it("takes the wallet's own settings before the section's", () => {
  const config = { fee_blocks: 4, fee_max_sat_per_vb: 100, fee_random_percent: 10 };
  expect(settings(config)).toMatchObject({ fee: { blocks: 4 }, feeMaxSatPerVb: 100, feeRandom: 0.1 });
  expect(
    settings(config, {
      "POLICY.tx_fees": "2500",
      "POLICY.tx_fees_factor": "0",
      "POLICY.absurd_fee_per_kb": "50000",
    }),
  ).toMatchObject({ fee: { satPerVb: 2.5 }, feeMaxSatPerVb: 50, feeRandom: 0 });
});

it("whatever the node says and chance does, the rate is whole, not below its least and not above the cap", async () => {
  const sats = fc.integer({ min: 0, max: 1_000_000 });
  await fc.assert(
    fc.asyncProperty(
      sats,
      sats,
      fc.option(sats),
      fc.double({ min: 0, max: 0.999, noNaN: true }),
      async (relay, least, estimate, chance) => {
        node = { relay, mempool: least, estimate };
        const found = await rate({ blocks: 3 }, settings(), chance).catch(() => undefined);
        const lowest = Math.max(relay, least);
        if (found === undefined) expect(Math.max(lowest, estimate ?? 20_000)).toBeGreaterThan(350_000);
        else {
          expect(Number.isInteger(found)).toBe(true);
          expect(found).toBeGreaterThanOrEqual(lowest);
          expect(found).toBeLessThanOrEqual(350_000);
        }
      },
    ),
    { numRuns: 100 },
  );
});
