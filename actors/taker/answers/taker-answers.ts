/** Answers to the contract: the market, plans, and the coinjoins that run. */
import { randomBytes } from "node:crypto";
import type { CallContext, Handlers } from "../../../bus/bus.ts";
import type { takerContract } from "../../../bus/contracts/taker.ts";
import type { CoinjoinParts } from "../coinjoin/parts.ts";
import { newRecord } from "../coinjoin/record.ts";
import type { Runs } from "../coinjoin/runs.ts";
import { denials } from "../denials.ts";
import { needingOthers } from "../others-away.ts";
import { limitsOf, type Plans, shownBonds, shownBook } from "./plans.ts";
import { type TumbleDesk, tumbleAnswers } from "./tumble-answers.ts";

export interface TakerDesk {
  readonly tumbleDesk: TumbleDesk;
  readonly parts: CoinjoinParts;
  readonly runs: Runs;
  readonly plans: Plans;
}

const OFFERS_SHOWN_MAX = 5_000;
const NEWS_WAIT_MS = 20_000;
const ID_BYTES = 8;

export function takerAnswers({ parts, runs, plans, tumbleDesk }: TakerDesk): Handlers<typeof takerContract> {
  const { config, clock } = parts;
  return {
    async orderbook(_, { signal }: CallContext) {
      const gathering = parts.openGathering();
      try {
        await gathering.start();
        await gathering.offers(() => true, signal);
        const makers = gathering.book.makers();
        const bonds = await needingOthers(parts.bonds.values(makers, gathering.nick));
        const offers = shownBook(gathering, bonds).slice(0, OFFERS_SHOWN_MAX);
        const shown = shownBonds(bonds).slice(0, OFFERS_SHOWN_MAX);
        return { channels: gathering.channels, makers: makers.length, offers, bonds: shown };
      } finally {
        await gathering.close();
      }
    },
    plan: (wish, { signal }) => needingOthers(plans.make(wish, signal)),
    start(input) {
      // Asked once more for the same: an answer was lost.
      if (input.id !== undefined && runs.record(input.id) !== undefined) return { id: input.id };
      if (runs.running >= config.runs_max) throw denials.busy(config.runs_max);
      const { mixdepth, amountSat, destination, makerFeesSatMax, miningFeeSatMax, ignored, satPerVb } = input;
      const wish = {
        mixdepth,
        amountSat,
        destination,
        coins: input.coins ?? null,
        makers: input.makers ?? null,
        makersMin: Math.min(input.makersMin ?? config.makers_min, input.makers ?? Number.POSITIVE_INFINITY),
        limits: limitsOf(config, input.limits),
        satPerVb: satPerVb ?? null,
        ignored,
        makerFeesSatMax,
        miningFeeSatMax,
        broadcast: input.broadcast ?? config.broadcast,
      };
      const id = input.id ?? randomBytes(ID_BYTES).toString("hex");
      const startedAtS = Math.floor(clock.now() / 1_000);
      const record = { ...newRecord(id, wish, input.grant, startedAtS), ownsGrant: true };
      runs.begin(record, plans.take(input.plan));
      return { id };
    },
    run: ({ id, newerThan }, { signal }) => runs.shown(id, newerThan, NEWS_WAIT_MS, signal),
    runs: ({ limit }) => ({ runs: runs.list(limit) }),
    ...tumbleAnswers(tumbleDesk),
    cancel: ({ id }) => ({ isCancelled: runs.cancel(id) }),
  };
}
