import fc from "fast-check";
import { afterEach, beforeEach, expect, it } from "vitest";
import { DoorUnderTest, GW, WALLET } from "../../../tests/harness/xmpp/door.ts";
import { ADDRESSES } from "../../../tests/harness/xmpp/fake-bank.ts";
import { type Element, element } from "./link/element.ts";
import { NS } from "./link/namespaces.ts";

/** `TROUPE_XMPP_STANZAS=100000` for the whole of it. */
const STANZAS = Number(process.env["TROUPE_XMPP_STANZAS"] ?? 3_000);
const AT_ONCE = 100;

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
const stanza = fc
  .record({
    name: fc.constantFrom("iq", "message", "presence"),
    type: fc.constantFrom(
      undefined,
      "get",
      "set",
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

let under: DoorUnderTest;
beforeEach(async () => {
  under = await DoorUnderTest.start();
  under.bank.open("alice", 1_000_000);
  under.bank.open("bob", 1_000);
  under.bank.open("admin", 0);
});
afterEach(() => under.stop());

it("lives through random stanzas, makes no coins, and finds no bug of its own in its log", async () => {
  const stanzas = fc.sample(stanza, STANZAS);
  let questions = 0;
  for (let at = 0; at < stanzas.length; at += AT_ONCE) {
    // As if an hour had passed, so that the guard lets them through to what is behind it.
    under.clock.advance(3_600_000);
    const before = under.sent.length;
    for (const one of stanzas.slice(at, at + AT_ONCE)) {
      under.clock.advance(1_000);
      under.link.take(one);
      if (one.name === "iq" && (one.attrs["type"] === "get" || one.attrs["type"] === "set")) questions++;
    }
    await under.settled();
    expect(
      under.sent.slice(before).every(({ attrs: { from, to } }) => from !== undefined && to !== undefined),
    ).toBe(true);
    under.link.sent.length = 0;
  }
  expect(questions).toBeGreaterThan(STANZAS / 50);
  // A question that the bank cannot answer in the tests' own way is none of the door's faults.
  expect(under.errors.filter((error) => !JSON.stringify(error).includes("BUS_"))).toEqual([]);
  const total = [...under.bank.accounts.values()].reduce((sum, { availableSat }) => sum + availableSat, 0);
  expect(total).toBeLessThanOrEqual(1_001_000);
});

it("answers others at once while one person sends 20,000 messages", async () => {
  for (let at = 0; at < 20_000; at++) {
    under.link.take(
      element(
        "message",
        "",
        { from: "alice@example.test/a", to: WALLET, type: "chat", id: `f${at}` },
        element("body", "", {}, "balance"),
      ),
    );
  }
  const answer = await under.ask("bob@example.test", GW, "get", element("ping", NS.ping));
  expect(answer.attrs["type"]).toBe("result");
  await under.settled();
  const answers = under.sent.filter(
    ({ name: kind, attrs: { to } }) => kind === "message" && to?.startsWith("alice@") === true,
  );
  expect(answers.length).toBeLessThanOrEqual(11);
});
