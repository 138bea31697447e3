/** The seam under the bus: what a carrier of messages must do. Three implement it: `nats.ts`, `memory.ts`, and nothing above knows which. */

/** Header lines in order; a name may come more than once. Names keep their case. */
export type HeaderList = readonly (readonly [name: string, value: string])[];

/** A message as it arrives. */
export interface Delivery {
  readonly subject: string;
  readonly reply: string | undefined;
  readonly headers: HeaderList | undefined;
  readonly body: Uint8Array;
  /** 0 for a message; 503 when the broker answers that nobody listens on the subject of a request. */
  readonly status: number;
}

export interface PublishOptions {
  readonly reply?: string;
  readonly headers?: HeaderList;
}

export interface SubscribeOptions {
  /** Members of one queue group share the messages: each goes to one of them. */
  readonly queue?: string;
  /** Ends by itself after so many messages. */
  readonly max?: number;
}

export interface Subscription {
  /** No new messages; resolves when the broker has confirmed and all that was on its way has been delivered. */
  drain(): Promise<void>;
  /** At once: nothing is delivered after this returns. */
  close(): void;
}

/** What a carrier tells of itself. `denied` names the subject that the broker's permissions refused. */
export type TransportStatus =
  | { readonly kind: "up" }
  | { readonly kind: "down"; readonly reason: string }
  | { readonly kind: "denied"; readonly operation: "publish" | "subscribe"; readonly subject: string }
  | { readonly kind: "closed"; readonly reason: string };

export interface Transport {
  /** Who we are on the bus: the last token of every request subject and the prefix of our inbox. */
  readonly user: string;
  readonly maxPayloadBytes: number;
  readonly isUp: boolean;
  /**
   * Hands the message to the carrier; never blocks, never waits for delivery.
   * Throws `BUS_TOO_LARGE` above `maxPayloadBytes` and `BUS_CLOSED` after `close`. While the carrier is down the message is dropped.
   */
  publish(subject: string, body: Uint8Array, options?: PublishOptions): void;
  /** `deliver` must not throw and must not wait: queueing is the caller's (bounded) business. */
  subscribe(pattern: string, options: SubscribeOptions, deliver: (delivery: Delivery) => void): Subscription;
  /** Resolves when the broker has seen everything published so far; rejects with `BUS_UNAVAILABLE` when the carrier goes down. */
  flush(): Promise<void>;
  onStatus(listener: (status: TransportStatus) => void): () => void;
  /** Drains every subscription, flushes, closes. */
  drain(): Promise<void>;
  close(): Promise<void>;
}

/** What one user may do, in NATS terms; deny is judged after allow. */
export interface Permissions {
  readonly publish: { readonly allow: readonly string[]; readonly deny: readonly string[] };
  readonly subscribe: { readonly allow: readonly string[]; readonly deny: readonly string[] };
  /** How many messages may be published to the reply subject of a message received; 0 for none. */
  readonly allowResponses: number;
}

/** A user of the broker: who, proved by which public nkey, may do what. */
export interface BusUser {
  readonly name: string;
  /** `U…`: the public half; the seed never reaches the broker. */
  readonly publicKey: string;
  readonly permissions: Permissions;
}
