import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { DoorUnderTest, WALLET } from "../../../../tests/harness/xmpp/door.ts";

const ALICE = "alice@example.test";

let under: DoorUnderTest;
beforeEach(async () => {
  under = await DoorUnderTest.start();
  under.bank.open("alice", 100_000);
});
afterEach(() => under.stop());

const say = (to: string, words: string) => under.say(ALICE, to, words);

describe("limits", () => {
  const limits = () => under.bank.account(ALICE).limits;

  it("of one's own are told, and lowered at once", async () => {
    expect(await say(WALLET, "limits")).toContain("payment: 10000000 sat");
    const lowered = await say(WALLET, "limits payment 0.0005 btc");
    expect(lowered).toContain("payment: 50000 sat");
    expect(lowered).not.toContain("In 24 h");
    expect(limits()).toEqual({ paymentSat: 50_000, daySat: 50_000_000, strongSat: 5_000_000 });
  });

  it("that are to be higher have to wait, and say for how long", async () => {
    under.bank.raiseAtS = under.clock.now() / 1_000 + 86_400;
    expect(await say(WALLET, "limits day 60000000")).toMatch(
      /day: 50000000 sat[\s\S]*In 24 h:[\s\S]*day: 60000000 sat/,
    );
    expect(limits().daySat).toBe(50_000_000);
  });

  it("take amounts, of kinds that there are", async () => {
    expect(await say(WALLET, "limits payment 1e3")).toContain("no amount");
    expect(await say(WALLET, "limits payment")).toContain("no amount");
    expect(await say(WALLET, "limits month 5")).toBe("For limits I know: payment, day, strong.");
    expect(under.bank.actor.calls.some(({ method }) => method === "limits")).toBe(false);
  });

  it("are meant by those who cannot have the admin's command of nearly the same name", async () => {
    expect(await say(WALLET, "limit")).toContain("Your limits");
    under.bank.open("admin");
    expect(await under.say("admin@example.test", WALLET, "limit")).toContain("Who?");
  });
});
