/** What a taker answers through the bus where only the wallet door is looked at: a plan of eight makers, and a coinjoin that asks them. */

export const PLAN = {
  makers: [
    {
      ...{ nick: "J5abc", oid: "0", type: "sw0absoffer", minSizeSat: 1, maxSizeSat: 9 },
      ...{ txfeeSat: 0, fee: "2", bondValue: 0, costSat: 2 },
    },
  ],
  ...{
    plan: "fedcba9876543210",
    makersMin: 8,
    candidates: 8,
    makerFeesSat: 2,
    miningFeeSat: 500,
  },
  ...{ satPerVb: 1, makerFeesSatMax: 3, miningFeeSatMax: 900, channels: [] },
};

export const RUN = {
  ...{
    id: "0123456789abcdef",
    version: 1,
    phase: "fill" as const,
    progress: "Asking 8 makers.",
    attempt: 1,
  },
  ...{ mixdepth: 0, isSweep: false, amountSat: 1, makersWanted: 8, makersAsked: 8, makersGood: 0 },
  ...{ makersSigned: 0, makerFeesSat: null, miningFeeSat: null, txid: null, broadcastBy: null, faults: [] },
  ...{ failure: null, startedAtS: 1_700_000_000, endedAtS: null },
};

/** None of its schedules is the test's. */
export const NO_TUMBLES = { tumbles: () => ({ tumbles: [] }) };
