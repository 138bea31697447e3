/** The seam of a mounted member: an actor's own code that answers some of its contract in the thread of whoever asks. */
import type { Meter } from "@opentelemetry/api";
import type { Clock } from "../runtime/clock.ts";
import type { Log } from "../runtime/log/log.ts";
import type { Bus, CallContext } from "./bus.ts";
import type { EncodedReply } from "./encoded-reply.ts";

/** Which member is mounted, and where it finds its state. Plain data: it crosses a thread or a process with the boot. */
export interface MountPlan {
  /** The contract that it answers. */
  readonly contract: string;
  /** The compiled module that exports a `mount`. */
  readonly entry: string;
  /** The directory of the actor whose state it reads. It never writes there. */
  readonly dataDirectory: string;
  readonly section: unknown;
}

/** What a member is given. */
export interface MountContext {
  readonly section: unknown;
  readonly dataDirectory: string;
  readonly network: string;
  /** The connection of the thread it is mounted in. */
  readonly bus: Bus;
  readonly log: Log;
  readonly meter: Meter;
  readonly clock: Clock;
}

/** A caller's clients ask it first, and the bus whatever it leaves. */
export interface MountedMember {
  /**
   * Nothing: it does not answer this now, and the bus is asked. The input has been checked against the contract. A refusal that
   * the contract declares is the answer; with any other error the bus is asked.
   */
  answer(method: string, input: unknown, call: CallContext): EncodedReply | Promise<EncodedReply> | undefined;
  /** Lets go of all it holds; nothing is asked afterwards. */
  stop(): Promise<void>;
}

export interface MountModule {
  mount(context: MountContext): Promise<MountedMember>;
}
