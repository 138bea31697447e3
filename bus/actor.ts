/** What an actor is, and everything it is given: no globals, no singletons, so that a test can hand it anything. */
import type { Meter } from "@opentelemetry/api";
import type { z } from "zod";
import type { Clock } from "../runtime/clock.ts";
import type { Section } from "../runtime/config/section.ts";
import type { Log } from "../runtime/log/log.ts";
import type { Bus } from "./bus.ts";
import type { Door } from "./contracts/supervisor.ts";
import type { MountPlan } from "./mount.ts";

/** What an actor says of itself while it lives; the supervisor's tree shows it. */
export type Readiness = "syncing" | "ready" | "degraded";

/** Threads that an actor keeps beside itself on the bus, each with a connection of its own under the actor's name. */
export interface CrewPlan {
  /** `query` makes `query-1`, `query-2`, … */
  readonly name: string;
  /** The compiled module that hosts the thread's definition. */
  readonly entry: URL;
  readonly count: number;
  /** What each thread is started with; memory that is shared may be in it. */
  readonly section: unknown;
  /** Hears how many threads work, whenever that changes. One that dies is started again without being asked for. */
  readonly onChange?: (running: number) => void;
}

export interface Crew {
  readonly running: number;
  /** Lets what runs finish, ends the threads. */
  stop(): Promise<void>;
}

export interface ActorContext<Config = unknown> {
  readonly name: string;
  readonly instance: string;
  /** The host that it runs on: the instance of its supervisor. */
  readonly host: string;
  readonly config: Config;
  readonly bus: Bus;
  readonly log: Log;
  readonly meter: Meter;
  readonly clock: Clock;
  /** The actor's own directory, made with mode 0700. */
  readonly dataDirectory: string;
  /** `mainnet`, `testnet4`, `signet`, `regtest`, … */
  readonly network: string;
  /** The program's. */
  readonly version: string;
  /** Aborts when the actor is told to stop. */
  readonly signal: AbortSignal;
  /** Says how far it is; `progress` is a sentence for the tree. */
  report(readiness: Readiness, progress?: string): void;
  /** Says at which addresses outsiders find it. */
  openDoors(doors: readonly Door[]): void;
  /**
   * The work is done: the actor is stopped and its thread or process ends with a farewell, which is no failure. What is
   * `permanent` is started again all the same. While it is still starting this waits until it has started.
   */
  finish(): void;
  /** Resolves when all threads of the plan work. Absent where a test hosts the actor in its own thread. */
  readonly startCrew?: (plan: CrewPlan) => Promise<Crew>;
}

export interface Actor {
  /** Resolves when the actor can do its work (or has said `syncing`). A rejection is a failed start. */
  start(): Promise<void>;
  /** Lets what runs finish, frees what it holds. */
  stop(): Promise<void>;
  /** Called around a restart of an actor that this one depends on. */
  suspend?(): Promise<void>;
  resume?(): Promise<void>;
}

/** An actor's kind: what `worker.ts` hosts and what a test swaps. */
export interface ActorDefinition<S extends z.ZodObject = z.ZodObject> {
  readonly name: string;
  readonly section: Section<S>;
  create(context: ActorContext<z.output<S>>): Actor;
}

/** How to reach the broker. Never in argv or environment: it travels over the control port. */
export interface BusAccess {
  /** `nats://127.0.0.1:4222`, several for a cluster. */
  readonly servers: readonly string[];
  readonly user: string;
  /** The nkey seed `SU…`; or a credentials file's text in external mode. */
  readonly seed?: string;
  readonly credentials?: string;
  readonly tls?: { readonly ca?: string; readonly cert?: string; readonly key?: string };
  /** How long `connect` keeps trying before it gives up. */
  readonly connectTimeoutMs: number;
}

/** All that a child is told when it starts. Plain data: it crosses a thread or a process. */
export interface Boot {
  readonly actor: string;
  readonly instance: string;
  /** The supervisor's name on the bus, by which its own actors are told from those of other hosts. */
  readonly host: string;
  /** The actor's section, parsed by the supervisor; parsed once more by the child. */
  readonly section: unknown;
  readonly bus: BusAccess;
  readonly log: {
    readonly level: string;
    readonly file: string | undefined;
    readonly bytesMax?: number;
    readonly kept?: number;
    /** Own coins are written as they are, not as tags. */
    readonly sensitive?: boolean;
    /** The key of the tags: all actors of one boot share it, so that a txid has the same tag in all logs. */
    readonly redactionKey?: Uint8Array;
  };
  readonly telemetry: {
    readonly otlpEndpoint: string | undefined;
    readonly sampleRatio: number;
    readonly sensitive?: boolean;
  };
  readonly dataDirectory: string;
  readonly network: string;
  readonly version: string;
  /** Members of other actors' contracts that answer in this very thread. */
  readonly mounts?: readonly MountPlan[];
}
