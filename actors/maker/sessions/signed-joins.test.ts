/** A coinjoin that we signed is known when the chain shows it, under whatever id others' signatures have given it. */
import { expect, it } from "vitest";
import { ManualClock } from "../../../runtime/clock.ts";
import { type SignedJoin, SignedJoins } from "./signed-joins.ts";

const [OURS, THEIRS, BARE] = ["aa", "bb", "cc"].map((byte) => byte.repeat(32)) as [string, string, string];
const outpoint = { txid: OURS, index: 3 };

function joinsOn(spender: () => { mempool: string | null; chain: string | null }) {
  const notes: { txid: string; completedAtS: number | null }[] = [];
  type Asked = { readonly outpoints: readonly (typeof outpoint)[] };
  const answer = (txid: string | null, { outpoints }: Asked) => ({
    results: outpoints.map(({ index }) =>
      txid === null || index !== outpoint.index ? null : { txid, index: 0 },
    ),
  });
  const clients: Record<string, object> = {
    indexer: { spenders: async (asked: Asked) => answer(spender().chain, asked) },
    mempool: { spenders: async (asked: Asked) => answer(spender().mempool, asked) },
  };
  const joins = new SignedJoins({
    bus: { client: ({ name }: { name: string }) => clients[name] } as never,
    walletd: {
      async addHistoryNote({ txid, note }: { txid: string; note: { completedAtS: number | null } }) {
        notes.push({ txid, completedAtS: note.completedAtS });
        return {};
      },
    } as never,
    clock: new ManualClock(),
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
  await joins.add(JOIN);
  expect(await joins.look()).toEqual([]);
  now = shown;

  expect(await joins.look()).toMatchObject([{ bareId: BARE }]);
  expect(await joins.look()).toEqual([]);
  expect(notes.map(({ txid, completedAtS }) => [txid, completedAtS === null])).toEqual([
    [BARE, true],
    [THEIRS, false],
  ]);
});
