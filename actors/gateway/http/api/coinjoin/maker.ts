/** The wallet as a maker, which offers its coins for CoinJoins. No maker runs, so it can neither be started nor stopped. */
import { z } from "zod";
import type { RouteParts } from "../routes/parts.ts";
import { NothingSchema } from "../routes/schemas.ts";
import { type Endpoint, walletEndpoint } from "../wire/endpoint.ts";
import { Refusal } from "../wire/refusal.ts";

/** Clients send all numbers as text. */
const Whole = z.union([z.string().regex(/^\d{1,16}$/), z.int().min(0).transform(String)]);
const Decimal = z.union([
  z.string().regex(/^(?=.)\d{0,9}(?:\.\d{1,16})?(?:e-?\d{1,2})?$/),
  z.number().min(0).transform(String),
]);

const MakerBody = z.object({
  txfee: Whole,
  cjfee_a: Whole,
  cjfee_r: Decimal,
  ordertype: z.enum(["sw0reloffer", "sw0absoffer"]),
  minsize: Whole,
});

export function makerEndpoints({ walletd }: RouteParts): Endpoint[] {
  return [
    walletEndpoint("POST", "/maker/start", "startmaker", {
      doc: "Offers the wallet's coins for CoinJoins.",
      body: MakerBody,
      status: 202,
      answer: NothingSchema,
      refusals: ["ServiceAlreadyStarted", "NotEnoughCoinsForMaker", "BackendNotReady"],
      handle: async ({ wallet: { name, session } }) => {
        const { coins } = await walletd.coins({ wallet: name, session });
        const isUsable = coins.some(
          ({ confirmations, locktimeS }) => confirmations > 0 && locktimeS === null,
        );
        if (!isUsable) throw new Refusal("NotEnoughCoinsForMaker");
        throw new Refusal("BackendNotReady", {
          message: "This troupe has no maker yet, so it makes no offers. Nothing was started.",
        });
      },
    }),
    walletEndpoint("GET", "/maker/stop", "stopmaker", {
      doc: "Takes the offers back.",
      status: 202,
      answer: NothingSchema,
      refusals: ["ServiceNotStarted"],
      handle: () => {
        throw new Refusal("ServiceNotStarted");
      },
    }),
  ];
}
