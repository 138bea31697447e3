/** The wallet as a maker, which offers its coins for CoinJoins. */
import { z } from "zod";
import type { MakerTerms } from "../../../../../bus/contracts/maker.ts";
import type { RouteParts } from "../routes/parts.ts";
import { NothingSchema } from "../routes/schemas.ts";
import { type Endpoint, walletEndpoint } from "../wire/endpoint.ts";
import { Refusal } from "../wire/refusal.ts";
import { shareOf } from "./share.ts";

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

export function makerEndpoints({ walletd, mixing }: RouteParts): Endpoint[] {
  return [
    walletEndpoint("POST", "/maker/start", "startmaker", {
      doc: "Offers the wallet's coins for CoinJoins.",
      body: MakerBody,
      status: 202,
      answer: NothingSchema,
      refusals: ["ServiceAlreadyStarted", "NotEnoughCoinsForMaker", "BackendNotReady"],
      handle: async ({ wallet, body }) => {
        const terms = termsOf(body);
        const { coins } = await walletd.coins({ wallet: wallet.name, session: wallet.session });
        const isUsable = coins.some(
          ({ confirmations, locktimeS }) => confirmations > 0 && locktimeS === null,
        );
        if (!isUsable) throw new Refusal("NotEnoughCoinsForMaker");
        await mixing.startEarning(wallet, terms);
        return {};
      },
    }),
    walletEndpoint("GET", "/maker/stop", "stopmaker", {
      doc: "Takes the offers back.",
      status: 202,
      answer: NothingSchema,
      refusals: ["ServiceNotStarted"],
      handle: async ({ wallet }) => {
        await mixing.stopEarning(wallet.name);
        return {};
      },
    }),
  ];
}

function termsOf({ txfee, cjfee_a, cjfee_r, ordertype, minsize }: z.infer<typeof MakerBody>): MakerTerms {
  const rest = { txfeeSat: Number(txfee), minSat: Number(minsize) };
  if (ordertype === "sw0absoffer") return { ...rest, offers: "absolute", absoluteFeeSat: Number(cjfee_a) };
  const relativeFee = shareOf(cjfee_r);
  if (relativeFee === undefined) throw new Refusal("InvalidRequestFormat");
  return { ...rest, offers: "relative", relativeFee };
}
