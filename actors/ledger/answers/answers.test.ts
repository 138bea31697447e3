import { afterEach, describe, expect, it } from "vitest";
import { ConnectedBus } from "../../../bus/connected-bus.ts";
import type { PartyWord } from "../../../bus/contracts/ledger/values.ts";
import { makerContract } from "../../../bus/contracts/maker.ts";
import { silentLog } from "../../../bus/fake.ts";
import { LedgerUnderTest } from "../../../tests/harness/ledger/ledger-under-test.ts";
import { waitFor } from "../../../tests/harness/wait-for.ts";
import { ELSEWHERE } from "../../../tests/harness/walletd/robbed-wallets.ts";
import { codeAt } from "../people/second-factor.ts";

const ROOT = "root@example.test";
const DAY_MS = 86_400_000;

let under: LedgerUnderTest | undefined;
afterEach(async () => {
  await under?.stop();
  under = undefined;
});

const refusal = (asked: Promise<unknown>) =>
  asked.then(
    () => "none",
    ({ code, data }: { code: string; data?: { why?: string } }) =>
      [code, data?.why].filter(Boolean).join(" "),
  );
const kinds = async (at: LedgerUnderTest) =>
  (await at.gateway.notices({})).notices.map(({ kind, jid }) => `${kind} ${jid.split("@")[0]}`);

describe("a stop by hand", () => {
  it("holds whatever the books say, until an admin or the operator ends it, and stops no deposit", async () => {
    const at = await LedgerUnderTest.start({ admins: [ROOT] });
    under = at;
    const { gateway, operator } = at;
    const alice = await at.person("alice", 100_000);
    const bob = await at.person("bob");
    const wish = { jid: alice, to: { username: "bob" }, amountSat: 500 };
    const queued = await gateway.order(wish);
    expect(await refusal(gateway.halt({ by: alice, isHalted: true }))).toBe("LEDGER_NOT_ADMIN");
    const stopped = { isSpending: false, why: "stopped by an admin: a look" };
    expect(await gateway.halt({ by: ROOT, isHalted: true, why: "a look" })).toMatchObject(stopped);
    expect(await refusal(gateway.order({ ...wish, isMeant: true }))).toContain("LEDGER_STOPPED");
    const which = { order: queued.order };
    expect(await refusal(gateway.confirm({ jid: alice, which }))).toContain("LEDGER_STOPPED");
    expect((await operator.reconcile({})).isSound).toBe(true);
    expect(await gateway.status({})).toMatchObject(stopped);
    await at.fund(bob, 7_000);
    await at.stopActor();
    await at.startActor();
    expect(await refusal(gateway.confirm({ jid: alice, which }))).toContain("LEDGER_STOPPED");
    await operator.halt({ isHalted: false });
    expect(await gateway.confirm({ jid: alice, which })).toMatchObject({ state: "done" });
    const { acts } = await operator.audit({});
    expect(acts.map(({ by, act, text }) => `${by} ${act} ${text}`.trim()).slice(0, 3)).toContain(
      `${ROOT} stop payments a look`,
    );
    const told = (await kinds(at)).filter((kind) => kind.startsWith("bank."));
    expect(told).toEqual(["bank.stopped root", "bank.resumed root"]);
  });
});

describe("what is done by other actors", () => {
  it("is written down for admins, and for the owner of the wallet alone", async () => {
    const at = await LedgerUnderTest.start({
      mode: "owner",
      owners: ["owner@example.test"],
      admins: [ROOT],
    });
    under = at;
    const { gateway } = at;
    const owner = await at.person("owner");
    const act = { act: "maker stop" as const, about: "house" };
    expect(await gateway.account({ jid: owner })).toMatchObject({ isOwner: true, isAdmin: false });
    await gateway.act({ by: owner, ...act });
    await gateway.act({ by: ROOT, ...act });
    expect(await refusal(gateway.act({ by: "eve@example.test", ...act }))).toBe("LEDGER_NOT_ADMIN");
    expect(await refusal(gateway.act({ by: null, ...act }))).toBe("LEDGER_NOT_ADMIN");
    await at.operator.freeze({ user: { username: "owner" } });
    expect(await refusal(gateway.act({ by: owner, ...act }))).toBe("LEDGER_NOT_ADMIN");
    const { acts } = await at.operator.audit({});
    expect(acts.filter((row) => row.act === act.act).map(({ by, about }) => `${by} ${about}`)).toEqual([
      `${ROOT} house`,
      `${owner} house`,
    ]);
  });

  it("is not the business of the others of a bank with many people", async () => {
    const at = await LedgerUnderTest.start({ owners: ["alice@example.test"] });
    under = at;
    const alice = await at.person("alice");
    expect(await at.gateway.account({ jid: alice })).toMatchObject({ isOwner: false });
    expect(await refusal(at.gateway.act({ by: alice, act: "restart" }))).toBe("LEDGER_NOT_ADMIN");
  });
});

describe("an admin", () => {
  it("leaves one line of the audit for each act, and none for what was refused or only looked at", async () => {
    const at = await LedgerUnderTest.start({ admins: [ROOT], registration: "approve" });
    under = at;
    const { gateway, operator } = at;
    await gateway.register({ jid: "alice@example.test", username: "alice" });
    const user = { username: "alice" };
    await gateway.approve({ by: ROOT, user });
    await gateway.freeze({ by: ROOT, user, why: "a look" });
    await gateway.unfreeze({ by: ROOT, user });
    await gateway.limit({ by: ROOT, user, limits: { paymentSat: 7 } });
    for (const isBanned of [true, false])
      await gateway.ban({ by: ROOT, who: { domain: "evil.test" }, isBanned });
    await gateway.invite({ by: ROOT });
    await gateway.announce({ by: ROOT, text: "soon" });
    await gateway.reconcile({ by: ROOT });
    await operator.reconcile({ isBooked: true });
    const { address } = await operator.topUp({});

    expect(await refusal(gateway.freeze({ by: "alice@example.test", user }))).toBe("LEDGER_NOT_ADMIN");
    expect(await refusal(gateway.announce({ by: null, text: "mine" }))).toBe("LEDGER_NOT_ADMIN");
    expect(await refusal(gateway.approve({ by: ROOT, user: { username: "nobody" } }))).toBe(
      "LEDGER_NO_SUCH_USER",
    );
    expect(await refusal(gateway.reconcile({ by: ROOT, isBooked: true }))).toBe("LEDGER_NOT_ADMIN");
    await gateway.users({ by: ROOT });
    await gateway.user({ by: ROOT, user });
    await gateway.entries({ by: ROOT });
    await gateway.accounts({ by: ROOT });
    await operator.shut({});

    const { acts, total } = await gateway.audit({ by: ROOT });
    expect(total).toBe(acts.length);
    expect(
      acts
        .map(({ by, act, about, text }) => [by, act, about, text].filter((word) => word !== "").join(" "))
        .reverse(),
    ).toEqual([
      "operator open bank",
      `${ROOT} approve alice`,
      `${ROOT} freeze alice a look`,
      `${ROOT} unfreeze alice`,
      `${ROOT} limit alice 7 sat a payment`,
      `${ROOT} ban evil.test`,
      `${ROOT} unban evil.test`,
      `${ROOT} invite`,
      `${ROOT} announce soon`,
      `${ROOT} reconcile`,
      "operator reconcile and book",
      `operator top up ${address}`,
      "operator shut",
    ]);
  });

  it("sees, confirms and gives up no order of anybody else's", async () => {
    const boss = "boss@example.test";
    const at = await LedgerUnderTest.start({ admins: [boss] });
    under = at;
    const { gateway } = at;
    const alice = await at.person("alice", 100_000);
    await at.person("boss");
    const { order, code } = await gateway.order({ jid: alice, to: { username: "boss" }, amountSat: 60_000 });
    for (const which of [{ order }, { code: code ?? "" }]) {
      expect(await refusal(gateway.confirm({ jid: boss, which }))).toBe("LEDGER_NO_ORDER");
      expect(await refusal(gateway.cancel({ jid: boss, which }))).toBe("LEDGER_NO_ORDER");
    }
    expect(await refusal(gateway.orderOf({ jid: boss, order }))).toBe("LEDGER_NO_ORDER");
    expect(await gateway.orders({ jid: boss, isAll: true })).toEqual({ total: 0, orders: [] });
    expect(await gateway.balance({ jid: alice })).toMatchObject({ availableSat: 100_000, heldSat: 0 });
    expect(await gateway.orderOf({ jid: alice, order })).toMatchObject({ state: "queued" });
  });
});

describe("a JID that may have passed to somebody else", () => {
  const BOB = { username: "bob" };

  it("pays nothing after whatever says so, until its person proves himself", async () => {
    const at = await LedgerUnderTest.start({}, false);
    under = at;
    const { gateway, operator, clock } = at;
    const jid = "alice@example.test";
    const { recoveryCode } = await gateway.register({ jid, username: "alice" });
    await at.person("bob");
    const proof = { recoveryCode: recoveryCode ?? "" };
    // Who may pay is told that there is nothing to pay with.
    const standing = () => refusal(gateway.order({ jid, to: BOB, amountSat: 1 }));
    const rejoin = async () => {
      await gateway.close({ jid });
      await gateway.register({ jid, username: "alice" });
    };
    const causes: Readonly<Record<string, () => Promise<unknown>>> = {
      unsubscribed: () => gateway.suspect({ jid, why: "unsubscribed" }),
      gone: () => gateway.suspect({ jid, why: "gone" }),
      away: async () => clock.pass(90 * DAY_MS),
      "away, and there again": async () => {
        clock.pass(90 * DAY_MS);
        await gateway.seen({ jids: [jid] });
      },
      "left, and there again": rejoin,
    };
    for (const [cause, happen] of Object.entries(causes)) {
      expect(await standing(), cause).toBe("LEDGER_FUNDS");
      await happen();
      expect(await standing(), cause).toBe("LEDGER_UNVERIFIED");
      expect(await refusal(gateway.receive({ jid })), cause).toBe("LEDGER_UNVERIFIED");
      expect(await refusal(gateway.quote({ jid, to: BOB, amountSat: 1 })), cause).toBe("LEDGER_UNVERIFIED");
      expect(await refusal(gateway.secondFactorBegin({ jid })), cause).toBe("LEDGER_UNVERIFIED");
      await gateway.verify({ jid, proof });
    }
    expect(await standing()).toBe("LEDGER_FUNDS");

    for (let i = 0; i < 2; i++) await gateway.suspect({ jid, why: "gone" });
    await operator.approve({ user: { username: "alice" } });
    expect(await standing()).toBe("LEDGER_FUNDS");
  });

  it("is told so once, and is not guessed at: five wrong proofs lock the right one out for a while", async () => {
    const at = await LedgerUnderTest.start({}, false);
    under = at;
    const { gateway, clock } = at;
    const jid = "alice@example.test";
    const { recoveryCode } = await gateway.register({ jid, username: "alice" });
    for (let i = 0; i < 2; i++) await gateway.suspect({ jid, why: "gone" });
    expect(await kinds(at)).toEqual(["account.verify alice"]);
    const verify = (word: string) => refusal(gateway.verify({ jid, proof: { recoveryCode: word } }));
    expect(await refusal(gateway.verify({ jid, proof: { oneTimeCode: "123456" } }))).toBe(
      "LEDGER_SECOND_FACTOR missing",
    );
    for (let i = 0; i < 5; i++) expect(await verify("abcdef-abcdef")).toBe("LEDGER_SECOND_FACTOR wrong");
    expect(await verify(recoveryCode ?? "")).toBe("LEDGER_LOCKED");
    clock.pass(900_000);
    expect(await verify((recoveryCode ?? "").toUpperCase().replaceAll("-", " "))).toBe("none");
    expect(await gateway.account({ jid })).toMatchObject({ needsVerification: false });
  });
});

it("the second factor is drawn, proved, needed from an amount on, and taken away by one of its codes", async () => {
  const at = await LedgerUnderTest.start({ strong_sat: 1_000 });
  under = at;
  const { gateway, clock } = at;
  const jid = await at.person("alice", 100_000);
  await at.person("bob");
  const order = async (amountSat: number) =>
    await gateway.order({ jid, to: { username: "bob" }, amountSat, isMeant: true });
  const confirm = (of: { readonly order: string }, oneTimeCode?: string) =>
    refusal(
      gateway.confirm({
        jid,
        which: { order: of.order },
        ...(oneTimeCode === undefined ? {} : { oneTimeCode }),
      }),
    );
  expect(await confirm(await order(999))).toBe("none");
  const first = await order(1_000);
  expect(first.needsSecondFactor).toBe(true);
  expect(await confirm(first)).toBe("LEDGER_SECOND_FACTOR missing");

  const { secret, uri } = await gateway.secondFactorBegin({ jid });
  expect(uri).toBe(`otpauth://totp/Troupe:alice?secret=${secret}&issuer=Troupe`);
  /** No code counts twice: each is one of a new half minute. */
  const nextCode = () => {
    clock.pass(30_000);
    return codeAt(secret, Math.floor(clock.now() / 30_000));
  };
  expect(await confirm(first, nextCode())).toBe("LEDGER_SECOND_FACTOR missing");
  expect(await refusal(gateway.secondFactorEnable({ jid, oneTimeCode: "12345" }))).toBe(
    "LEDGER_SECOND_FACTOR wrong",
  );
  expect(await gateway.account({ jid })).toMatchObject({ hasSecondFactor: false });
  expect(await gateway.secondFactorEnable({ jid, oneTimeCode: nextCode() })).toMatchObject({
    hasSecondFactor: true,
  });
  expect(await refusal(gateway.secondFactorBegin({ jid }))).toBe("LEDGER_SECOND_FACTOR present");
  expect(await kinds(at)).toContain("security.factor alice");
  await gateway.acknowledge({ ids: (await gateway.notices({})).notices.map(({ id }) => id) });

  expect(await confirm(await order(1_000), nextCode())).toBe("LEDGER_SECOND_FACTOR young");
  clock.pass(DAY_MS);
  const second = await order(1_000);
  expect(await confirm(second)).toBe("LEDGER_SECOND_FACTOR needed");
  const code = nextCode();
  expect(await confirm(second, `${code.slice(0, 3)} ${code.slice(3)}`)).toBe("none");
  const third = await order(1_000);
  expect(await confirm(third, code)).toBe("LEDGER_SECOND_FACTOR wrong");
  for (let i = 0; i < 4; i++) expect(await confirm(third, "12345")).toBe("LEDGER_SECOND_FACTOR wrong");
  expect(await confirm(third, nextCode())).toBe("LEDGER_LOCKED");
  expect(await kinds(at)).toContain("security.codes alice");
  clock.pass(900_000);
  expect(await confirm(third, nextCode())).toBe("LEDGER_ORDER_OVER");
  expect(await confirm(await order(1_000), nextCode())).toBe("none");
  expect((await gateway.balance({ jid })).availableSat).toBe(100_000 - 999 - 2_000);

  await gateway.suspect({ jid, why: "gone" });
  await gateway.verify({ jid, proof: { oneTimeCode: nextCode() } });
  expect(await refusal(gateway.secondFactorDisable({ jid, oneTimeCode: "12345" }))).toBe(
    "LEDGER_SECOND_FACTOR wrong",
  );
  expect(await gateway.secondFactorDisable({ jid, oneTimeCode: nextCode() })).toMatchObject({
    hasSecondFactor: false,
  });
  expect(await kinds(at)).toContain("security.factor alice");
  expect(await confirm(await order(1_000))).toBe("LEDGER_SECOND_FACTOR missing");
});

it("who wants more than he may is told so once a day, and admins of whom", async () => {
  const at = await LedgerUnderTest.start({ payment_sat_max: 1_000, admins: [ROOT] });
  under = at;
  const { gateway, clock } = at;
  const jid = await at.person("alice", 100_000);
  await gateway.register({ jid: ROOT, username: "rooty" });
  await gateway.settings({ jid: ROOT, settings: { language: "fr" } });
  await at.person("bob");
  await gateway.acknowledge({ ids: (await gateway.notices({})).notices.map(({ id }) => id) });
  const wish = () => refusal(gateway.order({ jid, to: { username: "bob" }, amountSat: 1_001 }));
  const reached = async () =>
    (await gateway.notices({})).notices.map(({ kind, jid: whom, text, about, language }) => [
      ...[kind, whom, text, about?.username ?? null, language],
    ]);
  expect(await wish()).toContain("LEDGER_LIMIT");
  expect(await wish()).toContain("LEDGER_LIMIT");
  const both = [
    ["security.limit", jid, "reached", null, null],
    ["security.limit", ROOT, "reached", "alice", "fr"],
  ];
  expect(await reached()).toEqual(both);
  await gateway.acknowledge({ ids: (await gateway.notices({})).notices.map(({ id }) => id) });
  clock.pass(DAY_MS);
  expect(await wish()).toContain("LEDGER_LIMIT");
  expect(await reached()).toEqual(both);
});

it("a client that never confirmed a payment before is told of once, but not the first", async () => {
  const at = await LedgerUnderTest.start();
  under = at;
  const { gateway } = at;
  const jid = await at.person("alice", 100_000);
  await at.person("bob");
  const payFrom = async (client: string) => {
    const { order } = await gateway.order({ jid, to: { username: "bob" }, amountSat: 10, isMeant: true });
    await gateway.confirm({ jid, which: { order }, client });
    // What was done already is no news of anybody.
    await gateway.confirm({ jid, which: { order }, client: "another" });
  };
  const told = async () =>
    (await gateway.notices({})).notices.flatMap(({ kind, text, jid: whom }) =>
      kind === "security.resource" ? [`${whom} ${text}`] : [],
    );
  await payFrom("phone");
  await payFrom("phone");
  expect(await told()).toEqual([]);
  await payFrom("laptop\nof eve");
  await payFrom("laptop\nof eve");
  await payFrom("phone");
  expect(await told()).toEqual([`${jid} laptop of eve`]);
});

it("approval of an account that is open already is told to nobody", async () => {
  const at = await LedgerUnderTest.start({ registration: "approve" });
  under = at;
  const { gateway, operator } = at;
  const { account } = await gateway.register({ jid: "carol@example.test", username: "carol" });
  expect(account.state).toBe("waiting");
  for (let turn = 0; turn < 2; turn++) await operator.approve({ by: null, user: { username: "carol" } });
  expect((await kinds(at)).filter((kind) => kind === "account.approved carol")).toHaveLength(1);
});

it("notices follow what their person has set, and wait for the end of quiet hours", async () => {
  const at = await LedgerUnderTest.start();
  under = at;
  const { gateway, clock } = at;
  const alice = await at.person("alice", 100_000);
  const bob = await at.person("bob");
  await gateway.acknowledge({ ids: (await gateway.notices({})).notices.map(({ id }) => id) });
  const minute = Math.floor(clock.now() / 60_000);
  const quietHours = { fromMinute: (minute + 1_430) % 1_440, untilMinute: (minute + 10) % 1_440 };
  await gateway.settings({ jid: alice, settings: { notices: "none" } });
  await gateway.settings({ jid: bob, settings: { notices: "money", quietHours } });
  const { order } = await gateway.order({ jid: alice, to: { username: "bob" }, amountSat: 5 });
  await gateway.confirm({ jid: alice, which: { order } });
  expect(await kinds(at)).toEqual([]);
  clock.pass(20 * 60_000);
  expect(await kinds(at)).toEqual(["payment.received bob"]);
});

it("a wallet that is locked stops payments, and says to people and the operator what it is", async () => {
  const at = await LedgerUnderTest.start();
  under = at;
  await at.walletd.as("operator").lock(at.owned);
  await waitFor("the ledger to hear of it", async () => !(await at.gateway.status({})).isConnected);
  expect((await at.gateway.status({})).why).toMatch(/^its wallet is locked.* supervisor wallet unlock$/);
});

it("what makers have earned is written down for those who run the troupe, and told at the time of their summary, also after a death", async () => {
  const at = await LedgerUnderTest.start({ admins: [ROOT] });
  under = at;
  const { gateway, clock } = at;
  await at.person("alice");
  await gateway.register({ jid: ROOT, username: "runner" });
  const bus = new ConnectedBus(await at.walletd.connect("maker"), { log: silentLog() });
  const publisher = bus.publisher(makerContract, "main");
  const earns = (earnedSat: number) =>
    publisher.event("coinjoin.seen", {
      wallet: "earner",
      amountSat: 9_000,
      earnedSat,
      txid: "ab".repeat(32),
    });
  earns(12);
  await waitFor("the first", async () => (await kinds(at)).length === 1);
  const [told] = (await gateway.notices({})).notices;
  expect(told).toMatchObject({
    jid: ROOT,
    kind: "maker.earned",
    amountSat: 9_000,
    earnedSat: 12,
    text: "earner",
  });
  await gateway.acknowledge({ ids: [told?.id ?? 0] });
  const atMinute = (Math.floor(clock.now() / 60_000) + 30) % 1_440;
  await gateway.settings({ jid: ROOT, settings: { digest: { every: "day", atMinute } } });
  earns(5);
  earns(-2);
  await bus.flush();
  await at.sound();
  expect(await kinds(at)).toEqual([]);
  await at.stopActor();
  clock.pass(31 * 60_000);
  await at.startActor();
  await waitFor("the summary", async () => (await kinds(at)).length === 1);
  const [summary] = (await gateway.notices({})).notices;
  expect(summary?.digest?.parts).toEqual([
    { kind: "maker.earned", count: 2, sumSat: 18_000, feesSat: 0, gainSat: 3 },
  ]);
  // What waits is told when somebody wants to be told singly again.
  earns(7);
  await bus.flush();
  await waitFor("it to be written down", async () => {
    await gateway.settings({ jid: ROOT, settings: { digest: null } });
    return (await kinds(at)).length === 2;
  });
  await publisher.stop();
  await bus.close();
});

it("orders and history can be had of one party alone: by name, by JID, or by address in any case", async () => {
  const at = await LedgerUnderTest.start();
  under = at;
  const { gateway } = at;
  const alice = await at.person("alice", 300_000);
  const bob = await at.person("bob");
  const { address } = await gateway.receive({ jid: bob });
  const words: Readonly<Record<string, PartyWord>> = {
    name: { username: "BOB" },
    jid: { jid: "Bob@example.test" },
    own: { address: address.toUpperCase() },
    outside: { address: ELSEWHERE },
    nobody: { username: "eve" },
    none: { address: "no-address-at-all" },
  };
  const amounts = { name: 1_000, own: 2_000, outside: 3_000 } as const;
  const ids: string[] = [];
  for (const [to, amountSat] of Object.entries(amounts)) {
    const { order } = await gateway.order({ jid: alice, to: words[to] as PartyWord, amountSat });
    ids.push(order);
  }
  const told = async (of: "orders" | "history", jid: string, word: PartyWord) =>
    of === "orders"
      ? (await gateway.orders({ jid, with: word })).orders.map(({ amountSat }) => amountSat)
      : (await gateway.history({ jid, with: word })).movements
          .filter(({ kind }) => kind !== "deposit")
          .map(({ changeSat, feeSat }) => Math.abs(changeSat) - feeSat);
  const wanted = { name: [1_000], jid: [1_000], own: [2_000], outside: [3_000], nobody: [], none: [] };
  const all = async (of: "orders" | "history") =>
    Object.fromEntries(
      await Promise.all(Object.entries(words).map(async ([key, word]) => [key, await told(of, alice, word)])),
    );
  expect(await all("orders")).toEqual(wanted);
  for (const order of ids) await gateway.confirm({ jid: alice, which: { order } });
  // A confirmation waits for what becomes of a payment to outside, but not for ever.
  await waitFor(
    "the payment to outside",
    async () => (await told("history", alice, { address: ELSEWHERE })).length > 0,
  );
  expect(await all("history")).toEqual(wanted);
  expect(await told("history", bob, { address })).toEqual([2_000]);
  expect(await told("history", bob, { username: "alice" })).toEqual([2_000, 1_000]);
  expect((await gateway.orders({ jid: alice, with: { username: "bob" }, isAll: true })).total).toBe(1);
});
