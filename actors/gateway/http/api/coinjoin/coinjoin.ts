/** CoinJoins with others, once and by a schedule. Nobody carries out schedules yet: they are judged and refused. */
import { z } from "zod";
import { COINJOIN_MAKERS_MAX } from "../../../../../bus/contracts/taker.ts";
import type { RouteParts } from "../routes/parts.ts";
import { NothingSchema, OutpointSchema, SatSchema, whole } from "../routes/schemas.ts";
import { type Endpoint, type WalletAsk, walletEndpoint } from "../wire/endpoint.ts";
import { Refusal } from "../wire/refusal.ts";
import { shareOf } from "./share.ts";

const Destination = z.string().min(8).max(100);

const MakersSchema = whole(1, 99);

const CoinjoinBody = z.object({
  mixdepth: whole(0, 99),
  amount_sats: SatSchema,
  counterparties: MakersSchema,
  destination: Destination,
  txfee: whole(1, 100_000_000).optional(),
  input_utxos: z.array(OutpointSchema).min(1).max(500).optional(),
});

const ScheduleBody = z.object({
  destination_addresses: z.array(Destination).min(1).max(100),
  tumbler_options: z.record(z.string().max(64), z.unknown()).optional(),
});

const ScheduleAnswer = z.object({ schedule: z.array(z.array(z.union([z.string(), z.number()]))) });

/** A taker that is told no limit would pay any. */
const FEE_ABSOLUTE = "POLICY.max_cj_fee_abs";
const FEE_RELATIVE = "POLICY.max_cj_fee_rel";
const MAKERS_MIN = "POLICY.minimum_makers";
/** `txfee` is blocks up to this, satoshi for a thousand virtual bytes above it. */
const BLOCKS_MAX = 1_000;
/** What clients write for: into the next mixdepth of the wallet. */
const INTERNAL = "INTERNAL";

/** Said to people: clients show the message and nothing else. */
export const NO_SCHEDULES = "This troupe carries out no schedules yet. Nothing was sent.";

export function coinjoinEndpoints({ walletd, mixing, makersMin }: RouteParts): Endpoint[] {
  const limitsOf = async ({ wallet: { name, session } }: WalletAsk) => {
    const { settings } = await walletd.settings({ wallet: name, session });
    const [absolute, relative] = [settings[FEE_ABSOLUTE], settings[FEE_RELATIVE]];
    if (absolute === undefined || relative === undefined) throw new Refusal("ConfigNotPresent");
    const absoluteSat = SatSchema.safeParse(absolute).data;
    const share = shareOf(relative);
    if (absoluteSat === undefined || share === undefined) {
      throw new Refusal("ActionNotAllowed", {
        message: `The limits of the fees are no amount and no share: ${absolute} sat, ${relative}. Set them again.`,
      });
    }
    const least = MakersSchema.safeParse(settings[MAKERS_MIN]).data ?? makersMin;
    return { limits: { absoluteSat, relative: share }, least };
  };
  return [
    walletEndpoint("POST", "/taker/coinjoin", "docoinjoin", {
      doc: "Pays an address by a CoinJoin. What comes of it is told over the WebSocket and by `session`.",
      body: CoinjoinBody,
      status: 202,
      answer: NothingSchema,
      refusals: [
        "ConfigNotPresent",
        "ServiceAlreadyStarted",
        "TransactionFailed",
        "ActionNotAllowed",
        "BackendNotReady",
      ],
      handle: async (ask) => {
        const { mixdepth, amount_sats, counterparties, destination, txfee, input_utxos } = ask.body;
        const { limits, least } = await limitsOf(ask);
        if (input_utxos !== undefined) {
          throw new Refusal("ActionNotAllowed", {
            message: "The coins of a CoinJoin cannot be named: freeze those that are to stay.",
          });
        }
        if (counterparties > COINJOIN_MAKERS_MAX) {
          throw new Refusal("ActionNotAllowed", {
            message: `A CoinJoin has at most ${COINJOIN_MAKERS_MAX} makers here.`,
          });
        }
        await mixing.mix(ask.wallet, {
          mixdepth,
          amountSat: amount_sats === 0 ? null : amount_sats,
          makers: counterparties,
          makersMin: Math.min(counterparties, least),
          destination: destination === INTERNAL ? null : destination,
          limits,
          ...(txfee !== undefined && txfee > BLOCKS_MAX && { satPerVb: txfee / 1_000 }),
        });
        return {};
      },
    }),
    walletEndpoint("GET", "/taker/stop", "stopcoinjoin", {
      doc: "Stops the CoinJoin that runs, unless the wallet has signed it.",
      status: 202,
      answer: NothingSchema,
      refusals: ["ServiceNotStarted", "ActionNotAllowed"],
      handle: async ({ wallet }) => {
        await mixing.stopMixing(wallet.name);
        return {};
      },
    }),
    walletEndpoint("POST", "/taker/schedule", "runschedule", {
      doc: "Sends all that the wallet has through several CoinJoins to the given addresses.",
      body: ScheduleBody,
      status: 202,
      answer: ScheduleAnswer,
      refusals: ["ConfigNotPresent", "NotEnoughCoinsForTumbler", "BackendNotReady"],
      handle: async (ask) => {
        await limitsOf(ask);
        throw new Refusal("BackendNotReady", { message: NO_SCHEDULES });
      },
    }),
    walletEndpoint("GET", "/taker/schedule", "getschedule", {
      doc: "The schedule that runs.",
      answer: ScheduleAnswer,
      refusals: ["NotFound"],
      handle: () => {
        throw new Refusal("NotFound", { message: "No schedule runs." });
      },
    }),
  ];
}
