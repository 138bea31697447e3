import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { LedgerMovement } from "../../../../bus/contracts/ledger/objects.ts";
import { mempoolContract } from "../../../../bus/contracts/mempool.ts";
import { fakeActor } from "../../../../bus/fake.ts";
import { ADDRESSES, TXID } from "../../../../tests/harness/xmpp/bank/fake-bank.ts";
import { refuse } from "../../../../tests/harness/xmpp/bank/fake-bank-admins.ts";
import { DoorUnderTest, GW, payloadOf, WALLET } from "../../../../tests/harness/xmpp/door.ts";
import { LANGUAGES } from "../language/texts.ts";
import { childOf, childTextOf, type Element, element } from "../link/element.ts";
import { NS } from "../link/namespaces.ts";

const ALICE = "alice@example.test";
const BOB = `bob@${GW}`;
const ADDRESS = `${ADDRESSES[2]}@${GW}`;

const DEPOSIT: LedgerMovement = {
  entry: 1,
  atS: 1_700_000_000,
  kind: "deposit",
  changeSat: 5_000,
  feeSat: 0,
  balanceSat: 5_000,
  counterpart: null,
  memo: "",
  order: null,
  txid: TXID,
  confirmations: 3,
};

let under: DoorUnderTest;
beforeEach(async () => {
  under = await DoorUnderTest.start();
  under.bank.open("alice", 100_000);
  under.bank.open("bob", 0);
});
afterEach(() => under.stop());

const say = (to: string, words: string, ...more: Element[]) => under.say(ALICE, to, words, ...more);
const mine = () => [...under.bank.orders.values()].filter(({ jid }) => jid === ALICE);

describe("words", () => {
  it("may be shortened as long as they are not ambiguous; the whole word always wins", async () => {
    expect(await say(WALLET, "bal")).toContain("100000 sat");
    expect(await say(WALLET, "BALANCE")).toContain("100000 sat");
    expect(await say(WALLET, "co")).toBe('"co" could be: contacts, confirm.');
    expect(await say(WALLET, "hi")).toContain("Nothing has happened");
    expect(await say(WALLET, "xyzzy")).toContain("xyzzy");
  });

  it("may be of any language, and are answered in the person's own", async () => {
    expect(await say(WALLET, "solde")).toContain("You have");
    expect(await say(WALLET, "settings lang fr")).toBe("Enregistré.");
    expect(await say(WALLET, "balance")).toContain("Vous avez 100000 sat");
    expect(await say(WALLET, "Étiquette")).toContain("Adresse");
  });

  it("tell what a stranger speaks, who may say yes in any language", async () => {
    const carol = (words: string) => under.say("carol@example.test", WALLET, words);
    expect(await carol("Inscription carol")).toContain("J'accepte");
    expect(await carol("YES")).toContain("Bienvenue, carol");
    expect(await carol("help solde")).toContain("Ce que vous avez".toLowerCase());
    const dave = (words: string) => under.say("dave@example.test", WALLET, words);
    expect(await dave("register dave")).toContain("I accept");
    expect(await dave("oui")).toContain("Welcome, dave");
  });

  it("differ by place: help tells what there is here", async () => {
    const atGateway = await say(WALLET, "help");
    for (const word of ["balance", "receive", "pay WHO AMOUNT", "settings", "leave"])
      expect(atGateway).toContain(word);
    expect(atGateway).not.toContain("freeze");
    const atBob = await say(BOB, "help");
    expect(atBob).toContain("pay AMOUNT");
    expect(atBob).not.toContain("receive");
    expect(await say(`alice@${GW}`, "help")).not.toContain("pay AMOUNT");
    expect(await say(WALLET, "help hist")).toContain("history [PAGE] [WHO]");
    expect(await say(BOB, "balance")).toContain("makes no sense here");
  });

  it("of strangers are answered with what they lack", async () => {
    for (const to of [WALLET, GW, BOB])
      expect(await under.say("eve@example.test", to, "balance")).toContain("register NAME");
    expect(await under.say("eve@example.test", WALLET, "help")).toContain("register");
  });

  it("of an admin are for admins", async () => {
    under.bank.open("admin");
    expect(await say(WALLET, "users")).toContain("Only those who run");
    expect(await under.say("admin@example.test", WALLET, "users")).toContain(
      "alice (alice@example.test): open, 100000 sat",
    );
    expect(await under.say("admin@example.test", WALLET, "freeze bob for a reason")).toBe("bob: frozen");
    expect(await under.say("admin@example.test", WALLET, "pay alice 5")).toContain("needs 5 sat");
  });
});

describe("what one has", () => {
  it("is told in another unit, and asked for with an amount in any", async () => {
    expect(await say(WALLET, "balance btc")).toContain("You have 0.00100000 BTC");
    expect(await say(WALLET, "balance euro")).toContain("sat, btc, mbtc");
    const asked = async (words: string) => /bitcoin:\S+/.exec(await say(WALLET, words))?.[0]?.split("?")[1];
    expect(await asked("receive 0.01 btc the dinner")).toBe("amount=0.01&label=the%20dinner");
    expect(await asked("receive 1500 lunch")).toBe("amount=0.000015&label=lunch");
    expect(await asked("receive 3 wise men btc")).toBe("amount=0.00000003&label=wise%20men%20btc");
  });

  it("came to an address of one's own from nobody knows whom", async () => {
    const own = { userId: null, username: null, jid: null, address: ADDRESSES[1] };
    under.bank.movements.set(ALICE, [{ ...DEPOSIT, counterpart: own }]);
    expect(await say(WALLET, "history")).toContain("+ 5000 sat at bcrt 1q6r z28m");
  });

  it("is not paid to oneself: at an address of one's own there is no word for it", async () => {
    expect(await say(ADDRESS, "help")).toContain("pay AMOUNT [UNIT] [MEMO]: pay whom this chat is with");
    expect(await say(ADDRESS, "help")).not.toContain("label");
    under.bank.given.set(ADDRESSES[2], { jid: ALICE, label: "" });
    expect(await say(ADDRESS, "pay 5")).toContain("makes no sense here");
    for (const word of ["pay", "orders", "confirm"]) expect(await say(ADDRESS, "help")).not.toContain(word);
    expect(await say(ADDRESS, "label rent")).toContain("rent");
  });

  it("and the network's fees are told by status, where somebody knows them", async () => {
    expect(await say(WALLET, "status")).not.toContain("sat/vB");
    const mempool = await fakeActor(under.world, mempoolContract, {
      feeEstimates: ({ targets }) => ({
        results: targets.map((blocks) => (blocks === 144 ? null : 9_000 / blocks)),
      }),
    });
    expect(await say(WALLET, "status")).toContain(
      "Fees of the network: 9.0 sat/vB for the next block, 1.5 sat/vB for 6 blocks",
    );
    await mempool.stop();
  });
});

describe("payments", () => {
  it("are recapped with everything that matters, confirmed by their code, and told", async () => {
    const recap = await say(BOB, "pay 1500 for the beer");
    for (const part of [
      "Pay 1500 sat to bob",
      "Memo: for the beer",
      "Fee: none",
      "You keep 98500 sat",
      "confirm code01",
    ])
      expect(recap).toContain(part);
    expect(await say(BOB, "confirm code01")).toContain("Paid 1500 sat to bob.");
    expect(under.bank.account("bob@example.test").availableSat).toBe(1_500);
    expect(await say(WALLET, "history")).toContain("− 1500 sat to bob (for the beer)");
    expect(await say(WALLET, "history bob")).toContain("1500");
    expect(await say(ADDRESS, "history")).toContain("Nothing has happened");
    expect(await say(WALLET, "confirm nope")).toContain("no open payment with this code. Tries left: 4");
  });

  it("ask at the gateway for whom, step by step, with a way out", async () => {
    expect(await say(WALLET, "pay")).toContain("Address, user name");
    expect(await say(WALLET, "bob")).toContain("Amount?");
    expect(await say(WALLET, "back")).toContain("Address, user name");
    expect(await say(WALLET, "bob")).toContain("Amount?");
    expect(await say(WALLET, "20")).toContain("Unit?");
    expect(await say(WALLET, "7")).toContain("one of the numbers");
    expect(await say(WALLET, "1")).toContain("Memo?");
    expect(await say(WALLET, "next")).toContain("Pay 20 sat to bob");
    await say(WALLET, "pay bob");
    expect(await say(WALLET, "cancel")).toBe("Given up.");
    await say(WALLET, "pay bob");
    under.clock.advance(11 * 60_000);
    expect(await say(WALLET, "balance")).toContain("You have");
    expect(mine()).toHaveLength(1);
  });

  it("to an address go out, with their fee and transaction", async () => {
    const recap = await say(ADDRESS, "pay 0.0005 btc rent");
    expect(recap).toContain("Pay 50000 sat to bcrt 1q47");
    expect(recap).toContain("Network: regtest");
    expect(recap).toContain("Fee: 200 sat, at most 400 sat");
    expect(await say(WALLET, "confirm code01")).toContain(TXID);
  });

  it.each([
    ["pay 1 500", "Pay 1500 sat"],
    ["pay 12 500 sat for beer", "Pay 12500 sat"],
    ["pay 0.000 015 btc", "no amount"],
    ["pay 5 100 beers", "no amount"],
    ["pay 5 beers", "Pay 5 sat"],
    ["pay 15 10 beers", "Pay 15 sat"],
  ])("read digits in groups, and ask where they may be something else: %s", async (words, answer) => {
    expect(await say(BOB, words)).toContain(answer);
  });

  it("warn when little is left", async () => {
    expect(await say(BOB, "pay 95000")).toContain("Careful: that leaves you with 5000 sat");
    expect(await say(BOB, "pay 10")).not.toContain("Careful");
  });

  it.each([
    [WALLET, "pay alice 5", "yourself"],
    [`alice@${GW}`, "pay 5", "makes no sense here"],
    [BOB, "pay 200000", "needs 200000 sat, and you have 100000 sat"],
    [BOB, "pay 1,000 btc", "two ways"],
    [BOB, "pay 0", "more than nothing"],
    [BOB, "pay 1e3", "no amount"],
    [WALLET, "pay nobody 5", "nobody of this name"],
    [WALLET, "pay eve@example.test 5", "nobody of this name"],
    [`ghost@${GW}`, "pay 5", "nobody of this name"],
    [`eve\\40example.test@${GW}`, "pay 5", "nobody of this name"],
    [WALLET, "pay bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4 5", "nobody of this name"],
  ])("at %s refuse %j: %s", async (to, words, reason) => {
    expect(await say(to, words)).toContain(reason);
    expect(mine()).toHaveLength(0);
  });

  it("take bitcoin: links, and refuse those that say something else than the person", async () => {
    expect(await say(WALLET, `bitcoin:${ADDRESSES[2]}?amount=0.0001&message=thanks`)).toMatch(
      /Pay 10000 sat[\s\S]*Memo: thanks/,
    );
    expect(await say(WALLET, `pay bitcoin:${ADDRESSES[2]}?amount=0.0001 20000`)).toContain(
      "another than yours",
    );
    await say(WALLET, "cancel");
    expect(await say(WALLET, `bitcoin:${ADDRESSES[2]}?req-x=1`)).toContain("demands something");
  });

  it("are listed where no code is given: all at the gateway, its own at a recipient", async () => {
    await say(BOB, "pay 1");
    await say(ADDRESS, "pay 2000");
    expect(await say(WALLET, "confirm")).toMatch(/code01[\s\S]*code02/);
    for (const word of ["confirm", "cancel", "orders"]) {
      const here = await say(BOB, word);
      expect(here, word).toContain("code01");
      expect(here, word).not.toContain("code02");
    }
    expect(await say(BOB, "cancel code01")).toBe("Given up: 1 sat to bob.");
    expect(await say(BOB, "cancel code02")).toContain("somebody else");
    expect(await say(WALLET, "orders")).toContain("No payment waits");
  });

  it("are listed of one recipient: by his name, his JID, or an address in any case", async () => {
    await say(BOB, "pay 1");
    await say(ADDRESS, "pay 2000");
    const listed = async (to: string, words: string) =>
      [...(await say(to, words)).matchAll(/code\d\d/g)].map(([word]) => word);
    expect(await listed(WALLET, "orders")).toEqual(["code01", "code02"]);
    expect(await listed(WALLET, "orders bob")).toEqual(["code01"]);
    expect(await listed(`bob\\40example.test@${GW}`, "orders")).toEqual(["code01"]);
    expect(await listed(WALLET, `orders ${ADDRESSES[2].toUpperCase()}`)).toEqual(["code02"]);
    expect(await listed(ADDRESS, "orders")).toEqual(["code02"]);
    expect(await listed(WALLET, "orders eve")).toEqual([]);
    expect(await say(WALLET, "orders no.body")).toContain("nobody of this name");
    expect(await say(`bob\\40example.test@${GW}`, "cancel code01")).toBe("Given up: 1 sat to bob.");

    await say(WALLET, "confirm code02");
    for (const [to, words] of [
      [WALLET, `history ${ADDRESSES[2].toUpperCase()}`],
      [ADDRESS, "history"],
    ] as const)
      expect(await say(to, words)).toContain("− 2200 sat to bcrt 1q47");
    expect(await say(BOB, "history")).toContain("Nothing has happened");
  });

  it("of another person cannot be seen, confirmed or given up", async () => {
    await say(BOB, "pay 1");
    const eve = (words: string) => under.say("bob@example.test", WALLET, words);
    expect(await eve("orders")).toContain("No payment waits");
    expect(await eve("confirm code01")).toContain("no open payment");
    expect(await eve("cancel code01")).toContain("no open payment");
    expect(mine()[0]?.state).toBe("queued");
  });

  it.each<[string, ReturnType<typeof refuse>, string]>([
    ["order", refuse("LEDGER_LIMIT", { limit: "day", mostSat: 5, leftSat: 3 }), "3 sat more"],
    ["order", refuse("LEDGER_REPEATED", { order: "0".repeat(16) }), "a moment ago"],
    ["order", refuse("LEDGER_STOPPED", { why: "the books differ" }), "the books differ"],
    ["order", refuse("LEDGER_FROZEN", { why: "" }), "frozen"],
    ["order", refuse("SOMETHING_ELSE"), "went wrong on our side"],
  ])("say why the bank refuses: %s %s", async (method, refusal, words) => {
    under.bank.refusals.set(method, refusal);
    expect(await say(BOB, "pay 5")).toContain(words);
  });

  it("need the second factor where the bank says so", async () => {
    under.bank.change(ALICE, { limits: { paymentSat: 1_000_000, daySat: 1_000_000, strongSat: 1_000 } });
    under.clock.advance(10_000);
    expect(await say(BOB, "pay 1500")).toContain("one-time code as well");
    expect(await say(BOB, "confirm code01")).toContain("confirm CODE ONE-TIME-CODE");
    expect(await say(BOB, "confirm code01 000000")).toContain("is wrong");
    expect(await say(BOB, "confirm code01 123456")).toContain("Paid 1500 sat");
  });
});

describe("the second factor", () => {
  it("is drawn for this client alone, turned on by a code, and taken away by one", async () => {
    expect(await say(WALLET, "factor")).toContain("factor new");
    const drawn = await say(WALLET, "factor new");
    expect(drawn).toContain("ABCD EFGH");
    expect(drawn).toContain("otpauth://totp/");
    const secret = under.sent.filter(({ name }) => name === "message").at(-1) as Element;
    expect(childOf(secret, "private", NS.carbons)).toBeDefined();
    expect(childOf(secret, "no-copy", NS.hints)).toBeDefined();

    expect(await say(WALLET, "factor on")).toContain("factor on CODE");
    expect(await say(WALLET, "factor on 000000")).toContain("is wrong");
    expect(await say(WALLET, "factor on 123456")).toContain("payments of 5000000 sat or more");
    expect(await say(WALLET, "factor")).toContain("is on");
    expect(await say(WALLET, "factor new")).toContain("already");
    expect(await say(WALLET, "factor off 000000")).toContain("is wrong");
    expect(await say(WALLET, "factor off 123456")).toContain("is gone");
    expect(under.bank.account(ALICE).hasSecondFactor).toBe(false);
  });

  it.each([
    ["missing", "factor new"],
    ["young", "24 hours"],
    ["needed", "confirm CODE ONE-TIME-CODE"],
    ["wrong", "is wrong"],
  ])("says why a payment lacks it: %s", async (why, words) => {
    await say(BOB, "pay 5");
    under.bank.refusals.set("confirm", refuse("LEDGER_SECOND_FACTOR", { why }));
    expect(await say(BOB, "confirm code01")).toContain(words);
  });
});

describe("messages", () => {
  const count = (name: string) => under.sent.filter((one) => one.name === name).length;
  const repeat = (id: string, body: string, ...more: Element[]) =>
    under.link.take(
      element(
        "message",
        "",
        { from: `${ALICE}/phone`, to: BOB, type: "chat", id },
        element("body", "", {}, body),
        ...more,
      ),
    );

  it("that come twice are done once, and answered the same", async () => {
    repeat("same", "pay 700");
    repeat("same", "pay 700");
    await under.settled();
    expect(mine()).toHaveLength(1);
    expect(count("message")).toBe(2);
  });

  it("that come late change nothing, but may ask", async () => {
    const late = (minutes: number) =>
      element("delay", NS.delay, { stamp: new Date(under.clock.now() - minutes * 60_000).toISOString() });
    expect(await say(BOB, "pay 5", late(3))).toContain("too late");
    expect(await say(BOB, "pay 6", element("delay", NS.delay, { stamp: "nonsense" }))).toContain("too late");
    expect(mine()).toHaveLength(0);
    expect(await say(WALLET, "balance", late(3))).toContain("You have");
    expect(await say(BOB, "pay 5", late(1))).toContain("Pay 5 sat");
  });

  it("are acknowledged as their sender asks", async () => {
    await say(BOB, "help", element("request", NS.receipts), element("markable", NS.markers));
    const [receipt, displayed, reply] = under.sent.slice(-3) as [Element, Element, Element];
    expect(childOf(receipt, "received", NS.receipts)?.attrs["id"]).toMatch(/^m/);
    expect(childOf(displayed, "displayed", NS.markers)?.attrs["id"]).toMatch(/^m/);
    for (const one of [receipt, displayed, reply])
      expect(one.attrs).toMatchObject({ from: BOB, to: `${ALICE}/phone`, type: "chat" });
  });

  it.each<[string, Element[]]>([
    ["typing", [element("composing", "http://jabber.org/protocol/chatstates")]],
    ["receipts", [element("received", NS.receipts, { id: "x" })]],
    ["markers", [element("displayed", NS.markers, { id: "x" })]],
    ["corrections of nothing", [element("replace", NS.correct, { id: "x" })]],
    ["empty bodies", [element("body", "", {}, "  ")]],
  ])("without words are not answered, and make nothing: %s", async (_, content) => {
    const before = under.bank.actor.calls.length;
    for (const to of [WALLET, BOB, ADDRESS, `alice@${GW}`])
      under.link.take(
        element("message", "", { from: `${ALICE}/phone`, to, type: "chat", id: "x" }, ...content),
      );
    await under.settled();
    expect(count("message")).toBe(0);
    const calls = under.bank.actor.calls.slice(before).map(({ method }) => method);
    expect(calls.filter((method) => method !== "account" && method !== "notices")).toEqual([]);
  });

  it.each<[string, Record<string, string>, Element[]]>([
    ["errors", { type: "error" }, []],
    ["headlines", { type: "headline" }, []],
    ["what is said in rooms", { type: "groupchat" }, []],
    ["a whole server", { from: "example.test" }, []],
    ["strangers of another server", { from: "bob@evil.test/x" }, []],
    ["carbons", {}, [element("received", NS.carbons, {}, element("forwarded", NS.forward))]],
    ["forwarded words", {}, [element("forwarded", NS.forward)]],
  ])(
    "that are no word of a person to us are not answered, and make nothing: %s",
    async (_, attrs, content) => {
      const mine = { from: `${ALICE}/phone`, to: BOB, type: "chat", id: "x", ...attrs };
      under.link.take(element("message", "", mine, element("body", "", {}, "pay 700"), ...content));
      await under.settled();
      expect(count("message")).toBe(0);
      expect(under.bank.orders.size).toBe(0);
    },
  );

  it("that call are rejected once", async () => {
    under.link.take(
      element(
        "message",
        "",
        { from: `${ALICE}/phone`, to: BOB, type: "chat" },
        element("propose", NS.jingleMessage, { id: "c1" }),
      ),
    );
    await under.settled();
    const [only] = under.sent.filter(({ name }) => name === "message");
    expect(childOf(only as Element, "reject", NS.jingleMessage)?.attrs["id"]).toBe("c1");
    expect(count("message")).toBe(1);
  });

  it("that are encrypted are answered with what to do, and not read", async () => {
    const encrypted = element("encrypted", "eu.siacs.conversations.axolotl");
    expect(await say(BOB, "pay 5", encrypted)).toContain("encryption");
    expect(mine()).toHaveLength(0);
  });

  it("with secrets are for this client alone", async () => {
    await under.say("eve@example.test", WALLET, "register eve");
    expect(await under.say("eve@example.test", WALLET, "yes")).toContain("RECO-VERY");
    const secret = under.sent.filter(({ name }) => name === "message").at(-1) as Element;
    expect(childOf(secret, "private", NS.carbons)).toBeDefined();
    expect(childOf(secret, "no-copy", NS.hints)).toBeDefined();
  });

  it("never have more than 2,000 characters, and long lists have pages", async () => {
    for (let at = 0; at < 45; at++) {
      await say(BOB, `pay ${at + 1} ${"memo ".repeat(40)}`);
      await say(BOB, `confirm code${String(at + 1).padStart(2, "0")}`);
    }
    const before = under.sent.length;
    await say(WALLET, "history");
    await under.settled();
    const bodies = under.sent
      .slice(before)
      .flatMap((one) => (one.name === "message" ? [childOf(one, "body", "")?.children[0]] : []));
    expect(bodies.length).toBeGreaterThan(1);
    for (const body of bodies) expect(String(body).length).toBeLessThanOrEqual(2_000);
    expect(bodies.join("\n")).toContain("More: history 2");
    expect(await say(WALLET, "history 3")).not.toContain("More:");
  });

  it("quote what others have written in one line that hides nothing", async () => {
    await say(BOB, "pay 5 a\u202eb\u0007\u200fc");
    expect(mine()[0]?.memo).toBe("a b c");
  });

  it("open the chat of an address that was typed", async () => {
    const text = await say(WALLET, ADDRESSES[2].toUpperCase());
    expect(text).toContain("pay AMOUNT");
    expect(under.sent.at(-1)?.attrs["from"]).toBe(ADDRESS);
  });
});

it("an address is told with a page about it only where the operator has named one", async () => {
  expect(await say(WALLET, "receive")).not.toContain("http");
  await under.stop();
  under = await DoorUnderTest.start({ xmpp_explorer_url: "https://explorer.test/a/{address}" });
  under.bank.open("alice");
  expect(await say(WALLET, "receive")).toContain(`https://explorer.test/a/${ADDRESSES[0]}`);
  const card = await under.ask(ALICE, ADDRESS, "get", element("vCard", NS.vcard));
  expect(childTextOf(payloadOf(card), "URL", NS.vcard)).toBe(`https://explorer.test/a/${ADDRESSES[2]}`);
});

describe("languages", () => {
  it("have every text, and one word for each command that no other shares", () => {
    for (const [name, texts] of Object.entries(LANGUAGES)) {
      const words = Object.values(texts.words);
      expect(new Set(words).size, name).toBe(words.length);
      expect(Object.keys(texts.words)).toEqual(Object.keys(LANGUAGES["en"]?.words ?? {}));
    }
  });
});
