/** A link that is a list: what a link is to the door, and nothing more. */
import type { Element } from "../../../../actors/gateway/xmpp/link/element.ts";
import { PendingRequests } from "../../../../actors/gateway/xmpp/link/pending-requests.ts";
import type { LinkEars, LinkState } from "../../../../actors/gateway/xmpp/link/xmpp-link.ts";
import type { Clock } from "../../../../runtime/clock.ts";
import { assertServed, type TestedLink } from "./tested-link.ts";

export class LinkWithoutWire implements TestedLink {
  state: LinkState = "down";
  readonly sent: Element[] = [];
  readonly #ears: LinkEars;
  readonly #requests: PendingRequests;

  constructor(ears: LinkEars, clock: Clock) {
    this.#ears = ears;
    this.#requests = new PendingRequests(clock);
  }

  start(): void {
    this.state = "online";
    this.#ears.state("online");
  }

  lose(): void {
    this.state = "down";
    this.#ears.state("down", "lost");
  }

  send(stanza: Element): boolean {
    if (this.state !== "online") return false;
    assertServed(stanza);
    this.sent.push(stanza);
    return true;
  }

  request(iq: Element, timeoutMs = 15_000): Promise<Element> {
    return this.#requests.ask(iq, timeoutMs, (stanza) => this.send(stanza));
  }

  couldTake(): boolean {
    return true;
  }

  take(stanza: Element): void {
    if (!this.#requests.settle(stanza)) this.#ears.stanza(stanza);
  }

  async close(): Promise<void> {
    this.state = "down";
  }
}
