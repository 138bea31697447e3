/** One client from its connection to its end: whose turn it is, what it costs, what waits for it, and when it must go. */
import type { Timer } from "../../../../runtime/clock.ts";
import { assert } from "../../../../runtime/errors.ts";
import { FramingError, type OutMessage } from "../carrier/codec.ts";
import type { Connection } from "../carrier/connection.ts";
import type { EncodedJson } from "../encoded-json.ts";
import { timedOut, tooExpensive } from "../envelope/failure.ts";
import { errorReply, lengthOf, notificationMessage } from "../envelope/reply.ts";
import { invalidRequest } from "../envelope/request.ts";
import { badRequest, type ProtocolError } from "../protocol-error.ts";
import { type ProtocolVersion, versionText } from "../protocol-version.ts";
import { Conversation, type Speaker } from "./conversation.ts";
import { Account, type Allowance, allowanceFor, CONNECTION_COST, decayPerSecond } from "./cost.ts";
import type { DoorParts } from "./door-parts.ts";
import type { AddressGroup } from "./origins/address-group.ts";
import type { CostGroup } from "./origins/cost-groups.ts";
import type { Turned } from "./scheduler.ts";
import type { ClosedBy } from "./tally.ts";

/** Requests of one client in one turn, and how long they may take together: the index is read while they are answered. */
const STEPS_PER_TURN = 8;
const TURN_MS_MAX = 2;
/** Requests under way that a client may always have, unless it is costly. */
const CONCURRENCY_MIN = 8;
/** No further request is taken while more than this waits for the client to read it. */
const UNREAD_BYTES_MAX = 1024 * 1024;
/** A block: it leaves after what concerns single scripts, which takes its header along. */
const TOLD_TO_ALL = "blockchain.headers.subscribe";
/** Notifications may pile up to this before a client that does not read. */
const UNREAD_NOTIFICATION_BYTES_MAX = 4 * 1024 * 1024;

export class Client implements Speaker, Turned {
  readonly id: number;
  readonly connection: Connection;
  readonly group: AddressGroup;
  readonly openedAtMs: number;
  isQueued = false;
  isAnswered = false;
  readonly #parts: DoorParts;
  readonly #talk: Conversation;
  readonly #isTrusted: boolean;
  readonly #account: Account;
  readonly #costGroup: CostGroup | undefined;

  #answers: OutMessage[] = [];
  #notices: OutMessage[] = [];
  /** Since all had been read. */
  #noticeBytes = 0;
  #subscriptions = 0;
  #throttle: Timer | undefined;
  /** The next request has waited already. */
  #hasWaited = false;
  /** The client sends no more. */
  #hasEnded = false;
  /** What waits is sent, and nothing after it. */
  #isLast = false;
  #closedBy: ClosedBy = "client";
  #isGone = false;
  /** Of what has come from it, so much has been charged. */
  #chargedBytes = 0;

  constructor(id: number, connection: Connection, group: AddressGroup, parts: DoorParts) {
    this.id = id;
    this.connection = connection;
    this.group = group;
    this.#parts = parts;
    this.#talk = new Conversation(this, parts);
    this.openedAtMs = parts.clock.monotonicMs();
    this.#isTrusted = parts.isTrusted(group.address);
    this.#account = new Account(this.openedAtMs);
    // What it costs is nobody else's debt.
    this.#costGroup = this.#isTrusted ? undefined : parts.costGroups.join(group, this.openedAtMs);
    this.charge(CONNECTION_COST);
  }

  /** Begins to serve. */
  open(first: Buffer | undefined): void {
    const ended = () => {
      this.#hasEnded = true;
      this.wake();
    };
    const drained = () => {
      this.#noticeBytes = 0;
      this.wake();
    };
    const readable = () => {
      // Until its turn has come a full buffer stops its reading.
      this.connection.holdBack();
      this.wake();
    };
    this.connection.open({ readable, drained, ended, closed: () => this.#onClosed() }, first);
  }

  get address(): string | undefined {
    return this.connection.address;
  }

  get isViaTor(): boolean {
    return this.connection.carrier === "onion";
  }

  get version(): ProtocolVersion {
    const { version } = this.#talk;
    assert(version !== undefined, "a method runs before a version is agreed on");
    return version;
  }

  /** Undefined until it is agreed on. */
  get versionText(): string | undefined {
    return this.#talk.version === undefined ? undefined : versionText(this.#talk.version);
  }

  get clientName(): string {
    return this.#talk.clientName;
  }

  get isClosed(): boolean {
    return this.#isGone || this.#isLast;
  }

  get responseBytesMax(): number {
    return this.#parts.config.electrum_response_bytes_max;
  }

  /** In memory for it, coming and going. */
  get heldBytes(): number {
    const { heldBytes, outgoingBytes } = this.connection;
    return heldBytes + outgoingBytes + this.#talk.waitingBytes;
  }

  get subscriptions(): number {
    return this.#subscriptions;
  }

  get running(): number {
    return this.#talk.running;
  }

  get requests(): number {
    return this.#talk.requests;
  }

  get errors(): number {
    return this.#talk.errors;
  }

  notify(method: string, params: readonly unknown[] | EncodedJson): void {
    if (this.isClosed) return;
    const message = notificationMessage(method, params, this.#talk.dialect);
    this.#noticeBytes += lengthOf(message);
    if (this.#noticeBytes > UNREAD_NOTIFICATION_BYTES_MAX) return this.destroy("unread");
    this.#parts.tally.notifications++;
    this.#notices.push(message);
    this.#parts.scheduler.notifySoon(this, method === TOLD_TO_ALL);
  }

  answer(reply: OutMessage): void {
    if (this.isClosed) return;
    this.#answers.push(reply);
    this.#parts.scheduler.answerSoon(this);
  }

  wake(): void {
    if (!this.isClosed) this.#parts.scheduler.wake(this);
  }

  charge(cost: number): void {
    this.#account.charge(cost);
    this.#costGroup?.account.charge(cost);
  }

  addSubscription(): void {
    const { admission, config } = this.#parts;
    const hasRoom = this.#isTrusted || this.#subscriptions < config.electrum_subscriptions_per_session;
    if (this.#isGone || !hasRoom || !admission.addSubscription(this.group)) {
      throw badRequest("subscription limit reached");
    }
    this.#subscriptions++;
  }

  dropSubscription(): void {
    if (this.#subscriptions === 0) return;
    this.#subscriptions--;
    this.#parts.admission.dropSubscriptions(this.group, 1);
  }

  /** What it costs now, alone or with its network, whichever is more. */
  cost(nowMs: number): number {
    const { costGroups, costs } = this.#parts;
    const own = this.#account.cost(nowMs, decayPerSecond(costs, this.#subscriptions));
    return this.#costGroup === undefined ? own : Math.max(own, costGroups.costOf(this.#costGroup, nowMs));
  }

  step(): boolean {
    let endMs = Number.POSITIVE_INFINITY;
    for (let steps = 0; steps < STEPS_PER_TURN; steps++) {
      if (this.isClosed || this.connection.outgoingBytes > UNREAD_BYTES_MAX) return false;
      const nowMs = this.#parts.clock.monotonicMs();
      if (nowMs > endMs) return true;
      endMs = Math.min(endMs, nowMs + TURN_MS_MAX);
      const hasHeard = this.#chargeHeard();
      const { concurrency, delayMs } = this.#allowance(nowMs);
      const isTooExpensive = concurrency === 0;
      if (!isTooExpensive && this.#talk.running >= concurrency) return false;
      const hasMore = this.#talk.hasMore || this.connection.hasMessage();
      if (!hasMore) {
        // Such as one who only pings a WebSocket: it asks nothing to which it could be told.
        if (isTooExpensive && hasHeard) this.close("cost", tooExpensive());
        this.#endIfDone();
        return false;
      }
      if (!isTooExpensive && delayMs > 0 && !this.#hasWaited) return this.#wait(delayMs);
      this.#hasWaited = false;
      this.#takeOne(nowMs, isTooExpensive);
      // Most ask one thing at a time: whether they may ask more is looked at when they do.
      if (this.connection.hasNothing && !this.#talk.hasMore) {
        this.#endIfDone();
        return false;
      }
    }
    return true;
  }

  flush(): void {
    if (this.#isGone) return;
    const messages = this.#notices.length === 0 ? this.#answers : [...this.#answers, ...this.#notices];
    this.#answers = [];
    this.#notices = [];
    if (messages.length > 0) {
      const { config, tally, budget } = this.#parts;
      const bytes = this.connection.send(messages);
      tally.sentBytes += bytes;
      this.charge(bytes / config.electrum_bytes_per_cost);
      if (budget.isExceeded) this.#parts.relieve();
    }
    if (this.#isLast) this.connection.end();
  }

  /** Looks at what has to happen in time; called every second. */
  tick(nowMs: number): void {
    if (this.isClosed) return;
    const { electrum_request_seconds, electrum_idle_seconds } = this.#parts.config;
    const limitMs = electrum_request_seconds * 1000;
    if (this.connection.stalledMs(nowMs) > limitMs) return this.destroy("unread");
    if (this.connection.partialMs(nowMs) > limitMs) return this.close("slow", timedOut());
    if (this.#talk.version === undefined && nowMs - this.openedAtMs > limitMs) return this.close("idle");
    if (this.#talk.running > 0) return this.#talk.expire(nowMs, limitMs);
    if (nowMs - this.connection.heardAtMs > electrum_idle_seconds * 1000) this.close("idle");
  }

  /** Says what waits and, if given, why, then closes. */
  close(by: ClosedBy, error?: ProtocolError): void {
    if (this.isClosed) return;
    if (error !== undefined) this.#answers.push(errorReply(null, error, this.#talk.dialect));
    this.#isLast = true;
    this.#closedBy = by;
    this.#parts.scheduler.answerSoon(this);
  }

  /** Closes at once. */
  destroy(by: ClosedBy): void {
    if (!this.#isLast) this.#closedBy = by;
    this.connection.destroy();
  }

  #allowance(nowMs: number): Allowance {
    const { costs, scheduler } = this.#parts;
    const { concurrency, delayMs } = this.#isTrusted
      ? { concurrency: costs.concurrency, delayMs: 0 }
      : allowanceFor(costs, this.cost(nowMs));
    // Whoever is alone may have much under way; when many ask, each leaves room for the others.
    return { concurrency: Math.min(concurrency, Math.max(CONCURRENCY_MIN, scheduler.room >> 3)), delayMs };
  }

  #takeOne(nowMs: number, isTooExpensive: boolean): void {
    if (this.#talk.hasMore) return this.#talk.goOn(nowMs, isTooExpensive);
    let message: Buffer | undefined;
    try {
      message = this.connection.take();
    } catch (error) {
      if (!(error instanceof FramingError)) throw error;
      if (error.kind === "farewell") return this.close("client");
      return this.close("framing", error.kind === "too_large" ? invalidRequest(error.message) : undefined);
    }
    if (message === undefined) return;
    this.#parts.tally.receivedBytes += message.length + 1;
    this.#talk.hear(message, nowMs, isTooExpensive);
  }

  /** By bytes and not by messages: who sends control frames or halves of messages costs us as well. */
  #chargeHeard(): boolean {
    const { receivedBytes } = this.connection;
    const newBytes = receivedBytes - this.#chargedBytes;
    this.#chargedBytes = receivedBytes;
    this.charge(newBytes / this.#parts.config.electrum_bytes_per_cost);
    return newBytes > 0;
  }

  #wait(delayMs: number): false {
    this.connection.holdBack();
    this.#throttle ??= this.#parts.clock.after(
      delayMs,
      () => {
        this.#throttle = undefined;
        this.#hasWaited = true;
        this.wake();
      },
      { background: true },
    );
    return false;
  }

  /** A client that sends no more is let go when it has all its answers. */
  #endIfDone(): void {
    if (!this.#hasEnded || this.#talk.running > 0) return;
    if (this.#answers.length === 0 && this.connection.outgoingBytes === 0) this.close("client");
  }

  #onClosed(): void {
    if (this.#isGone) return;
    this.#isGone = true;
    this.#throttle?.cancel();
    this.#talk.end();
    this.#answers = [];
    this.#notices = [];
    const { admission, costGroups, tally, protocol } = this.#parts;
    admission.dropSubscriptions(this.group, this.#subscriptions);
    this.#subscriptions = 0;
    costGroups.leave(this.#costGroup);
    tally.close(this.#closedBy);
    if (this.#talk.version !== undefined) protocol.forget(this);
    this.#parts.closed(this);
  }
}
