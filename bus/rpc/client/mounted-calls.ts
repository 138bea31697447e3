/** Calls to a member that is mounted in this thread: the contract's checks and deadlines as over the bus, without the way. */
import { TroupeError } from "../../../runtime/errors.ts";
import type { CallOptions } from "../../bus.ts";
import type { EncodedReply } from "../../encoded-reply.ts";
import { decodeJson } from "../../envelope.ts";
import type { MountedMember } from "../../mount.ts";
import type { RpcLabels } from "../metrics.ts";
import { Job } from "../server/job.ts";
import type { Station } from "../station.ts";
import type { Route } from "./route.ts";

/** Of the bus's own codes those that asking the bus would not mend. */
const FINAL = new Set(["BUS_DEADLINE", "BUS_BAD_REPLY"]);

export class MountedCalls {
  readonly #station: Station;
  readonly #member: MountedMember;
  readonly #validateReplies: boolean;
  readonly #labels = new Map<Route, RpcLabels>();
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
    const job = new Job(this.#station, {
      caller: transport.user,
      reply: "",
      method: route.method,
      input: parsed.data,
      envelope: {},
      trace: undefined,
      receivedMs: startMs,
      dueMs: startMs + Math.min(declaration.deadlineMs, options.deadlineMs ?? Number.POSITIVE_INFINITY),
    });
    const succeed = (reply: EncodedReply): unknown => {
      job.done();
      this.#station.metrics.rpc(clock.monotonicMs() - startMs, this.#labelsOf(route));
      this.#toldFault = undefined;
      return this.#outputOf(route, reply.body);
    };
    const fail = (error: unknown): Promise<unknown> => {
      job.done();
      const code = error instanceof TroupeError ? error.code : "fault";
      const isTheAnswer = FINAL.has(code) || declaration.errors?.[code] !== undefined;
      if (isTheAnswer) return Promise.reject(error);
      if (this.#toldFault !== code) {
        this.#station.log.warn("a mounted member failed; the bus is asked", { method: route.method, error });
      }
      this.#toldFault = code;
      return askBus();
    };
    try {
      const answer = this.#member.answer(route.method, parsed.data, job);
      if (answer === undefined) return undefined;
      return answer instanceof Promise ? answer.then(succeed, fail) : succeed(answer);
    } catch (error) {
      return fail(error);
    }
  }

  stop(): Promise<void> {
    return this.#member.stop();
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

  #labelsOf(route: Route): RpcLabels {
    let labels = this.#labels.get(route);
    if (labels === undefined) {
      labels = { ...route.labelsOk, side: "mounted" };
      this.#labels.set(route, labels);
    }
    return labels;
  }
}
