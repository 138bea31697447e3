import { afterEach, describe, expect, it } from "vitest";
import { ConnectedBus } from "../../../bus/connected-bus.ts";
import { makerContract } from "../../../bus/contracts/maker.ts";
import { silentLog } from "../../../bus/fake.ts";
import { entryOf } from "../../../joinmarket/schedule/entry.ts";
import { writeSchedule } from "../../../joinmarket/schedule/schedule-file.ts";
import type { TableOptions } from "../../../tests/harness/joinmarket/join-table.ts";
import { DELIVERED, LOST } from "../../../tests/harness/joinmarket/market-hub.ts";
import { row, TumbleTable } from "../../../tests/harness/joinmarket/tumble-table.ts";
import { waitFor } from "../../../tests/harness/wait-for.ts";

let table: TumbleTable | undefined;
afterEach(async () => {
  await table?.at.clear();
  table = undefined;
});

async function set(options?: TableOptions): Promise<TumbleTable> {
  table = await TumbleTable.set(options);
  return table;
}

it("a whole schedule goes entry by entry, and all coins are at the destinations", async () => {
  const on = await set();
  const [first = "", second = ""] = on.addresses;
  const before = on.at.walletSat;
  const id = await on.start([
    row(0, 0, "INTERNAL"),
    row(1, 0.4, "INTERNAL"),
    row(1, 0, first),
    row(2, 0, second),
  ]);
  const tumble = await on.drive(id);
  expect(tumble.failures).toEqual([]);
  expect(tumble).toMatchObject({ state: "done", isOver: true, entry: 4, secondsLeft: null });
  expect(tumble.schedule.map((one) => one[6])).toEqual([1, 1, 1, 1]);
  expect(tumble.sent).toHaveLength(4);
  const costSat = tumble.sent.reduce((sum, one) => sum + one.makerFeesSat + one.miningFeeSat, 0);
  expect(on.at.walletSat).toBe(0);
  expect(on.arrivedSat.reduce((sum, sat) => sum + sat, 0)).toBe(before - costSat);
  expect(on.arrivedSat.slice(0, 2).every((sat) => sat > 0)).toBe(true);
  expect(on.at.money.sent).toHaveLength(4);
});

it("a wallet that earns is never mixed with its own maker, under whatever name that is there", async () => {
  const on = await set({ makers: 4, config: { chooser: "cheapest" } });
  const [own, ...others] = on.at.makers;
  const bus = new ConnectedBus(await on.at.under.connect("maker"), { log: silentLog() });
  const publisher = bus.publisher(makerContract, "main");
  const nick = own?.nick ?? "";
  publisher.state("makers", { makers: [{ wallet: "life", state: "offering", nick }] });
  await bus.flush();
  const id = await on.start([row(0, 0, on.addresses[0] ?? "")]);

  // It is the cheapest of the four, and three are wanted.
  expect((await on.drive(id)).state).toBe("done");
  expect(own?.opened).toEqual([]);
  expect(others.map(({ opened }) => opened.length)).toEqual([1, 1, 1]);
  await publisher.stop();
  await bus.close();
});

it("how it stands and how long it takes is told at every moment", async () => {
  const on = await set();
  const id = await on.start([row(0, 0, "INTERNAL", { waitMinutes: 10 }), row(1, 0, on.addresses[0] ?? "")]);
  const mixing = await on.taker.tumble({ id });
  expect(mixing).toMatchObject({ wallet: "life", state: "mixing", isOver: false, entry: 0, untilS: null });
  const confirming = await on.drive(id, ({ state }) => state === "confirming");
  expect(confirming).toMatchObject({ entry: 0, run: null, sent: [{ entry: 0, makers: 3 }] });
  expect(confirming.schedule[0]?.[6]).toBe(confirming.sent[0]?.txid);
  const waiting = await on.drive(id, ({ state }) => state === "waiting");
  expect(waiting).toMatchObject({ entry: 1, confirmations: null });
  expect(waiting.schedule[0]?.[6]).toBe(1);
  expect((waiting.untilS ?? 0) * 1_000 - on.at.clock.now()).toBeGreaterThan(9 * 60_000);
  expect(waiting.secondsLeft).toBeGreaterThan(9 * 60);
  expect((await on.drive(id)).state).toBe("done");
  expect((await on.taker.tumbles({ wallet: "life" })).tumbles.map((one) => one.id)).toEqual([id]);
  expect((await on.taker.tumbles({ wallet: "other" })).tumbles).toEqual([]);
});

it("how long it takes is not told, rather than guessed, before it is known how fast blocks come", async () => {
  const on = await set();
  const id = await on.start([row(0, 0, "INTERNAL", { waitMinutes: 10 }), row(1, 0, on.addresses[0] ?? "")]);
  await on.drive(id, ({ state }) => state === "waiting");
  const { secondsLeft } = await on.taker.tumbleStop({ id }).then(() => on.taker.tumble({ id }));
  expect(secondsLeft).toBeNull();
  await on.at.stopTaker();
  await on.at.startTaker();

  const resumed = await on.taker.tumbleResume({ id, grant: await on.grant() });
  const later = await on.drive(id, (tumble) => tumble.secondsLeft !== null);

  expect(resumed.secondsLeft).toBeNull();
  // Two blocks as slow as Bitcoin's would take longer.
  expect(later.secondsLeft).toBeLessThan(1_200);
});

describe("a taker that is stopped and started again", () => {
  const reached: Readonly<Record<string, (on: TumbleTable, id: string) => Promise<unknown>>> = {
    "while it asks the market": (on) => spoken(on, "orderbook"),
    "while makers are asked": (on) => spoken(on, "auth"),
    "while makers sign": (on) => spoken(on, "tx"),
    "while blocks come": (on, id) => on.drive(id, ({ state }) => state === "confirming"),
    "while it waits": (on, id) => on.drive(id, ({ state }) => state === "waiting"),
    "while it asks for an address": (on, id) => on.drive(id),
  };
  for (const [when, reach] of Object.entries(reached)) {
    it(`${when} goes on with the same entry, and sends nothing twice`, async () => {
      const on = await set();
      const [address = ""] = on.addresses;
      const isAsked = when.includes("address");
      const before = on.at.walletSat;
      const id = await on.start([row(0, 0, "INTERNAL"), row(1, 0, isAsked ? "addrask" : address)]);
      await reach(on, id);
      await on.at.stopTaker();
      on.at.hub.fate = () => DELIVERED;
      await on.at.startTaker();
      if (isAsked) {
        expect(await on.drive(id)).toMatchObject({ state: "address", entry: 1, secondsLeft: null });
        await on.taker.tumbleResume({ id, grant: await on.grant(), addresses: [address] });
      }
      const tumble = await on.drive(id);
      expect(tumble).toMatchObject({ state: "done", entry: 2 });
      expect(new Set(tumble.sent.map(({ txid }) => txid)).size).toBe(2);
      const costSat = tumble.sent.reduce((sum, one) => sum + one.makerFeesSat + one.miningFeeSat, 0);
      expect(on.arrivedSat[0]).toBe(before - costSat);
      expect(on.at.walletSat).toBe(0);
    });
  }

  /** The market goes silent at this word. */
  async function spoken(on: TumbleTable, word: string): Promise<void> {
    let isReached = false;
    on.at.hub.fate = ({ text }) => {
      if (!isReached && text.split(" ")[0] !== word) return DELIVERED;
      isReached = true;
      return LOST;
    };
    await waitFor(`the first ${word}`, () => isReached);
  }
});

it("one that cannot be written down any more stops, says so, and leaves the taker at work", async () => {
  const on = await set();
  const id = await on.start([row(0, 0, "INTERNAL"), row(1, 0, on.addresses[0] ?? "")]);
  await on.drive(id, ({ state }) => state === "confirming");
  on.at.breakFolder("tumbles");
  const tumble = await on.drive(id);

  expect(tumble).toMatchObject({
    state: "stopped",
    progress: "What happens to the coinjoin cannot be written down.",
  });
  expect((await on.taker.tumbles({ wallet: "life" })).tumbles).toMatchObject([{ id, isOver: true }]);
});

it("makers that fail are tried again later, with fewer of them, until it works", async () => {
  const on = await set();
  const id = await on.start([row(0, 0, on.addresses[0] ?? "", { makers: 5 })]);
  const tumble = await on.drive(id);
  expect(tumble.state).toBe("done");
  expect(tumble.failures.map(({ code }) => code)).toEqual(["TAKER_FEW_MAKERS", "TAKER_FEW_MAKERS"]);
  expect(tumble.schedule[0]).toMatchObject({ 2: 3, 3: on.addresses[0] });
  expect(on.at.walletSat).toBe(0);
});

it("it stops after so many failures with its coins free, and goes on when it is resumed", async () => {
  const on = await set({
    config: { makers_min: 2, tumble_confirmations: 2, commitment_age: 1, tumble_tries: 2 },
  });
  on.at.hub.fate = () => LOST;
  const id = await on.start([row(0, 0, on.addresses[0] ?? "")]);
  const stopped = await on.drive(id);
  expect(stopped).toMatchObject({ state: "stopped", isOver: true, failed: 2 });
  expect(stopped.failures).toHaveLength(3);
  await waitFor("the coins to be free", async () => (await on.at.reservedSat()) === 0);

  on.at.hub.fate = () => DELIVERED;
  await on.taker.tumbleResume({ id, grant: await on.grant() });
  expect((await on.drive(id)).state).toBe("done");
});

it("a wallet that is locked meanwhile lets it wait for a new grant", async () => {
  const on = await set();
  const id = await on.start([row(0, 0, "INTERNAL"), row(1, 0, on.addresses[0] ?? "")]);
  await on.drive(id, ({ state }) => state === "waiting");
  await on.at.relock();
  expect(await on.drive(id)).toMatchObject({
    state: "grant",
    isOver: false,
    failures: [{ code: "WALLETD_NO_GRANT" }],
  });
  await on.taker.tumbleResume({ id, grant: await on.grant() });
  expect((await on.drive(id)).state).toBe("done");
  expect(on.at.walletSat).toBe(0);
});

describe("one that is stopped by its owner", () => {
  it("while makers are asked gives its coins back, and can go on", async () => {
    const on = await set();
    on.at.hub.fate = ({ text }) => (text.startsWith("fill ") ? LOST : DELIVERED);
    const id = await on.start([row(0, 0, on.addresses[0] ?? "")]);
    await waitFor("the question", () => on.at.hub.sent.some(({ text }) => text.startsWith("fill ")));
    await on.taker.tumbleStop({ id });
    const stopped = await on.drive(id);
    expect(stopped).toMatchObject({ state: "stopped", failures: [] });
    await waitFor("the coins to be free", async () => (await on.at.reservedSat()) === 0);
    expect(on.at.walletSat).toBe(600_000);
    const { revoked } = await on.at.under.as("operator").revoke(on.at.owned);
    expect(revoked).toBe(0);

    on.at.hub.fate = () => DELIVERED;
    await on.taker.tumbleResume({ id, grant: await on.grant() });
    expect((await on.drive(id)).state).toBe("done");
  });

  it("while blocks come leaves what was sent, and goes on from there", async () => {
    const on = await set();
    const id = await on.start([row(0, 0, "INTERNAL"), row(1, 0, on.addresses[0] ?? "")]);
    await on.drive(id, ({ state }) => state === "confirming");
    expect(await on.taker.tumbleStop({ id })).toMatchObject({ state: "stopped", entry: 0 });
    await on.taker.tumbleResume({ id, grant: await on.grant() });
    const tumble = await on.drive(id);
    expect(tumble.state).toBe("done");
    expect(on.at.money.sent).toHaveLength(2);
  });
});

it("a schedule that another program has begun goes on after what it has sent, which is not made again", async () => {
  const on = await set();
  const [first = ""] = on.addresses;
  const begun = await on.start([row(0, 0, "INTERNAL"), row(1, 0, first)]);
  const { schedule } = await on.drive(begun, ({ state }) => state === "confirming");
  await on.taker.tumbleStop({ id: begun });
  const text = writeSchedule(schedule.map((one) => entryOf(one)));
  const plan = await on.taker.tumblePlan({ availableSat: [0, 580_000, 0], text, isPriced: false });
  const [sent] = on.at.money.sent;

  expect(plan.schedule.map((one) => one[6])).toEqual([schedule[0]?.[6], 0]);
  const id = await on.start(plan.schedule);
  await on.drive(id, ({ state }) => state === "confirming");
  expect(on.at.money.sent).toEqual([sent]);
  const tumble = await on.drive(id);
  expect(tumble).toMatchObject({ state: "done", failures: [] });
  expect(tumble.schedule.map((one) => one[6])).toEqual([1, 1]);
  expect(tumble.sent.map(({ entry }) => entry)).toEqual([1]);
  expect(on.at.money.sent).toHaveLength(2);
});

it("a wallet tumbles once at a time", async () => {
  const on = await set();
  on.at.hub.fate = () => LOST;
  const id = await on.start([row(0, 0, on.addresses[0] ?? "")]);
  await expect(on.start([row(0, 0, on.addresses[0] ?? "")])).rejects.toMatchObject({
    code: "TAKER_TUMBLES",
    data: { wallet: "life", id },
  });
  await on.taker.tumbleStop({ id });
});

it("a part that would leave too little for the mixdepth's last coinjoin is left to that one", async () => {
  const on = await set({ walletSat: [200_000] });
  const id = await on.start([row(0, 0.9, "INTERNAL"), row(0, 0, on.addresses[0] ?? "")]);
  const tumble = await on.drive(id);
  expect(tumble).toMatchObject({ state: "done", sent: [{ entry: 1 }], failures: [{ entry: 0 }] });
  expect(on.at.walletSat).toBe(0);
});

it("one that was given up after it was signed, and appears all the same, is not made again", async () => {
  const silent = { isPushing: false };
  const on = await set({ lies: [silent, silent, silent] });
  const id = await on.start([row(0, 0, on.addresses[0] ?? "")], { broadcast: "not-self" });
  const retrying = await on.drive(id, ({ state }) => state === "retrying");
  expect(retrying).toMatchObject({ failures: [{ code: "TAKER_NOT_SENT" }] });
  expect((retrying.untilS ?? 0) * 1_000 - on.at.clock.now()).toBeGreaterThan(3_500_000);
  const pushed = on.at.hub.sent.find(({ text }) => text.startsWith("push "));
  on.at.deliver(pushed?.text ?? "");
  const tumble = await on.drive(id);
  expect(tumble).toMatchObject({ state: "done", sent: [{ entry: 0 }] });
  const askers = on.at.hub.sent.filter(({ text }) => text === "orderbook").map(({ from }) => from);
  expect(new Set(askers).size).toBe(1);
  expect(on.at.walletSat).toBe(0);
});

it("one whose maker spends its coin before a block has it is made anew", async () => {
  const on = await set();
  const id = await on.start([row(0, 0, on.addresses[0] ?? "")]);
  const { sent } = await on.drive(id, ({ state }) => state === "confirming");
  on.at.outrun(sent[0]?.txid ?? "");
  const tumble = await on.drive(id, ({ failures }) => failures.length > 0);
  expect(tumble).toMatchObject({ entry: 0, failures: [{ code: "TAKER_REFUSED" }], sent: [] });
});

describe("a plan", () => {
  it("says what it will cost and how long it will take, and can be started", async () => {
    const on = await set();
    const plan = await on.taker.tumblePlan({
      availableSat: [600_000, 0, 0],
      destinations: on.addresses.slice(0, 2),
      options: {
        destinations: 2,
        mixdepths: 2,
        makers: { mean: 3, spread: 0 },
        makersMin: 2,
        amountSatMin: 30_000,
      },
      satPerVb: 2,
    });
    expect(
      plan.schedule.map(([, , , destination]) => destination).filter((one) => one !== "INTERNAL"),
    ).toEqual(on.addresses.slice(0, 2));
    expect(plan.costs).toHaveLength(plan.schedule.length);
    expect(plan.costs?.every(({ makerFeesSat, miningFeeSat }) => makerFeesSat + miningFeeSat > 0)).toBe(true);
    expect(plan.candidates).toEqual({ most: 3, fewest: 3 });
    expect(plan.secondsLeft).toBeGreaterThan(0);
    const again = await on.taker.tumblePlan({
      availableSat: [600_000, 0, 0],
      text: plan.text,
      isPriced: false,
    });
    expect(again).toMatchObject({ schedule: plan.schedule, costs: null, candidates: null });
    expect(again.makerFeesSatMax).toBe(plan.makerFeesSatMax);
  });

  it("is refused without coins, for places that are none, and with the line that cannot be read", async () => {
    const on = await set();
    const ask = (more: object) =>
      on.taker.tumblePlan({ availableSat: [600_000, 0, 0], isPriced: false, ...more });
    await expect(ask({ availableSat: [90_000, 0] })).rejects.toMatchObject({ code: "TAKER_NO_COINS" });
    await expect(ask({ destinations: ["bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"] })).rejects.toMatchObject(
      {
        code: "TAKER_SCHEDULE",
      },
    );
    await expect(ask({ text: "0,0,4,INTERNAL\n" })).rejects.toMatchObject({
      code: "TAKER_SCHEDULE",
      data: { entry: 0, what: expect.stringMatching(/^line 1: 4 columns/) },
    });
    await expect(ask({ schedule: [row(3, 0, "INTERNAL")] })).rejects.toMatchObject({ data: { entry: 1 } });
  });
});
