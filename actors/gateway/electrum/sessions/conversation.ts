/** What is said in one session: messages become requests, requests run, and each answer finds its way back. */
import type { OutMessage } from "../carrier/codec.ts";
import { timedOut, toldFailure, tooExpensive } from "../envelope/failure.ts";
import { batchReply, errorReply, lengthOf, responseTooLarge, resultReply } from "../envelope/reply.ts";
import {
  type Dialect,
  dialectOf,
  invalidRequest,
  parseMessage,
  type Request,
  type RequestId,
  readRequest,
  type Understood,
} from "../envelope/request.ts";
import type { Method } from "../method.ts";
import { badRequest, PROTOCOL_CODES, ProtocolError } from "../protocol-error.ts";
import type { ProtocolVersion } from "../protocol-version.ts";
import type { Session } from "../session.ts";
import { Batch } from "./batch.ts";
import { ERROR_COST, PARSE_ERROR_COST } from "./cost.ts";
import type { DoorParts } from "./door-parts.ts";
import { introduction, negotiate, VERSION_METHOD } from "./negotiation.ts";
import type { ClosedBy } from "./tally.ts";

/** The session that the conversation is part of. */
export interface Speaker extends Session {
  /** Sends an answer at the end of the turn. */
  answer(reply: OutMessage): void;
  /** There is room for another request. */
  wake(): void;
  /** Says what waits, then closes. */
  close(by: ClosedBy): void;
}

/** A request that is being answered. */
interface Call {
  readonly id: RequestId | undefined;
  readonly method: string;
  readonly startedAtMs: number;
  readonly batch: Batch | undefined;
  /** In the batch's answers. */
  readonly place: number;
}

export class Conversation {
  readonly #speaker: Speaker;
  readonly #parts: DoorParts;
  #dialect: Dialect | undefined;
  #version: ProtocolVersion | undefined;
  #methods: ReadonlyMap<string, Method> | undefined;
  #clientName = "";
  /** The one whose requests are being taken; earlier ones may still wait for answers. */
  #batch: Batch | undefined;
  readonly #calls = new Set<Call>();
  /** Of answers that wait for others of their batch. */
  #waitingBytes = 0;
  #isOver = false;
  #requests = 0;
  #errors = 0;

  constructor(speaker: Speaker, parts: DoorParts) {
    this.#speaker = speaker;
    this.#parts = parts;
  }

  get dialect(): Dialect {
    return this.#dialect ?? "2.0";
  }

  get version(): ProtocolVersion | undefined {
    return this.#version;
  }

  get clientName(): string {
    return this.#clientName;
  }

  get running(): number {
    return this.#calls.size;
  }

  get requests(): number {
    return this.#requests;
  }

  get errors(): number {
    return this.#errors;
  }

  /** What is held of answers that wait for the rest of their batch. */
  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  /** A batch has requests that have not begun. */
  get hasMore(): boolean {
    return this.#batch !== undefined;
  }

  /** Takes a whole message; what a batch holds is then taken one by one. */
  hear(message: Buffer, nowMs: number, isTooExpensive: boolean): void {
    let parsed: unknown;
    try {
      parsed = parseMessage(message);
    } catch (error) {
      this.#requests++;
      this.#refuse(null, toldFailure(error).error, undefined, PARSE_ERROR_COST);
      if (isTooExpensive) this.#tooExpensive(null);
      return;
    }
    this.#dialect ??= dialectOf(parsed);
    if (Array.isArray(parsed)) this.#begin(parsed);
    else this.#handle(readRequest(parsed), undefined, nowMs, isTooExpensive);
  }

  /** The next request of the batch that `hasMore`. */
  goOn(nowMs: number, isTooExpensive: boolean): void {
    const batch = this.#batch;
    if (batch === undefined) return;
    const understood = readRequest(batch.take());
    if (!batch.hasMore) this.#batch = undefined;
    this.#handle(understood, batch, nowMs, isTooExpensive);
  }

  /** Gives up what has run for longer than it may. */
  expire(nowMs: number, limitMs: number): void {
    // A Set keeps the order of coming: the oldest first.
    for (const call of this.#calls) {
      if (nowMs - call.startedAtMs <= limitMs) return;
      this.#settle(call, nowMs, timedOut(), true);
    }
  }

  /** Nothing is answered any more. */
  end(): void {
    for (let left = this.#calls.size; left > 0; left--) this.#parts.scheduler.ended();
    this.#calls.clear();
    this.#batch = undefined;
    this.#hold(-this.#waitingBytes);
    this.#isOver = true;
  }

  #begin(items: readonly unknown[]): void {
    const { electrum_batch_max: max } = this.#parts.config;
    let problem: string | undefined;
    if (this.#dialect === "1.0") problem = "batches are not part of JSON-RPC 1.0";
    else if (items.length === 0) problem = "batch is empty";
    else if (items.length > max) problem = `batch has ${items.length} requests, more than ${max}`;
    if (problem !== undefined) this.#refuse(null, invalidRequest(problem), undefined);
    else this.#batch = new Batch(items);
  }

  #handle(understood: Understood, batch: Batch | undefined, nowMs: number, isTooExpensive: boolean): void {
    this.#requests++;
    if (isTooExpensive) return this.#tooExpensive(understood.id);
    if ("error" in understood) return this.#refuse(understood.id, understood.error, batch);
    if (this.#methods === undefined) return this.#greet(understood, batch, nowMs);
    if (understood.method === VERSION_METHOD) {
      return this.#refuse(understood.id, badRequest("server.version already sent"), batch);
    }
    const method = this.#methods.get(understood.method);
    if (method !== undefined) return this.#run(method, understood, batch, nowMs);
    this.#parts.tally.call("unknown", 0, true);
    const name = JSON.stringify(understood.method.slice(0, 100));
    this.#refuse(
      understood.id,
      new ProtocolError(PROTOCOL_CODES.unknownMethod, `unknown method ${name}`),
      batch,
    );
  }

  /** Until the version is agreed on nothing else is answered. */
  #greet(request: Request, batch: Batch | undefined, nowMs: number): void {
    const { id, method, params } = request;
    const { greeting, table, tally } = this.#parts;
    try {
      if (method !== VERSION_METHOD) throw badRequest("use server.version to identify client");
      const introduced = introduction(params, this.#speaker);
      this.#clientName = introduced.clientName;
      if (greeting.isRefused(introduced.clientName)) {
        throw badRequest(`unsupported client: ${introduced.clientName}`);
      }
      const { version, answer } = negotiate(introduced, greeting);
      this.#version = version;
      this.#methods = table.of(version);
      this.#finish(this.#callOf(request, VERSION_METHOD, nowMs, batch), nowMs, answer, false);
    } catch (thrown) {
      const { error } = toldFailure(thrown);
      tally.call(VERSION_METHOD, 0, true);
      this.#countError(error, 0);
      // The rest of a batch is not answered any more, so this one does not wait for it.
      const reply = errorReply(id ?? null, error, this.dialect);
      if (id !== undefined) this.#speaker.answer(batch === undefined ? reply : batchReply([reply]));
      this.#speaker.close("version");
    }
  }

  #run(method: Method, request: Request, batch: Batch | undefined, nowMs: number): void {
    const call = this.#callOf(request, method.name, nowMs, batch);
    this.#speaker.charge(method.cost);
    let result: unknown;
    try {
      result = method.call(request.params, this.#speaker);
    } catch (error) {
      return this.#finish(call, nowMs, error, true);
    }
    const { clock, scheduler } = this.#parts;
    if (!(result instanceof Promise)) return this.#finish(call, clock.monotonicMs(), result, false);
    this.#calls.add(call);
    scheduler.began();
    result.then(
      (value: unknown) => this.#settle(call, clock.monotonicMs(), value, false),
      (error: unknown) => this.#settle(call, clock.monotonicMs(), error, true),
    );
  }

  #callOf({ id }: Request, method: string, startedAtMs: number, batch: Batch | undefined): Call {
    const place = batch === undefined || id === undefined ? -1 : batch.expect();
    return { id, method, startedAtMs, batch, place };
  }

  /** An answer that came later. When the call has been given up, or the session has ended, it is too late. */
  #settle(call: Call, nowMs: number, outcome: unknown, isError: boolean): void {
    if (!this.#calls.delete(call)) return;
    this.#parts.scheduler.ended();
    this.#finish(call, nowMs, outcome, isError);
    this.#speaker.wake();
  }

  #finish(call: Call, nowMs: number, outcome: unknown, isError: boolean): void {
    const { id, method, batch, startedAtMs } = call;
    let error = isError ? this.#told(method, outcome) : undefined;
    let reply: OutMessage | undefined;
    if (error === undefined && id !== undefined) {
      try {
        reply = this.#resultReply(id, outcome, batch);
      } catch (tooLarge) {
        error = this.#told(method, tooLarge);
      }
    }
    this.#parts.tally.call(method, nowMs - startedAtMs, error !== undefined);
    if (error !== undefined) {
      this.#countError(error, 0);
      if (id !== undefined) reply = errorReply(id, error, this.dialect);
    }
    if (reply !== undefined) this.#put(reply, batch, call.place);
    this.#finishBatch(batch);
  }

  #resultReply(id: RequestId, result: unknown, batch: Batch | undefined): OutMessage {
    const bytesMax = this.#speaker.responseBytesMax;
    const reply = resultReply(id, result, this.dialect, bytesMax);
    if (batch !== undefined && batch.bytes + lengthOf(reply) > bytesMax) throw responseTooLarge(bytesMax);
    return reply;
  }

  #told(method: string, thrown: unknown): ProtocolError {
    const { error, isUnforeseen } = toldFailure(thrown);
    if (isUnforeseen) this.#parts.unforeseen(method, thrown);
    return error;
  }

  /** Refuses what never became a call. A notification is not answered, not even with this. */
  #refuse(
    id: RequestId | undefined,
    error: ProtocolError,
    batch: Batch | undefined,
    extraCost: number = 0,
  ): void {
    this.#countError(error, extraCost);
    if (id !== undefined) {
      this.#put(errorReply(id, error, this.dialect), batch, batch === undefined ? -1 : batch.expect());
    }
    this.#finishBatch(batch);
  }

  #tooExpensive(id: RequestId | undefined): void {
    this.#refuse(id ?? null, tooExpensive(), undefined);
    this.#speaker.close("cost");
  }

  #countError(error: ProtocolError, extraCost: number): void {
    this.#errors++;
    this.#parts.tally.error(error.code);
    this.#speaker.charge(ERROR_COST + extraCost + error.cost);
  }

  #put(reply: OutMessage, batch: Batch | undefined, place: number): void {
    // A method may have had its own client cut.
    if (this.#isOver) return;
    if (batch === undefined) return this.#speaker.answer(reply);
    batch.fill(place, reply);
    this.#hold(lengthOf(reply));
    // May cut this very client.
    if (this.#parts.budget.isExceeded) this.#parts.relieve();
  }

  #finishBatch(batch: Batch | undefined): void {
    if (this.#isOver || batch === undefined) return;
    const reply = batch.finish();
    if (reply === undefined) return;
    this.#hold(-batch.bytes);
    this.#speaker.answer(reply);
  }

  #hold(bytes: number): void {
    this.#waitingBytes += bytes;
    this.#parts.budget.add(bytes);
  }
}
