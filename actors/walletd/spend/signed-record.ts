/** What was signed for the owner, as the store keeps it: written down in the decision that signs, sent again from there after a crash. */
import { createHash } from "node:crypto";
import { bytesToHex } from "../../../bitcoin/bytes.ts";
import { serializeTransaction, txidOf } from "../../../bitcoin/transaction.ts";
import type { WalletKey } from "../../../joinmarket/wallet/wallet-key.ts";
import { TroupeError } from "../../../runtime/errors.ts";
import type { WalletChange } from "../store/wallet-change.ts";
import type { Decision } from "../store/wallet-store.ts";
import type { OpenWallet } from "../wallets/open-wallet.ts";
import { type Draft, type KeyedCoin, signDraft } from "./draft.ts";

/** Who asks, and under which key: the same key never signs two transactions. */
export interface Asking {
  readonly caller: string;
  readonly key: string;
}

/** Where such a request is written down, and what tells it from another one under the same key. */
export interface Request {
  readonly id: string;
  readonly hash: string;
  readonly caller: string;
}

export interface SignedRecord {
  readonly txid: string;
  readonly rawTx: string;
  readonly inputsSat: readonly number[];
}

export interface Signing {
  readonly paidOutSat: number;
  readonly isSweep: boolean;
  /** What else changes with it. */
  readonly more: readonly WalletChange[];
}

/** As long as a transaction may be on its way without the mempool having told of it. */
export const UNSEEN_MS = 3_600_000;
const ID_DIGITS = 32;

export function requestOf({ caller, key }: Asking, parts: readonly unknown[]): Request {
  return { id: hashOf([caller, key]).slice(0, ID_DIGITS), hash: hashOf(parts), caller };
}

/** What was signed for this very request before. Ask inside the decision too: the same may have been asked twice at once. */
export function knownRecord({ state }: OpenWallet, { id, hash }: Request): SignedRecord | undefined {
  // Of a transaction deep in the chain only the key is remembered.
  if (Object.hasOwn(state.settledKeys, id)) throw keyIsTaken();
  const signed = Object.hasOwn(state.signed, id) ? state.signed[id] : undefined;
  if (signed === undefined) return undefined;
  const { rawTx, inputsSat, requestHash } = signed;
  if (requestHash !== hash || rawTx === undefined || inputsSat === undefined) throw keyIsTaken();
  return { txid: signed.txid, rawTx, inputsSat };
}

/** Signs all of it and sets its coins aside: for a decision of the store, with whatever else it changes. */
export function signedDecision(
  wallet: OpenWallet,
  draft: Draft<KeyedCoin & { readonly outpoint: string }>,
  request: Request,
  { paidOutSat, isSweep, more }: Signing,
): Decision<SignedRecord> {
  const transaction = signDraft(draft, wallet.keys);
  const txid = txidOf(transaction);
  const rawTx = bytesToHex(serializeTransaction(transaction));
  const inputsSat = draft.coins.map(({ amountSat }) => amountSat);
  const outpoints = draft.coins.map(({ outpoint }) => outpoint);
  const atMs = wallet.nowMs;
  const signed = {
    txid,
    purpose: request.caller,
    inputs: outpoints,
    requestHash: request.hash,
    atMs,
    rawTx,
    inputsSat,
    paidOutSat,
    ...(isSweep && { isSweep }),
  };
  const reservation = { owner: "send", purpose: "send", outpoints, untilMs: atMs + UNSEEN_MS };
  return {
    changes: [
      { kind: "signed", key: request.id, signed },
      { kind: "reserved", id: request.id, reservation },
      ...more,
    ],
    result: { txid, rawTx, inputsSat },
  };
}

export function issueOf({ path: { mixdepth, chain, index } }: WalletKey): WalletChange {
  return { kind: "address.issued", mixdepth, chain, nextIndex: index + 1 };
}

export function keyIsTaken(): TroupeError {
  return new TroupeError(
    { code: "BUS_CONFLICT" },
    "This key belongs to another transaction already. Take a new key for a new payment.",
  );
}

function hashOf(parts: readonly unknown[]): string {
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex");
}
