/** The taker's section of the configuration. */
import { z } from "zod";
import { marketSection } from "../../joinmarket/channel/config.ts";
import { section } from "../../runtime/config/section.ts";

const BROADCAST = ["self", "random-maker", "not-self"] as const;

export const takerSection = section(
  "taker",
  "Taker: coinjoins that we ask makers for, and what they may cost",
  z.object({
    runs_max: z.int().min(1).max(50).default(4).describe("How many coinjoins may run at once."),
    makers_low: z
      .int()
      .min(1)
      .max(20)
      .default(8)
      .describe("A coinjoin that does not say with how many makers takes a random number from here on …"),
    makers_high: z.int().min(1).max(20).default(10).describe("… up to here."),
    makers_min: z
      .int()
      .min(1)
      .max(20)
      .default(4)
      .describe(
        "With fewer makers no coinjoin is made: they might all be one. In the sandbox two are enough.",
      ),
    fee_absolute_sat: z
      .int()
      .min(0)
      .max(100_000_000)
      .default(10_000)
      .describe("What one maker may ask in satoshi. See `fee_limits`."),
    fee_relative: z
      .string()
      .regex(/^0?\.\d{1,12}$|^0$/)
      .default("0.001")
      .describe(
        "What one maker may ask as a share of the amount: 0.001 is a tenth of a percent. See `fee_limits`.",
      ),
    fee_limits: z
      .enum(["either", "each"])
      .default("either")
      .describe(
        "either: an offer is refused only if it is above both limits, as in joinmarket-clientserver. each: every kind of offer is held to the limit of its kind, as in joinmarket-ng.",
      ),
    chooser: z
      .enum(["bonds", "random", "cheapest", "weighted"])
      .default("bonds")
      .describe(
        "How makers are picked: by the worth of their fidelity bonds, by lot, by price, or mostly by price.",
      ),
    uniform_percent: z
      .number()
      .min(0)
      .max(100)
      .default(12.5)
      .describe(
        "With `chooser` bonds: how many picks of a hundred are by lot, so that makers without a bond get some.",
      ),
    bondless_free: z
      .boolean()
      .default(false)
      .describe("With `chooser` bonds: makers without a bond are only asked if they ask for no fee."),
    gather_seconds: z
      .int()
      .min(1)
      .max(90)
      .default(60)
      .describe("The longest wait for offers. It ends earlier: when there are enough and no more come."),
    quiet_ms: z
      .int()
      .min(0)
      .max(60_000)
      .default(5_000)
      .describe(
        "No more offers come when none has come for so long: over Tor some answers are late. In the sandbox at most 250.",
      ),
    maker_timeout_seconds: z
      .int()
      .min(1)
      .max(600)
      .default(60)
      .describe("A maker that has not named its coins by then is replaced."),
    sign_timeout_seconds: z
      .int()
      .min(1)
      .max(600)
      .default(60)
      .describe("A maker that has not signed by then is left out, and the others are asked anew."),
    attempts_max: z
      .int()
      .min(1)
      .max(20)
      .default(3)
      .describe("How often a coinjoin is begun anew when makers that had agreed do not sign."),
    maker_inputs_max: z
      .int()
      .min(1)
      .max(100)
      .default(15)
      .describe("We pay the miners for the makers' coins: a maker that brings more of them is left out."),
    commitment_age: z
      .int()
      .min(0)
      .max(1_000)
      .default(5)
      .describe("Confirmations that makers want of the coin that stands behind our question."),
    commitment_percent: z
      .int()
      .min(0)
      .max(100)
      .default(20)
      .describe("What makers want that coin to be worth, in hundredths of the amount."),
    commitment_tries: z
      .int()
      .min(1)
      .max(10)
      .default(3)
      .describe("How often makers let one coin stand behind a question."),
    fee_blocks: z
      .int()
      .min(1)
      .max(1_008)
      .default(3)
      .describe("The miners' fee is what brings the transaction into one of so many blocks."),
    fee_max_sat_per_vb: z
      .number()
      .min(1)
      .max(100_000)
      .default(350)
      .describe("A miners' fee above this is a mistake and is refused, in satoshi for each virtual byte."),
    fee_random_percent: z
      .int()
      .min(0)
      .max(100)
      .default(20)
      .describe("Estimated fees are raised by up to so many percent at random."),
    broadcast: z
      .enum(BROADCAST)
      .default("random-maker")
      .describe(
        "Who sends the transaction. self: our node. random-maker: one of the participants by lot, and our node if it does not. not-self: makers only, one after the other.",
      ),
    tumble_confirmations: z
      .int()
      .min(1)
      .max(100)
      .default(5)
      .describe(
        "A tumble goes on when its last coinjoin has so many confirmations: makers want no younger coins.",
      ),
    tumble_tries: z
      .int()
      .min(1)
      .max(1_000)
      .default(20)
      .describe("How often a tumble tries one coinjoin anew before it stops and waits for its owner."),
    push_timeout_seconds: z
      .int()
      .min(1)
      .max(3_600)
      .default(60)
      .describe(
        "A maker that has not sent the transaction by then is taken not to do it. In the sandbox at most 5.",
      ),
  }),
);

/** What the actor is started with: its own section, and under `market` the section of that name, which it shares with makers. */
export const takerStartSection = section(
  "taker",
  takerSection.title,
  takerSection.schema.extend({
    market: marketSection.schema.prefault({}).describe("The section [market]."),
  }),
);

export type TakerConfig = z.output<typeof takerStartSection.schema>;
