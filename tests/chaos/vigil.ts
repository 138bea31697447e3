/** Watches over the dead: who is down, since when, and how long each took to be ready again. */
import { performance } from "node:perf_hooks";
import type { ChildReport } from "../../bus/contracts/supervisor.ts";
import type { Kill, Member, Place } from "./kills.ts";

interface Absence {
  readonly member: Member;
  /** Absent when nobody of us did it: a thread goes with its stage. */
  readonly kill: Kill | undefined;
  diedMs: number;
  /** The supervisor has told of the end. */
  hasEnded: boolean;
  /** What it had to wait for besides itself. */
  lostStage: boolean;
  lostBus: boolean;
  readonly back: (() => void)[];
}

export interface Recovery {
  readonly place: Place;
  readonly ms: number;
  /** Its stage died with it, or while it was on its way back. */
  readonly lostStage: boolean;
  /** The bus, without which no actor can start, was down meanwhile. */
  readonly lostBus: boolean;
}

export class Vigil {
  readonly recoveries: Recovery[] = [];
  /** Deaths that were neither our blow nor the death of a stage. */
  unasked = 0;
  /** Attempts to come back that failed. */
  failedStarts = 0;
  readonly #members: ReadonlyMap<string, Member>;
  readonly #absent = new Map<string, Absence>();
  readonly #changed = new Set<() => void>();

  constructor(members: readonly Member[]) {
    this.#members = new Map(members.map((member) => [member.id, member]));
  }

  /**
   * Those that stand and are not about to be struck: what they are there for works. A thread stands in a standing stage,
   * and a stage when it holds a standing thread.
   */
  standing(place: Place): Member[] {
    const here = [...this.#members.values()].filter((member) => !this.#absent.has(member.id));
    return here.filter((member) => {
      if (member.place !== place) return false;
      if (place === "stage") return here.some((other) => other.stage === member.id);
      return member.stage === undefined || !this.#absent.has(member.stage);
    });
  }

  get isQuiet(): boolean {
    return this.#absent.size === 0;
  }

  /** The clock of this member's absence starts now. Resolves when it is back. */
  struck(kill: Kill): Promise<void> {
    if (this.#absent.has(kill.member.id)) throw new Error(`${kill.member.id} is down already`);
    return new Promise((resolve) => this.#leave(kill.member, kill).back.push(resolve));
  }

  /** The next time that somebody leaves or comes back. */
  change(): Promise<void> {
    return new Promise((resolve) => this.#changed.add(resolve));
  }

  heard({ child, report }: ChildReport): void {
    const member = this.#members.get(child);
    if (member === undefined) return;
    if (report === "child_terminated") this.#ended(member);
    else if (report === "start_error") this.failedStarts++;
    else if (report === "progress") this.#isBack(child);
  }

  #ended(member: Member): void {
    let absence = this.#absent.get(member.id);
    if (absence === undefined) {
      const { stage } = member;
      absence = this.#leave(member, undefined);
      if (stage === undefined || !this.#absent.has(stage)) this.unasked++;
    }
    // A loop is no death yet: its clock runs from the moment at which the supervisor has ended it.
    if (absence.kill?.means === "loop" && !absence.hasEnded) absence.diedMs = performance.now();
    absence.hasEnded = true;
  }

  #leave(member: Member, kill: Kill | undefined): Absence {
    const absence: Absence = {
      member,
      kill,
      diedMs: performance.now(),
      hasEnded: false,
      lostStage: member.stage !== undefined && this.#absent.has(member.stage),
      lostBus: needsBus(member) && this.#absent.has("bus"),
      back: [],
    };
    this.#absent.set(member.id, absence);
    for (const other of this.#absent.values()) {
      if (member.place === "stage" && other.member.stage === member.id) other.lostStage = true;
      if (member.place === "bus" && needsBus(other.member)) other.lostBus = true;
    }
    this.#tellChange();
    return absence;
  }

  #isBack(id: string): void {
    const absence = this.#absent.get(id);
    if (absence === undefined || !absence.hasEnded) return;
    this.#absent.delete(id);
    const { member, diedMs, lostStage, lostBus } = absence;
    this.recoveries.push({ place: member.place, ms: performance.now() - diedMs, lostStage, lostBus });
    for (const resolve of absence.back) resolve();
    this.#tellChange();
  }

  #tellChange(): void {
    for (const resolve of this.#changed) resolve();
    this.#changed.clear();
  }
}

function needsBus({ place }: Member): boolean {
  return place === "thread" || place === "process";
}
