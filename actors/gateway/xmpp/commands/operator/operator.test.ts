import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { makerContract } from "../../../../../bus/contracts/maker.ts";
import { supervisorContract } from "../../../../../bus/contracts/supervisor.ts";
import { takerContract } from "../../../../../bus/contracts/taker.ts";
import { fakeActor } from "../../../../../bus/fake.ts";
import { TroupeError } from "../../../../../runtime/errors.ts";
import { waitFor } from "../../../../../tests/harness/wait-for.ts";
import { ADDRESSES, TXID } from "../../../../../tests/harness/xmpp/bank/fake-bank.ts";
import { coinjoinRun } from "../../../../../tests/harness/xmpp/coinjoin-run.ts";
import { DoorUnderTest, WALLET } from "../../../../../tests/harness/xmpp/door.ts";

const ALICE = "alice@example.test";
const ADMIN = "admin@example.test";
const OWNER = "owner@example.test";
const RUN = "0123456789abcdef";

let under: DoorUnderTest;
const stops: (() => Promise<void>)[] = [];
beforeEach(async () => {
  under = await DoorUnderTest.start();
  under.bank.open("alice", 100_000);
  under.bank.open("admin");
  under.bank.open("owner", 0, { isOwner: true });
});
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
  await under.stop();
});

const say = (who: string, words: string) => under.say(who, WALLET, words);

/** A maker that earns with one wallet. */
async function maker(): Promise<string[]> {
  const stopped: string[] = [];
  const actor = await fakeActor(under.world, makerContract, {
    status: () => ({
      usedCommitments: 0,
      makers: [
        {
          wallet: "house.jmdat",
          grantId: "0123456789abcdef",
          state: "offering" as const,
          why: null,
          nick: "J5",
          sinceS: 1,
          channels: [],
          hasBond: false,
          isFree: false,
          offers: [
            { offerId: "0", type: "sw0reloffer", minSat: 1_000, maxSat: 90_000, txfeeSat: 0, fee: "0.0002" },
          ],
          joins: [],
          asked: 9,
          signed: 3,
          seen: 3,
          earnedSat: 777,
        },
      ],
    }),
    stop: ({ wallet }) => {
      stopped.push(wallet);
      return { grantId: "0123456789abcdef" };
    },
  });
  stops.push(() => actor.stop());
  return stopped;
}

describe("jobs", () => {
  it("tell everybody of his own payments under way, and of nobody else's", async () => {
    expect(await say(ALICE, "jobs")).toBe("Nothing is under way.");
    await say(ALICE, `pay ${ADDRESSES[2]} 5000`);
    expect(await say(ALICE, "jobs")).toBe("Nothing is under way.");
    await say(ALICE, "confirm code01");
    expect(await say(ALICE, "jobs")).toContain(`payment of 5000 sat to bcrt 1q47`);
    expect(await say(ALICE, "jobs")).toContain(TXID);
    expect(await say(ADMIN, "jobs")).toBe("Nothing is under way.");
  });

  it("are coinjoins too for those who run the troupe, who may give up one that is not signed", async () => {
    const cancelled: string[] = [];
    const actor = await fakeActor(under.world, takerContract, {
      runs: () => ({ runs: [coinjoinRun({ id: RUN, makersGood: 2, progress: "2 of 3 makers agree" })] }),
      tumbles: () => ({ tumbles: [] }),
      run: ({ id }) => {
        if (id !== RUN) throw new TroupeError({ code: "TAKER_NO_SUCH_RUN", id }, "none");
        return coinjoinRun({ id });
      },
      cancel: ({ id }) => {
        cancelled.push(id);
        return { isCancelled: true };
      },
    });
    stops.push(() => actor.stop());
    for (const who of [ADMIN, OWNER])
      expect(await say(who, "jobs")).toContain(`${RUN}: coinjoin of 50000 sat: 2 of 3 makers agree`);
    expect(await say(ALICE, "jobs")).toBe("Nothing is under way.");
    expect(await say(ALICE, `abort ${RUN}`)).toContain("Only those who run");
    expect(await say(OWNER, "abort fedcba9876543210")).toContain("no such coinjoin");
    expect(await say(OWNER, `abort ${RUN}`)).toContain("given up");
    expect(cancelled).toEqual([RUN]);
    expect(under.bank.acts).toEqual([`coinjoin cancel ${RUN}`]);
  });
});

describe("the maker", () => {
  it("is told of and stopped by those who run the troupe, and each stop is written down", async () => {
    const stopped = await maker();
    expect(await say(ALICE, "maker")).toContain("Only those who run");
    expect(await say(OWNER, "maker")).toContain(
      "house.jmdat: offering, 1000 sat to 90000 sat for 0.0002; 3 coinjoins, earned 777 sat",
    );
    expect(await say(ADMIN, "maker start")).toContain("supervisor earn start");
    expect(await say(ADMIN, "maker stop other")).toContain("I know: house.jmdat");
    expect(stopped).toEqual([]);
    expect(await say(ADMIN, "maker stop house")).toBe("house.jmdat earns no more.");
    expect(stopped).toEqual(["house.jmdat"]);
    expect(under.bank.acts).toEqual(["maker stop house.jmdat"]);
  });

  it("may be missing", async () => {
    expect(await say(ADMIN, "maker")).toBe("No wallet earns.");
    expect(await say(ADMIN, "maker stop")).toBe("No wallet earns.");
  });
});

describe("the bank", () => {
  it("is stopped and let go on by admins only, and everybody is told why", async () => {
    expect(await say(ALICE, "stop")).toContain("Only those who run");
    expect(await say(OWNER, "stop")).toContain("Only those who run");
    expect(await say(ADMIN, "stop a look at the books")).toContain("a look at the books");
    expect(await say(ALICE, "status")).toContain("a look at the books");
    expect(await say(ADMIN, "resume")).toBe("The bank works.");
    expect(under.bank.acts).toEqual(["stop a look at the books", "resume"]);
  });

  it("lets people in by invitation, keeps them out and lets them in again, and shows what was done", async () => {
    expect(await say(ADMIN, "invite")).toContain("until 2027-01-15: in-vite");
    expect(await say(ADMIN, "ban evil.test")).toBe("Kept out: evil.test");
    expect(await say(ADMIN, "unban evil.test")).toBe("Kept out: nobody");
    await say(ADMIN, "stop");
    expect(await say(ADMIN, "audit")).toContain("2023-11-14 22:13 admin@example.test: stop");
    for (const words of ["invite", "ban evil.test", "unban evil.test", "audit"])
      expect(await say(ALICE, words)).toContain("Only those who run");
  });

  it("lets an actor write more or less into its log, for admins, written down", async () => {
    const actor = await fakeActor(
      under.world,
      supervisorContract,
      { logLevel: ({ child }) => ({ isSet: child === "maker" }) },
      { instance: "box" },
    );
    stops.push(() => actor.stop());
    expect(await say(ALICE, "loglevel maker debug")).toContain("Only those who run");
    expect(await say(ADMIN, "loglevel maker loud")).toContain("I know: debug, info, warn, error");
    await say(ADMIN, "cancel");
    expect(await say(ADMIN, "loglevel maker debug")).toBe(
      "maker writes debug and above until it starts anew.",
    );
    expect(await say(ADMIN, "loglevel bus debug")).toContain("no bus here");
    expect(under.bank.acts).toEqual(["log level maker debug", "log level bus debug"]);
  });

  it("restarts an actor after the answer is on its way, and only one that there is", async () => {
    const restarted: string[] = [];
    const actor = await fakeActor(
      under.world,
      supervisorContract,
      {
        restart: ({ child }) => {
          restarted.push(child);
          return { state: "ready" as const };
        },
      },
      { instance: "box" },
    );
    stops.push(() => actor.stop());
    expect(await say(ALICE, "reload")).toContain("Only those who run");
    expect(await say(ADMIN, "reload walletd")).toContain("I know: gateway, ledger");
    await say(ADMIN, "cancel");
    expect(await say(ADMIN, "reload maker")).toBe("maker starts anew.");
    expect(restarted).toEqual([]);
    expect(under.bank.acts).toEqual(["restart maker"]);
    under.clock.advance(1_000);
    await waitFor("a restart", () => restarted.length === 1);
    expect(restarted).toEqual(["maker"]);
  });
});
