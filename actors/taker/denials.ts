/** Every way in which a coinjoin cannot be planned or ends without one, in words for people; the codes are in `errors.ts`. */
import type { ChannelStatus } from "../../joinmarket/channel/market.ts";
import { type Failure, TroupeError } from "../../runtime/errors.ts";

export interface ShownChannel {
  readonly id: string;
  readonly kind: ChannelStatus["kind"];
  readonly state: ChannelStatus["state"];
  readonly error: string | null;
}

/** Each makes the error; its caller throws it. */
export const denials = Object.freeze({
  noMarket: (channels: readonly ShownChannel[]) =>
    denial(
      { code: "TAKER_NO_MARKET", channels },
      `The market cannot be reached: ${channels.map(({ id, error }) => `${id}${error === null ? "" : ` (${error})`}`).join(", ") || "no channel is configured"}.`,
    ),
  notReady: (reason: string, cause: unknown) =>
    new TroupeError(
      { code: "TAKER_NOT_READY", reason, retryable: true },
      `Another part of the program, or the node, does not answer just now (${reason}). It may be starting again: ask again in a moment.`,
      { cause },
    ),
  busy: (most: number) =>
    denial({ code: "TAKER_BUSY", most }, `${most} coinjoins are on their way already, which is the most.`),
  noSuchRun: (id: string) => denial({ code: "TAKER_NO_SUCH_RUN", id }, `There is no coinjoin ${id}.`),
  fewMakers: (found: number, wanted: number) =>
    denial(
      { code: "TAKER_FEW_MAKERS", found, wanted },
      `${found} makers can be asked for this amount at these prices, ${wanted} are needed.`,
    ),
  tooSmall: (availableSat: number) =>
    denial(
      { code: "TAKER_TOO_SMALL", availableSat },
      `${availableSat.toLocaleString("en")} sat do not cover the amount and what makers and miners get.`,
    ),
  address: (address: string) =>
    denial({ code: "TAKER_ADDRESS", address }, `${address} is not an address of this network.`),
  feerate: (satPerVb: number) =>
    denial(
      { code: "TAKER_FEERATE", satPerVb },
      `A miners' fee of ${satPerVb} sat/vB is too high, or less than the node takes.`,
    ),
  noCommitment: (tooYoung: number, tooSmall: number, usedUp: number) =>
    denial(
      { code: "TAKER_NO_COMMITMENT", tooYoung, tooSmall, usedUp },
      `Makers accept none of the coins as proof: ${tooYoung} too young, ${tooSmall} too small, ${usedUp} used up.`,
    ),
  makersFailed: (good: number, needed: number) =>
    denial(
      { code: "TAKER_MAKERS_FAILED", good, needed },
      `${good} makers went along, and ${needed} are needed.`,
    ),
  miningFee: (neededSat: number, allowedSat: number) =>
    denial(
      { code: "TAKER_MINING_FEE", neededSat, allowedSat },
      `The miners would get ${neededSat} sat, and ${allowedSat} sat are allowed.`,
    ),
  refused: (reason: string) =>
    denial({ code: "TAKER_REFUSED", reason }, `The node does not take the transaction (${reason}).`),
  notSent: (txid: string) =>
    denial(
      { code: "TAKER_NOT_SENT", txid },
      `The transaction ${txid} is signed, and nobody was seen to send it.`,
    ),
  cancelled: () => denial({ code: "TAKER_CANCELLED" }, "The coinjoin was ended before it was signed."),
  noSuchTumble: (id: string) => denial({ code: "TAKER_NO_SUCH_TUMBLE", id }, `There is no tumble ${id}.`),
  tumbles: (wallet: string, id: string) =>
    denial({ code: "TAKER_TUMBLES", wallet, id }, `The wallet ${wallet} tumbles already (${id}).`),
  schedule: (entry: number, what: string) =>
    denial(
      { code: "TAKER_SCHEDULE", entry, what },
      entry === 0 ? `The schedule cannot be: ${what}.` : `The schedule's entry ${entry} cannot be: ${what}.`,
    ),
  noCoins: (amountSatMin: number) =>
    denial(
      { code: "TAKER_NO_COINS", amountSatMin },
      `There are no confirmed coins of ${amountSatMin} sat to be mixed.`,
    ),
  disk: (cause: unknown) =>
    new TroupeError({ code: "TAKER_DISK" }, "What happens to the coinjoin cannot be written down.", {
      cause,
    }),
});

function denial<F extends Failure>(failure: F, message: string): TroupeError {
  return new TroupeError<Failure>(failure, message);
}
