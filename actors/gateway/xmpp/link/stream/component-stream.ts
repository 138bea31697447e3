/** One stream to an XMPP server as its component (XEP-0114), proved with the secret. */
import { createHash } from "node:crypto";
import ConnectionTCP, { type XmppElement } from "@xmpp/connection-tcp";
import type { Clock } from "../../../../../runtime/clock.ts";
import type { HostPort } from "../../../../../runtime/config/config-values.ts";
import type { Secret } from "../../../../../runtime/secret.ts";
import { NS } from "../namespaces.ts";
import type { LinkFault } from "../xmpp-link.ts";
import { type StreamEars, serviceOf } from "./link-stream.ts";
import { OpenedStream, type Step } from "./opened-stream.ts";

const TIMEOUT_MS = 5_000;

/** What proves the secret without sending it. */
export function handshakeOf(streamId: string, secret: Secret): string {
  return createHash("sha1").update(`${streamId}${secret.reveal()}`).digest("hex");
}

export interface ComponentStreamOptions {
  readonly server: HostPort;
  readonly domain: string;
  readonly secret: Secret;
  readonly clock: Clock;
}

export class ComponentStream extends OpenedStream<ConnectionTCP> {
  readonly #secret: Secret;
  #judge: ((first: XmppElement) => void) | undefined;

  constructor({ server, domain, secret, clock }: ComponentStreamOptions, ears: StreamEars) {
    const service = serviceOf(server);
    const stream = new ConnectionTCP({ service, domain });
    super({ stream, service, domain, timeoutMs: TIMEOUT_MS, clock, ears });
    this.#secret = secret;
    stream.NS = NS.component;
    stream.on("element", (element: XmppElement) => {
      if (this.isOpen) ears.received(element);
      else this.#judge?.(element);
    });
  }

  protected prepared() {
    return async (step: Step, streamId: string): Promise<void> => {
      const isAccepted = step(this.#verdict());
      isAccepted.catch(() => undefined);
      await this.stream.write(`<handshake>${handshakeOf(streamId, this.#secret)}</handshake>`);
      if (!(await isAccepted)) throw new Error("the server has not taken the handshake");
    };
  }

  /** What comes first is the verdict. Judged in the moment in which it comes: stanzas may follow in the same packet. */
  #verdict(): Promise<boolean> {
    return new Promise((resolve) => {
      this.#judge = (element) => {
        this.#judge = undefined;
        this.isOpen = element.name === "handshake";
        resolve(this.isOpen);
      };
    });
  }

  protected faultOf(): LinkFault {
    return "unreachable";
  }

  protected put(text: string): Promise<void> {
    return this.stream.write(text);
  }
}
