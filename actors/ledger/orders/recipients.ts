/** Whom an order pays: found once when it is queued, and an account or an address from then on. */

import type { Network } from "../../../bitcoin/network.ts";
import { addressOfScript, scriptOfAddress } from "../../../bitcoin/script/address.ts";
import { dustThresholdSat } from "../../../bitcoin/script/dust.ts";
import type { PartyWord } from "../../../bus/contracts/ledger/values.ts";
import { hasCode } from "../../../runtime/errors.ts";
import { HOUSE } from "../addresses/addresses.ts";
import type { Tx } from "../books/transaction.ts";
import { denials } from "../denials.ts";
import { findByJid, findByName } from "../people/people.ts";
import type { OrderRow, PartyRow, UserRow } from "../store/rows.ts";

export interface Recipient {
  readonly route: OrderRow["route"];
  readonly to: PartyRow;
}

export function recipientOf(tx: Tx, payer: UserRow, word: PartyWord): Recipient {
  if ("address" in word) return ofAddress(tx, payer, word.address);
  const user = "username" in word ? findByName(tx.t, word.username) : findByJid(tx.t, word.jid);
  if (user === undefined || user.state !== "open") throw denials.recipient();
  if (user.id === payer.id) throw denials.self();
  return { route: "internal", to: { userId: user.id, address: null } };
}

function ofAddress(tx: Tx, payer: UserRow, typed: string): Recipient {
  const address = canonical(typed, tx.network);
  const row = tx.t.addresses.get(address);
  if (row?.userId === payer.id) throw denials.self();
  const owner = row === undefined || row.userId === HOUSE ? undefined : tx.t.users.get(row.userId);
  const isInternal = tx.rules.internal_to_address && owner !== undefined && owner.state !== "closed";
  // Whose address it is stays untold: the payer knows the address and nothing else.
  return isInternal
    ? { route: "internal", to: { userId: owner.id, address } }
    : { route: "chain", to: { userId: null, address } };
}

/** Of a coinjoin: whoever it belongs to, it is paid by a transaction. */
export function coinjoinRecipient(tx: Tx, payer: UserRow, typed: string): Recipient {
  const address = canonical(typed, tx.network);
  if (tx.t.addresses.get(address)?.userId === payer.id) throw denials.self();
  return { route: "coinjoin", to: { userId: null, address } };
}

/** The one way in which this address is written. Throws for what is none of this network. */
export function canonical(typed: string, network: Network): string {
  try {
    const script = scriptOfAddress(typed.trim(), network);
    const address = addressOfScript(script, network);
    if (address !== undefined) return address;
  } catch (error) {
    if (!hasCode(error, "BITCOIN_BAD_ADDRESS")) throw error;
    const isElsewhere = (error as { data?: { reason?: string } }).data?.reason?.includes("another network");
    throw denials.address(isElsewhere === true ? "network" : "malformed");
  }
  throw denials.address("malformed");
}

export function checkDust({ to, route }: Recipient, amountSat: number, network: Network): void {
  if (route === "internal" || to.address === null) return;
  const leastSat = Number(dustThresholdSat(scriptOfAddress(to.address, network)));
  if (amountSat < leastSat) throw denials.dust(leastSat);
}

/** Whether the account that was meant can still be paid; an address always can. */
export function isStillThere({ t }: Tx, { to, route }: Recipient): boolean {
  if (route !== "internal" || to.userId === null) return true;
  const state = t.users.get(to.userId)?.state;
  return to.address === null ? state === "open" : state !== undefined && state !== "closed";
}
