/** Schedules as clients of JoinMarket-NG ask for them: a plan is made, begun, looked at, ended and thrown away. */
import { z } from "zod";
import { TUMBLE_DESTINATIONS_MAX } from "../../../../../bus/contracts/taker/tumble.ts";
import type { RouteParts } from "../routes/parts.ts";
import { NothingSchema } from "../routes/schemas.ts";
import { type Endpoint, walletEndpoint } from "../wire/endpoint.ts";
import { Refusal } from "../wire/refusal.ts";
import { limitsOf } from "./limits.ts";
import { NgParameters, ngWish } from "./tumble-options.ts";
import { PlanSchema, planOfTumble, waitingPlan } from "./tumbler-plan.ts";
import type { TumblePlan } from "./tumbling.ts";

const PlanBody = z.object({
  destinations: z.array(z.string().min(14).max(100)).min(1).max(TUMBLE_DESTINATIONS_MAX),
  parameters: NgParameters.nullish(),
  force: z.boolean().optional(),
});

const NO_PLAN = { message: "There is no plan for this wallet." };

export function tumblerEndpoints({ walletd, mixing, makersMin }: RouteParts): Endpoint[] {
  /** Drawn and not begun, of the wallet that was open then. */
  const waiting = new Map<string, TumblePlan>();
  /** Ended ones that nobody wants to see any more. */
  const forgotten = new Map<string, string>();
  const { tumbling } = mixing;
  return [
    walletEndpoint("POST", "/tumbler/plan", "tumblerplan", {
      doc: "Makes a plan of many CoinJoins that end at the given addresses. It is kept until it is begun, or this door is closed.",
      body: PlanBody,
      status: 201,
      answer: PlanSchema,
      refusals: [
        "ConfigNotPresent",
        "ServiceAlreadyStarted",
        "NotEnoughCoinsForTumbler",
        "ActionNotAllowed",
        "BackendNotReady",
      ],
      handle: async ({ wallet, body: { destinations, parameters, force } }) => {
        if ((await tumbling.running(wallet.name)) !== undefined) throw new Refusal("ServiceAlreadyStarted");
        if (waiting.has(wallet.name) && force !== true) {
          throw new Refusal("ActionNotAllowed", {
            message: "There is a plan already; `force` makes another.",
          });
        }
        const limits = await limitsOf(walletd, wallet, makersMin);
        const plan = await tumbling.plan(wallet, destinations, ngWish(parameters ?? {}), limits);
        waiting.set(wallet.name, plan);
        mixing.tellPlan("plan_created", wallet.name);
        return waitingPlan(wallet.name, plan);
      },
    }),
    walletEndpoint("POST", "/tumbler/start", "tumblerstart", {
      doc: "Begins to carry out the plan.",
      status: 202,
      answer: NothingSchema,
      refusals: ["NotFound", "ServiceAlreadyStarted", "ActionNotAllowed", "BackendNotReady"],
      handle: async ({ wallet }) => {
        const plan = waiting.get(wallet.name);
        if (plan === undefined) {
          const last = await tumbling.last(wallet.name);
          if (last === undefined) throw new Refusal("NotFound", NO_PLAN);
          if (!last.isOver) throw new Refusal("ServiceAlreadyStarted");
          throw new Refusal("ActionNotAllowed", { message: "This plan is over: make another." });
        }
        await mixing.tumble(wallet, () => plan);
        waiting.delete(wallet.name);
        return {};
      },
    }),
    walletEndpoint("GET", "/tumbler/status", "tumblerstatus", {
      doc: "The plan, and how far it is.",
      answer: PlanSchema,
      refusals: ["NotFound"],
      handle: async ({ wallet }) => {
        const plan = waiting.get(wallet.name);
        if (plan !== undefined) return waitingPlan(wallet.name, plan);
        const last = await tumbling.last(wallet.name);
        if (last === undefined || forgotten.get(wallet.name) === last.id)
          throw new Refusal("NotFound", NO_PLAN);
        return planOfTumble(wallet.name, last);
      },
    }),
    walletEndpoint("POST", "/tumbler/stop", "tumblerstop", {
      doc: "Stops carrying out the plan.",
      status: 202,
      answer: NothingSchema,
      refusals: ["ServiceNotStarted"],
      handle: async ({ wallet }) => {
        const tumble = await tumbling.running(wallet.name);
        if (tumble === undefined) throw new Refusal("ServiceNotStarted");
        await tumbling.stop(tumble);
        return {};
      },
    }),
    walletEndpoint("DELETE", "/tumbler/plan", "tumblerdelete", {
      doc: "Throws the plan away.",
      status: 204,
      refusals: ["NotFound", "ActionNotAllowed"],
      handle: async ({ wallet }) => {
        if (waiting.delete(wallet.name)) return mixing.tellPlan("plan_deleted", wallet.name);
        const last = await tumbling.last(wallet.name);
        if (last === undefined || forgotten.get(wallet.name) === last.id)
          throw new Refusal("NotFound", NO_PLAN);
        if (!last.isOver)
          throw new Refusal("ActionNotAllowed", { message: "The plan is carried out: stop it first." });
        forgotten.set(wallet.name, last.id);
        return mixing.tellPlan("plan_deleted", wallet.name);
      },
    }),
  ];
}
