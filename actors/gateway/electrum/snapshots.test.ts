/** History and status of one moment, whatever chain and mempool do meanwhile: over each carrier. */
import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Randomness } from "../../../bench/chain/randomness.ts";
import { MODEL_SCRIPT_HASHES } from "../../../tests/harness/chain/model-chain.ts";
import { TEST_CARRIERS } from "../../../tests/harness/electrum/door-under-test.ts";
import type { TestCarrier } from "../../../tests/harness/electrum/raw-client.ts";
import { type HistoryItem, LivingChain, type Step } from "../../../tests/harness/gateway/living-chain.ts";
import { type WireSession, WireSessions } from "../../../tests/harness/gateway/wire-sessions.ts";
import { waitFor } from "../../../tests/harness/wait-for.ts";

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.constantFrom<Step>("send", "send", "send", "outbid", "drop", "mine", "mine", "replace"),
  { minLength: 8, maxLength: 14 },
);

interface Heard {
  readonly scripthash: string;
  readonly status: string | null;
  /** How many notifications had come by then. */
  readonly after: number;
}

function statusOf(history: readonly HistoryItem[]): string | null {
  const text = history.map(({ tx_hash, height }) => `${tx_hash}:${height}:`).join("");
  return text === "" ? null : createHash("sha256").update(text).digest("hex");
}

/** A wallet that asks for histories without a pause, and keeps what it has heard. */
class Asker {
  readonly histories: Heard[] = [];
  /** How often it has asked for all. */
  rounds = 0;
  readonly #first = new Map<string, string | null>();
  readonly #session: WireSession;
  #isDone = false;

  constructor(session: WireSession) {
    this.#session = session;
  }

  async begin(): Promise<void> {
    await this.#session.call("blockchain.headers.subscribe");
    for (const hash of MODEL_SCRIPT_HASHES) {
      const status = await this.#session.call("blockchain.scripthash.subscribe", [hash]);
      this.#first.set(hash, status as string | null);
    }
  }

  async ask(): Promise<void> {
    while (!this.#isDone) {
      await Promise.all(MODEL_SCRIPT_HASHES.map((hash) => this.#askFor(hash)));
      this.rounds += 1;
    }
  }

  end(): void {
    this.#isDone = true;
  }

  /** What it was told last. */
  known(scripthash: string): unknown {
    const told = this.#session.statusesOf(scripthash);
    return told.length === 0 ? this.#first.get(scripthash) : told.at(-1);
  }

  /** Histories that are neither of the status that was told last before them nor of the one told next. */
  strangers(): Heard[] {
    const { notifications } = this.#session;
    return this.histories.filter(({ scripthash, status, after }) => {
      const told = notifications.map(({ params }, at) => (params[0] === scripthash ? at : -1));
      const before = told.findLast((at) => at >= 0 && at < after);
      const next = told.find((at) => at >= after);
      const around = [before === undefined ? this.#first.get(scripthash) : notifications[before]?.params[1]];
      if (next !== undefined) around.push(notifications[next]?.params[1]);
      return !around.includes(status);
    });
  }

  async #askFor(scripthash: string): Promise<void> {
    const history = await this.#session.call("blockchain.scripthash.get_history", [scripthash]);
    const after = this.#session.notifications.length;
    this.histories.push({ scripthash, status: statusOf(history as HistoryItem[]), after });
  }
}

async function lead(carrier: TestCarrier, all: readonly Step[], seed: number): Promise<Asker> {
  const random = new Randomness(seed);
  const life = await LivingChain.start(() => random.fraction());
  const sessions = await WireSessions.open(life.under.half, carrier);
  try {
    const asker = new Asker(await sessions.session());
    await asker.begin();
    const asking = asker.ask();
    for (const [at, step] of all.entries()) {
      const { rounds } = asker;
      await life.take(step);
      // An answer may wait until index and mempool are of one block: it came while this step was taken, too.
      await waitFor(`all to be told and asked for after step ${at}, ${step}`, () => {
        const isTold = MODEL_SCRIPT_HASHES.every((hash) => asker.known(hash) === life.status(hash));
        return isTold && asker.rounds > rounds;
      });
    }
    asker.end();
    await asking;
    return asker;
  } finally {
    await sessions.close();
    await life.stop();
  }
}

describe.each(TEST_CARRIERS)("over %s a history that is asked for while everything changes", (carrier) => {
  it("is of the status that was told last or of the one that is told next, never of a third", async () => {
    await fc.assert(
      fc.asyncProperty(steps, fc.integer({ min: 1, max: 1_000_000 }), async (all, seed) => {
        const asker = await lead(carrier, all, seed);
        expect(asker.rounds).toBeGreaterThanOrEqual(all.length);
        expect(asker.strangers()).toEqual([]);
      }),
      // A life takes too long for a smaller one to be looked for: the seed and the steps are told.
      { numRuns: 2, endOnFailure: true },
    );
  });
});
