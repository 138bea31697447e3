/** One stream to an XMPP server as its component (XEP-0114): opened, proved with the secret, and over when it breaks. */
import { createHash } from "node:crypto";
import ConnectionTCP, { type XmppElement } from "@xmpp/connection-tcp";
import type { Clock } from "../../../../runtime/clock.ts";
import type { HostPort } from "../../../../runtime/config/config-values.ts";
import type { Secret } from "../../../../runtime/secret.ts";
import { NS } from "./namespaces.ts";
import type { LinkFault } from "./xmpp-link.ts";

/** More than any server lets a stanza be; what is longer is kept nowhere. */
const STANZA_CHARACTERS_MAX = 2 * 1024 * 1024;
/** A server that does not read: what would wait beyond this is not written. */
const UNSENT_BYTES_MAX = 8 * 1024 * 1024;
const FAREWELL_MS = 1_000;
const KEEP_ALIVE_MS = 30_000;

/** The library's stream with its gaps closed: hostile XML ends it instead of the process, redirects are not followed. */
class Stream extends ConnectionTCP {
  #unfinished = 0;

  override _onData(data: string | Buffer): void {
    this.#unfinished += data.length;
    try {
      this.parser?.write(String(data));
    } catch {
      // The library's parser throws on entities that nobody has declared.
      this.fail("hostile");
    }
    if (this.#unfinished > STANZA_CHARACTERS_MAX) this.fail("hostile");
  }

  /** A stanza is whole: what comes now belongs to the next. */
  stanzaEnded(): void {
    this.#unfinished = 0;
  }

  override _onStreamError(element: XmppElement): void {
    this.fail(faultOf(element));
  }

  fail(fault: LinkFault): void {
    this._detachParser();
    this.emit("fault", fault);
    this.socket?.destroy();
  }
}
Stream.prototype.NS = NS.component;

function faultOf(error: XmppElement): LinkFault {
  const conditions = error.children.map((child) => (typeof child === "string" ? "" : child.name));
  if (conditions.includes("not-authorized")) return "refused";
  if (conditions.includes("host-unknown")) return "unknown-domain";
  if (conditions.includes("conflict")) return "conflict";
  return "lost";
}

/** What proves the secret without sending it. */
export function handshakeOf(streamId: string, secret: Secret): string {
  return createHash("sha1").update(`${streamId}${secret.reveal()}`).digest("hex");
}

export interface ComponentStreamOptions {
  readonly server: HostPort;
  readonly domain: string;
  readonly secret: Secret;
  readonly timeoutMs: number;
  readonly clock: Clock;
  /** Called for each element once the server has accepted us. */
  readonly received: (element: XmppElement) => void;
  /** Called once, when the stream is over after it was open. */
  readonly ended: (fault: LinkFault) => void;
}

export class ComponentStream {
  readonly #stream: Stream;
  readonly #options: ComponentStreamOptions;
  readonly #service: string;
  #fault: LinkFault | undefined;
  #judge: ((first: XmppElement) => void) | undefined;
  #isOpen = false;
  #hasEnded = false;

  constructor(options: ComponentStreamOptions) {
    this.#options = options;
    const { host, port } = options.server;
    this.#service = `xmpp://${host.includes(":") ? `[${host}]` : host}:${port}`;
    this.#stream = new Stream({ service: this.#service, domain: options.domain });
    this.#stream.timeout = options.timeoutMs;
    // Without a listener the library ends the process.
    this.#stream.on("error", () => undefined);
    this.#stream.on("fault", (fault: LinkFault) => {
      this.#fault ??= fault;
    });
    this.#stream.on("connect", () => {
      // Bytes of one character may come in two chunks.
      this.#stream.socket?.setEncoding("utf8");
      this.#stream.socket?.setKeepAlive(true, KEEP_ALIVE_MS);
    });
    this.#stream.on("disconnect", () => this.#end());
    this.#stream.on("element", (element: XmppElement) => {
      this.#stream.stanzaEnded();
      if (this.#isOpen) options.received(element);
      else this.#judge?.(element);
    });
  }

  /** The fault, or nothing when the server has accepted us. */
  async open(): Promise<LinkFault | undefined> {
    const { clock, domain, secret, timeoutMs } = this.#options;
    const timer = clock.after(timeoutMs, () => this.destroy(), { background: true });
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

  /** False when the server has not read what was written before. */
  write(text: string): boolean {
    const { socket } = this.#stream;
    if (!this.#isOpen || socket === null || socket.writableLength > UNSENT_BYTES_MAX) return false;
    // A failure ends the stream, and that is told.
    this.#stream.write(text).catch(() => undefined);
    return true;
  }

  /** Politely, and for a moment: not every server says goodbye. */
  async close(): Promise<void> {
    this.#stream.timeout = FAREWELL_MS;
    await this.#stream.stop().catch(() => undefined);
    this.destroy();
  }

  destroy(fault?: LinkFault): void {
    if (fault !== undefined) this.#fault ??= fault;
    // With an error: the library waits for that while it connects, and not for the end.
    this.#stream.socket?.destroy(new Error("the stream is given up"));
  }

  #end(): void {
    if (!this.#isOpen || this.#hasEnded) return;
    this.#hasEnded = true;
    this.#options.ended(this.#fault ?? "lost");
  }
}
