/** The bus as an actor has it: stubs, services, events and states of contracts, over whatever carrier it is given. */
import { type Meter, metrics as metricsApi, type Tracer, trace } from "@opentelemetry/api";
import { type Clock, systemClock } from "../runtime/clock.ts";
import { TroupeError } from "../runtime/errors.ts";
import type { Log } from "../runtime/log/log.ts";
import type {
  AtHand,
  Bus,
  CallOptions,
  Client,
  EventMeta,
  Handlers,
  Listener,
  ListenOptions,
  Publisher,
  ServeOptions,
  Service,
} from "./bus.ts";
import type { Transport, TransportStatus } from "./carrier/transport.ts";
import type { Contract, EventBody, EventName, StateBody, StateName } from "./contract/contract.ts";
import type { Health } from "./contracts/builtin.ts";
import { FactListener, type ListenerTerms } from "./events/listener.ts";
import { ContractPublisher } from "./events/publisher.ts";
import type { MountedMember } from "./mount.ts";
import { MountedCalls } from "./rpc/client/mounted-calls.ts";
import { Requests } from "./rpc/client/requests.ts";
import { confirmSubscriptions } from "./rpc/confirm.ts";
import { Deadlines } from "./rpc/deadlines.ts";
import { Inbox } from "./rpc/inbox.ts";
import { BusMetrics } from "./rpc/metrics.ts";
import { Scopes } from "./rpc/scope.ts";
import { BulkSender } from "./rpc/server/bulk-sender.ts";
import type { Handler } from "./rpc/server/endpoint.ts";
import { Server } from "./rpc/server/server.ts";
import type { Station } from "./rpc/station.ts";
import { eventPattern, statePattern } from "./subject.ts";

export interface ConnectedBusOptions {
  readonly log: Log;
  readonly clock?: Clock;
  readonly meter?: Meter;
  readonly tracer?: Tracer;
  /** Our own instance token: where we publish and answer `health`. `main` unless told otherwise. */
  readonly instance?: string;
  /** Where `health` is asked of us and of nobody else: the host, when several share the bus. Our instance unless told otherwise. */
  readonly member?: string;
  /** How far we are; asked by the supervisor through every contract we serve. */
  readonly health?: () => Health;
  /** Checks replies at the caller's edge too. For tests: the callee has checked them already. */
  readonly validateReplies?: boolean;
  readonly random?: () => number;
}

/** Where events come from when an actor has one instance only. */
const INSTANCE_DEFAULT = "main";
/** Large replies that are still on their way at the end are waited for so long. */
const CLOSE_GRACE_MS = 5_000;

export class ConnectedBus implements Bus {
  readonly #station: Station;
  readonly #instance: string;
  readonly #member: string | undefined;
  readonly #health: () => Health;
  readonly #validateReplies: boolean;
  readonly #requests: Requests;
  readonly #bulk: BulkSender;
  readonly #clients = new WeakMap<Contract, Map<string, Client<Contract>>>();
  readonly #servers = new Set<Server>();
  readonly #listeners = new Set<FactListener>();
  /** By contract. */
  readonly #mounted = new Map<string, MountedCalls>();
  readonly #publishers = new Set<{ stop(): Promise<void> }>();
  readonly #unlisten: () => void;
  #wasDown = false;
  #upSinceMs: number;
  #closing: Promise<void> | undefined;

  constructor(transport: Transport, options: ConnectedBusOptions) {
    const clock = options.clock ?? systemClock;
    const deadlines = new Deadlines(clock);
    this.#station = Object.freeze({
      transport,
      clock,
      log: options.log,
      tracer: options.tracer ?? trace.getTracer("troupe.bus"),
      metrics: new BusMetrics(options.meter ?? metricsApi.getMeter("troupe.bus")),
      inbox: new Inbox(transport),
      deadlines,
      scopes: new Scopes(),
      random: options.random ?? Math.random,
    });
    this.#station.metrics.isUp = transport.isUp;
    this.#upSinceMs = clock.monotonicMs();
    this.#instance = options.instance ?? INSTANCE_DEFAULT;
    this.#member = options.member;
    this.#health = options.health ?? (() => ({ state: "ready" }));
    this.#validateReplies = options.validateReplies ?? false;
    this.#requests = new Requests(this.#station, this.#validateReplies);
    this.#bulk = new BulkSender(this.#station);
    this.#unlisten = transport.onStatus((status) => this.#onStatus(status));
  }

  get user(): string {
    return this.#station.transport.user;
  }

  get isUp(): boolean {
    return this.#station.transport.isUp;
  }

  get upForMs(): number {
    return this.isUp ? this.#station.clock.monotonicMs() - this.#upSinceMs : 0;
  }

  client<C extends Contract>(contract: C, instance = defaultTarget(contract)): Client<C> {
    let stubs = this.#clients.get(contract);
    if (stubs === undefined) {
      stubs = new Map();
      this.#clients.set(contract, stubs);
    }
    let stub = stubs.get(instance);
    if (stub === undefined) {
      stub = this.#makeStub(contract, instance);
      stubs.set(instance, stub);
    }
    return stub as Client<C>;
  }

  atHand<C extends Contract>(contract: C): AtHand<C> {
    const asking: Record<string, (input: unknown) => unknown> = {};
    for (const { method, route, askBus } of this.#routes(contract, defaultTarget(contract))) {
      asking[method] = (input) =>
        this.#mounted.get(contract.name)?.atHand(route, input, {}, () => askBus(input, {}));
    }
    return Object.freeze(asking) as AtHand<C>;
  }

  /** From here on all clients of the contract, also those that were made before, ask this member first. It is stopped with the bus. */
  mount(contract: string, member: MountedMember): void {
    this.#assertOpen();
    this.#mounted.set(contract, new MountedCalls(this.#station, member, this.#validateReplies));
  }

  async serve<C extends Contract>(
    contract: C,
    handlers: Handlers<C> | "elsewhere",
    options: ServeOptions<C> = {},
  ): Promise<Service> {
    this.#assertOpen();
    const { publisher } = options;
    if (publisher !== undefined && !(publisher instanceof ContractPublisher)) {
      throw new Error("serve takes a publisher made by the same bus");
    }
    const isAny = contract.instances === "any";
    const terms = {
      contract,
      instance: isAny ? "any" : (options.instance ?? this.#instance),
      member: this.#member ?? options.instance ?? this.#instance,
      // The types of contract and handlers agree; inside, all handlers look alike.
      handlers:
        handlers === "elsewhere" ? undefined : (handlers as unknown as Readonly<Record<string, Handler>>),
      idempotency: options.idempotency,
      publisher,
      health: this.#health,
    };
    const server = new Server(this.#station, this.#bulk, terms, (ended) => this.#servers.delete(ended));
    await server.start();
    this.#servers.add(server);
    return server;
  }

  publisher<C extends Contract>(contract: C, instance = this.#instance): Publisher<C> {
    this.#assertOpen();
    const publisher = new ContractPublisher(this.#station, contract, instance, (ended) =>
      this.#publishers.delete(ended),
    );
    this.#publishers.add(publisher);
    return publisher;
  }

  onEvent<C extends Contract, V extends EventName<C>>(
    contract: C,
    event: V,
    handle: (body: EventBody<C, V>, meta: EventMeta) => void | Promise<void>,
    options: ListenOptions = {},
  ): Promise<Listener> {
    const declaration = contract.events[event];
    if (declaration === undefined) throw new Error(`${contract.name} declares no event "${event}"`);
    const isKeyed = declaration.keyed === true;
    const key = isKeyed ? (options.key ?? "*") : undefined;
    return this.#listen({
      actor: contract.name,
      name: event,
      kind: "event",
      isKeyed,
      pattern: eventPattern(contract.name, options.instance ?? "*", event, key),
      schema: declaration.body,
      handle: handle as ListenerTerms["handle"],
      onGap: options.onGap ?? ignoreGap,
    });
  }

  onState<C extends Contract, V extends StateName<C>>(
    contract: C,
    state: V,
    handle: (body: StateBody<C, V>, meta: EventMeta) => void | Promise<void>,
    options: ListenOptions = {},
  ): Promise<Listener> {
    const declaration = contract.states[state];
    if (declaration === undefined) throw new Error(`${contract.name} declares no state "${state}"`);
    return this.#listen({
      actor: contract.name,
      name: state,
      kind: "state",
      isKeyed: false,
      pattern: statePattern(contract.name, options.instance ?? "*", state),
      schema: declaration.body,
      handle: handle as ListenerTerms["handle"],
      onGap: options.onGap ?? ignoreGap,
    });
  }

  flush(): Promise<void> {
    return this.#station.transport.flush();
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await Promise.allSettled([...this.#servers].map((server) => server.stop()));
    await Promise.allSettled([...this.#listeners].map((listener) => listener.stop()));
    await Promise.allSettled([...this.#publishers].map((publisher) => publisher.stop()));
    const mounted = [...this.#mounted.values()];
    this.#mounted.clear();
    await Promise.allSettled(mounted.map((member) => member.stop()));
    await this.#finishBulk();
    this.#unlisten();
    this.#requests.close();
    this.#bulk.close();
    this.#station.inbox.close();
    this.#station.deadlines.close();
    await this.#station.transport.drain();
  }

  async #finishBulk(): Promise<void> {
    if (!this.isUp) return;
    const ended = this.#bulk.idle();
    await new Promise<void>((resolve) => {
      const timer = this.#station.clock.after(CLOSE_GRACE_MS, resolve);
      void ended.then(() => {
        timer.cancel();
        resolve();
      });
    });
  }

  async #listen(terms: ListenerTerms): Promise<Listener> {
    this.#assertOpen();
    const listener = new FactListener(this.#station, terms, (ended) => this.#listeners.delete(ended));
    this.#listeners.add(listener);
    let denied: ReadonlySet<string>;
    try {
      denied = await confirmSubscriptions(this.#station, () => listener.open());
    } catch (error) {
      await listener.stop();
      throw error;
    }
    if (!denied.has(terms.pattern)) return listener;
    await listener.stop();
    throw new TroupeError(
      { code: "BUS_FORBIDDEN", outcome: "not_executed", retryable: false, subject: terms.pattern },
      `The broker does not let "${this.user}" hear ${terms.actor}.${terms.name}. Name it in the contract's readers.`,
    );
  }

  #makeStub(contract: Contract, instance: string): Client<Contract> {
    const stub: Record<string, Client<Contract>[string]> = {};
    for (const { method, route, askBus } of this.#routes(contract, instance)) {
      stub[method] = (input, options = {}) => {
        const ask = () => askBus(input, options);
        return this.#mounted.get(contract.name)?.call(route, input, options, ask) ?? ask();
      };
    }
    return Object.freeze(stub);
  }

  #routes(contract: Contract, instance: string) {
    return Object.entries(contract.rpcs).map(([method, declaration]) => {
      const route = this.#requests.route(contract.name, instance, method, declaration);
      const askBus = (input: unknown, options: CallOptions) => this.#requests.call(route, input, options);
      return { method, route, askBus };
    });
  }

  #onStatus(status: TransportStatus): void {
    const { metrics, log } = this.#station;
    metrics.isUp = status.kind === "up" || (status.kind === "denied" && metrics.isUp);
    this.#requests.onStatus(status);
    if (status.kind === "denied") {
      log.warn("the broker refused a subject", { operation: status.operation, subject: status.subject });
    } else if (status.kind === "up") {
      // The first "up" is the connection's beginning.
      if (!this.#wasDown) return;
      this.#wasDown = false;
      this.#upSinceMs = this.#station.clock.monotonicMs();
      metrics.reconnects++;
      for (const listener of this.#listeners) listener.reconnected();
    } else {
      this.#wasDown = true;
    }
  }

  #assertOpen(): void {
    if (this.#closing === undefined) return;
    throw new TroupeError(
      { code: "BUS_CLOSED", outcome: "not_executed", retryable: false },
      "This connection to the bus has been closed by its owner; it serves and hears nothing more.",
    );
  }
}

function defaultTarget(contract: Contract): string {
  if (contract.instances === "any") return "any";
  throw new Error(`${contract.name} has several instances: say which one is meant`);
}

function ignoreGap(): void {
  // Who gave no onGap has said that a missed event is no harm.
}
