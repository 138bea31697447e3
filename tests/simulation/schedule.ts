/** One schedule of the simulator, drawn by chance: what is mixed with whom, who lies, what happens to messages, and who is killed when. */
import { Chance } from "../harness/electrum/hostile-input.ts";
import { INPUT_LIES, SIGN_LIES } from "../harness/joinmarket/lies.ts";

export const ACCIDENTS = [
  "lost",
  "late",
  "very late",
  "doubled",
  "overtaken",
  "cut",
  "garbled",
  "with noise",
  "as another command",
] as const;
export type Accident = (typeof ACCIDENTS)[number];

export const KILLED = ["taker", "maker", "walletd", "peer"] as const;
export const TAKER_LIES = [
  "honest",
  "silent after its question",
  "silent after our promise",
  "opens another commitment",
  "asks with a commitment that was used",
  "pays us a satoshi less",
  "keeps a satoshi of our change",
  "leaves our output out",
  "pays our output to another",
  "has two transactions signed",
  "sends it twice",
] as const;

/** What our taker does, among scripted makers and perhaps our own one. */
export interface JoinSchedule {
  readonly kind: "join";
  readonly mixdepth: number;
  /** Null is a sweep. */
  readonly amountSat: number | null;
  readonly makers: number;
  readonly makersMin: number;
  /** By maker of the script: the name of its lie, if it has one. */
  readonly lies: readonly (string | undefined)[];
  readonly feesSat: readonly number[];
  readonly withOwnMaker: boolean;
  readonly broadcast: "self" | "random-maker" | "not-self";
  readonly feesSatMax: number;
}

/** What a scripted taker does to our maker. */
export interface TakenSchedule {
  readonly kind: "taken";
  readonly amountSat: number;
  readonly lie: (typeof TAKER_LIES)[number];
}

export interface Schedule {
  readonly number: number;
  readonly what: JoinSchedule | TakenSchedule;
  /** How many messages of a hundred have an accident. */
  readonly accidentPercent: number;
  /** Who is killed, or cut off, at which private message of this schedule. */
  readonly kills: readonly { readonly who: (typeof KILLED)[number]; readonly at: number }[];
  /** A maker spends its coin elsewhere just before the transaction comes to the node. */
  readonly spendsElsewhere: boolean;
  /** The node's answer to our sending gets lost, after it or before. */
  readonly loses: "after" | "before" | undefined;
  /** A block comes at this message. */
  readonly blockAt: number | undefined;
  /** What else is drawn while it runs. */
  readonly chance: Chance;
}

const LIE_SHARE = 0.25;

export function drawSchedule(seed: number, number: number): Schedule {
  // Each has a seed of its own, so that one can be run again without those before it.
  const chance = new Chance((seed * 2_654_435_761 + number * 40_503) >>> 0);
  const isRare = (share: number) => chance.next() < share;
  const kills = [];
  for (const who of KILLED) {
    const share = who === "walletd" ? 0.03 : 0.1;
    while (isRare(share)) kills.push({ who, at: chance.below(40) });
  }
  return {
    number,
    what: isRare(0.2) ? drawTaken(chance) : drawJoin(chance),
    accidentPercent: chance.one([0, 0, 2, 5, 15, 40]),
    kills,
    spendsElsewhere: isRare(0.04),
    loses: isRare(0.06) ? chance.one(["after", "before"] as const) : undefined,
    blockAt: isRare(0.15) ? chance.below(40) : undefined,
    chance,
  };
}

function drawJoin(chance: Chance): JoinSchedule {
  const scripted = 2 + chance.below(4);
  const withOwnMaker = chance.next() < 0.6;
  const most = scripted + (withOwnMaker ? 1 : 0);
  const makers = 1 + chance.below(most);
  const lies = Array.from({ length: scripted }, () =>
    chance.next() < LIE_SHARE
      ? chance.one([
          ...Object.keys(INPUT_LIES),
          ...Object.keys(SIGN_LIES).map((name) => `in signing ${name}`),
          "sends nothing",
          "has a key of its own",
        ])
      : undefined,
  );
  return {
    kind: "join",
    mixdepth: chance.below(3),
    amountSat: chance.next() < 0.15 ? null : Math.round(30_000 * 10 ** (chance.next() * 1.3)),
    makers,
    makersMin: 1 + chance.below(makers),
    lies,
    feesSat: Array.from({ length: scripted }, () => chance.below(400)),
    withOwnMaker,
    broadcast: chance.one(["self", "random-maker", "not-self"]),
    feesSatMax: chance.one([600, 2_000, 5_000, 20_000]),
  };
}

function drawTaken(chance: Chance): TakenSchedule {
  return { kind: "taken", amountSat: 100_000 + chance.below(400_000), lie: chance.one(TAKER_LIES) };
}

/** For people. */
export function scheduleText({ number, what, accidentPercent, kills, ...rest }: Schedule): string {
  const { chance, ...more } = rest;
  return JSON.stringify({ number, ...what, accidentPercent, kills, ...more });
}
