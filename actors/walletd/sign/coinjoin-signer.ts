/** Signs a coinjoin's own inputs, after judging by its own records that the transaction keeps what was promised. */
import { createHash } from "node:crypto";
import { bytesToHex, equalBytes, hexToBytes, parseTxid } from "../../../bitcoin/bytes.ts";
import { scriptOfAddress } from "../../../bitcoin/script/address.ts";
import { type SignedInput, signInputs, withSignedInputs } from "../../../bitcoin/signing/inputs.ts";
import {
  parseTransaction,
  serializeStripped,
  serializeTransaction,
  type Transaction,
  txidOf,
} from "../../../bitcoin/transaction.ts";
import { checkAsMaker } from "../../../joinmarket/coinjoin/maker-check.ts";
import { checkAsTaker } from "../../../joinmarket/coinjoin/taker-check.ts";
import { hasCode } from "../../../runtime/errors.ts";
import type { WalletdConfig } from "../config.ts";
import { denials } from "../denials.ts";
import { checkDailyLimit, DOORS } from "../spend/daily-limit.ts";
import { inputKeyOf } from "../spend/draft.ts";
import { sumOf } from "../spend/plan.ts";
import type { WalletChange } from "../store/wallet-change.ts";
import type { OpenWallet, StandingCoin } from "../wallets/open-wallet.ts";
import type { Granted, Side } from "./grants.ts";
import { lentChange } from "./lending.ts";
import { checkAmount, type Terms, termsOf } from "./reservations.ts";

export interface SignWish {
  readonly reservation: string;
  readonly rawTx: string;
  /** Of a taker: how many equal outputs there must be. */
  readonly participants?: number;
  /** Of a taker: whether our own node is to be the last to send it. */
  readonly resend?: "soon" | "late";
}

export interface SignedByUs {
  readonly signatures: {
    index: number;
    publicKey: string;
    signature: string;
    witness: string[];
    scriptSig: string;
  }[];
  /** Of a maker, by what the transaction pays: its taker may have gone by a dearer offer. A taker earns nothing. */
  readonly earnedSat: number;
}

/** Signed coins stay set aside for so long: the transaction may be sent at any time. */
const SIGNED_MS = 3_600_000;

export async function signCoinjoin(
  wallet: OpenWallet,
  granted: Granted,
  side: Side,
  wish: SignWish,
  config: WalletdConfig,
): Promise<SignedByUs> {
  wallet.needKnown();
  const transaction = readTransaction(wish.rawTx, wallet);
  const requestHash = signedHashOf(transaction);
  let countedSat = 0;
  const decision = wallet.store.transact((state) => {
    const { terms, outpoints } = termsOf(wallet, granted, wish.reservation, side);
    const coins = coinsOf(wallet, outpoints);
    const { ownInputs, earnedSat, costSat } = judge(wallet, transaction, {
      side,
      terms,
      coins,
      participants: wish.participants ?? 2,
    });
    const before = state.signed[wish.reservation];
    // Of two signed transactions the worse one could be sent.
    if (before !== undefined && before.requestHash !== requestHash)
      throw denials.willNotSign("already-signed");
    const lent = lentChange(state, granted, wish.reservation, costSat);
    const amountSat = terms.amountSat ?? sumOf(coins);
    const paidOutSat = leavingSat(wallet, transaction, coins, terms);
    if (before === undefined) {
      checkAmount(granted, amountSat);
      checkDailyLimit(wallet, config, { caller: granted.givenBy, sat: paidOutSat });
      // At once: whoever asks for two at the same time gets no more than one after the other.
      countedSat = amountSat;
      granted.usedSat += amountSat;
    }
    const reservation = state.reservations[wish.reservation];
    const signatures = sign(wallet, transaction, coins, ownInputs);
    const signed = {
      purpose: side,
      inputs: [...outpoints],
      requestHash,
      ...wholeOf(transaction, signatures),
      ...(wish.resend === "late" ? { isLate: true } : {}),
      ...(side === "taker" && granted.givenBy === DOORS ? { askedBy: DOORS, paidOutSat } : {}),
    };
    const atMs = wallet.nowMs;
    const changes: WalletChange[] =
      before !== undefined || reservation === undefined
        ? []
        : [
            {
              kind: "signed",
              key: wish.reservation,
              signed: { ...signed, atMs },
            },
            {
              kind: "reserved",
              id: wish.reservation,
              reservation: { ...reservation, untilMs: Math.max(reservation.untilMs, atMs + SIGNED_MS) },
            },
            ...lent,
          ];
    return { changes, result: { signatures: toldOf(signatures), earnedSat } };
  });
  try {
    return await decision;
  } catch (error) {
    // What is not on the disk was not given out.
    granted.usedSat -= countedSat;
    throw error;
  }
}

/** Which inputs are ours and what it brings us, if all that was promised is kept. */
function judge(
  wallet: OpenWallet,
  transaction: Transaction,
  given: {
    readonly side: Side;
    readonly terms: Terms;
    readonly coins: readonly StandingCoin[];
    readonly participants: number;
  },
): { readonly ownInputs: readonly number[]; readonly earnedSat: number; readonly costSat: number } {
  const { side, terms, participants } = given;
  const { network } = wallet;
  const coins = given.coins.map(({ txid, index, amountSat, key }) => ({
    txid: parseTxid(txid),
    vout: index,
    valueSat: amountSat,
    scriptPubKey: key.scriptPubKey,
  }));
  const { destination } = terms;
  const coinjoinScript =
    typeof destination === "string"
      ? scriptOfAddress(destination, network)
      : wallet.keys.key(destination).scriptPubKey;
  const changeScript = wallet.keys.key(terms.change).scriptPubKey;
  const { amountSat, coinjoinFeeSat, txfeeSat } = terms;
  const verdict =
    side === "maker"
      ? checkAsMaker(transaction, {
          network,
          coins,
          amountSat: amountSat ?? 0,
          coinjoinFeeSat,
          txfeeSat,
          coinjoinScript,
          changeScript,
        })
      : checkAsTaker(transaction, {
          network,
          coins,
          amountSat: amountSat ?? undefined,
          destinationScript: coinjoinScript,
          changeScript,
          makerFeesSatMax: terms.makerFeesSatMax,
          minerFeeSatMax: terms.miningFeeSatMax,
          participantsMin: participants,
        });
  if (!verdict.isGood) throw denials.willNotSign(verdict.refusal);
  return { earnedSat: 0, costSat: 0, ...verdict };
}

/** What goes in and does not come back: to others, to makers and to miners. */
function leavingSat(
  wallet: OpenWallet,
  { outputs }: Transaction,
  coins: readonly StandingCoin[],
  { change, destination }: Terms,
): number {
  const places = typeof destination === "string" ? [change] : [change, destination];
  const fresh = places.map((place) => wallet.keys.key(place).scriptPubKey);
  const returned = outputs.filter(
    ({ scriptPubKey }) => fresh.some((own) => equalBytes(own, scriptPubKey)) || wallet.isOwn(scriptPubKey),
  );
  return Math.max(0, sumOf(coins) - returned.reduce((sum, { amountSat }) => sum + Number(amountSat), 0));
}

function coinsOf(wallet: OpenWallet, outpoints: readonly string[]): readonly StandingCoin[] {
  const coins = new Map(wallet.coins().map((coin) => [coin.outpoint, coin]));
  return outpoints.map((outpoint) => {
    const coin = coins.get(outpoint);
    if (coin === undefined) throw denials.willNotSign("coin-spent");
    // Frozen after it was reserved: its owner has thought better of it.
    if (coin.standing.isFrozen) throw denials.willNotSign("coin-frozen");
    return coin;
  });
}

/** `ownInputs` is in the order of the coins. */
function sign(
  wallet: OpenWallet,
  transaction: Transaction,
  coins: readonly StandingCoin[],
  ownInputs: readonly number[],
): readonly SignedInput[] {
  const inputKeys = coins.map((coin, i) => inputKeyOf(coin, ownInputs[i] ?? -1, wallet.keys));
  try {
    return signInputs(transaction, inputKeys);
  } finally {
    for (const { privateKey } of inputKeys) privateKey.fill(0);
  }
}

function toldOf(signed: readonly SignedInput[]): SignedByUs["signatures"] {
  return signed.map(({ index, publicKey, signature, witness, scriptSig }) => ({
    index,
    publicKey: bytesToHex(publicKey),
    signature: bytesToHex(signature),
    witness: witness.map(bytesToHex),
    scriptSig: bytesToHex(scriptSig),
  }));
}

/** A taker signs last: then it is the transaction that will be sent. */
function wholeOf(transaction: Transaction, signatures: readonly SignedInput[]) {
  const whole = withSignedInputs(transaction, signatures);
  const isWhole = whole.inputs.every(({ scriptSig, witness }) => scriptSig.length > 0 || witness.length > 0);
  const txid = txidOf(whole);
  return isWhole ? { txid, rawTx: bytesToHex(serializeTransaction(whole)) } : { txid };
}

function readTransaction(rawTx: string, { network }: OpenWallet): Transaction {
  try {
    return parseTransaction(hexToBytes(rawTx), network.serialization);
  } catch (error) {
    if (!hasCode(error, "BITCOIN_MALFORMED")) throw error;
    throw denials.willNotSign("malformed");
  }
}

/** Of what is signed: others' signatures may be there or not. */
export function signedHashOf(transaction: Transaction): string {
  const inputs = transaction.inputs.map((input) => ({ ...input, scriptSig: new Uint8Array(0), witness: [] }));
  return createHash("sha256")
    .update(serializeStripped({ ...transaction, inputs }))
    .digest("hex");
}
