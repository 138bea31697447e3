/** Our one subscription for everything that is sent back to us: replies to calls, acknowledgements of bulk transfers. */
import { randomBytes } from "node:crypto";
import type { Delivery, Subscription, Transport } from "../carrier/transport.ts";
import { inboxPrefix } from "../subject.ts";

export interface Receiver {
  receive(delivery: Delivery): void;
}

export class Inbox {
  /** `_INBOX.<user>.<random>.`; a token completes it. */
  readonly prefix: string;
  /** Tells our messages from those of another connection of the same user, in logs. */
  readonly id: string;
  readonly #receivers = new Map<string, Receiver>();
  readonly #subscription: Subscription;
  #count = 0;

  constructor(transport: Transport) {
    this.id = randomBytes(12).toString("base64url");
    this.prefix = `${inboxPrefix(transport.user)}.${this.id}.`;
    this.#subscription = transport.subscribe(`${this.prefix}*`, {}, (delivery) => {
      // What nobody waits for any more (a late reply) is dropped here.
      this.#receivers.get(delivery.subject.slice(this.prefix.length))?.receive(delivery);
    });
  }

  /** A token under which `receiver` hears until it is forgotten. */
  expect(receiver: Receiver): string {
    const token = (this.#count++).toString(36);
    this.#receivers.set(token, receiver);
    return token;
  }

  forget(token: string): void {
    this.#receivers.delete(token);
  }

  close(): void {
    this.#receivers.clear();
    this.#subscription.close();
  }
}
