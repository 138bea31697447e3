/** The inner half of the Electrum door over a real indexer and a mempool of brute force, asked by sessions in this process. */
import {
  LONG_HISTORIES,
  type LongHistoryTerms,
} from "../../../actors/gateway/electrum/chain/long-scripts.ts";
import { EncodedJson } from "../../../actors/gateway/electrum/encoded-json.ts";
import { InnerHalf } from "../../../actors/gateway/electrum/inner-half.ts";
import { MethodTable } from "../../../actors/gateway/electrum/method.ts";
import { PROTOCOL_CODES, ProtocolError } from "../../../actors/gateway/electrum/protocol-error.ts";
import { type ProtocolVersion, version } from "../../../actors/gateway/electrum/protocol-version.ts";
import type { Session } from "../../../actors/gateway/electrum/session.ts";
import type { BlockSource } from "../../../actors/indexer/sync/block-source.ts";
import { regtest } from "../../../bitcoin/network.ts";
import type { Handlers } from "../../../bus/bus.ts";
import { ScriptFilter } from "../../../bus/contracts/mempool/script-filter.ts";
import { type MempoolChange, mempoolContract } from "../../../bus/contracts/mempool.ts";
import { type FakeActor, fakeActor, silentLog } from "../../../bus/fake.ts";
import { systemClock } from "../../../runtime/clock.ts";
import { IndexerUnderTest, sourceOf } from "../indexer/indexer.ts";
import { ModelMempool } from "../mempool/model-mempool.ts";
import { waitFor } from "../wait-for.ts";

/** What a client was told unasked. */
export interface Notification {
  readonly method: string;
  readonly params: readonly unknown[];
}

/** A client without a wire: what it is sent, it keeps. */
export class TestSession implements Session {
  readonly id: number;
  readonly version: ProtocolVersion;
  readonly responseBytesMax: number = 64 * 1024 * 1024;
  readonly notifications: Notification[] = [];
  readonly #half: InnerHalf;
  readonly #methods: ReturnType<MethodTable["of"]>;
  readonly address = "192.0.2.7";
  readonly isViaTor = false;
  isClosed = false;
  cost = 0;
  subscriptions = 0;
  subscriptionsMax = Number.POSITIVE_INFINITY;

  constructor(half: InnerHalf, table: MethodTable, id: number, agreed: string) {
    this.#half = half;
    this.id = id;
    this.version = version(agreed);
    this.#methods = table.of(this.version);
  }

  /** The result as a client would read it from the wire. */
  async call(name: string, params?: unknown): Promise<unknown> {
    const method = this.#methods.get(name);
    if (method === undefined)
      throw new ProtocolError(PROTOCOL_CODES.unknownMethod, `unknown method "${name}"`);
    return asRead(await method.call(params, this));
  }

  close(): void {
    this.isClosed = true;
    this.#half.forget(this);
  }

  notify(method: string, params: readonly unknown[] | EncodedJson): void {
    if (!this.isClosed) this.notifications.push({ method, params: asRead(params) as unknown[] });
  }

  charge(cost: number): void {
    this.cost += cost;
  }

  addSubscription(): void {
    if (this.subscriptions >= this.subscriptionsMax) throw new ProtocolError(1, "too many subscriptions");
    this.subscriptions += 1;
  }

  dropSubscription(): void {
    this.subscriptions -= 1;
  }

  statusesOf(scripthash: string): unknown[] {
    return statusesIn(this.notifications, scripthash);
  }

  heights(): unknown[] {
    return heightsIn(this.notifications);
  }
}

const STATUS = {
  tip: null,
  isSynced: true,
  transactions: 0,
  sizeVb: 0,
  nodeBytes: null,
  nodeBytesMax: null,
  feeSat: 0,
  targetTransactions: 0,
  txsPerSecond: 0,
  secondsLeft: null,
};

export type MempoolHandlers = Partial<Handlers<typeof mempoolContract>>;

export class ElectrumUnderTest {
  readonly half: InnerHalf;
  readonly indexer: IndexerUnderTest;
  readonly model: ModelMempool;
  readonly #table: MethodTable;
  readonly #handlers: MempoolHandlers;
  mempool: FakeActor<typeof mempoolContract>;
  #sessions = 0;
  #changesTold = 0;
  #changesHeard = 0;

  private constructor(
    indexer: IndexerUnderTest,
    mempool: FakeActor<typeof mempoolContract>,
    model: ModelMempool,
    handlers: MempoolHandlers,
    longHistories: LongHistoryTerms,
  ) {
    this.indexer = indexer;
    this.mempool = mempool;
    this.model = model;
    this.#handlers = handlers;
    this.half = new InnerHalf({
      bus: indexer.asker,
      clock: systemClock,
      log: silentLog(),
      network: regtest,
      historyMax: 1_000_000,
      longHistories,
      facts: {
        banner: () => "hello",
        donationAddress: () => "",
        hosts: () => ({}),
        software: "Troupe test",
        protocolMin: "1.4",
        protocolMax: "1.6",
        genesisHash: regtest.genesis.hash,
      },
    });
    this.#table = new MethodTable(this.half.methods);
    const heard = () => {
      this.#changesHeard += 1;
    };
    this.half.feed.watch({ transactionsTouched: heard, everythingTouched: () => {} });
  }

  /** Started, and level with its source; the index mounted, as it is on one host, or asked over the bus. */
  static async start(
    source: BlockSource,
    handlers: MempoolHandlers = {},
    longHistories: LongHistoryTerms = LONG_HISTORIES,
    isMounted = true,
  ): Promise<ElectrumUnderTest> {
    const model = new ModelMempool();
    const all = {
      ...model.handlers(),
      status: () => STATUS,
      scriptFilter: () => filterOf(model, under.mempool.publisher),
      ...handlers,
    };
    const indexer = await IndexerUnderTest.make(sourceOf(source));
    const mempool = await fakeActor(indexer, mempoolContract, all);
    mempool.publisher.state("status", STATUS);
    const under: ElectrumUnderTest = new ElectrumUnderTest(indexer, mempool, model, all, longHistories);
    await indexer.start();
    await waitFor("the index to be level", () => indexer.isReady);
    if (isMounted) await indexer.mount();
    model.view = { tip: await source.tip(new AbortController().signal), isSynced: true };
    await under.half.start();
    await waitFor(
      "the door to know the tip",
      () => under.half.feed.isSynced && under.half.feed.tip !== undefined,
    );
    return under;
  }

  session(agreed = "1.6"): TestSession {
    this.#sessions += 1;
    return new TestSession(this.half, this.#table, this.#sessions, agreed);
  }

  /** Tells the door that the mempool has changed, as the real one does; resolves when the door has heard it. */
  async tellChange(touched: readonly string[], more: Partial<MempoolChange> = {}): Promise<void> {
    this.#changesTold += 1;
    this.mempool.publisher.event("view.changed", {
      view: this.model.view,
      touched: [...touched],
      added: [],
      removed: [],
      outpoints: [],
      part: 0,
      parts: 1,
      ...more,
    });
    await waitFor("the door to hear of the mempool", () => this.#changesHeard === this.#changesTold);
  }

  /** After `mempool.stop()`. As the real one it says once how it is; what changed meanwhile it does not know. */
  async restartMempool(): Promise<void> {
    this.mempool = await fakeActor(this.indexer, mempoolContract, this.#handlers);
    this.mempool.publisher.state("status", STATUS);
  }

  async stop(): Promise<void> {
    await this.half.stop();
    await this.mempool.stop();
    await this.indexer.stop();
  }
}

/** What a script's notifications said, oldest first. */
export function statusesIn(told: readonly Notification[], scripthash: string): unknown[] {
  return told
    .filter(({ method, params }) => method === "blockchain.scripthash.subscribe" && params[0] === scripthash)
    .map(({ params }) => params[1]);
}

export function heightsIn(told: readonly Notification[]): unknown[] {
  return told
    .filter(({ method }) => method === "blockchain.headers.subscribe")
    .map(({ params }) => (params[0] as { height: number }).height);
}

function asRead(result: unknown): unknown {
  if (result instanceof EncodedJson) return JSON.parse(Buffer.concat(result.pieces).toString("utf8"));
  return JSON.parse(JSON.stringify(result ?? null));
}

function filterOf({ txs, view }: ModelMempool, { epoch, seq }: { epoch: string; seq: number }): Uint8Array {
  const filter = ScriptFilter.for(0);
  for (const { spends, pays } of txs) {
    for (const of of [...spends, ...pays]) if (of !== undefined) filter.add(of.scripthash);
  }
  return filter.packed({ epoch, seq, tipHash: view.tip?.hash ?? null });
}
