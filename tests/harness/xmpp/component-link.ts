/** The link to an XMPP server as its component, with all that it tells, and the least that a server says to take it in. */
import type { Socket } from "node:net";
import type { Element } from "../../../actors/gateway/xmpp/link/element.ts";
import { LastingLink } from "../../../actors/gateway/xmpp/link/lasting-link.ts";
import { ComponentStream } from "../../../actors/gateway/xmpp/link/stream/component-stream.ts";
import type { LinkEars, LinkFault, LinkState } from "../../../actors/gateway/xmpp/link/xmpp-link.ts";
import { silentLog } from "../../../bus/fake.ts";
import { type Clock, systemClock } from "../../../runtime/clock.ts";
import type { Log } from "../../../runtime/log/log.ts";
import { Secret } from "../../../runtime/secret.ts";
import { COMPONENT_DOMAIN, COMPONENT_SECRET, XMPP_DOMAIN } from "./prosody.ts";

export const STREAM_ID = "3BF96D32";
export const STREAM_HEADER = `<?xml version='1.0'?><stream:stream xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams' id='${STREAM_ID}' from='btc.example.test'>`;

/** What a scripted server says to a component that it takes in. */
export function accepting(socket: Socket, heard: string): void {
  if (heard.includes("<stream:stream")) socket.write(STREAM_HEADER);
  if (heard.includes("<handshake>")) socket.write("<handshake/>");
}

export interface ComponentLinkOptions {
  readonly clock?: Clock;
  readonly secret?: string;
  readonly domain?: string;
}

/** The link of a component to a server on this machine, not yet started. */
export function componentLink(
  port: number,
  ears: LinkEars,
  {
    clock = systemClock,
    secret = COMPONENT_SECRET,
    domain = COMPONENT_DOMAIN,
    log = silentLog(),
  }: ComponentLinkOptions & { readonly log?: Log } = {},
): LastingLink {
  const options = { server: { host: "127.0.0.1", port }, domain, secret: new Secret(secret), clock };
  return new LastingLink({
    stream: (streamEars) => new ComponentStream(options, streamEars),
    self: domain,
    serverDomain: XMPP_DOMAIN,
    clock,
    log,
    random: () => 0.5,
    ears,
  });
}

export class ComponentLink {
  readonly link: LastingLink;
  readonly stanzas: Element[] = [];
  /** States and faults, as they came. */
  readonly told: (LinkState | LinkFault)[] = [];

  constructor(port: number, options: ComponentLinkOptions = {}) {
    const ears: LinkEars = {
      stanza: (stanza) => {
        if (stanza.attrs["id"] === "throw") throw new Error("a bug of ours");
        this.stanzas.push(stanza);
      },
      state: (state, fault) => {
        this.told.push(state);
        if (fault !== undefined) this.told.push(fault);
      },
    };
    this.link = componentLink(port, ears, options);
    this.link.start();
  }

  stop(): Promise<void> {
    return this.link.close();
  }
}
