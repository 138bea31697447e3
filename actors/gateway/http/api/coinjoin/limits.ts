/** What the wallet's settings allow makers to cost, and how few of them are enough. */
import type { Client } from "../../../../../bus/bus.ts";
import type { walletdContract } from "../../../../../bus/contracts/walletd.ts";
import { SatSchema, whole } from "../routes/schemas.ts";
import type { OpenWallet } from "../wallet/login.ts";
import { Refusal } from "../wire/refusal.ts";
import { shareOf } from "./share.ts";

export interface Limits {
  readonly limits: { readonly absoluteSat: number; readonly relative: string };
  readonly makersMin: number;
}

const ABSOLUTE = "POLICY.max_cj_fee_abs";
const RELATIVE = "POLICY.max_cj_fee_rel";
const MAKERS_MIN = "POLICY.minimum_makers";

export const MakersSchema = whole(1, 99);

/** A taker that is told no limit would pay any: then nothing begins. */
export async function limitsOf(
  walletd: Client<typeof walletdContract>,
  { name, session }: OpenWallet,
  makersMin: number,
): Promise<Limits> {
  const { settings } = await walletd.settings({ wallet: name, session });
  const [absolute, relative] = [settings[ABSOLUTE], settings[RELATIVE]];
  if (absolute === undefined || relative === undefined) throw new Refusal("ConfigNotPresent");
  const absoluteSat = SatSchema.safeParse(absolute).data;
  const share = shareOf(relative);
  if (absoluteSat === undefined || share === undefined) {
    throw new Refusal("ActionNotAllowed", {
      message: `The limits of the fees are no amount and no share: ${absolute} sat, ${relative}. Set them again.`,
    });
  }
  return {
    limits: { absoluteSat, relative: share },
    makersMin: MakersSchema.safeParse(settings[MAKERS_MIN]).data ?? makersMin,
  };
}
