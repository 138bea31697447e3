import { afterEach, beforeEach, expect, it } from "vitest";
import { SEED } from "../../../tests/harness/seed.ts";
import { refuse } from "../../../tests/harness/xmpp/bank/fake-bank-admins.ts";
import { DoorUnderTest, GW, WALLET } from "../../../tests/harness/xmpp/door.ts";
import { ACCOUNT, COMPONENT } from "../../../tests/harness/xmpp/hostile/attacked.ts";
import { HONEST, hostileStanzas } from "../../../tests/harness/xmpp/hostile/hostile-stanzas.ts";
import { XmppFuzz } from "../../../tests/harness/xmpp/hostile/xmpp-fuzz.ts";
import { conditionOf } from "../../../tests/harness/xmpp/person.ts";
import { isOverProsody } from "../../../tests/harness/xmpp/wire/wires.ts";
import { withoutWire } from "../../../tests/harness/xmpp/wire/without-wire.ts";
import { element } from "./link/element.ts";
import { NS } from "./link/namespaces.ts";

/** `TROUPE_XMPP_STANZAS=100000` for the whole of it. */
const STANZAS = Number(process.env["TROUPE_XMPP_STANZAS"] ?? (isOverProsody ? 900 : 3_000));
/** Over a wire all of them come in one moment of the door's time. */
const AT_ONCE = isOverProsody ? 30 : 100;

let under: DoorUnderTest;
beforeEach(async () => {
  under = await DoorUnderTest.start();
  under.bank.open("alice", 1_000_000);
  under.bank.open("bob", 1_000);
  under.bank.open("admin", 0);
  under.bank.open("carol", 5_000);
});
afterEach(() => under.stop());

it("lives through random stanzas, makes no coins, and finds no bug of its own in its log", async () => {
  const stanzas = hostileStanzas(STANZAS, SEED).filter((one) => under.link.couldTake(one));
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
  expect(total).toBeLessThanOrEqual(1_006_000);
  expect(under.bank.account(HONEST).availableSat).toBeGreaterThanOrEqual(5_000);
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

it("refuses names and JIDs that are longer than any, in words for people and as no bug of its own", async () => {
  const long = `${"a".repeat(1_500)}@${"b".repeat(1_200)}`;
  for (const words of [`pay ${long} 5`, `contacts add ${long}`, `orders ${long}`, `history ${long}`]) {
    expect(await under.say("alice@example.test", WALLET, words)).toContain("There is nobody of this name");
    await under.say("alice@example.test", WALLET, "cancel");
    under.clock.advance(5_000);
  }
  const form = { first: "a-z", rest: "a-z0-9_", fewest: 2, most: 30 };
  const refuseNext = (method: string) =>
    under.bank.refusals.set(method, refuse("LEDGER_USERNAME", { why: "form", form }));
  const name = "x".repeat(300);
  refuseNext("register");
  await under.say("eve@example.test", WALLET, `register ${name}`);
  expect(await under.say("eve@example.test", WALLET, "1")).toContain("A user name has 2 to 30 characters");
  for (const [who, method] of [
    ["eve@example.test", "register"],
    ["alice@example.test", "rename"],
  ] as const) {
    refuseNext(method);
    const username = element("username", NS.register, {}, name);
    const answer = await under.ask(who, GW, "set", element("query", NS.register, {}, username));
    expect(conditionOf(answer)).toBe("not-acceptable");
  }
  expect(under.errors).toEqual([]);
});

withoutWire.each([
  ["component", COMPONENT],
  ["account", ACCOUNT],
])(
  "lives through hostile streams of a server as its %s, answers an honest person after each, and books nothing that nobody confirmed",
  async (_, attacked) => {
    const fuzz = await XmppFuzz.start(SEED, attacked);
    try {
      await fuzz.run(3_000);
      // Where a flood is drawn it is most of all, and is answered once.
      expect(fuzz.report.refused).toBeGreaterThan(10);
      expect(fuzz.report.streams).toBeGreaterThan(2);
    } finally {
      await fuzz.close();
    }
  },
);
