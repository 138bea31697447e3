import { createHash } from "node:crypto";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ADDRESSES } from "../../../../tests/harness/xmpp/bank/fake-bank.ts";
import { DoorUnderTest, GW, payloadOf, WALLET } from "../../../../tests/harness/xmpp/door.ts";
import { conditionOf } from "../../../../tests/harness/xmpp/person.ts";
import { childOf, childTextOf, type Element, element, elementsOf, textOf } from "../link/element.ts";
import { NS } from "../link/namespaces.ts";
import { addressToLocal } from "../names/address-local.ts";

const ALICE = "alice@example.test";
const EVE = "eve@example.test";
const ADMIN = "admin@example.test";
const SELF = `alice@${GW}`;
const BOB = `bob@${GW}`;
const ADDRESS = `${ADDRESSES[0]}@${GW}`;

let under: DoorUnderTest;
beforeEach(async () => {
  under = await DoorUnderTest.start();
  under.bank.open("alice", 1_000);
  under.bank.open("bob", 0);
  under.bank.open("admin", 0);
  under.bank.given.set(ADDRESSES[0], { jid: ALICE, label: "rent" });
});
afterEach(() => under.stop());

const info = (from: string, to: string, node?: string) =>
  under.ask(from, to, "get", element("query", NS.discoInfo, { node }));
const items = (from: string, to: string, node?: string) =>
  under.ask(from, to, "get", element("query", NS.discoItems, { node }));
const listed = async (from: string, to: string, node?: string) =>
  elementsOf(payloadOf(await items(from, to, node))).map(({ attrs }) =>
    `${attrs["jid"]} ${attrs["node"] ?? ""}`.trim(),
  );
const identityOf = async (from: string, to: string, node?: string) => {
  const first = elementsOf(payloadOf(await info(from, to, node)))[0];
  return `${first?.attrs["category"]}/${first?.attrs["type"]}`;
};

describe("the tree", () => {
  it("shows strangers the gateway, users their own, and admins everybody", async () => {
    expect(await listed(EVE, GW)).toEqual([WALLET]);
    expect(await listed(ALICE, GW)).toEqual([WALLET, `${SELF} addresses`]);
    expect(await listed(ADMIN, GW)).toEqual([WALLET, `admin@${GW} addresses`, `${GW} users`]);
    expect(await listed(ADMIN, GW, "users")).toEqual([SELF, BOB, `admin@${GW}`]);
    expect(conditionOf(await items(ALICE, GW, "users"))).toBe("item-not-found");
    expect(await listed(ALICE, SELF, "addresses")).toEqual([ADDRESS]);
    expect(conditionOf(await items(ALICE, BOB, "addresses"))).toBe("item-not-found");
    expect(await listed(ALICE, BOB)).toEqual([]);
  });

  it("tells the owner of an address and the person behind a name to himself and to admins only", async () => {
    const ours = [`${SELF} addresses`, ALICE];
    for (const asker of [ALICE, ADMIN]) {
      expect(await listed(asker, SELF)).toEqual(ours);
      expect(await listed(asker, `alice\\40example.test@${GW}`)).toEqual(ours);
      expect(await listed(asker, ADDRESS)).toEqual([SELF]);
      expect(await listed(asker, SELF, "addresses")).toEqual([ADDRESS]);
      expect(await identityOf(asker, SELF, "addresses")).toBe("hierarchy/branch");
    }
    const bob = "bob@example.test";
    expect(await listed(bob, SELF)).toEqual([]);
    expect(await listed(bob, ADDRESS)).toEqual([]);
    for (const ask of [info, items])
      expect(conditionOf(await ask(bob, SELF, "addresses"))).toBe("item-not-found");
  });

  it("has identities by which clients know what they see", async () => {
    expect(await identityOf(EVE, GW)).toBe("gateway/bitcoin");
    expect(await identityOf(ADMIN, GW, "users")).toBe("directory/user");
    expect(await identityOf(ALICE, SELF)).toBe("account/registered");
    expect(await identityOf(ALICE, SELF, "addresses")).toBe("hierarchy/branch");
    expect(await identityOf(ALICE, ADDRESS)).toBe("account/registered");
    expect(await identityOf(ALICE, GW, "pay")).toBe("automation/command-node");
    expect(await identityOf(ALICE, BOB)).toBe("account/registered");
  });

  it("tells strangers nothing of who is there", async () => {
    for (const to of [BOB, `ghost@${GW}`, ADDRESS, `bob\\40example.test@${GW}`])
      for (const ask of [info, items]) expect(conditionOf(await ask(EVE, to))).toBe("item-not-found");
    expect(conditionOf(await info(ALICE, `ghost@${GW}`))).toBe("item-not-found");
    expect(conditionOf(await info(ALICE, `bob\\40example.test@${GW}`))).toBe("item-not-found");
    expect(await identityOf(ADMIN, `bob\\40example.test@${GW}`)).toBe("account/registered");
    expect(await identityOf(ALICE, `alice\\40example.test@${GW}`)).toBe("account/registered");
  });

  it("lists the commands that each may have at each place", async () => {
    const nodes = async (from: string, to: string) =>
      elementsOf(payloadOf(await items(from, to, NS.commands))).map(({ attrs }) => attrs["node"]);
    expect(await nodes(EVE, GW)).toEqual(["jabber:iq:register", "help", "status"]);
    expect(await nodes(ALICE, GW)).toEqual(
      expect.arrayContaining(["balance", "pay", "history", "settings", "leave"]),
    );
    expect(await nodes(ALICE, GW)).not.toContain("users");
    expect(await nodes(ADMIN, GW)).toContain("freeze");
    expect(await nodes(ALICE, BOB)).toEqual(["help", "history", "pay", "orders", "confirm", "cancel"]);
  });

  it("answers the small questions everywhere", async () => {
    for (const to of [GW, WALLET, SELF, ADDRESS])
      for (const [name, ns] of [
        ["ping", NS.ping],
        ["query", NS.last],
        ["query", NS.version],
        ["time", NS.time],
      ] as const)
        expect((await under.ask(ALICE, to, "get", element(name, ns))).attrs["type"]).toBe("result");
  });

  it("refuses what it does not know, wherever it is asked", async () => {
    for (const to of [GW, WALLET, SELF, BOB, ADDRESS])
      for (const type of ["get", "set"] as const)
        expect(conditionOf(await under.ask(ALICE, to, type, element("query", "urn:unknown")))).toBe(
          "service-unavailable",
        );
  });

  it("fits into one stanza, however much somebody has and whatever it is called", async () => {
    for (let at = 0; at < 150; at++)
      under.bank.given.set(`bcrt1p${String(at).padStart(58, "q")}`, { jid: ALICE, label: "&".repeat(100) });
    expect(await listed(ALICE, SELF, "addresses")).toHaveLength(100);
  });

  it("answers to whom asked, from whom was asked, and never to an answer", async () => {
    const before = under.sent.length;
    for (const type of ["result", "error"])
      for (const to of [GW, WALLET, SELF, ADDRESS, `nobody@${GW}`])
        under.link.take(element("iq", "", { from: ALICE, to, type, id: "x" }, element("q", "u:x")));
    await under.settled();
    expect(under.sent.slice(before).filter(({ attrs }) => attrs["to"] === ALICE)).toEqual([]);
    expect((await info(ALICE, ADDRESS)).attrs).toMatchObject({ from: ADDRESS, to: `${ALICE}/phone` });
  });
});

describe("cards and avatars", () => {
  const vcard = (from: string, to: string) => under.ask(from, to, "get", element("vCard", NS.vcard));
  const part = (card: Element, name: string) => childTextOf(payloadOf(card), name, NS.vcard);

  it("say of each what may be known", async () => {
    expect(part(await vcard(EVE, GW), "FN")).toContain("Troupe");
    const address = await vcard(ALICE, ADDRESS);
    expect(part(address, "FN")).toBe("rent");
    expect(part(address, "URL")).toBe(`bitcoin:${ADDRESSES[0]}`);
    expect(part(await vcard("bob@example.test", ADDRESS), "FN")).toBe(ADDRESSES[0]);
    expect(part(await vcard(ALICE, BOB), "NICKNAME")).toBe("bob");
    expect(part(await vcard(ALICE, BOB), "FN")).toBeUndefined();
    expect(part(await vcard(ADMIN, BOB), "FN")).toBe("bob@example.test");
    expect(part(await vcard(ALICE, SELF), "FN")).toBe(ALICE);
    expect(conditionOf(await vcard(EVE, BOB))).toBe("item-not-found");
  });

  it("are there for an address of any kind, whatever the case in which one is typed that has none", async () => {
    for (const address of [
      "mipcBbFg9gMiCh81Kj8tqqdgoZub1ZJRfn",
      "2MzQwSSnBHWHqSAqtTVQ6v47XtaisrJa1Vc",
      ADDRESSES[1],
    ]) {
      const jid = `${addressToLocal(address)}@${GW}`;
      const card = await vcard(ALICE, jid);
      expect(part(card, "FN")).toBe(address);
      expect(card.attrs["from"]).toBe(jid);
    }
    expect(part(await vcard(ALICE, `${ADDRESSES[1].toUpperCase()}@${GW}`), "FN")).toBe(ADDRESSES[1]);
  });

  it("name one picture by one hash, in the card, the items and the presence", async () => {
    const photo = childOf(payloadOf(await vcard(ALICE, ADDRESS)), "PHOTO", NS.vcard) as Element;
    const png = Buffer.from(childTextOf(photo, "BINVAL", NS.vcard) ?? "", "base64");
    const hash = createHash("sha1").update(png).digest("hex");
    const item = async (node: string) => {
      const pubsub = payloadOf(
        await under.ask(
          ALICE,
          ADDRESS,
          "get",
          element("pubsub", NS.pubsub, {}, element("items", NS.pubsub, { node })),
        ),
      );
      return elementsOf(elementsOf(pubsub)[0] as Element)[0] as Element;
    };
    expect((await item(NS.avatarMetadata)).attrs["id"]).toBe(hash);
    const data = await item(NS.avatarData);
    expect(textOf(elementsOf(data)[0] as Element)).toBe(png.toString("base64"));
    expect(png.length).toBeLessThan(8_192);
    await under.settled();
    under.presence(ALICE, ADDRESS, "subscribe");
    const seen = await under.next(
      ({ attrs, name }) => name === "presence" && attrs["from"] === ADDRESS && attrs["type"] === undefined,
    );
    expect(childTextOf(childOf(seen, "x", NS.vcardUpdate) as Element, "photo", NS.vcardUpdate)).toBe(hash);
    const nowhere = await under.ask(
      ALICE,
      ADDRESS,
      "get",
      element("pubsub", NS.pubsub, {}, element("items", NS.pubsub, { node: "urn:x" })),
    );
    expect(conditionOf(nowhere)).toBe("item-not-found");
  });
});
