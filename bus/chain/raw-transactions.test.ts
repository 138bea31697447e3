/** Tests of fetching transactions: from wherever they are, and only what was asked for. */
import { afterEach, beforeEach, expect, test } from "vitest";
import { bytesToHex, hexToBytes } from "../../bitcoin/bytes.ts";
import { regtest } from "../../bitcoin/network.ts";
import { serializeTransaction, type Transaction, txidOf } from "../../bitcoin/transaction.ts";
import { releaseWorld } from "../../tests/harness/actors/context.ts";
import type { World } from "../../tests/harness/worlds.ts";
import { ConnectedBus } from "../connected-bus.ts";
import { indexerContract } from "../contracts/indexer.ts";
import { mempoolContract } from "../contracts/mempool.ts";
import { type FakeActor, fakeActor, silentLog } from "../fake.ts";
import { RawTransactions } from "./raw-transactions.ts";

let world: World;
let bus: ConnectedBus;
let actors: FakeActor<never>[];
/** By txid what each of them tells for it. */
let inChain: Map<string, string>;
let inMempool: Map<string, string>;
let asked: string[];
beforeEach(async () => {
  world = await releaseWorld();
  inChain = new Map();
  inMempool = new Map();
  asked = [];
  const tell = (who: string, from: () => Map<string, string>) => (input: { txids: readonly string[] }) => {
    asked.push(`${who} ${input.txids.length}`);
    return { results: input.txids.map((txid) => from().get(txid) ?? null) };
  };
  actors = [
    await fakeActor(world, indexerContract, { rawTransactions: tell("indexer", () => inChain) }),
    await fakeActor(world, mempoolContract, { rawTransactions: tell("mempool", () => inMempool) }),
  ] as unknown as FakeActor<never>[];
  bus = new ConnectedBus(await world.connect("taker"), { log: silentLog() });
});
afterEach(async () => {
  await bus.close();
  for (const actor of actors) await actor.stop();
  await world.stop();
});

function made(number: number): { readonly txid: string; readonly hex: string } {
  const transaction: Transaction = {
    version: 2,
    inputs: [
      {
        previousTxidBytes: new Uint8Array(32).fill(1),
        previousIndex: number,
        scriptSig: new Uint8Array(0),
        sequence: 0,
        witness: [],
      },
    ],
    outputs: [{ amountSat: BigInt(number), scriptPubKey: hexToBytes("51") }],
    locktime: 0,
  };
  return { txid: txidOf(transaction), hex: bytesToHex(serializeTransaction(transaction)) };
}

async function fetched(txids: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>();
  await new RawTransactions(bus, regtest).fetch(txids, (txid, transaction, hex) => {
    expect(txidOf(transaction)).toBe(txid);
    found.set(txid, hex);
  });
  return found;
}

test("finds each in the chain or in the mempool, and leaves out what nobody has", async () => {
  const [deep, waiting, gone] = [made(1), made(2), made(3)];
  inChain.set(deep.txid, deep.hex);
  inMempool.set(waiting.txid, waiting.hex);

  expect(await fetched([waiting.txid, gone.txid, deep.txid])).toEqual(
    new Map([
      [waiting.txid, waiting.hex],
      [deep.txid, deep.hex],
    ]),
  );
  expect(asked).toEqual(["indexer 3", "mempool 2"]);
});

test("asks for many in several questions, and the mempool for none that the chain has", async () => {
  const many = Array.from({ length: 230 }, (_, number) => made(number));
  for (const { txid, hex } of many) inChain.set(txid, hex);

  expect((await fetched(many.map(({ txid }) => txid))).size).toBe(230);
  expect(asked).toEqual(["indexer 100", "indexer 100", "indexer 30"]);
});

test("takes no other transaction for the one that was asked for, whoever tells it", async () => {
  const [wanted, other] = [made(1), made(2)];
  inChain.set(wanted.txid, other.hex);
  expect(await fetched([wanted.txid])).toEqual(new Map());

  inChain.clear();
  inMempool.set(wanted.txid, other.hex);
  expect(await fetched([wanted.txid])).toEqual(new Map());
});
