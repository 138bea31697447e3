/** Lends coins of the bank for one coinjoin: a taker's grant that is bound to one order, its payee and its most, and ends with it. */
import { denials } from "../denials.ts";
import { checkDay } from "../spend/daily-limit.ts";
import { checkDust } from "../spend/plan.ts";
import { keyIsTaken, type Request } from "../spend/signed-record.ts";
import type { WalletChange } from "../store/wallet-change.ts";
import type { LentRecord, WalletState } from "../store/wallet-state.ts";
import type { OpenWallet } from "../wallets/open-wallet.ts";
import { type Granted, type Grants, RESERVATIONS_PER_HOUR } from "./grants.ts";
import { payeeScript } from "./payee.ts";
import { release } from "./reservations.ts";

export interface LendTerms {
  readonly address: string;
  readonly amountSat: number;
  readonly makerFeesSatMax: number;
  readonly miningFeeSatMax: number;
}

export interface Lending {
  readonly grant: string;
  readonly mixdepth: number;
  readonly expiresAtS: number;
}

export type Recalled =
  | { readonly state: "unsigned" }
  /** Without its transaction: it was signed so long ago that nothing more is known of it. */
  | { readonly state: "signed"; readonly signed: { readonly txid: string; readonly costSat: number } | null };

/** All attempts of a coinjoin together take less; whoever is gone by then has lost the coins' reservation. */
export const LENT_S = 3_600;
const LENT_CALLER = "ledger";

/** One order is lent for once: asked again the same is answered, while it lasts. */
export async function lend(
  wallet: OpenWallet,
  grants: Grants,
  by: Granted,
  request: Request,
  terms: LendTerms,
): Promise<Lending> {
  wallet.needKeys();
  wallet.needKnown();
  const { address, amountSat, makerFeesSatMax, miningFeeSatMax } = terms;
  const script = payeeScript(wallet, address);
  let given: Lending | undefined;
  try {
    return await wallet.store.transact((state) => {
      const known = state.lent[request.id];
      if (known !== undefined) return { changes: [], result: lentAlready(grants, wallet, request, known) };
      if (Object.hasOwn(state.signed, request.id) || Object.hasOwn(state.settledKeys, request.id))
        throw keyIsTaken();
      checkTerms(by, terms);
      checkDust({ script, amountSat });
      const mostSat = makerFeesSatMax + miningFeeSatMax;
      const { daySatMax: limitSat } = by.limits;
      checkDay(wallet, { limit: "daySatMax", limitSat }, { caller: LENT_CALLER, sat: amountSat + mostSat });
      needPace(by);
      const endsInS = Math.floor((by.endsAtMonotonicMs - grants.monotonicMs) / 1_000);
      const ttlS = Math.max(1, Math.min(LENT_S, endsInS));
      given = grants.lend(by, ttlS, { key: request.id, ...terms });
      const atMs = wallet.nowMs;
      const lent = { hash: request.hash, amountSat, mostSat, atMs, untilMs: atMs + ttlS * 1_000 };
      return { changes: [{ kind: "lent", id: request.id, lent }], result: given };
    });
  } catch (error) {
    // What is not on the disk was not lent.
    if (given !== undefined) grants.revokeLent(wallet.name, request.id);
    throw error;
  }
}

/**
 * Ends it for good, also one that was never lent. What is signed already may be sent by others at any time: from now on it
 * is ours to send, as if it had been seen.
 */
export async function recall(
  wallet: OpenWallet,
  grants: Grants,
  by: Granted,
  request: Request,
): Promise<Recalled> {
  const recalled = await wallet.store.transact<Recalled>((state) => {
    const known = Object.hasOwn(state.lent, request.id) ? state.lent[request.id] : undefined;
    if (known?.signed !== undefined)
      return { changes: adopted(state, known), result: signedOf(state, known) };
    if (Object.hasOwn(state.signed, request.id) || Object.hasOwn(state.settledKeys, request.id)) {
      return { changes: [], result: { state: "signed", signed: null } };
    }
    if (known?.isEnded === true) return { changes: [], result: { state: "unsigned" } };
    if (known === undefined) needPace(by);
    const atMs = wallet.nowMs;
    const never = { hash: request.hash, amountSat: 0, mostSat: 0, atMs, untilMs: atMs };
    const lent = { ...(known ?? never), isEnded: true };
    const changes: WalletChange[] = [{ kind: "lent", id: request.id, lent }];
    return { changes, result: { state: "unsigned" } };
  });
  if (recalled.state === "signed") {
    wallet.touched();
    return recalled;
  }
  const ended = grants.revokeLent(wallet.name, request.id);
  await release(wallet, new Set(ended.map(({ id }) => id)));
  return recalled;
}

/** What signing writes down of it, inside its decision: whoever has recalled it, or has it signed already, gets nothing. */
export function lentChange(
  { lent }: Readonly<WalletState>,
  { loan }: Granted,
  reservation: string,
  costSat: number,
): WalletChange[] {
  if (loan === undefined) return [];
  const known = lent[loan.key];
  if (known === undefined || known.isEnded === true) throw denials.noGrant();
  const { signed } = known;
  if (signed !== undefined && signed.reservation !== reservation) throw denials.willNotSign("already-signed");
  if (signed !== undefined) return [];
  // A gift that the books do not know.
  if (costSat < 0) throw denials.willNotSign("costs-less-than-nothing");
  return [{ kind: "lent", id: loan.key, lent: { ...known, signed: { reservation, costSat } } }];
}

/** What became of it, for the books; nothing while it is not signed. */
export function signedOfLent(
  state: Readonly<WalletState>,
  key: string,
): { readonly txid: string; readonly costSat: number } | undefined {
  const known = Object.hasOwn(state.lent, key) ? state.lent[key] : undefined;
  return known === undefined ? undefined : (signedOf(state, known).signed ?? undefined);
}

function signedOf(state: Readonly<WalletState>, { signed }: LentRecord) {
  const record = signed === undefined ? undefined : state.signed[signed.reservation];
  const told =
    signed === undefined || record === undefined ? null : { txid: record.txid, costSat: signed.costSat };
  return { state: "signed", signed: told } as const;
}

/** Its taker may be gone, or have given up waiting for others to send it: then it waits for nobody any more. */
function adopted({ signed }: Readonly<WalletState>, { signed: own }: LentRecord): WalletChange[] {
  const record = own === undefined ? undefined : signed[own.reservation];
  if (own === undefined || record === undefined || record.isSeen === true) return [];
  const { isLate: _, ...ours } = record;
  return [{ kind: "signed", key: own.reservation, signed: { ...ours, isSeen: true } }];
}

function lentAlready(
  grants: Grants,
  { name }: OpenWallet,
  { id, hash }: Request,
  known: LentRecord,
): Lending {
  const live = known.isEnded === true ? undefined : grants.lent(name, id);
  if (live === undefined) throw denials.lendingOver();
  if (known.hash !== hash) throw keyIsTaken();
  return live;
}

function checkTerms({ limits }: Granted, terms: LendTerms): void {
  const { amountSat, makerFeesSatMax, miningFeeSatMax } = terms;
  if (amountSat > (limits.amountSatMax ?? 0)) throw denials.beyondGrant("amountSatMax");
  // Nothing for makers: the owner wants no coinjoins, not even free ones.
  if (limits.makerFeesSatMax === 0 || makerFeesSatMax > limits.makerFeesSatMax) {
    throw denials.beyondGrant("makerFeesSatMax");
  }
  if (miningFeeSatMax > limits.miningFeeSatMax) throw denials.beyondGrant("miningFeeSatMax");
}

function needPace({ pace }: Granted): void {
  if (!pace.take()) throw denials.tooFast("coinjoins of the bank", RESERVATIONS_PER_HOUR, pace.waitMs());
}
