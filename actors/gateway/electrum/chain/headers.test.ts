import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Headers, type HeadersOptions } from "./headers.ts";

interface Asked {
  readonly height: number;
  readonly count: number;
  readonly checkpointHeight?: number;
}

/** Of an index whose chain can grow and turn back; branch and height stand in each header. */
class Chain {
  readonly headers: string[] = [];
  /** From which heights on. */
  readonly asked: number[] = [];

  grow(count: number, branch: number): void {
    for (let i = 0; i < count; i++) {
      this.headers.push(`${branch}`.padEnd(80, "a") + `${this.headers.length}`.padStart(80, "b"));
    }
  }

  turnBackTo(height: number): void {
    this.headers.length = height;
  }

  get parts(): HeadersOptions {
    const indexer = {
      headers: async ({ height, count, checkpointHeight }: Asked) => {
        this.asked.push(height);
        const some = this.headers.slice(height, height + count);
        const proof = { root: this.headers.slice(0, (checkpointHeight ?? -1) + 1).join(), branch: [] };
        return {
          count: some.length,
          hex: some.join(""),
          ...(checkpointHeight === undefined ? {} : { proof }),
        };
      },
    };
    const chain = this;
    const feed = {
      get tip() {
        return { height: chain.headers.length - 1, hash: "", header: chain.headers.at(-1) };
      },
    };
    return { indexer, feed } as unknown as HeadersOptions;
  }
}

describe("runs of headers", () => {
  it("are those of the chain in either form, however it has grown and turned back", async () => {
    const length = fc.integer({ min: 0, max: 900 });
    const step = fc.oneof(
      fc.record({ kind: fc.constant("grow" as const), count: fc.integer({ min: 1, max: 600 }) }),
      fc.record({ kind: fc.constant("turn" as const), count: fc.integer({ min: 1, max: 300 }) }),
      fc.record({ kind: fc.constant("ask" as const), height: length, count: length }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 20 }), async (steps) => {
        const chain = new Chain();
        chain.grow(300, 0);
        const headers = new Headers(chain.parts);
        for (const [branch, does] of steps.entries()) {
          if (does.kind === "grow") chain.grow(does.count, branch);
          else if (does.kind === "turn") {
            chain.turnBackTo(Math.max(1, chain.headers.length - does.count));
            headers.turnedBackTo(chain.headers.length);
          } else {
            const expected = chain.headers.slice(does.height, does.height + does.count);
            const run = await headers.run(does.height, does.count);
            expect(run).toEqual({ count: expected.length, hex: expected.join("") });
            const { count, parts } = await headers.listed(does.height, does.count);
            expect(count).toBe(expected.length);
            const checkpointHeight = chain.headers.length - 1 - (does.count % 3);
            const proved = await headers.proved(does.height % 5, 1, checkpointHeight);
            // What the fake calls a root are all headers that it is of.
            expect(proved.proof?.root).toBe(chain.headers.slice(0, checkpointHeight + 1).join());
            expect(JSON.parse(`[${Buffer.concat(parts).toString()}]`)).toEqual(expected);
          }
        }
      }),
      { numRuns: 150 },
    );
  });

  it("of heights that no chain has are none, and cost nothing when the chain turns back", async () => {
    const chain = new Chain();
    chain.grow(300, 0);
    const headers = new Headers(chain.parts);
    for (const height of [300, 100_000_000, 10_000_000_000, Number.MAX_SAFE_INTEGER]) {
      expect(await headers.run(height, 10)).toEqual({ count: 0, hex: "" });
      expect(await headers.listed(height, 10)).toEqual({ count: 0, parts: [] });
      expect(await headers.at(height)).toBeUndefined();
    }
    // The index takes no such height for a question.
    expect(Math.max(...chain.asked)).toBeLessThan(1_000);
    chain.turnBackTo(200);
    chain.grow(50, 1);
    headers.turnedBackTo(200);

    expect(await headers.run(190, 100)).toEqual({ count: 60, hex: chain.headers.slice(190).join("") });
  });

  it("that were asked for before the chain turned back are not kept when they come", async () => {
    const chain = new Chain();
    chain.grow(300, 0);
    const headers = new Headers(chain.parts);
    const coming = headers.run(0, 300);
    chain.turnBackTo(100);
    chain.grow(250, 1);
    headers.turnedBackTo(100);
    await coming;

    expect(await headers.run(0, 350)).toEqual({ count: 350, hex: chain.headers.join("") });
  });
});
