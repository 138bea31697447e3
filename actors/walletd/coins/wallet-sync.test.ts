/** Tests of a wallet with many addresses: the process stays free while they are derived and looked up, and tells how far it is. */
import { describe, expect, it } from "vitest";
import { type Clock, systemClock } from "../../../runtime/clock.ts";
import { waitFor } from "../../../tests/harness/wait-for.ts";
import { knownWallet } from "../../../tests/harness/walletd/walletd-under-test.ts";
import { CHUNK_KEYS } from "../accounts/key-cache.ts";
import { type Branch, ScriptBook } from "../accounts/script-book.ts";
import { CoinView } from "./coin-view.ts";
import type { Lookup } from "./lookup.ts";
import { NO_FACTS, type ScriptFacts } from "./script-facts.ts";
import { WalletSync } from "./wallet-sync.ts";

const { keys } = knownWallet(9);
const TIP = { height: 1, hash: "00".repeat(32) };
const BRANCH: Branch = { mixdepth: 0, chain: 0 };
const GAP = 6;

function usedOnce(hash: string): ScriptFacts {
  const txid = hash;
  return {
    history: [{ txid, height: 1 }],
    unspents: [{ txid, index: 0, amountSat: 1, height: 1 }],
  };
}

/** A wallet whose first `used` addresses of one branch were used. */
class ManyAddresses {
  readonly book: ScriptBook;
  readonly view: CoinView;
  readonly used = new Set<string>();
  readonly asked: number[] = [];
  /** Told of each question before its answer. */
  onAsked: () => void = () => undefined;
  readonly known: Promise<void>;
  readonly sync: WalletSync;
  /** Of its clock those that wait. */
  readonly timers = new Set<object>();
  /** Whether the feed has told of the block of which the answers are. */
  isNewsThere = true;

  constructor(used: number, issued: number, kept: Readonly<Record<string, string>> = {}) {
    this.book = new ScriptBook(keys, kept);
    this.view = new CoinView(this.book);
    for (let index = 0; index < used; index++) this.used.add(keys.key({ ...BRANCH, index }).scriptHash);
    const lookup: Lookup = {
      scripts: async (hashes) => {
        this.asked.push(hashes.length);
        this.onAsked();
        await new Promise((resolve) => setImmediate(resolve));
        return {
          tip: TIP,
          facts: new Map(hashes.map((hash) => [hash, this.used.has(hash) ? usedOnce(hash) : NO_FACTS])),
        };
      },
    };
    const feed = {
      ...{ tip: TIP, tipNumber: 1, passedAt: () => (this.isNewsThere ? 1 : undefined) },
      ...{ watch: () => undefined, unwatch: () => undefined, distrust: () => undefined },
    };
    let onKnown: () => void = () => undefined;
    this.known = new Promise((resolve) => {
      onKnown = resolve;
    });
    const { book, view } = this;
    this.sync = new WalletSync({
      ...{ book, view, feed, lookup, clock: this.#clock(), hasBonds: false },
      ...{ branches: () => [BRANCH], gap: () => GAP, nextIndex: () => issued },
      onChange: () => onKnown(),
    });
  }

  #clock(): Clock {
    const { timers } = this;
    return {
      now: () => systemClock.now(),
      monotonicMs: () => systemClock.monotonicMs(),
      after(delayMs, run) {
        const timer = systemClock.after(delayMs, () => {
          timers.delete(timer);
          run();
        });
        timers.add(timer);
        return {
          cancel: () => {
            timers.delete(timer);
            timer.cancel();
          },
        };
      },
    };
  }
}

describe("a wallet of many addresses", () => {
  it("leaves the process free while it derives and asks, and tells how many of how many it has looked up", async () => {
    const many = new ManyAddresses(600, 600);
    const told: (readonly [lookedUp: number, scripts: number])[] = [];
    let turns = 0;
    let isOver = false;
    const turn = () => {
      turns++;
      told.push([many.sync.lookedUp, many.sync.scripts]);
      if (!isOver) setImmediate(turn);
    };

    many.sync.start();
    expect(many.book.size).toBeLessThanOrEqual(32);
    setImmediate(turn);
    await many.known;
    isOver = true;

    // 606 scripts in slices of 32.
    expect(turns).toBeGreaterThanOrEqual(18);
    expect(Math.max(...many.asked)).toBeLessThanOrEqual(500);
    expect(
      told.every(([lookedUp, scripts], i) => lookedUp <= scripts && lookedUp >= (told[i - 1]?.[0] ?? 0)),
    ).toBe(true);
    expect(told.map(([, scripts]) => scripts).every((scripts) => scripts === 606)).toBe(true);
    expect(new Set(told.map(([lookedUp]) => lookedUp)).size).toBeGreaterThan(2);
    expect([many.sync.lookedUp, many.sync.scripts, many.sync.progress]).toEqual([606, 606, 1]);
    expect(many.view.coins.size).toBe(600);
    await many.sync.stop();
  });

  it("finds them all in a few questions where nobody has told how many were given out", async () => {
    const many = new ManyAddresses(600, 0);
    many.sync.start();
    await many.known;
    await many.sync.stop();

    expect(many.view.coins.size).toBe(600);
    // Gap by gap it would be a hundred.
    expect(many.asked.length).toBeLessThan(30);
    expect(many.book.branch(BRANCH).length).toBeLessThan(600 * 1.3 + GAP);
  });

  it("ends where none was used for a gap, however far it looked ahead", async () => {
    const many = new ManyAddresses(0, 0);
    const far = keys.key({ ...BRANCH, index: GAP }).scriptHash;
    many.used.add(far);
    many.sync.start();
    await many.known;
    await many.sync.stop();

    expect(many.view.coins.size).toBe(0);
    expect(many.book.size).toBe(GAP);
  });

  it("derives nothing more once it is stopped in the middle", async () => {
    const many = new ManyAddresses(600, 600);
    const stopped = new Promise<void>((resolve) => {
      many.onAsked = () => {
        many.onAsked = () => undefined;
        void many.sync.stop().then(resolve);
      };
    });
    many.sync.start();
    await stopped;
    const { size } = many.book;

    expect(size).toBeGreaterThan(0);
    expect(size).toBeLessThan(606);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(many.book.size).toBe(size);
    expect(many.sync.isKnown).toBe(false);
  });

  it("leaves no timer behind however often it is woken while it waits for the news of a block", async () => {
    const many = new ManyAddresses(3, 3);
    many.isNewsThere = false;
    many.sync.start();
    for (let blocks = 0; blocks < 30; blocks++) {
      await waitFor("the wait for news", () => many.timers.size > 0);
      many.sync.tipChanged();
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(many.timers.size).toBeLessThanOrEqual(1);

    await many.sync.stop();
    expect(many.timers.size).toBe(0);
  });

  it("derives all again on a rescan: what a cache had wrong is right afterwards", async () => {
    const chunk = Buffer.alloc(CHUNK_KEYS * 33);
    for (let index = 0; index < CHUNK_KEYS; index++) {
      // The third is of another place.
      chunk.set(keys.publicKey({ ...BRANCH, index: index === 2 ? 9 : index }), index * 33);
    }
    const many = new ManyAddresses(3, 3, { "keys/0/0/0": chunk.toString("base64") });
    many.sync.start();
    await many.known;
    expect(many.view.coins.size).toBe(2);

    many.sync.rescan(0);
    await many.sync.settled();
    expect(many.view.coins.size).toBe(3);
    await many.sync.stop();
  });
});
