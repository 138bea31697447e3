/** What clients may say of how a schedule is drawn, by the names of joinmarket-clientserver and of JoinMarket-NG. */
import { z } from "zod";
import type { RpcInput } from "../../../../../bus/contract/contract.ts";
import type { takerContract } from "../../../../../bus/contracts/taker.ts";

type Plan = RpcInput<typeof takerContract, "tumblePlan">;
type Start = RpcInput<typeof takerContract, "tumbleStart">;

export interface TumbleWish {
  readonly options: NonNullable<Plan["options"]>;
  readonly rules: NonNullable<Start["rules"]>;
}

const Makers = z.int().min(1).max(20);
const Count = z.int().min(1).max(30);
const Spread = z.tuple([z.number().min(0).max(100), z.number().min(0).max(50)]);
const Weights = z.array(z.number().min(0).max(1_000_000)).length(5);
const Sat = z.int().min(1).max(2_100_000_000_000_000);

/** Whatever else they send says nothing that is done here. */
export const ClientserverOptions = z.object({
  makercountrange: Spread.optional(),
  minmakercount: Makers.optional(),
  mixdepthcount: Count.optional(),
  txcountparams: Spread.optional(),
  mintxcount: Count.max(20).optional(),
  timelambda: z.number().min(0).max(10_000).optional(),
  stage1_timelambda_increase: z.number().min(0).max(100).optional(),
  liquiditywait: z.number().min(1).max(86_400).transform(Math.round).optional(),
  mincjamount: Sat.optional(),
  rounding_chance: z.number().min(0).max(1).optional(),
  rounding_sigfig_weights: Weights.optional(),
});

/** Its clients may also send the older names: those that it knows are read, the others left. */
export const NgParameters = ClientserverOptions.extend({
  maker_count_min: Makers.optional(),
  maker_count_max: Makers.optional(),
  time_lambda_seconds: z.number().min(0).max(600_000).optional(),
  stage1_wait_multiplier: z.number().min(0).max(100).optional(),
  mincjamount_sats: Sat.optional(),
});

export function clientserverWish(given: z.infer<typeof ClientserverOptions>): TumbleWish {
  const spread = (pair: readonly [number, number] | undefined) =>
    pair === undefined ? undefined : { mean: pair[0], spread: pair[1] };
  return {
    options: said({
      makers: spread(given.makercountrange),
      makersMin: given.minmakercount,
      mixdepths: given.mixdepthcount,
      coinjoins: spread(given.txcountparams),
      coinjoinsMin: given.mintxcount,
      waitMinutes: given.timelambda,
      firstWaitFactor: given.stage1_timelambda_increase,
      amountSatMin: given.mincjamount,
      roundedPercent: given.rounding_chance === undefined ? undefined : given.rounding_chance * 100,
      roundingWeights: given.rounding_sigfig_weights,
    }),
    rules: said({
      amountSatMin: given.mincjamount,
      retrySeconds: given.liquiditywait,
      makersMin: given.minmakercount,
    }),
  };
}

export function ngWish(given: z.infer<typeof NgParameters>): TumbleWish {
  const { maker_count_min: least, maker_count_max: most, time_lambda_seconds: waitS } = given;
  const middle = least === undefined || most === undefined ? undefined : (least + most) / 2;
  return clientserverWish(
    said({
      ...given,
      minmakercount: least ?? given.minmakercount,
      makercountrange:
        middle === undefined
          ? given.makercountrange
          : ([middle, Math.abs(middle - (least ?? middle)) / 2] as const),
      timelambda: waitS === undefined ? given.timelambda : waitS / 60,
      stage1_timelambda_increase: given.stage1_wait_multiplier ?? given.stage1_timelambda_increase,
      mincjamount: given.mincjamount_sats ?? given.mincjamount,
    }) as z.infer<typeof ClientserverOptions>,
  );
}

type Said<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

/** Only what is there: what is left out is the taker's to say. */
function said<T extends object>(given: T): Said<T> {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as Said<T>;
}
