/** Coinjoins that we signed: until the chain shows them, and as long as their taker may ask us to send them. */

import { hexToBytes } from "../../../bitcoin/bytes.ts";
import type { Network } from "../../../bitcoin/network.ts";
import { parseTransaction, type Transaction, txidOf } from "../../../bitcoin/transaction.ts";
import type { Bus, Client } from "../../../bus/bus.ts";
import { indexerContract } from "../../../bus/contracts/indexer.ts";
import { mempoolContract } from "../../../bus/contracts/mempool.ts";
import type { Clock } from "../../../runtime/clock.ts";
import { hasCode } from "../../../runtime/errors.ts";
import type { MakerPromised, Walletd } from "./promise.ts";

export interface SignedJoin {
  readonly taker: string;
  /** The transaction's id without anybody's signatures: nested coins of others change it when they are signed. */
  readonly bareId: string;
  readonly amountSat: number;
  readonly promised: MakerPromised;
  /** By the transaction itself. */
  readonly earnedSat: number;
  readonly startedAtMs: number;
  readonly signedAtMs: number;
}

export interface SeenJoin extends SignedJoin {
  readonly txid: string;
}

export interface Looked {
  readonly seen: readonly SeenJoin[];
  /** Told of as seen before, and a block has another transaction of the coin: its taker has sent that instead. */
  readonly lost: readonly SignedJoin[];
}

interface Watched extends SignedJoin {
  /** How often its taker has asked us to send it. */
  pushes: number;
  isPushed: boolean;
  isSeen: boolean;
  /** Not by the mempool alone, where another transaction may still take its place. */
  isInBlock: boolean;
  /** What the wallet's history is still to be told. */
  untold: Told | undefined;
}

interface Told {
  readonly txid: string;
  readonly completedAtS: number | null;
}

export interface SignedJoinsParts {
  readonly bus: Bus;
  readonly walletd: Walletd;
  readonly clock: Clock;
  readonly network: Network;
  readonly grant: string;
}

/** As long as others' makers wait for the transaction. */
const PUSH_MS = 3_600_000;
const JOINS_MAX = 200;
/** What came garbled, or was refused by the network, may be sent once more: so often. */
const PUSHES_MAX = 4;

export class SignedJoins {
  readonly #parts: SignedJoinsParts;
  readonly #indexer: Client<typeof indexerContract>;
  readonly #mempool: Client<typeof mempoolContract>;
  readonly #joins = new Set<Watched>();

  constructor(parts: SignedJoinsParts) {
    this.#parts = parts;
    this.#indexer = parts.bus.client(indexerContract);
    this.#mempool = parts.bus.client(mempoolContract);
  }

  add(join: SignedJoin): void {
    const known = [...this.#joins].some(({ promised }) => promised.reservation === join.promised.reservation);
    if (known) return;
    for (const old of this.#joins) {
      if (this.#joins.size >= JOINS_MAX || this.#isOver(old)) this.#joins.delete(old);
    }
    // Before the chain shows it: if we end until then, the history still knows what it was.
    const untold = { txid: join.bareId, completedAtS: null };
    this.#joins.add({ ...join, pushes: 0, isPushed: false, isSeen: false, isInBlock: false, untold });
  }

  /** The one that a taker may ask us to send: signed by us for it, once, and not long ago. */
  takeForPush(taker: string, transaction: Transaction): SignedJoin | undefined {
    const bareId = bareIdOf(transaction);
    for (const join of this.#joins) {
      if (join.taker !== taker || join.bareId !== bareId || join.isPushed || this.#isOver(join)) continue;
      if (++join.pushes > PUSHES_MAX) continue;
      join.isPushed = true;
      return join;
    }
    return undefined;
  }

  /** The network did not take what its taker gave us. */
  notPushed({ promised }: SignedJoin): void {
    for (const join of this.#joins) {
      if (join.promised.reservation === promised.reservation) join.isPushed = false;
    }
  }

  /**
   * Those that the chain shows by now, under whatever id others' signatures have given them. A coin that was promised to a
   * taker who never came back is spent by another transaction one day: that one is not his.
   */
  async look(): Promise<Looked> {
    const waiting = [...this.#joins].filter((join) => !join.isInBlock);
    if (waiting.length === 0) return { seen: [], lost: [] };
    const outpoints = waiting.flatMap(({ promised }) => promised.outpoints.slice(0, 1));
    const [mempool, chain] = await Promise.all([
      this.#mempool.spenders({ outpoints }),
      this.#indexer.spenders({ outpoints }),
    ]);
    const seen: SeenJoin[] = [];
    const lost: SignedJoin[] = [];
    for (const [at, join] of waiting.entries()) {
      const inBlock = chain.results[at]?.txid;
      const txid = inBlock ?? mempool.results[at]?.txid;
      if (txid === undefined) continue;
      const bareId = txid === join.bareId ? txid : await this.#bareIdOf(txid);
      if (bareId !== join.bareId) {
        // Not known yet, or another's; one that only waits may still be replaced by his.
        if (bareId === undefined || inBlock === undefined) continue;
        if (this.#joins.delete(join) && join.isSeen) lost.push(join);
        continue;
      }
      join.isInBlock = inBlock !== undefined;
      if (join.isSeen) continue;
      join.isSeen = true;
      join.untold = { txid, completedAtS: Math.floor(this.#parts.clock.now() / 1_000) };
      seen.push({ ...join, txid });
    }
    return { seen, lost };
  }

  /** Tells the wallet's history what it does not know yet; throws when walletd is away, and is to be asked again then. */
  async tell(): Promise<void> {
    for (const join of this.#joins) {
      const { untold } = join;
      if (untold === undefined) continue;
      try {
        await this.#note(join, untold);
      } catch (error) {
        // The wallet does not know this transaction yet: it will have heard of it when we look again.
        if (hasCode(error, "WALLETD_BEYOND_GRANT")) continue;
        throw error;
      }
      if (join.untold === untold) join.untold = undefined;
    }
  }

  /** Of a transaction that is on the network or in a block; nothing when neither has it at this moment. */
  async #bareIdOf(txid: string): Promise<string | undefined> {
    for (const there of [this.#mempool, this.#indexer]) {
      const [raw] = (await there.rawTransactions({ txids: [txid] })).results;
      if (raw === null || raw === undefined) continue;
      return bareIdOf(parseTransaction(hexToBytes(raw), this.#parts.network.serialization));
    }
    return undefined;
  }

  #isOver({ signedAtMs }: SignedJoin): boolean {
    return this.#parts.clock.now() - signedAtMs > PUSH_MS;
  }

  async #note(join: SignedJoin, { txid, completedAtS }: Told): Promise<void> {
    const { promised, amountSat, earnedSat, taker, startedAtMs } = join;
    await this.#parts.walletd.addHistoryNote({
      grant: this.#parts.grant,
      txid,
      note: {
        role: "maker",
        isSuccess: true,
        failure: null,
        amountSat,
        inputs: promised.outpoints.length,
        inputSat: promised.inputSat,
        peers: [taker],
        feeReceivedSat: earnedSat + promised.txfeeSat,
        txfeeContributionSat: promised.txfeeSat,
        makerFeesSat: 0,
        miningFeeSat: 0,
        startedAtS: Math.floor(startedAtMs / 1_000),
        completedAtS,
        broadcastBy: "",
      },
    });
  }
}

/** The id of a transaction as it was before anybody signed. */
export function bareIdOf(transaction: Transaction): string {
  const inputs = transaction.inputs.map((input) => ({ ...input, scriptSig: new Uint8Array(0), witness: [] }));
  return txidOf({ ...transaction, inputs });
}
