/** Answers to the contract about tumbles. */
import { randomBytes } from "node:crypto";
import type { Handlers } from "../../../bus/bus.ts";
import type { takerContract } from "../../../bus/contracts/taker.ts";
import { WALLET_MIXDEPTHS_MAX } from "../../../bus/contracts/walletd/values.ts";
import { ASKED_FOR } from "../../../joinmarket/schedule/entry.ts";
import { denials } from "../denials.ts";
import { needingOthers } from "../others-away.ts";
import { entriesOf, newTumble, rowsOf } from "../tumble/record.ts";
import type { Tumbles } from "../tumble/tumbles.ts";
import { limitsOf } from "./plans.ts";
import { checkedSchedule, type PlanParts, tumblePlan } from "./tumble-plans.ts";

export interface TumbleDesk extends PlanParts {
  readonly tumbles: Tumbles;
}

type TumbleMethods = "tumblePlan" | "tumbleStart" | "tumble" | "tumbles" | "tumbleStop" | "tumbleResume";

const NEWS_WAIT_MS = 20_000;
const ID_BYTES = 8;

export function tumbleAnswers(desk: TumbleDesk): Pick<Handlers<typeof takerContract>, TumbleMethods> {
  const { coinjoins, tumbles } = desk;
  const { config, clock, network } = coinjoins;
  /** What a wallet has in mixdepths is seen when its entry comes. */
  const rules = { network, mixdepths: WALLET_MIXDEPTHS_MAX };
  return {
    tumblePlan: (wish, { signal }) => needingOthers(tumblePlan(desk, wish, signal)),
    tumbleStart({ wallet, grant, schedule, satPerVb, feeBlocks, makerFeesSatMax, miningFeeSatMax, ...more }) {
      checkedSchedule(entriesOf({ rows: schedule }), rules);
      const { amountSatMin, retrySeconds, makersMin } = more.rules;
      const wish = {
        wallet,
        grant,
        rows: schedule,
        ...{ amountSatMin, retrySeconds, makersMin: makersMin ?? null },
        limits: limitsOf(config, more.limits),
        ...{ satPerVb: satPerVb ?? null, feeBlocks: feeBlocks ?? null },
        ...{ makerFeesSatMax, miningFeeSatMax },
        broadcast: more.broadcast ?? config.broadcast,
      };
      const id = randomBytes(ID_BYTES).toString("hex");
      return tumbles.begin(newTumble(id, wish, Math.floor(clock.now() / 1_000)));
    },
    tumble({ id, newerThan }, { signal }) {
      const tumble = tumbles.need(id);
      return newerThan === undefined ? tumble.shown : tumble.news(newerThan, NEWS_WAIT_MS, signal);
    },
    tumbles: ({ limit, wallet }) => ({ tumbles: tumbles.list(limit, wallet) }),
    tumbleStop: ({ id }, { signal }) => tumbles.end(id, signal),
    tumbleResume({ id, grant, addresses }) {
      const tumble = tumbles.need(id);
      const { record } = tumble;
      tumbles.checkFree(record.wallet, id);
      const left = [...addresses];
      const entries = entriesOf(record).map((entry) => {
        const address = entry.destination === ASKED_FOR ? left.shift() : undefined;
        return address === undefined ? entry : { ...entry, destination: address };
      });
      if (left.length > 0) throw denials.schedule(0, "it does not ask for so many addresses");
      checkedSchedule(entries, rules);
      if (record.state !== "done") tumble.resume(grant, rowsOf(entries));
      return tumble.shown;
    },
  };
}
