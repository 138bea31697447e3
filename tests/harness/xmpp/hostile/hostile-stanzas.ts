/** Stanzas that no client sends, made by chance: any words at any place, and what is said in the name of somebody who never spoke. */
import fc from "fast-check";
import { type Element, element } from "../../../../actors/gateway/xmpp/link/element.ts";
import { NS } from "../../../../actors/gateway/xmpp/link/namespaces.ts";
import { ADDRESSES } from "../bank/fake-bank.ts";
import { GW, WALLET } from "../door.ts";

/** Has coins, and never says that they are to move. */
export const HONEST = "carol@example.test";

const people = [
  "alice@example.test/a",
  "bob@example.test/b",
  "eve@example.test/c",
  "example.test",
  "@",
  "x@evil.test",
  "admin@example.test/d",
];
const places = [
  GW,
  WALLET,
  `bob@${GW}`,
  `alice@${GW}`,
  `${ADDRESSES[0]}@${GW}`,
  `a-b-c@${GW}`,
  `alice\\40example.test@${GW}`,
  `\\40@${GW}`,
  `x@${GW}/${"r".repeat(2_000)}`,
  "elsewhere.test",
  "",
];
const words = [
  "pay",
  "pay 5",
  "pay bob 5 sat x",
  "confirm code01",
  "cancel",
  "yes",
  "1",
  "back",
  "next",
  "help",
  "history 2",
  "contacts add bob",
  "settings lang fr",
  "settings quiet 22:00-07:00",
  "limits payment 5",
  "factor new",
  "factor on 123456",
  "orders bob",
  "register zed",
  "leave",
  "\u0000\ud800",
  "constructor",
  "__proto__ toString",
  "bitcoin:x?amount=1",
];

function inside(name: string, ns: string, body: Element): Element {
  const said = element("message", "jabber:client", { from: `${HONEST}/a`, to: WALLET, type: "chat" }, body);
  const forwarded = element("forwarded", NS.forward, {}, said);
  return name === "forwarded" ? forwarded : element(name, ns, {}, forwarded);
}

function spoofed(from: string, type: string, id: string, ...children: readonly Element[]): Element {
  return element("message", "", { from, to: WALLET, type, id }, ...children);
}

const SPOOFS: readonly ((body: Element, id: string) => Element)[] = [
  (body, id) => spoofed("eve@example.test/c", "chat", id, inside("forwarded", NS.forward, body)),
  (body, id) => spoofed(`${HONEST}/a`, "chat", id, body, inside("received", NS.carbons, body)),
  (body, id) => spoofed(`${HONEST}/a`, "chat", id, body, inside("sent", NS.carbons, body)),
  (body, id) => spoofed(`${HONEST}/a`, "groupchat", id, body),
  (body, id) => spoofed(`${HONEST}/a`, "error", id, body),
  (body, id) => spoofed(`${HONEST}/a`, "headline", id, body),
  (body, id) => spoofed(`carol@${GW}`, "chat", id, body),
  (body, id) => spoofed(`carol\\40example.test@${GW}/a`, "chat", id, body),
  (body, id) => spoofed("carol@example.test.evil.test/a", "chat", id, body),
  (body, id) => spoofed("carol@evil.test/carol@example.test", "chat", id, body),
  (body, id) => spoofed("example.test/carol@example.test", "chat", id, body),
];

const text = fc.oneof(
  fc.constantFrom(...words),
  fc.string({ maxLength: 60 }),
  fc.string({ unit: "binary", maxLength: 30 }),
);
const name = fc.constantFrom(
  "query",
  "x",
  "command",
  "body",
  "field",
  "value",
  "ping",
  "vCard",
  "pubsub",
  "items",
  "remove",
  "username",
  "prompt",
  "received",
  "request",
  "delay",
  "data",
  "error",
  "__proto__",
  "constructor",
);
const ns = fc.constantFrom("", ...Object.values(NS), "urn:nobody", "__proto__");
const attrs = fc.dictionary(
  fc.constantFrom(
    "node",
    "action",
    "sessionid",
    "var",
    "type",
    "id",
    "stamp",
    "cid",
    "xml:lang",
    "hasOwnProperty",
  ),
  fc.oneof(
    fc.constantFrom(
      "pay",
      "receive",
      "execute",
      "next",
      "complete",
      "submit",
      "users",
      "addresses",
      NS.register,
      "NaN",
    ),
    text,
  ),
  { maxKeys: 4 },
);
const tree = fc.letrec<{ element: Element }>((tie) => ({
  element: fc
    .record({
      name,
      ns,
      attrs,
      children: fc.array(fc.oneof({ depthSize: "small", withCrossShrink: true }, text, tie("element")), {
        maxLength: 4,
      }),
    })
    .map((made) => made as Element),
})).element;
/** In the name of somebody who has said nothing: what others forward, groups repeat, or strangers sign with his name. */
const spoof = fc
  .record({
    text: fc.constantFrom(...words),
    way: fc.nat(SPOOFS.length - 1),
    id: fc.string({ maxLength: 8 }),
  })
  .map(({ text: said, way, id }) =>
    (SPOOFS[way] as (body: Element, id: string) => Element)(element("body", "", {}, said), id),
  );
const stanza = fc
  .record({
    name: fc.constantFrom("iq", "message", "presence"),
    type: fc.constantFrom(
      undefined,
      // More often than the others: only these are looked at.
      ...["get", "get", "set", "set", "chat"],
      "result",
      "error",
      "chat",
      "groupchat",
      "subscribe",
      "unsubscribe",
      "probe",
      "unavailable",
      "subscribed",
      "nonsense",
    ),
    from: fc.constantFrom(...people),
    to: fc.constantFrom(...places),
    id: fc.string({ maxLength: 8 }),
    children: fc.array(tree, { maxLength: 3 }),
    body: fc.option(text, { nil: undefined }),
  })
  .map(({ name: kind, type, from, to, id, children, body }) =>
    element(
      kind,
      "",
      { type, from, to, id },
      ...children,
      body === undefined ? undefined : element("body", "", {}, body),
    ),
  );
const any = fc.oneof({ weight: 9, arbitrary: stanza }, { weight: 1, arbitrary: spoof });

/** The same seed gives the same stanzas. */
export function hostileStanzas(count: number, seed: number): Element[] {
  return fc.sample(any, { numRuns: count, seed });
}
