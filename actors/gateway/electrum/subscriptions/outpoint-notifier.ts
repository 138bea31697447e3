/** Tells sessions of changes of the outputs that they follow: looked at when the mempool names them, and all at each block. */
import type { Clock, Timer } from "../../../../runtime/clock.ts";
import { toWireError } from "../../../../runtime/errors.ts";
import type { Log } from "../../../../runtime/log/log.ts";
import type { ChainWatcher, TouchedOutpoint } from "../chain/chain-feed.ts";
import type { Outpoint, OutpointAnswers, OutpointStatus } from "../chain/outpoint-answers.ts";
import { EncodedJson } from "../encoded-json.ts";
import type { Session } from "../session.ts";

interface Followed {
  readonly outpoint: Outpoint;
  /** What its followers were told last, as JSON. */
  told: string;
  readonly sessions: Set<Session>;
}

export interface OutpointNotifierOptions {
  readonly answers: OutpointAnswers;
  readonly clock: Clock;
  readonly log: Log;
}

const RETRY_MS = 500;
/** Outputs that are looked at together: as many as one message to the index holds. */
const ROUND_OUTPUTS = 500;
const COST_OF_STATUS = 0.1;

export class OutpointNotifier implements ChainWatcher {
  readonly #answers: OutpointAnswers;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #followed = new Map<string, Followed>();
  /** By transaction the names of its followed outputs. */
  readonly #ofTransactions = new Map<string, Set<string>>();
  readonly #ofSessions = new Map<Session, Set<string>>();
  readonly #touched = new Set<string>();
  #isLooking = false;
  #isStopped = false;
  #timer: Timer | undefined;

  constructor({ answers, clock, log }: OutpointNotifierOptions) {
    this.#answers = answers;
    this.#clock = clock;
    this.#log = log;
  }

  stop(): void {
    this.#isStopped = true;
    this.#timer?.cancel();
  }

  async subscribe(session: Session, outpoint: Outpoint): Promise<OutpointStatus> {
    const name = nameOf(outpoint);
    const status = await this.#answers.status(outpoint);
    if (session.isClosed) return status;
    // Before anything is kept: there may be no room.
    if (this.#ofSessions.get(session)?.has(name) !== true) session.addSubscription();
    const followed = this.#follow(outpoint, JSON.stringify(status));
    followed.sessions.add(session);
    namesIn(this.#ofSessions, session).add(name);
    // News that came while it was asked for has not been heard for it.
    this.#touch(name);
    return JSON.parse(followed.told) as OutpointStatus;
  }

  unsubscribe(session: Session, outpoint: Outpoint): boolean {
    const name = nameOf(outpoint);
    if (this.#ofSessions.get(session)?.delete(name) !== true) return false;
    this.#leave(session, name);
    session.dropSubscription();
    return true;
  }

  forget(session: Session): void {
    for (const name of this.#ofSessions.get(session) ?? []) this.#leave(session, name);
    this.#ofSessions.delete(session);
  }

  tipChanged(): void {
    this.everythingTouched();
  }

  transactionsTouched(txids: readonly string[], outpoints: readonly TouchedOutpoint[]): void {
    if (this.#followed.size === 0) return;
    for (const txid of txids) for (const name of this.#ofTransactions.get(txid) ?? []) this.#touch(name);
    for (const outpoint of outpoints) this.#touch(nameOf(outpoint));
  }

  everythingTouched(): void {
    for (const name of this.#followed.keys()) this.#touch(name);
  }

  #follow(outpoint: Outpoint, told: string): Followed {
    const name = nameOf(outpoint);
    let followed = this.#followed.get(name);
    if (followed === undefined) {
      followed = { outpoint, told, sessions: new Set() };
      this.#followed.set(name, followed);
      namesIn(this.#ofTransactions, outpoint.txid).add(name);
    }
    return followed;
  }

  #leave(session: Session, name: string): void {
    const followed = this.#followed.get(name);
    if (followed === undefined) return;
    followed.sessions.delete(session);
    if (followed.sessions.size > 0) return;
    this.#followed.delete(name);
    const { txid } = followed.outpoint;
    const names = this.#ofTransactions.get(txid);
    names?.delete(name);
    if (names?.size === 0) this.#ofTransactions.delete(txid);
  }

  #touch(name: string): void {
    if (!this.#followed.has(name)) return;
    this.#touched.add(name);
    if (!this.#isLooking && !this.#isStopped) void this.#look();
  }

  async #look(): Promise<void> {
    this.#isLooking = true;
    while (this.#touched.size > 0 && !this.#isStopped) {
      const names = this.#nextTouched();
      const results = await Promise.allSettled(names.map((name) => this.#lookAt(name)));
      const failed = results.find((result) => result.status === "rejected");
      if (failed === undefined) continue;
      results.forEach(({ status }, i) => {
        // Behind all others.
        if (status === "rejected") this.#touched.add(names[i] as string);
      });
      this.#log.debug("outputs could not be asked for; asking again", {
        code: toWireError(failed.reason).code,
      });
      await new Promise<void>((resolve) => {
        this.#timer = this.#clock.after(RETRY_MS, resolve, { background: true });
      });
    }
    this.#isLooking = false;
  }

  #nextTouched(): string[] {
    const names: string[] = [];
    for (const name of this.#touched) {
      if (names.length === ROUND_OUTPUTS) break;
      this.#touched.delete(name);
      names.push(name);
    }
    return names;
  }

  async #lookAt(name: string): Promise<void> {
    const followed = this.#followed.get(name);
    if (followed === undefined) return;
    const status = JSON.stringify(await this.#answers.status(followed.outpoint));
    if (status === followed.told) return;
    followed.told = status;
    const { txid, index } = followed.outpoint;
    const news = new EncodedJson(`["${txid}",${index},${status}]`);
    for (const session of followed.sessions) {
      session.charge(COST_OF_STATUS);
      session.notify("blockchain.outpoint.subscribe", news);
    }
  }
}

function namesIn<K>(map: Map<K, Set<string>>, key: K): Set<string> {
  let names = map.get(key);
  if (names === undefined) {
    names = new Set();
    map.set(key, names);
  }
  return names;
}

function nameOf({ txid, index }: Outpoint): string {
  return `${txid}:${index}`;
}
