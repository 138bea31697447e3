import { afterEach, beforeEach, expect, it } from "vitest";
import { type CoinjoinRun, takerContract } from "../../../../bus/contracts/taker.ts";
import { type FakeActor, fakeActor } from "../../../../bus/fake.ts";
import { waitFor } from "../../../../tests/harness/wait-for.ts";
import { TXID } from "../../../../tests/harness/xmpp/bank/fake-bank.ts";
import { coinjoinRun } from "../../../../tests/harness/xmpp/coinjoin-run.ts";
import { DoorUnderTest } from "../../../../tests/harness/xmpp/door.ts";
import { childOf, childTextOf } from "../link/element.ts";
import { NS } from "../link/namespaces.ts";

const OWNER = "owner@example.test";
const ID = "0123456789abcdef";

let under: DoorUnderTest;
let taker: FakeActor<typeof takerContract>;
let run: CoinjoinRun;
let asked: number;
beforeEach(async () => {
  asked = 0;
  under = await DoorUnderTest.start({ bank_operators: [OWNER, "alice@example.test", "gone@example.test"] });
  under.bank.open("owner", 0, { isOwner: true });
  // One that the configuration names and whose account may do nothing more than others'.
  under.bank.open("alice");
  run = coinjoinRun();
  taker = await fakeActor(under.world, takerContract, {
    run: () => {
      asked += 1;
      return run;
    },
  });
});
afterEach(async () => {
  await taker.stop();
  await under.stop();
});

async function further(change: Partial<CoinjoinRun>): Promise<void> {
  run = { ...run, ...change, version: run.version + 1 };
  taker.publisher.event("run.changed", { id: ID, phase: run.phase, isOver: run.isOver });
  await under.settled();
}
const told = () =>
  under.sent
    .filter(({ attrs }) => attrs["id"]?.startsWith("mx-"))
    .map((stanza) => ({
      to: stanza.attrs["to"],
      id: stanza.attrs["id"],
      replaces: childOf(stanza, "replace", NS.correct)?.attrs["id"],
      body: childTextOf(stanza, "body", ""),
    }));
const until = (messages: number) => waitFor("a message", () => told().length >= messages);

it("is one message that is corrected at most every 15 seconds, and a last one of its own", async () => {
  await further({});
  await until(1);
  expect(told()).toEqual([
    { to: OWNER, id: `mx-${ID}-1`, replaces: undefined, body: `Coinjoin ${ID}: 0 of 3 makers agree.` },
  ]);
  await further({ makersGood: 1 });
  under.clock.advance(14_000);
  await further({ makersGood: 3 });
  expect(told()).toHaveLength(1);
  under.clock.advance(1_000);
  await until(2);
  expect(told()[1]).toMatchObject({ replaces: `mx-${ID}-1`, body: `Coinjoin ${ID}: 3 of 3 makers agree.` });
  await further({ makersSigned: 2 });
  await further({ phase: "done", isOver: true, txid: TXID, makerFeesSat: 30, miningFeeSat: 12 });
  await until(3);
  expect(told()[2]).toEqual({
    to: OWNER,
    id: `mx-${ID}-end`,
    replaces: undefined,
    body: `Coinjoin ${ID} is done; it has cost 42 sat.`,
  });
  // What waited to be corrected is over.
  under.clock.advance(60_000);
  await under.settled();
  expect(told()).toHaveLength(3);
});

it("waits with its last word for the link and for the end of quiet hours, and keeps still for who wants nothing", async () => {
  const { settings } = under.bank.account(OWNER);
  under.bank.change(OWNER, {
    settings: { ...settings, quietHours: { fromMinute: 0, untilMinute: 60 } },
  });
  await further({});
  await further({ phase: "failed", isOver: true, failure: { code: "TAKER_X", message: "no makers" } });
  await waitFor("two questions", () => asked >= 2);
  await under.settled();
  expect(told()).toEqual([]);
  under.link.lose();
  under.clock.advance(3_600_000);
  expect(told()).toEqual([]);
  under.link.start();
  await until(1);
  expect(told()[0]).toMatchObject({ id: `mx-${ID}-end`, body: `Coinjoin ${ID} has failed: no makers` });

  under.bank.change(OWNER, { settings: { ...settings, notices: "none" } });
  const before = asked;
  await further({ phase: "fill", isOver: false });
  await further({ phase: "done", isOver: true });
  await waitFor("two questions", () => asked >= before + 2);
  await under.settled();
  expect(told()).toHaveLength(1);
});
