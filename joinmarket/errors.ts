/** The error codes of JoinMarket's rules, which maker, taker and wallet share. */
import { errorTable, TroupeError } from "../runtime/errors.ts";

export const joinmarketErrors = errorTable({
  JOINMARKET_BAD_PATH: {
    meaning: "A text is not the path of a key in a JoinMarket wallet.",
    remedy: "Copy the path from the list of your addresses: it looks like m/84'/0'/0'/1/5.",
  },
  JOINMARKET_BAD_LOCKDATE: {
    meaning: "A fidelity bond cannot be locked until this month.",
    remedy:
      "Give a month as YYYY-MM, from 2020-01 to 2099-12; it ends on the first of that month, 00:00 UTC.",
  },
  JOINMARKET_BAD_SHARE: {
    meaning: "A relative fee of a maker is no share of an amount.",
    remedy: "Give a decimal number from 0 to below 1: 0.00002 is two thousandths of a percent.",
  },
  JOINMARKET_BAD_REVELATION: {
    meaning: "What should open a counterparty's commitment is malformed.",
    remedy:
      "Nothing is to be done: the counterparty's program is broken or probes ours, and is not answered.",
  },
  JOINMARKET_BAD_MESSAGE: {
    meaning: "A counterparty's message is malformed.",
    remedy:
      "Nothing is to be done: the counterparty's program is broken or probes ours, and the message is ignored.",
  },
  JOINMARKET_NO_COINJOIN: {
    meaning:
      "No coinjoin can be made of these coins and makers: what goes in does not cover what must come out.",
    remedy: "Choose a smaller amount, other makers or a lower feerate, or sweep the mixdepth.",
  },
  JOINMARKET_NO_SUCH_KEY: {
    meaning:
      "The wallet has no key there: a branch that its type does not have, or a private key of a wallet that only watches.",
    remedy:
      "Look at the list of the wallet's addresses; fidelity bonds are in mixdepth 0 of a wallet made for them.",
  },
  JOINMARKET_UNSENDABLE: {
    meaning: "A message to the market has a form that no peer would read.",
    remedy: "This is a fault of Troupe: please report it with the log.",
  },
  JOINMARKET_MESSAGE_TOO_LONG: {
    meaning: "A message is longer than a channel carries: peers would cut the connection.",
    remedy: "Use fewer coins in one join, or let our own node broadcast the transaction.",
  },
  JOINMARKET_NO_CHANNEL: {
    meaning: "The market has no channels, or has been closed.",
    remedy: "Name at least one directory or IRC server in [market].",
  },
  JOINMARKET_BAD_SCHEDULE: {
    meaning: "A schedule of coinjoins cannot be read, or cannot be carried out.",
    remedy:
      "`entry` says which line or entry, `what` why. Each line has seven columns: mixdepth, amount, makers, destination, minutes to wait, rounding, completion.",
  },
  JOINMARKET_PEER_GONE: {
    meaning: "The counterparty is on no channel any more, so that nothing can be told to it.",
    remedy: "Choose another counterparty, or wait until it is back.",
  },
});

type JoinmarketFailure =
  | { readonly code: "JOINMARKET_BAD_PATH" }
  | { readonly code: "JOINMARKET_BAD_LOCKDATE"; readonly lockdate: string }
  | { readonly code: "JOINMARKET_BAD_SHARE" }
  | { readonly code: "JOINMARKET_BAD_REVELATION" }
  | { readonly code: "JOINMARKET_BAD_MESSAGE"; readonly what: string }
  | { readonly code: "JOINMARKET_NO_COINJOIN"; readonly missingSat: number }
  | { readonly code: "JOINMARKET_NO_SUCH_KEY"; readonly what: string }
  | { readonly code: "JOINMARKET_UNSENDABLE" }
  | { readonly code: "JOINMARKET_MESSAGE_TOO_LONG"; readonly lengthBytes: number; readonly maxBytes: number }
  | { readonly code: "JOINMARKET_NO_CHANNEL" }
  | { readonly code: "JOINMARKET_BAD_SCHEDULE"; readonly entry: number; readonly what: string }
  | { readonly code: "JOINMARKET_PEER_GONE"; readonly nick: string };

export class JoinmarketError<F extends JoinmarketFailure = JoinmarketFailure> extends TroupeError<F> {}
