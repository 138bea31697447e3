/** One method of one served contract: checks a request in the fixed order, queues it within bounds, runs it, answers it. */
import { createHash } from "node:crypto";
import { context, type Span, SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";
import { toWireError, type WireError } from "../../../runtime/errors.ts";
import type { IdempotencyStore } from "../../bus.ts";
import type { Delivery } from "../../carrier/transport.ts";
import type { RpcDeclaration } from "../../contract/contract.ts";
import { methodHash } from "../../contract/hash.ts";
import { decodeJson, type Envelope, readEnvelope } from "../../envelope.ts";
import type { BusErrorCode } from "../../errors.ts";
import { inboxPrefix, isToken } from "../../subject.ts";
import { INLINE_BYTES_MAX } from "../bulk.ts";
import { busFailure } from "../failure.ts";
import { concurrencyOf, queueOf, requestBytesMax } from "../limits.ts";
import type { Rejection, RpcLabels } from "../metrics.ts";
import type { Scope } from "../scope.ts";
import type { Station } from "../station.ts";
import { remoteContext, remoteSpan } from "../trace.ts";
import type { BulkSender } from "./bulk-sender.ts";
import { type Admission, KeyedRuns } from "./idempotency.ts";
import { Job } from "./job.ts";
import {
  type Ending,
  encodeOutput,
  errorReply,
  internalReply,
  type Reply,
  replyToThrown,
  storedReply,
} from "./reply.ts";
import { EndpointStats } from "./stats.ts";

export type Handler = (input: unknown, call: Job) => unknown;

export interface EndpointTerms {
  readonly actor: string;
  readonly method: string;
  /** The pattern we listen on; `*` stands for the caller. */
  readonly subject: string;
  readonly queueGroup: string | undefined;
  readonly declaration: RpcDeclaration;
  readonly handler: Handler;
  readonly idempotency: IdempotencyStore | undefined;
}

/** A full queue is worth about this much waiting. */
const BUSY_RETRY_AFTER_MS = 100;
/** So many callers built from another release are told of in the log, once each. */
const MISMATCHES_TOLD_MAX = 64;

export class Endpoint {
  readonly terms: EndpointTerms;
  readonly stats = new EndpointStats();
  readonly #station: Station;
  readonly #bulk: BulkSender;
  readonly #callers: ReadonlySet<string>;
  readonly #requestBytesMax: number;
  readonly #concurrency: number;
  readonly #queueMax: number;
  readonly #runs: KeyedRuns<Job>;
  readonly #waiting: Job[] = [];
  readonly #running = new Set<Job>();
  readonly #labels = new Map<string, RpcLabels>();
  readonly #mismatchesTold = new Set<string>();
  /** Keyed requests whose store is being read or written. */
  #unsettled = 0;
  #onIdle: (() => void) | undefined;

  constructor(station: Station, bulk: BulkSender, terms: EndpointTerms) {
    this.#station = station;
    this.#bulk = bulk;
    this.terms = terms;
    const { declaration } = terms;
    this.#callers = new Set(declaration.callers);
    this.#requestBytesMax = requestBytesMax(declaration);
    this.#concurrency = concurrencyOf(declaration);
    this.#queueMax = queueOf(declaration);
    this.#runs = new KeyedRuns(terms.idempotency, station.clock, station.log);
  }

  /** Not before the first request: most methods of a contract are not called in a life. */
  get hash(): string {
    const { actor, method, declaration } = this.terms;
    return methodHash(actor, method, declaration);
  }

  get waitingCount(): number {
    return this.#waiting.length;
  }

  /** Takes one request from the carrier: the order of the checks is part of the contract. */
  deliver(delivery: Delivery): void {
    const { subject, reply } = delivery;
    const caller = subject.slice(subject.lastIndexOf(".") + 1);
    // An answer to anywhere else would make us speak where the caller may not.
    if (reply === undefined || !isToken(caller) || !reply.startsWith(`${inboxPrefix(caller)}.`)) {
      this.#station.metrics.reject("reply_subject");
      this.#station.log.warn("a request without its caller's own reply address was dropped", { subject });
      return;
    }
    this.stats.requests++;
    this.#station.metrics.receivedBytes += delivery.body.byteLength;
    const refusal = this.#take(delivery, caller, reply);
    if (refusal === undefined) return;
    const [why, error] = refusal;
    this.#station.metrics.reject(why);
    this.#refuse(caller, reply, error);
  }

  /** Resolves when nothing waits and nothing runs. */
  idle(): Promise<void> {
    return new Promise((resolve) => {
      this.#onIdle = resolve;
      this.#checkIdle();
    });
  }

  /** Tells the running handlers that nobody waits for them any more. */
  abort(): void {
    for (const job of this.#running) job.stop();
  }

  #take(delivery: Delivery, caller: string, reply: string): [Rejection, WireError] | undefined {
    const { declaration, method } = this.terms;
    if (!this.#callers.has(caller) && !this.#callers.has("*")) {
      return ["caller", this.#refusal("BUS_FORBIDDEN", `"${caller}" is not among its callers`)];
    }
    if (delivery.body.byteLength > this.#requestBytesMax) {
      const words = `the request has ${delivery.body.byteLength} bytes, at most ${this.#requestBytesMax} are allowed`;
      return ["too_large", this.#refusal("BUS_TOO_LARGE", words)];
    }
    let envelope: Envelope;
    try {
      envelope = readEnvelope(delivery.headers);
    } catch (error) {
      return ["malformed", toWireError(error)];
    }
    const givenMs = Math.min(envelope.deadlineMs ?? declaration.deadlineMs, declaration.deadlineMs);
    if (givenMs <= 0)
      return ["deadline", this.#refusal("BUS_DEADLINE", "the request came after its deadline")];
    const isSameContract = envelope.contract === undefined || envelope.contract === this.hash;
    if (!isSameContract) this.#tellMismatch(caller, envelope.contract ?? "");
    const input = this.#parse(delivery.body);
    if ("problem" in input) {
      const code = isSameContract ? "BUS_BAD_REQUEST" : "BUS_CONTRACT_MISMATCH";
      return ["malformed", this.#refusal(code, input.problem)];
    }
    if (declaration.idempotency === "key" && envelope.key === undefined) {
      return ["malformed", this.#refusal("BUS_BAD_REQUEST", "it needs an idempotency key and got none")];
    }
    const receivedMs = this.#station.clock.monotonicMs();
    const dueMs = receivedMs + givenMs;
    const span = remoteSpan(delivery.headers);
    const job = new Job(this.#station, {
      caller,
      reply,
      method,
      input: input.value,
      envelope,
      trace: span,
      receivedMs,
      dueMs,
    });
    if (declaration.idempotency === "key") return this.#admit(job, delivery.body);
    return this.#enqueue(job);
  }

  #parse(body: Uint8Array): { readonly value: unknown } | { readonly problem: string } {
    const { declaration } = this.terms;
    const raw = declaration.requestContent === "bytes" ? body : decodeJson(body);
    if (raw === undefined) return { problem: "the request is not JSON" };
    const parsed = declaration.input.safeParse(raw);
    if (parsed.success) return { value: parsed.data };
    const issues = parsed.error.issues
      .slice(0, 3)
      .map(({ path, message }) => `${path.join(".") || "input"}: ${message}`);
    return { problem: issues.join("; ") };
  }

  #admit(job: Job, body: Uint8Array): undefined {
    const { caller, envelope } = job.terms;
    let requestHash: string;
    try {
      requestHash = this.#hashOf(job, body);
    } catch (thrown) {
      const { reply, fault } = replyToThrown(this.terms.declaration, thrown, job.trace?.traceId);
      if (fault !== undefined) this.#station.log.error("a request failed unexpectedly", { fault });
      this.stats.fail(reply.code);
      this.#answer(job, reply);
      return undefined;
    }
    job.keyed = { id: `${caller}/${this.terms.method}/${envelope.key}`, requestHash };
    this.#unsettled++;
    this.#runs.admit(job.keyed.id, requestHash, job, (admission) => {
      this.#unsettled--;
      this.#decide(job, admission);
      this.#checkIdle();
    });
    return undefined;
  }

  #hashOf({ caller, terms: { input } }: Job, body: Uint8Array): string {
    const { method, idempotency } = this.terms;
    const identity = idempotency?.identity?.({ method, caller, input });
    const text = identity === undefined ? body : JSON.stringify(identity);
    return createHash("sha256").update(text).digest("hex");
  }

  #decide(job: Job, admission: Admission<Job>): void {
    switch (admission.kind) {
      case "shared":
        return;
      case "run": {
        const refusal = this.#enqueue(job);
        if (refusal !== undefined) this.#turnAway(job, ...refusal);
        return;
      }
      case "crowded":
        return this.#answer(job, errorReply(this.#busy()));
      case "stored":
        return this.#answerAll(
          [job, ...admission.waiters],
          storedReply(admission.reply.body, admission.reply.errorCode),
        );
      case "conflict": {
        this.#station.metrics.reject("conflict");
        const words = "the same key came before with another body; use a fresh key for a new request";
        return this.#answerAll([job, ...admission.waiters], errorReply(this.#refusal("BUS_CONFLICT", words)));
      }
      case "fault":
        this.#station.log.error("the idempotency store failed", {
          method: this.terms.method,
          error: admission.error,
        });
        return this.#answerAll(
          [job, ...admission.waiters],
          internalReply("not_executed", job.trace?.traceId),
        );
    }
  }

  #enqueue(job: Job): [Rejection, WireError] | undefined {
    if (this.#running.size < this.#concurrency) {
      this.#run(job);
      return undefined;
    }
    if (this.#waiting.length >= this.#queueMax) return ["queue_full", this.#busy()];
    this.#waiting.push(job);
    return undefined;
  }

  #run(job: Job): void {
    this.#running.add(job);
    const { actor, method, handler } = this.terms;
    const station = this.#station;
    const parent = remoteContext(job.trace);
    const span = station.tracer.startSpan(`rpc ${actor}.${method}`, { kind: SpanKind.SERVER }, parent);
    if (span.isRecording()) this.#describe(span, job);
    const scope: Scope = { dueMs: job.terms.dueMs, trace: trace.setSpan(parent, span), isOver: false };
    const startMs = station.clock.monotonicMs();
    const end = ({ reply, fault }: Ending): void => {
      station.scopes.end(scope);
      this.#finish(job, span, startMs, reply, fault);
    };
    const succeed = (output: unknown): void =>
      end(encodeOutput(this.terms.declaration, output, spanTrace(span)));
    const fail = (thrown: unknown): void =>
      end(replyToThrown(this.terms.declaration, thrown, spanTrace(span)));
    let output: unknown;
    try {
      output = station.scopes.run(scope, () =>
        context.with(scope.trace, handler, undefined, job.terms.input, job),
      );
    } catch (thrown) {
      return fail(thrown);
    }
    if (isThenable(output)) output.then(succeed, fail);
    else succeed(output);
  }

  #finish(job: Job, span: Span, startMs: number, reply: Reply, fault: string | undefined): void {
    job.done();
    const nowMs = this.#station.clock.monotonicMs();
    this.stats.end(nowMs - startMs, reply.code);
    if (fault !== undefined) {
      job.log.error("a request failed unexpectedly", {
        fault,
        traceId: spanTrace(span),
        remainingMs: job.remainingMs(),
      });
    }
    if (span.isRecording()) {
      span.setAttribute("troupe.code", reply.code);
      if (reply.code !== "ok") span.setStatus({ code: SpanStatusCode.ERROR, message: reply.code });
    }
    span.end();
    this.#station.metrics.rpc(nowMs - job.terms.receivedMs, this.#labelsOf(job.caller, reply.code));
    this.#running.delete(job);
    this.#settle(job, reply);
    this.#runNext();
    this.#checkIdle();
  }

  /** Answers, and first remembers what a keyed request came to. */
  #settle(job: Job, reply: Reply): void {
    const { keyed } = job;
    if (keyed === undefined) return this.#answer(job, reply);
    const errorCode = reply.code === "ok" ? undefined : reply.code;
    const stored = reply.isFinal
      ? { requestHash: keyed.requestHash, body: reply.body, errorCode }
      : undefined;
    this.#unsettled++;
    void this.#runs.finish(keyed.id, stored).then((waiters) => {
      this.#unsettled--;
      this.#answerAll([job, ...waiters], reply);
      this.#checkIdle();
    });
  }

  #runNext(): void {
    while (this.#running.size < this.#concurrency) {
      const job = this.#waiting.shift();
      if (job === undefined) return;
      if (job.remainingMs() > 0) {
        this.#run(job);
        continue;
      }
      this.#turnAway(
        job,
        "deadline",
        this.#refusal("BUS_DEADLINE", "it waited past its deadline and did not run"),
      );
    }
  }

  /** Refuses what was accepted before; others may wait for the same key. */
  #turnAway(job: Job, why: Rejection, error: WireError): void {
    this.stats.fail(error.code);
    this.#station.metrics.reject(why);
    this.#settle(job, errorReply(error));
  }

  #answerAll(jobs: readonly Job[], reply: Reply): void {
    for (const job of jobs) this.#answer(job, reply);
  }

  #answer(job: Job, reply: Reply): void {
    const { caller, reply: address, dueMs } = job.terms;
    if (reply.body.byteLength <= INLINE_BYTES_MAX) return this.#send(address, reply);
    if (this.#bulk.send(caller, address, reply.body, dueMs)) return;
    const words = "too many large replies are on their way; it was executed";
    const failure = busFailure("BUS_BUSY", this.#words(words), "executed", {
      retryable: true,
      retryAfterMs: 1000,
    });
    this.#send(address, errorReply(failure));
  }

  #refuse(caller: string, address: string, error: WireError): void {
    this.stats.fail(error.code);
    this.#station.metrics.rpc(0, this.#labelsOf(this.#callers.has(caller) ? caller : "other", error.code));
    this.#send(address, errorReply(error));
  }

  #send(address: string, reply: Reply): void {
    try {
      this.#station.transport.publish(
        address,
        reply.body,
        reply.headers === undefined ? {} : { headers: reply.headers },
      );
      this.#station.metrics.sentBytes += reply.body.byteLength;
    } catch (error) {
      // The bus was closed under a running handler; its caller has been told by its own side.
      this.#station.log.debug("an answer could not be sent", { method: this.terms.method, error });
    }
  }

  #busy(): WireError {
    const words = this.#words("its queue is full; ask again in a moment");
    return busFailure("BUS_BUSY", words, "not_executed", {
      retryable: true,
      retryAfterMs: BUSY_RETRY_AFTER_MS,
    });
  }

  #refusal(code: BusErrorCode, words: string): WireError {
    return busFailure(code, this.#words(words), "not_executed");
  }

  #words(words: string): string {
    return `${this.terms.actor}.${this.terms.method} did not take the request: ${words}.`;
  }

  #describe(span: Span, job: Job): void {
    const { actor, subject } = this.terms;
    span.setAttributes({
      "messaging.system": "nats",
      "messaging.destination.template": subject,
      "messaging.operation.type": "process",
      "troupe.callee": actor,
      "troupe.caller": job.caller,
      "troupe.attempt": job.attempt,
      "troupe.queue_ms": Math.round(this.#station.clock.monotonicMs() - job.terms.receivedMs),
    });
  }

  #tellMismatch(caller: string, hash: string): void {
    const mismatch = `${caller}/${hash}`;
    if (this.#mismatchesTold.has(mismatch) || this.#mismatchesTold.size >= MISMATCHES_TOLD_MAX) return;
    this.#mismatchesTold.add(mismatch);
    const { actor, method } = this.terms;
    this.#station.log.warn("a caller knows this method otherwise: run the same release everywhere", {
      callee: `${actor}.${method}`,
      caller,
      theirs: hash,
      ours: this.hash,
    });
  }

  #labelsOf(caller: string, code: string): RpcLabels {
    const id = `${caller}/${code}`;
    let labels = this.#labels.get(id);
    if (labels === undefined) {
      labels = { side: "server", callee: this.terms.actor, method: this.terms.method, caller, code };
      // Callers are declared and codes are tables, so this map has an end.
      this.#labels.set(id, labels);
    }
    return labels;
  }

  #checkIdle(): void {
    if (this.#onIdle === undefined) return;
    if (this.#running.size === 0 && this.#waiting.length === 0 && this.#unsettled === 0) this.#onIdle();
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && "then" in value && typeof value.then === "function";
}

function spanTrace(span: Span): string | undefined {
  const { traceId } = span.spanContext();
  return /^0*$/.test(traceId) ? undefined : traceId;
}
