/** Whom the bank's wallet may pay: anybody but its own change. */
import { scriptHashOf } from "../../../bitcoin/script/scripthash.ts";
import { INTERNAL_CHAIN } from "../../../joinmarket/wallet/paths.ts";
import { denials } from "../denials.ts";
import { scriptFor } from "../spend/planner.ts";
import type { OpenWallet } from "../wallets/open-wallet.ts";

/**
 * Change of ours that somebody has seen on the chain is refused: what came there would not be told from change, the books
 * would count it as paid out, and a bank whose books and wallet differ pays nobody.
 */
export function payeeScript(wallet: OpenWallet, address: string): Uint8Array {
  const script = scriptFor(address, wallet);
  if (wallet.book.find(scriptHashOf(script))?.path.chain === INTERNAL_CHAIN) throw denials.address(address);
  return script;
}
