/** What coinjoins did, put together of what wallets, makers' notes and the taker's runs know of them. Pure. */
import type { RpcOutput } from "../../bus/contract/contract.ts";
import { servedInVain } from "../../bus/contracts/maker/served-in-vain.ts";
import type { FailedJoin } from "../../bus/contracts/maker.ts";
import type { CoinjoinRun } from "../../bus/contracts/taker.ts";
import type { walletdContract } from "../../bus/contracts/walletd.ts";
import { earnedSatOf } from "../earn/earned.ts";

type WalletHistory = RpcOutput<typeof walletdContract, "history">;
type Entry = WalletHistory["entries"][number];
type Unsent = WalletHistory["unsent"][number];

export type CoinjoinState =
  | "confirmed"
  | "unconfirmed"
  | Unsent["state"]
  /** The taker is at it. */
  | "underway"
  | "failed"
  | "cancelled";

export interface PastCoinjoin {
  readonly role: "maker" | "taker";
  /** Null of a run of the taker whose wallet is not unlocked here, or that left nothing on the chain. */
  readonly wallet: string | null;
  /** The taker's name of it. */
  readonly run: string | null;
  readonly txid: string | null;
  readonly state: CoinjoinState;
  readonly confirmations: number;
  /** Of the block; of others when it was begun. */
  readonly timeS: number;
  /** Null while nobody knows what a sweep will mix. */
  readonly amountSat: number | null;
  /** What the wallet has more for it; less than nothing for what it cost. */
  readonly earnedSat: number | null;
  /** The others in it. */
  readonly counterparties: number | null;
  /** How far the taker came; of a taker that our maker served in vain, how far that one did. */
  readonly phase: CoinjoinRun["phase"] | FailedJoin["step"] | null;
  /** Without a code where others did not go on. */
  readonly failure: { readonly code: string | null; readonly message: string } | null;
  /** What our maker had promised in vain, as `txid:index`. */
  readonly promised: readonly string[];
}

export interface OneWallet {
  readonly wallet: string;
  readonly history: Pick<WalletHistory, "entries" | "unsent">;
}

/**
 * Newest first. A wallet's own account of a coinjoin goes before the taker's and the maker's; a run that left none is the
 * taker's alone, and a taker that was served in vain the maker's.
 */
export function pastCoinjoins(
  wallets: readonly OneWallet[],
  runs: readonly CoinjoinRun[],
  failed: readonly FailedJoin[] = [],
): PastCoinjoin[] {
  const runOf = new Map(runs.flatMap((run) => (run.txid === null ? [] : [[run.txid, run] as const])));
  const told = wallets.flatMap(({ wallet, history }) => [
    ...history.entries.flatMap((entry) => ofEntry(wallet, entry, runOf.get(entry.txid))),
    ...history.unsent
      .filter(({ isCoinjoin }) => isCoinjoin)
      .map((one) => ofUnsent(wallet, one, runOf.get(one.txid))),
  ]);
  const known = new Set(told.flatMap(({ role, txid }) => (role === "taker" && txid !== null ? [txid] : [])));
  const others = runs.filter(({ txid }) => txid === null || !known.has(txid)).map(ofRun);
  const inVain = wallets.flatMap(({ wallet, history }) =>
    servedInVain(
      history.entries,
      failed.filter((one) => one.wallet === wallet),
    ).map((one) => ofFailed(wallet, one)),
  );
  return [...told, ...others, ...inVain].sort((a, b) => b.timeS - a.timeS);
}

function ofEntry(wallet: string, entry: Entry, run: CoinjoinRun | undefined): PastCoinjoin[] {
  const { role, isCoinjoin, note } = entry;
  if (!isCoinjoin || (role !== "maker" && role !== "taker")) return [];
  const isOurs = role === "taker";
  // What a taker sends elsewhere is not what it costs.
  const costSat = note === null ? entry.feeSat : note.makerFeesSat + note.miningFeeSat;
  return [
    {
      role,
      wallet,
      run: (isOurs && run?.id) || null,
      txid: entry.txid,
      state: entry.height === null ? "unconfirmed" : "confirmed",
      confirmations: entry.confirmations,
      timeS: entry.timeS,
      amountSat: entry.coinjoinSat,
      earnedSat: isOurs ? (costSat === null ? null : -costSat) : earnedSatOf(entry),
      counterparties: entry.participants === null ? null : entry.participants - 1,
      phase: isOurs ? (run?.phase ?? null) : null,
      failure: null,
      promised: [],
    },
  ];
}

function ofUnsent(
  wallet: string,
  { txid, state, timeS, amountSat, note }: Unsent,
  run: CoinjoinRun | undefined,
): PastCoinjoin {
  const isOurs = note === null ? run !== undefined : note.role === "taker";
  const earnedSat =
    note === null
      ? null
      : note.feeReceivedSat - note.txfeeContributionSat - note.makerFeesSat - note.miningFeeSat;
  return {
    role: isOurs ? "taker" : "maker",
    wallet,
    run: (isOurs && run?.id) || null,
    txid,
    state,
    confirmations: 0,
    timeS,
    amountSat,
    earnedSat: state === "lost" ? earnedSat : 0,
    // A maker knows its taker only.
    counterparties: isOurs ? (note?.peers.length ?? null) : null,
    phase: isOurs ? (run?.phase ?? null) : null,
    failure: null,
    promised: [],
  };
}

function ofRun(run: CoinjoinRun): PastCoinjoin {
  const { phase, isOver, makerFeesSat, miningFeeSat } = run;
  const isDone = phase === "done";
  const state = phase === "cancelled" ? "cancelled" : isDone ? "unconfirmed" : isOver ? "failed" : "underway";
  return {
    role: "taker",
    wallet: null,
    run: run.id,
    txid: run.txid,
    state,
    confirmations: 0,
    timeS: run.startedAtS,
    amountSat: run.amountSat,
    earnedSat: isDone ? -((makerFeesSat ?? 0) + (miningFeeSat ?? 0)) : 0,
    counterparties: isDone ? run.makersSigned : run.makersGood,
    phase,
    failure: run.failure,
    promised: [],
  };
}

function ofFailed(
  wallet: string,
  { step, amountSat, coins, why, refused, startedAtS }: FailedJoin,
): PastCoinjoin {
  return {
    role: "maker",
    wallet,
    run: null,
    txid: null,
    state: "failed",
    confirmations: 0,
    timeS: startedAtS,
    amountSat,
    earnedSat: 0,
    counterparties: 1,
    phase: step,
    failure: { code: null, message: refused === null ? why : `${refused}; ${why}` },
    promised: coins.map(nameOf),
  };
}

function nameOf({ txid, index }: { readonly txid: string; readonly index: number }): string {
  return `${txid}:${index}`;
}
