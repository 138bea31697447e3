/** How a message is declared: once per actor, and everything else (stub, skeleton, permissions, docs, fakes) follows from it. */
import { z } from "zod";
import { checkContractName, checkDeclaredEvent, checkDeclaredRpc, checkDeclaredState } from "./names.ts";

/** `idempotent`: running it twice is harmless. `key`: the caller sends a key and the callee runs each key once. */
export type Idempotency = "idempotent" | "key";

/** What a body is on the wire: JSON of the schema, or the bytes themselves (the schema is then `bytes()`). */
export type Content = "json" | "bytes";

export interface RpcDeclaration<
  I extends z.ZodType = z.ZodType,
  O extends z.ZodType = z.ZodType,
  E extends Readonly<Record<string, z.ZodType>> = Readonly<Record<string, z.ZodType>>,
> {
  readonly doc: string;
  readonly input: I;
  readonly output: O;
  /** The domain's own refusals, by code `ROOM_WHAT`, with the schema of their data. */
  readonly errors?: E;
  readonly deadlineMs: number;
  readonly idempotency: Idempotency;
  /** Who may ask; enforced by the broker (last subject token) and again by the callee. */
  readonly callers: readonly string[];
  /** How many run at once (default 16) and how many wait (default 256) before `BUS_BUSY`. */
  readonly concurrency?: number;
  readonly queue?: number;
  /** The reply's body; `bytes` where JSON would cost more than the answer, such as batches of index rows. Default `json`. */
  readonly content?: Content;
  /** The request's body. Default `json`. */
  readonly requestContent?: Content;
  /** A larger request is refused unread. Default 64 KiB for JSON, 768 KiB for bytes, which is also the most. */
  readonly requestBytesMax?: number;
  /** A larger reply is not sent. Default 64 MiB; above 768 KiB it travels in chunks. */
  readonly replyBytesMax?: number;
  /** Dotted paths of input and output that logs, spans and `tap` must not show. */
  readonly redact?: readonly string[];
}

export interface EventDeclaration<B extends z.ZodType = z.ZodType> {
  readonly doc: string;
  readonly body: B;
  /** Which actors may hear it; `"*"` is all. */
  readonly readers: readonly string[] | "*";
  /** True when the subject carries one more token, a key such as a shard: `evt.indexer.main.touched.<key>`. */
  readonly keyed?: boolean;
  readonly redact?: readonly string[];
}

/** State is an event whose last value counts: published on change and repeated every 10 s. */
export type StateDeclaration<B extends z.ZodType = z.ZodType> = Omit<EventDeclaration<B>, "keyed">;

export interface ContractOptions {
  readonly semver: string;
  readonly doc: string;
  /**
   * `any`: stateless members share the requests in a queue group, the instance token is `any`.
   * `keyed`: each instance (a wallet, a maker) has its own token.
   */
  readonly instances: "any" | "keyed";
}

type Rpcs = Readonly<Record<string, RpcDeclaration>>;
type Events = Readonly<Record<string, EventDeclaration>>;
type States = Readonly<Record<string, StateDeclaration>>;

export interface Contract<
  N extends string = string,
  R extends Rpcs = Rpcs,
  E extends Events = Events,
  S extends States = States,
> extends ContractOptions {
  readonly name: N;
  readonly rpcs: R;
  readonly events: E;
  readonly states: S;
}

export type RpcName<C extends Contract> = Extract<keyof C["rpcs"], string>;
export type EventName<C extends Contract> = Extract<keyof C["events"], string>;
export type StateName<C extends Contract> = Extract<keyof C["states"], string>;

/** What a caller passes: defaults of the schema may be left out. */
export type RpcInput<C extends Contract, M extends RpcName<C>> = z.input<C["rpcs"][M]["input"]>;
/** What a handler receives: parsed, defaults filled in. */
export type RpcRequest<C extends Contract, M extends RpcName<C>> = z.output<C["rpcs"][M]["input"]>;
export type RpcOutput<C extends Contract, M extends RpcName<C>> = z.output<C["rpcs"][M]["output"]>;
/** What a handler returns. */
export type RpcReply<C extends Contract, M extends RpcName<C>> = z.input<C["rpcs"][M]["output"]>;
export type EventBody<C extends Contract, V extends EventName<C>> = z.output<C["events"][V]["body"]>;
export type StateBody<C extends Contract, V extends StateName<C>> = z.output<C["states"][V]["body"]>;

/** The schema of a body that is raw bytes; use it with `content: "bytes"` or `requestContent: "bytes"`. */
export function bytes(): z.ZodType<Uint8Array, Uint8Array> {
  return z.custom<Uint8Array>((value) => value instanceof Uint8Array, { message: "expected bytes" });
}

const NO_ENTRIES = Object.freeze({});

/**
 * Starts a contract: `contract("walletd", {...}).rpc("balances", {...}).event("balance.changed", {...})`.
 * Each call returns a new, wider, frozen contract. A name declared twice is a programmer's error and throws.
 */
export function contract<N extends string>(name: N, options: ContractOptions) {
  // biome-ignore lint/complexity/noBannedTypes: {} is the neutral element of the intersections that the builder makes
  return new ContractBuilder<N, {}, {}, {}>(name, options, NO_ENTRIES, NO_ENTRIES, NO_ENTRIES);
}

/** A contract that can still be widened; it is itself a `Contract`. */
export class ContractBuilder<N extends string, R extends Rpcs, E extends Events, S extends States>
  implements Contract<N, R, E, S>
{
  readonly name: N;
  readonly semver: string;
  readonly doc: string;
  readonly instances: "any" | "keyed";
  readonly rpcs: R;
  readonly events: E;
  readonly states: S;

  constructor(name: N, options: ContractOptions, rpcs: R, events: E, states: S) {
    checkContractName(name);
    this.name = name;
    this.semver = options.semver;
    this.doc = options.doc;
    this.instances = options.instances;
    this.rpcs = Object.freeze(rpcs);
    this.events = Object.freeze(events);
    this.states = Object.freeze(states);
    Object.freeze(this);
  }

  rpc<
    const M extends string,
    I extends z.ZodType,
    O extends z.ZodType,
    // biome-ignore lint/complexity/noBannedTypes: a method without refusals of its own declares none
    F extends Readonly<Record<string, z.ZodType>> = {},
  >(method: M, declaration: RpcDeclaration<I, O, F>) {
    checkDeclaredRpc(this.name, method, declaration);
    return new ContractBuilder<N, R & Record<M, RpcDeclaration<I, O, F>>, E, S>(
      this.name,
      this,
      withEntry(this.rpcs, method, declaration) as R & Record<M, RpcDeclaration<I, O, F>>,
      this.events,
      this.states,
    );
  }

  event<const V extends string, B extends z.ZodType>(event: V, declaration: EventDeclaration<B>) {
    checkDeclaredEvent(this.name, this.events, event, declaration.keyed === true);
    return new ContractBuilder<N, R, E & Record<V, EventDeclaration<B>>, S>(
      this.name,
      this,
      this.rpcs,
      withEntry(this.events, event, declaration) as E & Record<V, EventDeclaration<B>>,
      this.states,
    );
  }

  state<const V extends string, B extends z.ZodType>(state: V, declaration: StateDeclaration<B>) {
    checkDeclaredState(this.name, state);
    return new ContractBuilder<N, R, E, S & Record<V, StateDeclaration<B>>>(
      this.name,
      this,
      this.rpcs,
      this.events,
      withEntry(this.states, state, declaration) as S & Record<V, StateDeclaration<B>>,
    );
  }
}

function withEntry<T extends object>(entries: T, name: string, declaration: object): object {
  if (Object.hasOwn(entries, name)) throw new Error(`contract declares "${name}" twice`);
  return { ...entries, [name]: Object.freeze(declaration) };
}
