import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Randomness } from "../../../../bench/chain/randomness.ts";
import { p2wpkhScript } from "../../../../bitcoin/script/script.ts";
import { scriptHashOf } from "../../../../bitcoin/script/scripthash.ts";
import type { EventMeta } from "../../../../bus/bus.ts";
import { ScriptFilter } from "../../../../bus/contracts/mempool/script-filter.ts";
import type { MempoolChange } from "../../../../bus/contracts/mempool.ts";
import { silentLog } from "../../../../bus/fake.ts";
import { ManualClock } from "../../../../runtime/clock.ts";
import { Followed, operation, perform } from "../../../../tests/harness/mempool/followed.ts";
import { ModelNode } from "../../../../tests/harness/mempool/model-node.ts";
import { filterOf } from "../../../mempool/answers/script-filter.ts";
import { UnconfirmedFilter } from "./unconfirmed-filter.ts";

/** A moment of which the mempool has told: its block, and the scripts that something unconfirmed touches. */
interface Moment {
  readonly tipHash: string;
  readonly touched: ReadonlySet<string>;
}

interface Told {
  readonly change: MempoolChange;
  readonly meta: EventMeta;
  /** The moment that is told of in full with it. */
  readonly moment: number | undefined;
}

/** So many that most transactions bring one that nobody has used before. */
const SCRIPTS = Array.from({ length: 200 }, (_, i) => p2wpkhScript(new Uint8Array(20).fill(i)));
const SCRIPT_HASHES = SCRIPTS.map((script) => scriptHashOf(script));
/** Stands for outputs without a script to ask for. */
const UNUSED = "00".repeat(32);
const UNKNOWN = "5e".repeat(32);

/** The mempool's end and ours, with news and filters on their way between them. */
class Line {
  readonly clock = new ManualClock();
  readonly node: ModelNode;
  readonly followed: Followed;
  readonly filter: UnconfirmedFilter;
  readonly moments: Moment[] = [];
  /** News on their way, in their order. */
  readonly news: Told[] = [];
  /** The filter that was asked for, and made or not yet. */
  #asked:
    | { readonly answer: (bytes: Uint8Array) => void; made?: { moment: number; bytes: Uint8Array } }
    | undefined;
  /** Of which moment we know, by news or filter. */
  known = 0;
  #epoch = 1;
  #seq = 0;

  constructor(seed: number) {
    const random = new Randomness(seed);
    this.node = new ModelNode(() => random.fraction(), SCRIPTS);
    for (let i = 0; i < 5; i++) this.node.send();
    this.followed = new Followed(this.node, this.node);
    this.filter = new UnconfirmedFilter({
      fetch: () =>
        new Promise((answer) => {
          this.#asked = { answer };
        }),
      isHearing: () => true,
      clock: this.clock,
      log: silentLog(),
    });
  }

  async start(): Promise<void> {
    this.followed.start();
    await this.settle();
    this.filter.start();
    this.clock.advance(0);
  }

  /** The mempool comes level with the node and tells of it, in two parts. */
  async settle(): Promise<void> {
    await this.followed.settle(() => this.followed.follower.compare());
    const touched = new Set(
      this.node
        .modelTxs()
        .flatMap(({ spends, pays }) => [...spends, ...pays].map((of) => of?.scripthash ?? UNUSED)),
    );
    for (const change of this.followed.told.splice(0)) {
      this.moments.push({ tipHash: this.node.tip.hash, touched });
      const half = (change.touched?.length ?? 0) >>> 1;
      const pieces = [change.touched?.slice(0, half) ?? null, change.touched?.slice(half) ?? null];
      pieces.forEach((piece, part) => {
        const meta = {
          instance: "main",
          key: undefined,
          epoch: String(this.#epoch),
          seq: ++this.#seq,
          previous: 0,
        };
        const moment = part === 1 ? this.moments.length - 1 : undefined;
        this.news.push({ change: { ...change, touched: piece, part, parts: 2 }, meta, moment });
      });
    }
  }

  /** The next publisher numbers its news anew. */
  beginAnew(): void {
    this.#epoch += 1;
    this.#seq = 0;
  }

  hear(isLost: boolean): void {
    const told = this.news.shift();
    if (told === undefined) return;
    // Who listens for us notices a lost message at the next one; then everything is old.
    if (isLost) {
      this.known = Math.max(this.known, told.moment ?? 0);
      return this.filter.everythingTouched();
    }
    this.filter.viewChanged(told.change, told.meta);
    this.known = Math.max(this.known, told.moment ?? 0);
  }

  /** The mempool answers. The answer is on its way, as is the news of before and after it. */
  async make(): Promise<void> {
    if (this.#asked === undefined || this.#asked.made !== undefined) return;
    const place = { epoch: String(this.#epoch), seq: this.#seq };
    this.#asked.made = { moment: this.moments.length - 1, bytes: await filterOf(this.followed.view, place) };
  }

  async receive(): Promise<void> {
    await this.make();
    const asked = this.#asked;
    if (asked?.made === undefined) return;
    this.#asked = undefined;
    asked.answer(asked.made.bytes);
    await new Promise((resolve) => setImmediate(resolve));
    this.known = Math.max(this.known, asked.made.moment);
  }

  /** Whatever it denies is true of the moment that we know of. */
  expectNothingMissed(): void {
    const { tipHash, touched } = this.moments[this.known] as Moment;
    const tips = new Set(this.moments.map((moment) => moment.tipHash));
    for (const tip of tips) {
      for (const scripthash of [...SCRIPT_HASHES, UNKNOWN]) {
        if (!this.filter.hasNothingOf([scripthash], tip)) continue;
        expect([tip, touched.has(scripthash)]).toEqual([tipHash, false]);
      }
    }
  }
}

const anyStep = fc.oneof(
  { weight: 10, arbitrary: operation },
  { weight: 16, arbitrary: fc.constant({ kind: "hear" as const, count: 0 }) },
  { weight: 5, arbitrary: fc.constant({ kind: "receive" as const, count: 0 }) },
  { weight: 5, arbitrary: fc.constant({ kind: "make" as const, count: 0 }) },
  { weight: 5, arbitrary: fc.constant({ kind: "wait" as const, count: 0 }) },
  { weight: 1, arbitrary: fc.constant({ kind: "lose" as const, count: 0 }) },
  { weight: 1, arbitrary: fc.constant({ kind: "anew" as const, count: 0 }) },
);

describe("the filter of unconfirmed scripts", () => {
  it("never denies what the mempool had when it was last heard of, whatever is lost, late or begun anew", async () => {
    let denials = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.integer(),
        fc.array(anyStep, { minLength: 5, maxLength: 60 }),
        async (seed, steps) => {
          const line = new Line(seed);
          const random = new Randomness(seed + 1);
          await line.start();
          for (const step of steps) {
            if (step.kind === "hear" || step.kind === "lose") line.hear(step.kind === "lose");
            else if (step.kind === "receive") await line.receive();
            else if (step.kind === "make") await line.make();
            else if (step.kind === "anew") line.beginAnew();
            else if (step.kind === "wait") line.clock.advance(1_000);
            else {
              perform(line.node, step, random);
              await line.settle();
            }
            line.expectNothingMissed();
          }
          // Once all has come it knows: what nobody has ever used is denied, for the block on which the mempool stands.
          for (let tries = 0; tries < 4; tries++) {
            while (line.news.length > 0) line.hear(false);
            line.clock.advance(1_000);
            await line.receive();
          }
          line.expectNothingMissed();
          expect(line.filter.hasNothingOf([UNKNOWN], line.node.tip.hash)).toBe(true);
          const held = line.node.modelTxs().flatMap(({ pays }) => pays.map((of) => of?.scripthash ?? UNUSED));
          for (const scripthash of held.filter((hash) => hash !== UNUSED)) {
            expect(line.filter.hasNothingOf([UNKNOWN, scripthash], line.node.tip.hash)).toBe(false);
          }
          denials += SCRIPT_HASHES.filter((hash) =>
            line.filter.hasNothingOf([hash], line.node.tip.hash),
          ).length;
          line.filter.stop();
          await line.followed.stop();
        },
      ),
      { numRuns: 60 },
    );
    expect(denials).toBeGreaterThan(0);
  }, 120_000);

  it("is of a new block only when all parts of its news have come", async () => {
    const [older, newer] = ["11".repeat(32), "22".repeat(32)];
    const [first, second] = SCRIPT_HASHES as string[] as [string, string];
    const clock = new ManualClock();
    const filter = new UnconfirmedFilter({
      fetch: async () => ScriptFilter.for(1).packed({ epoch: "e", seq: 4, tipHash: older }),
      isHearing: () => true,
      clock,
      log: silentLog(),
    });
    const tell = (part: number, touched: string[], seq: number) =>
      filter.viewChanged(
        {
          ...{
            view: { tip: { height: 2, hash: newer }, isSynced: true },
            added: [],
            removed: [],
            outpoints: [],
          },
          ...{ touched, part, parts: 2 },
        },
        { instance: "main", key: undefined, epoch: "e", seq, previous: seq - 1 },
      );
    const denied = (tip: string) => [first, second, UNKNOWN].map((hash) => filter.hasNothingOf([hash], tip));
    filter.start();
    clock.advance(0);
    await new Promise((resolve) => setImmediate(resolve));

    expect([denied(older), denied(newer)]).toEqual([
      [true, true, true],
      [false, false, false],
    ]);
    tell(0, [first], 5);
    expect([denied(older), denied(newer)]).toEqual([
      [false, true, true],
      [false, false, false],
    ]);
    tell(1, [second], 6);
    expect([denied(older), denied(newer)]).toEqual([
      [false, false, false],
      [false, false, true],
    ]);
  });

  it("denies nothing while news cannot reach it, or when it is given nonsense", async () => {
    const tip = "11".repeat(32);
    const clock = new ManualClock();
    let isHearing = true;
    let reply: Uint8Array = ScriptFilter.for(1).packed({ epoch: "e", seq: 4, tipHash: tip });
    const filter = new UnconfirmedFilter({
      fetch: async () => reply,
      isHearing: () => isHearing,
      clock,
      log: silentLog(),
    });
    const fetched = async () => {
      clock.advance(1_000);
      await new Promise((resolve) => setImmediate(resolve));
    };
    filter.start();
    await fetched();
    expect(filter.hasNothingOf([UNKNOWN], tip)).toBe(true);

    isHearing = false;
    expect(filter.hasNothingOf([UNKNOWN], tip)).toBe(false);
    isHearing = true;
    filter.everythingTouched();
    reply = reply.subarray(1);
    await fetched();
    expect(filter.hasNothingOf([UNKNOWN], tip)).toBe(false);
    reply = ScriptFilter.for(1).packed({ epoch: "e", seq: 5, tipHash: null });
    await fetched();
    expect(filter.hasNothingOf([UNKNOWN], tip)).toBe(false);
  });
});
