/** The mempool's section of the configuration. */
import { z } from "zod";
import { nodeSection } from "../../bitcoind/config.ts";
import { section } from "../../runtime/config/section.ts";

export const mempoolSection = section(
  "mempool",
  "Mempool: the node's unconfirmed transactions, and sending",
  z.object({
    poll_ms: z
      .int()
      .min(50)
      .max(60_000)
      .default(1_000)
      .describe(
        "How often the node is asked for news. With `zmq` in [node] it tells them by itself, and is asked ten times more rarely.",
      ),
    memory_mb: z
      .int()
      .min(16)
      .max(16_384)
      .default(1_024)
      .describe(
        "Megabytes that the transactions may take; about 2 kB each. What finds no room is left out, and the state says so.",
      ),
  }),
);

/** What the actor is started with: its own section, and under `node` the section of that name, which it shares with others. */
export const mempoolStartSection = section(
  "mempool",
  mempoolSection.title,
  mempoolSection.schema.extend({
    node: nodeSection.schema.prefault({}).describe("The section [node]."),
  }),
);

export type MempoolConfig = z.output<typeof mempoolStartSection.schema>;
