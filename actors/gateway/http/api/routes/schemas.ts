/** Small schemas of the API: numbers that may come as text, amounts as text, names in paths. */
import { z } from "zod";
import { coinsFromSat } from "../../../../../bitcoin/fee.ts";
import { FileNameSchema } from "../wallet/names.ts";

/** A whole number; clients also send it as text. */
export function whole(least: number, most: number) {
  return z
    .union([z.number(), z.string().regex(/^\s*-?\d{1,16}\s*$/, "expected a whole number")])
    .transform(Number)
    .pipe(z.int().min(least).max(most));
}

/** What can be of bitcoin, in satoshi. */
export const SatSchema = whole(0, 2_100_000_000_000_000);

export const TokenFields = {
  token: z.string(),
  token_type: z.literal("bearer"),
  expires_in: z.int(),
  scope: z.string(),
  refresh_token: z.string(),
};

/** Answered where there is nothing to say, because clients parse every body. */
export const NothingSchema = z.object({});

export const WalletNameField = z.object({ walletname: FileNameSchema });

/** `0.50000000`, as JoinMarket prints amounts. */
export function coins(sat: number): string {
  return coinsFromSat(BigInt(sat));
}

const OUTPOINT = /^([0-9a-fA-F]{64}):(0|[1-9]\d{0,9})$/;

/** `<txid>:<index>`. */
export const OutpointSchema = z
  .string()
  .regex(OUTPOINT, "expected a transaction's id, a colon and an index")
  .transform((text) => {
    const [, txid = "", index = ""] = OUTPOINT.exec(text) ?? [];
    return { txid: txid.toLowerCase(), index: Number(index) };
  })
  .refine(({ index }) => index <= 0xffff_ffff, { error: "expected an index below 2^32" });
