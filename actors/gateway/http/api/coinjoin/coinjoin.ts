/** CoinJoins with others, once and by a schedule, as clients of joinmarket-clientserver ask for them. */
import { z } from "zod";
import {
  ScheduleEntrySchema,
  type ScheduleTuple,
  TUMBLE_DESTINATIONS_MAX,
} from "../../../../../bus/contracts/taker/tumble.ts";
import { COINJOIN_MAKERS_MAX } from "../../../../../bus/contracts/taker/values.ts";
import type { RouteParts } from "../routes/parts.ts";
import { NothingSchema, OutpointSchema, SatSchema, whole } from "../routes/schemas.ts";
import { MinersFeeSchema } from "../spending/miners-fee.ts";
import { type Endpoint, walletEndpoint } from "../wire/endpoint.ts";
import { Refusal } from "../wire/refusal.ts";
import { limitsOf, MakersSchema, takerFee } from "./limits.ts";
import { ClientserverOptions, clientserverWish } from "./tumble-options.ts";

const Destination = z.string().min(8).max(100);

const CoinjoinBody = z.object({
  mixdepth: whole(0, 99),
  amount_sats: SatSchema,
  counterparties: MakersSchema,
  destination: Destination,
  txfee: MinersFeeSchema.optional(),
  /** JoinMarket-NG's: exactly these coins. */
  input_utxos: z.array(OutpointSchema).min(1).max(500).optional(),
});

const ScheduleBody = z.object({
  destination_addresses: z.array(Destination).min(1).max(TUMBLE_DESTINATIONS_MAX),
  tumbler_options: ClientserverOptions.optional(),
});

const ScheduleAnswer = z.object({ schedule: z.array(ScheduleEntrySchema) });

/** What clients write for: into the next mixdepth of the wallet. */
const INTERNAL = "INTERNAL";

export function coinjoinEndpoints({ walletd, mixing, makersMin }: RouteParts): Endpoint[] {
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
        const { limits, makersMin: least, fee } = await limitsOf(walletd, ask.wallet, makersMin);
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
          ...(txfee === undefined ? fee : takerFee(txfee)),
          ...(input_utxos !== undefined && { coins: input_utxos }),
        });
        return {};
      },
    }),
    walletEndpoint("GET", "/taker/stop", "stopcoinjoin", {
      doc: "Stops the schedule that runs, or the CoinJoin unless the wallet has signed it.",
      status: 202,
      answer: NothingSchema,
      refusals: ["ServiceNotStarted", "ActionNotAllowed"],
      handle: async ({ wallet }) => {
        await mixing.stopMixing(wallet.name);
        return {};
      },
    }),
    walletEndpoint("POST", "/taker/schedule", "runschedule", {
      doc: "Brings all coins of the wallet to the addresses by many CoinJoins.",
      body: ScheduleBody,
      status: 202,
      answer: ScheduleAnswer,
      refusals: [
        "ConfigNotPresent",
        "ServiceBusy",
        "NotEnoughCoinsForTumbler",
        "ActionNotAllowed",
        "BackendNotReady",
      ],
      handle: async ({ wallet, body: { destination_addresses, tumbler_options } }) => {
        const limits = await limitsOf(walletd, wallet, makersMin);
        const wish = clientserverWish(tumbler_options ?? {});
        const schedule: ScheduleTuple[] = [];
        try {
          await mixing.tumble(wallet, async () => {
            const plan = await mixing.tumbling.plan(wallet, destination_addresses, wish, limits);
            schedule.push(...plan.drawn.schedule);
            return plan;
          });
        } catch (error) {
          const isBusy = error instanceof Refusal && error.refusal === "ServiceAlreadyStarted";
          throw isBusy ? new Refusal("ServiceBusy") : error;
        }
        return { schedule };
      },
    }),
    walletEndpoint("GET", "/taker/schedule", "getschedule", {
      doc: "The schedule that runs, and how far it is.",
      answer: ScheduleAnswer,
      refusals: ["NotFound"],
      handle: async ({ wallet }) => {
        const tumble = await mixing.tumbling.running(wallet.name);
        if (tumble === undefined) throw new Refusal("NotFound", { message: "No schedule runs." });
        return { schedule: tumble.schedule };
      },
    }),
  ];
}
