import { createHash } from "node:crypto";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ADDRESSES } from "../../../../tests/harness/xmpp/bank/fake-bank.ts";
import { refuse } from "../../../../tests/harness/xmpp/bank/fake-bank-admins.ts";
import { DoorUnderTest, GW, payloadOf } from "../../../../tests/harness/xmpp/door.ts";
import { conditionOf } from "../../../../tests/harness/xmpp/person.ts";
import {
  childOf,
  childrenOf,
  childTextOf,
  type Element,
  element,
  elementsOf,
  textOf,
} from "../link/element.ts";
import { NS } from "../link/namespaces.ts";

const ALICE = "alice@example.test";

let under: DoorUnderTest;
beforeEach(async () => {
  under = await DoorUnderTest.start();
  under.bank.open("alice", 100_000);
  under.bank.open("bob", 0);
});
afterEach(() => under.stop());

type Filled = Readonly<Record<string, string>>;

function command(
  node: string,
  attrs: Readonly<Record<string, string | undefined>>,
  values?: Filled,
): Element {
  const fields = Object.entries(values ?? {}).map(([name, value]) =>
    element("field", NS.xData, { var: name }, element("value", NS.xData, {}, value)),
  );
  const form = values === undefined ? undefined : element("x", NS.xData, { type: "submit" }, ...fields);
  return element("command", NS.commands, { node, ...attrs }, form);
}

function ask(
  node: string,
  attrs: Readonly<Record<string, string | undefined>> = {},
  values?: Filled,
  from = ALICE,
  stanza: Filled = {},
) {
  return under.ask(from, GW, "set", command(node, attrs, values), stanza);
}

const sessionOf = (answer: Element) => payloadOf(answer).attrs["sessionid"] ?? "";
const statusOf = (answer: Element) => payloadOf(answer).attrs["status"];
const noteOf = (answer: Element) => {
  const note = childOf(payloadOf(answer), "note", NS.commands);
  return note === undefined ? undefined : `${note.attrs["type"]}: ${textOf(note)}`;
};
const formOf = (answer: Element) => childOf(payloadOf(answer), "x", NS.xData) as Element;
const fieldsOf = (answer: Element) =>
  childrenOf(formOf(answer), "field", NS.xData).map(({ attrs }) => attrs["var"]);
const actionsOf = (answer: Element) => {
  const actions = childOf(payloadOf(answer), "actions", NS.commands) as Element;
  return [actions.attrs["execute"], ...elementsOf(actions).map(({ name }) => name)];
};

async function payBob(amount = "1500"): Promise<{ first: Element; second: Element; sessionid: string }> {
  const first = await ask("pay");
  const sessionid = sessionOf(first);
  const second = await ask("pay", { sessionid, action: "next" }, { to: "bob", amount, unit: "sat" });
  return { first, second, sessionid };
}

describe("ad-hoc commands", () => {
  it("pay in two forms: what, and whether really", async () => {
    const { first, second, sessionid } = await payBob();
    expect(statusOf(first)).toBe("executing");
    expect(actionsOf(first)).toEqual(["next", "next"]);
    expect(fieldsOf(first)).toEqual(["to", "amount", "unit", "memo"]);
    expect(sessionid.length).toBeGreaterThanOrEqual(22);
    expect(actionsOf(second)).toEqual(["complete", "prev", "complete"]);
    expect(childTextOf(formOf(second), "instructions", NS.xData)).toMatch(/1500 sat to bob[\s\S]*98500 sat/);
    const third = await ask("pay", { sessionid, action: "complete" }, { confirm: "1" });
    expect(statusOf(third)).toBe("completed");
    expect(noteOf(third)).toMatch(/^info: Paid 1500 sat to bob/);
    expect(under.bank.account("bob@example.test").availableSat).toBe(1_500);
  });

  it("go on without an action, as some clients send none", async () => {
    const sessionid = sessionOf(await ask("pay"));
    await ask("pay", { sessionid }, { to: "bob", amount: "5" });
    expect(noteOf(await ask("pay", { sessionid }, { confirm: "true" }))).toContain("Paid 5 sat");
  });

  it("go back, and can be given up", async () => {
    const { sessionid } = await payBob();
    const back = await ask("pay", { sessionid, action: "prev" });
    expect(fieldsOf(back)).toContain("amount");
    expect(
      childrenOf(formOf(back), "field", NS.xData).map((field) => childTextOf(field, "value", NS.xData)),
    ).toContain("1500");
    expect(statusOf(await ask("pay", { sessionid, action: "cancel" }))).toBe("canceled");
    expect(conditionOf(await ask("pay", { sessionid, action: "complete" }, { confirm: "1" }))).toBe(
      "bad-request",
    );
  });

  it("order what was put right after going back, and what was wrong no more", async () => {
    const { sessionid } = await payBob("15000");
    await ask("pay", { sessionid, action: "prev" });
    const right = await ask("pay", { sessionid, action: "next" }, { to: "bob", amount: "150", unit: "sat" });
    expect(childTextOf(formOf(right), "instructions", NS.xData)).toContain("150 sat to bob");
    expect([...under.bank.orders.values()].map(({ amountSat, state }) => `${amountSat} ${state}`)).toEqual([
      "15000 cancelled",
      "150 queued",
    ]);
    await ask("pay", { sessionid, action: "complete" }, { confirm: "1" });
    expect(under.bank.account("bob@example.test").availableSat).toBe(150);
  });

  it("pay nothing without the confirmation", async () => {
    const { sessionid } = await payBob();
    const answer = await ask("pay", { sessionid, action: "complete" }, { confirm: "0" });
    expect(noteOf(answer)).toContain("error: Not confirmed");
    expect(under.bank.account("bob@example.test").availableSat).toBe(0);
    expect(noteOf(await ask("pay", { sessionid, action: "complete" }, { confirm: "1" }))).toContain("Paid");
  });

  it("repeat the form with what is wrong", async () => {
    const sessionid = sessionOf(await ask("pay"));
    const missing = await ask("pay", { sessionid, action: "next" }, { to: "bob" });
    expect(noteOf(missing)).toContain("error: Amount?");
    const wrong = await ask("pay", { sessionid, action: "next" }, { to: "bob", amount: "1e3" });
    expect(statusOf(wrong)).toBe("executing");
    expect(noteOf(wrong)).toContain("no amount");
    expect(fieldsOf(wrong)).toContain("amount");
    expect(statusOf(await ask("pay", { sessionid, action: "next" }, { to: "bob", amount: "10" }))).toBe(
      "executing",
    );
  });

  it("say the bank's refusals as an error of the command", async () => {
    under.bank.refusals.set("order", refuse("LEDGER_FROZEN", { why: "checked" }));
    const { second } = await payBob();
    expect(statusOf(second)).toBe("completed");
    expect(noteOf(second)).toContain("error: Your account is frozen: checked");
  });

  it("have no second effect when a step comes twice", async () => {
    const { sessionid } = await payBob();
    const once = await ask("pay", { sessionid, action: "complete" }, { confirm: "1" });
    const twice = await ask("pay", { sessionid, action: "complete" }, { confirm: "1" });
    expect(payloadOf(twice)).toEqual(payloadOf(once));
    expect(under.bank.account("bob@example.test").availableSat).toBe(1_500);
    expect(under.bank.actor.calls.filter(({ method }) => method === "confirm")).toHaveLength(1);
  });

  const detailOf = (answer: Element) => {
    const error = childOf(answer, "error", "") as Element;
    return elementsOf(error).find(({ ns }) => ns === NS.commands)?.name;
  };

  it("are bound to the client, the command and half an hour", async () => {
    const { sessionid } = await payBob();
    const next = { sessionid, action: "complete" };
    expect(detailOf(await ask("pay", next, { confirm: "1" }, `${ALICE}/other`))).toBe("bad-sessionid");
    expect(detailOf(await ask("pay", next, { confirm: "1" }, "bob@example.test"))).toBe("bad-sessionid");
    expect(detailOf(await ask("confirm", next, { confirm: "1" }))).toBe("bad-sessionid");
    expect(detailOf(await ask("pay", { ...next, sessionid: "guess" }, { confirm: "1" }))).toBe(
      "bad-sessionid",
    );
    expect(detailOf(await ask("pay", { ...next, action: "explode" }))).toBe("malformed-action");
    expect(detailOf(await ask("pay", { ...next, action: "next" }, {}))).toBe("bad-action");
    under.clock.advance(31 * 60_000);
    const late = await ask("pay", next, { confirm: "1" });
    expect(detailOf(late)).toBe("session-expired");
    expect(conditionOf(late)).toBe("not-allowed");
    expect(under.bank.account("bob@example.test").availableSat).toBe(0);
  });

  it("keep five sessions for each person, the newest", async () => {
    const sessions: string[] = [];
    for (let at = 0; at < 6; at++) sessions.push(sessionOf(await ask("pay")));
    const values = { to: "bob", amount: "1" };
    expect(conditionOf(await ask("pay", { sessionid: sessions[0] }, values))).toBe("bad-request");
    expect(statusOf(await ask("pay", { sessionid: sessions[1] }, values))).toBe("executing");
  });

  it("give an address with its picture, which can be asked for again", async () => {
    const sessionid = sessionOf(await ask("receive"));
    const answer = await ask("receive", { sessionid }, { amount: "0.01 btc", label: "rent" });
    expect(statusOf(answer)).toBe("completed");
    const values = childrenOf(formOf(answer), "field", NS.xData).map((field) =>
      childTextOf(field, "value", NS.xData),
    );
    expect(values).toContain(ADDRESSES[0]);
    expect(values).toContain(`bitcoin:${ADDRESSES[0]}?amount=0.01&label=rent`);
    const data = childOf(payloadOf(answer), "data", NS.bob) as Element;
    const { cid = "" } = data.attrs;
    const hash = createHash("sha1")
      .update(Buffer.from(textOf(data), "base64"))
      .digest("hex");
    expect(cid).toBe(`sha1+${hash}@bob.xmpp.org`);
    const again = await under.ask(ALICE, GW, "get", element("data", NS.bob, { cid }));
    expect(payloadOf(again)).toEqual(data);
    const unknown = await under.ask(
      ALICE,
      GW,
      "get",
      element("data", NS.bob, { cid: "sha1+00@bob.xmpp.org" }),
    );
    expect(conditionOf(unknown)).toBe("item-not-found");
  });

  it("show history as a table, page by page", async () => {
    for (let at = 1; at <= 25; at++) {
      await under.say(ALICE, `bob@${GW}`, `pay ${at}`);
      await under.say(ALICE, `bob@${GW}`, `confirm code${String(at).padStart(2, "0")}`);
    }
    const form = await ask("history");
    const sessionid = sessionOf(form);
    const first = await ask("history", { sessionid, action: "next" }, {});
    expect(childrenOf(formOf(first), "item", NS.xData)).toHaveLength(20);
    expect(
      childrenOf(childOf(formOf(first), "reported", NS.xData) as Element, "field", NS.xData).map(
        ({ attrs }) => attrs["var"],
      ),
    ).toEqual(["date", "direction", "amount", "fee", "counterpart", "memo", "confirmations", "reference"]);
    const second = await ask("history", { sessionid, action: "next" });
    expect(childrenOf(formOf(second), "item", NS.xData)).toHaveLength(5);
    expect(statusOf(second)).toBe("completed");
  });

  it("lower a limit by the form that has them all, and touch no other", async () => {
    const form = await ask("limits");
    expect(fieldsOf(form)).toEqual(["payment", "day", "strong"]);
    const answer = await ask(
      "limits",
      { sessionid: sessionOf(form) },
      { payment: "1000", day: "50000000 sat", strong: "" },
    );
    expect(noteOf(answer)).toContain("payment: 1000 sat");
    const calls = under.bank.actor.calls.filter(({ method }) => method === "limits");
    expect(calls.map(({ input }) => input)).toEqual([{ jid: ALICE, limits: { paymentSat: 1_000 } }]);
  });

  it("set up a second factor in two goes, and take it away", async () => {
    const go = async (values: Filled) => {
      const form = await ask("factor");
      const options = childrenOf(formOf(form), "field", NS.xData)
        .flatMap((field) => childrenOf(field, "option", NS.xData))
        .map((option) => childTextOf(option, "value", NS.xData));
      return { options, note: noteOf(await ask("factor", { sessionid: sessionOf(form) }, values)) };
    };
    expect(await go({ what: "new" })).toMatchObject({
      options: ["new", "on"],
      note: expect.stringContaining("otpauth://totp/"),
    });
    expect((await go({ what: "on" })).note).toContain("error: Type: factor on CODE");
    expect((await go({ what: "on", code: "000000" })).note).toContain("error: The one-time code is wrong");
    expect((await go({ what: "on", code: "123456" })).note).toContain("info: Your second factor is on");
    expect(await go({ what: "off", code: "123456" })).toMatchObject({
      options: ["off"],
      note: expect.stringContaining("is gone"),
    });
  });

  it("change settings, quiet hours too", async () => {
    const form = await ask("settings");
    const sessionid = sessionOf(form);
    const wrong = await ask("settings", { sessionid }, { quiet: "at night" });
    expect(noteOf(wrong)).toContain('error: "at night" is no span of the day');
    const saved = await ask(
      "settings",
      { sessionid },
      { quiet: "22:00-06:00", low: "500", notices: "money" },
    );
    expect(noteOf(saved)).toBe("info: Saved.");
    expect(under.bank.account(ALICE).settings).toMatchObject({
      quietHours: { fromMinute: 1_320, untilMinute: 360 },
      lowBalanceSat: 500,
      notices: "money",
    });
  });

  it("speak the language of the first request to strangers", async () => {
    const answer = await ask(NS.register, {}, undefined, "eve@example.test", { "xml:lang": "fr-CA" });
    expect(childTextOf(formOf(answer), "title", NS.xData)).toContain("Ouvrir un compte");
    const next = await ask(NS.register, { sessionid: sessionOf(answer) }, {}, "eve@example.test");
    expect(noteOf(next)).toContain("Nom d'utilisateur");
  });

  it("are not there for those who may not have them", async () => {
    expect(conditionOf(await ask("users"))).toBe("item-not-found");
    expect(conditionOf(await ask("balance", {}, undefined, "eve@example.test"))).toBe("item-not-found");
    expect(conditionOf(await ask("nonsense"))).toBe("item-not-found");
    under.bank.open("admin");
    const users = await ask("users", {}, undefined, "admin@example.test");
    expect(statusOf(users)).toBe("executing");
  });

  it("tell the same as a chat", async () => {
    expect(noteOf(await ask("balance"))).toBe(`info: ${await under.say(ALICE, GW, "balance")}`);
  });
});
