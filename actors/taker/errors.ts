/** The taker's error codes. */
import { errorTable } from "../../runtime/errors.ts";

export const takerErrors = errorTable({
  TAKER_NO_MARKET: {
    meaning: "No channel of the market could be reached, so there is nobody to ask.",
    remedy:
      "`channels` says what each of them lacks. Look at [market] in the configuration, and whether Tor runs.",
  },
  TAKER_NOT_READY: {
    meaning:
      "Another part of the program, or the node, does not answer just now: it is starting, or starting again. No coinjoin was made of it.",
    remedy:
      "Ask again in a moment. If it stays so, `supervisor status` shows who is away, and `supervisor doctor` why.",
  },
  TAKER_BUSY: {
    meaning: "As many coinjoins or plans as are allowed are on their way.",
    remedy: "Wait until one has ended, or raise `runs_max` in [taker].",
  },
  TAKER_NO_SUCH_RUN: {
    meaning: "There is no coinjoin of that id, or it ended so long ago that it was forgotten.",
    remedy: "List them with `supervisor coinjoin runs`.",
  },
  TAKER_FEW_MAKERS: {
    meaning: "Fewer makers than wanted can be asked for this amount at these prices.",
    remedy:
      "Ask fewer makers, for another amount, or allow higher fees; `supervisor orderbook` shows what there is.",
  },
  TAKER_TOO_SMALL: {
    meaning: "What is there does not cover the amount and what makers and miners get.",
    remedy: "Choose a smaller amount or another mixdepth.",
  },
  TAKER_ADDRESS: {
    meaning: "The place where the mixed coins shall go is no address of this network.",
    remedy: "Copy the address again: one letter is wrong, or it is of another network.",
  },
  TAKER_FEERATE: {
    meaning: "The miners' fee is higher than [taker] allows, or lower than the node takes.",
    remedy: "Give another fee, wait for calmer days, or raise `fee_max_sat_per_vb`.",
  },
  TAKER_NO_COMMITMENT: {
    meaning:
      "Makers want an older, larger or less used coin behind the question: none of the coins may stand for it (any more).",
    remedy:
      "Wait until the coins have five confirmations, choose a smaller amount, or move a coin: each can be used three times.",
  },
  TAKER_MAKERS_FAILED: {
    meaning: "Too few of the makers that were asked agreed, or signed.",
    remedy: "Try again: others will be picked. The coinjoin's `faults` say what each of them did.",
  },
  TAKER_MINING_FEE: {
    meaning: "The makers brought so many coins that the miners' fee would be higher than was granted.",
    remedy: "Try again, or allow more for the miners.",
  },
  TAKER_REFUSED: {
    meaning: "The node does not take the finished transaction: a participant has spent its coin meanwhile.",
    remedy: "Nothing was spent. The coins come free within an hour; then try again.",
  },
  TAKER_NOT_SENT: {
    meaning: "The transaction is finished and signed, but nobody was seen to send it.",
    remedy:
      'Its coins stay reserved for an hour, and it may still appear. With `broadcast = "self"` our own node sends it.',
  },
  TAKER_CANCELLED: {
    meaning: "The coinjoin was ended by its owner before it was signed.",
    remedy: "Nothing is to be done: its coins are free.",
  },
  TAKER_NO_SUCH_TUMBLE: {
    meaning: "There is no tumble of that id, or it ended so long ago that it was forgotten.",
    remedy: "List them with `supervisor tumble status`.",
  },
  TAKER_TUMBLES: {
    meaning: "The wallet tumbles already: two schedules would take each other's coins.",
    remedy: "Wait until it is done, or end it with `supervisor tumble stop`.",
  },
  TAKER_SCHEDULE: {
    meaning: "The schedule cannot be carried out as it is, or no schedule fits what is asked for.",
    remedy: "`what` says which entry and why. Change it, or let `supervisor tumble plan` draw one.",
  },
  TAKER_NO_COINS: {
    meaning: "No mixdepth has confirmed coins worth a coinjoin.",
    remedy:
      "Wait for confirmations, unfreeze coins, or allow smaller amounts; `supervisor wallet show` tells.",
  },
  TAKER_DISK: {
    meaning: "What must not be forgotten about a coinjoin cannot be written to the disk.",
    remedy: "Make room in the data directory. Nothing was signed.",
  },
});
