/** The gaps of the library's streams, closed: hostile XML ends the stream instead of the process, redirects are not followed. */
import type { Socket } from "node:net";
import { StringDecoder } from "node:string_decoder";
import type { LibrarySocket, LibraryStream, XmppElement } from "@xmpp/connection-tcp";
import type { LinkFault } from "../xmpp-link.ts";

/** More than any server lets a stanza be; what is longer is kept nowhere. */
const STANZA_CHARACTERS_MAX = 2 * 1024 * 1024;
/** A server that does not read: what would wait beyond this is not written. */
const UNSENT_BYTES_MAX = 8 * 1024 * 1024;
const KEEP_ALIVE_MS = 30_000;

/** To be called before it connects: from then on it has bound its methods. */
export function guardWire(stream: LibraryStream, failed: (fault: LinkFault) => void): void {
  let unfinished = 0;
  // Bytes of one character may come in two chunks.
  let decoder = new StringDecoder("utf8");
  const fail = (fault: LinkFault) => {
    stream._detachParser();
    failed(fault);
    destroySocket(stream.socket);
  };
  // Without a listener the library ends the process.
  stream.on("error", () => undefined);
  stream.on("connect", () => {
    decoder = new StringDecoder("utf8");
    socketOf(stream.socket)?.setKeepAlive(true, KEEP_ALIVE_MS);
  });
  stream.on("element", () => {
    // A stanza is whole: what comes now belongs to the next.
    unfinished = 0;
    // The library keeps all spaces between stanzas as long as the stream lives: that can be months.
    stream.parser?.root?.children.splice(0);
  });
  stream._onData = (data) => {
    const text = typeof data === "string" ? data : decoder.write(data);
    unfinished += text.length;
    try {
      stream.parser?.write(text);
    } catch {
      // The library's parser throws on entities that nobody has declared.
      fail("hostile");
    }
    if (unfinished > STANZA_CHARACTERS_MAX) fail("hostile");
  };
  const take = stream._onElement.bind(stream);
  stream._onElement = (element) => {
    try {
      take(element);
    } catch {
      // The library reads addresses and types before we do, and throws on what is none: that stanza is lost, and no other.
    }
  };
  stream._onStreamError = (error) => fail(faultOf(error));
}

function faultOf(error: XmppElement): LinkFault {
  const conditions = error.children.map((child) => (typeof child === "string" ? "" : child.name));
  if (conditions.includes("not-authorized")) return "refused";
  if (conditions.includes("host-unknown")) return "unknown-domain";
  if (conditions.includes("conflict")) return "conflict";
  return "lost";
}

/** The library wraps the encrypted ones. */
function socketOf(socket: LibrarySocket | null): Socket | null {
  return socket !== null && "socket" in socket ? socket.socket : socket;
}

export function takesMore(stream: LibraryStream): boolean {
  const socket = socketOf(stream.socket);
  return socket !== null && socket.writableLength <= UNSENT_BYTES_MAX;
}

export function destroySocket(socket: LibrarySocket | null): void {
  // With an error: the library waits for that while it connects, and not for the end.
  socketOf(socket)?.destroy(new Error("the stream is given up"));
}
