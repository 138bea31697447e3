/** Networks answer together for what their clients cost, so that cutting one of many connections changes nothing for the rest. */

import { Account, type CostLimits, decayPerSecond } from "../cost.ts";
import type { AddressGroup } from "./address-group.ts";

export interface CostGroup {
  readonly subnet: string;
  readonly account: Account;
  sessions: number;
}

export class CostGroups {
  readonly #limits: CostLimits;
  readonly #groups = new Map<string, CostGroup>();

  constructor(limits: CostLimits) {
    this.#limits = limits;
  }

  /** Undefined for addresses that belong to no network of the world. Give it back with `leave`. */
  join({ subnet }: AddressGroup, nowMs: number): CostGroup | undefined {
    if (subnet === undefined) return undefined;
    let group = this.#groups.get(subnet);
    if (group === undefined) {
      group = { subnet, account: new Account(nowMs), sessions: 0 };
      this.#groups.set(subnet, group);
    }
    group.sessions++;
    return group;
  }

  leave(group: CostGroup | undefined): void {
    if (group !== undefined) group.sessions--;
  }

  /** Goes down as fast as its sessions' costs do, and twice as fast as one session's when they are gone. */
  costOf(group: CostGroup, nowMs: number): number {
    return group.account.cost(nowMs, decayPerSecond(this.#limits, 0) * Math.max(2, group.sessions));
  }

  /** Forgets networks whose clients have gone and whose cost has too. */
  sweep(nowMs: number): void {
    for (const group of this.#groups.values()) {
      if (group.sessions === 0 && this.costOf(group, nowMs) === 0) this.#groups.delete(group.subnet);
    }
  }
}
