/** A served contract: one subscription per method, the built-in `health` and `snapshot`, discovery, and an end that loses nothing. */
import type { Timer } from "../../../runtime/clock.ts";
import { TroupeError } from "../../../runtime/errors.ts";
import type { IdempotencyStore, Service } from "../../bus.ts";
import type { Subscription } from "../../carrier/transport.ts";
import type { Contract, RpcDeclaration } from "../../contract/contract.ts";
import { type Health, healthContract, snapshotContract } from "../../contracts/builtin.ts";
import type { StatePublisher } from "../../events/publisher.ts";
import { rpcPattern } from "../../subject.ts";
import { confirmSubscriptions } from "../confirm.ts";
import type { Station } from "../station.ts";
import type { BulkSender } from "./bulk-sender.ts";
import { Discovery } from "./discovery.ts";
import { Endpoint, type Handler } from "./endpoint.ts";

export interface ServerTerms {
  readonly contract: Contract;
  /** `any`, or the instance's token. */
  readonly instance: string;
  /** The token of this very member; `health` is answered there too, so that each of several can be asked. */
  readonly member: string;
  /** None where another member answers the contract's requests. */
  readonly handlers: Readonly<Record<string, Handler>> | undefined;
  readonly idempotency: IdempotencyStore | undefined;
  readonly publisher: StatePublisher | undefined;
  readonly health: () => Health;
}

/** A handler that runs on after this is told to give up, and after as long again is waited for no more. */
const STOP_GRACE_MS = 5_000;

export class Server implements Service {
  readonly #station: Station;
  readonly #terms: ServerTerms;
  readonly #endpoints: Endpoint[] = [];
  readonly #declaredEndpoints: Endpoint[] = [];
  readonly #subscriptions: Subscription[] = [];
  readonly #discovery: Discovery;
  readonly #bulk: BulkSender;
  readonly #unwatch: (() => void)[] = [];
  readonly #onStopped: (server: Server) => void;
  #stopping: Promise<void> | undefined;

  constructor(station: Station, bulk: BulkSender, terms: ServerTerms, onStopped: (server: Server) => void) {
    this.#station = station;
    this.#bulk = bulk;
    this.#terms = terms;
    this.#onStopped = onStopped;
    const { contract, instance } = terms;
    const { handlers } = terms;
    const requests = handlers === undefined ? [] : Object.entries(contract.rpcs);
    for (const [method, declaration] of requests) {
      const handler = handlers?.[method];
      if (handler === undefined) throw new Error(`no handler for ${contract.name}.${method}`);
      this.#declaredEndpoints.push(this.#endpoint(method, instance, declaration, handler));
    }
    this.#addBuiltins();
    this.#discovery = new Discovery(station, contract, instance, this.#declaredEndpoints);
  }

  /** Resolves when the broker has taken the subscriptions; rejects with `BUS_FORBIDDEN` when it refused one. */
  async start(): Promise<void> {
    const { transport } = this.#station;
    let denied: ReadonlySet<string>;
    try {
      denied = await confirmSubscriptions(this.#station, () => this.#subscribe());
    } catch (error) {
      this.#closeSubscriptions();
      throw error;
    }
    const refused = this.#endpoints.find(({ terms }) => denied.has(terms.subject))?.terms.subject;
    if (refused === undefined) return;
    this.#closeSubscriptions();
    throw new TroupeError(
      { code: "BUS_FORBIDDEN", subject: refused },
      `The broker does not let "${transport.user}" serve ${this.#terms.contract.name}: it refused ${refused}.`,
    );
  }

  /** Takes no new requests, lets the waiting and running ones end (within a bound), then resolves. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    this.#discovery.close();
    await Promise.allSettled(this.#subscriptions.map((subscription) => subscription.drain()));
    const timers: Timer[] = [];
    const tooLong = new Promise<"late">((resolve) => {
      const { clock } = this.#station;
      timers.push(clock.after(STOP_GRACE_MS, () => this.#abort()));
      timers.push(clock.after(2 * STOP_GRACE_MS, () => resolve("late")));
    });
    const ended = await Promise.race([
      Promise.all(this.#endpoints.map((endpoint) => endpoint.idle())),
      tooLong,
    ]);
    for (const timer of timers) timer.cancel();
    if (ended === "late") {
      this.#station.log.warn("a handler did not end and is left behind", {
        contract: this.#terms.contract.name,
      });
    }
    this.#closeSubscriptions();
    this.#onStopped(this);
  }

  #subscribe(): void {
    const { transport, metrics } = this.#station;
    for (const endpoint of this.#endpoints) {
      const { subject, queueGroup, actor: callee, method } = endpoint.terms;
      const options = queueGroup === undefined ? {} : { queue: queueGroup };
      this.#subscriptions.push(
        transport.subscribe(subject, options, (delivery) => endpoint.deliver(delivery)),
      );
      this.#unwatch.push(metrics.watchQueue(() => ({ callee, method, waiting: endpoint.waitingCount })));
    }
    this.#discovery.open();
  }

  #abort(): void {
    for (const endpoint of this.#endpoints) endpoint.abort();
  }

  #closeSubscriptions(): void {
    this.#discovery.close();
    for (const subscription of this.#subscriptions.splice(0)) subscription.close();
    for (const unwatch of this.#unwatch.splice(0)) unwatch();
  }

  #addBuiltins(): void {
    const { contract, instance, member, publisher, health } = this.#terms;
    const { health: healthDeclaration } = healthContract(contract.name).rpcs;
    for (const place of new Set([instance, member])) {
      this.#endpoint("health", place, healthDeclaration, () => health());
    }
    if (publisher === undefined) return;
    const { snapshot } = snapshotContract(contract).rpcs;
    this.#endpoint("snapshot", publisher.instance, snapshot, (_input, call) =>
      publisher.snapshot(call.caller),
    );
  }

  /** Stateless members share requests; what concerns one instance goes to that one. */
  #endpoint(method: string, instance: string, declaration: RpcDeclaration, handler: Handler): Endpoint {
    const actor = this.#terms.contract.name;
    const queueGroup = instance === "any" ? actor : undefined;
    const subject = rpcPattern(actor, instance, method, "*");
    const { idempotency } = this.#terms;
    const endpoint = new Endpoint(this.#station, this.#bulk, {
      actor,
      method,
      subject,
      queueGroup,
      declaration,
      handler,
      idempotency,
    });
    this.#endpoints.push(endpoint);
    return endpoint;
  }
}
