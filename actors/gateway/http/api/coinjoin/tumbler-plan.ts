/** A schedule of coinjoins in the shape of JoinMarket-NG's plans. */
import { z } from "zod";
import type { ScheduleTuple } from "../../../../../bus/contracts/taker/tumble.ts";
import type { Tumble, TumblePlan } from "./tumbling.ts";

const PhaseSchema = z.object({
  kind: z.literal("taker_coinjoin"),
  index: z.int(),
  status: z.enum(["pending", "running", "awaiting_confirmation", "completed", "cancelled"]),
  wait_seconds: z.number(),
  started_at: z.string().nullable(),
  finished_at: z.string().nullable(),
  error: z.string().nullable(),
  attempt_count: z.int(),
  mixdepth: z.int(),
  amount: z.int().nullable(),
  amount_fraction: z.number().nullable(),
  counterparty_count: z.int(),
  destination: z.string(),
  txid: z.string().nullable(),
  /** Of sessions as a maker, which plans have in JoinMarket-NG only. */
  duration_seconds: z.null(),
  target_cj_count: z.null(),
  idle_timeout_seconds: z.null(),
  cj_served: z.null(),
});
type Phase = z.infer<typeof PhaseSchema>;

export const PlanSchema = z.object({
  plan_id: z.string(),
  wallet_name: z.string(),
  status: z.enum(["pending", "running", "completed", "failed", "cancelled"]),
  destinations: z.array(z.string()),
  current_phase: z.int(),
  phases: z.array(PhaseSchema),
  created_at: z.string(),
  updated_at: z.string(),
  error: z.string().nullable(),
  stale: z.boolean(),
});
type Plan = z.infer<typeof PlanSchema>;

/** What JoinMarket-NG tells over the WebSocket of a plan. */
export type PlanFrame = Readonly<Record<"tumbler", Readonly<Record<string, unknown>>>>;

export function planFrame(event: string, wallet: string, tumble?: Tumble): PlanFrame {
  const changed =
    tumble === undefined
      ? {}
      : {
          status: statusOf(tumble),
          current_phase: tumble.entry,
          total_phases: tumble.schedule.length,
        };
  return { tumbler: { event, wallet_name: wallet, ...changed } };
}

export function waitingPlan(wallet: string, { id, atMs, destinations, drawn }: TumblePlan): Plan {
  const at = new Date(atMs).toISOString();
  return {
    ...{ plan_id: id, wallet_name: wallet, status: "pending", destinations: [...destinations] },
    ...{ current_phase: 0, created_at: at, updated_at: at, error: null, stale: false },
    phases: drawn.schedule.map((entry, index) => phaseOf(entry, index)),
  };
}

export function planOfTumble(wallet: string, tumble: Tumble): Plan {
  const { id, schedule, sent, failures, startedAtS, endedAtS, entry: current } = tumble;
  const latestS = Math.max(
    startedAtS,
    endedAtS ?? 0,
    ...sent.map(({ atS }) => atS),
    ...failures.map(({ atS }) => atS),
  );
  return {
    plan_id: id,
    wallet_name: wallet,
    status: statusOf(tumble),
    destinations: schedule.map(([, , , to]) => to).filter((to) => to !== "INTERNAL" && to !== "addrask"),
    current_phase: current,
    phases: schedule.map((entry, index) => ({
      ...phaseOf(entry, index),
      ...progressOf(tumble, entry, index),
    })),
    created_at: timeText(startedAtS),
    updated_at: timeText(latestS),
    error: tumble.isOver && tumble.state !== "done" ? tumble.progress : null,
    // It waits for somebody to open the wallet again and begin anew.
    stale: tumble.state === "grant",
  };
}

function statusOf({ state, isOver, failed }: Tumble): Plan["status"] {
  if (state === "done") return "completed";
  if (!isOver) return "running";
  return failed > 0 ? "failed" : "cancelled";
}

function phaseOf([mixdepth, amount, makers, destination, waitMinutes]: ScheduleTuple, index: number): Phase {
  const isShare = amount > 0 && amount < 1;
  return {
    ...{ kind: "taker_coinjoin", index, status: "pending", wait_seconds: waitMinutes * 60 },
    ...{ started_at: null, finished_at: null, error: null, attempt_count: 0 },
    ...{ mixdepth, amount: isShare ? null : amount, amount_fraction: isShare ? amount : null },
    ...{ counterparty_count: makers, destination, txid: null },
    ...{ duration_seconds: null, target_cj_count: null, idle_timeout_seconds: null, cj_served: null },
  };
}

function progressOf(tumble: Tumble, [, , , , , , flag]: ScheduleTuple, index: number): Partial<Phase> {
  const done = tumble.sent.find(({ entry }) => entry === index);
  const failures = tumble.failures.filter(({ entry }) => entry === index);
  const at = done === undefined ? null : timeText(done.atS);
  return {
    status: phaseStatusOf(tumble, flag, index),
    ...{ started_at: at, finished_at: flag === 1 ? at : null, txid: done?.txid ?? null },
    error: flag === 0 ? (failures.at(-1)?.message ?? null) : null,
    attempt_count: failures.length + (done === undefined ? 0 : 1),
  };
}

function phaseStatusOf(
  { state, isOver, entry }: Tumble,
  flag: string | number,
  index: number,
): Phase["status"] {
  if (flag === 1) return "completed";
  if (flag !== 0) return "awaiting_confirmation";
  if (isOver) return "cancelled";
  return index === entry && state === "mixing" ? "running" : "pending";
}

function timeText(timeS: number): string {
  return new Date(timeS * 1000).toISOString();
}
