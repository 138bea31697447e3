/** What a wallet need not remember any more: reservations that are over, and transactions that nothing can undo. */
import type { CoinView } from "../coins/coin-view.ts";
import { isCoinjoin, isSendable, type SignedRecord, standstillOf } from "../resend/pending.ts";
import type { WalletChange } from "../store/wallet-change.ts";
import type { LentRecord, WalletState } from "../store/wallet-state.ts";

export interface TidyingTerms {
  readonly nowMs: number;
  /** Whether grants of an earlier opening are gone: what they reserved and did not sign is nobody's. */
  readonly isOpening: boolean;
  readonly isSettled: (record: SignedRecord) => boolean;
}

/** No reservation is made for longer: one that would last longer was made by a clock that has been set back since. */
const RESERVED_MS_MAX = 86_400_000;
/** Of a coinjoin its maker or taker may tell the outcome for so long. */
const COINJOIN_KEPT_MS = 7 * 86_400_000;
/** The gateway's limit of a day looks back so far, and a little further is no harm. */
const SEND_KEPT_MS = 2 * 86_400_000;
/** Nobody sends a transaction again that was forgotten by all mempools so long ago, unless its coins are still there. */
const FORGOTTEN_MS = 30 * 86_400_000;
/** The bank asks for what it lent for as long as an order is open, which its people see to. */
const LENT_KEPT_MS = 90 * 86_400_000;
/** Longer than anybody carries a payment to a signer and back. */
const PSBT_KEPT_MS = 90 * 86_400_000;
/** Deeper than any reorganisation that there was. */
const SETTLED_CONFIRMATIONS = 100;

export function overChanges(
  { reservations, signed, psbts, grants, lent }: Readonly<WalletState>,
  { nowMs, isOpening, isSettled }: TidyingTerms,
): WalletChange[] {
  const changes: WalletChange[] = [];
  for (const [id, { expiresAtMs }] of Object.entries(grants)) {
    if (expiresAtMs <= nowMs) changes.push({ kind: "grant", id, grant: null });
  }
  const lasting = new Set(Object.keys(reservations));
  for (const [id, reservation] of Object.entries(reservations)) {
    const isOrphan = isOpening && isCoinjoin(reservation) && signed[id] === undefined;
    if (reservation.untilMs <= nowMs || isOrphan) {
      changes.push({ kind: "reserved", id, reservation: null });
      lasting.delete(id);
    } else if (reservation.untilMs > nowMs + RESERVED_MS_MAX) {
      const untilMs = nowMs + RESERVED_MS_MAX;
      changes.push({ kind: "reserved", id, reservation: { ...reservation, untilMs } });
    }
  }
  for (const [key, record] of Object.entries(signed)) {
    if (lasting.has(key)) continue;
    if (isCoinjoin(record)) {
      const isDone = !isSendable(record) || isSettled(record);
      // Its key was the reservation's, which was random and is gone: nobody can ask for it again.
      if (record.atMs + COINJOIN_KEPT_MS <= nowMs && isDone)
        changes.push({ kind: "signed", key, signed: null });
    } else if (record.atMs + SEND_KEPT_MS <= nowMs && isSettled(record)) {
      changes.push({ kind: "signed.settled", key });
    }
  }
  for (const [id, record] of Object.entries(lent))
    changes.push(...lentOver(id, record, { nowMs, isOpening }));
  for (const [id, { atMs }] of Object.entries(psbts)) {
    if (atMs + PSBT_KEPT_MS <= nowMs) changes.push({ kind: "psbt", id, psbt: null });
  }
  return changes;
}

/** With the wallet's lock its grant has ended. */
function lentOver(
  id: string,
  lent: LentRecord,
  { nowMs, isOpening }: Pick<TidyingTerms, "nowMs" | "isOpening">,
): WalletChange[] {
  const { atMs, untilMs, isEnded, signed } = lent;
  if (atMs + LENT_KEPT_MS <= nowMs) return [{ kind: "lent", id, lent: null }];
  const isOver = signed === undefined && isEnded !== true && (isOpening || untilMs <= nowMs);
  return isOver ? [{ kind: "lent", id, lent: { ...lent, isEnded: true } }] : [];
}

/** Deep in the chain, or so long forgotten that its owner has read of it: it was given up, or its coins are spent. */
export function isSettled(record: SignedRecord, view: CoinView, nowMs: number): boolean {
  if (view.tip === undefined) return false;
  const { txid, inputs, atMs } = record;
  const place = view.placeOf(txid);
  if (place === undefined) {
    if (atMs + FORGOTTEN_MS > nowMs) return false;
    const isGivenUp = isSendable(record) && standstillOf(record, nowMs) !== "lost";
    return isGivenUp || inputs.every((outpoint) => !view.coins.has(outpoint));
  }
  return place.height !== null && view.tip.height - place.height + 1 >= SETTLED_CONFIRMATIONS;
}
