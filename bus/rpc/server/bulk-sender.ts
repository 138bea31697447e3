/** The callee's end of large replies: a few transfers per caller at once, each paced by the caller's acknowledgements. */
import { createHash, randomBytes } from "node:crypto";
import type { Delivery } from "../../carrier/transport.ts";
import { ENVELOPE_HEADER, encodeJson } from "../../envelope.ts";
import { bulkSubject } from "../../subject.ts";
import { type Announcement, asksForAck, CHUNK_BYTES, WINDOW_CHUNKS } from "../bulk.ts";
import { type Expiring, NO_SLOT } from "../deadlines.ts";
import type { Station } from "../station.ts";

/** Two windows are 4 MiB on their way to one caller; a broker cuts a client off at 16 MiB. */
const ACTIVE_PER_CALLER_MAX = 2;
const WAITING_MAX = 64;
const HELD_BYTES_MAX = 256 * 1024 * 1024;
/** SHA-256 of this much takes about 2 ms; then others get their turn. */
const HASH_SLICE_BYTES = 4 * 1024 * 1024;

export class BulkSender {
  readonly #station: Station;
  readonly #active = new Map<string, Set<Transfer>>();
  readonly #waiting: Transfer[] = [];
  #heldBytes = 0;
  #onIdle: (() => void) | undefined;

  constructor(station: Station) {
    this.#station = station;
  }

  /** Takes the reply over; false when too much is on its way already. */
  send(caller: string, reply: string, body: Uint8Array, dueMs: number): boolean {
    if (this.#waiting.length >= WAITING_MAX || this.#heldBytes + body.byteLength > HELD_BYTES_MAX)
      return false;
    this.#heldBytes += body.byteLength;
    const transfer = new Transfer(this.#station, caller, reply, body, () => this.#ended(transfer));
    this.#station.deadlines.add(dueMs, transfer);
    this.#waiting.push(transfer);
    this.#startWaiting();
    return true;
  }

  /** Resolves when everything taken over has arrived or run out of time. */
  idle(): Promise<void> {
    return new Promise((resolve) => {
      this.#onIdle = resolve;
      if (this.#heldBytes === 0) resolve();
    });
  }

  close(): void {
    for (const transfers of [this.#waiting.splice(0), ...this.#active.values()]) {
      for (const transfer of [...transfers]) transfer.end();
    }
  }

  #startWaiting(): void {
    for (let index = 0; index < this.#waiting.length; ) {
      const transfer = this.#waiting[index] as Transfer;
      const active = this.#active.get(transfer.caller) ?? new Set();
      if (active.size >= ACTIVE_PER_CALLER_MAX) {
        index++;
        continue;
      }
      this.#waiting.splice(index, 1);
      this.#active.set(transfer.caller, active.add(transfer));
      transfer.start();
    }
  }

  #ended(transfer: Transfer): void {
    this.#heldBytes -= transfer.lengthBytes;
    const index = this.#waiting.indexOf(transfer);
    if (index !== -1) this.#waiting.splice(index, 1);
    const active = this.#active.get(transfer.caller);
    active?.delete(transfer);
    if (active?.size === 0) this.#active.delete(transfer.caller);
    this.#startWaiting();
    if (this.#heldBytes === 0) this.#onIdle?.();
  }
}

class Transfer implements Expiring {
  slot = NO_SLOT;
  readonly caller: string;
  readonly lengthBytes: number;
  readonly #station: Station;
  readonly #reply: string;
  readonly #body: Uint8Array;
  readonly #onEnd: () => void;
  readonly #xferId = randomBytes(16).toString("hex");
  readonly #chunks: number;
  readonly #tokens = new Set<string>();
  #next = 0;
  #acknowledged = 0;
  #ended = false;

  constructor(station: Station, caller: string, reply: string, body: Uint8Array, onEnd: () => void) {
    this.#station = station;
    this.caller = caller;
    this.#reply = reply;
    this.#body = body;
    this.#onEnd = onEnd;
    this.lengthBytes = body.byteLength;
    this.#chunks = Math.ceil(body.byteLength / CHUNK_BYTES);
  }

  start(): void {
    this.#hashSlice(createHash("sha256"), 0);
  }

  /** The caller's deadline has passed: it listens no more. */
  expire(): void {
    this.end();
  }

  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#station.deadlines.remove(this);
    for (const token of this.#tokens) this.#station.inbox.forget(token);
    this.#onEnd();
  }

  /** An acknowledgement: how many chunks the caller has; 0 is its "go". */
  receive(delivery: Delivery): void {
    const text = Buffer.from(delivery.body).toString("latin1");
    const count = /^\d{1,6}$/.test(text) ? Number(text) : -1;
    if (count < this.#acknowledged || count > this.#next) return;
    this.#acknowledged = count;
    if (count === this.#chunks) this.end();
    else this.#pump();
  }

  #hashSlice(hash: ReturnType<typeof createHash>, offset: number): void {
    if (this.#ended) return;
    const end = Math.min(offset + HASH_SLICE_BYTES, this.#body.byteLength);
    hash.update(this.#body.subarray(offset, end));
    if (end < this.#body.byteLength) setImmediate(() => this.#hashSlice(hash, end));
    else this.#announce(hash.digest("hex"));
  }

  #announce(sha256: string): void {
    const announcement: Announcement = {
      xferId: this.#xferId,
      size: this.#body.byteLength,
      sha256,
      chunks: this.#chunks,
    };
    this.#publish(this.#reply, encodeJson(announcement), "x=1", this.#ackSubject());
  }

  #pump(): void {
    const end = Math.min(this.#acknowledged + WINDOW_CHUNKS, this.#chunks);
    while (this.#next < end && !this.#ended) {
      const chunk = this.#next++;
      const bytes = this.#body.subarray(chunk * CHUNK_BYTES, (chunk + 1) * CHUNK_BYTES);
      const ack = asksForAck(chunk, this.#chunks) ? this.#ackSubject() : undefined;
      this.#publish(bulkSubject(this.caller, this.#xferId), bytes, `n=${chunk}`, ack);
    }
  }

  /** The caller may answer a message once: each acknowledgement has a subject of its own. */
  #ackSubject(): string {
    const token = this.#station.inbox.expect(this);
    this.#tokens.add(token);
    return this.#station.inbox.prefix + token;
  }

  #publish(subject: string, bytes: Uint8Array, envelope: string, reply: string | undefined): void {
    const headers = [[ENVELOPE_HEADER, envelope]] as const;
    try {
      this.#station.transport.publish(subject, bytes, reply === undefined ? { headers } : { headers, reply });
      this.#station.metrics.sentBytes += bytes.byteLength;
    } catch (error) {
      this.#station.log.warn("a large reply could not be sent", { caller: this.caller, error });
      this.end();
    }
  }
}
