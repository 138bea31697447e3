import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { silentLog } from "../../../bus/fake.ts";
import { systemClock } from "../../../runtime/clock.ts";
import { Secret } from "../../../runtime/secret.ts";
import { findProgram } from "../../../tests/harness/electrum/debian-program.ts";
import { waitFor } from "../../../tests/harness/wait-for.ts";
import { ADDRESSES } from "../../../tests/harness/xmpp/bank/fake-bank.ts";
import { DoorUnderTest } from "../../../tests/harness/xmpp/door.ts";
import type { Person } from "../../../tests/harness/xmpp/person.ts";
import { XMPP_DOMAIN } from "../../../tests/harness/xmpp/prosody.ts";
import { BOT_NAME, type XmppUnderTest, XmppWithFakeBank } from "../../../tests/harness/xmpp/xmpp.ts";
import { gatewayStartSection } from "../config.ts";
import { childOf, type Element, element, elementsOf, textOf } from "./link/element.ts";
import { LastingLink } from "./link/lasting-link.ts";
import { NS } from "./link/namespaces.ts";
import { AccountStream } from "./link/stream/account-stream.ts";
import type { LinkFault } from "./link/xmpp-link.ts";
import { standingOf } from "./standing.ts";

const prosody = findProgram("prosody");
const BANK = `${BOT_NAME}@${XMPP_DOMAIN}`;

/** What the bot shows to a person: from its one client, which is where questions must go. */
function sightOf(person: Person, before = 0): Promise<Element> {
  return person.first(
    ({ name, attrs }) =>
      name === "presence" && attrs["type"] === undefined && attrs["from"]?.startsWith(`${BANK}/`) === true,
    before,
  );
}

describe("the XMPP door with an account", () => {
  it("hears neither itself nor what is said to others of its domain", async () => {
    const door = await DoorUnderTest.start({ xmpp_mode: "bot", xmpp_account: BANK });
    try {
      door.tell(`${BANK}/other`, BANK, "help");
      door.tell("alice@example.test", `bob@${XMPP_DOMAIN}`, "help");
      expect(await door.say("alice@example.test", BANK, "help")).toContain("register");
      await door.settled(BANK);
      expect(door.sent.filter(({ name }) => name === "message").map(({ attrs }) => attrs)).toEqual([
        { type: "chat", from: BANK, to: "alice@example.test/phone" },
      ]);
    } finally {
      await door.stop();
    }
  });

  it.each([
    ["component", { xmpp_server: "a:1", xmpp_domain: "btc.example.test" }],
    ["component", { xmpp_server: "a:1", xmpp_account: BANK, xmpp_secret_file: "/dev/null" }],
    ["bot", { xmpp_server: "a:1", xmpp_account: BANK }],
    ["bot", { xmpp_server: "a:1", xmpp_domain: "btc.example.test", xmpp_secret_file: "/dev/null" }],
  ])("is not opened as a %s while something is missing", (mode, keys) => {
    const config = gatewayStartSection.schema.parse({ xmpp_mode: mode, ...keys });
    expect(() => standingOf({ config, clock: systemClock, network: "regtest" })).toThrow(
      expect.objectContaining({ code: "GATEWAY_XMPP_UNSET" }),
    );
  });
});

describe.skipIf(prosody === undefined)("the XMPP door with nothing but an account at a real Prosody", () => {
  let whole: XmppWithFakeBank;
  let under: XmppUnderTest;
  beforeAll(async () => {
    whole = await XmppWithFakeBank.start(prosody as string, {
      accounts: ["alice", "bob", "carol"],
      mode: "bot",
      isCounting: true,
    });
    under = whole.door;
  });
  afterAll(() => whole.stop());

  it("takes two people from registration to a payment, by chat", async () => {
    const alice = await under.person("alice");
    const bob = await under.person("bob");
    expect(await alice.chat(BANK, "balance")).toContain("register");
    expect(await alice.chat(BANK, "reg alice")).toContain("holds the coins");
    expect(await alice.chat(BANK, "yes")).toContain("Welcome, alice");
    expect(await bob.chat(BANK, "register bob")).toContain("holds the coins");
    expect(await bob.chat(BANK, "yes")).toContain("Welcome, bob");
    expect(await alice.chat(BANK, "receive rent")).toContain("bcrt1");
    whole.bank.change(alice.jid, { availableSat: 100_000 });

    expect(await alice.chat(BANK, "pay bob 1500 for the beer")).toMatch(
      /Pay 1500 sat to bob[\s\S]*confirm code01/,
    );
    const before = bob.received.length;
    expect(await alice.chat(BANK, "confirm code01")).toContain("Paid 1500 sat to bob");
    expect(await bob.textFrom(BANK, before)).toContain("Received 1500 sat from alice: “for the beer”");
    expect(await bob.chat(BANK, "balance")).toContain("1500 sat");

    // No chat of its own for an address: what it says is the beginning of a payment.
    expect(await alice.chat(BANK, ADDRESSES[1])).toContain("Amount?");
    expect(await alice.chat(BANK, "cancel")).toContain("Given up");
  });

  it("lets itself be added by a stranger, shows a user the balance, and offers commands where it can be asked", async () => {
    const carol = await under.person("carol");
    await carol.send(element("presence", "", { to: BANK, type: "subscribe" }));
    const full = (await sightOf(carol)).attrs["from"] as string;
    const ask = (ns: string, attrs = {}) => carol.ask(full, "get", element("query", ns, attrs));
    const identities = elementsOf(elementsOf(await ask(NS.discoInfo))[0] as Element);
    expect(identities[0]?.attrs).toMatchObject({ category: "client", type: "bot" });
    const items = elementsOf(elementsOf(await ask(NS.discoItems, { node: NS.commands }))[0] as Element);
    expect(items.map(({ attrs }) => attrs["node"])).toContain(NS.register);
    expect(new Set(items.map(({ attrs }) => attrs["jid"]))).toEqual(new Set([full]));

    await carol.chat(BANK, "register carol");
    expect(await carol.chat(BANK, "yes")).toContain("Welcome, carol");
    await carol.first(({ name, attrs }) => name === "presence" && attrs["type"] === "subscribe");
    await carol.send(element("presence", "", { to: BANK, type: "subscribed" }));
    const command = element("command", NS.commands, { node: "status", action: "execute" });
    const done = childOf(await carol.ask(full, "set", command), "command", NS.commands) as Element;
    expect(done.attrs["status"]).toBe("completed");
    expect(textOf(childOf(done, "note", NS.commands) as Element)).toContain("120");
    await waitFor("the balance", () =>
      carol.received.some(
        ({ name, children }) =>
          name === "presence" &&
          children.some((one) => typeof one !== "string" && one.name === "status" && textOf(one) === "0 sat"),
      ),
    );
  });

  it("keeps count with the server however much is said", async () => {
    const bob = await under.person("bob");
    const full = `${BANK}/troupe`;
    const asked = Array.from({ length: 60 }, () => bob.ask(full, "get", element("query", NS.version)));
    for (const answer of await Promise.all(asked)) expect(answer.attrs["type"]).toBe("result");
    expect(under.told.filter((message) => message.includes("is lost"))).toEqual([]);
    expect(under.prosody.log()).not.toContain("acknowledged more stanzas");
  });

  it("comes back when the server was away", async () => {
    await under.prosody.breakDown();
    await waitFor("the loss", () => under.told.some((message) => message.includes("is lost")));
    await under.prosody.restore();
    await under.online(2);
    const alice = await under.person("alice");
    // Not word for word what was the first of another client: that would be the same message once more.
    expect(await alice.chat(BANK, "bal")).toContain("98500 sat");
  });

  it("says when the password is wrong", async () => {
    const faults: (LinkFault | undefined)[] = [];
    const link = new LastingLink({
      stream: (ears) =>
        new AccountStream(
          {
            server: { host: "127.0.0.1", port: under.prosody.clientPort },
            account: { local: "carol", domain: XMPP_DOMAIN, resource: "" },
            password: new Secret("wrong"),
            presence: element("presence", ""),
            clock: systemClock,
          },
          ears,
        ),
      self: BANK,
      serverDomain: XMPP_DOMAIN,
      clock: systemClock,
      log: silentLog(),
      random: () => 0.5,
      ears: { stanza: () => undefined, state: (_, fault) => void faults.push(fault) },
    });
    link.start();
    await waitFor("the refusal", () => faults.includes("refused"));
    await link.close();
  });
});
