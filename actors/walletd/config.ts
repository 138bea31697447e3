/** The wallet daemon's section of the configuration. */
import { z } from "zod";
import { section } from "../../runtime/config/section.ts";

export const walletdSection = section(
  "walletd",
  "Wallets: keys, coins, and what may be done with them",
  z.object({
    open_max: z.int().min(1).max(1_000).default(16).describe("How many wallets may be unlocked at once."),
    mixdepths: z
      .int()
      .min(1)
      .max(100)
      .default(5)
      .describe("Mixdepths of a new wallet: accounts whose coins are never spent together."),
    gap: z
      .int()
      .min(1)
      .max(10_000)
      .default(20)
      .describe(
        "How many unused addresses in a row end the search for coins on a branch. A wallet's own POLICY.gaplimit goes before it.",
      ),
    fee_blocks: z
      .int()
      .min(1)
      .max(1_008)
      .default(3)
      .describe(
        "The fee of a transaction is what brings it into one of so many blocks, unless it says otherwise.",
      ),
    fee_max_sat_per_vb: z
      .number()
      .min(1)
      .max(100_000)
      .default(350)
      .describe("A fee above this is a mistake and is refused, in satoshi for each virtual byte."),
    fee_random_percent: z
      .int()
      .min(0)
      .max(100)
      .default(20)
      .describe(
        "Estimated fees are raised by up to so many percent at random, so that they do not tell who made them.",
      ),
    merge_algorithm: z
      .enum(["default", "gradual", "greedy", "greediest", "random"])
      .default("default")
      .describe("How coins are chosen: as few as needed, or more and more of the small ones."),
    deposits_apart: z
      .boolean()
      .default(false)
      .describe(
        "Never spend two deposits of mixdepth 0 in one transaction, as joinmarket-ng does: coins that did not come from a coinjoin are then spent one at a time.",
      ),
    freeze_reuse_sat: z
      .int()
      .min(-1)
      .max(2_100_000_000_000_000)
      .default(-1)
      .describe(
        "A coin of at most so many satoshi on an address that had one before is frozen when it comes: a way to find out what belongs together. -1 freezes all of them, 0 none.",
      ),
    send_sat_per_day: z
      .int()
      .min(0)
      .max(2_100_000_000_000_000)
      .default(0)
      .describe(
        "The most that may leave one wallet through the gateway's doors within 24 hours, by payments and by CoinJoins with their fees. 0 sets no limit. The operator's own commands have none.",
      ),
    seed_over_http: z
      .enum(["no", "sandbox", "yes"])
      .default("sandbox")
      .describe(
        "Whether an unlocked wallet's words are shown at the HTTP door without the password, as JAM asks for them. sandbox: only on the private chain.",
      ),
    lock_after_minutes: z
      .int()
      .min(0)
      .max(525_600)
      .default(0)
      .describe(
        "Locks a wallet that nobody has used for so long, unless a maker or a taker may use it. Asking how it stands is no use of it. 0 leaves it open.",
      ),
  }),
);

export type WalletdConfig = z.output<typeof walletdSection.schema>;
