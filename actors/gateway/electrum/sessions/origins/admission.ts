/** Who may come in at all: how many connections and subscriptions each address, each network and all together may have. */
import { type AddressGroup, VIA_TOR } from "./address-group.ts";

export interface AdmissionLimits {
  readonly total: number;
  readonly perHost: number;
  readonly perSubnet: number;
  readonly subscriptionsPerHost: number;
  readonly subscriptionsTotal: number;
}

export type Refusal = "total" | "host" | "subnet";

/** So many more are let in to be told why they must go; beyond, a connection is closed without a word. */
const TOLD_MAX = 16;

interface Count {
  connections: number;
  subscriptions: number;
}

export class Admission {
  readonly #limits: AdmissionLimits;
  readonly #isTrusted: (address: string) => boolean;
  readonly #hosts = new Map<string, Count>();
  readonly #subnets = new Map<string, number>();
  #total = 0;
  #subscriptions = 0;

  constructor(limits: AdmissionLimits, isTrusted: (address: string) => boolean) {
    this.#limits = limits;
    this.#isTrusted = isTrusted;
  }

  get totalMax(): number {
    return this.#limits.total;
  }

  get subscriptions(): number {
    return this.#subscriptions;
  }

  /** Counts the connection, unless it is not even worth a word. Each one counted has to `leave`. */
  enter(group: AddressGroup): "welcome" | "unheard" | Refusal {
    const { total, perHost, perSubnet } = this.#limits;
    const isFree = this.#isFree(group);
    const host = this.#hosts.get(group.host)?.connections ?? 0;
    // Whom the limit of a network does not hold takes no room from it.
    const network = isFree ? undefined : group.subnet;
    const subnet = network === undefined ? 0 : (this.#subnets.get(network) ?? 0);
    const overTor = isViaTor(group) ? host - shareOf(total) : Number.NEGATIVE_INFINITY;
    const overAll = Math.max(this.#total - total, overTor);
    const over = Math.max(
      overAll,
      isFree ? Number.NEGATIVE_INFINITY : Math.max(host - perHost, subnet - perSubnet),
    );
    if (over >= TOLD_MAX) return "unheard";
    this.#total++;
    this.#hostOf(group).connections++;
    if (network !== undefined) this.#subnets.set(network, subnet + 1);
    if (over < 0) return "welcome";
    if (overAll >= 0) return "total";
    return host >= perHost ? "host" : "subnet";
  }

  leave(group: AddressGroup): void {
    this.#total--;
    this.#hostOf(group).connections--;
    this.#forgetIfEmpty(group);
    if (group.subnet === undefined || this.#isFree(group)) return;
    const left = (this.#subnets.get(group.subnet) ?? 1) - 1;
    if (left > 0) this.#subnets.set(group.subnet, left);
    else this.#subnets.delete(group.subnet);
  }

  /** False when there is no room. */
  addSubscription(group: AddressGroup): boolean {
    const count = this.#hostOf(group);
    const { subscriptionsPerHost, subscriptionsTotal } = this.#limits;
    if (this.#subscriptions >= subscriptionsTotal) return false;
    if (isViaTor(group) && count.subscriptions >= shareOf(subscriptionsTotal)) return false;
    // Whether an address is free takes longer to find out than all the rest: it seldom matters.
    if (count.subscriptions >= subscriptionsPerHost && !this.#isFree(group)) return false;
    count.subscriptions++;
    this.#subscriptions++;
    return true;
  }

  dropSubscriptions(group: AddressGroup, count: number): void {
    if (count === 0) return;
    this.#hostOf(group).subscriptions -= count;
    this.#subscriptions -= count;
    this.#forgetIfEmpty(group);
  }

  /** Unix sockets and Tor have no address to count by. */
  #isFree({ address }: AddressGroup): boolean {
    return address === "local" || this.#isTrusted(address);
  }

  #hostOf({ host }: AddressGroup): Count {
    let count = this.#hosts.get(host);
    if (count === undefined) {
      count = { connections: 0, subscriptions: 0 };
      this.#hosts.set(host, count);
    }
    return count;
  }

  #forgetIfEmpty({ host }: AddressGroup): void {
    const count = this.#hosts.get(host);
    if (count !== undefined && count.connections <= 0 && count.subscriptions <= 0) this.#hosts.delete(host);
  }
}

/** To come that way costs nobody anything, and nobody can be told from another: half is left to all who come otherwise. */
function shareOf(total: number): number {
  return Math.ceil(total / 2);
}

function isViaTor({ host }: AddressGroup): boolean {
  return host === VIA_TOR.host;
}
