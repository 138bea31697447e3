/** From which of his clients a person confirms payments: whoever has taken a chat over mostly comes with one of his own. */
import { createHash } from "node:crypto";
import { oneLine } from "../addresses/addresses.ts";
import type { Tx } from "../books/transaction.ts";
import { notify } from "../notices/notices.ts";
import type { UserRow } from "../store/rows.ts";
import { keepUser } from "./people.ts";

const CLIENTS_MAX = 20;
const HASH_CHARACTERS = 16;

/** The first is the one with which the account was opened, mostly; of each other the person hears once. */
export function knowClient(tx: Tx, user: UserRow, client: string): void {
  const known = user.clients ?? [];
  const hash = createHash("sha256").update(client).digest("base64url").slice(0, HASH_CHARACTERS);
  if (known.includes(hash)) return;
  const kept = keepUser(tx, { ...user, clients: [...known, hash].slice(-CLIENTS_MAX) });
  if (known.length === 0) return;
  notify(tx, kept, { kind: "security.resource", subject: `client:${hash}`, text: oneLine(client) });
}
