/** Whether the books and the wallet agree, to the satoshi, at one moment of the wallet. */
import type { LedgerReconciliation } from "../../../bus/contracts/ledger/objects.ts";
import { book, CUSTODY, EQUITY, sumsOf } from "../books/entries.ts";
import type { Tx } from "../books/transaction.ts";
import { notify } from "../notices/notices.ts";
import type { BankView } from "./bank-view.ts";

/** After `applyView` of the same view, in the same change. */
export function reconcile(tx: Tx, view: BankView): LedgerReconciliation {
  const { custodySat, liabilitiesSat, equitySat, totalSat } = sumsOf(tx.t);
  const pendingSat = pendingOf(tx);
  const walletSat = view.totalSat - pendingSat - outgoingOf(tx, view);
  const breaches: string[] = [];
  if (totalSat !== 0) breaches.push(`the accounts add up to ${totalSat} sat, not to nothing`);
  if (walletSat !== custodySat) {
    breaches.push(`the wallet holds ${walletSat} sat of the ${custodySat} sat that the books say`);
  }
  if (liabilitiesSat > custodySat) {
    breaches.push(`people have ${liabilitiesSat} sat, and there are ${custodySat} sat`);
  }
  return {
    atS: tx.nowS,
    tip: view.tip,
    isSound: breaches.length === 0,
    breaches,
    custodySat,
    walletSat: Math.max(0, walletSat),
    pendingSat,
    frozenSat: view.frozenSat,
    liabilitiesSat,
    equitySat,
  };
}

/** What the wallet has more, or less, than the books say is the house's gain or loss from now on. */
export function bookDifference(tx: Tx, { walletSat, custodySat }: LedgerReconciliation): void {
  const sat = walletSat - custodySat;
  if (sat === 0) return;
  const postings = [
    { account: CUSTODY, sat },
    { account: EQUITY, sat: -sat },
  ];
  book(tx, { kind: "difference", key: `difference:${tx.t.entries.count()}:${tx.nowS}`, postings });
}

/** A breach stops payments, and they go on when it is over; admins hear of both. */
export function takeOver(tx: Tx, { isSound, breaches, tip }: LedgerReconciliation): void {
  const bank = tx.t.bank.get("bank");
  if (bank === undefined) return;
  const stopped = isSound ? null : breaches.join("; ");
  tx.t.bank.put("bank", { ...bank, tip, stopped });
  if ((stopped === null) === (bank.stopped === null)) return;
  const kind = stopped === null ? "bank.resumed" : "bank.stopped";
  notify(tx, undefined, { kind, subject: "bank", text: stopped ?? "", isToAdmins: true });
}

/** Booked as paid, and not seen by the wallet yet: its coins still lie there. */
function outgoingOf({ t }: Tx, { payouts }: BankView): number {
  let sum = 0;
  for (const { order: id, isSeen, feeSat } of payouts) {
    const order = t.orders.get(id);
    if (!isSeen && order?.state === "broadcast") sum += order.amountSat + feeSat;
  }
  return sum;
}

function pendingOf({ t }: Tx): number {
  return t.openDeposits.keys().reduce((sum, [, outpoint]) => {
    const deposit = t.deposits.get(outpoint);
    const isComing = deposit?.state === "seen" || deposit?.state === "confirmed";
    return sum + (isComing ? deposit.amountSat : 0);
  }, 0);
}
