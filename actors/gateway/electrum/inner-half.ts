/** The inner half of the door: the chain as clients see it, the protocol's methods, and what each client has subscribed to. Wiring only. */
import type { Network } from "../../../bitcoin/network.ts";
import type { Bus } from "../../../bus/bus.ts";
import { indexerContract } from "../../../bus/contracts/indexer.ts";
import { mempoolContract } from "../../../bus/contracts/mempool.ts";
import type { Clock } from "../../../runtime/clock.ts";
import type { Log } from "../../../runtime/log/log.ts";
import { UnconfirmedFilter } from "./asking/unconfirmed-filter.ts";
import { BothHalves } from "./chain/both-halves.ts";
import { ChainFeed } from "./chain/chain-feed.ts";
import { Fees } from "./chain/fees.ts";
import { Headers } from "./chain/headers.ts";
import { LONG_HISTORIES, type LongHistoryTerms } from "./chain/long-scripts.ts";
import { OutpointAnswers } from "./chain/outpoint-answers.ts";
import { ScriptAnswers } from "./chain/script-answers.ts";
import { Transactions } from "./chain/transactions.ts";
import type { ElectrumProtocol, Method } from "./method.ts";
import { blockMethods } from "./methods/block-methods.ts";
import type { ChainParts } from "./methods/chain-parts.ts";
import { feeMethods } from "./methods/fee-methods.ts";
import { outpointMethods } from "./methods/outpoint-methods.ts";
import { scriptMethods } from "./methods/script-methods.ts";
import { type ServerFacts, serverMethods } from "./methods/server-methods.ts";
import { transactionMethods } from "./methods/transaction-methods.ts";
import type { Session } from "./session.ts";
import { Notifier } from "./subscriptions/notifier.ts";
import { OutpointNotifier } from "./subscriptions/outpoint-notifier.ts";

export interface InnerHalfOptions {
  readonly bus: Bus;
  readonly clock: Clock;
  readonly log: Log;
  readonly network: Network;
  readonly facts: ServerFacts;
  /** A script with more confirmed entries is refused with `history too large`. */
  readonly historyMax: number;
  /** When a history counts as long, and what is remembered of long ones. */
  readonly longHistories?: LongHistoryTerms;
}

export class InnerHalf implements ElectrumProtocol {
  readonly methods: readonly Method[];
  readonly feed: ChainFeed;
  readonly headers: Headers;
  readonly #notifier: Notifier;
  readonly #outpointNotifier: OutpointNotifier;
  readonly #halves: BothHalves;
  readonly #unconfirmed: UnconfirmedFilter;

  constructor({
    bus,
    clock,
    log,
    network,
    facts,
    historyMax,
    longHistories = LONG_HISTORIES,
  }: InnerHalfOptions) {
    const indexer = bus.client(indexerContract);
    const index = bus.atHand(indexerContract);
    const mempool = bus.client(mempoolContract);
    const feed = new ChainFeed({ bus, clock, log });
    const unconfirmed = new UnconfirmedFilter({
      fetch: () => mempool.scriptFilter({}, { retries: 0 }),
      isHearing: () => bus.isUp,
      clock,
      log,
    });
    const halves = new BothHalves({ feed, mempool, unconfirmed, clock, log });
    const scripts = new ScriptAnswers({
      clock,
      indexer,
      index,
      mempool,
      halves,
      historyMax,
      longHistories,
    });
    const headers = new Headers({ indexer, feed });
    const transactions = new Transactions({ clock, indexer, index, mempool });
    const fees = new Fees({ mempool, clock });
    const notifier = new Notifier({ feed, scripts, clock, log });
    const outpoints = new OutpointAnswers({ clock, network, indexer, mempool, halves, transactions });
    const outpointNotifier = new OutpointNotifier({ answers: outpoints, clock, log });
    // What is kept is forgotten before anybody is told to look again.
    const watchers = [unconfirmed, scripts, headers, transactions, fees, notifier, outpointNotifier];
    for (const watcher of watchers) feed.watch(watcher);
    const parts: ChainParts = { network, log, feed, headers, scripts, transactions, fees, mempool };
    this.methods = [
      ...serverMethods(facts, notifier),
      ...blockMethods(parts),
      ...scriptMethods(parts, notifier),
      ...transactionMethods(parts),
      ...feeMethods(parts),
      ...outpointMethods(parts, outpoints, outpointNotifier),
    ];
    this.feed = feed;
    this.headers = headers;
    this.#notifier = notifier;
    this.#outpointNotifier = outpointNotifier;
    this.#halves = halves;
    this.#unconfirmed = unconfirmed;
  }

  /** How many subscriptions to scripts there are. */
  get scriptSubscriptions(): number {
    return this.#notifier.scriptSubscriptions;
  }

  /** Does not wait for the index: what is asked before it answers is refused with a text that says so. */
  async start(): Promise<void> {
    await this.feed.start();
    this.#unconfirmed.start();
  }

  async stop(): Promise<void> {
    this.#notifier.stop();
    this.#outpointNotifier.stop();
    this.#halves.stop();
    this.#unconfirmed.stop();
    await this.feed.stop();
  }

  silentMs(): number {
    return this.feed.silentMs;
  }

  isTelling(): boolean {
    return this.#notifier.isLooking;
  }

  forget(session: Session): void {
    this.#notifier.forget(session);
    this.#outpointNotifier.forget(session);
  }
}
