import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type CoinjoinRun, takerContract } from "../../../../../bus/contracts/taker.ts";
import { type FakeActor, fakeActor } from "../../../../../bus/fake.ts";
import { TroupeError } from "../../../../../runtime/errors.ts";
import { waitFor } from "../../../../../tests/harness/wait-for.ts";
import { ADDRESSES } from "../../../../../tests/harness/xmpp/bank/fake-bank.ts";
import { coinjoinRun } from "../../../../../tests/harness/xmpp/coinjoin-run.ts";
import { DoorUnderTest, GW, payloadOf, WALLET } from "../../../../../tests/harness/xmpp/door.ts";
import { childOf, childTextOf, type Element, element, elementsOf } from "../../link/element.ts";
import { NS } from "../../link/namespaces.ts";

const ALICE = "alice@example.test";
const BOB = "bob@example.test";
const OPERATOR = "owner@example.test";
const [ADDRESS] = ADDRESSES;
const IN_FOURS = ADDRESS.replace(/.{4}(?=.)/g, "$& ");

let under: DoorUnderTest;
let taker: FakeActor<typeof takerContract>;
let run: CoinjoinRun;
beforeEach(async () => {
  under = await DoorUnderTest.start({ bank_operators: [OPERATOR] });
  under.bank.open("alice", 100_000);
  under.bank.open("bob", 100_000);
  under.bank.open("owner", 0, { isOwner: true });
  run = coinjoinRun();
  taker = await fakeActor(under.world, takerContract, {
    run: ({ id }) => ({ ...run, id }),
    runs: () => ({ runs: [run] }),
    tumbles: () => ({ tumbles: [] }),
  });
  await allowed(true);
});
afterEach(async () => {
  await taker.stop();
  await under.stop();
});

async function allowed(isMixing: boolean): Promise<void> {
  under.bank.isMixing = isMixing;
  under.bank.actor.publisher.state("bank", under.bank.status());
  await under.settled();
}

const say = (words: string, who = ALICE, to = WALLET) => under.say(who, to, words);
const asked = () => under.bank.actor.calls.filter(({ method }) => method === "mix").map(({ input }) => input);

describe("paying by a coinjoin", () => {
  it("tells beforehand what it will cost and may cost, and is confirmed by its code", async () => {
    const recap = await say(`mix 50000 3 ${ADDRESS}`);
    expect(recap.split("\n").slice(0, 6)).toEqual([
      `Pay 50000 sat to ${IN_FOURS}`,
      "Network: regtest",
      "By a coinjoin with 3 makers; it may take minutes",
      "Cost: 1200 sat, at most 2400 sat (4.80 % of the amount)",
      "Of that (at most): for makers 300 sat (600 sat), for miners 900 sat (1800 sat)",
      "You keep 48800 sat",
    ]);
    const code = /confirm (\S+)/.exec(recap)?.[1] ?? "";
    expect(await say(`confirm ${code}`)).toMatch(/^The coinjoin that pays 50000 sat begins/);
  });

  it("takes the address before or behind the amount, a unit, a link, or the chat that it is said in", async () => {
    await say(`mix ${ADDRESS} 1000`);
    await say(`mix 0.00002 btc ${ADDRESS}`);
    await say(`mix 3 000 sat 12 ${ADDRESS}`);
    await say(`mix 4000 5 bitcoin:${ADDRESS}?message=rent`);
    await say("mix 5000 2", ALICE, `${ADDRESS}@${GW}`);
    await say(`melanger 6000 ${ADDRESS} again`);
    await say(`mi 7000 ${ADDRESS}`);
    expect(asked()).toMatchObject([
      { amountSat: 1_000, address: ADDRESS, isMeant: false },
      { amountSat: 2_000, address: ADDRESS },
      { amountSat: 3_000, makers: 12, address: ADDRESS },
      { amountSat: 4_000, makers: 5, memo: "rent" },
      { amountSat: 5_000, makers: 2, address: ADDRESS },
      { amountSat: 6_000, isMeant: true },
      { amountSat: 7_000 },
    ]);
    expect(asked()[0]).not.toHaveProperty("makers");
  });

  it("asks again for what it cannot read, and pays nobody by his name", async () => {
    expect(await say(`mix much ${ADDRESS}`)).toContain('"much" is no amount');
    await say("cancel");
    expect(await say("mix 1000 bob")).toContain("no address of our network");
    await say("cancel");
    expect(await say(`mix 1000 21 ${ADDRESS}`)).toContain('"21" is no number of makers. Between 1 and 20.');
    await say("cancel");
    expect(await say(`mix 1000 many ${ADDRESS}`)).toContain('"many" is no number of makers');
    expect(asked()).toEqual([]);
  });

  it("is not offered where the operator has not allowed it, which is said to whoever asks for it", async () => {
    expect(await say("help")).toContain("mix AMOUNT [UNIT] [MAKERS] ADDRESS");
    await allowed(false);
    expect(await say("help")).not.toContain("mix");
    expect(await say(`mix 1000 ${ADDRESS}`)).toBe(
      "Those who run this bank have not allowed payments by coinjoins.",
    );
    expect(asked()).toEqual([]);
  });

  it("says why none can be made", async () => {
    const why = async (reason: string) => {
      under.bank.refusals.set("mix", new TroupeError({ code: "LEDGER_COINJOIN", why: reason }, "no"));
      return await say(`mix 1000 ${ADDRESS} again`);
    };
    expect(await why("makers")).toContain("Too few makers");
    for (const reason of ["away", "busy", "market"]) expect(await why(reason)).toContain("Try again later");
    expect(await why("price")).toContain("ask more than");
  });
});

const isState = (child: Element | string) => typeof child !== "string" && child.ns === NS.chatStates;
const isComposing = (child: Element | string) => isState(child) && (child as Element).name === "composing";

describe("while the market is asked", () => {
  /** The bank waits for the market until it is let go. */
  function waiting(): () => void {
    let go = () => {};
    const until = new Promise<void>((resolve) => {
      go = resolve;
    });
    under.bank.beforeMixed = () => until;
    return go;
  }
  const asksMarket = () => waitFor("the market to be asked", () => asked().length > 0);
  const toAlice = (since: number) =>
    under.sent.slice(since).filter(({ name, attrs }) => name === "message" && attrs["to"]?.startsWith(ALICE));
  const shown = (stanza: Element) => childTextOf(stanza, "body", "") ?? elementsOf(stanza)[0]?.name;
  const command = (attrs: Record<string, string>, ...content: Element[]) =>
    under.ask(ALICE, GW, "set", element("command", NS.commands, { node: "mix", ...attrs }, ...content));
  const submit = (values: Record<string, string>) => {
    const fields = Object.entries(values).map(([name, value]) =>
      element("field", NS.xData, { var: name }, element("value", NS.xData, {}, value)),
    );
    return element("x", NS.xData, { type: "submit" }, ...fields);
  };
  const ASKING = /^The market is asked what it will cost\. That may take up to 2 min/;

  it("a client that shows states is shown that an answer is written, and after seconds everybody is told why it takes long", async () => {
    const go = waiting();
    const since = under.sent.length;
    under.tell(ALICE, WALLET, `mix 50000 3 ${ADDRESS}`, element("active", NS.chatStates));
    await asksMarket();
    under.clock.advance(400);
    await under.next(({ children }) => children.some(isComposing), since);
    expect(toAlice(since).map(shown)).toEqual(["composing"]);
    under.clock.advance(3_000);
    await waitFor("a word", () => toAlice(since).length >= 3);
    expect(toAlice(since).map(shown)).toEqual(["composing", expect.stringMatching(ASKING), "composing"]);
    expect(toAlice(since)[1]?.attrs["id"]).toMatch(/^wait-/);
    go();
    await waitFor("the price", () => toAlice(since).length >= 4);
    const price = toAlice(since)[3] as Element;
    expect(shown(price)).toContain("Cost: 1200 sat");
    expect(childOf(price, "active", NS.chatStates)).toBeDefined();
    // Once each, and nothing more however long it takes after.
    under.clock.advance(60_000);
    await under.settled();
    expect(toAlice(since)).toHaveLength(4);
    expect(asked()).toHaveLength(1);
  });

  it("others hear the word alone, in their language, and nothing at all where the answer comes soon", async () => {
    const before = under.sent.length;
    await say(`mix 1000 ${ADDRESS}`);
    await say("cancel");
    await say("settings lang fr");
    under.clock.advance(60_000);
    await under.settled();
    expect(
      toAlice(before)
        .map(shown)
        .some((text) => ASKING.test(text ?? "")),
    ).toBe(false);
    const go = waiting();
    const since = under.sent.length;
    const asking = asked().length;
    under.tell(ALICE, WALLET, `mix 2000 ${ADDRESS}`);
    await waitFor("the market to be asked", () => asked().length > asking);
    under.clock.advance(3_000);
    await waitFor("a word", () => toAlice(since).length > 0);
    expect(shown(toAlice(since)[0] as Element)).toMatch(/^On demande au marché .* jusqu'à 2 min/);
    go();
    await waitFor("the price", () => toAlice(since).length >= 2);
    expect(toAlice(since).flatMap(({ children }) => children.filter(isState))).toEqual([]);
  });

  it("a form says so too, and its next step has the price; it is asked for once", async () => {
    const go = waiting();
    const { sessionid = "" } = payloadOf(await command({})).attrs;
    const form = submit({ amount: "50000", unit: "sat", to: ADDRESS, makers: "3" });
    const instructionsOf = (answer: Element) =>
      childTextOf(childOf(payloadOf(answer), "x", NS.xData) as Element, "instructions", NS.xData);
    const first = command({ sessionid, action: "next" }, form);
    await asksMarket();
    under.clock.advance(8_000);
    expect(instructionsOf(await first)).toMatch(ASKING);
    expect(payloadOf(await first).attrs["status"]).toBe("executing");
    const second = command({ sessionid, action: "next" });
    await under.settled();
    under.clock.advance(8_000);
    expect(instructionsOf(await second)).toMatch(ASKING);
    go();
    expect(instructionsOf(await command({ sessionid, action: "next" }))).toContain("Cost: 1200 sat");
    const paid = await command({ sessionid, action: "complete" }, submit({ confirm: "1" }));
    expect(payloadOf(paid).attrs["status"]).toBe("completed");
    expect(asked()).toHaveLength(1);
  });

  it("a form can be given up, and says a refusal that comes late", async () => {
    const go = waiting();
    under.bank.isMixing = false;
    const form = submit({ amount: "5000", to: ADDRESS });
    const begun = async () => payloadOf(await command({})).attrs["sessionid"] ?? "";
    const [given, kept] = [await begun(), await begun()];
    const waits = [given, kept].map((sessionid) => command({ sessionid, action: "next" }, form));
    await waitFor("the market to be asked", () => asked().length === 2);
    under.clock.advance(8_000);
    await Promise.all(waits);
    expect(payloadOf(await command({ sessionid: given, action: "cancel" })).attrs["status"]).toBe("canceled");
    go();
    const late = payloadOf(await command({ sessionid: kept, action: "next" }));
    expect(childOf(late, "note", NS.commands)?.attrs["type"]).toBe("error");
    expect(late.attrs["status"]).toBe("completed");
  });
});

describe("while a person's coinjoin is on its way", () => {
  async function begun(): Promise<string> {
    const recap = await say(`mix 50000 3 ${ADDRESS}`);
    await say(`confirm ${/confirm (\S+)/.exec(recap)?.[1] ?? ""}`);
    return [...under.bank.orders.values()].at(-1)?.order ?? "";
  }
  const progress = () =>
    under.sent
      .filter(({ attrs }) => attrs["id"]?.startsWith("mx-"))
      .map((stanza) => [stanza.attrs["to"], childTextOf(stanza, "body", "")]);
  async function further(id: string, change: Partial<CoinjoinRun>): Promise<void> {
    run = { ...run, ...change, id };
    taker.publisher.event("run.changed", { id, phase: run.phase, isOver: run.isOver });
    await under.settled();
  }

  it("he is told how far it is, and nobody else; its end the ledger tells", async () => {
    const id = await begun();
    await further(id, { makersGood: 2 });
    await waitFor("progress", () => progress().length > 0);
    expect(progress()).toEqual([[ALICE, `Coinjoin ${id}: 2 of 3 makers agree.`]]);
    await further(id, { phase: "done", isOver: true });
    under.clock.advance(60_000);
    await under.settled();
    expect(progress()).toHaveLength(1);
  });

  it("he can give it up by its number, as long as the bank lets him, and is told why not where it does not", async () => {
    const recap = await say(`mix 50000 3 ${ADDRESS}`);
    const begins = await say(`confirm ${/confirm (\S+)/.exec(recap)?.[1] ?? ""}`);
    const command =
      /Until it is signed you can give it up. Type: (cancel [0-9a-f]{16})$/m.exec(begins)?.[1] ?? "";
    const [, id] = command.split(" ");
    under.bank.refusals.set("cancel", new TroupeError({ code: "LEDGER_ORDER_OVER", state: "signed" }, "no"));
    expect(await say(command)).toContain("signed already and may be sent at any moment");
    under.bank.refusals.set("cancel", new TroupeError({ code: "LEDGER_NOT_OPEN", why: "locked" }, "no"));
    expect(await say(`${command} `)).toContain("cannot be asked just now");
    expect(await say(command.toUpperCase())).toBe(`Given up: 50000 sat to ${IN_FOURS}.`);
    const wishes = under.bank.actor.calls.filter(({ method }) => method === "cancel");
    expect(wishes.map(({ input }) => input)).toEqual(Array(3).fill({ jid: ALICE, which: { order: id } }));
    expect(await say("jobs")).toBe("Nothing is under way.");
  });

  it("it is among his jobs and not among others', and once among those of who runs the troupe", async () => {
    const id = await begun();
    run = { ...run, id, makersGood: 1 };
    const job = `${id}: payment of 50000 sat to ${IN_FOURS}: Coinjoin ${id}: 1 of 3 makers agree.`;
    expect(await say("jobs")).toBe(`Under way\n${job}`);
    expect(await say("jobs", BOB)).toBe("Nothing is under way.");
    under.bank.change(ALICE, { isOwner: true });
    await under.settled();
    expect(await say("jobs")).toBe(`Under way\n${job}`);
  });
});
