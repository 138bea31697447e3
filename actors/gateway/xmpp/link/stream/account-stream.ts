/** One stream to an XMPP server as an ordinary account: encrypted unless the server is on this machine, seen as soon as it is open. */
import { client, type XmppClient } from "@xmpp/client";
import type { XmppElement } from "@xmpp/connection-tcp";
import type { Clock } from "../../../../../runtime/clock.ts";
import { type HostPort, isLoopback } from "../../../../../runtime/config/config-values.ts";
import type { Secret } from "../../../../../runtime/secret.ts";
import type { Jid } from "../../names/jid.ts";
import type { Element } from "../element.ts";
import type { LinkFault } from "../xmpp-link.ts";
import { toClientElement } from "./client-element.ts";
import { type LinkStream, type StreamEars, serviceOf } from "./link-stream.ts";
import { destroySocket, guardWire, takesMore } from "./wire-guard.ts";

/** Encryption and a proof of the password take some turns. */
const TIMEOUT_MS = 15_000;
const FAREWELL_MS = 1_000;
/** Always the same, so that a new stream takes the place of one that hangs. */
const RESOURCE = "troupe";
/** Best first. The second tells the password, so it is for encrypted streams only. */
const PROOF = "SCRAM-SHA-1";
const PASSWORD = "PLAIN";
const STREAMS_NS = "http://etherx.jabber.org/streams";
const ACKNOWLEDGED_NS = "urn:xmpp:sm:3";
/** What Node calls a certificate that nobody can trust. */
const CERTIFICATE_CODE = /CERT|ERR_TLS|LEAF_SIGNATURE/;

export interface AccountStreamOptions {
  readonly server: HostPort;
  readonly account: Jid;
  readonly password: Secret;
  /** How all who may see us see us. */
  readonly presence: Element;
  readonly clock: Clock;
}

export class AccountStream implements LinkStream {
  readonly #client: XmppClient;
  readonly #options: AccountStreamOptions;
  readonly #ears: StreamEars;
  readonly #service: string;
  #fault: LinkFault | undefined;
  /** Whether the server counts what it sends, and we what comes (XEP-0198). */
  #isCounted = false;
  #isOpen = false;
  #hasEnded = false;

  constructor(options: AccountStreamOptions, ears: StreamEars) {
    this.#options = options;
    this.#ears = ears;
    this.#service = serviceOf(options.server);
    this.#client = client({
      service: this.#service,
      domain: options.account.domain,
      username: options.account.local,
      resource: RESOURCE,
      credentials: (authenticate, mechanisms) => this.#prove(authenticate, mechanisms),
    });
    // The link has a patience of its own; the library has none.
    this.#client.reconnect.stop();
    this.#client.timeout = TIMEOUT_MS;
    guardWire(this.#client, (fault) => {
      this.#fault ??= fault;
    });
    this.#client.on("disconnect", () => this.#end());
    this.#client.on("nonza", (element: XmppElement) => {
      if (element.is("features", STREAMS_NS))
        this.#isCounted = element.getChild("sm", ACKNOWLEDGED_NS) !== undefined;
    });
    this.#client.middleware.use(({ stanza }, next) => this.#take(stanza, next));
  }

  async open(): Promise<LinkFault | undefined> {
    const { clock, account, presence } = this.#options;
    const timer = clock.after(TIMEOUT_MS, () => this.destroy(), { background: true });
    try {
      // Not the library's own start: a promise of its own is lost there when the server goes, and would end the process.
      const over = new Promise<never>((_, reject) => {
        this.#client.once("disconnect", () => reject(new Error("the server has gone")));
        this.#client.once("error", reject);
      });
      over.catch(() => undefined);
      const ready = this.#ready();
      await Promise.race([over, this.#client.connect(this.#service)]);
      await Promise.race([over, this.#client.open({ domain: account.domain })]);
      await Promise.race([over, ready]);
      // Whoever sits in between could leave out that part as well in which we prove who we are.
      this.#insist();
      this.#isOpen = true;
      // Not waited for: the stream could end meanwhile, and then this would be said after its end.
      this.#client.send(toClientElement(presence)).catch(() => undefined);
      return undefined;
    } catch (error) {
      this.destroy();
      return this.#fault ?? faultOf(error);
    } finally {
      timer.cancel();
    }
  }

  /** Nobody is told that we are there before both sides count: the library would count what comes meanwhile, and lose count. */
  async #ready(): Promise<void> {
    const settled = new Promise<void>((resolve) => {
      this.#client.on("nonza", (element: XmppElement) => {
        if (element.is("enabled", ACKNOWLEDGED_NS) || element.is("failed", ACKNOWLEDGED_NS)) resolve();
      });
    });
    await new Promise<void>((resolve) => this.#client.once("online", () => resolve()));
    if (!this.#isCounted || this.#client.streamManagement.enabled) return;
    await settled;
    // The library itself hears of it by promises, which are through by then.
    await new Promise<void>((resolve) => setImmediate(resolve));
  }

  async #prove(
    authenticate: (account: { username: string; password: string }, mechanism: string) => Promise<void>,
    mechanisms: readonly string[],
  ): Promise<void> {
    this.#insist();
    const { account, password } = this.#options;
    const possible = this.#client.isSecure() ? [PROOF, PASSWORD] : [PROOF];
    const mechanism = possible.find((one) => mechanisms.includes(one));
    if (mechanism === undefined) {
      this.#fault ??= "insecure";
      throw new Error("the server offers no safe way to prove the password");
    }
    await authenticate({ username: account.local, password: password.reveal() }, mechanism);
  }

  /** Encrypted for its domain, or on this machine: anybody else could say what he likes in the name of our people. */
  #insist(): void {
    if (this.#client.isSecure() || isLoopback(this.#options.server.host)) return;
    this.#fault ??= "insecure";
    throw new Error("the server offers no encryption");
  }

  /** The last of the library's own: what it has not taken for itself. */
  #take(stanza: XmppElement, next: () => Promise<unknown>): Promise<unknown> {
    if (!this.#isOpen || !isStanza(stanza)) return next();
    this.#ears.received(stanza);
    const { type } = stanza.attrs;
    // The library answers questions that nobody seems to take with an error. They are taken, and answered later.
    if (stanza.name === "iq" && (type === "get" || type === "set")) return new Promise(() => undefined);
    return next();
  }

  write(_: string, stanza: Element): boolean {
    if (!this.#isOpen || !takesMore(this.#client)) return false;
    // Who of our contacts is there, the server tells an account unasked.
    if (stanza.name === "presence" && stanza.attrs["type"] === "probe") return true;
    const { from: _from, ...attrs } = stanza.attrs;
    // By the library's own way, which counts. A failure ends the stream, and that is told.
    this.#client.send(toClientElement({ ...stanza, attrs })).catch(() => undefined);
    return true;
  }

  async close(): Promise<void> {
    this.#client.timeout = FAREWELL_MS;
    await this.#client.stop().catch(() => undefined);
    this.destroy();
  }

  destroy(fault?: LinkFault): void {
    if (fault !== undefined) this.#fault ??= fault;
    destroySocket(this.#client.socket);
  }

  #end(): void {
    if (!this.#isOpen || this.#hasEnded) return;
    this.#hasEnded = true;
    this.#ears.ended(this.#fault ?? "lost");
  }
}

function isStanza({ name }: XmppElement): boolean {
  return name === "iq" || name === "message" || name === "presence";
}

function faultOf(error: unknown): LinkFault {
  const { condition, code } = error as { condition?: unknown; code?: unknown };
  if (condition === "not-authorized" || condition === "account-disabled") return "refused";
  return typeof code === "string" && CERTIFICATE_CODE.test(code) ? "insecure" : "unreachable";
}
