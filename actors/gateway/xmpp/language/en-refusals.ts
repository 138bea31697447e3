/** English: what people are told when something is refused. */

export const enRefusals = {
  noAccount: "You have no account here yet.",
  nameMissing: "Choose a user name.",
  nameForm: (fewest: number, most: number, characters: string, first: string) =>
    `A user name has ${fewest} to ${most} characters of ${characters}, and begins with one of ${first}.`,
  nameReserved: "This name is not given to anybody.",
  nameTaken: "This name is taken.",
  notAllowed: {
    closed: "Nobody can register at present.",
    domain: "People of your server cannot register here.",
    invite: "You need an invitation that is still good.",
    banned: "You cannot register here.",
    full: "No more accounts can be opened at present.",
  },
  notEmpty: "There are coins or open payments in your account. Type: leave ADDRESS",
  bankShut: (why: string) => `The wallet cannot be asked just now: ${why}`,
  frozen: (why: string) =>
    `Your account is frozen${why === "" ? "" : `: ${why}`}. Talk to those who run this bank.`,
  waiting: "An admin has to approve of your account first.",
  unverified:
    "First prove that the account is still yours. Type: verify and your recovery code, or a one-time code.",
  recipient: "There is nobody of this name who can be paid.",
  self: "That is yourself.",
  dust: (least: string) => `The network carries no payment below ${least}.`,
  funds: (available: string, needed: string) => `That needs ${needed}, and you have ${available}.`,
  limitPayment: (most: string) => `One payment may have at most ${most}.`,
  limitDay: (left: string) => `Today you may pay ${left} more.`,
  stopped: (why: string) => `Payments are stopped for everybody: ${why}`,
  tooMany: (most: number) => `You have ${most} of them already. Finish or remove some first.`,
  tooManyOfDay: (most: number) => `You have ordered ${most} payments within a day. Order more tomorrow.`,
  tooManyNames: (most: number) =>
    `You have given up ${most} names lately, which are kept for you. Take one of them again, or wait.`,
  noOrder: "You have no open payment with this code.",
  triesLeft: (tries: number) => `Tries left: ${tries}.`,
  locked: (minutes: number) => `Too many wrong codes. Try again in ${minutes} min.`,
  signed:
    "Its transaction is signed already and may be sent at any moment: it cannot be given up any more. You will be told how it goes.",
  over: (state: string) => `This payment is over already (${state}).`,
  factorMissing: "This needs a second factor, and you have none. Type: factor new",
  factorYoung:
    "Your second factor is new: for an amount that you could not pay without one, its codes count 24 hours after it was set up.",
  factorPresent: "You have a second factor already. To take it away type: factor off CODE",
  factorNeeded: "This needs a one-time code. Type: confirm CODE ONE-TIME-CODE",
  factorWrong: "The one-time code is wrong.",
  coinjoin: {
    off: "Those who run this bank have not allowed payments by coinjoins.",
    later: "No coinjoin can be made just now. Try again later, or pay without one.",
    makers: "Too few makers would do that for this amount. Try fewer makers, or another amount.",
    funds: "The bank has not enough confirmed coins for that just now. Try again later.",
    amount: "That is more than one coinjoin may pay here.",
    price: "Makers or miners ask more than those who run this bank allow. Try fewer makers.",
  },
  notYours: "This address is not yours.",
  noSuchUser: "There is no such account.",
  negative: "The account owes coins; it cannot be opened before they are back.",
  away: "The bank does not answer just now. Try again in a moment.",
};
