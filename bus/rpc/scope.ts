/** What a running handler hands down to the calls it makes: its deadline and its place in the trace. */
import { AsyncLocalStorage } from "node:async_hooks";
import { type Context, context, ROOT_CONTEXT } from "@opentelemetry/api";

export interface Scope {
  /** On the monotonic clock. */
  readonly dueMs: number;
  readonly trace: Context;
  /** Set when the handler has answered: work that it left running in the background is bound to no caller any more. */
  isOver: boolean;
}

/** A nested call leaves its caller this long to make use of the answer. */
export const NESTED_RESERVE_MS = 20;

/** While any scope is followed, every promise of the thread costs twice as much: so they are only while a handler runs. */
export class Scopes {
  readonly #storage = new AsyncLocalStorage<Scope | undefined>();
  #running = 0;

  /** Until `end`. */
  run<T>(scope: Scope, body: () => T): T {
    this.#running += 1;
    return this.#storage.run(scope, body);
  }

  /** The handler has answered. */
  end(scope: Scope): void {
    if (scope.isOver) return;
    scope.isOver = true;
    this.#running -= 1;
    if (this.#running === 0) this.#storage.disable();
  }

  /** For what has another cause than the request in whose turn it happens to run. */
  runOutside<T>(body: () => T): T {
    return this.#running === 0 ? body() : this.#storage.run(undefined, body);
  }

  current(): Scope | undefined {
    const scope = this.#storage.getStore();
    return scope?.isOver ? undefined : scope;
  }

  /** The active trace context: the tracer's own where an SDK runs, else what came in with the request. */
  trace(): Context {
    const active = context.active();
    return active === ROOT_CONTEXT ? (this.current()?.trace ?? active) : active;
  }
}
