/** What is known of single outputs: which transaction makes them, which one spends them, and where these stand. */
import { hexToBytes } from "../../../../bitcoin/bytes.ts";
import type { Network } from "../../../../bitcoin/network.ts";
import { parseTransaction } from "../../../../bitcoin/transaction.ts";
import type { Client } from "../../../../bus/bus.ts";
import { INDEXER_BATCH_MAX, type indexerContract } from "../../../../bus/contracts/indexer.ts";
import type { mempoolContract } from "../../../../bus/contracts/mempool.ts";
import type { Clock } from "../../../../runtime/clock.ts";
import { Gathering } from "../asking/gathering.ts";
import { KeptAnswers } from "../asking/kept-answers.ts";
import type { BothHalves, Halves } from "./both-halves.ts";
import type { Transactions } from "./transactions.ts";

export interface Outpoint {
  readonly txid: string;
  readonly index: number;
}

/** As the protocol's draft writes it; heights of what is unconfirmed are 0 and -1, as in histories. Empty: not known. */
export interface OutpointStatus {
  readonly funder_height?: number;
  readonly spender_txhash?: string;
  readonly spender_height?: number;
}

export interface OutpointAnswersOptions {
  readonly clock: Clock;
  readonly network: Network;
  readonly indexer: Client<typeof indexerContract>;
  readonly mempool: Client<typeof mempoolContract>;
  readonly halves: BothHalves;
  readonly transactions: Transactions;
}

const KEPT_COUNTS_MAX = 100_000;
const UNKNOWN: OutpointStatus = Object.freeze({});

export class OutpointAnswers {
  readonly #options: OutpointAnswersOptions;
  readonly #statuses: Gathering<Outpoint, OutpointStatus>;
  /** By transaction: all that are followed are looked at with each block, and how many outputs one has never changes. */
  readonly #outputCounts: KeptAnswers<number | null>;

  constructor(options: OutpointAnswersOptions) {
    this.#options = options;
    this.#statuses = new Gathering({
      clock: options.clock,
      ask: (outpoints) => this.#ask(outpoints),
      batchMax: INDEXER_BATCH_MAX,
    });
    this.#outputCounts = new KeptAnswers({
      ask: (txid) => this.#countOutputs(txid),
      weightOf: (count) => (count === null ? Number.POSITIVE_INFINITY : 1),
      weightMax: KEPT_COUNTS_MAX,
    });
  }

  async status(outpoint: Outpoint): Promise<OutpointStatus> {
    const status = await this.#statuses.ask(outpoint);
    // What is spent exists; otherwise only the transaction itself says how many outputs it has.
    if (status.funder_height === undefined || status.spender_txhash !== undefined) return status;
    const count = await this.#outputCounts.of(outpoint.txid);
    return count !== null && outpoint.index < count ? status : UNKNOWN;
  }

  /** Null for a transaction that has gone meanwhile. */
  async #countOutputs(txid: string): Promise<number | null> {
    const raw = await this.#options.transactions.raw(txid);
    if (raw === undefined) return null;
    return parseTransaction(hexToBytes(raw), this.#options.network.serialization).outputs.length;
  }

  async #ask(outpoints: readonly Outpoint[]): Promise<OutpointStatus[]> {
    const { indexer, mempool, halves } = this.#options;
    // Many outputs of one transaction are one question.
    const txids = [...new Set(outpoints.map(({ txid }) => txid))];
    const funderAt = new Map(txids.map((txid, i) => [txid, i]));
    const both = await halves.ask(
      async () => {
        const [places, spenders] = await Promise.all([
          indexer.places({ txids }),
          indexer.spenders({ outpoints: [...outpoints] }),
        ]);
        // A block that comes between the two is set right at its news, when all that is followed is looked at again.
        return { tip: places.tip, places: places.results, spenders: spenders.results };
      },
      async (confirmedTip) => {
        const [funders, spenders] = await Promise.all([
          mempool.transactions({ txids, confirmedTip }),
          mempool.spenders({ outpoints: [...outpoints], confirmedTip }),
        ]);
        return { view: funders.view, funders: funders.results, spenders: spenders.results };
      },
    );
    return outpoints.map(({ txid }, i) => statusAt(both, funderAt.get(txid) ?? 0, i));
  }
}

interface Flagged {
  readonly hasUnconfirmedInputs: boolean;
}

type AskedHalves = Halves<
  {
    readonly places: readonly ({ readonly height: number } | null)[];
    readonly spenders: readonly ({ readonly txid: string; readonly height: number } | null)[];
  },
  {
    readonly funders: readonly (Flagged | null)[];
    readonly spenders: readonly ((Flagged & { readonly txid: string }) | null)[];
  }
>;

function statusAt({ confirmed, unconfirmed }: AskedHalves, funderAt: number, i: number): OutpointStatus {
  const funder = unconfirmed?.funders[funderAt];
  const funderHeight = confirmed.places[funderAt]?.height ?? (funder ? heightOf(funder) : undefined);
  if (funderHeight === undefined) return UNKNOWN;
  const taken = confirmed.spenders[i];
  if (taken) return { funder_height: funderHeight, spender_txhash: taken.txid, spender_height: taken.height };
  const spender = unconfirmed?.spenders[i];
  return spender
    ? { funder_height: funderHeight, spender_txhash: spender.txid, spender_height: heightOf(spender) }
    : { funder_height: funderHeight };
}

function heightOf({ hasUnconfirmedInputs }: Flagged): number {
  return hasUnconfirmedInputs ? -1 : 0;
}
