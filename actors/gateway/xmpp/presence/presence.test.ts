import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { indexerContract } from "../../../../bus/contracts/indexer.ts";
import type { LedgerStatus } from "../../../../bus/contracts/ledger/objects.ts";
import { fakeActor } from "../../../../bus/fake.ts";
import { waitFor } from "../../../../tests/harness/wait-for.ts";
import { ADDRESSES } from "../../../../tests/harness/xmpp/bank/fake-bank.ts";
import { DoorUnderTest, GW, WALLET } from "../../../../tests/harness/xmpp/door.ts";
import { assertServed } from "../../../../tests/harness/xmpp/wire/tested-link.ts";
import { childOf, childTextOf, type Element, element } from "../link/element.ts";
import { NS } from "../link/namespaces.ts";

const ALICE = "alice@example.test";
const PHONE = `${ALICE}/phone`;
const ADDRESS = `${ADDRESSES[0]}@${GW}`;

let under: DoorUnderTest;
beforeEach(async () => {
  under = await DoorUnderTest.start();
});
afterEach(() => under.stop());

/** What a person was sent of presence since then: from whom, of which type. */
async function seen(since: number, jid = ALICE): Promise<string[]> {
  await under.settled();
  return under.sent
    .slice(since)
    .filter(({ name, attrs }) => name === "presence" && attrs["to"]?.startsWith(jid) === true)
    .map(({ attrs }) => `${attrs["type"] ?? "available"} ${attrs["from"]}`);
}

async function shownBy(act: () => void, jid?: string): Promise<string[]> {
  const since = under.sent.length;
  act();
  return seen(since, jid);
}

/** Registered, seen by us, and seeing us. */
async function member(sat = 150_000, jid = ALICE): Promise<void> {
  under.bank.open("alice", sat, { jid });
  await shownBy(() => under.presence(jid, WALLET, "subscribe"));
}

const statusOf = (stanza: Element | undefined) =>
  stanza === undefined ? undefined : childTextOf(stanza, "status", "");
const lastFrom = (from: string) =>
  under.sent.filter(({ name, attrs }) => name === "presence" && attrs["from"] === from).at(-1);

describe("at the gateway", () => {
  it("takes in who is registered, and asks to see him too", async () => {
    under.bank.open("alice", 5);
    expect(await shownBy(() => under.presence(ALICE, WALLET, "subscribe"))).toEqual([
      `subscribed ${WALLET}`,
      `subscribe ${WALLET}`,
      `available ${WALLET}`,
    ]);
    expect(await shownBy(() => under.presence(ALICE, GW, "subscribe"))).toEqual([
      `subscribed ${GW}`,
      `available ${GW}`,
    ]);
  });

  it("refuses strangers, and says what they lack", async () => {
    expect(await shownBy(() => under.presence(ALICE, GW, "subscribe"))).toEqual([
      `error ${GW}`,
      `unsubscribed ${GW}`,
    ]);
    const error = under.sent.find(({ attrs }) => attrs["type"] === "error") as Element;
    expect(
      childOf(childOf(error, "error", "") as Element, "registration-required", NS.stanzas),
    ).toBeDefined();
    expect(await shownBy(() => under.presence(ALICE, GW, "unsubscribe"))).toEqual([`unsubscribed ${GW}`]);
    expect(await shownBy(() => under.presence(ALICE, GW, "probe"))).toEqual([`unsubscribed ${GW}`]);
    expect(await shownBy(() => under.presence(ALICE, GW))).toEqual([]);
    expect(await shownBy(() => under.presence(ALICE, GW, "unavailable"))).toEqual([]);
  });

  it("lets go who no longer wants to see it, and has the account verified", async () => {
    await member();
    expect(await shownBy(() => under.presence(ALICE, WALLET, "unsubscribe"))).toEqual([
      `unsubscribed ${WALLET}`,
      `unavailable ${WALLET}`,
    ]);
    expect(under.bank.suspected).toEqual([ALICE]);
    expect(under.bank.account(ALICE).state).toBe("open");
    expect(await shownBy(() => under.presence(ALICE, WALLET, "probe"))).toEqual([`unsubscribed ${WALLET}`]);
  });

  it("stops when it is told that it is not seen, and begins when it is", async () => {
    await member();
    expect(await shownBy(() => under.presence(ALICE, WALLET, "unsubscribed"))).toEqual([]);
    expect(await shownBy(() => under.presence(PHONE, WALLET))).toEqual([]);
    await shownBy(() => under.presence(PHONE, WALLET, "unavailable"));
    expect(await shownBy(() => under.presence(ALICE, WALLET, "subscribed"))).toEqual([]);
    expect(await shownBy(() => under.presence(PHONE, WALLET))).toEqual([
      `available ${GW}`,
      `available ${WALLET}`,
    ]);
  });

  it("shows itself to the first of a person's clients, and goes with the last", async () => {
    await member();
    expect(await shownBy(() => under.presence(PHONE, WALLET))).toEqual([
      `available ${GW}`,
      `available ${WALLET}`,
    ]);
    expect(await shownBy(() => under.presence(`${ALICE}/desk`, WALLET))).toEqual([]);
    expect(await shownBy(() => under.presence(PHONE, WALLET, "unavailable"))).toEqual([]);
    const gone = await shownBy(() => under.presence(`${ALICE}/desk`, WALLET, "unavailable"));
    expect(gone).toEqual([`unavailable ${GW}`, `unavailable ${WALLET}`]);
    expect(lastFrom(WALLET)?.attrs["to"]).toBe(`${ALICE}/desk`);
  });

  it("is not shown anew, nor its contacts, each time that somebody goes and comes back within a moment", async () => {
    await member();
    under.bank.contacts.set(ALICE, [{ userId: 2, username: "bob", jid: null, address: null }]);
    under.bank.open("bob");
    await shownBy(() => under.presence(PHONE, WALLET));
    const asked = () => under.bank.actor.calls.filter(({ method }) => method === "lookup").length;
    const before = { asked: asked(), shown: under.sent.length };
    for (let i = 0; i < 20; i++) {
      under.presence(PHONE, WALLET, "unavailable");
      under.presence(PHONE, WALLET);
      await under.settled();
    }
    const shown = () =>
      under.sent
        .slice(before.shown)
        .filter(({ name, attrs }) => name === "presence" && attrs["type"] === undefined)
        .map(({ attrs }) => attrs["from"]);
    expect(asked() - before.asked).toBe(0);
    expect(shown()).toEqual([]);
    under.clock.advance(5_000);
    await waitFor("him to see all again", () => shown().length === 3);
    expect(shown()).toEqual([GW, WALLET, `bob@${GW}`]);
    expect(asked() - before.asked).toBe(1);
  });

  it("answers a probe with what it is", async () => {
    await member();
    expect(await shownBy(() => under.presence(ALICE, WALLET, "probe"))).toEqual([`available ${WALLET}`]);
  });

  it("says nothing more to who answers with errors, until he is back", async () => {
    await member();
    await shownBy(() => under.presence(PHONE, WALLET));
    await shownBy(() => under.presence(PHONE, WALLET, "error"));
    under.bank.change(ALICE, { availableSat: 7 });
    await under.settled();
    expect(await shownBy(() => under.clock.advance(6_000))).toEqual([]);
    expect(await shownBy(() => under.presence(PHONE, WALLET))).toEqual([
      `available ${GW}`,
      `available ${WALLET}`,
    ]);
    expect(statusOf(lastFrom(WALLET))).toBe("7 sat");
    under.bank.change(ALICE, { availableSat: 8 });
    await under.settled();
    await under.settled();
    under.clock.advance(6_000);
    await waitFor("the new balance", () => statusOf(lastFrom(WALLET)) === "8 sat");
  });

  it("tells a new balance within five seconds, and ten changes once", async () => {
    await member();
    await shownBy(() => under.presence(PHONE, WALLET));
    const since = under.sent.length;
    for (let sat = 1; sat <= 10; sat++) under.bank.change(ALICE, { availableSat: sat });
    await under.settled();
    await under.settled();
    under.clock.advance(5_000);
    await waitFor("the new balance", () => statusOf(lastFrom(WALLET)) === "10 sat");
    expect((await seen(since)).filter((one) => one === `available ${WALLET}`)).toHaveLength(1);
  });

  it.each([
    [ALICE, {}, "150000 sat"],
    [ALICE, { presence: "off" }, undefined],
    [ALICE, { presence: "rounded" }, "≈ 200000 sat"],
    ["alice@far.test", {}, undefined],
    ["alice@far.test", { presence: "exact" }, "150000 sat"],
  ])("shows %s with %j as much as was chosen", async (jid, door, status) => {
    await member(150_000, jid);
    under.bank.change(jid, {
      settings: { ...under.bank.account(jid).settings, door: door as Record<string, string> },
    });
    await under.settled();
    under.clock.advance(10_000);
    await shownBy(() => under.presence(jid, WALLET, "probe"), jid);
    expect(statusOf(lastFrom(WALLET))).toBe(status);
  });

  it("carries what it can do, and never a type or a show that servers do not know", async () => {
    await member();
    await shownBy(() => under.presence(PHONE, WALLET));
    // What RFC 6121 does not know is refused by the links of the tests, here and in every other test.
    const wrong = (...content: Element[]) => element("presence", "", { from: GW, to: ALICE }, ...content);
    const online = { ...wrong(), attrs: { from: GW, to: ALICE, type: "available" } };
    expect(() => assertServed(online)).toThrow("available");
    expect(() => assertServed(wrong(element("show", "", {}, "online")))).toThrow("online");
    for (const stanza of under.sent.filter(({ name }) => name === "presence"))
      expect([undefined, "subscribe", "subscribed"]).toContain(stanza.attrs["type"]);
    expect(childOf(lastFrom(GW) as Element, "c", NS.caps)?.attrs["ver"]).toBe("8FsIwS9PZcJHFuwpPXMOXoDYYH0=");
  });
});

describe("at addresses and users", () => {
  it("become contacts when somebody wants to see them, and are none when he does not", async () => {
    await member();
    under.bank.given.set(ADDRESSES[0], { jid: ALICE, label: "rent" });
    expect(await shownBy(() => under.presence(ALICE, ADDRESS, "subscribe"))).toEqual([
      `subscribed ${ADDRESS}`,
      `available ${ADDRESS}`,
    ]);
    expect(statusOf(lastFrom(ADDRESS))).toBe("Yours: rent. Received 5000 sat, 33.3 % of all you received.");
    const photo = childOf(lastFrom(ADDRESS) as Element, "x", NS.vcardUpdate);
    expect(childTextOf(photo as Element, "photo", NS.vcardUpdate)).toMatch(/^[0-9a-f]{40}$/);
    expect(under.bank.contacts.get(ALICE)).toHaveLength(1);
    expect(await shownBy(() => under.presence(PHONE, WALLET))).toContain(`available ${ADDRESS}`);
    expect(await shownBy(() => under.presence(ALICE, ADDRESS, "unsubscribe"))).toEqual([
      `unsubscribed ${ADDRESS}`,
    ]);
    expect(under.bank.contacts.get(ALICE)).toHaveLength(0);
    expect(await shownBy(() => under.presence(ALICE, ADDRESS, "probe"))).toEqual([`unsubscribed ${ADDRESS}`]);
  });

  it("tell nothing about themselves but their being there", async () => {
    await member();
    under.bank.open("bob", 9_999);
    const bob = `bob@${GW}`;
    expect(await shownBy(() => under.presence(ALICE, bob, "subscribe"))).toEqual([
      `subscribed ${bob}`,
      `available ${bob}`,
    ]);
    expect(statusOf(lastFrom(bob))).toBeUndefined();
  });

  it.each([`nobody@${GW}`, `a-b-c@${GW}`, `bob\\40example.test@${GW}`])(
    "are unknown where %s may not be known",
    async (to) => {
      await member();
      under.bank.open("bob");
      expect(await shownBy(() => under.presence(ALICE, to, "subscribe"))).toEqual([`unsubscribed ${to}`]);
      expect(await shownBy(() => under.presence(ALICE, to, "probe"))).toEqual([`unsubscribed ${to}`]);
      for (const type of [undefined, "unavailable", "error", "subscribed"])
        expect(await shownBy(() => under.presence(ALICE, to, type))).toEqual([]);
    },
  );

  it("are unknown to strangers, also where there are some", async () => {
    under.bank.open("bob");
    expect(await shownBy(() => under.presence(ALICE, `bob@${GW}`, "subscribe"))).toEqual([
      `unsubscribed bob@${GW}`,
    ]);
  });

  it("survive a subscription to oneself", async () => {
    await member();
    expect(await shownBy(() => under.presence(ALICE, `alice@${GW}`, "subscribe"))).toContain(
      `subscribed alice@${GW}`,
    );
  });
});

describe("for everybody", () => {
  const bank = (more: Partial<LedgerStatus>) =>
    under.bank.actor.publisher.state("bank", { ...under.bank.status(), ...more });
  const shownAs = async (change: () => void) => {
    const since = under.sent.length;
    change();
    await under.settled();
    under.clock.advance(5_000);
    await under.settled();
    return under.sent
      .slice(since)
      .filter(({ name }) => name === "presence")
      .map((stanza) => [stanza.attrs["from"], childTextOf(stanza, "show", "") ?? "", statusOf(stanza)]);
  };
  const both = (show: string, status: string) => [
    [GW, show, status],
    [WALLET, show, status],
  ];

  it("shows that payments stop, that the wallet is not open, and that the chain is being read, and not twice", async () => {
    const indexer = await fakeActor(under.world, indexerContract, {});
    await member(1_000);
    await shownBy(() => under.presence(PHONE, WALLET));
    const stopped = () => bank({ isSpending: false, why: "a test" });
    expect(await shownAs(stopped)).toEqual(both("dnd", "Payments are stopped. 1000 sat"));
    expect(await shownAs(stopped)).toEqual([]);
    expect(await shownAs(() => bank({ isSpending: false, isConnected: false }))).toEqual(
      both("away", "The wallet is not open. 1000 sat"),
    );
    expect(await shownAs(() => bank({}))).toEqual(both("", "1000 sat"));
    const sync = { height: 5, targetHeight: 9, percent: 55.51, txsPerSecond: 0, megabytesPerSecond: 0 };
    expect(
      await shownAs(() => indexer.publisher.state("sync", { ...sync, isSynced: false, secondsLeft: null })),
    ).toEqual(both("xa", "The chain is being read. 1000 sat"));
    expect(await under.say(ALICE, WALLET, "status")).toContain("55.5 %");
    // Nothing of it is another balance.
    expect(await shownAs(() => under.bank.change(ALICE, {}))).toEqual([]);
    await indexer.stop();
  });
});

describe("around the link", () => {
  it("asks everybody who sees it whether he is there, when the link is new; and says goodbye", async () => {
    await member();
    under.link.lose();
    const since = under.sent.length;
    under.link.start();
    await waitFor("the probe", () => under.sent.slice(since).some(({ attrs }) => attrs["type"] === "probe"));
    expect(await seen(since)).toEqual([`probe ${WALLET}`]);
    // Nobody answers: he may be there without letting us see it.
    under.clock.advance(5_000);
    const isShown = ({ attrs }: Element) => attrs["from"] === WALLET && attrs["type"] === undefined;
    await under.next((stanza) => stanza.name === "presence" && isShown(stanza), since);
    expect(await seen(since)).toEqual([`probe ${WALLET}`, `available ${GW}`, `available ${WALLET}`]);
    const { link } = under;
    await under.stop();
    const last = link.sent
      .filter(({ attrs }) => attrs["type"] === "unavailable")
      .map(({ attrs }) => attrs["from"]);
    expect(last).toEqual([GW, WALLET]);
  });

  it("asks no more than two hundred in a second, and shows itself once to who answers", async () => {
    const jids = Array.from({ length: 45 }, (_, at) => `person${at}@example.test`);
    for (const jid of jids) {
      under.bank.open(jid.split("@")[0] ?? "", 0, { jid });
      under.presence(jid, WALLET, "subscribe");
    }
    await under.settled();
    under.link.lose();
    const since = under.sent.length;
    under.link.start();
    const asked = (type: string | undefined) =>
      under.sent.slice(since).filter(({ name, attrs }) => name === "presence" && attrs["type"] === type);
    for (const count of [20, 40, 45]) {
      await waitFor(`${count} probes`, () => asked("probe").length === count);
      await under.settled();
      expect(asked("probe")).toHaveLength(count);
      under.clock.advance(100);
    }
    for (const jid of jids) under.presence(`${jid}/phone`, WALLET);
    await waitFor("the presences", () => asked(undefined).length === 90);
    under.clock.advance(5_000);
    await under.settled();
    expect(asked(undefined)).toHaveLength(90);
  });

  const privilege = (ns: string) =>
    element(
      "message",
      "",
      { from: "example.test", to: GW },
      element("privilege", ns, {}, element("perm", ns, { access: "roster", type: "both" })),
    );

  it.each(["urn:xmpp:privilege:1", "urn:xmpp:privilege:2"])(
    "writes rosters itself where it may (%s), and asks nobody",
    async (ns) => {
      under.link.take(privilege(ns));
      const since = under.sent.length;
      under.link.take(
        element(
          "iq",
          "",
          { from: PHONE, to: GW, type: "set", id: "r" },
          element("query", NS.register, {}, element("username", NS.register, {}, "alice")),
        ),
      );
      let from = since;
      for (let item = 0; item < 2; item++) {
        const isSet = ({ attrs, name }: Element) =>
          name === "iq" && attrs["to"] === ALICE && attrs["type"] === "set";
        const asked = await under.next(isSet, from);
        from = under.sent.indexOf(asked) + 1;
        expect(
          childOf(childOf(asked, "query", NS.roster) as Element, "item", NS.roster)?.attrs,
        ).toMatchObject({ subscription: "both", name: item === 0 ? "Bitcoin gateway" : "Bitcoin" });
        under.link.take(
          element("iq", "", { type: "result", from: ALICE, to: GW, id: asked.attrs["id"] ?? "" }),
        );
      }
      expect(await seen(since)).toEqual([]);
      under.clock.advance(1_000);
      await under.next(({ name }) => name === "message", since);
      expect(await seen(since)).toEqual([`available ${GW}`, `available ${WALLET}`, `probe ${WALLET}`]);
    },
  );

  it("writes them under the group that the operator has named", async () => {
    await under.stop();
    under = await DoorUnderTest.start({ xmpp_roster_group: "Geldbörse" });
    under.link.take(privilege(NS.privilege));
    const username = element("username", NS.register, {}, "alice");
    await under.ask(PHONE, GW, "set", element("query", NS.register, {}, username));
    const isSet = ({ attrs, name }: Element) =>
      name === "iq" && attrs["to"] === ALICE && attrs["type"] === "set";
    const query = childOf(await under.next(isSet), "query", NS.roster) as Element;
    expect(childTextOf(childOf(query, "item", NS.roster) as Element, "group", NS.roster)).toBe("Geldbörse");
  });

  it("brings a contact that was added by chat into the list, and takes it out again", async () => {
    under.bank.open("bob");
    await member();
    const bob = `bob@${GW}`;
    const added = under.sent.length;
    await under.say(ALICE, WALLET, "contacts add bob");
    await under.next(({ attrs }) => attrs["type"] === "subscribe" && attrs["from"] === bob, added);
    under.link.take(privilege(NS.privilege));
    for (const [words, subscription] of [
      ["contacts add bob", "both"],
      ["contacts remove bob", "remove"],
    ] as const) {
      const since = under.sent.length;
      await under.say(ALICE, WALLET, words);
      const isSet = ({ name, attrs }: Element) =>
        name === "iq" && attrs["to"] === ALICE && attrs["type"] === "set";
      const asked = await under.next(isSet, since);
      const query = childOf(asked, "query", NS.roster) as Element;
      expect(childOf(query, "item", NS.roster)?.attrs).toMatchObject({ jid: bob, subscription });
      under.link.take(
        element("iq", "", { type: "result", from: ALICE, to: GW, id: asked.attrs["id"] ?? "" }),
      );
      await under.settled();
      under.clock.advance(1_000);
      const shown = await seen(since);
      if (subscription === "both") expect(shown).toContain(`available ${bob}`);
      else
        expect(shown).toEqual(["unsubscribe", "unsubscribed", "unavailable"].map((type) => `${type} ${bob}`));
    }
  });

  it("asks for a place in the list where the privilege is gone, by the word of whom it has asked alone", async () => {
    under.link.take(privilege(NS.privilege));
    const since = under.sent.length;
    under.link.take(
      element(
        "iq",
        "",
        { from: PHONE, to: GW, type: "set", id: "r" },
        element("query", NS.register, {}, element("username", NS.register, {}, "alice")),
      ),
    );
    const asked = await under.next(({ attrs, name }) => name === "iq" && attrs["to"] === ALICE, since);
    const refused = (from: string) => {
      const attrs = { type: "error", from, to: GW, id: asked.attrs["id"] ?? "" };
      under.link.take(element("iq", "", attrs));
    };
    refused("mallory@example.test/x");
    refused("example.test");
    expect(await seen(since)).toEqual([]);
    refused(ALICE);
    await under.next(({ attrs }) => attrs["type"] === "subscribe", since);
  });
});
