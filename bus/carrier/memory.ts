/** The bus within one thread, for tests and mode `memory`: the broker's own routing and permissions, no socket. */
import { type Clock, systemClock } from "../../runtime/clock.ts";
import type { Access } from "../broker/access.ts";
import { type Recipient, Router, type RouterClient } from "../broker/router.ts";
import { Users } from "../broker/users.ts";
import {
  checkSize,
  checkSubject,
  closedError,
  StatusListeners,
  unauthenticatedError,
  unavailableError,
} from "./carrier.ts";
import { decodeHeaders, encodeHeaders, NO_RESPONDERS_BLOCK } from "./headers.ts";
import type {
  BusUser,
  Delivery,
  PublishOptions,
  SubscribeOptions,
  Subscription,
  Transport,
  TransportStatus,
} from "./transport.ts";

export interface MemoryBrokerOptions {
  readonly clock?: Clock;
  readonly maxPayloadBytes?: number;
  /** A client that lets more than this wait is cut off, and comes back empty. */
  readonly maxPendingBytes?: number;
}

/** Bytes, as they would be on the wire. */
interface MemoryMessage {
  readonly headers: Uint8Array | undefined;
  readonly body: Uint8Array;
}

export class MemoryBroker {
  readonly users: Users;
  readonly maxPayloadBytes: number;
  readonly maxPendingBytes: number;
  readonly #router: Router<MemoryMessage>;
  readonly #transports = new Set<MemoryTransport>();
  #isUp = true;

  constructor(users: readonly BusUser[], options: MemoryBrokerOptions = {}) {
    this.maxPayloadBytes = options.maxPayloadBytes ?? 1024 * 1024;
    this.maxPendingBytes = options.maxPendingBytes ?? 16 * 1024 * 1024;
    this.#router = new Router({ clock: options.clock ?? systemClock, subscriptionsPerClientMax: 10_000 });
    this.users = new Users(users, (access) => this.#revoke(access));
  }

  get isUp(): boolean {
    return this.#isUp;
  }

  /** Throws `BUS_UNAUTHENTICATED` for a name the broker does not know, `BUS_UNAVAILABLE` while it is down. */
  connect(user: string): Transport {
    if (!this.#isUp) throw unavailableError("the memory broker is down");
    if (this.users.byName(user) === undefined) throw unauthenticatedError(user, "unknown user");
    const transport = new MemoryTransport(this, user);
    this.#transports.add(transport);
    transport.attach();
    return transport;
  }

  /** For tests: the broker is gone, as if its process had died. */
  breakDown(): void {
    this.#isUp = false;
    for (const transport of this.#transports) transport.detach("the memory broker went down");
  }

  /** For tests: the broker is back, and every open connection with it. */
  restore(): void {
    this.#isUp = true;
    for (const transport of this.#transports) transport.attach();
  }

  enter(user: string, recipient: Recipient<MemoryMessage>): RouterClient<MemoryMessage> | undefined {
    const access = this.users.byName(user);
    if (!this.#isUp || access === undefined) return undefined;
    const client = this.#router.attach(access, recipient);
    client.wantsNoResponders = true;
    return client;
  }

  leave(transport: MemoryTransport): void {
    this.#transports.delete(transport);
  }

  /** As over TCP: the connection ends; it may come back if the user still exists. */
  #revoke(access: Access): void {
    for (const transport of [...this.#transports]) {
      if (transport.user !== access.user.name) continue;
      transport.detach("its permissions were changed");
      setImmediate(() => {
        if (this.users.byName(transport.user) === undefined) transport.end("Authorization Violation");
        else transport.attach();
      });
    }
  }
}

interface MemorySubscription {
  readonly pattern: string;
  readonly options: SubscribeOptions;
  readonly deliver: (delivery: Delivery) => void;
  received: number;
  isOpen: boolean;
}

class MemoryTransport implements Transport, Recipient<MemoryMessage> {
  readonly user: string;
  readonly #broker: MemoryBroker;
  readonly #listeners = new StatusListeners();
  readonly #subscriptions = new Map<string, MemorySubscription>();
  #client: RouterClient<MemoryMessage> | undefined;
  #isClosed = false;
  #sidCounter = 0;
  /** What the "wire" holds for us; a new life begins with an empty one. */
  #inbound: (() => void)[] = [];
  #life = 0;
  #pendingBytes = 0;
  #isScheduled = false;
  readonly #flushes = new Set<(error: Error) => void>();

  constructor(broker: MemoryBroker, user: string) {
    this.#broker = broker;
    this.user = user;
  }

  get maxPayloadBytes(): number {
    return this.#broker.maxPayloadBytes;
  }

  get isUp(): boolean {
    return this.#client !== undefined;
  }

  publish(subject: string, body: Uint8Array, options: PublishOptions = {}): void {
    if (this.#isClosed) throw closedError();
    checkSubject(subject);
    if (options.reply !== undefined) checkSubject(options.reply);
    const headers = options.headers?.length ? encodeHeaders(options.headers) : undefined;
    checkSize(body.length + (headers?.length ?? 0), this.maxPayloadBytes);
    const message = { headers, body: new Uint8Array(body) };
    const result = this.#client?.publish(subject, options.reply, message);
    if (result === "denied") this.#tellLater({ kind: "denied", operation: "publish", subject });
  }

  subscribe(pattern: string, options: SubscribeOptions, deliver: (delivery: Delivery) => void): Subscription {
    if (this.#isClosed) throw closedError();
    checkSubject(pattern);
    const sid = String(++this.#sidCounter);
    const subscription: MemorySubscription = { pattern, options, deliver, received: 0, isOpen: true };
    this.#subscriptions.set(sid, subscription);
    this.#enter(sid, subscription);
    return {
      drain: async () => {
        if (!subscription.isOpen) return;
        this.#client?.unsubscribe(sid);
        this.#subscriptions.delete(sid);
        // going down while draining leaves nothing to wait for
        await this.flush().catch(() => undefined);
        subscription.isOpen = false;
      },
      close: () => {
        subscription.isOpen = false;
        this.#subscriptions.delete(sid);
        this.#client?.unsubscribe(sid);
      },
    };
  }

  flush(): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#isClosed) return reject(closedError());
      if (!this.isUp) return reject(unavailableError("the memory broker is down"));
      this.#flushes.add(reject);
      this.#enqueue(0, () => {
        this.#flushes.delete(reject);
        resolve();
      });
    });
  }

  onStatus(listener: (status: TransportStatus) => void): () => void {
    return this.#listeners.add(listener);
  }

  async drain(): Promise<void> {
    if (this.#isClosed) return;
    for (const sid of this.#subscriptions.keys()) this.#client?.unsubscribe(sid);
    // going down while draining leaves nothing to wait for
    await this.flush().catch(() => undefined);
    await this.close();
  }

  close(): Promise<void> {
    this.end("closed by its owner");
    return Promise.resolve();
  }

  end(reason: string): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#broker.leave(this);
    this.#loseConnection(closedError());
    for (const subscription of this.#subscriptions.values()) subscription.isOpen = false;
    this.#subscriptions.clear();
    this.#listeners.tell({ kind: "closed", reason });
  }

  attach(): void {
    if (this.#isClosed || this.#client !== undefined) return;
    this.#client = this.#broker.enter(this.user, this);
    if (this.#client === undefined) return;
    for (const [sid, subscription] of this.#subscriptions) this.#enter(sid, subscription);
    // the first time is no news to the one who connects
    if (this.#life > 0) this.#tellLater({ kind: "up" });
  }

  detach(reason: string): void {
    if (this.#client === undefined) return;
    this.#loseConnection(unavailableError(reason));
    this.#listeners.tell({ kind: "down", reason });
  }

  deliver(sid: string, subject: string, reply: string | undefined, message: MemoryMessage): void {
    const length = message.body.length + (message.headers?.length ?? 0);
    this.#enqueue(length, () => {
      const block = message.headers === undefined ? undefined : decodeHeaders(message.headers);
      // each receiver has its own copy, as over a socket
      const body = new Uint8Array(message.body);
      this.#hand(sid, { subject, reply, headers: block?.headers, body, status: block?.status ?? 0 });
    });
    if (this.#pendingBytes > this.#broker.maxPendingBytes) {
      this.detach("Slow Consumer");
      setImmediate(() => this.attach());
    }
  }

  deliverNoResponders(sid: string, reply: string): void {
    this.#enqueue(0, () => {
      const { status, headers } = decodeHeaders(Buffer.from(NO_RESPONDERS_BLOCK));
      this.#hand(sid, { subject: reply, reply: undefined, headers, body: new Uint8Array(0), status });
    });
  }

  #hand(sid: string, delivery: Delivery): void {
    const subscription = this.#subscriptions.get(sid);
    if (subscription === undefined || !subscription.isOpen) return;
    subscription.received++;
    if (subscription.options.max !== undefined && subscription.received >= subscription.options.max) {
      this.#subscriptions.delete(sid);
    }
    subscription.deliver(delivery);
  }

  #enter(sid: string, { pattern, options, received }: MemorySubscription): void {
    const result = this.#client?.subscribe(sid, pattern, options.queue);
    if (result === "denied") {
      this.#subscriptions.delete(sid);
      this.#tellLater({ kind: "denied", operation: "subscribe", subject: pattern });
    }
    if (result === "ok" && options.max !== undefined) this.#client?.unsubscribe(sid, options.max - received);
  }

  #loseConnection(error: Error): void {
    this.#client?.detach();
    this.#client = undefined;
    this.#life++;
    this.#inbound = [];
    this.#pendingBytes = 0;
    const waiting = [...this.#flushes];
    this.#flushes.clear();
    for (const reject of waiting) reject(error);
  }

  #tellLater(status: TransportStatus): void {
    setImmediate(() => {
      if (!this.#isClosed) this.#listeners.tell(status);
    });
  }

  #enqueue(lengthBytes: number, run: () => void): void {
    this.#pendingBytes += lengthBytes;
    this.#inbound.push(run);
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      const batch = this.#inbound;
      const life = this.#life;
      this.#inbound = [];
      this.#pendingBytes = 0;
      for (const next of batch) {
        if (this.#life !== life) return;
        next();
      }
    });
  }
}
