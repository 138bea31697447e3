/** A coinjoin that we signed is known when the chain shows it, under whatever id others' signatures have given it. */
import { expect, it } from "vitest";
import { bytesToHex, hexToBytes } from "../../../bitcoin/bytes.ts";
import { regtest } from "../../../bitcoin/network.ts";
import { serializeTransaction, type Transaction, txidOf } from "../../../bitcoin/transaction.ts";
import { ManualClock } from "../../../runtime/clock.ts";
import { bareIdOf, type SignedJoin, SignedJoins } from "./signed-joins.ts";

const OURS = "aa".repeat(32);
/** Ours, and a nested coin of somebody's, whose signature changes the id. */
function spending(nested: string, amountSat: bigint): Transaction {
  const inputs = ["", nested].map((scriptSig, at) => ({
    previousTxidBytes: hexToBytes(at === 0 ? OURS : "dd".repeat(32)),
    previousIndex: 3,
    scriptSig: hexToBytes(scriptSig),
    sequence: 0xfffffffd,
    witness: [],
  }));
  return {
    ...{ version: 2, locktime: 0, inputs },
    outputs: [{ amountSat, scriptPubKey: hexToBytes(`0014${"ee".repeat(20)}`) }],
  };
}
const COINJOIN = spending("16001400112233445566778899aabbccddeeff00112233", 5_000n);
/** Of our coin too, when the taker had not come back. */
const ANOTHER = spending("", 4_000n);
const [THEIRS, BARE] = [txidOf(COINJOIN), bareIdOf(COINJOIN)];
const RAW: Readonly<Record<string, string>> = Object.fromEntries(
  [COINJOIN, ANOTHER].map((each) => [txidOf(each), bytesToHex(serializeTransaction(each))]),
);
const NOTHING = { seen: [], lost: [] };
const outpoint = { txid: OURS, index: 3 };

function joinsOn(
  spender: () => { mempool: string | null; chain: string | null },
  trouble: () => string | undefined = () => undefined,
) {
  const notes: { txid: string; completedAtS: number | null }[] = [];
  type Asked = { readonly outpoints: readonly (typeof outpoint)[] };
  const answer = (txid: string | null, { outpoints }: Asked) => ({
    results: outpoints.map(({ index }) =>
      txid === null || index !== outpoint.index ? null : { txid, index: 0 },
    ),
  });
  const rawTransactions = async ({ txids }: { readonly txids: readonly string[] }) => ({
    results: txids.map((txid) => RAW[txid] ?? null),
  });
  const clients: Record<string, object> = {
    indexer: { spenders: async (asked: Asked) => answer(spender().chain, asked), rawTransactions },
    mempool: { spenders: async (asked: Asked) => answer(spender().mempool, asked), rawTransactions },
  };
  const joins = new SignedJoins({
    bus: { client: ({ name }: { name: string }) => clients[name] } as never,
    walletd: {
      async addHistoryNote({ txid, note }: { txid: string; note: { completedAtS: number | null } }) {
        const code = trouble();
        if (code !== undefined) throw Object.assign(new Error(code), { code });
        notes.push({ txid, completedAtS: note.completedAtS });
        return {};
      },
    } as never,
    clock: new ManualClock(),
    network: regtest,
    grant: "",
  });
  return { joins, notes };
}

const JOIN: SignedJoin = {
  ...{ taker: "J5taker", bareId: BARE, amountSat: 1, earnedSat: 1, startedAtMs: 0, signedAtMs: 0 },
  promised: {
    ...{ reservation: "r", plainText: "", outpoints: [outpoint], inputSat: 2 },
    ...{ coinjoinFeeSat: 1, txfeeSat: 0 },
  },
};

it.each([
  ["the mempool", { mempool: THEIRS, chain: null }],
  ["a block", { mempool: null, chain: THEIRS }],
])("it is the one that spends our coin in %s, and is told of once", async (_, shown) => {
  let now: { mempool: string | null; chain: string | null } = { mempool: null, chain: null };
  const { joins, notes } = joinsOn(() => now);
  joins.add(JOIN);
  await joins.tell();
  expect(await joins.look()).toEqual(NOTHING);
  now = shown;

  expect((await joins.look()).seen).toMatchObject([{ bareId: BARE }]);
  expect(await joins.look()).toEqual(NOTHING);
  await joins.tell();
  await joins.tell();
  expect(notes.map(({ txid, completedAtS }) => [txid, completedAtS === null])).toEqual([
    [BARE, true],
    [THEIRS, false],
  ]);
});

it("of a taker who never came back no other transaction of the coin is taken for his", async () => {
  let now: { mempool: string | null; chain: string | null } = { mempool: txidOf(ANOTHER), chain: null };
  const { joins, notes } = joinsOn(() => now);
  joins.add(JOIN);
  expect(await joins.look()).toEqual(NOTHING);

  // His own may still replace it, as long as no block has the other.
  now = { mempool: THEIRS, chain: null };
  expect((await joins.look()).seen).toMatchObject([{ txid: THEIRS }]);
  await joins.tell();
  joins.add({ ...JOIN, promised: { ...JOIN.promised, reservation: "s" } });
  now = { mempool: null, chain: txidOf(ANOTHER) };
  expect(await joins.look()).toEqual(NOTHING);
  now = { mempool: null, chain: THEIRS };
  expect(await joins.look()).toEqual(NOTHING);
  await joins.tell();
  expect(notes.filter(({ completedAtS }) => completedAtS !== null)).toHaveLength(1);
});

it("what neither the network nor a block has at this moment is looked for again", async () => {
  let now: { mempool: string | null; chain: string | null } = { mempool: "ab".repeat(32), chain: null };
  const { joins } = joinsOn(() => now);
  joins.add(JOIN);
  expect(await joins.look()).toEqual(NOTHING);
  now = { mempool: null, chain: BARE };
  expect((await joins.look()).seen).toMatchObject([{ txid: BARE }]);
});

it("is told of also when the wallet's history cannot be told at that moment, which hears of it later", async () => {
  let code: string | undefined = "BUS_UNAVAILABLE";
  const { joins, notes } = joinsOn(
    () => ({ mempool: THEIRS, chain: null }),
    () => code,
  );
  joins.add(JOIN);
  expect((await joins.look()).seen).toMatchObject([{ txid: THEIRS }]);
  await expect(joins.tell()).rejects.toMatchObject({ code });
  // The wallet has not heard of the transaction yet: no reason to ask again before it has.
  code = "WALLETD_BEYOND_GRANT";
  await joins.tell();
  expect(notes).toEqual([]);

  code = undefined;
  await joins.tell();
  expect(notes).toMatchObject([{ txid: THEIRS, completedAtS: expect.any(Number) }]);
});

it("is taken back when its taker has replaced it before a block had it, and stands when a block has it", async () => {
  let now: { mempool: string | null; chain: string | null } = { mempool: THEIRS, chain: null };
  const { joins } = joinsOn(() => now);
  joins.add(JOIN);
  expect((await joins.look()).seen).toMatchObject([{ txid: THEIRS }]);
  now = { mempool: txidOf(ANOTHER), chain: null };
  expect(await joins.look()).toEqual(NOTHING);
  now = { mempool: null, chain: txidOf(ANOTHER) };
  expect(await joins.look()).toMatchObject({ seen: [], lost: [{ bareId: BARE, earnedSat: 1 }] });
  expect(await joins.look()).toEqual(NOTHING);

  joins.add(JOIN);
  now = { mempool: null, chain: THEIRS };
  expect((await joins.look()).seen).toHaveLength(1);
  now = { mempool: null, chain: txidOf(ANOTHER) };
  expect(await joins.look()).toEqual(NOTHING);
});
