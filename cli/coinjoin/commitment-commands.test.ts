import { describe, expect, it } from "vitest";
import { keyedCoinsOf, lentLines, listLines } from "./commitment-commands.ts";

const TXID = "ab".repeat(32);
const KEY = "cTGhosGriPpuGA586jemcuH9pE9spwUmneMBmYYzrQEbY92DJrbo";

describe("coins with their keys", () => {
  it("are read from lines, and from what joinmarket-clientserver shows of a wallet", () => {
    const coin = { txid: TXID, index: 1, key: KEY };
    const shown = JSON.stringify({
      [`${TXID}:1`]: { address: "x", privkey: KEY, value: 5, external: false },
      // One that it has from elsewhere itself: it has no key of it.
      [`${TXID}:2`]: { tries: 0, tries_remaining: 3, external: true },
    });

    expect(keyedCoinsOf(`${TXID}:1,${KEY}\r\n\n${TXID.toUpperCase()}:2 , ${KEY}\n`)).toEqual([
      coin,
      { ...coin, index: 2 },
    ]);
    expect(keyedCoinsOf(shown)).toEqual([coin]);
  });

  it.each([`${TXID}:1 ${KEY}`, `${TXID}:1,${KEY},more`, `${TXID}:1,`, `{"${TXID}:1": {}}`, `{"${KEY}`])(
    "that cannot be read are refused without a word of what was written",
    (text) => {
      const refusal = (() => {
        try {
          return keyedCoinsOf(text);
        } catch (error) {
          return error as Error & { code: string };
        }
      })();

      expect(refusal).toMatchObject({ code: "CLI_MISUSE" });
      expect((refusal as Error).message).not.toContain(KEY);
    },
  );
});

it("says of each coin what it is worth and how often it can still stand for a coinjoin", () => {
  const coin = { txid: TXID, index: 1, amountSat: 50_000, confirmations: 9, tries: 3, triesLeft: 2 };
  const gone = { ...coin, index: 2, amountSat: null, confirmations: null };
  const [, first, second, last] = listLines({ coins: [coin, gone], used: 4 }, (_, text) => text);

  expect(first).toMatch(/:1 +50,000 sat +9 +2 of 3$/);
  expect(second).toMatch(/:2 +gone +2 of 3$/);
  expect(last).toContain("4 commitments");
});

it("says which coins of a lender were passed over, each by its reason, and that a trial adds nothing", () => {
  const lent = { added: 2, frozen: 1, setAside: 0, bonds: 3, usedUp: 1 };

  expect(lentLines(lent, false)).toEqual([
    expect.stringMatching(/^2 coins may stand .* Makers who are asked then see which\.$/),
    "Passed over: 1 frozen, 3 in bonds, 1 shown as often as makers take it.",
  ]);
  expect(lentLines({ ...lent, frozen: 0, bonds: 0, usedUp: 0 }, true)).toEqual([
    expect.stringMatching(/^2 coins would stand .* Nothing was added\.$/),
  ]);
});
