/** What a test has of the door's link, and what every server would refuse of what goes out by it. */
import { childTextOf, type Element } from "../../../../actors/gateway/xmpp/link/element.ts";
import { STANZA_BYTES_MAX } from "../../../../actors/gateway/xmpp/link/lasting-link.ts";
import { serialise } from "../../../../actors/gateway/xmpp/link/serialise.ts";
import type { XmppLink } from "../../../../actors/gateway/xmpp/link/xmpp-link.ts";

export interface TestedLink extends XmppLink {
  /** What has come to others, in the order in which it came. */
  readonly sent: Element[];
  /** Whether what is between lets anybody send this. */
  couldTake(stanza: Element): boolean;
  /** Somebody else sends. */
  take(stanza: Element): void;
  /** The connection breaks, until `start`. */
  lose(): void;
}

const PRESENCE_TYPES = new Set(
  "error probe subscribe subscribed unavailable unsubscribe unsubscribed".split(" "),
);
const PRESENCE_SHOWS = new Set(["away", "chat", "dnd", "xa"]);

/** Servers drop what RFC 6121 does not know, without a word, and close the streams of who sends too much. */
export function assertServed(stanza: Element): void {
  const { type, from, to } = stanza.attrs;
  // What cannot be written must show here too.
  const lengthBytes = Buffer.byteLength(serialise(stanza));
  if (lengthBytes > STANZA_BYTES_MAX) throw new Error(`a stanza of ${lengthBytes} bytes`);
  if (from === undefined || to === undefined) throw new Error(`a ${stanza.name} without from or to`);
  if (stanza.name !== "presence") return;
  const show = childTextOf(stanza, "show", "");
  if (type !== undefined && !PRESENCE_TYPES.has(type)) throw new Error(`a presence of the type ${type}`);
  if (show !== undefined && !PRESENCE_SHOWS.has(show)) throw new Error(`a presence that shows ${show}`);
  if (type !== undefined && show !== undefined) throw new Error(`a presence of ${type} that shows ${show}`);
}
