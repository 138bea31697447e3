/** The servers that we know of, bounded in every way that a stranger could fill: who may come in, when each is looked at again, who is told to wallets. */
import { ELECTRUM_PEERS_MAX } from "../../../../bus/contracts/gateway.ts";
import type { Clock } from "../../../../runtime/clock.ts";
import { type Candidate, newPeer, type Peer, type PeerPorts, type PeerTuple, tupleOf } from "./peer.ts";
import type { Findings } from "./peer-check.ts";
import type { PeerFailure } from "./peer-conversation.ts";
import { machineOf, neighbourhoodOf } from "./peer-host.ts";

/** One place in the list. */
export interface Slot {
  peer: Peer;
  /** Of the monotonic clock. */
  dueMs: number;
  isChecking: boolean;
  /** Ports under which it says it can be found now; tried after those that it had. */
  otherPorts: PeerPorts | undefined;
}

export interface PeerListOptions {
  readonly clock: Clock;
  /** Between 0 and 1. */
  readonly random: () => number;
  /** Whether one operator may have many servers at one address: only where all are our own. */
  readonly isPrivateNetwork: boolean;
}

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
/** Who was good so long ago is no longer told. */
const STALE_MS = 3 * HOUR_MS;
/** Looked at again before that. */
const RECHECK_MS = STALE_MS - 20 * MINUTE_MS;
const RETRY_FIRST_MS = 10 * MINUTE_MS;
const RETRY_MAX_MS = 12 * HOUR_MS;
/** Failures in a row, after which a peer is forgotten: one that was good once, and any other. */
const FAILURES_MAX = 10;
const FAILURES_OF_STRANGER_MAX = 3;
/** Who was forgotten or sent away is not taken from others' lists again for so long. */
const FORGOTTEN_MS = 24 * HOUR_MS;
const FORGOTTEN_MAX = 2_000;

export const PEERS_MAX = ELECTRUM_PEERS_MAX;
/** That were never good: what strangers can put into the list. */
const NEWCOMERS_MAX = 200;
/** Of a neighbourhood: those that are in the list at all, that are kept as good, and that are told. */
const NEIGHBOURS_KNOWN_MAX = 8;
const NEIGHBOURS_MAX = 4;
const NEIGHBOURS_TOLD_MAX = 2;
const ONIONS_MIN = 100;
/** An answer is put together at most that often. */
const ANSWER_MS = 30_000;

export class PeerList {
  readonly #options: PeerListOptions;
  readonly #slots = new Map<string, Slot>();
  /** Until when of the monotonic clock. */
  readonly #forgotten = new Map<string, number>();
  readonly #answers = new Map<boolean, { readonly atMs: number; readonly tuples: readonly PeerTuple[] }>();
  /** Grows with each change that is worth keeping. */
  changes = 0;

  constructor(options: PeerListOptions) {
    this.#options = options;
  }

  get slots(): readonly Slot[] {
    return [...this.#slots.values()];
  }

  get(host: string): Slot | undefined {
    return this.#slots.get(host);
  }

  /** Back from the disk, or of our own. */
  put(peer: Peer): Slot {
    const slot: Slot = {
      peer,
      dueMs: this.#options.clock.monotonicMs(),
      isChecking: false,
      otherPorts: undefined,
    };
    this.#slots.set(peer.host.text, slot);
    // What was good a moment ago need not be looked at in the first second.
    if (this.#isRecent(peer)) slot.dueMs += this.#spread(RECHECK_MS - (this.#now() - (peer.lastGoodMs ?? 0)));
    this.#changed();
    return slot;
  }

  /** Somebody tells of a peer. Undefined when there is no room for it, or it was sent away lately. */
  note(candidate: Candidate, source: string, address: string | null = null): Slot | undefined {
    const known = this.#slots.get(candidate.host.text);
    if (known !== undefined) return known;
    const peer = newPeer(candidate, source, address);
    if (isOurs(peer)) this.#forgotten.delete(peer.host.text);
    else if (this.#isFullFor(peer) || this.#wasForgotten(peer.host.text)) return undefined;
    return this.put(peer);
  }

  /** It may have moved: looked at now, under its new ports after the old ones. */
  moved(slot: Slot, ports: PeerPorts): void {
    if (slot.peer.ports.tcp !== ports.tcp || slot.peer.ports.tls !== ports.tls) slot.otherPorts = ports;
    slot.dueMs = this.#options.clock.monotonicMs();
  }

  /** Those whose time has come, the longest overdue first. */
  due(countMax: number): Slot[] {
    const nowMs = this.#options.clock.monotonicMs();
    return this.slots
      .filter(({ dueMs, isChecking }) => !isChecking && dueMs <= nowMs)
      .sort((a, b) => a.dueMs - b.dueMs)
      .slice(0, countMax);
  }

  /** Why a peer that has been reached there cannot be taken in, before it is asked anything. */
  objection({ peer }: Slot, address: string | null): string | undefined {
    if (this.#options.isPrivateNetwork || peer.source === "self") return undefined;
    const others = this.#recent().filter((other) => other !== peer && other.source !== "self");
    if (peer.host.kind === "onion") {
      const onions = others.filter(({ host }) => host.kind === "onion").length;
      return onions >= Math.max(ONIONS_MIN, others.length / 2)
        ? "there are enough onion services"
        : undefined;
    }
    if (address !== null) {
      const twin = others.find(
        (other) => other.address !== null && machineOf(other.address) === machineOf(address),
      );
      if (twin !== undefined && !this.#yields(twin, peer))
        return `it is the same machine as ${twin.host.text}`;
    }
    const own = neighbourhoodOf(peer.host, address);
    const neighbours = others.filter((other) => neighbourhoodOf(other.host, other.address) === own).length;
    return neighbours >= NEIGHBOURS_MAX ? `there are enough servers of ${own}` : undefined;
  }

  passed(slot: Slot, address: string | null, found: Findings): void {
    const { peer } = slot;
    const nowMs = this.#now();
    slot.peer = {
      ...peer,
      ports: found.ports,
      address,
      verdict: "good",
      reason: null,
      lastGoodMs: nowMs,
      lastTryMs: nowMs,
      failures: 0,
      protocolMax: found.protocolMax,
      software: found.software,
      pruning: found.pruning,
    };
    slot.otherPorts = undefined;
    slot.dueMs = this.#options.clock.monotonicMs() + this.#spread(RECHECK_MS);
    // The name says more than the bare address under which the same machine was known.
    const twin = address === null || peer.host.text === address ? undefined : this.#slots.get(address);
    if (twin !== undefined && !isOurs(twin.peer)) this.#remove(twin);
    this.#changed();
  }

  /** Returns true when the peer is forgotten with that. */
  failed(slot: Slot, { kind, message }: PeerFailure): boolean {
    if (kind === "ours") {
      slot.dueMs = this.#options.clock.monotonicMs() + MINUTE_MS;
      return false;
    }
    const { peer } = slot;
    const failures = peer.failures + 1;
    const isBad = kind === "bad";
    slot.peer = {
      ...peer,
      verdict: isBad ? "bad" : "unreachable",
      reason: message,
      failures,
      lastTryMs: this.#now(),
    };
    slot.otherPorts = undefined;
    const pauseMs = Math.min(RETRY_MAX_MS, RETRY_FIRST_MS * 2 ** Math.min(20, failures - 1));
    slot.dueMs = this.#options.clock.monotonicMs() + this.#spread(pauseMs);
    this.#changed();
    const wasGood = peer.lastGoodMs !== null && !isBad;
    if (isOurs(peer) || failures < (wasGood ? FAILURES_MAX : FAILURES_OF_STRANGER_MAX)) return false;
    this.forget(peer.host.text);
    return true;
  }

  /** Sent away, and not taken from others' lists for a day. False when it was not there. */
  forget(host: string): boolean {
    const slot = this.#slots.get(host);
    if (slot === undefined) return false;
    this.#remove(slot);
    if (this.#forgotten.size >= FORGOTTEN_MAX) {
      const [oldest] = this.#forgotten.keys();
      if (oldest !== undefined) this.#forgotten.delete(oldest);
    }
    this.#forgotten.set(host, this.#options.clock.monotonicMs() + FORGOTTEN_MS);
    return true;
  }

  /** `stale` was good, and too long ago to be told. */
  stateOf(peer: Peer): Peer["verdict"] | "stale" {
    return peer.verdict === "good" && !this.#isRecent(peer) ? "stale" : peer.verdict;
  }

  /** Whom wallets and servers are told of: ourselves, and at random of each neighbourhood a few. */
  told(viaTor: boolean): readonly PeerTuple[] {
    const nowMs = this.#options.clock.monotonicMs();
    const kept = this.#answers.get(viaTor);
    if (kept !== undefined && nowMs - kept.atMs < ANSWER_MS) return kept.tuples;
    const tuples = this.#chosen(viaTor).map(tupleOf);
    this.#answers.set(viaTor, { atMs: nowMs, tuples });
    return tuples;
  }

  #chosen(viaTor: boolean): Peer[] {
    const recent = this.#shuffled(this.#recent());
    const own = recent.filter(({ source }) => source === "self");
    const others = recent.filter(({ source }) => source !== "self");
    const taken = new Map<string, number>();
    const clear = others.filter((peer) => {
      if (peer.host.kind === "onion") return false;
      const neighbourhood = neighbourhoodOf(peer.host, peer.address);
      const count = taken.get(neighbourhood) ?? 0;
      taken.set(neighbourhood, count + 1);
      return count < NEIGHBOURS_TOLD_MAX;
    });
    // Wallets without Tor have little use for them.
    const onionsMax = viaTor ? 50 : Math.max(10, clear.length / 4);
    const onions = others.filter(({ host }) => host.kind === "onion").slice(0, onionsMax);
    return [...own, ...clear, ...onions];
  }

  /** One failure takes nobody off the list: only time, or a fault of its own. */
  #recent(): Peer[] {
    return this.slots
      .map(({ peer }) => peer)
      .filter((peer) => peer.verdict !== "bad" && this.#isRecent(peer));
  }

  #isRecent({ lastGoodMs }: Peer): boolean {
    return lastGoodMs !== null && lastGoodMs > this.#now() - STALE_MS;
  }

  #isFullFor(newcomer: Peer): boolean {
    if (this.#slots.size >= PEERS_MAX) return true;
    const others = this.slots.map(({ peer }) => peer).filter((peer) => !isOurs(peer));
    if (others.filter(({ lastGoodMs }) => lastGoodMs === null).length >= NEWCOMERS_MAX) return true;
    if (this.#options.isPrivateNetwork || newcomer.host.kind === "onion") return false;
    const own = neighbourhoodOf(newcomer.host, newcomer.address);
    const neighbours = others.filter((peer) => neighbourhoodOf(peer.host, peer.address) === own);
    return neighbours.length >= NEIGHBOURS_KNOWN_MAX;
  }

  /** A bare address gives way to the name of the same machine. */
  #yields(known: Peer, newcomer: Peer): boolean {
    return known.host.text === known.address && newcomer.host.kind === "name";
  }

  #wasForgotten(host: string): boolean {
    const untilMs = this.#forgotten.get(host);
    if (untilMs === undefined) return false;
    if (untilMs > this.#options.clock.monotonicMs()) return true;
    this.#forgotten.delete(host);
    return false;
  }

  #remove(slot: Slot): void {
    this.#slots.delete(slot.peer.host.text);
    this.#changed();
  }

  #changed(): void {
    this.changes += 1;
    this.#answers.clear();
  }

  /** Not all at one moment, and not at one that others can foretell. */
  #spread(pauseMs: number): number {
    return Math.max(0, pauseMs) * (0.9 + 0.2 * this.#options.random());
  }

  #shuffled<T>(items: readonly T[]): T[] {
    return items
      .map((item) => ({ item, at: this.#options.random() }))
      .sort((a, b) => a.at - b.at)
      .map(({ item }) => item);
  }

  #now(): number {
    return this.#options.clock.now();
  }
}

/** The operator's word: never forgotten, only tried more and more seldom. */
function isOurs({ source }: Peer): boolean {
  return source === "self" || source === "operator";
}
