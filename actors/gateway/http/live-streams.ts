/** Live pages: each is a stream of server-sent events that always carries the newest tree and never a backlog. */
import type { ServerResponse } from "node:http";
import type { Clock, Timer } from "../../../runtime/clock.ts";
import type { HostFeed } from "../host-feed.ts";
import type { GatewayMetrics } from "../metrics.ts";
import { reportOf } from "../troupe-report.ts";

/** Keeps proxies and idle timers from cutting a quiet stream, and finds readers that are gone. */
const BEAT_EVERY_MS = 15_000;
/** A reader that has not taken what was sent for so many beats is cut off. */
const BEATS_BLOCKED_MAX = 2;
/** A browser waits so long before it comes back. */
const RETRY_MS = 1_000;

export interface LiveStreamsOptions {
  readonly feed: HostFeed;
  readonly metrics: GatewayMetrics;
  readonly clock: Clock;
  readonly streamsMax: number;
}

export class LiveStreams {
  readonly #options: LiveStreamsOptions;
  readonly #open = new Set<LiveStream>();
  #unwatch: (() => void) | undefined;
  #timer: Timer | undefined;

  constructor(options: LiveStreamsOptions) {
    this.#options = options;
  }

  get isFull(): boolean {
    return this.#open.size >= this.#options.streamsMax;
  }

  start(): void {
    this.#unwatch = this.#options.feed.watch(() => this.#tellAll());
    this.#beat();
  }

  /** Ends every stream; the browsers come back by themselves when the door opens again. */
  stop(): void {
    this.#unwatch?.();
    this.#timer?.cancel();
    for (const stream of this.#open) stream.end();
  }

  /** Takes over a response whose head has been written. */
  add(response: ServerResponse): void {
    const { metrics } = this.#options;
    const stream = new LiveStream(response, () => this.#message());
    this.#open.add(stream);
    metrics.streamOpened();
    response.once("close", () => {
      this.#open.delete(stream);
      metrics.streamClosed();
    });
    response.write(`retry: ${RETRY_MS}\n\n`);
    stream.tell();
  }

  #tellAll(): void {
    for (const stream of this.#open) stream.tell();
  }

  #message(): string {
    return `event: troupe\ndata: ${JSON.stringify(reportOf(this.#options.feed.view()))}\n\n`;
  }

  #beat(): void {
    for (const stream of this.#open) stream.beat();
    this.#timer = this.#options.clock.after(BEAT_EVERY_MS, () => this.#beat(), { background: true });
  }
}

class LiveStream {
  readonly #response: ServerResponse;
  readonly #message: () => string;
  #isBlocked = false;
  #isBehind = false;
  #beatsBlocked = 0;

  constructor(response: ServerResponse, message: () => string) {
    this.#response = response;
    this.#message = message;
    response.on("drain", () => {
      this.#isBlocked = false;
      this.#beatsBlocked = 0;
      if (this.#isBehind) this.tell();
    });
    // A reader that goes away in the middle of a write: `close` follows and takes the stream out.
    response.on("error", () => response.destroy());
  }

  /** Sends the newest tree, or remembers that it is due as soon as the reader has taken the last one. */
  tell(): void {
    this.#isBehind = this.#isBlocked;
    if (!this.#isBlocked) this.#isBlocked = !this.#response.write(this.#message());
  }

  beat(): void {
    if (!this.#isBlocked) this.#response.write(": still here\n\n");
    else if (++this.#beatsBlocked >= BEATS_BLOCKED_MAX) this.#response.destroy();
  }

  end(): void {
    this.#response.end();
  }
}
