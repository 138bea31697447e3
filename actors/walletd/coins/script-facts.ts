/** What the chain and the mempool say of one script of ours, and the coins that follow from it. */

import { txidFromBytes } from "../../../bitcoin/bytes.ts";
import type { Transaction } from "../../../bitcoin/transaction.ts";

type TransactionInput = Transaction["inputs"][number];

export interface Seen {
  readonly txid: string;
  /** Null while it is unconfirmed. */
  readonly height: number | null;
}

export interface Unspent {
  readonly txid: string;
  readonly index: number;
  readonly amountSat: number;
  readonly height: number | null;
}

export interface ScriptFacts {
  /** Confirmed ones in the order of the chain, then the unconfirmed. */
  readonly history: readonly Seen[];
  /** What neither a block nor an unconfirmed transaction spends. */
  readonly unspents: readonly Unspent[];
}

export interface ConfirmedHalf {
  readonly history: readonly { readonly txid: string; readonly height: number }[];
  readonly unspents: readonly (Unspent & { readonly height: number })[];
}

export interface UnconfirmedHalf {
  readonly history: readonly { readonly txid: string }[];
  readonly unspents: readonly Omit<Unspent, "height">[];
  readonly spent: readonly { readonly txid: string; readonly index: number }[];
}

export const NO_FACTS: ScriptFacts = Object.freeze({ history: [], unspents: [] });

/**
 * Both halves are of one block, but the mempool may know a newer one by now and keep what that one confirmed: what the
 * chain has counts, so that nothing is there twice.
 */
export function joinHalves(confirmed: ConfirmedHalf, unconfirmed: UnconfirmedHalf): ScriptFacts {
  const inChain = new Set(confirmed.history.map(({ txid }) => txid));
  const spent = new Set(unconfirmed.spent.map(outpointText));
  const waiting = unconfirmed.history.filter(({ txid }) => !inChain.has(txid));
  const fresh = unconfirmed.unspents.filter(({ txid }) => !inChain.has(txid));
  return {
    history: [...confirmed.history, ...waiting.map(({ txid }) => ({ txid, height: null }))],
    unspents: [
      ...confirmed.unspents.filter((coin) => !spent.has(outpointText(coin))),
      ...fresh.map((coin) => ({ ...coin, height: null })),
    ],
  };
}

export function outpointText({ txid, index }: { readonly txid: string; readonly index: number }): string {
  return `${txid}:${index}`;
}

/** Of a text that `outpointText` wrote. */
export function outpointOf(text: string): { txid: string; index: number } {
  const [txid = "", index] = text.split(":");
  return { txid, index: Number(index) };
}

/** The coin that an input spends. */
export function spentOutpoint({ previousTxidBytes, previousIndex }: TransactionInput): string {
  return outpointText({ txid: txidFromBytes(previousTxidBytes), index: previousIndex });
}
