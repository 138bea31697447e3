/** The maker's section of the configuration: what its wallets ask for, and what they stand of strangers. */
import { z } from "zod";
import { marketSection } from "../../joinmarket/channel/config.ts";
import { section } from "../../runtime/config/section.ts";

const SATOSHI_MAX = 2_100_000_000_000_000;
const factor = () => z.number().min(0).max(0.5);

export const makerSection = section(
  "maker",
  "Maker: earning by offering coins for coinjoins",
  z.object({
    offers: z
      .enum(["relative", "absolute", "both"])
      .default("relative")
      .describe(
        "relative: a share of the amount; absolute: a fixed fee; both: the fixed one for small amounts, up to where the share is more.",
      ),
    relative_fee: z
      .string()
      .regex(/^(?:0?\.\d{1,32}|0)$/)
      .default("0.00002")
      .describe(
        "The share of the amount that is asked. joinmarket-ng's takers pay at most 0.001 by default.",
      ),
    absolute_fee_sat: z
      .int()
      .min(0)
      .max(SATOSHI_MAX)
      .default(450)
      .describe(
        "The fixed fee in satoshi. joinmarket-ng's takers pay at most 500 by default, which this keeps below also when it is varied.",
      ),
    free_without_bond: z
      .boolean()
      .default(true)
      .describe(
        "Ask for nothing while the wallet has no fidelity bond: joinmarket-ng's takers do not see makers that have no bond and ask for a fee.",
      ),
    txfee_sat: z
      .int()
      .min(0)
      .max(SATOSHI_MAX)
      .default(0)
      .describe("What is given to the miners of each coinjoin, in satoshi. Never more than is earned."),
    min_sat: z
      .int()
      .min(27_300)
      .max(SATOSHI_MAX)
      .default(100_000)
      .describe("The smallest amount that is mixed, in satoshi."),
    fee_factor: factor()
      .default(0.1)
      .describe("Fees are varied by up to this part, so that a maker is not known by its fee."),
    size_factor: factor().default(0.1).describe("The same for the smallest and the largest amount."),
    txfee_factor: factor().default(0.3).describe("The same for what is given to the miners."),
    mixdepth_choice: z
      .enum(["bunched", "lowest", "largest"])
      .default("bunched")
      .describe(
        "Which mixdepth serves a taker. bunched: the first after the largest gap, so that coins stay together; lowest: the first that can; largest: the fullest.",
      ),
    announce_delay_s: z
      .int()
      .min(0)
      .max(3_600)
      .default(0)
      .describe(
        "New offers are announced after a random time of up to so long, so that they do not tell which transaction changed them.",
      ),
    step_timeout_s: z
      .int()
      .min(30)
      .max(3_600)
      .default(310)
      .describe("How long a taker may take between two steps before its coins are free again."),
    sessions_max: z.int().min(1).max(150).default(40).describe("How many takers one wallet serves at once."),
    taker_coin_confirmations: z
      .int()
      .min(1)
      .max(1_000)
      .default(5)
      .describe("How many confirmations the coin must have that a taker shows."),
    taker_coin_percent: z
      .int()
      .min(1)
      .max(100)
      .default(20)
      .describe("How much of the amount that coin must be worth at least, in hundredths."),
    taker_tries: z.int().min(1).max(10).default(3).describe("How often a taker may show the same coin."),
    commitments_max: z
      .int()
      .min(1_000)
      .max(5_000_000)
      .default(500_000)
      .describe(
        "How many used commitments that others told of are remembered; the oldest go first. Those that were used with us are all kept.",
      ),
  }),
);

/** What the actor is started with: its own section, and under `market` the section of that name. */
export const makerStartSection = section(
  "maker",
  makerSection.title,
  makerSection.schema.extend({
    market: marketSection.schema.prefault({}).describe("The section [market]."),
  }),
);

export type MakerConfig = z.output<typeof makerStartSection.schema>;
