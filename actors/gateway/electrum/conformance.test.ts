import { createHash } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { txidOf } from "../../../bitcoin/transaction.ts";
import { TEST_CARRIERS } from "../../../tests/harness/electrum/door-under-test.ts";
import { RecordedStages, type Stage } from "../../../tests/harness/gateway/recorded-stages.ts";
import { type WireSession, WireSessions } from "../../../tests/harness/gateway/wire-sessions.ts";
import { waitFor } from "../../../tests/harness/wait-for.ts";

/** What ElectrumX answered for the same chain; `…` stands between the digits that were written down. */
const STATUSES: Readonly<Record<string, readonly string[]>> = {
  B: ["4f75c4fb…8cf17f", "fd57106f…0295d6", "8f52d2b6…132a80", "3dc1b8f6…ae63cc", "b059c7bb…cc1c18"],
  C: ["f7d5b256…da62c2f", "b9edfc57…13b76e5", "df486cce…84f315", "b9edfc57…13b76e5", "cd5e56b5…031a6806"],
  D: ["3691814e…e0a297", "1fdf2589…0eec091", "79e71b33…8c17cb", "1fdf2589…0eec091", "9472a957…0dcc75"],
  E: Array(5).fill("3691814e3feaf86834c9274bfc04c0ebdc29b2dbd9e2ba16b3fb093a3ce0a297"),
  F: Array(5).fill("6920e899a72e5f41754e0534ba9cbf44d403304b77472862f2db06b74252f14d"),
  N: Array(5).fill("6920e899a72e5f41754e0534ba9cbf44d403304b77472862f2db06b74252f14d"),
  U: Array(5).fill("6920e899a72e5f41754e0534ba9cbf44d403304b77472862f2db06b74252f14d"),
};
/** The coinbase of the block that S3 gives up is another one than ElectrumX saw: A's status cannot be compared there. */
const STATUSES_OF_A: Readonly<Partial<Record<Stage, string>>> = {
  S1: "d8f7cb54…dbc50",
  S2: "4f735acd…340a2",
  S4: "4f735acd…340a2",
  S5: "85df3bee…d6bfd",
};
const BALANCES: Readonly<Record<string, readonly (readonly [number, number])[]>> = {
  A: [
    [525_899_985_000, 0],
    [525_899_985_000, -3_940_006_700],
    [530_899_985_000, -3_940_006_700],
    [525_899_985_000, -3_940_006_700],
    [526_959_978_300, 0],
  ],
  B: [
    [1_599_999_000, 0],
    [1_599_999_000, 3_899_998_600],
    [959_999_300, 4_539_998_300],
    [11_599_999_000, 3_899_998_600],
    [15_499_997_600, 0],
  ],
  C: [
    [1_400_000_000, 0],
    [1_400_000_000, 0],
    [1_999_998_500, -599_998_500],
    [1_400_000_000, 0],
    [1_400_000_000, 0],
  ],
  D: [
    [500_000_000, 0],
    [500_000_000, 40_000_000],
    [540_000_000, 0],
    [500_000_000, 40_000_000],
    [540_000_000, 0],
  ],
};
const STAGES: readonly Stage[] = ["S1", "S2", "S3", "S4", "S5"];

interface Entry {
  readonly tx_hash: string;
  readonly height: number;
  readonly fee?: number;
}

function statusOf(history: readonly Entry[]): string | null {
  const text = history.map(({ tx_hash, height }) => `${tx_hash}:${height}:`).join("");
  return text === "" ? null : createHash("sha256").update(text).digest("hex");
}

function expectDigits(found: unknown, written: string): void {
  const [head = "", tail = ""] = written.split("…");
  expect(found).toMatch(new RegExp(`^${head}.*${tail}$`));
}

describe.each(TEST_CARRIERS)(
  "over %s the recorded chain in its stages, as ElectrumX answered for it",
  (carrier) => {
    let stages: RecordedStages;
    let sessions: WireSessions;
    let session: WireSession;
    /** Another chain with a session of its own. */
    const withOther = async (use: (other: RecordedStages, client: WireSession) => Promise<void>) => {
      const other = await RecordedStages.start();
      const others = await WireSessions.open(other.under.half, carrier);
      try {
        await use(other, await others.session());
      } finally {
        await others.close();
        await other.stop();
      }
    };
    const subscribed = (letter: string) => stages.scripthash(letter);
    const ask = (method: string, ...params: unknown[]) => session.call(method, params);

    beforeAll(async () => {
      stages = await RecordedStages.start();
      sessions = await WireSessions.open(stages.under.half, carrier);
      session = await sessions.session();
    });

    afterAll(async () => {
      await sessions.close();
      await stages.stop();
    });

    for (const [at, stage] of STAGES.entries()) {
      describe(stage, () => {
        beforeAll(async () => {
          session.notifications.length = 0;
          await stages.to(stage);
        });

        it("gives every script the status that its history has", async () => {
          for (const letter of "ABCDEFNU") {
            const scripthash = subscribed(letter);
            const history = (await ask("blockchain.scripthash.get_history", scripthash)) as Entry[];
            const client = await sessions.session();
            const status = await client.call("blockchain.scripthash.subscribe", [scripthash]);
            client.close();
            expect(status).toBe(statusOf(history));
            const written = letter === "A" ? STATUSES_OF_A[stage] : STATUSES[letter]?.[at];
            if (written !== undefined) expectDigits(status, written);
          }
        });

        it("keeps no data outputs, confirmed or not", async () => {
          for (const letter of "RZ") {
            expect(await ask("blockchain.scripthash.subscribe", subscribed(letter))).toBeNull();
            expect(await ask("blockchain.scripthash.get_history", subscribed(letter))).toEqual([]);
            expect(await ask("blockchain.scripthash.get_mempool", subscribed(letter))).toEqual([]);
          }
        });

        it("counts balances, of which the unconfirmed part may be negative", async () => {
          for (const letter of "ABCD") {
            const [confirmed, unconfirmed] = BALANCES[letter]?.[at] ?? [];
            expect(await ask("blockchain.scripthash.get_balance", subscribed(letter))).toEqual({
              confirmed,
              unconfirmed,
            });
          }
        });

        it("lists coins in the order of the chain, which sum up to the balance", async () => {
          for (const letter of "ABCD") {
            const coins = (await ask("blockchain.scripthash.listunspent", subscribed(letter))) as {
              height: number;
              value: number;
            }[];
            const balance = (await ask("blockchain.scripthash.get_balance", subscribed(letter))) as {
              confirmed: number;
              unconfirmed: number;
            };
            expect(coins.reduce((sum, { value }) => sum + value, 0)).toBe(
              balance.confirmed + balance.unconfirmed,
            );
            const heights = coins.map(({ height }) => height);
            const confirmed = heights.filter((height) => height > 0);
            expect(heights).toEqual([
              ...confirmed.sort((a, b) => a - b),
              ...heights.filter((height) => height === 0),
            ]);
          }
        });
      });
    }

    it("orders the unconfirmed by unconfirmed inputs, then by id, and tells their fees", () =>
      withOther(async (other, client) => {
        await other.to("S2");
        const waiting = (await client.call("blockchain.scripthash.get_mempool", [
          other.scripthash("B"),
        ])) as Entry[];
        expect(waiting.map(({ tx_hash, height, fee }) => [tx_hash.slice(0, 8), height, fee])).toEqual([
          ["2a0a10f1", 0, 700],
          ["3032f3a9", 0, 500],
          ["162ce84a", -1, 4_000],
          ["3e45ce81", -1, 900],
        ]);
        const history = (await client.call("blockchain.scripthash.get_history", [
          other.scripthash("B"),
        ])) as Entry[];
        expect(history.slice(-4)).toEqual(waiting);
        expect(history.slice(0, -4).every((entry) => !("fee" in entry) && entry.height > 0)).toBe(true);
        await other.to("S3");
        const later = (await client.call("blockchain.scripthash.get_mempool", [
          other.scripthash("B"),
        ])) as Entry[];
        expect(later.map(({ tx_hash, height }) => [tx_hash.slice(0, 8), height])).toEqual([
          ["162ce84a", 0],
          ["3e45ce81", 0],
        ]);
      }));

    it("tells a subscriber of each change once, the header before the scripts", () =>
      withOther(async (other, client) => {
        await client.call("blockchain.headers.subscribe");
        const told = new Map<string, unknown>();
        for (const letter of "ABCDEFNURZ") {
          const scripthash = other.scripthash(letter);
          told.set(letter, await client.call("blockchain.scripthash.subscribe", [scripthash]));
        }
        for (const stage of STAGES.slice(1)) {
          client.notifications.length = 0;
          // A slow machine may show the first of the two blocks that take the place of one.
          const blocks = stage === "S4" ? 2 : 1;
          await other.to(stage);
          const changed = [..."ABCD"].filter((letter) => {
            const status = STATUSES[letter]?.[STAGES.indexOf(stage)];
            return status === undefined || !sameDigits(told.get(letter), status);
          });
          await waitFor(`all of ${changed.join("")} to be told at ${stage}`, () =>
            changed.every((letter) => client.statusesOf(other.scripthash(letter)).length > 0),
          );
          for (const letter of changed) {
            const statuses = client.statusesOf(other.scripthash(letter));
            const [last] = statuses.slice(-1);
            expect(statuses.length).toBeLessThanOrEqual(blocks);
            expect(new Set([told.get(letter), ...statuses]).size, "told twice").toBe(statuses.length + 1);
            const history = (await client.call("blockchain.scripthash.get_history", [
              other.scripthash(letter),
            ])) as Entry[];
            expect(last).toBe(statusOf(history));
            told.set(letter, last);
          }
          const heights = client.heights();
          if (blocks === 1) {
            expect(client.notifications).toHaveLength(changed.length + heights.length);
          }
          if (stage === "S2") {
            expect(heights).toEqual([]);
            continue;
          }
          expect(heights.at(-1)).toBe({ S3: 107, S4: 108, S5: 109 }[stage as "S3" | "S4" | "S5"]);
          expect(new Set(heights).size).toBe(heights.length);
          expect(heights.length).toBeLessThanOrEqual(blocks);
          expect(client.notifications[0]?.method).toBe("blockchain.headers.subscribe");
        }
        expect(txidOf(other.sentBy("3032f3a9"))).toHaveLength(64);
      }));
  },
);

function sameDigits(found: unknown, written: string): boolean {
  const [head = "", tail = ""] = written.split("…");
  return typeof found === "string" && found.startsWith(head) && found.endsWith(tail);
}
