/** What others know of the maker: which wallets earn, what they offer, whom they serve just now. */
import { z } from "zod";
import { contract } from "../contract/contract.ts";
import {
  AmountSat,
  ChangeSat,
  Count,
  Grant,
  GrantId,
  Hash,
  Outpoint,
  TimeS,
  WALLET_INPUTS_MAX,
  WalletName,
} from "./walletd/values.ts";

export const MAKERS_MAX = 32;
const OFFERS_MAX = 4;
const JOINS_SHOWN_MAX = 50;
export const FAILED_JOINS_MAX = 300;

/** What is asked for; the maker's section says what is left out. */
export const MakerTermsSchema = z.object({
  offers: z.enum(["relative", "absolute", "both"]).optional(),
  /** A share of the amount, such as 0.00002. */
  relativeFee: z
    .string()
    .max(40)
    .regex(/^(?:0?\.\d{1,32}|0)$/)
    .optional(),
  absoluteFeeSat: AmountSat.optional(),
  txfeeSat: AmountSat.optional(),
  minSat: AmountSat.optional(),
  /** Ask for nothing as long as the wallet has no fidelity bond. */
  isFreeWithoutBond: z.boolean().optional(),
});
export type MakerTerms = z.infer<typeof MakerTermsSchema>;

const ChannelSchema = z.object({
  id: z.string().max(120),
  kind: z.enum(["irc", "onion"]),
  state: z.enum(["connecting", "up", "down"]),
  error: z.string().max(300).nullable(),
});

const OfferSchema = z.object({
  offerId: z.string().max(20),
  type: z.string().max(32),
  minSat: AmountSat,
  maxSat: AmountSat,
  txfeeSat: AmountSat,
  /** As takers read it: satoshi, or a share of the amount. */
  fee: z.string().max(80),
});

export const MAKER_STATES = ["connecting", "offering", "waiting", "ended"] as const;
export const JOIN_STEPS = ["fill", "promised", "signed"] as const;

const MakerSchema = z.object({
  wallet: WalletName,
  grantId: GrantId,
  /** waiting: nothing can be offered now; ended: walletd gives nothing any more, start it again. */
  state: z.enum(MAKER_STATES),
  /** Why it waits or has ended, in a sentence for people; else null. */
  why: z.string().max(300).nullable(),
  nick: z.string().max(32),
  sinceS: TimeS,
  channels: z.array(ChannelSchema).max(32),
  hasBond: z.boolean(),
  /** The fee that its terms name is not asked, as the wallet has no bond. */
  isFree: z.boolean(),
  offers: z.array(OfferSchema).max(OFFERS_MAX),
  /** Takers that are being served. */
  joins: z
    .array(z.object({ step: z.enum(JOIN_STEPS), amountSat: AmountSat, sinceS: TimeS }))
    .max(JOINS_SHOWN_MAX),
  /** Since it was started: asked by takers, signed, and seen on the chain with what they brought. */
  asked: Count,
  signed: Count,
  seen: Count,
  earnedSat: AmountSat,
});
export type MakerStatus = z.infer<typeof MakerSchema>;

/** A taker that was served and came to nothing. Who it was is nobody's business. */
const FailedJoinSchema = z.object({
  wallet: WalletName,
  /** How far it came: promised, it was told of these coins; signed, it has our signatures for them and has not sent them. */
  step: z.enum(JOIN_STEPS),
  amountSat: AmountSat,
  /** Those that were promised; they are free again, or spent by what was signed. */
  coins: z.array(Outpoint).max(WALLET_INPUTS_MAX),
  /** Why it ended, and what was refused before that, in the words of the log. */
  why: z.string().max(300),
  refused: z.string().max(300).nullable(),
  startedAtS: TimeS,
  endedAtS: TimeS,
});
export type FailedJoin = z.infer<typeof FailedJoinSchema>;

const ServedCoinjoinSchema = z.object({
  wallet: WalletName,
  amountSat: AmountSat,
  /** By the transaction itself. */
  earnedSat: ChangeSat,
  txid: Hash,
});
export type ServedCoinjoin = z.infer<typeof ServedCoinjoinSchema>;

const ASKED = { deadlineMs: 15_000, idempotency: "idempotent", callers: ["operator", "gateway"] } as const;

export const makerContract = contract("maker", {
  semver: "1.1.0",
  doc: "Earns with wallets: offers their coins for coinjoins, and serves whoever takes an offer. Holds no key; walletd judges and signs.",
  instances: "any",
})
  .rpc("start", {
    doc: "Lets a wallet earn, by a grant that its owner gave; goes on after a restart of the maker, until it is stopped or the wallet is locked. One that earns already takes the new terms.",
    input: z.object({
      wallet: WalletName,
      grant: Grant,
      grantId: GrantId,
      terms: MakerTermsSchema.default({}),
    }),
    output: MakerSchema,
    errors: {
      MAKER_TOO_MANY: z.object({ most: z.int() }),
      MAKER_TERMS: z.object({ what: z.string() }),
      MAKER_NO_GRANT: z.object({ wallet: WalletName }),
    },
    redact: ["grant"],
    ...ASKED,
  })
  .rpc("stop", {
    doc: "Withdraws a wallet's offers, gives back what was promised and not signed, and gives up the grant.",
    input: z.object({ wallet: WalletName }),
    output: z.object({ grantId: GrantId }),
    errors: { MAKER_NOT_RUNNING: z.object({ wallet: WalletName }) },
    ...ASKED,
  })
  .rpc("status", {
    doc: "All wallets that earn, and how many commitments of takers are refused from now on.",
    input: z.object({}),
    output: z.object({
      makers: z.array(MakerSchema).max(MAKERS_MAX),
      usedCommitments: Count,
    }),
    ...ASKED,
  })
  .rpc("failed", {
    doc: "Takers that were served and came to nothing, the newest first: how far each came, which coins it was promised, and why it ended.",
    input: z.object({}),
    output: z.object({ joins: z.array(FailedJoinSchema).max(FAILED_JOINS_MAX) }),
    redact: ["joins"],
    ...ASKED,
  })
  .event("coinjoin.seen", {
    doc: "A coinjoin that a wallet of ours has signed is on its way, or in a block: what it joined, and what it brought. Told once.",
    body: ServedCoinjoinSchema,
    readers: ["ledger"],
  })
  .state("makers", {
    doc: "Which wallets earn, and under which names on the market.",
    body: z.object({
      makers: z
        .array(z.object({ wallet: WalletName, state: z.enum(MAKER_STATES), nick: z.string().max(32) }))
        .max(MAKERS_MAX),
    }),
    readers: ["gateway", "taker"],
  });
