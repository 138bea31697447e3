/** Which wallets earn, and on which terms, kept over a restart: a grant is worth something to this actor alone, until its wallet is locked. */
import { readFileSync } from "node:fs";
import { z } from "zod";
import { MAKERS_MAX, MakerTermsSchema } from "../../../bus/contracts/maker.ts";
import { Grant, GrantId, WalletName } from "../../../bus/contracts/walletd/values.ts";
import { writeWhole } from "../../../runtime/whole-file.ts";
import type { MakerOrder } from "./maker.ts";

const KeptSchema = z.object({
  makers: z
    .array(z.object({ wallet: WalletName, grant: Grant, grantId: GrantId, terms: MakerTermsSchema }))
    .max(MAKERS_MAX),
});
const FILE_BYTES_MAX = 64 * 1024;

export function readOrders(path: string): readonly MakerOrder[] {
  try {
    const text = readFileSync(path, "utf8");
    if (text.length > FILE_BYTES_MAX) return [];
    const parsed = KeptSchema.safeParse(JSON.parse(text));
    return parsed.success ? parsed.data.makers : [];
  } catch {
    // None was kept yet, or it is unreadable: then the owner starts them again.
    return [];
  }
}

export function writeOrders(path: string, makers: readonly MakerOrder[]): void {
  const kept = makers.map(({ wallet, grant, grantId, terms }) => ({ wallet, grant, grantId, terms }));
  writeWhole(path, JSON.stringify({ makers: kept }));
}
