/** The wallet's history as a ledger: each transaction in its order, what it changed, and the balance after it. */
import { kindOfTransaction, type TransactionKind } from "../../../joinmarket/coinjoin/detect.ts";
import { INTERNAL_CHAIN } from "../../../joinmarket/wallet/paths.ts";
import { outpointText } from "../coins/script-facts.ts";
import type { OwnOutput, TransactionFacts } from "./transaction-facts.ts";

export interface Placed {
  readonly txid: string;
  readonly height: number | null;
  /** In its block; of an unconfirmed one anything. */
  readonly position: number;
  readonly facts: TransactionFacts;
}

export interface LedgerLine {
  readonly txid: string;
  readonly height: number | null;
  readonly kind: TransactionKind;
  readonly isCoinjoin: boolean;
  readonly ownInputs: number;
  readonly changeSat: number;
  readonly balanceSat: number;
  readonly amountSat: number;
  readonly feeSat: number | null;
  readonly coinjoinSat: number | null;
  readonly participants: number | null;
  readonly fromMixdepth: number | null;
  readonly toMixdepth: number | null;
  readonly coins: number;
  readonly destination: string | null;
  readonly changeAddress: string | null;
  readonly spent: readonly { readonly txid: string; readonly index: number }[];
}

/** Oldest first. */
export function ledgerOf(transactions: readonly Placed[]): LedgerLine[] {
  const outputs = new Map<string, OwnOutput>();
  for (const { txid, facts } of transactions) {
    for (const output of facts.ownOutputs) outputs.set(outpointText({ txid, index: output.index }), output);
  }
  let balanceSat = 0;
  let coins = 0;
  return inOrder(transactions).flatMap((placed) => {
    const line = lineOf(placed, outputs);
    if (line === undefined) return [];
    balanceSat += line.changeSat;
    coins += placed.facts.ownOutputs.length - line.ownInputs;
    return [{ ...line, balanceSat, coins }];
  });
}

function lineOf(
  { txid, height, facts }: Placed,
  outputs: ReadonlyMap<string, OwnOutput>,
): Omit<LedgerLine, "balanceSat" | "coins"> | undefined {
  const spent = facts.inputs.flatMap((outpoint) => {
    const output = outputs.get(outpoint);
    return output === undefined ? [] : [{ outpoint, output }];
  });
  const own = new Set(facts.ownOutputs.map(({ index }) => index));
  const kind = kindOfTransaction(
    spent.length,
    facts.outputsSat.map((valueSat, index) => ({ valueSat, isOurs: own.has(index) })),
  );
  if (kind === undefined) return undefined;
  const inSat = spent.reduce((sum, { output }) => sum + output.amountSat, 0);
  const backSat = facts.ownOutputs.reduce((sum, { amountSat }) => sum + amountSat, 0);
  const outSat = facts.outputsSat.reduce((sum, sat) => sum + sat, 0);
  const isAllOurs = spent.length > 0 && spent.length === facts.inputs.length;
  const coinjoin = spent.length === 0 ? undefined : facts.coinjoin;
  const change = facts.ownOutputs.find(
    ({ key, amountSat }) => key.path.chain === INTERNAL_CHAIN && amountSat !== coinjoin?.amountSat,
  );
  const arrived = facts.ownOutputs.find((output) => output !== change) ?? change;
  return {
    txid,
    height,
    kind,
    isCoinjoin: coinjoin !== undefined,
    ownInputs: spent.length,
    changeSat: backSat - inSat,
    amountSat: amountOf({ spent: spent.length, isAllOurs, backSat, outSat, inSat, coinjoin }),
    feeSat: isAllOurs ? inSat - outSat : null,
    coinjoinSat: coinjoin?.amountSat ?? null,
    participants: coinjoin?.participants ?? null,
    fromMixdepth: spent[0]?.output.key.path.mixdepth ?? null,
    toMixdepth: arrived?.key.path.mixdepth ?? null,
    destination: spent.length === 0 ? (arrived?.key.address ?? null) : (facts.foreignAddress ?? null),
    changeAddress: spent.length === 0 ? null : (change?.key.address ?? null),
    spent: spent.map(({ outpoint }) => ({
      txid: outpoint.slice(0, 64),
      index: Number(outpoint.slice(65)),
    })),
  };
}

interface Sums {
  readonly spent: number;
  readonly isAllOurs: boolean;
  readonly backSat: number;
  readonly outSat: number;
  readonly inSat: number;
  readonly coinjoin: { readonly amountSat: number } | undefined;
}

/** What people mean by its amount: what came, what was mixed, or what others got. */
function amountOf({ spent, isAllOurs, backSat, outSat, inSat, coinjoin }: Sums): number {
  if (spent === 0) return backSat;
  if (coinjoin !== undefined) return coinjoin.amountSat;
  // Sent to ourselves: all of it.
  if (isAllOurs) return outSat === backSat ? outSat : outSat - backSat;
  return Math.max(0, inSat - backSat);
}

/** The order of the chain; of the unconfirmed those first on which others build. */
function inOrder(transactions: readonly Placed[]): Placed[] {
  const confirmed = transactions.filter(({ height }) => height !== null);
  confirmed.sort((a, b) => (a.height ?? 0) - (b.height ?? 0) || a.position - b.position);
  const waiting = new Map(
    transactions.filter(({ height }) => height === null).map((placed) => [placed.txid, placed]),
  );
  const ordered: Placed[] = [];
  const visit = (placed: Placed) => {
    if (!waiting.delete(placed.txid)) return;
    for (const outpoint of placed.facts.inputs) {
      const parent = waiting.get(outpoint.slice(0, 64));
      if (parent !== undefined) visit(parent);
    }
    ordered.push(placed);
  };
  for (const placed of [...waiting.values()].sort((a, b) => (a.txid < b.txid ? -1 : 1))) visit(placed);
  return [...confirmed, ...ordered];
}
