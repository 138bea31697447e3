/** What no XMPP server should ever write: XML that breaks its rules or bends them, and greetings that are none. */
import type { Socket } from "node:net";
import type { Chance } from "../../electrum/hostile-input.ts";
import { STREAM_HEADER } from "../component-link.ts";
import { GW } from "../door.ts";

const EVE = `<message from='eve@example.test/c' to='wallet@${GW}' type='chat' id='w'`;
const STREAM_END = "</stream:stream>";
const CONDITIONS =
  "bad-format not-authorized host-unknown conflict see-other-host system-shutdown __proto__".split(" ");

const said = (body: string, attrs = "") => `${EVE}${attrs}><body>${body}</body></message>`;
const filled = (chance: Chance, most: number) => "x".repeat(1 + chance.below(most));

function streamError(chance: Chance): string {
  const condition = chance.one(CONDITIONS);
  const content = condition === "see-other-host" ? "evil.test:1" : "";
  return `<stream:error><${condition} xmlns='urn:ietf:params:xml:ns:xmpp-streams'>${content}</${condition}></stream:error>`;
}

/** Some bytes of it are others. */
function bent(chance: Chance, text: string): Buffer {
  const bytes = Buffer.from(text);
  for (let count = 1 + chance.below(4); count > 0; count--)
    bytes[chance.below(bytes.length)] = chance.below(256);
  return bytes;
}

/** `text` is a stanza as it should be. */
type Trick = (chance: Chance, text: string) => string | Buffer;

const TRICKS: readonly Trick[] = [
  // Entities.
  (_, text) => `<!DOCTYPE x [<!ENTITY a "lol"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>${text}${said("&b;")}`,
  () => `<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>${said("&a;")}`,
  (chance) =>
    said(
      chance.one([
        "&lol;",
        "&;",
        "&#0;",
        "&#xd800;",
        "&#x110000;",
        "&#99999999999999999999;",
        "&#x;",
        "&amp",
      ]),
    ),
  (chance) => said("x", ` a='${chance.one(["&lol;", "&#8;", "<", "&lt;b&gt;"])}'`),
  (chance) => said("&amp;".repeat(chance.below(50_000))),
  // What may not be in a stream.
  (_, text) => `<!-- ${text} -->${text}`,
  (_, text) => `<?evil ${text}?>${text}<?xml version='1.0'?>`,
  (_, text) => said(`<![CDATA[${text}]]>`) + said("<![CDATA[]]]]><![CDATA[>]]>"),
  (_, text) => `${STREAM_HEADER}${text}`,
  (_, text) => `${STREAM_END}${text}`,
  (chance, text) => `${streamError(chance)}${text}`,
  (chance, text) =>
    `${chance.one(["\n", " ", "\0", "junk &amp; junk", "\ufeff", "]]>"]).repeat(1 + chance.below(9_000))}${text}`,
  // Tags.
  (_, text) => `<message><body></message></body>${text}`,
  (_, text) => `</message>${text}`,
  (chance, text) => text.slice(0, chance.below(text.length)),
  (chance, text) =>
    `${text.slice(0, chance.below(text.length))}${text}${text.slice(chance.below(text.length))}`,
  (chance, text) => `<${chance.one(["", " ", "=", "a=b", "'", "message/", "é", "\ud83e"])}>${text}`,
  (_, text) => `<x:message xmlns:x='jabber:client' xmlns:__proto__='y'>${text}</x:message>`,
  (chance) => said("x", ` from='carol@example.test/a' xmlns='${chance.one(["", "jabber:server", "x"])}'`),
  // Much of it.
  (chance) => said("x", Array.from({ length: chance.below(20_000) }, (_, at) => ` a${at}='1'`).join("")),
  (chance) => said(`${"<a>".repeat(40 + chance.below(60_000))}`),
  (chance) => {
    const depth = 1 + chance.below(chance.below(4) === 0 ? 60_000 : 100);
    return said(`${"<a>".repeat(depth)}${"</a>".repeat(depth)}`);
  },
  (chance) => said("<a/>".repeat(chance.below(chance.below(4) === 0 ? 100_000 : 1_000))),
  (chance) => said(filled(chance, 400_000)),
  (chance) => said("x", ` ${filled(chance, 100_000)}='${filled(chance, 100_000)}'`),
  (chance) => (chance.below(10) === 0 ? said(filled(chance, 4_000_000)) : said(filled(chance, 5_000))),
  (chance) => (chance.below(10) === 0 ? " ".repeat(2_200_000) : said("")),
  // Bytes that are no text.
  (chance, text) => Buffer.concat([Buffer.from(text), chance.bytes(chance.below(2_000))]),
  (_, text) => Buffer.from(text, "utf16le"),
  (chance) => {
    const bytes = chance.one(["c0af", "eda080", "f4908080", "80", "f09f", "fffe", "c2"]);
    return Buffer.concat([
      Buffer.from(`${EVE}><body>`),
      Buffer.from(bytes, "hex"),
      Buffer.from("</body></message>"),
    ]);
  },
  bent,
  bent,
];

/** Something for an open stream. */
export function hostileXml(chance: Chance, text: string): Buffer {
  return Buffer.from(chance.one(TRICKS)(chance, text));
}

type Greeting = (socket: Socket, heard: string, chance: Chance) => void;

/** The first words are heard, and this is the answer. */
function atOnce(answer: (chance: Chance) => string | Buffer): Greeting {
  return (socket, heard, chance) => {
    if (heard.includes("<stream:stream")) socket.write(answer(chance));
  };
}

/** The server has begun as it should, and goes on like this. */
function afterHeader(answer: (chance: Chance) => string | Buffer): Greeting {
  return (socket, heard, chance) => {
    if (heard.includes("<stream:stream")) socket.write(STREAM_HEADER);
    if (heard.includes("<handshake>")) socket.write(answer(chance));
  };
}

const GREETINGS: readonly Greeting[] = [
  () => undefined,
  (socket) => void socket.end(),
  (socket) => void socket.resetAndDestroy(),
  atOnce((chance) => STREAM_HEADER.slice(0, chance.below(STREAM_HEADER.length))),
  atOnce(() => STREAM_HEADER.replace(/ id='[^']*'/, "")),
  atOnce((chance) => `${STREAM_HEADER.slice(0, -1)} a='${filled(chance, 3_000_000)}'>`),
  atOnce(() => STREAM_HEADER.replace("?>", "?><!DOCTYPE x [<!ENTITY a 'b'>]>")),
  atOnce(() => STREAM_HEADER.replace("btc.example.test", "&lol;")),
  atOnce(() => "HTTP/1.1 400 Bad Request\r\n\r\n<html>"),
  atOnce((chance) => chance.bytes(chance.below(4_000))),
  atOnce((chance) => `${STREAM_HEADER}${streamError(chance)}${STREAM_END}`),
  // Ours is the wrong secret.
  afterHeader(
    () =>
      `<stream:error><not-authorized xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>${STREAM_END}`,
  ),
  afterHeader(streamError),
  afterHeader(() => said("balance")),
  afterHeader(() => `${said("balance")}<handshake/>`),
  afterHeader(() => "<handshake>&lol;</handshake>"),
  afterHeader((chance) => hostileXml(chance, said("balance"))),
  afterHeader(() => STREAM_END),
  afterHeader(() => ""),
];

/** Says something to a component that wants to be taken in, and does not take it in. */
export function hostileGreeting(chance: Chance): (socket: Socket, heard: string) => void {
  const greeting = chance.one(GREETINGS);
  return (socket, heard) => greeting(socket, heard, chance);
}
