/** The contract's questions as questions to the view, each batch answered from one moment. */
import type { ScriptHash, Txid } from "../../../bitcoin/bytes.ts";
import type { Handlers } from "../../../bus/bus.ts";
import type { MempoolView, mempoolContract } from "../../../bus/contracts/mempool.ts";
import type { Clock } from "../../../runtime/clock.ts";
import { feeHistogram } from "../view/fee-histogram.ts";
import { ladderOf, type MiningPlace, miningOrder, placeFor } from "../view/mining-order.ts";
import { Queries } from "../view/queries.ts";
import type { View } from "../view/view.ts";

export type Reads = Pick<
  Handlers<typeof mempoolContract>,
  "histories" | "unspents" | "balances" | "spenders" | "transactions" | "recent" | "feeHistogram"
>;

export interface ReadsOptions {
  readonly view: View;
  readonly clock: Clock;
  /** Resolves when we stand on the block, or when it is not worth waiting any longer. */
  readonly reach: (blockHash: string) => Promise<void>;
}

/** What is made of the whole view is kept for so long, and longer if nothing changes. */
const HISTOGRAM_MS = 5_000;
/** Rarer: with 50,000 transactions it takes this thread some 150 ms, in which nobody is told anything. */
const ORDER_MS = 30_000;
const RECENT_MS = 200;
/** As many as the contract lets anyone ask for. */
const RECENT_MAX = 100;

/** The shape of hashes is checked at the edge of the bus. */
export function reads({ view, clock, reach }: ReadsOptions): Reads {
  const { tables } = view;
  const histogram = kept(view, clock, HISTOGRAM_MS, () => feeHistogram(tables.unconfirmed()));
  const order = kept(view, clock, ORDER_MS, () => {
    const places = miningOrder(tables);
    return { places, ladder: ladderOf(places) };
  });
  const recent = kept(view, clock, RECENT_MS, () => newest(tables.unconfirmed(), RECENT_MAX));

  const asOf = async <T>(
    confirmedTip: string | undefined,
    answer: (queries: Queries) => T[],
  ): Promise<{ view: MempoolView; results: T[] }> => {
    if (confirmedTip !== undefined && view.heightFor(confirmedTip) === undefined) await reach(confirmedTip);
    // From here on nothing is awaited: all of one moment.
    const height = confirmedTip === undefined ? undefined : view.heightFor(confirmedTip);
    if (confirmedTip === undefined || height === undefined) {
      return { view: view.now, results: answer(new Queries(tables)) };
    }
    const tip = { height, hash: confirmedTip };
    return { view: { ...view.now, tip }, results: answer(new Queries(tables, height)) };
  };

  return {
    histories: ({ scripthashes, confirmedTip, limit }) =>
      asOf(confirmedTip, (queries) =>
        scripthashes.map((hash) => queries.history(hash as ScriptHash, limit) ?? null),
      ),
    unspents: ({ scripthashes, confirmedTip, limit }) =>
      asOf(confirmedTip, (queries) =>
        scripthashes.map((hash) => queries.coins(hash as ScriptHash, limit) ?? null),
      ),
    balances: ({ scripthashes, confirmedTip }) =>
      asOf(confirmedTip, (queries) => scripthashes.map((hash) => queries.balanceSat(hash as ScriptHash))),
    spenders: ({ outpoints, confirmedTip }) =>
      asOf(confirmedTip, (queries) =>
        outpoints.map(({ txid, index }) => {
          const entry = queries.spender(txid as Txid, index);
          if (entry === undefined) return null;
          return { txid: entry.txid, hasUnconfirmedInputs: queries.hasUnconfirmedInputs(entry) };
        }),
      ),
    transactions: ({ txids, confirmedTip }) =>
      asOf(confirmedTip, (queries) => txids.map((txid) => transaction(queries, txid as Txid, order()))),
    recent: ({ count }) => ({
      results: recent()
        .slice(0, count)
        .map(({ txid, feeSat, sizeVb }) => ({ txid, feeSat, sizeVb })),
    }),
    feeHistogram: () => ({ histogram: histogram() }),
  };
}

interface Order {
  readonly places: ReadonlyMap<Txid, MiningPlace>;
  readonly ladder: readonly MiningPlace[];
}

function transaction(queries: Queries, txid: Txid, { places, ladder }: Order) {
  const entry = queries.entry(txid);
  if (entry === undefined) return null;
  const { feeSat, sizeVb, weight, timeS } = entry;
  // One that came after the order was made stands for itself until the next one.
  const place = places.get(txid) ?? placeFor(ladder, (feeSat * 1_000) / sizeVb);
  return {
    feeSat,
    sizeVb,
    weight,
    timeS,
    hasUnconfirmedInputs: queries.hasUnconfirmedInputs(entry),
    parents: queries.parents(entry),
    ancestors: queries.ancestors(entry),
    descendants: queries.descendants(entry),
    ...place,
  };
}

/** The last ones of an order in which they came, the newest first. */
function newest<T>(items: Iterable<T>, count: number): T[] {
  const last: T[] = [];
  for (const item of items) {
    last.push(item);
    if (last.length >= 4 * count) last.splice(0, last.length - count);
  }
  return last.slice(-count).reverse();
}

/** Made again only when the view is another one, and not all the time. */
function kept<T>(view: View, clock: Clock, keptMs: number, make: () => T): () => T {
  let value: T | undefined;
  let revision = -1;
  let madeMs = Number.NEGATIVE_INFINITY;
  return () => {
    const nowMs = clock.monotonicMs();
    if (value === undefined || (revision !== view.revision && nowMs - madeMs >= keptMs)) {
      value = make();
      revision = view.revision;
      madeMs = nowMs;
    }
    return value;
  };
}
