import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ManualClock } from "./clock.ts";
import { BoundedQueue, Gate, TokenBucket, withDeadline } from "./limits.ts";

describe("a bounded queue", () => {
  it("behaves as a list that refuses what is beyond its bound", () => {
    const steps = fc.array(
      fc.oneof(
        { weight: 3, arbitrary: fc.integer() },
        { weight: 2, arbitrary: fc.constantFrom("shift", "clear" as const) },
      ),
    );
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 6 }), steps, (lengthMax, all) => {
        const queue = new BoundedQueue<number>(lengthMax);
        let model: number[] = [];
        for (const step of all) {
          if (step === "shift") expect(queue.shift()).toBe(model.shift());
          else if (step === "clear") {
            queue.clear();
            model = [];
          } else {
            expect(queue.push(step)).toBe(model.length < lengthMax);
            if (model.length < lengthMax) model.push(step);
          }
          expect([queue.length, queue.isFull, queue.peek()]).toEqual([
            model.length,
            model.length === lengthMax,
            model[0],
          ]);
        }
      }),
    );
  });

  it.each([0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY])("cannot have the bound %s", (lengthMax) => {
    expect(() => new BoundedQueue(lengthMax)).toThrow(RangeError);
  });
});

describe("a gate", () => {
  it("never lets more run or wait than it may, keeps the order, and loses nobody", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 4 }),
        fc.integer({ min: 0, max: 4 }),
        fc.array(fc.constantFrom("enter", "finish", "fail", "abort"), { maxLength: 40 }),
        async (concurrency, waitingMax, steps) => {
          const gate = new Gate({ concurrency, waitingMax });
          const running = new Map<number, { resolve: () => void; reject: (error: Error) => void }>();
          const started: number[] = [];
          const waiting: { id: number; controller: AbortController }[] = [];
          const outcomes: Promise<string>[] = [];
          let refused = 0;
          for (const [id, step] of steps.entries()) {
            const oldest = [...running][0];
            if (step === "enter") {
              const controller = new AbortController();
              const isWaiting = gate.running === concurrency;
              const isRefused = isWaiting && gate.waiting === waitingMax;
              if (isRefused) refused++;
              else if (isWaiting) waiting.push({ id, controller });
              const task = () => {
                started.push(id);
                return new Promise<void>((resolve, reject) => running.set(id, { resolve, reject }));
              };
              outcomes.push(
                gate.run(task, controller.signal).then(
                  () => "done",
                  (error: Error & { code?: string }) => error.code ?? error.name,
                ),
              );
            } else if (step === "abort") {
              waiting.splice(0, 1)[0]?.controller.abort();
            } else if (oldest !== undefined) {
              running.delete(oldest[0]);
              const next = waiting.shift();
              if (step === "finish") oldest[1].resolve();
              else oldest[1].reject(new TypeError("failed"));
              await new Promise(setImmediate);
              if (next !== undefined) expect(started.at(-1)).toBe(next.id);
            }
            await new Promise(setImmediate);
            expect(gate.running).toBe(running.size);
            expect(gate.running).toBeLessThanOrEqual(concurrency);
            expect(gate.waiting).toBe(waiting.length);
          }
          while (running.size > 0) {
            for (const [id, task] of [...running]) {
              running.delete(id);
              task.resolve();
            }
            await new Promise(setImmediate);
          }
          const settled = await Promise.all(outcomes);
          expect(settled.filter((outcome) => outcome === "RUNTIME_QUEUE_FULL")).toHaveLength(refused);
          expect([gate.running, gate.waiting]).toEqual([0, 0]);
        },
      ),
      { numRuns: 60 },
    );
  });

  it("does not run for somebody who has gone before the call", async () => {
    const gate = new Gate({ concurrency: 1, waitingMax: 1 });
    let hasRun = false;

    await expect(
      gate.run(
        () => {
          hasRun = true;
        },
        AbortSignal.abort(new Error("gone")),
      ),
    ).rejects.toThrow("gone");

    expect(hasRun).toBe(false);
    expect(gate.running).toBe(0);
  });
});

describe("a token bucket", () => {
  it("never gives more in any stretch of time than its burst and its rate", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 10 }),
        fc.integer({ min: 0, max: 50 }),
        fc.array(
          fc.record({ afterMs: fc.integer({ min: 0, max: 500 }), count: fc.integer({ min: 1, max: 3 }) }),
          { maxLength: 60 },
        ),
        (burst, perSecond, asked) => {
          const clock = new ManualClock();
          const bucket = new TokenBucket({ clock, burst, perSecond });
          const given: { atMs: number; count: number }[] = [];
          for (const { afterMs, count } of asked) {
            clock.advance(afterMs);
            const waitMs = bucket.waitMs(count);
            const isGiven = bucket.take(count);
            expect(isGiven).toBe(waitMs === 0);
            if (isGiven) given.push({ atMs: clock.monotonicMs(), count });
          }
          for (const [first, start] of given.entries()) {
            let sum = 0;
            for (const each of given.slice(first)) {
              sum += each.count;
              expect(sum).toBeLessThanOrEqual(burst + ((each.atMs - start.atMs) / 1000) * perSecond + 1e-6);
            }
          }
        },
      ),
    );
  });

  it("gives after the wait that it has named", () => {
    const clock = new ManualClock();
    const bucket = new TokenBucket({ clock, burst: 2, perSecond: 4 });
    expect(bucket.take(2)).toBe(true);

    expect(bucket.waitMs()).toBe(250);
    clock.advance(249);
    expect(bucket.take()).toBe(false);
    clock.advance(1);

    expect(bucket.take()).toBe(true);
    expect(bucket.waitMs(3)).toBe(Number.POSITIVE_INFINITY);
  });
});

describe("a deadline", () => {
  it("passes on what comes in time, and holds no timer afterwards", async () => {
    const clock = new ManualClock();

    await expect(withDeadline(clock, Promise.resolve(7), 10)).resolves.toBe(7);
    await expect(withDeadline(clock, Promise.reject(new Error("no")), 10)).rejects.toThrow("no");
    clock.advance(100);
  });

  it("rejects when nothing comes, and a late failure harms nobody", async () => {
    const clock = new ManualClock();
    let fail: (error: Error) => void = () => undefined;
    const work = new Promise<never>((_, reject) => {
      fail = reject;
    });

    const waiting = withDeadline(clock, work, 10);
    clock.advance(10);

    await expect(waiting).rejects.toMatchObject({ code: "RUNTIME_DEADLINE", data: { timeoutMs: 10 } });
    fail(new Error("late"));
    await new Promise(setImmediate);
  });

  it("rejects with the error that the caller makes", async () => {
    const clock = new ManualClock();

    const waiting = withDeadline(
      clock,
      new Promise(() => undefined),
      10,
      () => new Error("the node is slow"),
    );
    clock.advance(10);

    await expect(waiting).rejects.toThrow("the node is slow");
  });
});
