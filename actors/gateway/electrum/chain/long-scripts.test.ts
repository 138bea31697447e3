import { createHash } from "node:crypto";
import fc from "fast-check";
import { afterEach, describe, expect, it } from "vitest";
import { INDEXER_SETTLED_BLOCKS } from "../../../../bus/contracts/indexer.ts";
import { DoorOverFakes } from "../../../../tests/harness/gateway/door-over-fakes.ts";
import { type Entry, packedHistory } from "../../../../tests/harness/gateway/packed-history.ts";
import { waitFor } from "../../../../tests/harness/wait-for.ts";
import { History } from "./history.ts";
import { PackedEntries } from "./packed-entries.ts";

const SCRIPT = "aa".repeat(32);
const opened: DoorOverFakes[] = [];

afterEach(async () => {
  for (const door of opened.splice(0)) await door.stop();
});

function idOf(name: string): string {
  return createHash("sha256").update(name).digest("hex");
}

function statusOf(entries: readonly Entry[]): string | null {
  const text = entries.map(({ txid, height }) => `${txid}:${height}:`).join("");
  return text === "" ? null : createHash("sha256").update(text).digest("hex");
}

/** A chain of which only one script is known, whose blocks come and go as a test wants, behind the door. */
class OneScript {
  /** By height: the block's hash, and what it has of the script. */
  readonly blocks: { hash: string; entries: Entry[] }[] = [{ hash: idOf("genesis"), entries: [] }];
  /** Entries that were sent over the bus. */
  sent = 0;
  #made = 0;
  door!: DoorOverFakes;

  static async start(shortMax: number): Promise<OneScript> {
    const made = new OneScript();
    made.door = await DoorOverFakes.start(
      made.#tip,
      {
        histories: ({ scripthashes, limit }) => ({
          tip: made.#tip,
          results: scripthashes.map(() => (made.all.length > limit ? null : made.all)),
        }),
        history: ({ after, limit }) => {
          const isKnown = after !== undefined && made.blocks[after.height]?.hash === after.hash;
          const entries = made.all.filter(({ height }) => !isKnown || height > after.height);
          const isTooMany = entries.length > limit;
          if (!isTooMany) made.sent += entries.length;
          const settled = made.#blockAt(Math.max(0, made.#tip.height - INDEXER_SETTLED_BLOCKS));
          const head = { tip: made.#tip, settled, isWhole: !isKnown, isTooMany };
          return packedHistory(head, isTooMany ? [] : entries);
        },
      },
      { shortMax, scriptsMax: 10, entryBytesMax: 1_000_000 },
    );
    opened.push(made.door);
    return made;
  }

  get all(): Entry[] {
    return this.blocks.flatMap(({ entries }) => entries);
  }

  get #tip() {
    return this.#blockAt(this.blocks.length - 1);
  }

  #blockAt(height: number) {
    return { height, hash: (this.blocks[height] as { hash: string }).hash };
  }

  mine(count: number): void {
    const height = this.blocks.length;
    this.blocks.push({
      hash: idOf(`block ${this.#made++}`),
      entries: Array.from({ length: count }, () => ({ txid: idOf(`tx ${this.#made++}`), height })),
    });
  }

  turnBack(depth: number): void {
    this.blocks.splice(Math.max(1, this.blocks.length - depth));
  }

  /** The door hears that everything may be another one. */
  async tell(): Promise<void> {
    this.door.mempoolModel.view = { tip: this.#tip, isSynced: true };
    this.door.tellBlock({ ...this.#tip, touched: null });
    await waitFor("the door to know the tip", () => this.door.half.feed.tip?.hash === this.#tip.hash);
  }
}

const anyStep = fc.record({
  turn: fc.constantFrom(0, 0, 0, 1, 2, 5, 9, 30),
  mine: fc.array(fc.constantFrom(0, 1, 2, 40), { maxLength: 12 }),
  asks: fc.constantFrom("status", "history", "both" as const),
});

describe("a long history", () => {
  it("is that of the whole chain, whatever is remembered of it, however the chain turns, grows or shrinks", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyStep, { minLength: 2, maxLength: 8 }), async (steps) => {
        const script = await OneScript.start(1);
        for (const { turn, mine, asks } of steps) {
          script.turnBack(turn);
          for (const count of mine) script.mine(count);
          await script.tell();
          const session = script.door.session();
          if (asks !== "history") {
            const status = await session.call("blockchain.scripthash.subscribe", [SCRIPT]);
            expect(status).toBe(statusOf(script.all));
          }
          if (asks !== "status") {
            const history = await session.call("blockchain.scripthash.get_history", [SCRIPT]);
            expect(history).toEqual(script.all.map(({ txid, height }) => ({ tx_hash: txid, height })));
          }
        }
      }),
      { numRuns: 40 },
    );
  }, 60_000);

  it("is sent once: a new block costs its own entries and those that are not settled", async () => {
    const script = await OneScript.start(100);
    for (let height = 1; height <= 20; height++) script.mine(500);
    await script.tell();
    const session = script.door.session();
    await session.call("blockchain.scripthash.subscribe", [SCRIPT]);
    expect(script.sent).toBe(10_000);

    script.sent = 0;
    script.mine(500);
    await script.tell();
    await waitFor("the new status", () => session.statusesOf(SCRIPT).length === 1);
    expect(session.statusesOf(SCRIPT)).toEqual([statusOf(script.all)]);
    expect(script.sent).toBe((INDEXER_SETTLED_BLOCKS + 1) * 500);

    script.sent = 0;
    script.turnBack(2);
    for (let i = 0; i < 3; i++) script.mine(1);
    await script.tell();
    await waitFor("the status after the reorganisation", () => session.statusesOf(SCRIPT).length === 2);
    expect(session.statusesOf(SCRIPT).at(-1)).toBe(statusOf(script.all));
    expect(script.sent).toBeLessThan(3_000);

    // The history itself needs no more of the bus: what is settled of it was kept.
    script.sent = 0;
    const history = await script.door.session().call("blockchain.scripthash.get_history", [SCRIPT]);
    expect(history).toHaveLength(script.all.length);
    expect(script.sent).toBeLessThan(3_000);
  });

  it("and its JSON are those of a short one, piece by piece", async () => {
    const confirmed = Array.from({ length: 4_500 }, (_, i) => ({ txid: idOf(String(i)), height: 100 + i }));
    const unconfirmed = [{ txid: "bb".repeat(32), feeSat: 7, hasUnconfirmedInputs: false }];
    const bytes = packedHistory({ tip: null, settled: null, isWhole: true, isTooMany: false }, confirmed);
    const entries = new PackedEntries(bytes.subarray(bytes.length - 36 * confirmed.length));
    const encoded = await new History(entries, unconfirmed).encoded();
    expect(encoded.pieces.length).toBeGreaterThan(2);
    expect(JSON.parse(Buffer.concat(encoded.pieces).toString())).toEqual([
      ...confirmed.map(({ txid, height }) => ({ tx_hash: txid, height })),
      { tx_hash: "bb".repeat(32), height: 0, fee: 7 },
    ]);
    expect(confirmed.every(({ txid }) => entries.has(txid))).toBe(true);
    expect(entries.has("bb".repeat(32))).toBe(false);
    expect([99, 100, 4_599, 9_999].map((height) => entries.countUpTo(height))).toEqual([0, 1, 4_500, 4_500]);
  });
});
