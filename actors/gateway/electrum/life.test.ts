import { afterEach, describe, expect, it } from "vitest";
import { Randomness } from "../../../bench/chain/randomness.ts";
import { MODEL_SCRIPT_HASHES } from "../../../tests/harness/chain/model-chain.ts";
import type { TestSession } from "../../../tests/harness/gateway/electrum.ts";
import { type HistoryItem, LivingChain, type Step } from "../../../tests/harness/gateway/living-chain.ts";
import { waitFor } from "../../../tests/harness/wait-for.ts";
import type { LongHistoryTerms } from "./chain/long-scripts.ts";

const STEPS: readonly Step[] = ["send", "send", "send", "mine", "mine", "drop", "replace"];
const opened: LivingChain[] = [];

afterEach(async () => {
  for (const life of opened.splice(0)) await life.stop();
});

/** Nearly every history counts as long, and only of some of them something is remembered. */
const ALL_LONG: LongHistoryTerms = { shortMax: 1, scriptsMax: 6, entryBytesMax: 1_500 };

async function lifeOf(
  seed: number,
  longHistories?: LongHistoryTerms,
  isMounted?: boolean,
): Promise<{ life: LivingChain; random: Randomness }> {
  const random = new Randomness(seed);
  const life = await LivingChain.start(() => random.fraction(), longHistories, isMounted);
  opened.push(life);
  return { life, random };
}

/** What a client knows: the last answer or notification for each script. */
class Knowledge {
  readonly statuses = new Map<string, unknown>();
  readonly session: TestSession;
  #read = 0;

  constructor(session: TestSession) {
    this.session = session;
  }

  async subscribe(scripthash: string): Promise<void> {
    this.statuses.set(scripthash, await this.session.call("blockchain.scripthash.subscribe", [scripthash]));
  }

  /** Reads what has come; a notification that says nothing new is a fault. */
  read(): void {
    for (const { method, params } of this.session.notifications.slice(this.#read)) {
      if (method !== "blockchain.scripthash.subscribe") continue;
      const [scripthash, status] = params as [string, unknown];
      expect(this.statuses.has(scripthash)).toBe(true);
      expect(status).not.toBe(this.statuses.get(scripthash));
      this.statuses.set(scripthash, status);
    }
    this.#read = this.session.notifications.length;
  }
}

describe("a random life of chain and mempool", () => {
  for (const seed of [1, 2, 3, 4, 5, 6]) {
    const long = seed > 2;
    const isMounted = seed % 2 === 0;
    const kind = `${long ? "long" : "short"} histories${isMounted ? ", the index mounted," : ""}`;
    it(`is answered and told as brute force has it, with ${kind} and seed ${seed}`, async () => {
      const { life, random } = await lifeOf(seed, long ? ALL_LONG : undefined, isMounted);
      const clients = Array.from({ length: 3 }, () => new Knowledge(life.under.session()));
      for (const client of clients) await client.session.call("blockchain.headers.subscribe");
      for (let at = 0; at < 30; at++) {
        // Some come late: they subscribe in the middle of changes.
        const joins = MODEL_SCRIPT_HASHES.filter(() => random.fraction() < 0.15).map((hash) =>
          clients[Math.floor(random.fraction() * 3)]?.subscribe(hash),
        );
        const step = STEPS[Math.floor(random.fraction() * STEPS.length)] as Step;
        const taking = life.take(step);
        await Promise.all([...joins, taking]);
        await waitFor(`what is told to be true after step ${at}, ${step}`, () => {
          for (const client of clients) client.read();
          return (
            life.under.half.feed.tip?.hash === life.chain.blocks.at(-1)?.hash &&
            clients.every(({ statuses }) =>
              [...statuses].every(([hash, status]) => status === life.status(hash)),
            )
          );
        });
        const asker = life.under.session();
        for (const hash of MODEL_SCRIPT_HASHES) {
          // Those that are not asked for are only carried on from status to status.
          if (!long || random.fraction() < 0.3)
            expect(await asker.call("blockchain.scripthash.get_history", [hash])).toEqual(life.history(hash));
          expect(await asker.call("blockchain.scripthash.get_balance", [hash])).toEqual(life.balance(hash));
          expect(await asker.call("blockchain.scripthash.listunspent", [hash])).toEqual(life.coins(hash));
        }
      }
    });
  }

  it.each([
    { where: "asked over the bus", isMounted: false },
    { where: "mounted", isMounted: true },
  ])(
    "never loses or doubles a transaction while a block takes it out of the mempool, the index $where",
    async ({ isMounted }) => {
      const { life } = await lifeOf(5, undefined, isMounted);
      for (let round = 0; round < 15; round++) {
        for (let i = 0; i < 4; i++) await life.take("send");
        const asker = life.under.session();
        const known = new Map(MODEL_SCRIPT_HASHES.map((hash) => [hash, idsOf(life.history(hash))]));
        let isMined = false;
        const mining = life.take("mine").then(async () => {
          await waitFor("the block", () => life.under.half.feed.tip?.hash === life.chain.blocks.at(-1)?.hash);
          isMined = true;
        });
        while (!isMined) {
          const answers = await Promise.all(
            MODEL_SCRIPT_HASHES.map((hash) => asker.call("blockchain.scripthash.get_history", [hash])),
          );
          MODEL_SCRIPT_HASHES.forEach((hash, i) => {
            const ids = idsOf(answers[i] as HistoryItem[]);
            expect(new Set(ids).size).toBe(ids.length);
            for (const id of known.get(hash) ?? []) expect(ids).toContain(id);
          });
        }
        await mining;
      }
    },
  );
});

function idsOf(history: readonly HistoryItem[]): string[] {
  return history.map(({ tx_hash }) => tx_hash);
}
