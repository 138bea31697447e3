import { afterEach, describe, expect, it } from "vitest";
import { txidOf } from "../../bitcoin/transaction.ts";
import { LedgerUnderTest } from "../../tests/harness/ledger/ledger-under-test.ts";
import { waitFor } from "../../tests/harness/wait-for.ts";
import { ELSEWHERE } from "../../tests/harness/walletd/robbed-wallets.ts";

let under: LedgerUnderTest | undefined;
afterEach(async () => {
  await under?.stop();
  under = undefined;
});

const kinds = async (at: LedgerUnderTest) =>
  (await at.gateway.notices({})).notices.map(({ kind, jid }) => `${kind} ${jid.split("@")[0]}`);

/** Confirmed and sent. A confirmation does not wait for ever for what becomes of it. */
async function paid(at: LedgerUnderTest, jid: string, order: string) {
  await at.gateway.confirm({ jid, which: { order } });
  const now = () => at.gateway.orderOf({ jid, order });
  await waitFor("the payment to be sent", async () => (await now()).state === "broadcast");
  return await now();
}

it("a deposit is seen, confirmed and credited, each told once, and the books agree with the wallet", async () => {
  const at = await LedgerUnderTest.start();
  under = at;
  const jid = await at.person("alice");
  const { address, isNew } = await at.gateway.receive({ jid, label: "rent" });
  expect(isNew).toBe(true);
  expect(await at.gateway.receive({ jid, label: "rent" })).toMatchObject({ address, isNew: false });

  await at.pay(address, 250_000);
  await waitFor("it to be seen", async () => (await at.gateway.balance({ jid })).pendingSat === 250_000);
  await at.mine(1);
  await waitFor(
    "it to be credited",
    async () => (await at.gateway.balance({ jid })).availableSat === 250_000,
  );

  expect(await kinds(at)).toEqual(["deposit.confirmed alice", "deposit.credited alice"]);
  const { notices } = await at.gateway.notices({});
  expect(notices[1]).toMatchObject({ amountSat: 250_000, balanceSat: 250_000, text: "rent", address });
  await at.gateway.acknowledge({ ids: notices.map(({ id }) => id) });
  expect(await kinds(at)).toEqual([]);
  const { movements } = await at.gateway.history({ jid });
  expect(movements).toMatchObject([
    { kind: "deposit", changeSat: 250_000, balanceSat: 250_000, confirmations: 2 },
  ]);
  expect((await at.gateway.addresses({ jid })).addresses).toMatchObject([
    { address, label: "rent", receivedSat: 250_000, sharePermille: 1_000 },
  ]);
  expect((await at.gateway.receive({ jid, label: "rent" })).address).not.toBe(address);
  await at.sound();
});

describe("a payment", () => {
  it("to another account needs no transaction, and both are told", async () => {
    const at = await LedgerUnderTest.start();
    under = at;
    const alice = await at.person("alice", 300_000);
    const bob = await at.person("bob");
    const order = await at.gateway.order({
      jid: alice,
      to: { username: "Bob" },
      amountSat: 120_000,
      memo: "for\nthe \u202eboat",
    });
    expect(order).toMatchObject({
      route: "internal",
      feeSat: 0,
      remainingSat: 180_000,
      memo: "for the boat",
    });
    const done = await at.gateway.confirm({ jid: alice, which: { code: ` ${order.code?.toUpperCase()} ` } });
    expect(done).toMatchObject({ state: "done", txid: null, code: null });

    expect(await at.gateway.balance({ jid: bob })).toMatchObject({ availableSat: 120_000 });
    expect((await at.gateway.history({ jid: bob })).movements).toMatchObject([
      {
        kind: "received",
        changeSat: 120_000,
        memo: "for the boat",
        counterpart: { username: "alice", jid: null },
      },
    ]);
    expect((await at.gateway.history({ jid: alice, with: { username: "bob" } })).movements).toMatchObject([
      { kind: "paid", changeSat: -120_000, counterpart: { username: "bob" } },
    ]);
    expect((await kinds(at)).slice(-2)).toEqual(["payment.received bob", "order.executed alice"]);
    expect(at.walletd.money.sent).toEqual([]);
    await at.sound();
  });

  it("to another person's address goes over the chain where the operator wants it so, and is his deposit", async () => {
    const at = await LedgerUnderTest.start({ internal_to_address: false });
    under = at;
    const alice = await at.person("alice", 300_000);
    const bob = await at.person("bob");
    const { address } = await at.gateway.receive({ jid: bob });
    const order = await at.gateway.order({ jid: alice, to: { address }, amountSat: 100_000 });
    expect(order).toMatchObject({ route: "chain", to: { address, username: null } });
    const sent = await paid(at, alice, order.order);
    await at.sound();
    await at.mine(2);
    await waitFor(
      "bob to have it",
      async () => (await at.gateway.balance({ jid: bob })).availableSat === 100_000,
    );
    const { availableSat, heldSat } = await at.gateway.balance({ jid: alice });
    expect({ availableSat, heldSat }).toEqual({ availableSat: 200_000 - sent.feeSat, heldSat: 0 });
    await at.sound();
  });

  it("to outside is held, sent once, and done when it is confirmed", async () => {
    const at = await LedgerUnderTest.start();
    under = at;
    const jid = await at.person("alice", 300_000);
    const order = await at.gateway.order({ jid, to: { address: ELSEWHERE }, amountSat: 100_000 });
    expect(order).toMatchObject({ route: "chain", state: "queued" });
    const which = { order: order.order };
    const [sent, again] = await Promise.all([paid(at, jid, order.order), at.gateway.confirm({ jid, which })]);
    expect(again.order).toBe(sent.order);
    expect(at.walletd.money.sent).toHaveLength(1);
    const { availableSat, heldSat } = await at.gateway.balance({ jid });
    expect({ availableSat, heldSat }).toEqual({ availableSat: 200_000 - sent.feeSat, heldSat: 0 });
    await at.sound();

    await at.mine(2);
    await waitFor(
      "it to be done",
      async () => (await at.gateway.orderOf({ jid, ...which })).state === "done",
    );
    expect((await kinds(at)).slice(-2)).toEqual(["order.broadcast alice", "order.confirmed alice"]);
    expect((await at.gateway.history({ jid })).movements[0]).toMatchObject({
      kind: "paid",
      changeSat: -100_000 - sent.feeSat,
      feeSat: sent.feeSat,
      txid: sent.txid,
      confirmations: 2,
    });
    await at.sound();
  });

  it("whose answer is lost is made once, also when ledger and walletd die and come again", async () => {
    const at = await LedgerUnderTest.start();
    under = at;
    const jid = await at.person("alice", 300_000);
    for (const loses of ["before", "after"] as const) {
      const sentBefore = at.walletd.money.sent.length;
      const { order } = await at.gateway.order({
        jid,
        to: { address: ELSEWHERE },
        amountSat: 50_000,
        isMeant: true,
      });
      at.walletd.money.loses = loses;
      await at.gateway.confirm({ jid, which: { order } });
      await at.stopActor();
      await at.startActor();
      await waitFor(
        "it to be sent",
        async () => (await at.gateway.orderOf({ jid, order })).state === "broadcast",
      );
      expect(new Set(at.walletd.money.sent.slice(sentBefore).map(txidOf)).size).toBe(1);
      await at.mine(1);
      await at.sound();
    }
    const { availableSat } = await at.gateway.balance({ jid });
    const fees = (await at.gateway.history({ jid })).movements.reduce((sum, { feeSat }) => sum + feeSat, 0);
    expect(availableSat).toBe(200_000 - fees);
  });
});

it("a credit that the chain takes back is gone, and whoever has spent it is frozen until it is there again", async () => {
  const at = await LedgerUnderTest.start({ admins: ["root@example.test"] });
  under = at;
  const alice = await at.person("alice", 300_000);
  const bob = await at.person("bob");
  const pay = (sat: number) => at.gateway.order({ jid: alice, to: { username: "bob" }, amountSat: sat });
  const { order } = await pay(200_000);
  await at.gateway.confirm({ jid: alice, which: { order } });
  await at.gateway.acknowledge({ ids: (await at.gateway.notices({})).notices.map(({ id }) => id) });
  const { money } = at.walletd;

  money.node.reorganise(2, 0);
  await money.follow();
  await at.walletd.level(at.owned);
  await waitFor(
    "the credit to be taken back",
    async () => (await at.gateway.balance({ jid: alice })).availableSat === -200_000,
  );
  expect(await kinds(at)).toEqual([
    "deposit.reversed alice",
    "deposit.reversed root",
    "account.frozen alice",
    "account.frozen root",
  ]);
  expect(await at.gateway.account({ jid: alice })).toMatchObject({ state: "frozen", pendingSat: 300_000 });
  expect(await at.gateway.balance({ jid: bob })).toMatchObject({ availableSat: 200_000 });
  await expect(pay(1)).rejects.toMatchObject({ code: "LEDGER_FROZEN" });
  const thaw = () => at.gateway.unfreeze({ by: "root@example.test", user: { username: "alice" } });
  await expect(thaw()).rejects.toMatchObject({ code: "LEDGER_NEGATIVE", data: { availableSat: -200_000 } });
  await at.sound();

  await at.mine(2);
  await waitFor(
    "it to be credited again",
    async () => (await at.gateway.balance({ jid: alice })).availableSat === 100_000,
  );
  await expect(pay(1)).rejects.toMatchObject({ code: "LEDGER_FROZEN" });
  expect(await thaw()).toMatchObject({ state: "open" });
  expect(await pay(1)).toMatchObject({ state: "queued" });
  const { movements } = await at.gateway.history({ jid: alice });
  expect(movements.map(({ kind, changeSat }) => `${kind} ${changeSat}`)).toEqual([
    "deposit 300000",
    "reversed -300000",
    "paid -200000",
    "deposit 300000",
  ]);
  await at.sound();
});

it("books are compared with no wallet that cannot be asked, which is said", async () => {
  const at = await LedgerUnderTest.start();
  under = at;
  await at.sound();
  // The grant has ended by itself.
  at.clock.pass(31 * 86_400_000);
  await expect(at.operator.reconcile({})).rejects.toMatchObject({
    code: "LEDGER_NOT_OPEN",
    data: { why: expect.stringContaining("supervisor wallet unlock") },
  });
});

it("whoever leaves takes all with him, and what still comes in waits for him in the closed account", async () => {
  const at = await LedgerUnderTest.start();
  under = at;
  const jid = "alice@example.test";
  const { account, recoveryCode } = await at.gateway.register({ jid, username: "alice" });
  const { address } = await at.gateway.receive({ jid });
  await at.fund(jid, 300_000);
  await expect(at.gateway.leave({ jid })).rejects.toMatchObject({
    code: "LEDGER_NOT_EMPTY",
    data: { availableSat: 300_000 },
  });
  const { order, isClosed } = await at.gateway.leave({ jid, address: ELSEWHERE });
  expect(isClosed).toBe(false);
  expect(order).toMatchObject({ isLeaving: true, route: "chain", remainingSat: 0 });
  await at.gateway.confirm({ jid, which: { order: order?.order ?? "" } });
  expect(at.walletd.money.sent).toHaveLength(1);
  await expect(at.gateway.account({ jid })).rejects.toMatchObject({ code: "LEDGER_NO_ACCOUNT" });
  expect(await kinds(at)).toContain("account.closed alice");
  await at.sound();

  await at.pay(address, 50_000);
  await at.mine(1);
  const ownEntries = () => at.operator.entries({ account: `user:${account.userId}:avail` });
  await waitFor(
    "the late deposit to be booked",
    async () => (await ownEntries()).entries[0]?.kind === "deposit",
  );
  expect((await ownEntries()).entries[0]?.postings).toContainEqual({
    account: `user:${account.userId}:avail`,
    sat: -50_000,
  });
  expect((await kinds(at)).at(-1)).toBe("deposit.credited alice");
  await at.sound();

  const back = await at.gateway.register({ jid, username: "alice" });
  expect(back).toMatchObject({
    recoveryCode: null,
    account: { userId: account.userId, needsVerification: true, availableSat: 50_000 },
  });
  await at.person("bob");
  const pay = () => at.gateway.order({ jid, to: { username: "bob" }, amountSat: 10_000 });
  await expect(pay()).rejects.toMatchObject({ code: "LEDGER_UNVERIFIED" });
  await at.gateway.verify({ jid, proof: { recoveryCode: recoveryCode ?? "" } });
  expect(await pay()).toMatchObject({ state: "queued" });
});

it("one account has all of the owner's wallet: what was there before him, what comes anywhere, for those whom the configuration names", async () => {
  const owners = ["owner@example.test", "second@example.test"];
  const at = await LedgerUnderTest.start({ mode: "owner", owners });
  under = at;
  const { gateway, operator } = at;
  const { address } = await operator.topUp({});
  const own = (await at.walletd.as("operator").newAddress({ ...at.owned, mixdepth: 0 })).address;
  await at.pay(own, 40_000);
  await at.mine(2);
  await waitFor("what is nobody's", async () => (await operator.reconcile({})).liabilitiesSat === 40_000);

  const jid = await at.person("owner");
  const has = async () => (await gateway.balance({ jid })).availableSat;
  expect(await has()).toBe(40_000);
  await gateway.register({ jid: "second@example.test", username: "other" });
  expect(await gateway.account({ jid: "second@example.test" })).toMatchObject({ username: "owner" });
  await expect(gateway.register({ jid: "eve@example.test", username: "eve" })).rejects.toMatchObject({
    code: "LEDGER_NOT_ALLOWED",
  });
  await at.fund(jid, 300_000);
  const { address: reused } = (await gateway.addresses({ jid })).addresses[0] ?? { address };
  await at.pay(reused, 25_000);
  await at.mine(2);
  await waitFor("the same address again", async () => (await has()) === 365_000);
  // walletd keeps apart what came to an address a second time: it is held, and nobody is paid with it.
  expect(await operator.reconcile({})).toMatchObject({
    ...{ isSound: true, custodySat: 365_000, walletSat: 365_000, frozenSat: 25_000, liabilitiesSat: 365_000 },
  });
  const order = await gateway.order({ jid, to: { address: ELSEWHERE }, amountSat: 100_000 });
  await gateway.confirm({ jid: "second@example.test", which: { order: order.order } });
  await waitFor("it to be sent", async () => (await has()) < 265_000);
  await at.sound();

  await at.stopActor();
  at.configure({ owners: ["owner@example.test"] });
  await at.startActor();
  await expect(gateway.balance({ jid: "second@example.test" })).rejects.toMatchObject({
    code: "LEDGER_NO_ACCOUNT",
  });
  expect(await gateway.account({ jid })).toMatchObject({ isOwner: true });
});

it("coins that leave the wallet by another hand stop all payments, until the operator books the loss", async () => {
  const at = await LedgerUnderTest.start({ admins: ["root@example.test"] });
  under = at;
  const alice = await at.person("alice", 300_000);
  await at.person("bob");
  await at.walletd.as("operator").send({
    ...at.owned,
    mixdepth: 0,
    payments: [{ address: ELSEWHERE, amountSat: 10_000 }],
    fee: { satPerVb: 1 },
  });
  const found = await at.operator.reconcile({});
  expect(found).toMatchObject({ isSound: false, custodySat: 300_000 });
  const pay = { jid: alice, to: { username: "bob" }, amountSat: 1_000 };
  await expect(at.gateway.order(pay)).rejects.toMatchObject({ code: "LEDGER_STOPPED" });
  expect(await kinds(at)).toContain("bank.stopped root");

  await expect(at.gateway.reconcile({ by: "root@example.test", isBooked: true })).rejects.toMatchObject({
    code: "LEDGER_NOT_ADMIN",
  });
  const { address } = await at.operator.topUp({});
  await at.pay(address, 50_000);
  await at.mine(1);
  expect(await at.operator.reconcile({ isBooked: true })).toMatchObject({ isSound: true });
  expect(await at.gateway.order(pay)).toMatchObject({ state: "queued" });
});

it("a bank whose wallet is locked gives no addresses, and goes on when its owner unlocks it", async () => {
  const at = await LedgerUnderTest.start();
  under = at;
  const jid = await at.person("alice", 100_000);
  await at.walletd.as("operator").lock(at.owned);
  await waitFor("it to be seen", async () => !(await at.operator.status({})).isConnected);
  await expect(at.gateway.quote({ jid, to: { address: ELSEWHERE }, amountSat: 1_000 })).rejects.toMatchObject(
    {
      code: "LEDGER_NOT_OPEN",
    },
  );
  expect(await at.gateway.balance({ jid })).toMatchObject({ availableSat: 100_000 });
});
