import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { findProgram } from "../../../tests/harness/electrum/debian-program.ts";
import { LedgerUnderTest } from "../../../tests/harness/ledger/ledger-under-test.ts";
import { waitFor } from "../../../tests/harness/wait-for.ts";
import { ADDRESSES } from "../../../tests/harness/xmpp/bank/fake-bank.ts";
import { conditionOf } from "../../../tests/harness/xmpp/person.ts";
import { COMPONENT_DOMAIN, XMPP_DOMAIN } from "../../../tests/harness/xmpp/prosody.ts";
import { XmppUnderTest, XmppWithFakeBank } from "../../../tests/harness/xmpp/xmpp.ts";
import { GATEWAY } from "./disco/abilities.ts";
import { capsHash } from "./disco/caps.ts";
import { qrPicture } from "./disco/qr.ts";
import { childOf, childrenOf, childTextOf, type Element, element, elementsOf } from "./link/element.ts";
import { NS } from "./link/namespaces.ts";

const prosody = findProgram("prosody");

describe.skipIf(prosody === undefined)("the XMPP door on a real Prosody", () => {
  let whole: XmppWithFakeBank;
  let under: XmppUnderTest;
  beforeAll(async () => {
    whole = await XmppWithFakeBank.start(prosody as string, {
      accounts: ["alice", "bob"],
      takesFiles: true,
    });
    under = whole.door;
  });
  afterAll(() => whole.stop());

  const info = (node?: string) => element("query", NS.discoInfo, { node });

  it("is in the list of its server's services, and says what it is", async () => {
    const alice = await under.person("alice");
    const services = await alice.ask(XMPP_DOMAIN, "get", element("query", NS.discoItems));
    const jids = elementsOf(services.children[0] as never).map(({ attrs }) => attrs["jid"]);
    expect(jids).toContain(COMPONENT_DOMAIN);
    for (const to of [COMPONENT_DOMAIN, `wallet@${COMPONENT_DOMAIN}`]) {
      const answer = await alice.ask(to, "get", info());
      const query = elementsOf(answer)[0] as NonNullable<ReturnType<typeof elementsOf>[0]>;
      const features = childrenOf(query, "feature", NS.discoInfo).map(({ attrs }) => attrs["var"]);
      expect([...features].sort()).toEqual([...GATEWAY.features].sort());
      expect(childrenOf(query, "identity", NS.discoInfo)[0]?.attrs).toMatchObject({
        category: "gateway",
        type: "bitcoin",
      });
    }
    const byHash = await alice.ask(
      COMPONENT_DOMAIN,
      "get",
      info(`https://troupe.invalid/xmpp#${capsHash(GATEWAY)}`),
    );
    expect(byHash.attrs["type"]).toBe("result");
    expect(conditionOf(await alice.ask(COMPONENT_DOMAIN, "get", info("nowhere")))).toBe("item-not-found");
  });

  it("answers ping, time, version and uptime, and refuses what it does not know", async () => {
    const alice = await under.person("alice");
    const ask = (name: string, ns: string, type: "get" | "set" = "get") =>
      alice.ask(COMPONENT_DOMAIN, type, element(name, ns));
    expect((await ask("ping", NS.ping)).attrs["type"]).toBe("result");
    expect((await ask("query", NS.version)).attrs["type"]).toBe("result");
    expect((await ask("query", NS.last)).attrs["type"]).toBe("result");
    expect((await ask("time", NS.time)).attrs["type"]).toBe("result");
    expect(conditionOf(await ask("query", "urn:unknown"))).toBe("service-unavailable");
    expect(conditionOf(await ask("ping", NS.ping, "set"))).toBe("service-unavailable");
  });

  it("survives what killed its forerunner: names with two hyphens, addresses that are none, bodies that are empty", async () => {
    const alice = await under.person("alice");
    for (const local of ["a-b_c", "a-b-c", "1boatslrhtknngkdxeeobr76b53lettpyt-dunvjl", "x-"]) {
      const answer = await alice.ask(`${local}@${COMPONENT_DOMAIN}`, "get", element("query", NS.last));
      expect(conditionOf(answer)).toBe("item-not-found");
    }
    await alice.send(element("message", "", { to: `bob@${COMPONENT_DOMAIN}`, type: "chat" }));
    await alice.send(element("presence", "", { to: `alice@${COMPONENT_DOMAIN}`, type: "subscribe" }));
    expect((await alice.ask(COMPONENT_DOMAIN, "get", element("ping", NS.ping))).attrs["type"]).toBe("result");
  });

  it("takes two people from registration to a payment, by chat", async () => {
    const alice = await under.person("alice");
    const bob = await under.person("bob");
    const wallet = `wallet@${COMPONENT_DOMAIN}`;

    expect(await alice.chat(wallet, "balance")).toContain("register");
    expect(await alice.chat(wallet, "reg alice")).toContain("holds the coins");
    expect(await alice.chat(wallet, "yes")).toContain("Welcome, alice");
    expect(await bob.chat(wallet, "register bob")).toContain("holds the coins");
    expect(await bob.chat(wallet, "1")).toContain("RECO-VERY");
    const beforeCode = alice.received.length;
    expect(await alice.chat(wallet, "receive rent")).toContain("bcrt1");
    const shown = await alice.first((one) => childOf(one, "x", NS.oob) !== undefined, beforeCode);
    const link = childTextOf(childOf(shown, "x", NS.oob) as Element, "url", NS.oob) ?? "";
    expect(childTextOf(shown, "body", "")).toBe(link);
    const picture = await fetch(link);
    expect(picture.headers.get("content-type")).toBe("image/png");
    const uri = `bitcoin:${ADDRESSES[0]}?label=rent`;
    expect(Buffer.from(await picture.arrayBuffer())).toEqual(qrPicture(uri).png);
    whole.bank.change("alice@example.test", { availableSat: 100_000 });

    expect(await alice.chat(`bob@${COMPONENT_DOMAIN}`, "pay 1500 for the beer")).toMatch(
      /Pay 1500 sat to bob[\s\S]*confirm code01/,
    );
    expect(await alice.chat(wallet, "co")).toContain("could be");
    const before = bob.received.length;
    expect(await alice.chat(wallet, "conf code01")).toContain("Paid 1500 sat to bob");
    expect(await bob.textFrom(wallet, before)).toContain("Received 1500 sat from alice: “for the beer”");
    expect(await bob.chat(wallet, "balance")).toContain("1500 sat");
    // A server passes on only what it knows: this one has come through.
    await alice.send(element("presence", "", { to: wallet, type: "subscribe" }));
    await waitFor("the balance in the list", () =>
      alice.received.some((one) => one.name === "presence" && childTextOf(one, "status", "") === "98500 sat"),
    );
    const self = `alice@${COMPONENT_DOMAIN}`;
    const address = `${ADDRESSES[0]}@${COMPONENT_DOMAIN}`;
    for (const to of [COMPONENT_DOMAIN, wallet, self, address, `bob@${COMPONENT_DOMAIN}`]) {
      const ask = async (name: string, ns: string) =>
        elementsOf(await alice.ask(to, "get", element(name, ns)));
      expect(await ask("ping", NS.ping)).toEqual([]);
      const [version, last, time] = [
        (await ask("query", NS.version))[0] as Element,
        (await ask("query", NS.last))[0] as Element,
        (await ask("time", NS.time))[0] as Element,
      ];
      expect(childTextOf(version, "name", NS.version)).toBe("Troupe");
      expect(last.attrs["seconds"]).toMatch(/^\d+$/);
      expect(childTextOf(time, "tzo", NS.time)).toBe("+00:00");
      expect(childTextOf(time, "utc", NS.time)).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    }
    expect(await bob.chat(wallet, "history")).toContain("+ 1500 sat from alice (for the beer)");
  });

  it("comes back when the server was away", async () => {
    await under.prosody.breakDown();
    await waitFor("the loss", () => under.told.some((message) => message.includes("is lost")));
    await under.prosody.restore();
    await under.online(2);
    const bob = await under.person("bob");
    expect((await bob.ask(COMPONENT_DOMAIN, "get", element("ping", NS.ping))).attrs["type"]).toBe("result");
  });
});

/** Of nobody here. */
const OUTSIDE = "bcrt1q4794m2uuw9jmjszmplfj4wvvr5j272fpmfgxur";

describe.skipIf(prosody === undefined)(
  "the XMPP door with the real ledger, the real wallet daemon and a real Prosody",
  () => {
    it("takes two people from registration to coins that come, go from one to the other, and go out", async () => {
      const ledger = await LedgerUnderTest.start();
      const under = await XmppUnderTest.start(
        prosody as string,
        { accounts: ["alice", "bob"] },
        ledger.walletd.busOf("gateway"),
      );
      try {
        const alice = await under.person("alice");
        const bob = await under.person("bob");
        const wallet = `wallet@${COMPONENT_DOMAIN}`;
        await alice.chat(wallet, "register alice");
        expect(await alice.chat(wallet, "yes")).toContain("Welcome, alice");
        const query = element("query", NS.register, {}, element("username", NS.register, {}, "bob"));
        expect((await bob.ask(COMPONENT_DOMAIN, "set", query)).attrs["type"]).toBe("result");
        expect(await bob.textFrom(wallet)).toContain("Welcome, bob");

        const address = /bcrt1[a-z0-9]+/.exec(await alice.chat(wallet, "receive rent"))?.[0] as string;
        const beforeCoins = alice.received.length;
        await ledger.pay(address, 200_000);
        expect(await alice.textFrom(wallet, beforeCoins)).toContain("200000 sat");
        await ledger.mine(2);
        await waitFor(
          "the coins",
          async () => (await ledger.gateway.balance({ jid: alice.jid })).availableSat === 200_000,
        );

        const beforePayment = bob.received.length;
        const recap = await alice.chat(`bob@${COMPONENT_DOMAIN}`, "pay 1500 beer");
        const code = /confirm (\S+)/.exec(recap)?.[1];
        expect(await alice.chat(wallet, `confirm ${code}`)).toContain("Paid 1500 sat to bob");
        expect(await bob.textFrom(wallet, beforePayment)).toContain("Received 1500 sat from alice: “beer”");

        const outside = await alice.chat(wallet, `pay ${OUTSIDE} 50000`);
        const second = /confirm (\S+)/.exec(outside)?.[1];
        expect(await alice.chat(wallet, `confirm ${second}`)).toMatch(/50000 sat/);
        await waitFor("the payment", async () => {
          const { orders } = await ledger.gateway.orders({ jid: alice.jid, isAll: true });
          return orders.some(
            ({ state, route }) => route === "chain" && (state === "broadcast" || state === "done"),
          );
        });
        await ledger.sound();
      } finally {
        await under.stop();
        await ledger.stop();
      }
    });

    it("holds people to what the bank allows: sums, codes, names, others' addresses, and the end of an account", async () => {
      const ledger = await LedgerUnderTest.start();
      const under = await XmppUnderTest.start(
        prosody as string,
        { accounts: ["alice", "bob", "carol", "dave", "eve"] },
        ledger.walletd.busOf("gateway"),
      );
      const wallet = `wallet@${COMPONENT_DOMAIN}`;
      const codeIn = (recap: string) => /confirm (\S+)/.exec(recap)?.[1] ?? "";
      const member = async (name: string, sat = 0) => {
        const one = await under.person(name);
        const query = element("query", NS.register, {}, element("username", NS.register, {}, name));
        expect((await one.ask(COMPONENT_DOMAIN, "set", query)).attrs["type"]).toBe("result");
        expect(await one.textFrom(wallet)).toContain(`Welcome, ${name}`);
        if (sat > 0) await ledger.fund(one.jid, sat);
        return { say: (words: string) => one.chat(wallet, words) };
      };
      try {
        const alice = await member("alice", 200_000);
        const bob = await member("bob");
        const first = codeIn(await alice.say("pay bob 150000"));
        const second = codeIn(await alice.say("pay bob 100000"));
        expect(await alice.say(`confirm ${first}`)).toContain("Paid 150000 sat to bob");
        expect(await alice.say(`confirm ${second}`)).toContain("needs 100000 sat, and you have 50000 sat");
        expect(await bob.say("balance")).toContain("You have 150000 sat");

        const address = /bcrt1[a-z0-9]+/.exec(await bob.say("receive"))?.[0] ?? "";
        const recap = await alice.say(`pay ${address} 1000`);
        expect(recap).toContain("Fee: none, it stays within this bank");
        expect(recap).not.toContain("bob");
        await alice.say(`confirm ${codeIn(recap)}`);
        expect(await bob.say("balance")).toContain("You have 151000 sat");
        expect(ledger.walletd.money.sent).toHaveLength(0);

        const carol = await member("carol", 50_000);
        const code = codeIn(await carol.say("pay bob 10"));
        expect(code).toMatch(/^\S{6}$/);
        for (const left of [4, 3, 2, 1])
          expect(await carol.say(`confirm no${left}`)).toContain(`left: ${left}`);
        await carol.say("confirm no0");
        expect(await carol.say(`confirm ${code}`)).toContain("Too many wrong codes");
        expect(await bob.say("balance")).toContain("You have 151000 sat");

        const dave = await member("dave", 100_000);
        const daves = /bcrt1[a-z0-9]+/.exec(await dave.say("receive"))?.[0] ?? "";
        const leaving = codeIn(await dave.say(`leave ${OUTSIDE}`));
        expect(await dave.say(`confirm ${leaving}`)).toMatch(/Paid|on its way/);
        await waitFor("dave to be gone", async () => /register/.test(await dave.say("help")));
        expect(ledger.walletd.money.sent).toHaveLength(1);
        await ledger.pay(daves, 30_000);
        await ledger.mine(2);
        const closed = () => ledger.operator.users({ state: "closed" });
        await waitFor("the late coins", async () => (await closed()).users[0]?.availableSat === 30_000);

        const eve = await under.person("eve");
        await eve.chat(wallet, "register dave");
        expect(await eve.chat(wallet, "yes")).toContain("This name is taken");
        await ledger.sound();
        ledger.clock.pass(91 * 86_400_000);
        await eve.chat(wallet, "register dave");
        expect(await eve.chat(wallet, "yes")).toContain("Welcome, dave");
      } finally {
        await under.stop();
        await ledger.stop();
      }
    });
  },
);
