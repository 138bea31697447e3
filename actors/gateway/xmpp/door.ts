/** The XMPP door: takes what the link brings through the guard to whoever handles it. Knows no protocol beyond stanzas. */

import type { Admission } from "./guard/admission.ts";
import type { Element } from "./link/element.ts";
import { errorOf } from "./link/replies.ts";
import type { LinkEars, LinkFault, LinkState, XmppLink } from "./link/xmpp-link.ts";
import type { AddressSpace, Entity } from "./names/entity.ts";
import { type Jid, parseJid } from "./names/jid.ts";

/** A stanza that may be looked at. */
export interface Incoming {
  readonly stanza: Element;
  readonly from: Jid;
  readonly to: Entity;
}

/** Who does what the stanzas ask; none of them throws or rejects. */
export interface StanzaHandlers {
  iq(incoming: Incoming): Promise<void>;
  presence(incoming: Incoming): void;
  message(incoming: Incoming): void;
  /** From the server's own domain, which guards nothing else that it says. */
  server(stanza: Element): void;
  /** The link is there, or gone. */
  state(state: LinkState, fault: LinkFault | undefined): void;
}

export interface DoorOptions {
  readonly link: (ears: LinkEars) => XmppLink;
  readonly space: AddressSpace;
  /** The domain of the server's own people. */
  readonly parentDomain: string;
  readonly admission: Admission;
  readonly handlers: StanzaHandlers;
}

export class XmppDoor {
  readonly link: XmppLink;
  readonly #options: DoorOptions;

  constructor(options: DoorOptions) {
    this.#options = options;
    this.link = options.link({
      stanza: (stanza) => this.#received(stanza),
      state: (state, fault) => options.handlers.state(state, fault),
    });
  }

  #received(stanza: Element): void {
    const { admission, space, handlers, parentDomain } = this.#options;
    if (stanza.name === "message" && stanza.attrs["from"] === parentDomain) return handlers.server(stanza);
    const to = parseJid(stanza.attrs["to"]);
    // Nor could it be refused: nobody may speak for others.
    if (to === undefined || !space.has(to)) return;
    const verdict = admission.judge(stanza);
    if (!verdict.pass) {
      if (verdict.refuse !== undefined) this.link.send(errorOf(stanza, { condition: verdict.refuse }));
      return;
    }
    const incoming = { stanza, from: verdict.from, to: space.resolve(to) };
    switch (stanza.name) {
      case "iq":
        void handlers.iq(incoming);
        return;
      case "presence":
        handlers.presence(incoming);
        return;
      case "message":
        handlers.message(incoming);
        return;
    }
  }
}
