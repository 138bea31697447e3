/** The link to an XMPP server, by one stream after the other: comes back for ever, notices a server that has fallen silent. */
import type { Clock, Timer } from "../../../../runtime/clock.ts";
import type { Log } from "../../../../runtime/log/log.ts";
import { BackOff } from "./back-off.ts";
import { type Element, element } from "./element.ts";
import { NS } from "./namespaces.ts";
import { PendingRequests } from "./pending-requests.ts";
import { errorElement } from "./replies.ts";
import { serialise } from "./serialise.ts";
import type { LinkStream, StreamEars } from "./stream/link-stream.ts";
import { fromWire, type WireElement } from "./wire-element.ts";
import type { LinkEars, LinkFault, LinkState, XmppLink } from "./xmpp-link.ts";

const REQUEST_TIMEOUT_MS = 15_000;
const PING_EVERY_MS = 60_000;
const PING_TIMEOUT_MS = 20_000;
/** Prosody closes the whole stream above 512 KiB; other servers sooner. */
export const STANZA_BYTES_MAX = 64 * 1024;

export interface LastingLinkOptions {
  readonly stream: (ears: StreamEars) => LinkStream;
  /** As whom we ask the server whether it is still there. */
  readonly self: string;
  /** Whom to ask: the server's own domain. */
  readonly serverDomain: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly random: () => number;
  readonly ears: LinkEars;
}

export class LastingLink implements XmppLink {
  readonly #options: LastingLinkOptions;
  readonly #requests: PendingRequests;
  readonly #backOff: BackOff;
  #state: LinkState = "down";
  #stream: LinkStream | undefined;
  #timer: Timer | undefined;
  #isClosed = false;

  constructor(options: LastingLinkOptions) {
    this.#options = options;
    this.#requests = new PendingRequests(options.clock);
    this.#backOff = new BackOff(options.random);
  }

  get state(): LinkState {
    return this.#state;
  }

  start(): void {
    void this.#connect();
  }

  send(stanza: Element): boolean {
    if (this.#state !== "online") return false;
    const { from, to } = stanza.attrs;
    const text = serialise(stanza);
    const lengthBytes = Buffer.byteLength(text);
    if (from === undefined || to === undefined || lengthBytes > STANZA_BYTES_MAX) {
      // The server would answer by closing the stream of everybody.
      this.#options.log.error(
        "a stanza of ours has no sender or addressee, or is too large; it was not sent",
        { name: stanza.name, lengthBytes },
      );
      if (from !== undefined && to !== undefined && stanza.attrs["type"] === "result")
        this.send(withoutContent(stanza));
      return false;
    }
    return this.#stream?.write(text, stanza) ?? false;
  }

  request(iq: Element, timeoutMs = REQUEST_TIMEOUT_MS): Promise<Element> {
    return this.#requests.ask(iq, timeoutMs, (sent) => this.send(sent));
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#timer?.cancel();
    const stream = this.#stream;
    this.#enter("draining");
    this.#requests.abandon();
    await stream?.close();
    this.#enter("down");
  }

  async #connect(): Promise<void> {
    this.#enter("connecting");
    const stream: LinkStream = this.#options.stream({
      received: (wire) => this.#received(wire),
      ended: (fault) => this.#ended(stream, fault),
    });
    this.#stream = stream;
    const fault = await stream.open();
    if (this.#isClosed) return stream.destroy();
    if (fault !== undefined) return this.#retry(fault);
    this.#backOff.succeeded();
    this.#enter("online");
    this.#pingLater();
  }

  #ended(stream: LinkStream, fault: LinkFault): void {
    if (this.#stream !== stream || this.#isClosed) return;
    this.#requests.abandon();
    this.#retry(fault);
  }

  #retry(fault: LinkFault): void {
    const waitMs = this.#backOff.nextMs(fault);
    this.#stream = undefined;
    this.#enter("down", fault);
    this.#timer?.cancel();
    this.#timer = this.#options.clock.after(waitMs, () => void this.#connect(), { background: true });
  }

  #enter(state: LinkState, fault?: LinkFault): void {
    if (this.#state === state) return;
    this.#state = state;
    this.#options.ears.state(state, fault);
  }

  #received(wire: WireElement): void {
    const { ears, log } = this.#options;
    const stanza = fromWire(wire);
    if (stanza === undefined) return log.debug("a stanza is nested too deeply, or too long; it was dropped");
    if (this.#requests.settle(stanza)) return;
    try {
      ears.stanza(stanza);
    } catch (error) {
      // One stanza must never take the service down, whatever is in it.
      log.error("a stanza could not be handled", { error });
    }
  }

  /** TCP alone notices a dead peer after many minutes. */
  #pingLater(): void {
    const { clock, self, serverDomain } = this.#options;
    const stream = this.#stream;
    this.#timer?.cancel();
    this.#timer = clock.after(
      PING_EVERY_MS,
      () => {
        const ping = element(
          "iq",
          "",
          { type: "get", from: self, to: serverDomain },
          element("ping", NS.ping),
        );
        this.request(ping, PING_TIMEOUT_MS).then(
          () => this.#stream === stream && this.#state === "online" && this.#pingLater(),
          () => stream?.destroy("silent"),
        );
      },
      { background: true },
    );
  }
}

/** Whoever has asked is not to wait for an answer that nobody can send. */
function withoutContent({ name, ns, attrs }: Element): Element {
  const error = errorElement({ condition: "resource-constraint" });
  return { name, ns, attrs: { ...attrs, type: "error" }, children: [error] };
}
