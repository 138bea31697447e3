/** Whom people mean: an address, a user's name, a JID, or a bitcoin: link with all that it says. */
import type { LedgerParty } from "../../../../bus/contracts/ledger/objects.ts";
import { JID_MAX, type PartyWord, type UserWord } from "../../../../bus/contracts/ledger/values.ts";
import { isPaymentLink, readPaymentLink } from "../chat/payment-link.ts";
import { cleanText } from "../link/serialise.ts";
import type { AddressSpace, Entity } from "../names/entity.ts";
import { bareJid, parseJid } from "../names/jid.ts";

/** The recipient that a chat's own address stands for; undefined at the gateway. */
export function partyOfEntity(to: Entity): PartyWord | undefined {
  switch (to.kind) {
    case "address":
      return { address: to.address };
    case "username":
      return { username: to.username };
    case "person":
      return { jid: to.jid };
    default:
      return undefined;
  }
}

/** A contact of the ledger as one of ours. */
export function entityOf(party: Partial<Pick<LedgerParty, "username" | "address">>): Entity[] {
  const { username = null, address = null } = party;
  if (username !== null) return [{ kind: "username", username: username.toLowerCase() }];
  return address === null ? [] : [{ kind: "address", address }];
}

/** Undefined when nobody can be called so. */
export function partyOfText(text: string, space: AddressSpace): PartyWord | undefined {
  const word = text.trim();
  if (word === "") return undefined;
  if (isPaymentLink(word)) {
    const link = readPaymentLink(word, (address) => space.address(address));
    return "problem" in link ? undefined : { address: link.address };
  }
  const address = space.address(word);
  if (address !== undefined) return { address };
  const jid = parseJid(word);
  if (jid === undefined) return undefined;
  // One of our own: whom that stands for.
  if (space.has(jid)) return partyOfEntity(space.resolve(jid));
  if (jid.local !== "") return bareJid(jid).length > JID_MAX ? undefined : { jid: bareJid(jid) };
  return /^[^.\s]{1,64}$/.test(word) ? { username: word } : undefined;
}

export function userOfText(text: string, space: AddressSpace): UserWord | undefined {
  const party = partyOfText(text, space);
  return party === undefined || "address" in party ? undefined : party;
}

/** With the whole address in fours, so that two that begin alike are told apart. */
export function partyText(party: LedgerParty | null): string {
  if (party === null) return "";
  if (party.username !== null) return party.username;
  if (party.address !== null) return inFours(party.address);
  return party.jid ?? "";
}

export function inFours(address: string): string {
  return address.replace(/.{4}(?=.)/g, "$& ");
}

/** What others have written, as one line in which nothing runs backwards or hides. */
export function quotable(text: string): string {
  return cleanText(text)
    .replace(/[\p{Cc}\p{Cf}\u2028\u2029]+/gu, " ")
    .trim();
}
