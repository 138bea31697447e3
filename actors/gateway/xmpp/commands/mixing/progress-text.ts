/** How far a coinjoin has come, in a person's words. */
import type { CoinjoinRun } from "../../../../../bus/contracts/taker.ts";
import type { Texts } from "../../language/catalogue.ts";

export function progressText(
  { id, makersWanted, makersAsked, makersGood, makersSigned, txid }: CoinjoinRun,
  { coinjoin }: Texts,
): string {
  if (txid !== null) return coinjoin.sent(id, txid);
  if (makersSigned > 0) return coinjoin.signed(id, makersSigned, makersGood);
  return makersAsked > 0 ? coinjoin.agreed(id, makersGood, makersAsked) : coinjoin.started(id, makersWanted);
}
