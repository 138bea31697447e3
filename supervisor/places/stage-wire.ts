/** What the supervisor and a stage say to each other about threads, beside what every child says. */
import { z } from "zod";
import {
  DoorsSchema,
  LoggedLineSchema,
  ProgressSchema,
  ReadinessSchema,
} from "../../bus/child/controlled.ts";
import type { LifeEvents } from "../life.ts";
import type { ExitReport, Vitals } from "../spec.ts";

/** A thread's plan as it crosses to the stage. */
export interface WireThread {
  readonly id: string;
  readonly entry: string;
  readonly startTimeoutMs: number;
  readonly heapMb?: number;
}

/** A slot is one life: a thread that is started again gets another one. */
export interface StageMethods {
  launchThread(slot: number, plan: WireThread, boot: unknown): number;
  stopThread(slot: number): void;
  killThread(slot: number): void;
  suspendThread(slot: number): Promise<void>;
  resumeThread(slot: number): Promise<void>;
  threadMetrics(slot: number): Promise<string>;
  threadLogLevel(slot: number, level: string): Promise<boolean>;
}

/** What the stage's parent does with the news of one slot. */
export interface SlotListener extends LifeEvents {
  started(): void;
  exited(report: ExitReport): void;
  saw(vitals: Vitals): void;
}

const SlotSchema = z.int().nonnegative();
const ExitReportSchema = z.object({
  kind: z.enum([
    "bye",
    "normal",
    "error",
    "exit",
    "signal",
    "unresponsive",
    "killed",
    "lost_host",
    "start_failed",
  ]),
  code: z.string().max(64),
  message: z.string().max(4_000),
  exitCode: z.int().optional(),
  signal: z.string().max(16).optional(),
}) satisfies z.ZodType<unknown>;

const amount = z.number().nonnegative().optional();
const VitalsSchema = z.object({
  heartbeatAgeMs: z.number().nonnegative(),
  eventLoopP99Ms: amount,
  heapBytes: amount,
  rssBytes: amount,
});
const PongSchema = z.object({ threads: z.array(z.tuple([SlotSchema, VitalsSchema])).max(1_000) });

/** The methods a stage may call; what has the wrong shape, or names a slot that is no more, is dropped. */
export function stageParent(slotOf: (slot: number) => SlotListener | undefined): object {
  const slotFor = (slot: unknown) => slotOf(SlotSchema.parse(slot));
  return {
    threadStarted: (slot: unknown) => slotFor(slot)?.started(),
    threadExited: (slot: unknown, report: unknown) =>
      slotFor(slot)?.exited(defined(ExitReportSchema.parse(report)) as unknown as ExitReport),
    threadReport: (slot: unknown, readiness: unknown, progress: unknown) =>
      slotFor(slot)?.report(ReadinessSchema.parse(readiness), ProgressSchema.parse(progress)),
    threadDoors: (slot: unknown, doors: unknown) => slotFor(slot)?.doors(DoorsSchema.parse(doors)),
    threadLogged: (slot: unknown, line: unknown) => slotFor(slot)?.logged(LoggedLineSchema.parse(line)),
  };
}

/** The threads' vitals in a stage's answer to `ping`. */
export function threadVitals(pong: unknown): [slot: number, vitals: Vitals][] {
  const parsed = PongSchema.safeParse(pong);
  if (!parsed.success) return [];
  return parsed.data.threads.map(([slot, vitals]) => [slot, defined(vitals) as unknown as Vitals]);
}

function defined(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}
