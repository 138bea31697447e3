/** One stream to an XMPP server as its component (XEP-0114): opened, proved with the secret, and over when it breaks. */
import { createHash } from "node:crypto";
import ConnectionTCP, { type XmppElement } from "@xmpp/connection-tcp";
import type { Clock } from "../../../../../runtime/clock.ts";
import type { HostPort } from "../../../../../runtime/config/config-values.ts";
import type { Secret } from "../../../../../runtime/secret.ts";
import { NS } from "../namespaces.ts";
import type { LinkFault } from "../xmpp-link.ts";
import { type LinkStream, type StreamEars, serviceOf } from "./link-stream.ts";
import { destroySocket, guardWire, takesMore } from "./wire-guard.ts";

const TIMEOUT_MS = 5_000;
const FAREWELL_MS = 1_000;

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

export class ComponentStream implements LinkStream {
  readonly #stream: ConnectionTCP;
  readonly #options: ComponentStreamOptions;
  readonly #ears: StreamEars;
  readonly #service: string;
  #fault: LinkFault | undefined;
  #judge: ((first: XmppElement) => void) | undefined;
  #isOpen = false;
  #hasEnded = false;

  constructor(options: ComponentStreamOptions, ears: StreamEars) {
    this.#options = options;
    this.#ears = ears;
    this.#service = serviceOf(options.server);
    this.#stream = new ConnectionTCP({ service: this.#service, domain: options.domain });
    this.#stream.NS = NS.component;
    this.#stream.timeout = TIMEOUT_MS;
    guardWire(this.#stream, (fault) => {
      this.#fault ??= fault;
    });
    this.#stream.on("disconnect", () => this.#end());
    this.#stream.on("element", (element: XmppElement) => {
      if (this.#isOpen) ears.received(element);
      else this.#judge?.(element);
    });
  }

  async open(): Promise<LinkFault | undefined> {
    const { clock, domain, secret } = this.#options;
    const timer = clock.after(TIMEOUT_MS, () => this.destroy(), { background: true });
    try {
      // The library waits for errors and for time to pass; that the server has gone is neither.
      const over = new Promise<never>((_, reject) => {
        this.#stream.once("disconnect", () => reject(new Error("the server has gone")));
      });
      over.catch(() => undefined);
      await Promise.race([over, this.#stream.connect(this.#service)]);
      const header = await Promise.race([over, this.#stream.open({ domain })]);
      const isAccepted = Promise.race([over, this.#verdict()]);
      isAccepted.catch(() => undefined);
      await this.#stream.write(`<handshake>${handshakeOf(header.attrs["id"] ?? "", secret)}</handshake>`);
      if (!(await isAccepted)) throw new Error("the server has not taken the handshake");
      return undefined;
    } catch {
      // Why, the server has said in a stream error, or nobody has.
      this.destroy();
      return this.#fault ?? "unreachable";
    } finally {
      timer.cancel();
    }
  }

  /** What comes first is the verdict. Judged in the moment in which it comes: stanzas may follow in the same packet. */
  #verdict(): Promise<boolean> {
    return new Promise((resolve) => {
      this.#judge = (element) => {
        this.#judge = undefined;
        this.#isOpen = element.name === "handshake";
        resolve(this.#isOpen);
      };
    });
  }

  write(text: string): boolean {
    if (!this.#isOpen || !takesMore(this.#stream)) return false;
    // A failure ends the stream, and that is told.
    this.#stream.write(text).catch(() => undefined);
    return true;
  }

  async close(): Promise<void> {
    this.#stream.timeout = FAREWELL_MS;
    await this.#stream.stop().catch(() => undefined);
    this.destroy();
  }

  destroy(fault?: LinkFault): void {
    if (fault !== undefined) this.#fault ??= fault;
    destroySocket(this.#stream.socket);
  }

  #end(): void {
    if (!this.#isOpen || this.#hasEnded) return;
    this.#hasEnded = true;
    this.#ears.ended(this.#fault ?? "lost");
  }
}
