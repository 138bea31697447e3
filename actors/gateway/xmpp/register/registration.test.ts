import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ADDRESSES } from "../../../../tests/harness/xmpp/bank/fake-bank.ts";
import { refuse } from "../../../../tests/harness/xmpp/bank/fake-bank-admins.ts";
import { DoorUnderTest, errorTextOf, GW, payloadOf, WALLET } from "../../../../tests/harness/xmpp/door.ts";
import { conditionOf } from "../../../../tests/harness/xmpp/person.ts";
import { childOf, childTextOf, type Element, element } from "../link/element.ts";
import { NS } from "../link/namespaces.ts";

const ALICE = "alice@example.test";
const get = element("query", NS.register);
const set = (...content: Element[]) => element("query", NS.register, {}, ...content);
const username = (name: string) => element("username", NS.register, {}, name);
const submit = (values: Readonly<Record<string, string>>) =>
  element(
    "x",
    NS.xData,
    { type: "submit" },
    ...Object.entries(values).map(([name, value]) =>
      element("field", NS.xData, { var: name }, element("value", NS.xData, {}, value)),
    ),
  );

let under: DoorUnderTest;
beforeEach(async () => {
  under = await DoorUnderTest.start();
});
afterEach(() => under.stop());

describe("registration in band", () => {
  it("asks strangers for a name, by a field and by a form", async () => {
    const query = payloadOf(await under.ask(ALICE, GW, "get", get));
    expect(childOf(query, "registered", NS.register)).toBeUndefined();
    expect(childTextOf(query, "username", NS.register)).toBe("");
    expect(childTextOf(query, "instructions", NS.register)).toContain("holds the coins");
    const form = childOf(query, "x", NS.xData) as Element;
    expect(form.children).toContainEqual(
      element(
        "field",
        NS.xData,
        { var: "FORM_TYPE", type: "hidden" },
        element("value", NS.xData, {}, NS.register),
      ),
    );
  });

  it("tells those who have an account what they have", async () => {
    under.bank.open("alice");
    const query = payloadOf(await under.ask(ALICE, GW, "get", get));
    expect(childOf(query, "registered", NS.register)).toBeDefined();
    expect(childTextOf(query, "username", NS.register)).toBe("alice");
  });

  it.each<[string, (door: DoorUnderTest) => Promise<unknown>]>([
    ["the old field", (door) => door.ask(ALICE, GW, "set", set(username("alice")))],
    [
      "the form",
      (door) => door.ask(ALICE, GW, "set", set(submit({ username: "alice", terms: "1", lang: "en" }))),
    ],
    [
      "a chat",
      async (door) => {
        await door.say(ALICE, WALLET, "register alice");
        await door.say(ALICE, WALLET, "yes");
      },
    ],
    [
      "an ad-hoc command",
      async (door) => {
        const command = (attrs: Record<string, string>, ...content: Element[]) =>
          element("command", NS.commands, { node: NS.register, ...attrs }, ...content);
        const first = payloadOf(await door.ask(ALICE, GW, "set", command({})));
        const { sessionid = "" } = first.attrs;
        await door.ask(ALICE, GW, "set", command({ sessionid }, submit({ username: "alice", terms: "1" })));
      },
    ],
  ])("opens the same account by %s", async (_, registering) => {
    await registering(under);
    expect(under.bank.accounts.get(ALICE)).toMatchObject({ username: "alice", state: "open" });
  });

  it("answers first, then asks once for a place in the list, then says one word", async () => {
    const before = under.sent.length;
    await under.ask(ALICE, GW, "set", set(username("alice")));
    await under.next(({ name }) => name === "message");
    const kinds = under.sent
      .slice(before)
      .map(({ name, attrs }) => `${name} ${attrs["type"] ?? ""} ${attrs["from"]}`);
    expect(kinds).toEqual([`iq result ${GW}`, `presence subscribe ${WALLET}`, `message chat ${WALLET}`]);
  });

  it.each([
    ["", "not-acceptable", "Choose"],
    ["x", "not-acceptable", "2 to 30 characters of a-z0-9_"],
    ["wallet", "conflict", "not given"],
    ["bob", "conflict", "taken"],
  ])("refuses the name %j with %s, in words", async (name, condition, words) => {
    under.bank.open("bob");
    const answer = await under.ask(ALICE, GW, "set", set(username(name)));
    expect(conditionOf(answer)).toBe(condition);
    expect(errorTextOf(answer)).toContain(words);
  });

  it("refuses those who do not accept the terms of the form", async () => {
    const answer = await under.ask(ALICE, GW, "set", set(submit({ username: "alice", terms: "0" })));
    expect(conditionOf(answer)).toBe("not-acceptable");
    expect(under.bank.accounts.size).toBe(0);
  });

  it.each([
    ["closed", "not-allowed"],
    ["domain", "forbidden"],
    ["invite", "forbidden"],
    ["banned", "forbidden"],
  ])("says %s registration as %s", async (why, condition) => {
    under.bank.refusals.set("register", refuse("LEDGER_NOT_ALLOWED", { why }));
    expect(conditionOf(await under.ask(ALICE, GW, "set", set(username("alice"))))).toBe(condition);
  });

  it("changes a name with an answer and nothing else", async () => {
    under.bank.open("alice");
    const before = under.sent.length;
    await under.ask(ALICE, GW, "set", set(username("robert")));
    await under.settled();
    const others = under.sent.slice(before).filter(({ attrs }) => attrs["to"]?.startsWith(ALICE) === true);
    expect(others).toHaveLength(1);
    expect(under.bank.account(ALICE).username).toBe("robert");
  });

  it("refuses to remove an account with coins, and says what to do", async () => {
    under.bank.open("alice", 1_000);
    const answer = await under.ask(ALICE, GW, "set", set(element("remove", NS.register)));
    expect(conditionOf(answer)).toBe("not-allowed");
    expect(errorTextOf(answer)).toContain("leave");
  });

  it("removes an empty account, and every contact that the person has of us", async () => {
    under.bank.open("alice");
    under.bank.contacts.set(ALICE, [{ userId: null, username: null, jid: null, address: ADDRESSES[0] }]);
    const before = under.sent.length;
    const answer = await under.ask(ALICE, GW, "set", set(element("remove", NS.register)));
    expect(answer.attrs["type"]).toBe("result");
    await under.next(
      ({ attrs }) => attrs["from"] === `${ADDRESSES[0]}@${GW}` && attrs["type"] === "unavailable",
    );
    for (const from of [GW, WALLET, `${ADDRESSES[0]}@${GW}`]) {
      const types = under.sent
        .slice(before)
        .filter(({ name, attrs }) => name === "presence" && attrs["from"] === from)
        .map(({ attrs }) => attrs["type"]);
      expect(types).toEqual(["unsubscribe", "unsubscribed", "unavailable"]);
    }
  });

  it("says to strangers who want to go that they never came, and lives on", async () => {
    const answer = await under.ask(ALICE, GW, "set", set(element("remove", NS.register)));
    expect(conditionOf(answer)).toBe("registration-required");
    expect((await under.ask(ALICE, GW, "get", get)).attrs["type"]).toBe("result");
  });
});

describe("the prompt of the gateway", () => {
  const prompt = (text: string) => element("query", NS.gateway, {}, element("prompt", NS.gateway, {}, text));

  it("says what it wants, and turns it into a JID", async () => {
    under.bank.open("alice");
    under.bank.open("bob");
    const asked = payloadOf(await under.ask(ALICE, GW, "get", element("query", NS.gateway)));
    expect(childTextOf(asked, "prompt", NS.gateway)).toContain("address");
    for (const [typed, jid] of [
      [ADDRESSES[0], `${ADDRESSES[0]}@${GW}`],
      [`bitcoin:${ADDRESSES[0].toUpperCase()}?amount=0.01`, `${ADDRESSES[0]}@${GW}`],
      ["Bob", `bob@${GW}`],
    ] as const) {
      const query = payloadOf(await under.ask(ALICE, GW, "set", prompt(typed)));
      expect(childTextOf(query, "jid", NS.gateway)).toBe(jid);
    }
  });

  it("refuses nothing, nobody and strangers", async () => {
    under.bank.open("alice");
    expect(conditionOf(await under.ask(ALICE, GW, "set", prompt(" ")))).toBe("not-acceptable");
    expect(conditionOf(await under.ask(ALICE, GW, "set", prompt("nobody")))).toBe("item-not-found");
    expect(conditionOf(await under.ask("eve@example.test", GW, "set", prompt("alice")))).toBe(
      "registration-required",
    );
  });
});
