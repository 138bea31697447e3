/** Hears one event or state: in order, within a bound, checked, and honest about what it missed. */
import { context, type Link, ROOT_CONTEXT, SpanKind, trace } from "@opentelemetry/api";
import type { Timer } from "../../runtime/clock.ts";
import type { EventMeta, Listener, ListenOptions } from "../bus.ts";
import type { Delivery, Subscription } from "../carrier/transport.ts";
import { decodeJson, readEnvelope } from "../envelope.ts";
import type { Station } from "../rpc/station.ts";
import { remoteSpan } from "../rpc/trace.ts";
import { Continuity } from "./continuity.ts";
import { FactQueue } from "./fact-queue.ts";

export type Gap = Parameters<NonNullable<ListenOptions["onGap"]>>[0];

export interface ListenerTerms {
  readonly actor: string;
  /** Of the event or state. */
  readonly name: string;
  readonly kind: "event" | "state";
  readonly isKeyed: boolean;
  readonly pattern: string;
  readonly schema: { safeParse(value: unknown): { success: boolean; data?: unknown } };
  readonly handle: (body: unknown, meta: EventMeta) => void | Promise<void>;
  readonly onGap: (why: Gap) => void;
}

/** A handler that still runs this long after the end is left to itself. */
const STOP_GRACE_MS = 5_000;

export class FactListener implements Listener {
  readonly #station: Station;
  readonly #terms: ListenerTerms;
  readonly #queue: FactQueue;
  readonly #continuity = new Continuity();
  #subscription: Subscription | undefined;
  readonly #onStopped: (listener: FactListener) => void;
  #isBusy = false;
  #isStopped = false;
  /** Lost places that are told before the next message, so that they keep their order. */
  #gapToTell: Gap | undefined;
  #onIdle: (() => void) | undefined;

  constructor(station: Station, terms: ListenerTerms, onStopped: (listener: FactListener) => void) {
    this.#station = station;
    this.#terms = terms;
    this.#queue = new FactQueue(terms.kind);
    this.#onStopped = onStopped;
  }

  open(): void {
    const { transport } = this.#station;
    this.#subscription = transport.subscribe(this.#terms.pattern, {}, (delivery) => this.#take(delivery));
  }

  /** The connection was lost and is back: nobody knows what was said meanwhile. */
  reconnected(): void {
    this.#lost("reconnect");
  }

  async stop(): Promise<void> {
    if (this.#isStopped) return;
    this.#isStopped = true;
    // Going down while draining leaves nothing to wait for.
    await this.#subscription?.drain().catch(() => undefined);
    if (this.#isBusy) await this.#idle();
    this.#onStopped(this);
  }

  #take(delivery: Delivery): void {
    this.#station.metrics.receivedBytes += delivery.body.byteLength;
    if (!this.#queue.push(delivery)) {
      this.#station.metrics.reject("listener_overflow");
      this.#lost("overflow");
    }
    if (!this.#isBusy) this.#work();
  }

  /** Runs what waits; a handler that returns no promise costs no turn of the event loop. */
  #work(): void {
    this.#isBusy = true;
    for (;;) {
      this.#tellGap();
      const delivery = this.#queue.shift();
      if (delivery === undefined) break;
      const running = this.#process(delivery);
      if (running !== undefined) {
        void running.then(() => this.#work());
        return;
      }
    }
    this.#isBusy = false;
    this.#onIdle?.();
  }

  #process(delivery: Delivery): Promise<void> | undefined {
    const fact = this.#read(delivery);
    if (fact === undefined) {
      this.#station.metrics.reject("malformed");
      this.#station.log.warn("a message that cannot be read was dropped", { subject: delivery.subject });
      this.#lost("gap");
      this.#tellGap();
      return undefined;
    }
    const { body, meta } = fact;
    const gap = this.#continuity.check(delivery.subject, meta, this.#terms.kind === "state");
    if (gap !== undefined) this.#tell(gap);
    return this.#run(delivery, body, meta);
  }

  #read(delivery: Delivery): { body: unknown; meta: EventMeta } | undefined {
    const { subject } = delivery;
    try {
      const { sequence } = readEnvelope(delivery.headers);
      if (sequence === undefined) return undefined;
      const parsed = this.#terms.schema.safeParse(decodeJson(delivery.body));
      if (!parsed.success) return undefined;
      const instance = subject.split(".", 5)[4] ?? "";
      const key = this.#terms.isKeyed ? subject.slice(subject.lastIndexOf(".") + 1) : undefined;
      return { body: parsed.data, meta: { instance, key, ...sequence } };
    } catch {
      // An unreadable header: the caller of this function says so.
      return undefined;
    }
  }

  #run(delivery: Delivery, body: unknown, meta: EventMeta): Promise<void> | undefined {
    const { actor, name, handle } = this.#terms;
    const producer = remoteSpan(delivery.headers);
    // A new trace with a link: one event heard by many must not grow into one trace of thousands of spans.
    const links: Link[] = producer === undefined ? [] : [{ context: producer }];
    const span = this.#station.tracer.startSpan(`process ${actor}.${name}`, {
      kind: SpanKind.CONSUMER,
      root: true,
      links,
    });
    if (span.isRecording()) {
      span.setAttributes({
        "messaging.system": "nats",
        "messaging.destination.name": delivery.subject,
        "messaging.operation.type": "process",
        "troupe.seq": meta.seq,
        "troupe.epoch": meta.epoch,
      });
    }
    const failed = (error: unknown): void => {
      this.#station.log.error("a listener failed", { event: `${actor}.${name}`, error });
      span.end();
    };
    try {
      const running = this.#station.scopes.runOutside(() =>
        context.with(trace.setSpan(ROOT_CONTEXT, span), handle, undefined, body, meta),
      );
      if (running instanceof Promise) return running.then(() => span.end(), failed);
      span.end();
    } catch (error) {
      failed(error);
    }
    return undefined;
  }

  #lost(why: Gap): void {
    this.#gapToTell = why;
    if (!this.#isBusy) this.#tellGap();
  }

  #tellGap(): void {
    const why = this.#gapToTell;
    if (why === undefined) return;
    this.#gapToTell = undefined;
    this.#continuity.forget();
    this.#tell(why);
  }

  #tell(why: Gap): void {
    if (this.#isStopped) return;
    try {
      this.#terms.onGap(why);
    } catch (error) {
      const { actor, name } = this.#terms;
      this.#station.log.error("a listener failed at a gap", { event: `${actor}.${name}`, error });
    }
  }

  #idle(): Promise<void> {
    let timer: Timer | undefined;
    return new Promise<void>((resolve) => {
      this.#onIdle = resolve;
      timer = this.#station.clock.after(STOP_GRACE_MS, resolve);
    }).finally(() => timer?.cancel());
  }
}
