/** The supervisor's tree as the gateway last heard it, and those who want to know when it changes. */
import type { Bus, Listener } from "../../bus/bus.ts";
import { supervisorContract, type Tree } from "../../bus/contracts/supervisor.ts";
import type { Clock, Timer } from "../../runtime/clock.ts";
import { toWireError } from "../../runtime/errors.ts";
import type { Log } from "../../runtime/log/log.ts";

export interface TreeView {
  readonly tree: Tree | undefined;
  /** How long ago the tree was heard; undefined before the first time. */
  readonly ageMs: number | undefined;
  readonly isBusUp: boolean;
}

/** How often the feed looks whether the bus went down or the supervisor fell silent. */
const LOOK_EVERY_MS = 1_000;
/** The state comes every 10 s; when it did not, ask. */
const ASK_AFTER_MS = 12_000;

export interface TreeFeedOptions {
  readonly bus: Bus;
  readonly clock: Clock;
  readonly log: Log;
}

export class TreeFeed {
  readonly #bus: Bus;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #watchers = new Set<() => void>();
  #tree: Tree | undefined;
  #heardMs: number | undefined;
  #askedMs: number | undefined;
  #wasBusUp: boolean;
  #listener: Listener | undefined;
  #timer: Timer | undefined;
  #isStopped = false;

  constructor(options: TreeFeedOptions) {
    this.#bus = options.bus;
    this.#clock = options.clock;
    this.#log = options.log;
    this.#wasBusUp = options.bus.isUp;
  }

  /** Does not wait for a first tree: the supervisor may only begin to serve once we are up. */
  async start(): Promise<void> {
    this.#listener = await this.#bus.onState(supervisorContract, "tree", (tree) => this.#hear(tree));
    this.#look();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#timer?.cancel();
    await this.#listener?.stop();
  }

  view(): TreeView {
    const ageMs = this.#heardMs === undefined ? undefined : this.#clock.monotonicMs() - this.#heardMs;
    return { tree: this.#tree, ageMs, isBusUp: this.#bus.isUp };
  }

  /** Calls `onChange` after each change until the returned function is called. */
  watch(onChange: () => void): () => void {
    this.#watchers.add(onChange);
    return () => this.#watchers.delete(onChange);
  }

  #hear(tree: Tree): void {
    this.#tree = tree;
    this.#heardMs = this.#clock.monotonicMs();
    this.#tell();
  }

  #tell(): void {
    for (const onChange of this.#watchers) onChange();
  }

  #look(): void {
    if (this.#isStopped) return;
    if (this.#bus.isUp !== this.#wasBusUp) {
      this.#wasBusUp = this.#bus.isUp;
      this.#tell();
    }
    const nowMs = this.#clock.monotonicMs();
    const quietMs = nowMs - (this.#heardMs ?? Number.NEGATIVE_INFINITY);
    const askedAgoMs = nowMs - (this.#askedMs ?? Number.NEGATIVE_INFINITY);
    if (this.#bus.isUp && quietMs > ASK_AFTER_MS && askedAgoMs > LOOK_EVERY_MS) {
      this.#askedMs = nowMs;
      this.#ask().catch((error: unknown) => {
        // Expected while the supervisor begins or the bus comes back; /healthz tells if it lasts.
        this.#log.debug("the supervisor did not tell its tree", { code: toWireError(error).code });
      });
    }
    this.#timer = this.#clock.after(LOOK_EVERY_MS, () => this.#look(), { background: true });
  }

  async #ask(): Promise<void> {
    const tree = await this.#bus.client(supervisorContract).tree({});
    if (!this.#isStopped) this.#hear(tree);
  }
}
