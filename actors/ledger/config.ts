/** The ledger's section of the configuration. */
import { z } from "zod";
import { section } from "../../runtime/config/section.ts";
import { readNamePattern, STANDARD_NAME_PATTERN } from "./people/name-pattern.ts";

const SAT_MAX = 2_100_000_000_000_000;
const jids = () => z.array(z.string().min(3).max(2_047)).max(1_000).default([]);
const sat = (preset: number) => z.int().min(0).max(SAT_MAX).default(preset);

export const ledgerSection = section(
  "ledger",
  "The bank behind the chat door: people's accounts, their limits, and who runs it. Off unless placed",
  z.object({
    mode: z
      .enum(["multiuser", "owner"])
      .default("multiuser")
      .describe(
        "multiuser: everybody who registers has an account of his own. owner: the JIDs of `owners` share one account, which has all of the wallet's coins.",
      ),
    owners: jids().describe("With mode owner: the bare JIDs that act for the wallet."),
    admins: jids().describe("The bare JIDs that may manage accounts. They can spend for nobody."),
    registration: z
      .enum(["open", "approve", "invite", "closed"])
      .default("approve")
      .describe(
        "Who may register: everybody, everybody with an admin's approval, whoever has an invitation, nobody.",
      ),
    allow_domains: z
      .array(z.string().min(1).max(1_023))
      .max(1_000)
      .default([])
      .describe("The XMPP domains whose users may register and pay. Empty: all that the door lets in."),
    username_pattern: z
      .string()
      .superRefine((text, context) => {
        const pattern = readNamePattern(text);
        if ("problem" in pattern) context.addIssue({ code: "custom", params: { expected: pattern.problem } });
      })
      .default(STANDARD_NAME_PATTERN)
      .describe(
        "What a user name is made of: `[first][rest]{fewest,most}`, the characters with which it begins, those after it, and how many of them. Letters of one script in lower case, 0 to 9 and _; such as `[a-zß-öø-ÿ][a-zß-öø-ÿ0-9_]{1,29}`. Names that there are already stay.",
      ),
    users_max: z.int().min(1).max(1_000_000).default(10_000).describe("So many accounts may be opened."),
    confirmations: z
      .int()
      .min(1)
      .max(100)
      .default(3)
      .describe("From so many confirmations on a deposit is credited, and a payment done."),
    payment_sat_max: sat(10_000_000).describe("The most that one payment may be, in satoshi."),
    day_sat_max: sat(20_000_000).describe("The most that one person may pay within 24 hours, in satoshi."),
    strong_sat: sat(5_000_000).describe(
      "From this amount on a payment needs the second factor, a one-time code.",
    ),
    fee_blocks: z.int().min(1).max(1_008).default(6).describe("In how many blocks a payment shall confirm."),
    fee_sat_max: sat(50_000).describe("The most that the miners may get of one payment, in satoshi."),
    order_ttl_seconds: z
      .int()
      .min(30)
      .max(86_400)
      .default(600)
      .describe("How long an order waits to be confirmed."),
    orders_max: z.int().min(1).max(1_000).default(20).describe("How many orders of one person may wait."),
    fresh_addresses_max: z
      .int()
      .min(1)
      .max(1_000)
      .default(20)
      .describe("How many addresses of one person may be without a payment."),
    internal_to_address: z
      .boolean()
      .default(true)
      .describe("A payment to an address of another account is booked here, without a transaction."),
    verify_after_days: z
      .int()
      .min(0)
      .max(3_650)
      .default(90)
      .describe(
        "Who was not online for so long has to prove that the JID is still his before he pays. 0: never.",
      ),
  }),
);

export type LedgerConfig = z.output<typeof ledgerSection.schema>;
