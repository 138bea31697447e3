/** Transactions of ours that a block has yet to take: which we may hand to the node again, and which keep their coins. Pure. */
import type { WalletState } from "../store/wallet-state.ts";

export type SignedRecord = WalletState["signed"][string];

/** What is to become of one that neither a block nor the mempool has. */
export type Standstill = "lost" | "conflict" | "expired";

/** As long as nodes keep what nobody mines: longer than that a payment that nobody wants holds no coin. */
const GIVEN_UP_MS = 14 * 86_400_000;

export function isCoinjoin({ purpose }: { readonly purpose: string }): boolean {
  return purpose === "maker" || purpose === "taker";
}

/** Whether it is ours to send: a payment of our owner, or a coinjoin that its taker has sent already. */
export function isSendable(record: SignedRecord): record is SignedRecord & { readonly rawTx: string } {
  return record.rawTx !== undefined && (!isCoinjoin(record) || record.isSeen === true);
}

/** For one that is not on the network now. */
export function standstillOf({ conflict, atMs }: SignedRecord, nowMs: number): Standstill {
  if (conflict !== undefined) return "conflict";
  return atMs + GIVEN_UP_MS <= nowMs ? "expired" : "lost";
}

/** Whether its coins must not be spent otherwise, even while neither a block nor the mempool has it. */
export function holdsCoins(record: SignedRecord, nowMs: number): boolean {
  return isSendable(record) && standstillOf(record, nowMs) === "lost";
}

/** Without those that a later one of ours replaces: their keys and records. */
export function currentOf(signed: Readonly<WalletState["signed"]>): [key: string, record: SignedRecord][] {
  const newest = new Map<string, SignedRecord>();
  const sendable = Object.entries(signed).filter(([, record]) => isSendable(record));
  for (const [, record] of sendable) {
    if (record.conflict !== undefined) continue;
    for (const outpoint of record.inputs) {
      if (record.atMs >= (newest.get(outpoint)?.atMs ?? 0)) newest.set(outpoint, record);
    }
  }
  return sendable.filter(([, record]) =>
    record.inputs.every((outpoint) => (newest.get(outpoint) ?? record) === record),
  );
}
