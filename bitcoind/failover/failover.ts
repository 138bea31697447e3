/** Several nodes as one: the first in the list that is well and level answers; one that fails rests, is examined, and comes back. */
import type { Clock, Timer } from "../../runtime/clock.ts";
import type { Log } from "../../runtime/log/log.ts";
import { mayWorkElsewhere } from "../errors.ts";

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
  /**
   * Somebody compares the nodes and is told when one is back: it may have to catch up first, so until it is found level
   * (`setAside`) it is asked only while no other is well.
   */
  readonly onBack?: () => void;
}

interface Member<N> {
  readonly node: N;
  /** new: not examined yet. */
  state: "new" | "well" | "resting";
  /** Its answers are good, but another's are newer: it is asked only while no other is well. */
  isBehind: boolean;
  /** The same by the word of whoever compares the nodes, and it stays until he takes it back. */
  isAside: boolean;
  restMs: number;
  timer: Timer | undefined;
  examination: Promise<void> | undefined;
}

/** By what the answers of several nodes to one question are compared. */
export interface Preference<T> {
  /** Good enough: nobody else needs to be asked. */
  readonly isLevel: (answer: T) => boolean;
  readonly isBetter: (answer: T, than: T) => boolean;
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
      isBehind: false,
      isAside: false,
      restMs: REST_FIRST_MS,
      timer: undefined,
      examination: undefined,
    }));
  }

  /** The node that would be asked now, if any is known to be well. */
  get current(): N | undefined {
    const [first] = this.#inOrder();
    return first?.state === "well" ? first.node : undefined;
  }

  /**
   * Runs `task` with the first node that is well, and with the next where one fails in a way that another may not.
   * So a task may run twice: everything we ask of a node, broadcasts included, does no harm when repeated.
   */
  async run<T>(task: (node: N) => Promise<T>): Promise<T> {
    let failure: unknown;
    for (const member of this.#inOrder()) {
      const outcome = await this.#ask(member, task);
      if ("answer" in outcome) return outcome.answer;
      failure = outcome.failure;
    }
    throw failure;
  }

  /**
   * Asks the nodes in the order of the list until an answer is level, and takes the best of those. Nodes whose answers
   * are worse are behind until they do better here: this is what finds the preferred node back.
   */
  async choose<T>(task: (node: N) => Promise<T>, { isLevel, isBetter }: Preference<T>): Promise<T> {
    const answers: { readonly member: Member<N>; readonly answer: T }[] = [];
    let failure: unknown;
    let chosen: T | undefined;
    for (const member of this.#members.toSorted((a, b) => standingRank(a) - standingRank(b))) {
      // One that rests may take its whole timeout: not for an answer that is only better.
      if (member.state === "resting" && answers.length > 0) break;
      const outcome = await this.#ask(member, task);
      if ("failure" in outcome) {
        failure = outcome.failure;
        continue;
      }
      const { answer } = outcome;
      answers.push({ member, answer });
      const isEnough = isLevel(answer);
      // Of equals the first counts, unless a later one is level.
      if (chosen === undefined || isBetter(answer, chosen) || (isEnough && !isBetter(chosen, answer))) {
        chosen = answer;
      }
      if (isEnough) break;
    }
    if (answers.length === 0) throw failure;
    const best = chosen as T;
    for (const { member, answer } of answers) this.#place(member, isBetter(best, answer));
    return best;
  }

  /** Asks each node that is not at rest, all at once; one that does not answer is left out, and rests if it is its fault. */
  async askEach<T>(
    task: (node: N) => Promise<T>,
  ): Promise<readonly { readonly node: N; readonly answer: T }[]> {
    const found = await Promise.all(
      this.#members
        .filter(({ state }) => state !== "resting")
        .map(async (member) => {
          // A refusal says nothing of the others, and is told to whoever needs the answer.
          const outcome = await this.#ask(member, task).catch(() => undefined);
          return outcome !== undefined && "answer" in outcome
            ? [{ node: member.node, answer: outcome.answer }]
            : [];
        }),
    );
    return found.flat();
  }

  isAside(node: N): boolean {
    return this.#members.some((member) => member.node === node && member.isAside);
  }

  /** The node answers, but others know more: it is asked only while no other is well. */
  setAside(node: N, isAside: boolean): void {
    for (const member of this.#members) if (member.node === node) member.isAside = isAside;
  }

  close(): void {
    this.#isClosed = true;
    for (const member of this.#members) member.timer?.cancel();
  }

  /** Those known to be well, in order; then those behind and aside; as a last resort those at rest: one may be back already. */
  #inOrder(): readonly Member<N>[] {
    const rank = (member: Member<N>) => 2 * standingRank(member) + (member.isBehind ? 1 : 0);
    return this.#members.toSorted((a, b) => rank(a) - rank(b));
  }

  async #ask<T>(
    member: Member<N>,
    task: (node: N) => Promise<T>,
  ): Promise<{ readonly answer: T } | { readonly failure: unknown }> {
    try {
      if (member.state !== "well") await this.#examine(member);
      return { answer: await task(member.node) };
    } catch (error) {
      if (!mayWorkElsewhere(error)) throw error;
      this.#rest(member, error);
      return { failure: error };
    }
  }

  #place(member: Member<N>, isBehind: boolean): void {
    if (member.isBehind === isBehind) return;
    member.isBehind = isBehind;
    const node = this.#options.nameOf(member.node);
    if (isBehind) this.#options.log.warn("a Bitcoin node is behind another; the other is asked", { node });
    else this.#options.log.info("a Bitcoin node is level again", { node });
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
    const isBack = member.state === "resting";
    member.state = "well";
    member.restMs = REST_FIRST_MS;
    member.timer?.cancel();
    member.timer = undefined;
    if (isBack) this.#options.onBack?.();
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
    if (this.#options.onBack !== undefined) member.isAside = true;
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

function standingRank({ state, isAside }: { readonly state: string; readonly isAside: boolean }): number {
  return (state === "resting" ? 2 : 0) + (isAside ? 1 : 0);
}
