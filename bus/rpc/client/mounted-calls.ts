/** Calls to a member that is mounted in this thread: the contract's checks and deadlines as over the bus, without the way. */

import type { SpanContext } from "@opentelemetry/api";
import { TroupeError } from "../../../runtime/errors.ts";
import type { Log } from "../../../runtime/log/log.ts";
import type { CallContext, CallOptions } from "../../bus.ts";
import type { EncodedReply } from "../../encoded-reply.ts";
import { decodeJson } from "../../envelope.ts";
import type { MountedMember } from "../../mount.ts";
import type { MountedTally } from "../metrics.ts";
import { Job } from "../server/job.ts";
import type { Station } from "../station.ts";
import type { Route } from "./route.ts";

/** Of the bus's own codes those that asking the bus would not mend. */
const FINAL = new Set(["BUS_DEADLINE", "BUS_BAD_REPLY"]);

export class MountedCalls {
  readonly #station: Station;
  readonly #member: MountedMember;
  readonly #validateReplies: boolean;
  readonly #tallies = new Map<Route, MountedTally>();
  /** A fault that lasts is told once. */
  #toldFault: string | undefined;

  constructor(station: Station, member: MountedMember, validateReplies: boolean) {
    this.#station = station;
    this.#member = member;
    this.#validateReplies = validateReplies;
  }

  /** Nothing: the bus is to be asked, also for the words of a refusal. */
  call(
    route: Route,
    input: unknown,
    options: CallOptions,
    askBus: () => Promise<unknown>,
  ): Promise<unknown> | undefined {
    const answer = this.atHand(route, input, options, askBus);
    return answer === undefined || answer instanceof Promise ? answer : Promise.resolve(answer);
  }

  /** The same, without a promise for what is answered at once. */
  atHand(route: Route, input: unknown, options: CallOptions, askBus: () => Promise<unknown>): unknown {
    const { declaration } = route;
    const { clock, transport } = this.#station;
    if (options.signal !== undefined || !declaration.callers.includes(transport.user)) return undefined;
    const parsed = declaration.input.safeParse(input);
    if (!parsed.success) return undefined;
    const startMs = clock.monotonicMs();
    const dueMs = startMs + Math.min(declaration.deadlineMs, options.deadlineMs ?? Number.POSITIVE_INFINITY);
    const call = new MountedCall(this.#station, route.method, parsed.data, startMs, dueMs);
    try {
      const answer = this.#member.answer(route.method, parsed.data, call);
      if (answer === undefined) return undefined;
      if (!(answer instanceof Promise)) return this.#succeed(route, call, answer);
      return answer.then(
        (late) => this.#succeed(route, call, late),
        (error: unknown) => this.#fail(route, call, error, askBus),
      );
    } catch (error) {
      return this.#fail(route, call, error, askBus);
    }
  }

  stop(): Promise<void> {
    return this.#member.stop();
  }

  #succeed(route: Route, call: MountedCall, reply: EncodedReply): unknown {
    call.done();
    const tally = this.#tallyOf(route);
    tally.calls += 1;
    tally.totalMs += this.#station.clock.monotonicMs() - call.startMs;
    this.#toldFault = undefined;
    return this.#outputOf(route, reply.body);
  }

  #fail(
    { declaration, method }: Route,
    call: MountedCall,
    error: unknown,
    askBus: () => Promise<unknown>,
  ): Promise<unknown> {
    call.done();
    const code = error instanceof TroupeError ? error.code : "fault";
    const isTheAnswer = FINAL.has(code) || declaration.errors?.[code] !== undefined;
    if (isTheAnswer) return Promise.reject(error);
    if (this.#toldFault !== code) {
      this.#station.log.warn("a mounted member failed; the bus is asked", { method, error });
    }
    this.#toldFault = code;
    return askBus();
  }

  #outputOf({ actor, method, declaration }: Route, body: Uint8Array): unknown {
    const output = declaration.content === "bytes" ? body : decodeJson(body);
    if (this.#validateReplies && !declaration.output.safeParse(output).success) {
      throw new TroupeError(
        { code: "BUS_BAD_REPLY" },
        `The reply of the mounted ${actor}.${method} does not fit the contract.`,
      );
    }
    return output;
  }

  #tallyOf(route: Route): MountedTally {
    let tally = this.#tallies.get(route);
    if (tally === undefined) {
      tally = this.#station.metrics.mounted(route.actor, route.method);
      this.#tallies.set(route, tally);
    }
    return tally;
  }
}

/** What a member sees of a call. Most are answered within microseconds and never look; for those that do it becomes a job. */
class MountedCall implements CallContext {
  readonly startMs: number;
  readonly key = undefined;
  readonly fence = undefined;
  readonly attempt = 1;
  readonly trace: SpanContext | undefined = undefined;
  readonly #station: Station;
  readonly #method: string;
  readonly #input: unknown;
  readonly #dueMs: number;
  #job: Job | undefined;

  constructor(station: Station, method: string, input: unknown, startMs: number, dueMs: number) {
    this.#station = station;
    this.#method = method;
    this.#input = input;
    this.startMs = startMs;
    this.#dueMs = dueMs;
  }

  get caller(): string {
    return this.#station.transport.user;
  }

  get signal(): AbortSignal {
    return this.#looked.signal;
  }

  get log(): Log {
    return this.#looked.log;
  }

  remainingMs(): number {
    return this.#looked.remainingMs();
  }

  done(): void {
    this.#job?.done();
  }

  get #looked(): Job {
    this.#job ??= new Job(this.#station, {
      caller: this.caller,
      reply: "",
      method: this.#method,
      input: this.#input,
      envelope: {},
      trace: undefined,
      receivedMs: this.startMs,
      dueMs: this.#dueMs,
    });
    return this.#job;
  }
}
