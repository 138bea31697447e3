/** Compares several nodes from time to time: one that answers but stays behind another is set aside until it has caught up. */
import type { Clock, Timer } from "../../runtime/clock.ts";
import type { Log } from "../../runtime/log/log.ts";
import type { Failover } from "./failover.ts";

/** Often enough to be sure of a node within its patience, and seldom enough to be nothing to the node. */
const LOOKS_PER_PATIENCE = 4;
const LOOK_MIN_MS = 250;
const LOOK_MAX_MS = 10_000;

export interface Standing {
  readonly height: number;
  readonly work: bigint;
}

export interface LagWatchOptions<N> {
  readonly nodes: Failover<N>;
  readonly nameOf: (node: N) => string;
  readonly standingOf: (node: N) => Promise<Standing>;
  /** True if `node` holds part of the chain of `other` for invalid. */
  readonly rejects: (node: N, other: N) => Promise<boolean>;
  /** A node is stuck when it has been so many blocks behind for so long. */
  readonly blocks: number;
  readonly patienceMs: number;
  readonly clock: Clock;
  readonly log: Log;
}

type Standings<N> = readonly { readonly node: N; readonly answer: Standing }[];

export class LagWatch<N> {
  readonly #options: LagWatchOptions<N>;
  /** Since when nodes have been behind. */
  readonly #sinceMs = new Map<N, number>();
  readonly #dissenters = new Set<N>();
  #timer: Timer | undefined;
  #looking: Promise<void> | undefined;
  #mustLookAgain = false;
  #isClosed = false;

  constructor(options: LagWatchOptions<N>) {
    this.#options = options;
    this.#schedule();
  }

  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
  }

  /** Looks now, or once more when a look is under way: it may have begun before what is to be seen. */
  look(): Promise<void> {
    this.#mustLookAgain = true;
    this.#looking ??= this.#lookUntilSeen().finally(() => {
      this.#looking = undefined;
    });
    return this.#looking;
  }

  async #lookUntilSeen(): Promise<void> {
    const { nodes, standingOf } = this.#options;
    while (this.#mustLookAgain && !this.#isClosed) {
      this.#mustLookAgain = false;
      const standings = await nodes.askEach(standingOf);
      // One alone is asked in any case, and is level with nobody.
      if (standings.length < 2) continue;
      for (const { node, answer } of standings) await this.#judge(node, answer, standings);
    }
  }

  async #judge(node: N, own: Standing, standings: Standings<N>): Promise<void> {
    const ahead = standings.filter(({ answer }) => answer.work > own.work);
    if (ahead.length === 0) {
      this.#dissenters.delete(node);
      return this.#takeBack(node);
    }
    const { nodes, clock, blocks, patienceMs } = this.#options;
    // Less work is not enough to set it aside, and enough to leave it there.
    const isAside = nodes.isAside(node);
    const better = isAside ? ahead : ahead.filter(({ answer }) => answer.height - own.height >= blocks);
    if (better.length === 0) return void this.#sinceMs.delete(node);
    const nowMs = clock.monotonicMs();
    const sinceMs = this.#sinceMs.get(node) ?? nowMs;
    this.#sinceMs.set(node, sinceMs);
    if (!isAside && nowMs - sinceMs < patienceMs) return;
    try {
      for (const { node: other, answer } of better) {
        if (await this.#rejects(node, other)) continue;
        if (!isAside) this.#setAside(node, own, other, answer);
        return;
      }
      this.#takeBack(node);
    } catch (error) {
      // Looked at again the next time.
      this.#options.log.debug("a Bitcoin node does not tell what it holds for invalid", { error });
    }
  }

  /** A node that knows the better chain and refuses it obeys its operator or stricter rules: its word counts where it is preferred. */
  async #rejects(node: N, other: N): Promise<boolean> {
    const { rejects, log, nameOf } = this.#options;
    const isRejected = await rejects(node, other);
    if (isRejected && !this.#dissenters.has(node)) {
      this.#dissenters.add(node);
      log.warn("a Bitcoin node refuses the chain of another that has more work; the one named first counts", {
        node: nameOf(node),
        other: nameOf(other),
      });
    }
    return isRejected;
  }

  #setAside(node: N, own: Standing, other: N, best: Standing): void {
    const { nodes, log, nameOf } = this.#options;
    this.#sinceMs.delete(node);
    nodes.setAside(node, true);
    log.warn("a Bitcoin node is stuck; others are asked until it has caught up", {
      node: nameOf(node),
      height: own.height,
      other: nameOf(other),
      otherHeight: best.height,
    });
  }

  #takeBack(node: N): void {
    const { nodes, log, nameOf } = this.#options;
    this.#sinceMs.delete(node);
    if (!nodes.isAside(node)) return;
    nodes.setAside(node, false);
    log.info("a Bitcoin node is level with the others", { node: nameOf(node) });
  }

  #schedule(): void {
    const { clock, patienceMs } = this.#options;
    const everyMs = Math.min(LOOK_MAX_MS, Math.max(LOOK_MIN_MS, patienceMs / LOOKS_PER_PATIENCE));
    this.#timer = clock.after(
      everyMs,
      () => {
        if (this.#isClosed) return;
        void this.look();
        this.#schedule();
      },
      { background: true },
    );
  }
}
