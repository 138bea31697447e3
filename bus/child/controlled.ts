/** What parent and child say to each other over the control channel, and how the parent checks what a child says. */
import { z } from "zod";
import type { Boot, Readiness } from "../actor.ts";
import { type Door, DoorSchema } from "../contracts/supervisor.ts";

/** What every child answers to its parent, whatever it hosts. `B` is what it is told at the start, `R` what it says when it has started. */
export interface ControlledChild<B = Boot, R = void> {
  start(boot: B): Promise<R>;
  /** Lets what runs finish, says `bye`, then ends the thread or process. */
  stop(): Promise<void>;
  ping(): Promise<ChildVitals>;
  suspend(): Promise<void>;
  resume(): Promise<void>;
  /** Prometheus text. */
  metrics(): Promise<string>;
  /** How much it writes into its log until it is started again. False where it has none of its own. */
  logLevel(level: string): Promise<boolean>;
}

/** What a parent hears from a child unasked. */
export interface ParentSide {
  report(readiness: Readiness, progress: string | undefined): void;
  doors(doors: readonly Door[]): void;
  logged(line: LoggedLine): void;
  /** The farewell before an exit that is meant. */
  bye(): void;
}

/** A line of level warn or higher, told to the parent so that the tree can show the last one. */
export const LoggedLineSchema = z.object({
  level: z.enum(["info", "warn", "error", "fatal"]),
  code: z.string().max(64).optional(),
  message: z.string().max(2_000),
  at: z.string().max(40),
});
export type LoggedLine = z.infer<typeof LoggedLineSchema>;

export const ReadinessSchema = z.enum(["syncing", "ready", "degraded"]) satisfies z.ZodType<Readiness>;
export const ProgressSchema = z.string().max(200).optional();
export const DoorsSchema = z.array(DoorSchema).max(32);

const amount = z.number().nonnegative().optional();
/** What a child measures of itself. */
export const ChildVitalsSchema = z.object({ eventLoopP99Ms: amount, heapBytes: amount, rssBytes: amount });
export type ChildVitals = z.infer<typeof ChildVitalsSchema>;

/** How long the parts of a stop may take inside the child, and how long a line to the parent may be. */
export const LOGGED_MESSAGE_MAX = 2_000;
export const PROGRESS_MAX = 200;

/** Passes on only what has the right shape; a child that babbles is not believed and not followed. */
export function checkedParentSide(parent: ParentSide): ParentSide {
  return {
    report(readiness, progress) {
      parent.report(ReadinessSchema.parse(readiness), ProgressSchema.parse(progress));
    },
    doors(doors) {
      parent.doors(DoorsSchema.parse(doors));
    },
    logged(line) {
      parent.logged(LoggedLineSchema.parse(line));
    },
    bye() {
      parent.bye();
    },
  };
}
