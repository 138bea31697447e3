/** The face of the bus: what an actor can do with it. Actors see this and contracts, never a subject or a carrier. */
import type { SpanContext } from "@opentelemetry/api";
import type { Log } from "../runtime/log/log.ts";
import type {
  Contract,
  EventBody,
  EventName,
  RpcInput,
  RpcName,
  RpcOutput,
  RpcReply,
  RpcRequest,
  StateBody,
  StateName,
} from "./contract/contract.ts";
import type { EncodedReply } from "./encoded-reply.ts";

export interface CallOptions {
  /** Less than the contract's deadline, never more. */
  readonly deadlineMs?: number;
  readonly signal?: AbortSignal;
  /** The idempotency key; methods declared with `idempotency: "key"` get a random one when none is given. */
  readonly key?: string;
  /** A fencing token of the caller's lease. */
  readonly fence?: number;
  /** How often the call may be repeated when nothing was executed or repeating is harmless: 3 unless told otherwise. */
  readonly retries?: number;
}

/** A stub with one method per request of the contract. It throws `TroupeError` with the contract's or the bus's codes. */
export type Client<C extends Contract> = {
  readonly [M in RpcName<C>]: (input: RpcInput<C, M>, options?: CallOptions) => Promise<RpcOutput<C, M>>;
};

/**
 * The same questions, put to the member of the contract that is mounted in this thread. Nothing where none is, or where it
 * leaves the question to the bus: then the client is to be asked. What it has at hand comes without a promise.
 */
export type AtHand<C extends Contract> = {
  readonly [M in RpcName<C>]: (
    input: RpcInput<C, M>,
  ) => RpcOutput<C, M> | Promise<RpcOutput<C, M>> | undefined;
};

export interface CallContext {
  /** Which actor asks, as the broker has proved it. */
  readonly caller: string;
  /** Milliseconds left for the answer at the moment of reading. */
  remainingMs(): number;
  /** Aborts when the deadline passes or the actor stops. */
  readonly signal: AbortSignal;
  readonly key: string | undefined;
  readonly fence: number | undefined;
  readonly attempt: number;
  readonly trace: SpanContext | undefined;
  readonly log: Log;
}

/** One handler per request; a missing one does not compile. */
export type Handlers<C extends Contract> = {
  readonly [M in RpcName<C>]: (
    input: RpcRequest<C, M>,
    call: CallContext,
  ) => RpcReply<C, M> | EncodedReply | Promise<RpcReply<C, M> | EncodedReply>;
};

/**
 * Remembers results of keyed calls. The default lives in memory; walletd keeps its own beside its effects.
 * Several members of one queue group need a store that they share: a repeated request may reach another member.
 */
export interface IdempotencyStore {
  get(id: string): Promise<StoredReply | undefined> | StoredReply | undefined;
  put(id: string, reply: StoredReply): Promise<void> | void;
  /**
   * What of a request makes it the same as another, as plain data; without it, all of its body. It leaves out what only
   * shows that the caller may ask. Then it checks just that, and throws as the handler would: a repeated request is
   * answered without its handler.
   */
  identity?(request: KeyedRequest): unknown;
}

export interface KeyedRequest {
  readonly method: string;
  readonly caller: string;
  /** It fits the method's schema. */
  readonly input: unknown;
}

export interface StoredReply {
  /** SHA-256 of the request, hex: the same key with another one is a conflict. */
  readonly requestHash: string;
  readonly body: Uint8Array;
  readonly errorCode: string | undefined;
}

export interface ServeOptions<C extends Contract> {
  /** The instance token; contracts with `instances: "any"` have none. */
  readonly instance?: string;
  readonly idempotency?: IdempotencyStore;
  /** `snapshot` of the publisher, answered to consumers that have lost their place. */
  readonly publisher?: Publisher<C>;
}

export interface Service {
  /** Takes no new requests, lets the running ones finish, then resolves. */
  stop(): Promise<void>;
}

export interface Publisher<C extends Contract> {
  readonly epoch: string;
  /** The number of the last message sent; a reply that carries it with a copy of the state is a snapshot. */
  readonly seq: number;
  /** The token that stands for this publisher in its subjects. */
  readonly instance: string;
  event<V extends EventName<C>>(event: V, body: EventBody<C, V>, key?: string): void;
  /** Coalesced over 100 ms and repeated every 10 s. */
  state<V extends StateName<C>>(state: V, body: StateBody<C, V>): void;
  stop(): Promise<void>;
}

export interface EventMeta {
  readonly instance: string;
  readonly key: string | undefined;
  readonly epoch: string;
  readonly seq: number;
  /** The number of the message before this one on the same subject; 0 for the first. */
  readonly previous: number;
}

export interface Listener {
  stop(): Promise<void>;
}

export interface ListenOptions {
  readonly instance?: string;
  readonly key?: string;
  /** Called when events were lost or the publisher began anew: read its state again. */
  readonly onGap?: (why: "gap" | "epoch" | "overflow" | "reconnect") => void;
}

export interface Bus {
  /** Our name on the bus. */
  readonly user: string;
  readonly isUp: boolean;
  /** How long the connection has stood; 0 while it is down. */
  readonly upForMs: number;
  client<C extends Contract>(contract: C, instance?: string): Client<C>;
  /** For those who would gather questions into one message: what needs no message need not wait for others. */
  atHand<C extends Contract>(contract: C): AtHand<C>;
  /** With `"elsewhere"` another connection of ours answers the requests: here only `health` and the publisher's `snapshot` are. */
  serve<C extends Contract>(
    contract: C,
    handlers: Handlers<C> | "elsewhere",
    options?: ServeOptions<C>,
  ): Promise<Service>;
  publisher<C extends Contract>(contract: C, instance?: string): Publisher<C>;
  onEvent<C extends Contract, V extends EventName<C>>(
    contract: C,
    event: V,
    handle: (body: EventBody<C, V>, meta: EventMeta) => void | Promise<void>,
    options?: ListenOptions,
  ): Promise<Listener>;
  onState<C extends Contract, V extends StateName<C>>(
    contract: C,
    state: V,
    handle: (body: StateBody<C, V>, meta: EventMeta) => void | Promise<void>,
    options?: ListenOptions,
  ): Promise<Listener>;
  /** Resolves when the broker has seen everything sent so far. */
  flush(): Promise<void>;
  /** Stops services and listeners, lets what runs finish, closes. */
  close(): Promise<void>;
}
