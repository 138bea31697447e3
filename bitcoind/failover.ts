/** Several nodes as one: the first in the list that is well answers; one that fails rests, is examined, and comes back. */
import type { Clock, Timer } from "../runtime/clock.ts";
import type { Log } from "../runtime/log/log.ts";
import { mayWorkElsewhere } from "./errors.ts";

/** A failed node is left alone for this long, doubling up to the maximum while it stays away. */
const REST_FIRST_MS = 250;
const REST_MAX_MS = 15_000;

export interface FailoverOptions<N> {
  /** The preferred one first. */
  readonly nodes: readonly N[];
  readonly nameOf: (node: N) => string;
  /** Throws if the node must not be used: another chain, pruned, still syncing. Run before a node's first use and after each failure. */
  readonly examine: (node: N) => Promise<void>;
  readonly clock: Clock;
  readonly log: Log;
}

interface Member<N> {
  readonly node: N;
  /** new: not examined yet. */
  state: "new" | "well" | "resting";
  restMs: number;
  timer: Timer | undefined;
  examination: Promise<void> | undefined;
}

export class Failover<N> {
  readonly #members: readonly Member<N>[];
  readonly #options: FailoverOptions<N>;
  #isClosed = false;

  constructor(options: FailoverOptions<N>) {
    if (options.nodes.length === 0) throw new RangeError("at least one node is needed");
    this.#options = options;
    this.#members = options.nodes.map((node) => ({
      node,
      state: "new",
      restMs: REST_FIRST_MS,
      timer: undefined,
      examination: undefined,
    }));
  }

  /** The node that would be asked now, if any is known to be well. */
  get current(): N | undefined {
    return this.#members.find((member) => member.state === "well")?.node;
  }

  /**
   * Runs `task` with the first node that is well, and with the next where one fails in a way that another may not.
   * So a task may run twice: everything we ask of a node, broadcasts included, does no harm when repeated.
   */
  async run<T>(task: (node: N) => Promise<T>): Promise<T> {
    let failure: unknown;
    // Those known to be well, in order; then, as a last resort, those at rest: one may be back already.
    const rank = (member: Member<N>) => (member.state === "resting" ? 1 : 0);
    const order = [...this.#members].sort((a, b) => rank(a) - rank(b));
    for (const member of order) {
      try {
        if (member.state !== "well") await this.#examine(member);
        return await task(member.node);
      } catch (error) {
        if (!mayWorkElsewhere(error)) throw error;
        failure = error;
        this.#rest(member, error);
      }
    }
    throw failure;
  }

  close(): void {
    this.#isClosed = true;
    for (const member of this.#members) member.timer?.cancel();
  }

  /** One examination at a time; whoever comes meanwhile waits for it. */
  #examine(member: Member<N>): Promise<void> {
    member.examination ??= this.#examineNow(member).finally(() => {
      member.examination = undefined;
    });
    return member.examination;
  }

  async #examineNow(member: Member<N>): Promise<void> {
    await this.#options.examine(member.node);
    if (member.state === "resting") {
      this.#options.log.info("a Bitcoin node is well again", { node: this.#options.nameOf(member.node) });
    }
    member.state = "well";
    member.restMs = REST_FIRST_MS;
    member.timer?.cancel();
    member.timer = undefined;
  }

  #rest(member: Member<N>, error: unknown): void {
    if (this.#isClosed) return;
    if (member.state !== "resting") {
      this.#options.log.warn("a Bitcoin node does not answer as it should", {
        node: this.#options.nameOf(member.node),
        reason: (error as Error).message,
      });
    }
    member.state = "resting";
    if (member.timer !== undefined) return;
    member.timer = this.#options.clock.after(member.restMs, () => this.#probe(member), { background: true });
    member.restMs = Math.min(2 * member.restMs, REST_MAX_MS);
  }

  /** Looks whether a resting node is back, so that the preferred one is used again without anybody's failure. */
  #probe(member: Member<N>): void {
    member.timer = undefined;
    this.#examine(member).catch((error: unknown) => this.#rest(member, error));
  }
}
