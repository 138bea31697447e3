import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  type LedgerNotice,
  NOTICE_KINDS,
  type NoticeKind,
} from "../../../../bus/contracts/ledger/objects.ts";
import { waitFor } from "../../../../tests/harness/wait-for.ts";
import { TXID } from "../../../../tests/harness/xmpp/bank/fake-bank.ts";
import { DoorUnderTest, WALLET } from "../../../../tests/harness/xmpp/door.ts";
import { childOf, childTextOf, element } from "../link/element.ts";
import { NS } from "../link/namespaces.ts";

const ALICE = "alice@example.test";

let under: DoorUnderTest;
beforeEach(async () => {
  under = await DoorUnderTest.start();
  under.bank.open("alice", 100_000);
});
afterEach(() => under.stop());

const told = () => under.sent.filter(({ attrs }) => attrs["id"]?.startsWith("ev-") === true);
const receipt = (from: string, id: string) =>
  under.link.take(
    element("message", "", { from, to: WALLET, type: "chat" }, element("received", NS.receipts, { id })),
  );

const FULL = {
  jid: ALICE,
  unit: "btc" as const,
  amountSat: 500_000,
  feeSat: 250,
  balanceSat: 1_500_000,
  counterpart: { userId: 2, username: "bob", jid: null, address: null },
  text: "rent",
  order: "0123456789abcdef",
  txid: TXID,
  confirmations: 1,
  isReplaceable: true,
  earnedSat: 120,
  digest: {
    sinceS: 1_700_000_000,
    parts: [
      { kind: "deposit.credited" as const, count: 2, sumSat: 700_000, feesSat: 0, gainSat: 0 },
      { kind: "deposit.confirmed" as const, count: 1, sumSat: 500_000, feesSat: 0, gainSat: 0 },
      { kind: "order.broadcast" as const, count: 1, sumSat: 900, feesSat: 250, gainSat: 0 },
      { kind: "maker.earned" as const, count: 3, sumSat: 9_000_000, feesSat: 0, gainSat: -7 },
    ],
  },
};

/** What each has to say, by reference. */
const CONTENTS: Partial<Record<NoticeKind, readonly string[]>> = {
  "deposit.seen": ["0.00500000 BTC", "rent", "unconfirmed", "replace", TXID.slice(0, 16)],
  "deposit.replaced": ["0.00500000 BTC", TXID.slice(0, 16)],
  "deposit.credited": ["0.00500000 BTC", "0.01500000 BTC"],
  "deposit.vanished": ["0.00500000 BTC", TXID.slice(0, 16)],
  "deposit.reversed": ["0.00500000 BTC", TXID.slice(0, 16), "0.01500000 BTC"],
  "payment.received": ["0.00500000 BTC", "bob", "rent"],
  "order.executed": ["0123456789abcdef", "0.00500000 BTC", "bob"],
  "order.broadcast": ["0123456789abcdef", "0.00500000 BTC", "0.00000250 BTC", TXID],
  "order.confirmed": ["0123456789abcdef", TXID],
  "order.failed": ["0123456789abcdef", "rent"],
  "balance.low": ["0.01500000 BTC"],
  announcement: ["rent"],
  "maker.earned": ["rent was in a coinjoin of 0.00500000 BTC and has earned 0.00000120 BTC", TXID],
  digest: [
    "Since 2023-11-14 22:13 UTC:",
    "\n• Received: 2 payments, 0.00700000 BTC\n",
    "\n• First confirmation: 1 payment, 0.00500000 BTC\n",
    "\n• Sent: 1 payment, 0.00000900 BTC, fees 0.00000250 BTC\n",
    "\n• Earned −0.00000007 BTC in 3 coinjoins of 0.09000000 BTC together\n",
    "\nYou have 0.01500000 BTC.",
  ],
};

/** What tells clients and servers how to treat it. */
const ASKED = [
  ["request", NS.receipts],
  ["store", NS.hints],
  ["unstyled", NS.styling],
  ["origin-id", NS.originId],
] as const;

describe("notices", () => {
  it("of every kind are told once, with what matters, and ask for a receipt", async () => {
    for (const kind of NOTICE_KINDS) {
      const { id } = under.bank.notify({ ...FULL, kind });
      const message = await under.next(({ attrs }) => attrs["id"] === `ev-${id}`);
      expect(message.attrs).toMatchObject({ from: WALLET, to: ALICE, type: "chat" });
      const body = childTextOf(message, "body", "") ?? "";
      expect(body, kind).not.toBe("");
      for (const part of CONTENTS[kind] ?? []) expect(body, kind).toContain(part);
      for (const [name, ns] of ASKED) expect(childOf(message, name, ns), kind).toBeDefined();
    }
    expect(told()).toHaveLength(NOTICE_KINDS.length);
  });

  it("are in the language of their reader", async () => {
    under.bank.notify({ ...FULL, kind: "payment.received", language: "fr" });
    expect(childTextOf(await under.next(({ attrs }) => attrs["id"] === "ev-1"), "body", "")).toContain(
      "Reçu 0.00500000 BTC de bob",
    );
  });

  it("have no character that XML forbids, whatever somebody has put into them", async () => {
    const text = "a\u0000b\u0001c\u001bd\ufffee\ud800f]]>&<g";
    under.bank.notify({ ...FULL, kind: "announcement", text });
    const body = childTextOf(await under.next(({ attrs }) => attrs["id"] === "ev-1"), "body", "") ?? "";
    expect(body.replaceAll(/[^a-z\]>&<]/g, "")).toContain("abcdef]]>&<g");
    expect(body).not.toMatch(/[\u0000\u0001\u001b\ufffe]/);
    expect(await under.say(ALICE, WALLET, "balance")).toContain("100000 sat");
  });

  it("of somebody else's account are told to an admin as that", async () => {
    const bob = { userId: 2, username: "bob", jid: null, address: null };
    const said = async (notice: Partial<LedgerNotice> & Pick<LedgerNotice, "kind">) => {
      const { id } = under.bank.notify({ ...FULL, about: bob, ...notice });
      const message = await under.next(({ attrs }) => attrs["id"] === `ev-${id}`);
      return childTextOf(message, "body", "");
    };
    expect(await said({ kind: "account.waiting" })).toBe("bob waits for approval. Type: approve bob");
    expect(await said({ kind: "account.frozen", text: "a debt" })).toBe(
      "bob was told: “Your account is frozen: a debt.”",
    );
    expect(await said({ kind: "security.limit", text: "reached", about: null })).toContain("refused");
    expect(await said({ kind: "security.limit", text: "raise", about: null })).toContain("24 hours");
    expect(await said({ kind: "security.resource", text: "phone", about: null })).toContain("“phone”");
    expect(await said({ kind: "deposit.confirmed", confirmations: 1, about: null })).toContain(
      "has 1 confirmation.",
    );
  });

  it("come again under the same id when the link broke before a receipt, and not when one came", async () => {
    under.bank.notify({ ...FULL, kind: "deposit.seen" });
    under.bank.notify({ ...FULL, kind: "deposit.credited" });
    await under.next(({ attrs }) => attrs["id"] === "ev-2");
    receipt(`${ALICE}/phone`, "ev-1");
    await waitFor("the receipt", () => under.bank.acknowledged.includes(1));
    under.link.lose();
    const before = under.sent.length;
    under.link.start();
    await under.next(({ attrs }) => attrs["id"] === "ev-2", before);
    expect(under.sent.slice(before).some(({ attrs }) => attrs["id"] === "ev-1")).toBe(false);
  });

  it("of whoever sends no receipts are sent once in the life of a link, however many there are", async () => {
    const many = 10_050;
    for (let i = 0; i < many; i++) under.bank.keep({ jid: ALICE, kind: "payment.received" });
    const next = async () => {
      const { id } = under.bank.notify({ jid: ALICE, kind: "payment.received" });
      await waitFor("it to be sent", () => told().at(-1)?.attrs["id"] === `ev-${id}`);
    };
    await next();
    under.clock.advance(60_000);
    await next();
    expect(told()).toHaveLength(many + 2);
  });

  it("that come while the link is down wait for it", async () => {
    under.link.lose();
    under.bank.notify({ ...FULL, kind: "deposit.seen" });
    expect(told()).toHaveLength(0);
    under.link.start();
    await under.next(({ attrs }) => attrs["id"] === "ev-1");
  });

  it("are not acknowledged by anybody else, nor by what was never sent", async () => {
    under.bank.open("bob");
    under.bank.notify({ ...FULL, kind: "deposit.seen" });
    await under.next(({ attrs }) => attrs["id"] === "ev-1");
    receipt("bob@example.test/phone", "ev-1");
    receipt(`${ALICE}/phone`, "ev-7");
    receipt(`${ALICE}/phone`, "ev-NaN");
    receipt(`${ALICE}/phone`, "1");
    await under.settled();
    expect(under.bank.acknowledged).toEqual([]);
  });

  it("do not stop when the bank is away for a while", async () => {
    await under.settled();
    under.bank.refusals.set("notices", new Error("away") as never);
    under.bank.notify({ ...FULL, kind: "deposit.seen" });
    await under.settled();
    under.clock.advance(60_000);
    await under.next(({ attrs }) => attrs["id"] === "ev-1");
  });

  describe("of a payment", () => {
    const OTHER = "fedcba9876543210";
    const BOB = "bob@example.test";
    const toAlice = () => told().filter(({ attrs }) => attrs["to"] === ALICE);

    beforeEach(() => {
      under.bank.open("bob");
    });

    /** The door has asked for what there is by now. */
    async function noticesAreTaken(): Promise<void> {
      const newest = under.bank.notices.length;
      await waitFor("the notices to be taken", () => under.bank.takenNotices >= newest);
      await under.settled();
    }

    it("are not told to whom the answer has told it, whether they come before the answer or after", async () => {
      await under.say(ALICE, WALLET, "pay bob 1500");
      under.bank.beforeConfirmed = () => noticesAreTaken();
      expect(await under.say(ALICE, WALLET, "confirm code01")).toContain("1500 sat");
      const own = under.bank.notices.find(({ kind }) => kind === "order.executed");
      await waitFor("it to be known as told", () => under.bank.acknowledged.includes(own?.id ?? 0));
      under.bank.notify({ ...FULL, kind: "order.executed", order: own?.order ?? null });
      await waitFor("the late one", () => under.bank.acknowledged.length === 2);
      expect(toAlice()).toEqual([]);
    });

    it("are told of what happened beside the answer, and to those to whom nobody has answered", async () => {
      await under.say(ALICE, WALLET, "pay bob 1500");
      under.bank.beforeConfirmed = async (order) => {
        under.bank.notify({ ...FULL, kind: "order.executed", order: OTHER });
        under.bank.notify({ ...FULL, kind: "order.executed", order, jid: BOB });
        await noticesAreTaken();
      };
      await under.say(ALICE, WALLET, "confirm code01");
      const beside = under.bank.notices.filter(
        ({ kind, order, jid }) => kind === "order.executed" && (order === OTHER || jid === BOB),
      );
      expect(beside).toHaveLength(2);
      for (const { id } of beside) await under.next(({ attrs }) => attrs["id"] === `ev-${id}`);
      expect(toAlice()).toHaveLength(1);
    });

    it("are told when the answer was a refusal", async () => {
      await under.say(ALICE, WALLET, "pay bob 1500");
      under.bank.beforeConfirmed = async () => {
        await noticesAreTaken();
        throw new Error("lost on the way");
      };
      await under.say(ALICE, WALLET, "confirm code01");
      await waitFor("the notice", () => toAlice().length === 1);
    });
  });
});
