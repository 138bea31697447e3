/** JoinMarket-NG's plans of many CoinJoins. There is no actor that carries one out, so none can be made. */
import { z } from "zod";
import { NothingSchema } from "../routes/schemas.ts";
import { type Endpoint, walletEndpoint } from "../wire/endpoint.ts";
import { Refusal } from "../wire/refusal.ts";
import { NO_SCHEDULES } from "./coinjoin.ts";

const PlanBody = z.object({
  destinations: z.array(z.string().min(14).max(100)).min(1).max(100),
  parameters: z.record(z.string().max(64), z.unknown()).optional(),
  force: z.boolean().optional(),
});

const PlanAnswer = z.record(z.string(), z.unknown());
const NO_PLAN = { message: "There is no plan." };

export function tumblerEndpoints(): Endpoint[] {
  const noPlan = () => {
    throw new Refusal("NotFound", NO_PLAN);
  };
  return [
    walletEndpoint("POST", "/tumbler/plan", "tumblerplan", {
      doc: "Makes a plan of many CoinJoins that end at the given addresses.",
      body: PlanBody,
      status: 201,
      answer: PlanAnswer,
      refusals: ["ServiceAlreadyStarted", "BackendNotReady"],
      handle: () => {
        throw new Refusal("BackendNotReady", { message: NO_SCHEDULES });
      },
    }),
    walletEndpoint("POST", "/tumbler/start", "tumblerstart", {
      doc: "Begins to carry out the plan.",
      status: 202,
      answer: NothingSchema,
      refusals: ["NotFound"],
      handle: noPlan,
    }),
    walletEndpoint("GET", "/tumbler/status", "tumblerstatus", {
      doc: "The plan, and how far it is.",
      answer: PlanAnswer,
      refusals: ["NotFound"],
      handle: noPlan,
    }),
    walletEndpoint("POST", "/tumbler/stop", "tumblerstop", {
      doc: "Stops carrying out the plan.",
      status: 202,
      answer: NothingSchema,
      refusals: ["ServiceNotStarted"],
      handle: () => {
        throw new Refusal("ServiceNotStarted");
      },
    }),
    walletEndpoint("DELETE", "/tumbler/plan", "tumblerdelete", {
      doc: "Throws the plan away.",
      status: 204,
      refusals: ["NotFound"],
      handle: noPlan,
    }),
  ];
}
