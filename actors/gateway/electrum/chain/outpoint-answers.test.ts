import { expect, it } from "vitest";
import { regtest } from "../../../../bitcoin/network.ts";
import { systemClock } from "../../../../runtime/clock.ts";
import { rawTransactionWith } from "../../../../tests/harness/chain/plain-transaction.ts";
import { OutpointAnswers, type OutpointAnswersOptions } from "./outpoint-answers.ts";

const RAW = rawTransactionWith(3);
const [CONFIRMED, UNCONFIRMED] = ["aa".repeat(32), "bb".repeat(32)];

it("outputs of one transaction are asked about together, and how many it has is read once", async () => {
  const asked: string[][] = [];
  const read: string[] = [];
  const options = {
    clock: systemClock,
    network: regtest,
    indexer: {
      places: async ({ txids }: { txids: string[] }) => {
        asked.push(txids);
        return { tip: null, results: txids.map((txid) => (txid === CONFIRMED ? { height: 7 } : null)) };
      },
      spenders: async ({ outpoints }: { outpoints: { index: number }[] }) => ({
        results: outpoints.map(({ index }) => (index === 1 ? { txid: "cc".repeat(32), height: 9 } : null)),
      }),
    },
    mempool: {
      transactions: async ({ txids }: { txids: string[] }) => {
        asked.push(txids);
        return { results: txids.map((txid) => (txid === CONFIRMED ? null : { hasUnconfirmedInputs: true })) };
      },
      spenders: async ({ outpoints }: { outpoints: unknown[] }) => ({ results: outpoints.map(() => null) }),
    },
    halves: {
      ask: async (confirmed: () => Promise<unknown>, unconfirmed: (tip: string) => Promise<unknown>) => ({
        confirmed: await confirmed(),
        unconfirmed: await unconfirmed("00"),
        isOfOneBlock: true,
      }),
    },
    transactions: {
      raw: async (txid: string) => {
        read.push(txid);
        return RAW;
      },
    },
  };
  const answers = new OutpointAnswers(options as unknown as OutpointAnswersOptions);
  const outpoints = [CONFIRMED, UNCONFIRMED].flatMap((txid) =>
    [0, 1, 2, 3].map((index) => ({ txid, index })),
  );
  const expected = [
    { funder_height: 7 },
    { funder_height: 7, spender_txhash: "cc".repeat(32), spender_height: 9 },
    { funder_height: 7 },
    {},
    { funder_height: -1 },
    { funder_height: -1, spender_txhash: "cc".repeat(32), spender_height: 9 },
    { funder_height: -1 },
    {},
  ];
  for (let round = 0; round < 2; round++) {
    expect(await Promise.all(outpoints.map((outpoint) => answers.status(outpoint)))).toEqual(expected);
  }

  expect(asked).toEqual(Array(4).fill([CONFIRMED, UNCONFIRMED]));
  expect(read).toEqual([CONFIRMED, UNCONFIRMED]);
});
