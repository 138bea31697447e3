/** The indexer as the program runs it: blocks from the node, work in threads. */
import { NodeClient } from "../../bitcoind/client.ts";
import { blockFilesOf } from "../../bitcoind/config.ts";
import type { IndexerParts } from "./actor.ts";
import { FileFinder } from "./sync/file-finder.ts";
import { BLOCKS_AHEAD, NodeSource } from "./sync/node-source.ts";
import { PooledWorkbench } from "./sync/pool.ts";

/** Up to this many come over RPC: looking for them in the node's files would take longer. */
const FILE_BLOCKS_MIN = 5_000;

export const nodeParts: IndexerParts = Object.freeze({
  source({ clock, config, log }, network) {
    const client = new NodeClient({ config: config.node, network, clock, log });
    const directory = blockFilesOf(config.node, network.name);
    const stored =
      directory === undefined
        ? undefined
        : new FileFinder({ directory, network, log, blocksMin: FILE_BLOCKS_MIN });
    const source = new NodeSource({ client, network, clock, ahead: BLOCKS_AHEAD, stored });
    return { source: source.listen(), blocksDirectory: directory, close: () => client.close() };
  },
  workbench: (threads, onError) => new PooledWorkbench(threads, onError),
} satisfies IndexerParts);
