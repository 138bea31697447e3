/** CoinJoins with others, once and by a schedule: what can be judged without a taker is judged, and then there is none. */
import { z } from "zod";
import type { RouteParts } from "../routes/parts.ts";
import { NothingSchema, OutpointSchema, SatSchema, whole } from "../routes/schemas.ts";
import { type Endpoint, type WalletAsk, walletEndpoint } from "../wire/endpoint.ts";
import { Refusal } from "../wire/refusal.ts";

const Destination = z.string().min(8).max(100);

const CoinjoinBody = z.object({
  mixdepth: whole(0, 99),
  amount_sats: SatSchema,
  counterparties: whole(1, 99),
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
const FEE_LIMITS = ["POLICY.max_cj_fee_abs", "POLICY.max_cj_fee_rel"];

/** Said to people: clients show the message and nothing else. */
export const NO_TAKER = "This troupe has no taker yet, so it takes part in no CoinJoin. Nothing was sent.";

export function coinjoinEndpoints({ walletd }: RouteParts): Endpoint[] {
  const requireFeeLimits = async ({ wallet: { name, session } }: WalletAsk): Promise<void> => {
    const { settings } = await walletd.settings({ wallet: name, session });
    if (FEE_LIMITS.some((key) => settings[key] === undefined)) throw new Refusal("ConfigNotPresent");
  };
  return [
    walletEndpoint("POST", "/taker/coinjoin", "docoinjoin", {
      doc: "Pays an address by a CoinJoin. What comes of it is told over the WebSocket and by `session`.",
      body: CoinjoinBody,
      status: 202,
      answer: NothingSchema,
      refusals: ["ConfigNotPresent", "ServiceAlreadyStarted", "BackendNotReady"],
      handle: async (ask) => {
        await requireFeeLimits(ask);
        throw noTaker();
      },
    }),
    walletEndpoint("GET", "/taker/stop", "stopcoinjoin", {
      doc: "Stops the CoinJoin or the schedule that runs.",
      status: 202,
      answer: NothingSchema,
      refusals: ["ServiceNotStarted"],
      handle: () => {
        throw new Refusal("ServiceNotStarted");
      },
    }),
    walletEndpoint("POST", "/taker/schedule", "runschedule", {
      doc: "Sends all that the wallet has through several CoinJoins to the given addresses.",
      body: ScheduleBody,
      status: 202,
      answer: ScheduleAnswer,
      refusals: ["ConfigNotPresent", "NotEnoughCoinsForTumbler", "BackendNotReady"],
      handle: async (ask) => {
        await requireFeeLimits(ask);
        throw noTaker();
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

function noTaker(): Refusal {
  return new Refusal("BackendNotReady", { message: NO_TAKER });
}
