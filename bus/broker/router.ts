/** The core of the broker without any carrier: who gets a message, and who may send it. TCP and memory mode stand on it alike. */
import type { Clock } from "../../runtime/clock.ts";
import { type Access, isSoundLiteral, isSoundPattern } from "./access.ts";
import { SubjectTrie } from "./subject-trie.ts";

/** Routes kept for subjects seen before; a change of any subscription empties the cache. */
const ROUTES_MAX = 8192;
const INBOX = "_INBOX.";
/** How long a reply may take (nats-server: `allow_responses { expires }`), and how many are awaited per client. */
export const RESPONSE_EXPIRY_MS = 120_000;
const RESPONSES_MAX = 16_384;

/** The carrier's end of a client. `M` is whatever the carrier moves; the router never looks inside. */
export interface Recipient<M> {
  deliver(sid: string, subject: string, reply: string | undefined, message: M): void;
  /** Nobody listens where the client asked; `reply` is the subject it waits on. */
  deliverNoResponders(sid: string, reply: string): void;
}

export type SubscribeResult = "ok" | "denied" | "malformed" | "too_many";
export type PublishResult = "ok" | "denied" | "malformed";

interface RoutedSubscription<M> {
  readonly client: RouterClient<M>;
  readonly sid: string;
  readonly pattern: string;
  readonly queue: string | undefined;
  readonly isFiltered: boolean;
  delivered: number;
  /** Ends after so many deliveries; 0 is never. */
  max: number;
  isLive: boolean;
}

interface QueueGroup<M> {
  readonly members: RoutedSubscription<M>[];
  next: number;
}

interface Route<M> {
  readonly plain: readonly RoutedSubscription<M>[];
  readonly groups: readonly QueueGroup<M>[];
}

export interface RouterOptions {
  readonly clock: Clock;
  readonly subscriptionsPerClientMax: number;
}

export class Router<M> {
  readonly clock: Clock;
  readonly subscriptionsPerClientMax: number;
  readonly #subscriptions = new SubjectTrie<RoutedSubscription<M>>();
  readonly #routes = new Map<string, Route<M>>();
  #subscriptionCount = 0;

  constructor(options: RouterOptions) {
    this.clock = options.clock;
    this.subscriptionsPerClientMax = options.subscriptionsPerClientMax;
  }

  get subscriptionCount(): number {
    return this.#subscriptionCount;
  }

  attach(access: Access, recipient: Recipient<M>): RouterClient<M> {
    return new RouterClient(this, access, recipient);
  }

  addSubscription(subscription: RoutedSubscription<M>): void {
    this.#subscriptions.add(subscription.pattern, subscription);
    this.#subscriptionCount++;
    this.#routes.clear();
  }

  removeSubscription(subscription: RoutedSubscription<M>): void {
    if (!subscription.isLive) return;
    subscription.isLive = false;
    this.#subscriptions.remove(subscription.pattern, subscription);
    this.#subscriptionCount--;
    this.#routes.clear();
  }

  route(subject: string): Route<M> {
    const known = this.#routes.get(subject);
    if (known !== undefined) return known;
    const found: RoutedSubscription<M>[] = [];
    this.#subscriptions.collect(subject, found);
    const route = groupByQueue(found);
    // inboxes are used once each and would only push out what is asked for again
    if (!subject.startsWith(INBOX)) {
      if (this.#routes.size >= ROUTES_MAX) this.#routes.clear();
      this.#routes.set(subject, route);
    }
    return route;
  }
}

/** One connected client: its subscriptions and the replies it still owes. */
export class RouterClient<M> {
  readonly access: Access;
  /** Set from CONNECT: hear one's own messages, and be told when nobody listens. */
  hasEcho = true;
  wantsNoResponders = false;
  readonly #router: Router<M>;
  readonly #recipient: Recipient<M>;
  readonly #subscriptions = new Map<string, RoutedSubscription<M>>();
  /** Reply subjects of messages received, oldest first: where this client may answer without a permission. */
  readonly #responses = new Map<string, { left: number; expiresAtMs: number }>();

  constructor(router: Router<M>, access: Access, recipient: Recipient<M>) {
    this.#router = router;
    this.access = access;
    this.#recipient = recipient;
  }

  get subscriptionCount(): number {
    return this.#subscriptions.size;
  }

  /** A `sid` that is in use already stays as it is, as in nats-server. */
  subscribe(sid: string, pattern: string, queue: string | undefined): SubscribeResult {
    if (!isSoundPattern(pattern)) return "malformed";
    const verdict = this.access.judgeSubscribe(pattern);
    if (verdict === "denied") return "denied";
    if (this.#subscriptions.has(sid)) return "ok";
    if (this.#subscriptions.size >= this.#router.subscriptionsPerClientMax) return "too_many";
    const subscription: RoutedSubscription<M> = {
      client: this,
      sid,
      pattern,
      queue,
      isFiltered: verdict === "filtered",
      delivered: 0,
      max: 0,
      isLive: true,
    };
    this.#subscriptions.set(sid, subscription);
    this.#router.addSubscription(subscription);
    return "ok";
  }

  /** At once, or after `max` deliveries counted from the beginning. */
  unsubscribe(sid: string, max = 0): void {
    const subscription = this.#subscriptions.get(sid);
    if (subscription === undefined) return;
    if (max > subscription.delivered) subscription.max = max;
    else this.#drop(subscription);
  }

  publish(subject: string, reply: string | undefined, message: M): PublishResult {
    const verdict = this.access.judgePublish(subject);
    if (verdict !== "allowed") {
      if (verdict === "malformed") return "malformed";
      if (verdict === "denied" || !this.#useResponse(subject)) return "denied";
    }
    if (reply !== undefined && !isSoundLiteral(reply)) return "malformed";
    const route = this.#router.route(subject);
    let delivered = 0;
    for (const subscription of route.plain) {
      if (this.#offer(subscription, subject, reply, message)) delivered++;
    }
    for (const group of route.groups) {
      if (this.#offerToGroup(group, subject, reply, message)) delivered++;
    }
    if (delivered === 0 && reply !== undefined && this.wantsNoResponders) this.#tellNoResponders(reply);
    return "ok";
  }

  /** Gives up all subscriptions; nothing is delivered afterwards. */
  detach(): void {
    for (const subscription of this.#subscriptions.values()) this.#router.removeSubscription(subscription);
    this.#subscriptions.clear();
    this.#responses.clear();
  }

  #offer(
    subscription: RoutedSubscription<M>,
    subject: string,
    reply: string | undefined,
    message: M,
  ): boolean {
    const target = subscription.client;
    if (!subscription.isLive || (target === this && !this.hasEcho)) return false;
    if (subscription.isFiltered && !target.access.mayReceive(subject)) return false;
    subscription.delivered++;
    if (reply !== undefined && target.access.allowResponses > 0) target.#expectResponse(reply);
    target.#recipient.deliver(subscription.sid, subject, reply, message);
    if (subscription.max > 0 && subscription.delivered >= subscription.max) target.#drop(subscription);
    return true;
  }

  /** Takes turns, and goes on to the next member when one cannot take the message. */
  #offerToGroup(group: QueueGroup<M>, subject: string, reply: string | undefined, message: M): boolean {
    const count = group.members.length;
    for (let tried = 0; tried < count; tried++) {
      const member = group.members[group.next];
      group.next = (group.next + 1) % count;
      if (member !== undefined && this.#offer(member, subject, reply, message)) return true;
    }
    return false;
  }

  #tellNoResponders(reply: string): void {
    const route = this.#router.route(reply);
    for (const subscription of route.plain) {
      if (subscription.client !== this || !subscription.isLive) continue;
      subscription.delivered++;
      this.#recipient.deliverNoResponders(subscription.sid, reply);
      if (subscription.max > 0 && subscription.delivered >= subscription.max) this.#drop(subscription);
      return;
    }
  }

  #expectResponse(reply: string): void {
    const expiresAtMs = this.#router.clock.monotonicMs() + RESPONSE_EXPIRY_MS;
    if (this.#responses.size >= RESPONSES_MAX) {
      const oldest = this.#responses.keys().next().value;
      if (oldest !== undefined) this.#responses.delete(oldest);
    }
    this.#responses.set(reply, { left: this.access.allowResponses, expiresAtMs });
  }

  #useResponse(subject: string): boolean {
    const response = this.#responses.get(subject);
    if (response === undefined) return false;
    const isInTime = response.expiresAtMs >= this.#router.clock.monotonicMs();
    response.left--;
    if (response.left <= 0 || !isInTime) this.#responses.delete(subject);
    return isInTime;
  }

  #drop(subscription: RoutedSubscription<M>): void {
    this.#subscriptions.delete(subscription.sid);
    this.#router.removeSubscription(subscription);
  }
}

function groupByQueue<M>(found: readonly RoutedSubscription<M>[]): Route<M> {
  if (found.every((subscription) => subscription.queue === undefined)) return { plain: found, groups: [] };
  const groups = new Map<string, QueueGroup<M>>();
  const plain: RoutedSubscription<M>[] = [];
  for (const subscription of found) {
    if (subscription.queue === undefined) {
      plain.push(subscription);
      continue;
    }
    const group = groups.get(subscription.queue);
    if (group !== undefined) group.members.push(subscription);
    // groups made anew after a change must not all begin with the same member
    else groups.set(subscription.queue, { members: [subscription], next: 0 });
  }
  for (const group of groups.values()) group.next = Math.floor(Math.random() * group.members.length);
  return { plain, groups: [...groups.values()] };
}
