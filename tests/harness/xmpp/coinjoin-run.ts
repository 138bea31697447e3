/** A coinjoin as the taker tells of it, half way unless told otherwise. */
import type { CoinjoinRun } from "../../../bus/contracts/taker.ts";

export function coinjoinRun(more: Partial<CoinjoinRun> = {}): CoinjoinRun {
  return {
    id: "0123456789abcdef",
    version: 1,
    phase: "fill",
    isOver: false,
    progress: "makers are asked",
    attempt: 1,
    mixdepth: 0,
    isSweep: false,
    amountSat: 50_000,
    makersWanted: 3,
    makersAsked: 3,
    makersGood: 0,
    makersSigned: 0,
    makerFeesSat: null,
    miningFeeSat: null,
    txid: null,
    broadcastBy: null,
    faults: [],
    failure: null,
    startedAtS: 1_700_000_000,
    endedAtS: null,
    ...more,
  };
}
