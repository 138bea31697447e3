/** One stream to an XMPP server, however it was opened: what the link that lasts makes anew each time. */
import type { HostPort } from "../../../../../runtime/config/config-values.ts";
import type { Element } from "../element.ts";
import type { WireElement } from "../wire-element.ts";
import type { LinkFault } from "../xmpp-link.ts";

export interface StreamEars {
  /** Called for each element once the server has accepted us. */
  received(element: WireElement): void;
  /** Called once, when the stream is over after it was open. */
  ended(fault: LinkFault): void;
}

export interface LinkStream {
  /** The fault, or nothing when the server has accepted us. */
  open(): Promise<LinkFault | undefined>;
  /** `text` is the stanza as it is written. False when the server has not read what was written before. */
  write(text: string, stanza: Element): boolean;
  /** Politely, and for a moment: not every server says goodbye. */
  close(): Promise<void>;
  destroy(fault?: LinkFault): void;
}

/** The server's address as the library wants it. */
export function serviceOf({ host, port }: HostPort): string {
  return `xmpp://${host.includes(":") ? `[${host}]` : host}:${port}`;
}
