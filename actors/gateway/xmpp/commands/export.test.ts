import { afterEach, beforeEach, expect, it } from "vitest";
import type { LedgerMovement } from "../../../../bus/contracts/ledger/objects.ts";
import { DoorUnderTest, WALLET } from "../../../../tests/harness/xmpp/door.ts";

const ALICE = "alice@example.test";

let under: DoorUnderTest;
beforeEach(async () => {
  under = await DoorUnderTest.start();
  under.bank.open("alice", 100_000);
});
afterEach(() => under.stop());

const say = (words: string) => under.say(ALICE, WALLET, words);

function moved(count: number): void {
  const movements = Array.from({ length: count }, (_, at): LedgerMovement => {
    const entry = count - at;
    return {
      ...{ entry, atS: 1_700_000_000 + entry, kind: "deposit", changeSat: entry, feeSat: 0 },
      ...{ balanceSat: entry, counterpart: null, memo: "", order: null, txid: null, confirmations: 6 },
    };
  });
  under.bank.movements.set(ALICE, movements);
}

it("without a door for files is the file in the chat if it is short, and otherwise a shorter time is asked for", async () => {
  moved(3);
  const answer = await say("export");
  expect(answer).toContain("3 lines.");
  expect(answer.match(/deposit,/g)).toHaveLength(3);
  moved(400);
  expect(await say("export")).toContain("too long for a chat");
  expect(await say("export 2023-11-15")).toContain("Nothing has happened");
  expect(await say("web")).toContain("no door for programs");
});
