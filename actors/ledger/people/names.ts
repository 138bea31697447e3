/** What people may be called: folded, short, not like an address, and nobody else's for a while after it was given up. */
import { networks } from "../../../bitcoin/network.ts";
import { scriptOfAddress } from "../../../bitcoin/script/address.ts";
import { hasCode } from "../../../runtime/errors.ts";
import type { Tx } from "../books/transaction.ts";
import { denials } from "../denials.ts";
import type { UserRow } from "../store/rows.ts";
import { fitsNamePattern, type NamePattern, readNamePattern } from "./name-pattern.ts";

const ADDRESS_LIKE = /^(?:bc1|tb1|bcrt1|sp1)/;
export const QUARANTINE_S: number = 90 * 86_400;
const PAST_NAMES_MAX = 5;

/** Services, and the words of commands: who is called so could be taken for one. */
const RESERVED = new Set(
  `wallet gateway bitcoin btc bank admin administrator root operator support help info pay payment security abuse
postmaster hostmaster xmpp system bot null none register status balance receive addresses label contacts orders confirm
cancel history mix jobs settings export leave users user freeze unfreeze limit limits ban announce maker reconcile
loglevel reload restart resume stop unban web back next skip verify approve invite audit
factor facteur limites
inscription aide etat solde recevoir adresses etiquette payer ordres confirmer annuler historique melanger travaux
journal reglages exporter inviter readmettre arreter reprendre relancer partir retour suivant`.split(/\s+/),
);

export function foldName(text: string): string {
  return text.trim().normalize("NFKC").toLowerCase();
}

/** Folded; throws when nobody may be called so. */
export function nameOf({ rules }: Tx, text: string): string {
  const name = foldName(text);
  // The configuration has read it before.
  const pattern = readNamePattern(rules.username_pattern) as NamePattern;
  if (!fitsNamePattern(name, pattern) || ADDRESS_LIKE.test(name) || isAddress(name)) {
    const { first, rest, fewest, most } = pattern;
    throw denials.username("form", { first, rest, fewest, most });
  }
  if (RESERVED.has(name)) throw denials.username("reserved");
  return name;
}

/** Throws when somebody else has the name, or had it lately. */
export function takeName({ t, nowS }: Tx, name: string, userId: number): void {
  const row = t.names.get(name);
  if (row !== undefined && row.userId !== userId) {
    const isFree = row.releasedAtS !== null && row.releasedAtS + QUARANTINE_S <= nowS;
    if (!isFree) throw denials.username("taken");
  }
  t.names.put(name, { userId, releasedAtS: null });
}

type PastNames = NonNullable<UserRow["pastNames"]>;

/** What he has given up after this, without the one that he takes now. */
export function releaseName(
  tx: Tx,
  { id: userId, username: name, pastNames }: UserRow,
  taken?: string,
): PastNames {
  const { t, nowS } = tx;
  t.names.put(name, { userId, releasedAtS: nowS });
  return [...keptNames(tx, pastNames, taken).filter((past) => past.name !== name), { name, atS: nowS }];
}

/** Throws when so many are kept for him already that with one more he would take them from everybody. */
export function checkPastNames(tx: Tx, { pastNames }: UserRow, wanted: string): void {
  const kept = keptNames(tx, pastNames);
  const isHis = kept.some(({ name }) => name === wanted);
  if (!isHis && kept.length >= PAST_NAMES_MAX) throw denials.tooMany("names", PAST_NAMES_MAX);
}

function keptNames({ nowS }: Tx, pastNames: PastNames = [], but = ""): PastNames {
  return pastNames.filter(({ name, atS }) => name !== but && atS + QUARANTINE_S > nowS);
}

function isAddress(name: string): boolean {
  return networks.some((network) => {
    try {
      scriptOfAddress(name, network);
      return true;
    } catch (error) {
      if (!hasCode(error, "BITCOIN_BAD_ADDRESS")) throw error;
      return false;
    }
  });
}
