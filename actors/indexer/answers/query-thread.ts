/** A query thread: opens the index to read it and answers the indexer's contract, in one queue group with the other threads. */
import { join } from "node:path";
import { z } from "zod";
import { networkByName } from "../../../bitcoin/network.ts";
import { NodeClient } from "../../../bitcoind/client.ts";
import { blockFilesOf, nodeSection } from "../../../bitcoind/config.ts";
import type { Actor, ActorContext, ActorDefinition } from "../../../bus/actor.ts";
import type { Service } from "../../../bus/bus.ts";
import { indexerContract } from "../../../bus/contracts/indexer.ts";
import { section } from "../../../runtime/config/section.ts";
import { INDEX_PLACES } from "../config.ts";
import { QueryMetrics } from "../metrics.ts";
import { StoredTransactions } from "../queries/stored-transactions.ts";
import { IndexStore } from "../store/store.ts";
import { BLOCKS_AHEAD, NodeSource } from "../sync/node-source.ts";
import { verifyAnswers } from "../verify/verify-answers.ts";
import { answers } from "./answers.ts";
import { IndexReader } from "./reader.ts";
import { SyncFlag } from "./sync-flag.ts";

/** Given by the writer, not by a person. */
export const queryThreadSection = section(
  "indexer",
  "A query thread of the indexer",
  z.object({
    node: nodeSection.schema,
    cacheBytes: z.int().min(0),
    sync: z.custom<SharedArrayBuffer>((value) => value instanceof SharedArrayBuffer),
  }),
);
export type QueryThreadConfig = z.output<typeof queryThreadSection.schema>;

export const queryThread: ActorDefinition<typeof queryThreadSection.schema> = {
  name: "indexer",
  section: queryThreadSection,
  create: (context) => new QueryThread(context),
};

class QueryThread implements Actor {
  readonly #context: ActorContext<QueryThreadConfig>;
  #opened: Opened | undefined;

  constructor(context: ActorContext<QueryThreadConfig>) {
    this.#context = context;
  }

  async start(): Promise<void> {
    const { config, bus, clock, dataDirectory, log, meter } = this.#context;
    const network = networkByName(this.#context.network);
    const store = new IndexStore({
      directory: join(dataDirectory, INDEX_PLACES.index),
      network: network.name,
      readOnly: true,
    });
    const node = new NodeClient({ config: config.node, network, clock, log });
    const flag = new SyncFlag(config.sync);
    const reader = new IndexReader(store, config.cacheBytes);
    const source = new NodeSource({ client: node, network, clock, ahead: BLOCKS_AHEAD });
    const isSynced = () => flag.isSynced;
    const metrics = new QueryMetrics(meter, () => reader);
    const directory = blockFilesOf(config.node, network.name);
    const { serialization } = network;
    const stored =
      directory === undefined ? undefined : new StoredTransactions({ directory, serialization, clock, log });
    // What has to be read once is read before the first question.
    reader.askNow((replies) => replies.tip(false));
    const service = await bus.serve(indexerContract, {
      ...answers({
        reader,
        rawTransactions: (wanted) => source.rawTransactions(wanted),
        stored,
        read: (from, transactions) => metrics.read(from, transactions),
        isSynced,
        answered: (method, items, durationMs) => metrics.answered(method, items, durationMs),
      }),
      ...verifyAnswers({ store, source, network }, isSynced),
    });
    this.#opened = { store, node, service, reader, stored };
  }

  async stop(): Promise<void> {
    await this.#opened?.service.stop();
    this.#opened?.reader.close();
    this.#opened?.stored?.close();
    await this.#opened?.node.close();
    await this.#opened?.store.close();
  }
}

interface Opened {
  readonly store: IndexStore;
  readonly node: NodeClient;
  readonly service: Service;
  readonly reader: IndexReader;
  readonly stored: StoredTransactions | undefined;
}
