/** What a running handler hands down to the calls it makes: its deadline and its place in the trace. */
import { AsyncLocalStorage } from "node:async_hooks";
import { type Context, context, ROOT_CONTEXT } from "@opentelemetry/api";

export interface Scope {
  /** On the monotonic clock. */
  readonly dueMs: number;
  readonly trace: Context;
}

/** A nested call leaves its caller this long to make use of the answer. */
export const NESTED_RESERVE_MS = 20;

export class Scopes {
  readonly #storage = new AsyncLocalStorage<Scope>();

  run<T>(scope: Scope, body: () => T): T {
    return this.#storage.run(scope, body);
  }

  current(): Scope | undefined {
    return this.#storage.getStore();
  }

  /** The active trace context: the tracer's own where an SDK runs, else what came in with the request. */
  trace(): Context {
    const active = context.active();
    return active === ROOT_CONTEXT ? (this.#storage.getStore()?.trace ?? active) : active;
  }
}
