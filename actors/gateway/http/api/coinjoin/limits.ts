/** What the wallet's settings allow makers and miners to cost, and how few makers are enough. */
import type { Client } from "../../../../../bus/bus.ts";
import type { walletdContract } from "../../../../../bus/contracts/walletd.ts";
import { SatSchema, whole } from "../routes/schemas.ts";
import { MinersFeeSchema, minersFee } from "../spending/miners-fee.ts";
import type { OpenWallet } from "../wallet/login.ts";
import { Refusal } from "../wire/refusal.ts";
import { shareOf } from "./share.ts";

export interface Limits {
  readonly limits: { readonly absoluteSat: number; readonly relative: string };
  readonly makersMin: number;
  /** What the miners of its coinjoins get; the taker's section says it when absent. */
  readonly fee?: TakerFee;
}

/** As the taker is told it. */
export type TakerFee = { readonly satPerVb: number } | { readonly feeBlocks: number };

const ABSOLUTE = "POLICY.max_cj_fee_abs";
const RELATIVE = "POLICY.max_cj_fee_rel";
const MAKERS_MIN = "POLICY.minimum_makers";
const FEES = "POLICY.tx_fees";

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
  const txfee = MinersFeeSchema.safeParse(settings[FEES]).data;
  return {
    limits: { absoluteSat, relative: share },
    makersMin: MakersSchema.safeParse(settings[MAKERS_MIN]).data ?? makersMin,
    ...(txfee !== undefined && { fee: takerFee(txfee) }),
  };
}

export function takerFee(txfee: number): TakerFee {
  const fee = minersFee(txfee);
  return "blocks" in fee ? { feeBlocks: fee.blocks } : fee;
}
