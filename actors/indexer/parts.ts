/** The indexer as the program runs it: blocks from the node, work in threads. */
import { NodeClient } from "../../bitcoind/client.ts";
import type { IndexerParts } from "./actor.ts";
import { NodeSource } from "./sync/node-source.ts";
import { PooledWorkbench } from "./sync/pool.ts";

/** Enough to hide the node's answer times; Bitcoin Core works on 16 requests at once by default. */
const BLOCKS_AHEAD = 6;

export const nodeParts: IndexerParts = Object.freeze({
  source({ clock, config, log }, reader, network) {
    const client = new NodeClient({ config: config.node, network, clock, log });
    const source = new NodeSource({
      client,
      network,
      clock,
      ahead: BLOCKS_AHEAD,
      locate: (txids) => reader.ask((queries) => txids.map((txid) => queries.place(txid)?.blockHash)),
    });
    return { source, close: () => client.close() };
  },
  workbench: (threads, onError) => new PooledWorkbench(threads, onError),
} satisfies IndexerParts);
