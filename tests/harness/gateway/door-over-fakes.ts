/** The inner half of the Electrum door between an indexer and a mempool that say what a test wants, when it wants it. */
import {
  LONG_HISTORIES,
  type LongHistoryTerms,
} from "../../../actors/gateway/electrum/chain/long-scripts.ts";
import { InnerHalf } from "../../../actors/gateway/electrum/inner-half.ts";
import { MethodTable } from "../../../actors/gateway/electrum/method.ts";
import { regtest } from "../../../bitcoin/network.ts";
import type { Handlers } from "../../../bus/bus.ts";
import { ConnectedBus } from "../../../bus/connected-bus.ts";
import { type IndexerBlockNews, indexerContract } from "../../../bus/contracts/indexer.ts";
import { type MempoolChange, mempoolContract } from "../../../bus/contracts/mempool.ts";
import { type FakeActor, fakeActor, silentLog } from "../../../bus/fake.ts";
import { systemClock } from "../../../runtime/clock.ts";
import { releaseWorld } from "../actors/context.ts";
import { ModelMempool } from "../mempool/model-mempool.ts";
import { waitFor } from "../wait-for.ts";
import type { World } from "../worlds.ts";
import { TestSession } from "./electrum.ts";

export type IndexerHandlers = Partial<Handlers<typeof indexerContract>>;

const FACTS = {
  banner: () => "",
  donationAddress: () => "",
  hosts: () => ({}),
  software: "test",
  protocolMin: "1.4",
  protocolMax: "1.6",
  genesisHash: regtest.genesis.hash,
};

export class DoorOverFakes {
  readonly half: InnerHalf;
  readonly mempoolModel: ModelMempool;
  readonly #world: World;
  readonly #bus: ConnectedBus;
  readonly #indexer: FakeActor<typeof indexerContract>;
  readonly #mempool: FakeActor<typeof mempoolContract>;
  readonly #table: MethodTable;
  #sessions = 0;

  private constructor(
    world: World,
    bus: ConnectedBus,
    indexer: FakeActor<typeof indexerContract>,
    mempool: FakeActor<typeof mempoolContract>,
    mempoolModel: ModelMempool,
    half: InnerHalf,
  ) {
    this.#world = world;
    this.#bus = bus;
    this.#indexer = indexer;
    this.#mempool = mempool;
    this.mempoolModel = mempoolModel;
    this.half = half;
    this.#table = new MethodTable(half.methods);
  }

  /** The index stands on `tip` and is synced; the mempool stands there too, and is empty. */
  static async start(
    tip: { readonly height: number; readonly hash: string },
    handlers: IndexerHandlers,
    longHistories: LongHistoryTerms = LONG_HISTORIES,
  ): Promise<DoorOverFakes> {
    const world = await releaseWorld();
    const indexer = await fakeActor(world, indexerContract, {
      tip: () => ({ tip: { ...tip, txCount: tip.height + 1 }, isSynced: true }),
      headers: () => ({ count: 0, hex: "" }),
      ...handlers,
    });
    const model = new ModelMempool();
    model.view = { tip, isSynced: true };
    const mempool = await fakeActor(world, mempoolContract, model.handlers());
    const bus = new ConnectedBus(await world.connect("gateway"), { log: silentLog() });
    const half = new InnerHalf({
      bus,
      clock: systemClock,
      log: silentLog(),
      network: regtest,
      facts: FACTS,
      historyMax: 1_000_000,
      longHistories,
    });
    const door = new DoorOverFakes(world, bus, indexer, mempool, model, half);
    await half.start();
    door.tellBlock({ ...tip, touched: [] });
    await waitFor("the door to know the tip", () => half.feed.isSynced && half.feed.tip?.hash === tip.hash);
    return door;
  }

  session(): TestSession {
    this.#sessions += 1;
    return new TestSession(this.half, this.#table, this.#sessions, "1.6");
  }

  tellBlock(block: Pick<IndexerBlockNews, "height" | "hash" | "touched"> & Partial<IndexerBlockNews>): void {
    const more = { header: "00".repeat(80), txCount: 1, part: 0, parts: 1 };
    this.#indexer.publisher.event("block.connected", { ...more, ...block });
  }

  tellMempool(change: Pick<MempoolChange, "view" | "touched"> & Partial<MempoolChange>): void {
    const none = { added: [], removed: [], outpoints: [], part: 0, parts: 1 };
    this.#mempool.publisher.event("view.changed", { ...none, ...change });
  }

  async stop(): Promise<void> {
    await this.half.stop();
    await this.#bus.close();
    await this.#indexer.stop();
    await this.#mempool.stop();
    await this.#world.stop();
  }
}
