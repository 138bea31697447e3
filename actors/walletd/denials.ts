/** Every way in which walletd says no to a request about an open wallet, in words for people; the codes are in `errors.ts`. */
import { type Failure, TroupeError } from "../../runtime/errors.ts";

export type ExternalTrouble =
  | "own"
  | "gone"
  | "other-key"
  | "bad-key"
  | "used-up"
  | "not-lenders"
  | "frozen"
  | "set-aside"
  | "bond";

const EXTERNAL_WORDS: Readonly<Record<ExternalTrouble, string>> = Object.freeze({
  own: "is this wallet's own: it may stand for a coinjoin of its mixdepth anyway, and for no other's",
  gone: "does not exist, or is spent",
  "other-key": "does not belong to this key",
  "bad-key": "was given with no private key of this network (WIF, of a compressed public key)",
  "used-up": "has been shown as often as makers take it",
  "not-lenders": "is no coin of the wallet that lends",
  frozen: "is frozen in the wallet that lends: unfreeze it there, if makers may see it",
  "set-aside": "is set aside for a transaction of the wallet that lends",
  bond: "is a bond, which makers take for no proof",
});

export type CoinTrouble =
  | "not-ours"
  | "frozen"
  | "reserved"
  | "other-mixdepth"
  | "unconfirmed"
  | "timelocked"
  | "other-kind"
  | "spent";

const COIN_WORDS: Readonly<Record<CoinTrouble, string>> = Object.freeze({
  "not-ours": "is no coin of this wallet",
  frozen: "is frozen",
  reserved: "is reserved for another transaction",
  "other-mixdepth": "lies in another mixdepth",
  unconfirmed: "has too few confirmations",
  timelocked: "is locked until its bond ends",
  "other-kind": "has another kind of script than the coins that others mix",
  spent: "is spent",
});

/** Each makes the error; its caller throws it. None holds a secret. */
export const denials = Object.freeze({
  noSession: (wallet: string) =>
    denial(
      { code: "WALLETD_NO_SESSION", wallet },
      `The wallet ${wallet} is locked, or this session is not one of it. Unlock it.`,
    ),
  watchOnly: (wallet: string) =>
    denial(
      { code: "WALLETD_WATCH_ONLY", wallet },
      `The wallet ${wallet} only watches: its keys are elsewhere. Make a PSBT here, and sign it where they are.`,
    ),
  accountKey: (what: string) =>
    denial({ code: "WALLETD_ACCOUNT_KEY", what }, `This is not the public key of an account: ${what}.`),
  tooManyOpen: (wallet: string, most: number) =>
    denial(
      { code: "WALLETD_TOO_MANY_OPEN", wallet },
      `${most} wallets are unlocked already: lock one before you open ${wallet}.`,
    ),
  words: (what: string) => denial({ code: "WALLETD_WORDS", what }, `These words are no seed: ${what}`),
  passwordNeeded: (wallet: string) =>
    denial(
      { code: "WALLETD_PASSWORD_NEEDED", wallet },
      `The words of ${wallet} are only shown for its password.`,
    ),
  notSynced: (wallet: string, progress: number) =>
    denial(
      { code: "WALLETD_NOT_SYNCED", wallet, progress },
      `The wallet ${wallet} is still looking for its coins (${Math.floor(progress * 100)} %). Ask again soon.`,
    ),
  funds: (neededSat: number, availableSat: number) =>
    denial(
      { code: "WALLETD_FUNDS", neededSat, availableSat },
      `Insufficient funds: ${neededSat} sat are needed with the fee, ${availableSat} sat can be spent in this mixdepth.`,
    ),
  coin: (coin: { readonly txid: string; readonly index: number }, why: CoinTrouble) =>
    denial(
      { code: "WALLETD_COIN", txid: coin.txid, index: coin.index, why },
      `The coin ${coin.txid}:${coin.index} ${COIN_WORDS[why]}.`,
    ),
  address: (address: string) =>
    denial({ code: "WALLETD_ADDRESS", address }, `${address} is not an address of this network.`),
  dust: (amountSat: number, dustSat: number) =>
    denial(
      { code: "WALLETD_DUST", amountSat, dustSat },
      `${amountSat} sat is too little to send: below ${dustSat} sat no node takes such an output.`,
    ),
  fee: (satPerVb: number, lowestSatPerVb: number, highestSatPerVb: number) =>
    denial(
      { code: "WALLETD_FEE", satPerVb, lowestSatPerVb, highestSatPerVb },
      `A fee of ${satPerVb} sat/vB is not between ${lowestSatPerVb} and ${highestSatPerVb}, the least and the most that make sense now.`,
    ),
  limit: (limit: string, askedSat: number, leftSat: number) =>
    denial(
      { code: "WALLETD_LIMIT", limit, askedSat, leftSat },
      `${limit} leaves ${leftSat} sat for now, and this would spend ${askedSat} sat.`,
    ),
  notTaken: (txid: string, kind: string, reason: string) =>
    denial(
      { code: "WALLETD_NOT_TAKEN", txid, kind, reason },
      `The node does not take the transaction (${reason}). Nothing was sent.`,
    ),
  notKnownSent: (txid: string, reason: string) =>
    denial(
      { code: "WALLETD_NOT_KNOWN_SENT", txid, reason },
      `The transaction ${txid} is signed, but it is not known whether the node has it (${reason}). Repeating is safe.`,
    ),
  notBumpable: (txid: string, why: string) =>
    denial(
      { code: "WALLETD_NOT_BUMPABLE", txid, why },
      `The transaction ${txid} cannot be replaced: ${why}.`,
    ),
  psbt: (what: string) => denial({ code: "WALLETD_PSBT", what }, `This PSBT cannot be used: ${what}.`),
  noSuchPlace: (what: string) =>
    denial({ code: "WALLETD_NO_SUCH_PLACE", what }, `The wallet has no ${what}.`),
  tooMany: (what: string, most: number) =>
    denial({ code: "WALLETD_TOO_MANY", what, most }, `The wallet can hold ${most} ${what}, and has them.`),
  tooFast: (what: string, most: number, waitMs: number) =>
    denial(
      { code: "WALLETD_TOO_FAST", what, most, waitMs },
      `Within an hour no more than ${most} ${what}. Ask again in ${Math.ceil(waitMs / 1_000)} s.`,
    ),
  setting: (key: string, expected: string) =>
    denial({ code: "WALLETD_SETTING", key, expected }, `${key} takes ${expected}.`),
  noGrant: () =>
    denial({ code: "WALLETD_NO_GRANT" }, "The wallet's owner has granted nothing of the kind, or no longer."),
  beyondGrant: (limit: string) =>
    denial(
      { code: "WALLETD_BEYOND_GRANT", limit },
      `This goes beyond what the wallet's owner has granted (${limit}).`,
    ),
  lendingOver: () =>
    denial(
      { code: "WALLETD_LENDING_OVER" },
      "The coins for this order's coinjoin were lent before, and not any longer.",
    ),
  reservations: (most: number) =>
    denial(
      { code: "WALLETD_RESERVATIONS", most },
      `${most} coinjoins of this grant are on their way already.`,
    ),
  noReservation: () =>
    denial({ code: "WALLETD_NO_RESERVATION" }, "There is no such reservation, or it has run out."),
  willNotSign: (why: string) =>
    denial(
      { code: "WALLETD_WILL_NOT_SIGN", why },
      `The transaction is not what was agreed (${why}). Nothing was signed.`,
    ),
  externalCoin: (coin: { readonly txid: string; readonly index: number }, why: ExternalTrouble) =>
    denial(
      { code: "WALLETD_EXTERNAL_COIN", txid: coin.txid, index: coin.index, why },
      `The coin ${coin.txid}:${coin.index} ${EXTERNAL_WORDS[why]}. None was taken.`,
    ),
  commitmentsFile: () =>
    denial(
      { code: "WALLETD_COMMITMENTS_FILE" },
      "This is no commitments.json of joinmarket-clientserver: it has no lists of used and external commitments.",
    ),
  noCommitment: (tooYoung: number, tooSmall: number, usedUp: number) =>
    denial(
      { code: "WALLETD_NO_COMMITMENT", tooYoung, tooSmall, usedUp },
      `No coin can stand for this coinjoin: ${tooYoung} too young, ${tooSmall} too small, ${usedUp} used up.`,
    ),
});

function denial<F extends Failure>(failure: F, message: string): TroupeError {
  return new TroupeError<Failure>(failure, message);
}
