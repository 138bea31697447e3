/** The `[sandbox]` section: how the sandbox's own node mines, and where it answers. */
import { z } from "zod";
import { section } from "../../runtime/config/section.ts";

/**
 * First receiving address (BIP84, m/84'/1'/0'/0/0) of the seed that everybody knows, "abandon" eleven times and "about":
 * whoever restores it in a regtest wallet has the sandbox's coins. Worthless by design.
 */
export const WELL_KNOWN_ADDRESS = "bcrt1q6rz28mcfaxtmd6v789l9rrlrusdprr9pz3cppk";

export const sandboxSection = section(
  "sandbox",
  "The sandbox's own node: a private regtest chain",
  z.object({
    rpc_port: z
      .int()
      .min(0)
      .max(65_535)
      .default(28_443)
      .describe("Where its RPC and REST answer, on 127.0.0.1 only. 0 takes a free port."),
    bitcoind: z
      .string()
      .min(1)
      .max(1_000)
      .default("auto")
      .describe(
        'Which program keeps the chain: "auto" takes the bitcoind that BITCOIND names or that is on the PATH, and otherwise the small chain inside this program, which "none" always takes; or the path of a bitcoind. It gets a data directory of its own, no peers and no wallet. A chain stays with the program that began it.',
      ),
    block_interval_ms: z
      .int()
      .min(100)
      .max(3_600_000)
      .default(10_000)
      .describe("How long until the next block."),
    first_blocks: z
      .int()
      .min(0)
      .max(10_000)
      .default(120)
      .describe(
        "A new chain begins with so many blocks. The reward of a block can be spent 100 blocks later, so that 120 give 20 rewards of 50 bitcoin to spend at once.",
      ),
    wallets: z
      .boolean()
      .default(true)
      .describe(
        "Make and fund wallets at the start: one to use, and three that earn as makers. Their password is `sandbox`.",
      ),
    mine_to: z
      .string()
      .min(14)
      .max(90)
      .default(WELL_KNOWN_ADDRESS)
      .describe(
        'The regtest address that gets the rewards. The default belongs to the well-known test seed, "abandon" eleven times and "about".',
      ),
  }),
);
