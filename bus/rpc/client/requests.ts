/** All calls of one connection: what is pending, what the loss of the bus means for it, and how a stub is made of a contract. */
import type { TroupeError } from "../../../runtime/errors.ts";
import type { CallOptions } from "../../bus.ts";
import type { TransportStatus } from "../../carrier/transport.ts";
import type { RpcDeclaration } from "../../contract/contract.ts";
import { methodHash } from "../../contract/hash.ts";
import { encodeJson, isKey } from "../../envelope.ts";
import { rpcSubject } from "../../subject.ts";
import { busFailure, CallError } from "../failure.ts";
import { requestBytesMax } from "../limits.ts";
import { NESTED_RESERVE_MS } from "../scope.ts";
import type { Station } from "../station.ts";
import { Call } from "./call.ts";
import type { Route } from "./route.ts";

const RETRIES_DEFAULT = 3;

export class Requests {
  readonly #station: Station;
  readonly #validateReplies: boolean;
  readonly #pending = new Set<Call>();
  #keyCount = 0;
  #isClosed = false;

  constructor(station: Station, validateReplies: boolean) {
    this.#station = station;
    this.#validateReplies = validateReplies;
  }

  get pendingCount(): number {
    return this.#pending.size;
  }

  route(actor: string, instance: string, method: string, declaration: RpcDeclaration): Route {
    const { user } = this.#station.transport;
    return {
      actor,
      instance,
      method,
      subject: rpcSubject(actor, instance, method, user),
      template: rpcSubject(actor, "any", method, user).replace(".any.", ".*."),
      declaration,
      // Not before the first call: most methods of a contract are never called by this actor.
      get hash() {
        return methodHash(actor, method, declaration);
      },
      requestBytesMax: requestBytesMax(declaration),
      labelsOk: { side: "client", callee: actor, method, caller: user, code: "ok" },
    };
  }

  call(route: Route, input: unknown, options: CallOptions = {}): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const refusal = this.#start(route, input, options, resolve, reject);
      if (refusal !== undefined) reject(refusal);
    });
  }

  #start(
    route: Route,
    input: unknown,
    options: CallOptions,
    resolve: (output: unknown) => void,
    reject: (error: unknown) => void,
  ): unknown {
    if (this.#isClosed) return closedError();
    if (options.signal?.aborted) return options.signal.reason;
    const remainingMs = this.#remainingMs(route, options);
    if (remainingMs <= 0) return noTimeLeft(route);
    const key = this.#key(route, options);
    if (key !== undefined && !isKey(key)) return badKey(route);
    const body = encodeRequest(route, input);
    if (body instanceof CallError) return body;
    const call = new Call(this.#station, route, body, {
      dueMs: this.#station.clock.monotonicMs() + remainingMs,
      key,
      fence: options.fence,
      signal: options.signal,
      retries: options.retries ?? RETRIES_DEFAULT,
      validateReply: this.#validateReplies,
      resolve,
      reject,
      forget: (ended) => this.#pending.delete(ended),
    });
    this.#pending.add(call);
    call.begin();
    return undefined;
  }

  onStatus(status: TransportStatus): void {
    if (status.kind === "down" || status.kind === "closed") {
      for (const call of [...this.#pending]) call.lost();
    } else if (status.kind === "denied" && status.operation === "publish") {
      for (const call of [...this.#pending]) {
        if (call.route.subject === status.subject) call.denied();
      }
    }
  }

  /** Rejects what is pending and everything that comes later. */
  close(): void {
    this.#isClosed = true;
    for (const call of [...this.#pending]) call.settleWith(closedError());
  }

  #remainingMs(route: Route, options: CallOptions): number {
    const ownMs = Math.min(route.declaration.deadlineMs, options.deadlineMs ?? Number.POSITIVE_INFINITY);
    const scope = this.#station.scopes.current();
    if (scope === undefined) return ownMs;
    return Math.min(ownMs, scope.dueMs - this.#station.clock.monotonicMs() - NESTED_RESERVE_MS);
  }

  #key(route: Route, options: CallOptions): string | undefined {
    if (options.key !== undefined || route.declaration.idempotency !== "key") return options.key;
    // The inbox's 96 random bits make it unique among all connections.
    return `${this.#station.inbox.id}.${(this.#keyCount++).toString(36)}`;
  }
}

function encodeRequest(route: Route, input: unknown): Uint8Array | CallError {
  let body: Uint8Array;
  if (route.declaration.requestContent === "bytes") {
    if (!(input instanceof Uint8Array)) return badInput(route, "the method takes bytes");
    body = input;
  } else {
    try {
      body = encodeJson(input);
    } catch (error) {
      return badInput(route, error instanceof Error ? error.message : String(error));
    }
  }
  if (body.byteLength <= route.requestBytesMax) return body;
  return new CallError(
    busFailure(
      "BUS_TOO_LARGE",
      `The request to ${route.actor}.${route.method} has ${body.byteLength} bytes; at most ${route.requestBytesMax} are allowed. Send less at a time.`,
      "not_executed",
    ),
  );
}

function badInput(route: Route, why: string): CallError {
  return new CallError(
    busFailure(
      "BUS_BAD_REQUEST",
      `The input of ${route.actor}.${route.method} cannot be sent: ${why}. Correct the caller.`,
      "not_executed",
    ),
  );
}

function badKey(route: Route): CallError {
  return badInput(route, "its idempotency key is not 1 to 128 of A-Z a-z 0-9 _ . : / -");
}

function noTimeLeft(route: Route): CallError {
  return new CallError(
    busFailure(
      "BUS_DEADLINE",
      `No time is left to ask ${route.actor}.${route.method}: the deadline of the request it belongs to is about to pass.`,
      "not_executed",
    ),
  );
}

export function closedError(): TroupeError {
  return new CallError(
    busFailure("BUS_CLOSED", "This connection to the bus has been closed by its owner.", "unknown"),
  );
}
