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
import { type StreamEars, serviceOf } from "./link-stream.ts";
import { OpenedStream, type Step } from "./opened-stream.ts";

/** Encryption and a proof of the password take some turns. */
const TIMEOUT_MS = 15_000;
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

export class AccountStream extends OpenedStream<XmppClient> {
  readonly #options: AccountStreamOptions;
  /** Whether the server counts what it sends, and we what comes (XEP-0198). */
  #isCounted = false;

  constructor(options: AccountStreamOptions, ears: StreamEars) {
    const { server, account, clock } = options;
    const service = serviceOf(server);
    const stream = client({
      service,
      domain: account.domain,
      username: account.local,
      resource: RESOURCE,
      credentials: (authenticate, mechanisms) => this.#prove(authenticate, mechanisms),
    });
    // The link has a patience of its own; the library has none.
    stream.reconnect.stop();
    super({ stream, service, domain: account.domain, timeoutMs: TIMEOUT_MS, clock, ears });
    this.#options = options;
    stream.on("nonza", (element: XmppElement) => {
      if (element.is("features", STREAMS_NS))
        this.#isCounted = element.getChild("sm", ACKNOWLEDGED_NS) !== undefined;
    });
    stream.middleware.use(({ stanza }, next) => this.#take(stanza, next));
  }

  /** Not the library's own start: a promise of its own is lost there when the server goes, and would end the process. */
  protected prepared() {
    const ready = this.#ready();
    return async (step: Step): Promise<void> => {
      await step(ready);
      // Whoever sits in between could leave out that part as well in which we prove who we are.
      this.#insist();
      this.isOpen = true;
      // Not waited for: the stream could end meanwhile, and then this would be said after its end.
      this.stream.send(toClientElement(this.#options.presence)).catch(() => undefined);
    };
  }

  /** Nobody is told that we are there before both sides count: the library would count what comes meanwhile, and lose count. */
  async #ready(): Promise<void> {
    const settled = new Promise<void>((resolve) => {
      this.stream.on("nonza", (element: XmppElement) => {
        if (element.is("enabled", ACKNOWLEDGED_NS) || element.is("failed", ACKNOWLEDGED_NS)) resolve();
      });
    });
    await new Promise<void>((resolve) => this.stream.once("online", () => resolve()));
    if (!this.#isCounted || this.stream.streamManagement.enabled) return;
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
    const possible = this.stream.isSecure() ? [PROOF, PASSWORD] : [PROOF];
    const mechanism = possible.find((one) => mechanisms.includes(one));
    if (mechanism === undefined) {
      this.fault ??= "insecure";
      throw new Error("the server offers no safe way to prove the password");
    }
    await authenticate({ username: account.local, password: password.reveal() }, mechanism);
  }

  /** Encrypted for its domain, or on this machine: anybody else could say what he likes in the name of our people. */
  #insist(): void {
    if (this.stream.isSecure() || isLoopback(this.#options.server.host)) return;
    this.fault ??= "insecure";
    throw new Error("the server offers no encryption");
  }

  /** The last of the library's own: what it has not taken for itself. */
  #take(stanza: XmppElement, next: () => Promise<unknown>): Promise<unknown> {
    if (!this.isOpen || !isStanza(stanza)) return next();
    // What names nobody is for this account (RFC 6120, 8.1.1).
    const { account } = this.#options;
    const { attrs } = stanza;
    const to = attrs["to"] || `${account.local}@${account.domain}/${RESOURCE}`;
    this.ears.received({ ...stanza, attrs: { ...attrs, to } });
    const { type } = stanza.attrs;
    // The library answers questions that nobody seems to take with an error. They are taken, and answered later.
    if (stanza.name === "iq" && (type === "get" || type === "set")) return new Promise(() => undefined);
    return next();
  }

  protected put(_: string, stanza: Element): Promise<void> {
    const { from: _from, ...attrs } = stanza.attrs;
    // Who of our contacts is there, the server tells an account unasked.
    if (stanza.name === "presence" && attrs["type"] === "probe") return Promise.resolve();
    // By the library's own way, which counts.
    return this.stream.send(toClientElement({ ...stanza, attrs }));
  }

  protected faultOf(error: unknown): LinkFault {
    const { condition, code } = error as { condition?: unknown; code?: unknown };
    if (condition === "not-authorized" || condition === "account-disabled") return "refused";
    return typeof code === "string" && CERTIFICATE_CODE.test(code) ? "insecure" : "unreachable";
  }
}

function isStanza({ name }: XmppElement): boolean {
  return name === "iq" || name === "message" || name === "presence";
}
