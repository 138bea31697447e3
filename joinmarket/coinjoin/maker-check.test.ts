/** What a maker signs and what it does not, one change at a time. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { regtest } from "../../bitcoin/network.ts";
import type { Transaction, TransactionOutput } from "../../bitcoin/transaction.ts";
import {
  type CoinjoinParties,
  coinjoinParties,
  coinNumber,
  scriptNumber,
} from "../../tests/harness/joinmarket/parties.ts";
import { checkAsMaker, type MakerPromise, makerChangeSat } from "./maker-check.ts";
import { buildCoinjoin } from "./shape.ts";

const DESTINATION = scriptNumber(1);
const CHANGE = scriptNumber(2);

function transactionOf(
  { takerCoins, makers, amountSat, minerFeeSat }: CoinjoinParties,
  seed: number,
): Transaction {
  let state = seed;
  const randomBelow = (end: number) => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return state % end;
  };
  const taker = { coins: takerCoins, destinationScript: DESTINATION, changeScript: CHANGE };
  return buildCoinjoin({ taker, makers, amountSat, minerFeeSat, tipHeight: 900_000 }, randomBelow);
}

const promiseOf = ({ makers, amountSat }: CoinjoinParties, at: number): MakerPromise => {
  const maker = makers[at % makers.length] as CoinjoinParties["makers"][number];
  return { ...maker, network: regtest, amountSat };
};

const parties = fc.tuple(coinjoinParties, fc.nat(10), fc.nat(1_000_000));

function withOutput(
  transaction: Transaction,
  script: Uint8Array,
  change: (output: TransactionOutput) => TransactionOutput[],
): Transaction {
  const isHere = (output: TransactionOutput) => Buffer.compare(output.scriptPubKey, script) === 0;
  return {
    ...transaction,
    outputs: transaction.outputs.flatMap((output) => (isHere(output) ? change(output) : [output])),
  };
}

const bySat = (sat: bigint) => (output: TransactionOutput) => [
  { ...output, amountSat: output.amountSat + sat },
];

it("signs its own inputs and no other of every coinjoin that pays as promised", () => {
  fc.assert(
    fc.property(parties, ([who, at, seed]) => {
      const transaction = transactionOf(who, seed);
      const promise = promiseOf(who, at);

      const verdict = checkAsMaker(transaction, promise);

      if (!verdict.isGood) throw new Error(verdict.refusal);
      const signed = verdict.ownInputs.map((index) => transaction.inputs[index]?.previousIndex);
      expect(signed).toEqual(promise.coins.map(({ vout }) => vout));
      expect(verdict.earnedSat).toBe(promise.coinjoinFeeSat - promise.txfeeSat);
    }),
  );
});

it("takes a satoshi more, and tells that it earned it", () => {
  fc.assert(
    fc.property(parties, ([who, at, seed]) => {
      const promise = promiseOf(who, at);
      const fairSat = promise.coinjoinFeeSat - promise.txfeeSat;
      for (const script of [promise.coinjoinScript, promise.changeScript]) {
        const verdict = checkAsMaker(withOutput(transactionOf(who, seed), script, bySat(1n)), promise);

        expect(verdict).toMatchObject({ isGood: true, earnedSat: fairSat + 1 });
      }
    }),
    { numRuns: 30 },
  );
});

describe("refuses", () => {
  const refusal = (transaction: Transaction, promise: MakerPromise) => {
    const verdict = checkAsMaker(transaction, promise);
    return verdict.isGood ? "signed" : verdict.refusal;
  };

  it.each<[string, string, (transaction: Transaction, promise: MakerPromise) => Transaction]>([
    [
      "an equal output that is a satoshi short",
      "coinjoin-output-too-small",
      (transaction, { coinjoinScript }) => withOutput(transaction, coinjoinScript, bySat(-1n)),
    ],
    [
      "change that is a satoshi short",
      "change-output-too-small",
      (transaction, { changeScript }) => withOutput(transaction, changeScript, bySat(-1n)),
    ],
    [
      "a missing equal output",
      "coinjoin-output-not-once",
      (transaction, { coinjoinScript }) => withOutput(transaction, coinjoinScript, () => []),
    ],
    [
      "missing change",
      "change-output-not-once",
      (transaction, { changeScript }) => withOutput(transaction, changeScript, () => []),
    ],
    [
      "its equal output twice",
      "coinjoin-output-not-once",
      (transaction, { coinjoinScript }) =>
        withOutput(transaction, coinjoinScript, (output) => [output, output]),
    ],
    [
      "its change twice",
      "change-output-not-once",
      (transaction, { changeScript }) => withOutput(transaction, changeScript, (output) => [output, output]),
    ],
    [
      "the same coin twice among the inputs",
      "malformed",
      (transaction) => ({
        ...transaction,
        inputs: [...transaction.inputs, ...transaction.inputs.slice(0, 1)],
      }),
    ],
    ["no outputs at all", "malformed", (transaction) => ({ ...transaction, outputs: [] })],
    ["no inputs at all", "malformed", (transaction) => ({ ...transaction, inputs: [] })],
    [
      "more money than there is",
      "malformed",
      (transaction, { changeScript }) => withOutput(transaction, changeScript, bySat(regtest.money.maxSat)),
    ],
  ])("%s", (_, wanted, change) => {
    fc.assert(
      fc.property(parties, ([who, at, seed]) => {
        const promise = promiseOf(who, at);

        expect(refusal(change(transactionOf(who, seed), promise), promise)).toBe(wanted);
      }),
      { numRuns: 30 },
    );
  });

  it("a transaction without any one of its coins", () => {
    fc.assert(
      fc.property(parties, fc.nat(2), ([who, at, seed], which) => {
        const transaction = transactionOf(who, seed);
        const promise = promiseOf(who, at);
        const gone = promise.coins[which % promise.coins.length];
        const inputs = transaction.inputs.filter(({ previousTxidBytes }) => {
          return gone?.txid !== Buffer.from(previousTxidBytes).reverse().toString("hex");
        });

        expect(refusal({ ...transaction, inputs }, promise)).toBe(
          inputs.length === 0 ? "malformed" : "own-coin-missing",
        );
      }),
      { numRuns: 30 },
    );
  });

  it("an amount that nobody else gets", () => {
    fc.assert(
      fc.property(parties, ([who, at, seed]) => {
        const promise = promiseOf(who, at);
        const alone = {
          ...transactionOf(who, seed),
          outputs: [
            { amountSat: BigInt(promise.amountSat), scriptPubKey: promise.coinjoinScript },
            { amountSat: BigInt(makerChangeSat(promise)), scriptPubKey: promise.changeScript },
            { amountSat: BigInt(promise.amountSat + 1), scriptPubKey: DESTINATION },
          ],
        };

        expect(refusal(alone, promise)).toBe("no-other-equal-output");
      }),
      { numRuns: 30 },
    );
  });

  it("to lose money on its own offer", () => {
    fc.assert(
      fc.property(parties, ([who, at, seed]) => {
        const promise = promiseOf(who, at);
        const losing = { ...promise, txfeeSat: promise.coinjoinFeeSat + 1 };

        expect(refusal(transactionOf(who, seed), losing)).toBe("earns-less-than-nothing");
      }),
      { numRuns: 30 },
    );
  });

  const coin = coinNumber(9, 1_000_000);
  const promise: MakerPromise = {
    network: regtest,
    coins: [coin],
    amountSat: 100_000,
    coinjoinFeeSat: 10,
    txfeeSat: 0,
    coinjoinScript: scriptNumber(3),
    changeScript: scriptNumber(4),
  };

  it.each<[string, Partial<MakerPromise>]>([
    ["of no coins", { coins: [] }],
    ["of one script for both outputs", { changeScript: promise.coinjoinScript }],
    ["of nothing to mix", { amountSat: 0 }],
    ["of half a satoshi", { amountSat: 0.5 }],
    ["of a negative fee", { coinjoinFeeSat: -1 }],
    ["of more than its coins", { amountSat: 1_000_011 }],
    ["of no number", { txfeeSat: Number.NaN }],
  ])("to act on a promise %s", (_, change) => {
    const { coins, amountSat } = promise;
    const transaction = transactionOf(
      {
        amountSat,
        minerFeeSat: 0,
        takerCoins: [coinNumber(10, 500_000)],
        makers: [{ ...promise, coins: coins.map((each) => ({ ...each, privateKey: coin.privateKey })) }],
      },
      1,
    );

    expect(refusal(transaction, promise)).toBe("signed");
    expect(refusal(transaction, { ...promise, ...change })).toBe("bad-promise");
  });

  it("to act on a promise that names a coin twice", () => {
    const twice = { ...promise, coins: [coin, coin], amountSat: 100_000 };
    const transaction = transactionOf(
      {
        amountSat: 100_000,
        minerFeeSat: 0,
        takerCoins: [coinNumber(10, 500_000)],
        makers: [{ ...promise, coins: [coin] }],
      },
      1,
    );

    expect(refusal(transaction, twice)).toBe("own-coin-missing");
  });
});
