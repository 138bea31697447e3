/** Coinjoins of random schedules with fake time: among liars, losses and restarts nobody loses more than was agreed. */

import { afterEach, describe, expect, it } from "vitest";
import { txidToBytes } from "../bitcoin/bytes.ts";
import { scriptHashOf } from "../bitcoin/script/scripthash.ts";
import { signInputs, withSignedInputs } from "../bitcoin/signing/inputs.ts";
import { txidOf } from "../bitcoin/transaction.ts";
import { coinNumber, scriptNumber } from "./harness/joinmarket/parties.ts";
import { SEED } from "./harness/seed.ts";
import { stillWorld } from "./harness/walletd/money-world.ts";
import { CoinLedger } from "./simulation/coin-ledger.ts";
import { drawSchedule } from "./simulation/schedule.ts";
import { Simulator } from "./simulation/simulator.ts";

/** `npm run simulate` leads ten thousand. */
const SCHEDULES = 10;

let simulator: Simulator | undefined;
afterEach(() => simulator?.end());

it("no owner loses more than was agreed, no coin stays set aside, no commitment is used twice, and each failure has its reason", async () => {
  simulator = new Simulator(SEED);
  const ends: string[] = [];
  for (let number = 0; number < SCHEDULES; number++) {
    const { end, violations } = await simulator.run(number);
    expect(violations, `seed ${SEED}, schedule ${number}`).toEqual([]);
    ends.push(end);
  }
  // One in which nothing ever happens would find nothing either.
  expect(ends).toContain("done");
});

describe("a schedule", () => {
  it("is the same for the same seed and number, and another for another", () => {
    const draw = (seed: number, number: number) => {
      const { chance, ...drawn } = drawSchedule(seed, number);
      return [drawn, chance.next()];
    };
    expect(draw(SEED, 5)).toEqual(draw(SEED, 5));
    expect(draw(SEED, 5)).not.toEqual(draw(SEED, 6));
    expect(draw(SEED, 5)).not.toEqual(draw(SEED + 1, 5));
  });
});

it("knows the coins of a block in the midst of a talk, and tells of what it took once, when it is asked", () => {
  const { node } = stillWorld();
  const ledger = new CoinLedger();
  const [ours, theirs] = [scriptNumber(501), scriptNumber(502)];
  ledger.own("maker", [scriptHashOf(ours)]);
  const spend = (of: { txid: string; at: number }, script: Uint8Array, amountSat: bigint) => ({
    ...{ version: 2, locktime: 0 },
    inputs: [
      {
        previousTxidBytes: txidToBytes(of.txid as never),
        ...{ previousIndex: of.at, scriptSig: new Uint8Array(0), sequence: 0, witness: [] },
      },
    ],
    outputs: [{ amountSat, scriptPubKey: script }],
  });
  const first = spend({ txid: "ab".repeat(32), at: 0 }, ours, 5_000n);
  node.mineThese([first]);
  ledger.follow(node);
  const second = spend({ txid: txidOf(first), at: 0 }, theirs, 4_000n);
  node.mineThese([second]);

  expect(ledger.coin(`${txidOf(second)}:0`)).toBeUndefined();
  ledger.read(node);
  expect(ledger.coin(`${txidOf(second)}:0`)).toMatchObject({ amountSat: 4_000n });
  expect(ledger.follow(node)).toMatchObject([{ txid: txidOf(second), owner: "maker", costSat: 5_000 }]);
  expect(ledger.follow(node)).toEqual([]);
});

it("takes a transaction from a maker as a node does: with a signature for each coin, and with nothing changed since", () => {
  const { node } = stillWorld();
  const ledger = new CoinLedger();
  const coin = coinNumber(601, 5_000);
  const spent = { amountSat: BigInt(coin.valueSat), scriptPubKey: coin.scriptPubKey };
  const input = (txid: string) => ({
    previousTxidBytes: txidToBytes(txid as never),
    ...{ previousIndex: 0, scriptSig: new Uint8Array(0), sequence: 0, witness: [] },
  });
  const funding = { version: 2, locktime: 0, inputs: [input("ab".repeat(32))], outputs: [spent] };
  const plain = {
    ...{ version: 2, locktime: 0, inputs: [input(txidOf(funding))] },
    outputs: [{ amountSat: 4_000n, scriptPubKey: scriptNumber(602) }],
  };
  const { privateKey } = coin;
  const signed = withSignedInputs(plain, signInputs(plain, [{ index: 0, spent, privateKey }]));

  expect(ledger.isSigned(signed)).toBe(false);
  node.mineThese([funding]);
  ledger.read(node);
  expect(ledger.isSigned(signed)).toBe(true);
  expect(ledger.isSigned({ ...signed, locktime: 1 })).toBe(false);
  expect(ledger.isSigned(plain)).toBe(false);
});
