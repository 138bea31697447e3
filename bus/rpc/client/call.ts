/** One call from its first attempt to its end: whatever happens to the bus, it ends exactly once and not after its deadline. */
import { type Context, type Span, SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";
import type { Timer } from "../../../runtime/clock.ts";
import { TroupeError, type WireError } from "../../../runtime/errors.ts";
import type { Delivery } from "../../carrier/transport.ts";
import {
  decodeError,
  decodeJson,
  ENVELOPE_HEADER,
  formatEnvelope,
  isErrorReply,
  readEnvelope,
} from "../../envelope.ts";
import type { Outcome } from "../../errors.ts";
import { type Expiring, NO_SLOT } from "../deadlines.ts";
import { busFailure, CallError, mayRetry } from "../failure.ts";
import { replyBytesMax } from "../limits.ts";
import type { Station } from "../station.ts";
import { traceHeaders } from "../trace.ts";
import { BulkReceiver } from "./bulk-receiver.ts";
import type { Route } from "./route.ts";

export interface CallTerms {
  readonly dueMs: number;
  readonly key: string | undefined;
  readonly fence: number | undefined;
  readonly signal: AbortSignal | undefined;
  readonly retries: number;
  readonly validateReply: boolean;
  readonly resolve: (output: unknown) => void;
  readonly reject: (error: unknown) => void;
  readonly forget: (call: Call) => void;
}

const RETRY_FIRST_MS = 50;

export class Call implements Expiring {
  slot = NO_SLOT;
  readonly route: Route;
  readonly #station: Station;
  readonly #body: Uint8Array;
  readonly #terms: CallTerms;
  readonly #startMs: number;
  readonly #trace: Context;
  readonly #span: Span;
  #attempt = 0;
  /** Set while an answer is awaited. */
  #token: string | undefined;
  #bulk: BulkReceiver | undefined;
  #retryTimer: Timer | undefined;
  /** True once an attempt's fate was lost: a later "not executed" cannot take that back. */
  #isUncertain = false;
  #isEnded = false;

  constructor(station: Station, route: Route, body: Uint8Array, terms: CallTerms) {
    this.#station = station;
    this.route = route;
    this.#body = body;
    this.#terms = terms;
    this.#startMs = station.clock.monotonicMs();
    const parent = station.scopes.trace();
    this.#span = station.tracer.startSpan(
      `rpc ${route.actor}.${route.method}`,
      { kind: SpanKind.CLIENT },
      parent,
    );
    this.#trace = trace.setSpan(parent, this.#span);
    if (this.#span.isRecording()) {
      this.#span.setAttributes({
        "messaging.system": "nats",
        "messaging.destination.name": route.subject,
        "messaging.destination.template": route.template,
        "messaging.operation.type": "send",
        "messaging.message.body.size": body.byteLength,
        "troupe.callee": route.actor,
      });
    }
  }

  begin(): void {
    this.#station.deadlines.add(this.#terms.dueMs, this);
    this.#terms.signal?.addEventListener("abort", this.#onAbort, { once: true });
    this.#send();
  }

  receive(delivery: Delivery): void {
    this.#dropToken();
    this.#station.metrics.receivedBytes += delivery.body.byteLength;
    if (delivery.status === 503) return this.#failed(nobodyThere(this.route));
    if (delivery.headers === undefined) return this.#complete(delivery.body);
    if (isErrorReply(delivery.headers)) {
      return this.#failed(decodeError(delivery.body) ?? badReply(this.route, "its error cannot be read"));
    }
    let isBulk: boolean | undefined;
    try {
      isBulk = readEnvelope(delivery.headers).bulk;
    } catch (error) {
      return this.#failed(badReply(this.route, error instanceof Error ? error.message : String(error)));
    }
    if (isBulk) this.#beginBulk(delivery);
    else this.#complete(delivery.body);
  }

  expire(): void {
    const wasAsked = this.#token !== undefined || this.#bulk !== undefined || this.#isUncertain;
    this.#end(new CallError(deadlinePassed(this.route, wasAsked ? "unknown" : "not_executed")));
  }

  /** The bus went down: an answer on its way will never come. */
  lost(): void {
    if (this.#token === undefined && this.#bulk === undefined) return;
    this.#dropToken();
    this.#bulk?.cancel();
    this.#bulk = undefined;
    this.#failed(interrupted(this.route));
  }

  /** The broker refused to take the request. */
  denied(): void {
    if (this.#token === undefined) return;
    this.#dropToken();
    this.#failed(
      busFailure(
        "BUS_FORBIDDEN",
        `The broker does not let "${this.#station.transport.user}" ask ${this.route.actor}.${this.route.method}. Name it in the contract's callers.`,
        "not_executed",
      ),
    );
  }

  settleWith(error: TroupeError): void {
    this.#end(error);
  }

  #send(): void {
    const { transport, inbox, clock, metrics } = this.#station;
    this.#attempt++;
    if (!transport.isUp) return this.#failed(busDown(this.route));
    const { route } = this;
    const token = inbox.expect(this);
    this.#token = token;
    const envelope = formatEnvelope({
      deadlineMs: this.#terms.dueMs - clock.monotonicMs(),
      id: token,
      key: this.#terms.key,
      attempt: this.#attempt,
      contract: route.hash,
      fence: this.#terms.fence,
    }) as string;
    const headers = traceHeaders(this.#trace);
    headers.unshift([ENVELOPE_HEADER, envelope]);
    try {
      transport.publish(route.subject, this.#body, { reply: inbox.prefix + token, headers });
      metrics.sentBytes += this.#body.byteLength;
    } catch (error) {
      // BUS_TOO_LARGE or BUS_CLOSED: nothing has left.
      this.#dropToken();
      this.#end(error);
    }
  }

  #failed(wire: WireError): void {
    const error = new CallError(this.#isUncertain ? withOutcomeUnknown(wire) : wire);
    if (error.outcome === "unknown") this.#isUncertain = true;
    const delayMs = this.#retryDelayMs(error);
    if (delayMs === undefined) return this.#end(error);
    this.#span.addEvent("retry", { "troupe.attempt": this.#attempt, "troupe.code": error.code });
    this.#retryTimer = this.#station.clock.after(
      delayMs,
      () => {
        this.#retryTimer = undefined;
        this.#send();
      },
      { background: true },
    );
  }

  /** How long to wait before the next attempt; undefined when there is none, or no time for one. */
  #retryDelayMs(error: CallError): number | undefined {
    if (this.#isEnded || this.#attempt > this.#terms.retries) return undefined;
    if (!mayRetry(error, this.#terms.key !== undefined)) return undefined;
    const { retryAfterMs } = error.data as { retryAfterMs?: unknown };
    const askedMs = typeof retryAfterMs === "number" && retryAfterMs > 0 ? retryAfterMs : 0;
    const backoffMs = RETRY_FIRST_MS * 2 ** (this.#attempt - 1);
    const delayMs = Math.max(askedMs, backoffMs * (0.5 + this.#station.random() / 2));
    return this.#station.clock.monotonicMs() + delayMs < this.#terms.dueMs ? delayMs : undefined;
  }

  #beginBulk(delivery: Delivery): void {
    this.#bulk = new BulkReceiver(this.#station.transport, this.route.actor, {
      complete: (body) => {
        this.#station.metrics.receivedBytes += body.byteLength;
        this.#complete(body);
      },
      broken: (why) => this.#failed(badReply(this.route, why)),
    });
    this.#bulk.begin(delivery, replyBytesMax(this.route.declaration));
  }

  #complete(body: Uint8Array): void {
    const { declaration } = this.route;
    let output: unknown = body;
    if (declaration.content !== "bytes") {
      output = decodeJson(body);
      if (output === undefined) return this.#failed(badReply(this.route, "it is not JSON"));
    }
    if (this.#terms.validateReply) {
      const parsed = declaration.output.safeParse(output);
      if (!parsed.success) return this.#failed(badReply(this.route, "it does not fit the contract"));
    }
    this.#end(undefined, output);
  }

  #end(error: unknown, output?: unknown): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    const { deadlines, clock, metrics } = this.#station;
    deadlines.remove(this);
    this.#dropToken();
    this.#bulk?.cancel();
    this.#bulk = undefined;
    this.#retryTimer?.cancel();
    this.#terms.signal?.removeEventListener("abort", this.#onAbort);
    this.#terms.forget(this);
    const code = error === undefined ? "ok" : codeOf(error);
    const { labelsOk } = this.route;
    metrics.rpc(clock.monotonicMs() - this.#startMs, code === "ok" ? labelsOk : { ...labelsOk, code });
    if (this.#span.isRecording()) {
      this.#span.setAttributes({ "troupe.attempt": this.#attempt, "troupe.code": code });
      if (code !== "ok") this.#span.setStatus({ code: SpanStatusCode.ERROR, message: code });
    }
    this.#span.end();
    if (error === undefined) this.#terms.resolve(output);
    else this.#terms.reject(error);
  }

  readonly #onAbort = (): void => {
    this.#end(this.#terms.signal?.reason);
  };

  #dropToken(): void {
    if (this.#token === undefined) return;
    this.#station.inbox.forget(this.#token);
    this.#token = undefined;
  }
}

function codeOf(error: unknown): string {
  return error instanceof TroupeError ? error.code : "aborted";
}

function withOutcomeUnknown(wire: WireError): WireError {
  if (wire.data["outcome"] !== "not_executed") return wire;
  return { ...wire, data: { ...wire.data, outcome: "unknown" } };
}

function busDown(route: Route): WireError {
  return busFailure(
    "BUS_UNAVAILABLE",
    `${route.actor}.${route.method} was not asked: the bus is down. It comes back by itself; try again then.`,
    "not_executed",
    { retryable: true },
  );
}

function nobodyThere(route: Route): WireError {
  return busFailure(
    "BUS_UNAVAILABLE",
    `Nobody answers for ${route.actor} (instance ${route.instance}). It is starting, stopped, or runs under another name.`,
    "not_executed",
    { retryable: true },
  );
}

function interrupted(route: Route): WireError {
  return busFailure(
    "BUS_UNAVAILABLE",
    `The bus went down while ${route.actor}.${route.method} was awaited. Whether it ran is unknown.`,
    "unknown",
    { retryable: true },
  );
}

function deadlinePassed(route: Route, outcome: Outcome): WireError {
  return busFailure(
    "BUS_DEADLINE",
    outcome === "unknown"
      ? `${route.actor}.${route.method} did not answer in time. Whether it ran is unknown.`
      : `${route.actor}.${route.method} could not be asked in time. It did not run.`,
    outcome,
    { retryable: true },
  );
}

function badReply(route: Route, why: string): WireError {
  return busFailure(
    "BUS_BAD_REPLY",
    `The reply of ${route.actor}.${route.method} cannot be used: ${why}. It was executed.`,
    "executed",
  );
}
