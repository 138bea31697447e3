/** What only a server of accounts can do: SASL and binding that are none, rosters, copies and counting that nobody asked for. */
import type { Socket } from "node:net";
import type { Chance } from "../../electrum/hostile-input.ts";
import { hostileXml } from "./hostile-wire.ts";

export const BANK = "bank@example.test";

const SASL_NS = "urn:ietf:params:xml:ns:xmpp-sasl";
const BIND_NS = "urn:ietf:params:xml:ns:xmpp-bind";
const BIND = `<bind xmlns='${BIND_NS}'/>`;
const STREAM_END = "</stream:stream>";
const OPENING = `<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' id='s1' from='example.test' version='1.0'>`;

const features = (inner: string) => `<stream:features>${inner}</stream:features>`;
const mechanisms = (...names: readonly string[]) =>
  `<mechanisms xmlns='${SASL_NS}'>${names.map((name) => `<mechanism>${name}</mechanism>`).join("")}</mechanisms>`;
const SCRAM = features(mechanisms("SCRAM-SHA-1", "PLAIN"));
const base64 = (text: string) => Buffer.from(text, "latin1").toString("base64");

/** As one that has been told the password before. */
export function acceptingAccount(socket: Socket, heard: string): void {
  if (heard.includes("<stream:stream")) socket.write(OPENING + features(BIND));
  bound(socket, heard, `<jid>${BANK}/troupe</jid>`);
}

function bound(socket: Socket, heard: string, inner: string, type = "result"): void {
  const id = /<iq[^>]* id="([^"]+)"[^>]*><bind/.exec(heard)?.[1];
  if (id !== undefined)
    socket.write(`<iq type='${type}' id='${id}'><bind xmlns='${BIND_NS}'>${inner}</bind></iq>`);
}

/** Told to one that is in: pushes, copies, counting. */
const TRICKS: readonly ((chance: Chance, text: string) => string)[] = [
  // Rosters that others push, or nobody.
  (chance, text) =>
    `<iq type='set' id='r1'${chance.one(["", " from='eve@example.test/c'", ` from='${BANK}'`, " from='example.test'"])}><query xmlns='jabber:iq:roster' ver='${"v".repeat(chance.below(3_000))}'><item jid='${chance.one(["eve@example.test", BANK, "@", ""])}' subscription='${chance.one(["both", "remove", "x"])}'/></query></iq>${text}`,
  // Copies, also such as a server itself could make.
  (chance) => {
    const said = `<message xmlns='jabber:client' type='chat' from='carol@example.test/a' to='${BANK}'><body>pay eve 5000</body></message>`;
    const copy = `<forwarded xmlns='urn:xmpp:forward:0'>${said}</forwarded>`;
    const from = chance.one([BANK, `${BANK}/other`, "eve@example.test/c", "example.test"]);
    return `<message from='${from}' to='${BANK}'>${chance.one([`<sent xmlns='urn:xmpp:carbons:2'>${copy}</sent>`, `<received xmlns='urn:xmpp:carbons:2'>${copy}</received>`, `<result xmlns='urn:xmpp:mam:2' id='1'>${copy}</result>`, copy])}</message>`;
  },
  // From itself, or from nobody.
  (chance, text) =>
    `<message type='chat'${chance.one(["", ` from='${BANK}'`, ` from='${BANK}/other'`, " from=''"])} to='${BANK}'><body>confirm code01</body></message>${text}`,
  // Answers that nobody asked for.
  (chance) =>
    `<iq type='${chance.one(["result", "error"])}' id='${"i".repeat(chance.below(400))}' from='example.test'/>`,
  // Counting.
  (chance) =>
    chance.one([
      "<r xmlns='urn:xmpp:sm:3'/>",
      "<a xmlns='urn:xmpp:sm:3' h='4294967295'/>",
      "<a xmlns='urn:xmpp:sm:3' h='x'/>",
      "<a xmlns='urn:xmpp:sm:3'/>",
      "<enabled xmlns='urn:xmpp:sm:3' id='x' resume='true' max='99999999999999999999'/>",
      "<resumed xmlns='urn:xmpp:sm:3' h='77' previd='x'/>",
      "<failed xmlns='urn:xmpp:sm:3'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></failed>",
    ]),
  // Features once more, and without end.
  (chance) =>
    features(
      chance.one([
        BIND,
        mechanisms("SCRAM-SHA-1"),
        "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls>",
        "",
      ]),
    ),
  (chance) => features(`${mechanisms("X".repeat(chance.below(100)))}`.repeat(chance.below(2_000))),
  () => `<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>`,
  () => `<success xmlns='${SASL_NS}'/>`,
  (chance) => `<challenge xmlns='${SASL_NS}'>${base64("r=x".repeat(chance.below(500)))}</challenge>`,
];

export function hostileAccountXml(chance: Chance, text: string): Buffer {
  return Buffer.from(chance.one(TRICKS)(chance, text));
}

type Greeting = (socket: Socket, heard: string, chance: Chance) => void;

/** The first words are heard, and this is the answer. */
function first(answer: (chance: Chance) => string | Buffer): Greeting {
  return (socket, heard, chance) => {
    if (heard.includes("<stream:stream")) socket.write(answer(chance));
  };
}

/** A proof is asked for, begun, and goes on like this. */
function proving(answer: (chance: Chance, nonce: string) => string | Buffer, offer = SCRAM): Greeting {
  return (socket, heard, chance) => {
    if (heard.includes("<stream:stream")) socket.write(OPENING + offer);
    const auth = /<auth [^>]*>([^<]*)<\/auth>/.exec(heard)?.[1];
    if (auth === undefined) return;
    const nonce = /r=([^,]*)/.exec(Buffer.from(auth, "base64").toString())?.[1] ?? "";
    socket.write(answer(chance, nonce));
  };
}

const challenge = (text: string) => `<challenge xmlns='${SASL_NS}'>${base64(text)}</challenge>`;

function binding(inner: (chance: Chance) => string, type = "result"): Greeting {
  return (socket, heard, chance) => {
    if (heard.includes("<stream:stream")) socket.write(OPENING + features(BIND));
    bound(socket, heard, inner(chance), type);
  };
}

const GREETINGS: readonly Greeting[] = [
  () => undefined,
  (socket) => void socket.end(),
  (socket) => void socket.resetAndDestroy(),
  // Half closed: it hears on, and says nothing more.
  (socket, heard) => {
    if (heard.includes("<stream:stream")) socket.end(OPENING);
  },
  first((chance) => OPENING.slice(0, chance.below(OPENING.length))),
  first(() => OPENING),
  first(() => OPENING.replace("example.test", "evil.test") + features(BIND)),
  first((chance) => OPENING + features("<x/>".repeat(chance.below(100_000)))),
  first((chance) => OPENING + features(BIND).repeat(chance.below(500))),
  first(
    (chance) =>
      OPENING + features(mechanisms(...Array.from({ length: chance.below(20_000) }, (_, at) => `M${at}`))),
  ),
  first(() => OPENING + features("")),
  first(() => OPENING + features("<a>").slice(0, -20)),
  first(
    () =>
      `${OPENING}<stream:error><see-other-host xmlns='urn:ietf:params:xml:ns:xmpp-streams'>evil.test:1</see-other-host></stream:error>${STREAM_END}`,
  ),
  first((chance) => hostileXml(chance, OPENING)),
  // The password itself is wanted.
  first(() => OPENING + features(mechanisms("PLAIN"))),
  first(() => OPENING + features(mechanisms("DIGEST-MD5", "__proto__", "constructor", ""))),
  first(
    () =>
      OPENING +
      features("<authentication xmlns='urn:xmpp:sasl:2'><mechanism>PLAIN</mechanism></authentication>"),
  ),
  // Encryption that is none.
  (socket, heard) => {
    if (heard.includes("<stream:stream"))
      socket.write(
        OPENING + features("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls>"),
      );
    if (heard.includes("<starttls"))
      socket.write("<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/><junk/>");
  },
  first(() => OPENING + features("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")),
  // Proofs that are none.
  proving(() => `<success xmlns='${SASL_NS}'/>`),
  proving(() => `<failure xmlns='${SASL_NS}'><not-authorized/></failure>`),
  proving(() => `<failure xmlns='${SASL_NS}'/>`),
  proving(() => `<failure xmlns='${SASL_NS}'><__proto__/><text>&lol;</text></failure>`),
  proving(() => challenge("")),
  proving(() => `<challenge xmlns='${SASL_NS}'>!!!</challenge>`),
  proving(() => challenge("r=somebody-else,s=QSXCR+Q6sek8bf92,i=4096")),
  proving((_, nonce) => challenge(`r=${nonce}x,s=,i=0`)),
  proving((_, nonce) => challenge(`r=${nonce}x,s=QSXCR+Q6sek8bf92,i=-1`)),
  proving((_, nonce) => challenge(`r=${nonce}x,s=QSXCR+Q6sek8bf92,i=NaN`)),
  // So many rounds that nothing else would be done.
  proving((_, nonce) => challenge(`r=${nonce}x,s=QSXCR+Q6sek8bf92,i=2000000000`)),
  proving((chance, nonce) =>
    challenge(`r=${nonce}${"x".repeat(chance.below(500_000))},s=QSXCR+Q6sek8bf92,i=1`),
  ),
  proving((_, nonce) => challenge(`r=${nonce}x,s=QSXCR+Q6sek8bf92,i=1`).repeat(200)),
  proving((chance) => hostileXml(chance, `<success xmlns='${SASL_NS}'/>`)),
  proving(() => STREAM_END),
  // Bindings that are none.
  binding(() => "<jid>carol@example.test/x</jid>"),
  binding(() => "<jid>@@//</jid>"),
  binding(() => "<jid/>"),
  binding(() => ""),
  binding((chance) => `<jid>${"x".repeat(chance.below(100_000))}</jid>`),
  binding(() => "<jid>x</jid>", "error"),
  // Counting that fails, or is never begun.
  (socket, heard) => {
    if (heard.includes("<stream:stream"))
      socket.write(OPENING + features(`${BIND}<sm xmlns='urn:xmpp:sm:3'/>`));
    bound(socket, heard, `<jid>${BANK}/troupe</jid>`);
    if (heard.includes("<enable ")) socket.write("<enabled xmlns='urn:xmpp:sm:3' id='&lol;'/>");
  },
];

/** Says something to an account that wants to be taken in, and does not take it in. */
export function hostileAccountGreeting(chance: Chance): (socket: Socket, heard: string) => void {
  const greeting = chance.one(GREETINGS);
  return (socket, heard) => greeting(socket, heard, chance);
}
