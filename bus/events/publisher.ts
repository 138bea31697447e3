/** Says what happened and how things are: numbered messages of one instance, so that a reader notices what it missed. */
import { randomBytes } from "node:crypto";
import { SpanKind, trace } from "@opentelemetry/api";
import type { Timer } from "../../runtime/clock.ts";
import { TroupeError } from "../../runtime/errors.ts";
import type { Publisher } from "../bus.ts";
import type { Contract, EventBody, EventName, StateBody, StateName } from "../contract/contract.ts";
import type { Snapshot } from "../contracts/builtin.ts";
import { ENVELOPE_HEADER, encodeJson, formatEnvelope } from "../envelope.ts";
import type { Station } from "../rpc/station.ts";
import { traceHeaders } from "../rpc/trace.ts";
import { eventSubject, stateSubject } from "../subject.ts";

export const STATE_COALESCE_MS = 100;
export const STATE_REPEAT_MS = 10_000;

/** What a service needs of a publisher to answer `snapshot`. */
export interface StatePublisher {
  readonly instance: string;
  snapshot(reader: string): Snapshot;
}

interface HeldState {
  readonly subject: string;
  value: unknown;
  body: Uint8Array;
  sentMs: number;
  timer: Timer | undefined;
}

export class ContractPublisher<C extends Contract> implements Publisher<C>, StatePublisher {
  readonly epoch = randomBytes(6).toString("hex");
  readonly instance: string;
  readonly #station: Station;
  readonly #contract: C;
  readonly #states = new Map<string, HeldState>();
  /** Number of the last message per subject; as many as the contract has events, states and keys. */
  readonly #lastSeq = new Map<string, number>();
  readonly #onStopped: (publisher: ContractPublisher<C>) => void;
  #seq = 0;
  #repeat: Timer | undefined;
  #isStopped = false;

  constructor(
    station: Station,
    contract: C,
    instance: string,
    onStopped: (publisher: ContractPublisher<C>) => void,
  ) {
    this.#station = station;
    this.#contract = contract;
    this.instance = instance;
    this.#onStopped = onStopped;
  }

  get seq(): number {
    return this.#seq;
  }

  event<V extends EventName<C>>(event: V, body: EventBody<C, V>, key?: string): void {
    this.#assertOpen();
    const declaration = this.#contract.events[event];
    if (declaration === undefined) throw new Error(`${this.#contract.name} declares no event "${event}"`);
    if ((declaration.keyed === true) !== (key !== undefined)) {
      throw new Error(`${this.#contract.name}.${event} ${declaration.keyed ? "needs a key" : "has no key"}`);
    }
    const { name } = this.#contract;
    const subject =
      key === undefined
        ? eventSubject(name, this.instance, event)
        : eventSubject(name, this.instance, event, key);
    this.#send(subject, event, encodeFact(name, event, declaration.body, body).body);
  }

  state<V extends StateName<C>>(state: V, body: StateBody<C, V>): void {
    this.#assertOpen();
    const declaration = this.#contract.states[state];
    if (declaration === undefined) throw new Error(`${this.#contract.name} declares no state "${state}"`);
    const { clock } = this.#station;
    const fact = encodeFact(this.#contract.name, state, declaration.body, body);
    let held = this.#states.get(state);
    if (held === undefined) {
      const subject = stateSubject(this.#contract.name, this.instance, state);
      held = { subject, ...fact, sentMs: Number.NEGATIVE_INFINITY, timer: undefined };
      this.#states.set(state, held);
    } else {
      held.value = fact.value;
      held.body = fact.body;
    }
    this.#repeat ??= clock.after(STATE_REPEAT_MS, () => this.#repeatStates(), { background: true });
    if (held.timer !== undefined) return;
    const waitMs = held.sentMs + STATE_COALESCE_MS - clock.monotonicMs();
    if (waitMs <= 0) return this.#sendState(state, held);
    const due = held;
    held.timer = clock.after(waitMs, () => this.#sendState(state, due), { background: true });
  }

  /** Where a reader begins: the place in the sequence and the states that this reader may see. */
  snapshot(reader: string): Snapshot {
    const states: Record<string, unknown> = {};
    for (const [state, { value }] of this.#states) {
      const readers = this.#contract.states[state]?.readers;
      if (readers === "*" || readers?.includes(reader)) states[state] = value;
    }
    return { epoch: this.epoch, seq: this.#seq, states };
  }

  /** Sends the states that still wait for their time; then nothing more. */
  async stop(): Promise<void> {
    if (this.#isStopped) return;
    for (const [state, held] of this.#states) if (held.timer !== undefined) this.#sendState(state, held);
    this.#isStopped = true;
    this.#repeat?.cancel();
    this.#onStopped(this);
    if (this.#station.transport.isUp) await this.#station.transport.flush();
  }

  #repeatStates(): void {
    const { clock } = this.#station;
    this.#repeat = clock.after(STATE_REPEAT_MS, () => this.#repeatStates(), { background: true });
    const quietSinceMs = clock.monotonicMs() - STATE_REPEAT_MS / 2;
    for (const [state, held] of this.#states) if (held.sentMs <= quietSinceMs) this.#sendState(state, held);
  }

  #sendState(state: string, held: HeldState): void {
    held.timer?.cancel();
    held.timer = undefined;
    held.sentMs = this.#station.clock.monotonicMs();
    this.#send(held.subject, state, held.body);
  }

  #send(subject: string, name: string, body: Uint8Array): void {
    const { transport, tracer, scopes, metrics, log } = this.#station;
    const parent = scopes.trace();
    const span = tracer.startSpan(
      `publish ${this.#contract.name}.${name}`,
      { kind: SpanKind.PRODUCER },
      parent,
    );
    // Messages lost while the bus is down keep their numbers: that is how readers notice.
    const sequence = { epoch: this.epoch, seq: ++this.#seq, previous: this.#lastSeq.get(subject) ?? 0 };
    this.#lastSeq.set(subject, sequence.seq);
    if (span.isRecording()) {
      span.setAttributes({
        "messaging.system": "nats",
        "messaging.destination.name": subject,
        "messaging.operation.type": "send",
        "messaging.message.body.size": body.byteLength,
        "troupe.seq": sequence.seq,
        "troupe.epoch": sequence.epoch,
      });
    }
    const headers = traceHeaders(trace.setSpan(parent, span));
    headers.unshift([ENVELOPE_HEADER, formatEnvelope({ sequence }) as string]);
    try {
      transport.publish(subject, body, { headers });
      metrics.sentBytes += body.byteLength;
    } catch (error) {
      log.error("an event could not be published; its readers will notice the gap", { subject, error });
    } finally {
      span.end();
    }
  }

  #assertOpen(): void {
    if (!this.#isStopped) return;
    throw new TroupeError(
      { code: "BUS_CLOSED" },
      `The publisher of ${this.#contract.name} has been stopped by its owner; nothing more can be said through it.`,
    );
  }
}

/** Checks what goes out as strictly as what comes in: a reader must never be the first to notice. */
function encodeFact(
  contract: string,
  name: string,
  schema: { safeParse(value: unknown): { success: boolean; data?: unknown; error?: { message: string } } },
  value: unknown,
): { value: unknown; body: Uint8Array } {
  const parsed = schema.safeParse(value);
  if (parsed.success) return { value: parsed.data, body: encodeJson(parsed.data) };
  throw new TroupeError(
    { code: "BUS_BAD_REQUEST", contract, name },
    `What was to be published as ${contract}.${name} does not fit its schema: ${parsed.error?.message ?? "unknown"}`,
  );
}
