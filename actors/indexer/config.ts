/** The indexer's section of the configuration: how much of the machine it may take. */
import { z } from "zod";
import { nodeSection } from "../../bitcoind/config.ts";
import { section } from "../../runtime/config/section.ts";

export const indexerSection = section(
  "indexer",
  "Indexer: the index of the confirmed chain",
  z.object({
    threads: z
      .int()
      .min(0)
      .max(64)
      .default(0)
      .describe("Threads that parse blocks and merge runs. 0 takes as many as the machine has cores."),
    batch_mb: z
      .int()
      .min(1)
      .max(512)
      .default(32)
      .describe(
        "Megabytes of blocks that become one run. Memory during the first sync is about five times this for each thread; larger runs have to be merged less often.",
      ),
    merge_fan_in: z
      .int()
      .min(2)
      .max(32)
      .default(8)
      .describe(
        "How many runs are merged into one at the tip of the chain. More makes for less writing and slower questions. (While blocks come in bulk it is 32 at least.)",
      ),
    query_threads: z
      .int()
      .min(0)
      .max(16)
      .default(2)
      .describe(
        "Threads that answer questions, each with its own connection to the bus and about 75 MB of memory. 0 lets the thread that writes the index answer too, which then makes questions wait while it writes.",
      ),
    query_cache_mb: z
      .int()
      .min(1)
      .max(65_536)
      .default(96)
      .describe(
        "Megabytes that each query thread keeps for itself: where rows stand in the runs, and the trees that prove transactions.",
      ),
    poll_ms: z
      .int()
      .min(50)
      .max(60_000)
      .default(1_000)
      .describe("How often the node is asked for news at the tip."),
    live_blocks: z
      .int()
      .min(1)
      .max(2_000)
      .default(144)
      .describe(
        "Within so many blocks of the node's tip each block is told to the others by itself, with the scripts it touches; further behind they come in bulk.",
      ),
  }),
);

/** In the actor's data directory: where the index is, and the order to build it anew. */
export const INDEX_PLACES = Object.freeze({ index: "index", order: "rebuild-order" });

/** What the actor is started with: its own section, under `node` the section of that name, which it shares with others, and whose the chain is. */
export const indexerStartSection = section(
  "indexer",
  indexerSection.title,
  indexerSection.schema.extend({
    node: nodeSection.schema.prefault({}).describe("The section [node]."),
    isOwnChain: z
      .boolean()
      .default(false)
      .describe("The chain is a private one of our own node: its index is built in seconds."),
  }),
);

export type IndexerConfig = z.output<typeof indexerStartSection.schema>;
