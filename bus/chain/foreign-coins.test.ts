/** What is said of coins that others name: those that nobody could spend now are none. */
import { afterEach, beforeEach, expect, it } from "vitest";
import { bytesToHex, hexToBytes } from "../../bitcoin/bytes.ts";
import { regtest } from "../../bitcoin/network.ts";
import { serializeTransaction, type Transaction, txidOf } from "../../bitcoin/transaction.ts";
import { releaseWorld } from "../../tests/harness/actors/context.ts";
import type { World } from "../../tests/harness/worlds.ts";
import { ConnectedBus } from "../connected-bus.ts";
import { indexerContract } from "../contracts/indexer.ts";
import { mempoolContract } from "../contracts/mempool.ts";
import { type FakeActor, fakeActor, silentLog } from "../fake.ts";
import { ForeignCoins } from "./foreign-coins.ts";

const TIP = { height: 1_000, hash: "00".repeat(32) };

let world: World;
let bus: ConnectedBus;
let actors: FakeActor<never>[];
let coins: ForeignCoins;
/** By txid the transaction, and the block that has it. */
let chain: Map<string, { readonly hex: string; readonly height: number }>;
/** Outpoints that an unconfirmed transaction spends. */
let moving: Set<string>;

beforeEach(async () => {
  world = await releaseWorld();
  [chain, moving] = [new Map(), new Set()];
  actors = [
    await fakeActor(world, indexerContract, {
      places: ({ txids }) => ({
        tip: TIP,
        results: txids.map((txid) => {
          const height = chain.get(txid)?.height;
          return height === undefined ? null : { height, position: 0, blockHash: TIP.hash };
        }),
      }),
      spenders: ({ outpoints }) => ({ tip: TIP, results: outpoints.map(() => null) }),
      rawTransactions: ({ txids }) => ({ results: txids.map((txid) => chain.get(txid)?.hex ?? null) }),
    }),
    await fakeActor(world, mempoolContract, {
      spenders: ({ outpoints }) => ({
        view: { tip: TIP, isSynced: true },
        results: outpoints.map(({ txid, index }) =>
          moving.has(`${txid}:${index}`) ? { txid: "ab".repeat(32), hasUnconfirmedInputs: false } : null,
        ),
      }),
      rawTransactions: ({ txids }) => ({ results: txids.map(() => null) }),
    }),
  ] as unknown as FakeActor<never>[];
  bus = new ConnectedBus(await world.connect("taker"), { log: silentLog() });
  coins = new ForeignCoins(bus, regtest);
});
afterEach(async () => {
  await bus.close();
  for (const actor of actors) await actor.stop();
  await world.stop();
});

function confirmed(height: number, spends: "a-coin" | "nothing"): string {
  const isMined = spends === "nothing";
  const transaction: Transaction = {
    version: 2,
    inputs: [
      {
        previousTxidBytes: new Uint8Array(32).fill(isMined ? 0 : 1),
        previousIndex: isMined ? 0xffff_ffff : 0,
        // The height, so that no two are alike.
        scriptSig: Uint8Array.of(2, height & 0xff, height >> 8),
        sequence: 0,
        witness: [],
      },
    ],
    outputs: [{ amountSat: 5_000n, scriptPubKey: hexToBytes("51") }],
    locktime: 0,
  };
  const txid = txidOf(transaction);
  chain.set(txid, { hex: bytesToHex(serializeTransaction(transaction)), height });
  return txid;
}

const look = async (txid: string, vout = 0) => (await coins.look([{ txid, vout }]))[0];

it("tells what a coin is worth and how deep it lies, and nothing of one that is spent or is not there", async () => {
  const txid = confirmed(999, "a-coin");
  expect(await look(txid)).toMatchObject({ txid, vout: 0, valueSat: 5_000, confirmations: 2, height: 999 });
  expect(await look(txid, 1)).toBeUndefined();
  expect(await look("cd".repeat(32))).toBeUndefined();
  moving.add(`${txid}:0`);
  expect(await look(txid)).toBeUndefined();
});

it("tells nothing of a mined coin before a hundred blocks have it under them: no node would take what spends it", async () => {
  const [young, ripe] = [confirmed(902, "nothing"), confirmed(901, "nothing")];
  expect(await look(young)).toBeUndefined();
  expect(await look(ripe)).toMatchObject({ confirmations: 100 });
});
