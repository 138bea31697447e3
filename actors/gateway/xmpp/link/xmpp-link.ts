/** The seam to an XMPP server: stanzas in and out as plain data. A component and an ordinary account carry it alike. */
import type { Element } from "./element.ts";

export type LinkState = "down" | "connecting" | "online" | "draining";

/** Why a link is down, for the operator. */
export type LinkFault =
  | "unreachable"
  | "refused"
  | "unknown-domain"
  | "conflict"
  | "insecure"
  | "lost"
  | "silent"
  | "hostile";

/** Given when the link is made: what the server says before `start` has returned is heard too. */
export interface LinkEars {
  /** Checked for size, depth and number of elements; everything else about it is the sender's word. */
  stanza(stanza: Element): void;
  state(state: LinkState, fault?: LinkFault): void;
}

export interface XmppLink {
  readonly state: LinkState;
  /** Keeps trying until `close`. */
  start(): void;
  /** False when it went nowhere: the link is down, or the server does not read. Never throws. */
  send(stanza: Element): boolean;
  /** The reply of whom it was sent to, and of nobody else. Rejects with `GATEWAY_XMPP_NO_REPLY`; an error reply resolves. */
  request(iq: Element, timeoutMs?: number): Promise<Element>;
  /** Says goodbye and lets what was written go out. */
  close(): Promise<void>;
}
