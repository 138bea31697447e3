/** The trees of all hosts on the bus as the gateway last heard them, and those who want to know when one changes. */
import type { Bus, Listener } from "../../bus/bus.ts";
import { supervisorContract, type Tree } from "../../bus/contracts/supervisor.ts";
import type { Clock, Timer } from "../../runtime/clock.ts";
import { toWireError } from "../../runtime/errors.ts";
import type { Log } from "../../runtime/log/log.ts";

/** `stopped`: it said farewell. `silent`: it was heard and is no more; or, of our own host, not yet. */
export type Presence = "heard" | "silent" | "stopped";

/** One host, by the name of its supervisor on the bus. */
export interface HostView {
  readonly host: string;
  readonly presence: Presence;
  readonly tree: Tree | undefined;
  /** How long ago the tree was heard; undefined before the first time. */
  readonly ageMs: number | undefined;
}

export interface TroupeView {
  /** The host that this gateway runs on comes first, the others by name. */
  readonly hosts: readonly [own: HostView, ...others: HostView[]];
  readonly isBusUp: boolean;
}

/** A supervisor repeats its tree every 10 s: after this long it has missed two and is silent. */
export const TREE_STALE_MS = 25_000;
/** How often the feed looks whether the bus went down or a supervisor fell silent. */
const LOOK_EVERY_MS = 1_000;
/** The state comes every 10 s; when it did not, ask. */
const ASK_AFTER_MS = 12_000;
/** Of another host nobody here would notice the end, so it is asked sooner: a few kB each time. */
const ASK_OTHERS_AFTER_MS = 3_000;
const ASK_OTHERS_EVERY_MS = 2_000;
/**
 * The bus knows at once when a supervisor's connection has ended, and answers in its stead that nobody is there. So long
 * it may take to come back to a bus that was away itself; a host that lost its network stays connected for the bus and
 * is only missed after TREE_STALE_MS.
 */
const GONE_AFTER_MS = 6_000;
/** One that fell silent is asked more seldom: it will be heard when it is back. */
const ASK_SILENT_EVERY_MS = 10_000;
/** More names than anybody has machines: the one not heard for longest makes room. */
const HOSTS_MAX = 64;

interface Heard {
  tree: Tree | undefined;
  heardMs: number | undefined;
  askedMs: number;
  /** Since when the bus has said that nobody is there. */
  nobodySinceMs: number | undefined;
  /** As it was last told. */
  told: Presence;
  hasBeenLost: boolean;
}

export interface HostFeedOptions {
  readonly host: string;
  readonly bus: Bus;
  readonly clock: Clock;
  readonly log: Log;
}

export class HostFeed {
  readonly #own: string;
  readonly #bus: Bus;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #watchers = new Set<() => void>();
  readonly #hosts = new Map<string, Heard>();
  #wasBusUp: boolean;
  #listener: Listener | undefined;
  #timer: Timer | undefined;
  #isStopped = false;

  constructor(options: HostFeedOptions) {
    this.#own = options.host;
    this.#bus = options.bus;
    this.#clock = options.clock;
    this.#log = options.log;
    this.#wasBusUp = options.bus.isUp;
    this.#known(this.#own);
  }

  /** Does not wait for a first tree: the supervisor may only begin to serve once we are up. */
  async start(): Promise<void> {
    this.#listener = await this.#bus.onState(supervisorContract, "tree", (tree, { instance }) =>
      this.#hear(instance, tree),
    );
    this.#look();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#timer?.cancel();
    await this.#listener?.stop();
  }

  view(): TroupeView {
    const others = [...this.#hosts.keys()].filter((host) => host !== this.#own).sort();
    return {
      hosts: [this.#viewOf(this.#own), ...others.map((host) => this.#viewOf(host))],
      isBusUp: this.#bus.isUp,
    };
  }

  /** Calls `onChange` after each change until the returned function is called. */
  watch(onChange: () => void): () => void {
    this.#watchers.add(onChange);
    return () => this.#watchers.delete(onChange);
  }

  #known(host: string): Heard {
    let known = this.#hosts.get(host);
    if (known === undefined) {
      if (this.#hosts.size >= HOSTS_MAX) this.#forgetOldest();
      known = {
        tree: undefined,
        heardMs: undefined,
        askedMs: Number.NEGATIVE_INFINITY,
        nobodySinceMs: undefined,
        told: "silent",
        hasBeenLost: false,
      };
      this.#hosts.set(host, known);
    }
    return known;
  }

  #forgetOldest(): void {
    const others = [...this.#hosts].filter(([host]) => host !== this.#own);
    const [oldest] = others.sort(([, a], [, b]) => (a.heardMs ?? 0) - (b.heardMs ?? 0));
    if (oldest !== undefined) this.#hosts.delete(oldest[0]);
  }

  #viewOf(host: string): HostView {
    const { tree, heardMs, nobodySinceMs } = this.#known(host);
    const nowMs = this.#clock.monotonicMs();
    const ageMs = heardMs === undefined ? undefined : nowMs - heardMs;
    const isGone = nobodySinceMs !== undefined && nowMs - nobodySinceMs >= GONE_AFTER_MS;
    return { host, presence: presenceOf(tree, isGone ? undefined : ageMs), tree, ageMs };
  }

  #hear(host: string, tree: Tree): void {
    this.#remember(host, tree);
    this.#tell();
  }

  /** True when its presence differs from what was told. */
  #remember(host: string, tree: Tree): boolean {
    const known = this.#known(host);
    known.tree = tree;
    known.heardMs = this.#clock.monotonicMs();
    known.nobodySinceMs = undefined;
    return this.#notePresence(host, known);
  }

  #tell(): void {
    for (const onChange of this.#watchers) onChange();
  }

  /** True when it differs from what was told. */
  #notePresence(host: string, known: Heard): boolean {
    const { presence } = this.#viewOf(host);
    if (presence === known.told) return false;
    known.told = presence;
    // That we hear the supervisor that has just started us is no news.
    const isNews = host !== this.#own || known.hasBeenLost;
    known.hasBeenLost ||= presence !== "heard";
    if (!isNews && presence === "heard") return true;
    if (presence === "silent") this.#log.warn("a host has fallen silent", { host });
    else this.#log.info(presence === "heard" ? "a host is heard" : "a host has stopped", { host });
    return true;
  }

  #look(): void {
    if (this.#isStopped) return;
    let hasChanged = this.#bus.isUp !== this.#wasBusUp;
    this.#wasBusUp = this.#bus.isUp;
    // All have lost their connection with it.
    if (hasChanged) for (const known of this.#hosts.values()) known.nobodySinceMs = undefined;
    for (const [host, known] of this.#hosts) {
      // While the bus is down nobody can be heard: that is no fault of theirs.
      if (this.#bus.isUp && this.#notePresence(host, known)) hasChanged = true;
      this.#askIfQuiet(host, known);
    }
    if (hasChanged) this.#tell();
    this.#timer = this.#clock.after(LOOK_EVERY_MS, () => this.#look(), { background: true });
  }

  #askIfQuiet(host: string, known: Heard): void {
    const nowMs = this.#clock.monotonicMs();
    const quietMs = nowMs - (known.heardMs ?? Number.NEGATIVE_INFINITY);
    const isLongSilent = known.heardMs !== undefined && known.told !== "heard";
    const isOwn = host === this.#own;
    const afterMs = isOwn ? ASK_AFTER_MS : ASK_OTHERS_AFTER_MS;
    const everyMs = isLongSilent ? ASK_SILENT_EVERY_MS : isOwn ? LOOK_EVERY_MS : ASK_OTHERS_EVERY_MS;
    if (!this.#bus.isUp || quietMs <= afterMs || nowMs - known.askedMs < everyMs) return;
    known.askedMs = nowMs;
    this.#ask(host, isOwn).catch((error: unknown) => {
      const { code, data } = toWireError(error);
      const isNobodyThere =
        code === "BUS_UNAVAILABLE" && data["outcome"] === "not_executed" && this.#bus.isUp;
      if (isNobodyThere && known.heardMs !== undefined) known.nobodySinceMs ??= this.#clock.monotonicMs();
      // Expected while a supervisor begins or the bus comes back; /healthz and /readyz tell if it lasts.
      this.#log.debug("a supervisor did not tell its tree", { host, code });
    });
  }

  /** An answer of one that was heard all the time is no news for the page, which gets a tree every 10 s. */
  async #ask(host: string, isOwn: boolean): Promise<void> {
    const tree = await this.#bus.client(supervisorContract, host).tree({}, { retries: 0 });
    if (this.#isStopped) return;
    if (this.#remember(host, tree) || isOwn) this.#tell();
  }
}

function presenceOf(tree: Tree | undefined, ageMs: number | undefined): Presence {
  if (tree?.root.state === "stopped") return "stopped";
  return ageMs === undefined || ageMs > TREE_STALE_MS ? "silent" : "heard";
}
